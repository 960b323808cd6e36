//! What holds for every Notebook that the CRD's schema lets through, sensible or odd, under every routing.

mod drift;
mod server;

use std::sync::Arc;

use carrel_api::notebook::{NotebookStatus, READY, Reason};
use carrel_api::testing::{Taste, any_metadata, any_notebook, any_spec};
use carrel_api::vocabulary::{ODH_RESTART, ON_STOP, RESTART_REQUESTED, STOPPED, UPDATE_POLICY};
use carrel_runtime::bounds::Limits;
use carrel_runtime::child::{Child, Owner};
use carrel_runtime::covers::{canonical, covers};
use carrel_server::route::{ObservedRoute, Route, Routing};
use carrel_server::slim_pod::SlimPod;
use carrel_server::surroundings::Surroundings;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::Settings;
use crate::children::Children;
use crate::observe::Observed;
use crate::plan::{Act, Cause, Plan, lint, plan};
use crate::resolve::resolve;
use crate::room::Judged;
use crate::status::{Outcome, status};
use crate::testing::{routing, story};
use server::stored;

fn notebook() -> impl Strategy<Value = Value> {
    prop_oneof![any_notebook(Taste::Odd), any_notebook(Taste::Plain)]
}

fn settings() -> impl Strategy<Value = Settings> {
    let routings = prop_oneof![Just(""), Just("istio"), Just("gateway"), Just("ingress")];
    (any::<bool>(), routings).prop_map(|(add_fs_group, name)| Settings { add_fs_group, routing: routing(name) })
}

/// A Notebook that nobody has looked at yet.
fn fresh(mut notebook: Value, settings: &Settings) -> Observed {
    json_patch::merge(&mut notebook, &json!({"metadata": {"namespace": "team-a", "uid": "n-1", "generation": 1}}));
    Observed {
        notebook: Arc::new(serde_json::from_value(notebook).unwrap()),
        status: NotebookStatus::default(),
        stateful_set: Child::Missing,
        service: Child::Missing,
        route: match &settings.routing {
            Routing::None => ObservedRoute::Off,
            Routing::Istio(_) => ObservedRoute::VirtualService(Child::Missing),
            Routing::Gateway(_) => ObservedRoute::HTTPRoute(Child::Missing),
            Routing::Ingress(_) => ObservedRoute::Ingress(Child::Missing),
        },
        pod: None,
        rejection: None,
        around: Surroundings::default(),
        limits: Limits::default(),
        judged: Judged::Not,
    }
}

fn child<K>(wanted: serde_json::Result<Value>, observed: &Observed) -> Child<K>
where
    K: kube::Resource<DynamicType = ()> + serde::de::DeserializeOwned,
{
    Child::of(
        Some(Arc::new(serde_json::from_value(stored(&wanted.unwrap())).unwrap())),
        Owner::of(observed.notebook.as_ref()),
    )
}

/// The same once its children are there as the API server stores them, with the pod of its StatefulSet.
fn settled(observed: &Observed, act: &Act) -> Observed {
    let Children { service, stateful_set, route } = &act.children;
    let mut set = stored(&serde_json::to_value(stateful_set).unwrap());
    json_patch::merge(
        &mut set,
        &json!({"metadata": {"uid": "s-1", "generation": 1}, "status": {"replicas": 1, "observedGeneration": 1}}),
    );
    let mut pod = json!({"metadata": set["spec"]["template"]["metadata"]});
    json_patch::merge(&mut pod, &json!({"metadata": {"name": "iris-0", "namespace": "team-a", "uid": "p-1"}}));
    let runs = stateful_set.spec.replicas == Some(1);
    Observed {
        stateful_set: Child::of(
            Some(Arc::new(serde_json::from_value(set).unwrap())),
            Owner::of(observed.notebook.as_ref()),
        ),
        service: child(serde_json::to_value(service), observed),
        route: match route {
            None => observed.route.clone(),
            Some(route @ Route::VirtualService(_)) => ObservedRoute::VirtualService(child(route.to_value(), observed)),
            Some(route @ Route::HTTPRoute(_)) => ObservedRoute::HTTPRoute(child(route.to_value(), observed)),
            Some(route @ Route::Ingress(_)) => ObservedRoute::Ingress(child(route.to_value(), observed)),
        },
        pod: runs.then(|| Arc::new(serde_json::from_value::<SlimPod>(pod).unwrap())),
        ..observed.clone()
    }
}

