//! Every request of every story fails once, in every way; caches are late, and watches miss and repeat; clocks jump. In the
//! end all is as if nothing had.
//!
//! The faults are put into requests and events as they come, so a write that is added to a plan is covered without a new test.

mod caches;
mod server;
mod world;

use carrel_api::vocabulary::{HEADERS_REQUEST_SET, REWRITE_URI};
use serde_json::json;

use super::*;
use caches::{KINDS, Watches};
use server::{Fault, ROUTES, SERVICES, SETS};
use world::{Trouble, World};

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
    /// Each child is deleted and made again by somebody, at once.
    Replaced,
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
                world.change(ROUTES, &json!({"spec": {"hosts": ["elsewhere"]}}));
                world.change(SERVICES, &json!({"spec": {"selector": {"statefulset": "another"}}}));
                world.change(SETS, &json!({"spec": {"replicas": 3}}));
            }
            Self::Vanish => {
                world.remove(ROUTES);
                world.remove(SERVICES);
                world.remove(SETS);
            }
            Self::Replaced => [ROUTES, SERVICES, SETS].into_iter().for_each(|kind| world.replace(kind)),
            Self::Full => world.quota(1),
            Self::Room => world.quota(0),
            Self::Kubeflow => world.as_kubeflow_left_it(),
        }
    }
}

/// What became of a story.
#[derive(Debug)]
struct Life {
    /// What is there in the end.
    picture: serde_json::Value,
    /// How many pods there were.
    pods: usize,
    requests: usize,
    events: usize,
}

/// Lives a story, whatever goes wrong in it.
async fn live(story: &[Step], trouble: &Trouble) -> Life {
    let mut world = World::new(trouble.clone()).await;
    if !matches!(story.first(), Some(Step::Kubeflow)) {
        world.rest().await;
    }
    for step in story {
        step.happens(&mut world);
        world.rest().await;
    }
    Life { picture: world.picture(), pods: world.pods(), requests: world.requests(), events: world.events() }
}

/// Lives a story again with each of the troubles, and finds the same in the end. How many requests it may take more.
async fn ends_alike(story: &[Step], calm: &Life, troubles: Vec<Trouble>, more: usize) -> usize {
    // The edit-test loop lives every so many of them, from another one on in each story.
    let apart =
        std::env::var("CARREL_FAULTS_APART").ok().and_then(|apart| apart.parse().ok()).unwrap_or(1_usize).max(1);
    let troubles: Vec<_> = troubles.into_iter().skip(calm.requests % apart).step_by(apart).collect();
    let cases = troubles.len();
    for trouble in troubles {
        let life = live(story, &trouble).await;
        assert!(life.picture == calm.picture, "{trouble:?} {}", json_patch::diff(&calm.picture, &life.picture));
        assert_eq!(life.pods, calm.pods, "pods: {trouble:?}");
        let most = calm.requests + more;
        assert!(life.requests <= most, "{} requests in the place of {}: {trouble:?}", life.requests, calm.requests);
    }
    cases
}

/// Each request of a story fails in each way; and from each on, the API server is away for half a minute.
async fn any_request_may_fail_once(story: &[Step]) {
    let calm = live(story, &Trouble::default()).await;
    let mut troubles = Vec::new();
    for at in 0..calm.requests {
        troubles.push(Trouble { away: Some(at), ..Trouble::default() });
        for fault in Fault::ALL {
            let one = |when: &_| Trouble { request: Some((at, *fault, *when)), ..Trouble::default() };
            troubles.extend(fault.moments().iter().map(one));
        }
    }
    let cases = ends_alike(story, &calm, troubles, 30).await;
    println!("{cases} cases of requests");
    assert!(calm.requests >= 3, "a story of {} requests is none", calm.requests);
}

/// Each event of a story is missed, or is where a watch breaks; caches of each kind are late; and the clock jumps.
async fn watches_may_be_late_repeat_and_miss(story: &[Step]) {
    let calm = live(story, &Trouble::default()).await;
    let of = |watches: Watches| Trouble { watches, ..Trouble::default() };
    let mut troubles =
        vec![of(Watches { twice: true, ..Watches::default() }), Trouble { clock_steps: true, ..Trouble::default() }];
    for at in 0..calm.events {
        troubles.push(of(Watches { missed: Some(at), ..Watches::default() }));
        troubles.push(of(Watches { down: Some(at), ..Watches::default() }));
    }
    // Every kind is up to date, one change behind, or far behind, on its own.
    let each = 3_usize.pow(u32::try_from(KINDS.len()).unwrap());
    for lags in (1..each).step_by(LAGS_APART) {
        let digit = |at: usize| [0, 1, 9][lags / 3_usize.pow(u32::try_from(at).unwrap()) % 3];
        let lag = KINDS.iter().enumerate().map(|(at, kind)| (*kind, digit(at))).collect();
        troubles.push(of(Watches { lag, ..Watches::default() }));
    }
    let cases = ends_alike(story, &calm, troubles, 30).await;
    println!("{cases} cases of watches and clocks");
}

/// Of the ways in which caches may be behind, every so many is lived: a number without a factor in common with their count.
const LAGS_APART: usize = 25;

/// Two tests a story: what an owner, or somebody, does, step by step; the world comes to rest after each.
macro_rules! stories {
    ($($name:ident: $steps:expr,)*) => {
        $(
            mod $name {
                use super::*;

                #[tokio::test(start_paused = true)]
                async fn whatever_request_fails() {
                    any_request_may_fail_once(&$steps).await;
                }

                #[tokio::test(start_paused = true)]
                async fn however_watches_fail() {
                    watches_may_be_late_repeat_and_miss(&$steps).await;
                }
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
    children_that_are_replaced: [Step::Replaced],
    a_start_that_waits_for_room: [Step::Stop, Step::Full, Step::Start, Step::Room],
    a_takeover_from_kubeflow: [Step::Kubeflow, Step::Image("newer")],
}
