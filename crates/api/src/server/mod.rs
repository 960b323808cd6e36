//! What is said of every server that Carrel runs for somebody: a notebook, a TensorBoard, a file viewer. One set of words
//! for all, so that whoever knows one knows the others.

mod condition;
mod reason;
mod said;

pub use condition::{
    ACTIVITY_UNKNOWN, Condition, DISRUPTION_PENDING, NOT_PROTECTED, READY, ROUTED, STOP_PENDING, STOPPED, WISH_REFUSED,
};
pub use reason::{Phase, Reason};
pub use said::Said;
pub(crate) use said::schema;