/// Each child as it is applied, and as the cache holds it.
fn pairs(act: &Act, live: &Observed) -> Vec<(Value, Value)> {
    let Children { service, stateful_set, route } = &act.children;
    let value = |child: Option<serde_json::Result<Value>>| child.unwrap().unwrap();
    let mut pairs = vec![
        (serde_json::to_value(service).unwrap(), value(live.service.ours().map(serde_json::to_value))),
        (serde_json::to_value(stateful_set).unwrap(), value(live.stateful_set.ours().map(serde_json::to_value))),
    ];
    if let Some(route) = route {
        let live = match &live.route {
            ObservedRoute::VirtualService(child) => child.ours().map(serde_json::to_value),
            ObservedRoute::HTTPRoute(child) => child.ours().map(serde_json::to_value),
            ObservedRoute::Ingress(child) => child.ours().map(serde_json::to_value),
            ObservedRoute::Off | ObservedRoute::ApiMissing => None,
        };
        pairs.push((route.to_value().unwrap(), value(live)));
    }
    pairs
}

fn planned(observed: &Observed, settings: &Settings) -> Plan {
    let plan = plan(observed, &resolve(observed, settings));
    assert_eq!(lint(observed, &plan), []);
    // It prints, too.
    assert!(!plan.to_string().is_empty());
    plan
}

fn act(plan: Plan) -> Option<Act> {
    if let Plan::Apply(act) = plan { Some(*act) } else { None }
}

fn annotation(notebook: &Value, key: &str) -> Option<String> {
    Some(notebook["metadata"]["annotations"].get(key)?.as_str()?.to_owned())
}

