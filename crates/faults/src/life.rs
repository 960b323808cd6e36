//! Lives of a story: a calm one, and one with each trouble.

use serde_json::Value;

use crate::process::Process;
use crate::scene::Scene;
use crate::trouble::{Fault, Trouble, Watches};
use crate::world::World;

/// What became of a story.
#[derive(Debug)]
struct Life {
    /// What is there in the end.
    picture: Value,
    /// How many pods there were.
    pods: usize,
    /// How many claims went, with their data.
    lost: usize,
    requests: usize,
    events: usize,
}

/// How many requests more than in a calm life there may be.
const MORE_REQUESTS: usize = 30;

/// Lives a story, whatever goes wrong in it.
async fn live<S: Scene>(story: &[S::Step], trouble: Trouble) -> Life {
    let (before, steps) = story.split_at(story.iter().take_while(|step| S::is_before(**step)).count());
    let mut world = World::<S>::new(trouble, before).await;
    world.rest().await;
    for step in steps {
        S::happens(*step, &mut world.server().objects);
        world.rest().await;
    }
    let picture = world.picture();
    let server = world.server();
    let objects = &server.objects;
    Life {
        picture,
        pods: objects.made("pods"),
        lost: objects.gone("persistentvolumeclaims"),
        requests: server.requests,
        events: objects.log.len(),
    }
}

/// Lives a story again with each of the troubles, and finds the same in the end.
async fn ends_alike<S: Scene>(story: &[S::Step], calm: &Life, troubles: Vec<Trouble>) -> usize {
    // The edit-test loop lives every so many of them, from another one on in each story.
    let apart =
        std::env::var("CARREL_FAULTS_APART").ok().and_then(|apart| apart.parse().ok()).unwrap_or(1_usize).max(1);
    let troubles: Vec<_> = troubles.into_iter().skip(calm.requests % apart).step_by(apart).collect();
    let cases = troubles.len();
    for trouble in troubles {
        let life = live::<S>(story, trouble.clone()).await;
        assert!(life.picture == calm.picture, "{trouble:?} {}", json_patch::diff(&calm.picture, &life.picture));
        let pods = calm.pods..=calm.pods + S::MORE_PODS;
        assert!(pods.contains(&life.pods), "{} pods in the place of {}: {trouble:?}", life.pods, calm.pods);
        assert_eq!(life.lost, calm.lost, "claims that went with their data: {trouble:?}");
        let most = calm.requests + MORE_REQUESTS;
        assert!(life.requests <= most, "{} requests in the place of {}: {trouble:?}", life.requests, calm.requests);
    }
    cases
}

/// Each request of a story fails in each way; and from each on, the API server is away for half a minute.
pub async fn any_request_may_fail_once<S: Scene>(story: &[S::Step]) {
    let calm = live::<S>(story, Trouble::default()).await;
    let mut troubles = Vec::new();
    for at in 0..calm.requests {
        troubles.push(Trouble { away: Some(at), ..Trouble::default() });
        for fault in Fault::ALL {
            let one = |when: &_| Trouble { request: Some((at, *fault, *when)), ..Trouble::default() };
            troubles.extend(fault.moments().iter().map(one));
        }
    }
    let cases = ends_alike::<S>(story, &calm, troubles).await;
    println!("{cases} cases of requests");
    assert!(calm.requests >= 3, "a story of {} requests is none", calm.requests);
}

/// Each event of a story is missed, or is where a watch breaks; caches of each kind are late; and the clock jumps.
pub async fn watches_may_be_late_repeat_and_miss<S: Scene>(story: &[S::Step]) {
    let calm = live::<S>(story, Trouble::default()).await;
    let of = |watches: Watches| Trouble { watches, ..Trouble::default() };
    let mut troubles =
        vec![of(Watches { twice: true, ..Watches::default() }), Trouble { clock_steps: true, ..Trouble::default() }];
    for at in 0..calm.events {
        troubles.push(of(Watches { missed: Some(at), ..Watches::default() }));
        troubles.push(of(Watches { down: Some(at), ..Watches::default() }));
    }
    // Every cache is up to date, one change behind, or far behind, on its own.
    let watches = S::Process::WATCHES;
    let each = 3_usize.pow(u32::try_from(watches.len()).unwrap());
    for lags in (1..each).step_by(apart(each)) {
        let digit = |at: usize| [0, 1, 9][lags / 3_usize.pow(u32::try_from(at).unwrap()) % 3];
        let lag = watches.iter().enumerate().map(|(at, watch)| (watch.name, digit(at))).collect();
        troubles.push(of(Watches { lag, ..Watches::default() }));
    }
    let cases = ends_alike::<S>(story, &calm, troubles).await;
    println!("{cases} cases of watches and clocks");
}

/// Of the ways in which caches may be behind, every so many is lived, which makes some thirty: a number without a factor in
/// common with their count.
fn apart(ways: usize) -> usize {
    let apart = (ways / 30).max(1);
    if apart.is_multiple_of(3) { apart + 1 } else { apart }
}
