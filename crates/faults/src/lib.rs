//! Every request of every story fails once, in every way; caches are late, and watches miss and repeat; clocks jump. In the
//! end all is as if nothing had.
//!
//! The faults are put into requests and events as they come, so a write that is added to a plan is covered without a new
//! test. A controller brings its [`Process`], as it is wired in production, and a [`Scene`]: the cluster around it and what may
//! happen there. Time is paused, and the API server is in memory.
// Only tests use it, and what is not as expected must stop them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::missing_panics_doc)]

mod caches;
mod life;
mod objects;
mod process;
mod scene;
mod serve;
mod server;
mod trouble;
mod world;

pub use caches::{Watch, give, is_ours};
pub use life::{any_request_may_fail_once, watches_may_be_late_repeat_and_miss};
pub use objects::{NAMESPACE, Objects};
pub use process::{Keys, Parts, Process};
pub use scene::Scene;
pub use trouble::{Fault, Trouble, Watches, When};

/// Two tests a story: what an owner, or somebody, does in a scene, step by step; the world comes to rest after each.
#[macro_export]
macro_rules! stories {
    ($scene:ty; $($name:ident: $steps:expr,)*) => {
        $(
            mod $name {
                use super::*;

                #[tokio::test(start_paused = true)]
                async fn whatever_request_fails() {
                    $crate::any_request_may_fail_once::<$scene>(&$steps).await;
                }

                #[tokio::test(start_paused = true)]
                async fn however_watches_fail() {
                    $crate::watches_may_be_late_repeat_and_miss::<$scene>(&$steps).await;
                }
            }
        )*
    };
}