proptest! {
    // What fails is shrunk and printed whole, and becomes a test of its own.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_notebook_gives_children_or_a_refusal_and_a_status_that_rests(notebook in notebook(), settings in settings()) {
        let observed = fresh(notebook, &settings);
        let resolved = resolve(&observed, &settings);
        let plan = planned(&observed, &settings);
        prop_assert_eq!(resolved.is_err(), plan == Plan::Nothing);
        let at = Timestamp::UNIX_EPOCH;
        let first = status(&observed, &resolved, &plan, Outcome::default(), at);
        let reason = first.condition(READY).unwrap().reason.clone().unwrap();
        prop_assert!(serde_json::from_value::<Reason>(reason.clone().into()).is_ok(), "{}", reason);
        prop_assert_eq!(resolved.is_err(), reason == "InvalidSpec");
        // Whatever the clock does in between, and once it is stored.
        let kept: NotebookStatus = serde_json::from_value(serde_json::to_value(&first).unwrap()).unwrap();
        for hours in [5, -5] {
            let later = Observed { status: kept.clone(), ..observed.clone() };
            let at = at + SignedDuration::from_hours(hours);
            prop_assert_eq!(&status(&later, &resolved, &plan, Outcome::default(), at), &first);
        }
    }

    #[test]
    fn applying_twice_changes_nothing(notebook in notebook(), settings in settings()) {
        let observed = fresh(notebook, &settings);
        let Some(first) = act(planned(&observed, &settings)) else { return Ok(()) };
        let live = settled(&observed, &first);
        for (wanted, live) in pairs(&first, &live) {
            prop_assert_eq!(covers(&wanted, &live).map_err(|difference| difference.to_string()), Ok(()));
            prop_assert_eq!(covers(&wanted, &server::with_more(&live)).map_err(|difference| difference.to_string()), Ok(()));
        }
        let second = act(planned(&live, &settings)).unwrap();
        prop_assert_eq!(second, first);
    }

    /// What is not the owner's template, and not a request, restarts nothing: labels, annotations, an admin's settings.
    #[test]
    fn a_running_pod_ends_only_for_its_owner(
        notebook in notebook(),
        metadata in any_metadata(Just(String::new())),
        other_spec in prop::option::of(prop_oneof![any_spec(Taste::Odd), any_spec(Taste::Plain)]),
        before in settings(),
        after in settings(),
    ) {
        let mut first = notebook;
        // Nothing runs of one that is stopped, or whose request has no name yet.
        for key in [STOPPED, ODH_RESTART] {
            first["metadata"]["annotations"].as_object_mut().unwrap().remove(key);
        }
        let observed = fresh(first.clone(), &before);
        let Some(made) = act(planned(&observed, &before)) else { return Ok(()) };
        let mut second = first.clone();
        second["metadata"]["labels"] = metadata["labels"].clone();
        second["metadata"]["annotations"] = metadata["annotations"].clone();
        let edited = other_spec.is_some_and(|spec| {
            second["spec"] = spec;
            canonical(&typed(&first)) != canonical(&typed(&second))
        });
        let asked = annotation(&second, RESTART_REQUESTED).is_some_and(|name| Some(name) != annotation(&first, RESTART_REQUESTED));
        let edited = edited && annotation(&second, UPDATE_POLICY).is_none_or(|policy| policy != ON_STOP);
        let live = settled(&observed, &made);
        let route = fresh(second.clone(), &after).route;
        let live = Observed { notebook: fresh(second.clone(), &after).notebook, route, ..live };
        let Some(then) = act(planned(&live, &after)) else { return Ok(()) };
        let expected = if annotation(&second, STOPPED).is_some() {
            None
        } else if asked {
            Some(Cause::Requested)
        } else {
            edited.then_some(Cause::Edited)
        };
        prop_assert_eq!(then.restart.as_ref().map(|restart| restart.cause), expected);
        if let Some(restart) = then.restart {
            prop_assert!(!restart.now, "the StatefulSet would make the same pod again");
        }
    }

    #[test]
    fn every_single_drift_is_seen(notebook in notebook(), settings in settings(), picks in prop::collection::vec(any::<prop::sample::Index>(), 12)) {
        let observed = fresh(notebook, &settings);
        let Some(first) = act(planned(&observed, &settings)) else { return Ok(()) };
        for (wanted, live) in pairs(&first, &settled(&observed, &first)) {
            let drifts = drift::of(&wanted);
            for pick in &picks {
                let drift = pick.get(&drifts);
                if let Some(drifted) = drift.on(&live) {
                    prop_assert!(covers(&wanted, &drifted).is_err(), "{:?}", drift);
                }
            }
        }
    }
}

/// The template as our types have it: what they do not know, the API server does not store.
fn typed(notebook: &Value) -> Value {
    let notebook = fresh(notebook.clone(), &Settings::default()).notebook;
    serde_json::to_value(&notebook.spec).unwrap()["template"].clone()
}

/// All drifts of the children of all stories.
#[test]
fn every_drift_of_every_story_is_seen() {
    let mut cases = 0;
    for entry in std::fs::read_dir("stories").unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let (observed, settings) = (story(&text), crate::testing::settings(&text));
        let Some(act) = act(planned(&observed, &settings)) else { continue };
        for (wanted, live) in pairs(&act, &settled(&observed, &act)) {
            for drift in drift::of(&wanted) {
                let drifted = drift.on(&live).unwrap_or_else(|| panic!("{drift:?}"));
                assert!(covers(&wanted, &drifted).is_err(), "{drift:?}");
                cases += 1;
            }
        }
    }
    println!("{cases} cases");
    assert!(cases > 1000, "{cases}");
}
