//! The cluster around a controller, and what may happen there.

use serde_json::Value;

use crate::Process;
use crate::objects::Objects;

/// The cluster around a controller, and what may happen there.
pub trait Scene {
    /// A process of the controller.
    type Process: Process;
    /// What may happen.
    type Step: Copy;

    /// How many pods more than in a calm life there may be.
    const MORE_PODS: usize = 0;
    /// Fields that differ from life to life.
    const LEFT_OUT: &'static [&'static str] = &[];

    /// What is there before a story begins.
    fn begin(objects: &mut Objects);

    /// Whether a step is part of what is there before the controller starts.
    fn is_before(step: Self::Step) -> bool;

    /// A step happens.
    fn happens(step: Self::Step, objects: &mut Objects);

    /// What Kubernetes' own controllers, the scheduler and kubelet do when they look; nothing where nothing is to do.
    fn work(objects: &mut Objects);

    /// Why the API server would not have an object as it would be after a write, in its own words: by a quota, or validation.
    fn refusal(objects: &Objects, kind: &str, object: &Value) -> Option<String>;

    /// Makes a text alike that differs from life to life.
    fn forget(_text: &mut String) {}
}
