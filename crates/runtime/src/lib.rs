//! What every controller of Carrel shares, a room a word. Knows Kubernetes, and no kind of Carrel's own.
//!
//! | room | holds |
//! |---|---|
//! | [`feed`] | one watch a kind: fills a store and tells of every change, deletes included |
//! | [`shelf`] | objects in memory as their text, opened when they are read |
//! | [`scope`] | what a process looks after, and the watches of it |
//! | [`child`] | whose an object is that has the name of a child |
//! | [`wake`] | the queue of keys between feeds and a controller |
//! | [`claims`] | claims and who mounts which, watched once for all controllers |
//! | [`mounts`], [`index`] | the claims that a pod mounts, and who names a claim |
//! | [`covers`] | whether a live object still has each field that we set, and where it does not |
//! | [`hearing`] | the watches of Events |
//! | [`evidence`] | what Events say of objects, as far as it explains a wait |
//! | [`ledger`] | what was written but not yet seen in the cache |
//! | [`statuses`] | what was said last of each object, until the cache shows it |
//! | [`apply`] | the only writer: server-side apply when something differs, under the lease, with a timeout |
//! | [`lease`] | one process at work: claims a Lease, and stops writing well before another can take it |
//! | [`kit`] | what every controller works with, whatever it looks after |
//! | [`rights`] | what Carrel may do with a cluster, stated beside the code that needs it |
//! | [`runner`] | one reconcile a key at a time, and failed ones again ever later |
//! | [`bounds`] | what bounds each namespace: quotas and limit ranges, watched once for all controllers |
//! | [`quota`] | what a ResourceQuota has no room for, and when it may have |
//! | [`backoff`] | when to try a failed key again |
//! | [`hash`] | the same hash for the same content, in every release |
//! | [`hush`] | words that may wait a moment, since better ones may come |
//! | [`notice`] | Events about our objects: one a change, and a bounded number |
//! | [`names`] | names of children, derived where the owner's own will not do |
//! | [`quantity`] | Kubernetes quantities as numbers |
//! | [`judge`] | whether something fits where a quota bounds it, by dry runs, in turn |
//! | [`turns`] | whose turn it is to start where room is short |
//! | [`served`], [`presence`] | whether the cluster has a kind that it may lack, and the watch of it while it has |
//! | [`metrics`], [`process`] | what the process shows of itself, and how it starts and ends |

pub mod apply;
pub mod backoff;
pub mod bounds;
pub mod child;
pub mod claims;
pub mod covers;
pub mod evidence;
pub mod feed;
pub mod hash;
pub mod hearing;
pub mod hush;
pub mod index;
pub mod judge;
pub mod kit;
pub mod lease;
pub mod ledger;
pub mod metrics;
pub mod mounts;
pub mod names;
pub mod notice;
pub mod presence;
pub mod process;
pub mod quantity;
pub mod quota;
pub mod rights;
pub mod runner;
pub mod scope;
pub mod served;
pub mod shelf;
pub mod statuses;
pub mod turns;
pub mod wake;

/// The field manager under which Carrel writes.
pub const FIELD_MANAGER: &str = "carrel";

/// The namespace and name of an object; what a cluster-scoped object is called has an empty namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The namespace, or empty.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Key {
    /// The key of an object of this namespace and name.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// The key of an object. What the API server sent always has a name.
    pub fn of(object: &impl kube::ResourceExt) -> Self {
        Self::new(object.namespace().unwrap_or_default(), object.name_any())
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}
