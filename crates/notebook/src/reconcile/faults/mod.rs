//! Every request of every story fails once, in every way, and in the end all is as if none had.
//!
//! The faults are put into the requests as they come, so a write that is added to a plan is covered without a new test.

mod world;

use carrel_api::vocabulary::{HEADERS_REQUEST_SET, REWRITE_URI};
use serde_json::json;

use super::*;
use world::{Fault, When, World};

#[derive(Clone, Copy)]
enum Step {
    Nothing,
    Image(&'static str),
    Stop,
    Start,
    Request(&'static str),
    OpenDataHub,
    Label,
    /// What the route must do.
    Rewrite(Option<&'static str>),
    /// A word on the route that can't be followed.
    BadHeaders,
    Drift,
    Vanish,
    Full,
    Room,
    Kubeflow,
}

impl Step {
    fn happens(self, world: &mut World) {
        let annotate = |key: &str, value: Option<&str>| json!({"metadata": {"annotations": {key: value}}});
        match self {
            Self::Nothing => {}
            Self::Image(image) => world
                .owner(&json!({"spec": {"template": {"spec": {"containers": [{"name": "iris", "image": image}]}}}})),
            Self::Stop => world.owner(&annotate("kubeflow-resource-stopped", Some("now"))),
            Self::Start => world.owner(&annotate("kubeflow-resource-stopped", None)),
            Self::Request(name) => world.owner(&annotate(RESTART_REQUESTED, Some(name))),
            Self::OpenDataHub => world.owner(&annotate(ODH_RESTART, Some("true"))),
            Self::Label => world.owner(&json!({"metadata": {"labels": {"new": "label"}}})),
            Self::Rewrite(to) => world.owner(&annotate(REWRITE_URI, to)),
            Self::BadHeaders => world.owner(&annotate(HEADERS_REQUEST_SET, Some("{"))),
            Self::Drift => {
                world.change("virtualservices", &json!({"spec": {"hosts": ["elsewhere"]}}));
                world.change("services", &json!({"spec": {"selector": {"statefulset": "another"}}}));
                world.change("statefulsets", &json!({"spec": {"replicas": 3}}));
            }
            Self::Vanish => {
                world.remove("virtualservices");
                world.remove("services");
                world.remove("statefulsets");
            }
            Self::Full => world.quota(1),
            Self::Room => world.quota(0),
            Self::Kubeflow => world.as_kubeflow_left_it(),
        }
    }
}

/// Lives a story with at most one fault. What is there in the end, how many pods there were, and how many requests.
async fn live(story: &[Step], fault: Option<(usize, Fault, When)>) -> (serde_json::Value, usize, usize) {
    let mut world = World::new(fault);
    if !matches!(story.first(), Some(Step::Kubeflow)) {
        world.rest().await;
    }
    for step in story {
        step.happens(&mut world);
        world.rest().await;
    }
    (world.picture(), world.pods(), world.requests())
}

/// Lives a story again and again, each time with another request that fails in another way.
async fn any_request_may_fail_once(story: &[Step]) {
    let (picture, pods, requests) = live(story, None).await;
    let mut cases = 0;
    for at in 0..requests {
        for fault in Fault::ALL {
            for &when in fault.moments() {
                let (found, found_pods, _) = live(story, Some((at, *fault, when))).await;
                assert_eq!(found, picture, "request {at} fails by {fault:?}, {when:?}");
                assert_eq!(found_pods, pods, "request {at} fails by {fault:?}, {when:?}: pods");
                cases += 1;
            }
        }
    }
    println!("{cases} cases");
    assert!(cases >= 30, "a story of {requests} requests is none");
}

/// A test a story: what an owner, or somebody, does, step by step; the world comes to rest after each.
macro_rules! stories {
    ($($name:ident: $steps:expr,)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                any_request_may_fail_once(&$steps).await;
            }
        )*
    };
}

stories! {
    a_first_start: [Step::Nothing],
    edits: [Step::Image("newer"), Step::Image("newest")],
    a_stop_and_a_start: [Step::Stop, Step::Start],
    requests_for_a_restart: [Step::Request("1"), Step::Request("2")],
    a_request_by_open_data_hub: [Step::OpenDataHub],
    a_label_that_waits_for_a_restart: [Step::Label, Step::Request("1")],
    another_word_on_the_route: [Step::Rewrite(Some("/")), Step::Rewrite(None)],
    a_word_on_the_route_that_is_not_followed: [Step::BadHeaders, Step::Drift],
    drift_of_all_children: [Step::Drift],
    children_that_vanish: [Step::Vanish],
    a_start_that_waits_for_room: [Step::Stop, Step::Full, Step::Start, Step::Room],
    a_takeover_from_kubeflow: [Step::Kubeflow, Step::Image("newer")],
}
