//! What the controllers of servers share. A server runs in a pod that a child makes, and is reached through a Service and a
//! route: a notebook, a TensorBoard, a file viewer.
//!
//! | room | holds |
//! |---|---|
//! | [`kind`] | the kinds of children, and whether to leave one alone |
//! | [`slim_pod`], [`slim_node`] | pods and nodes, as far as they are looked at |
//! | [`pod_spec`] | what the pod of every server gets beyond what its owner asks for |
//! | [`pod`] | why a pod does not run |
//! | [`surroundings`] | what stands around such a pod: words of Events, nodes, other pods |
//! | [`rejection`], [`holders`] | why no pod can be made, and who has what it would need |
//! | [`work`] | what became of a plan |
//! | [`conditions`] | the conditions of a server, out of the one thing that is said of it |
//! | [`life`] | whether a server is used, what its policies make of that, and how that is said |
//! | [`protection`] | how a busy server is kept from drains, and moves from a node that is to go |
//! | [`route`] | how a server is reached from outside: Istio's, the Gateway API's or Kubernetes' own kind of route |
//! | [`servers`] | the watches of Services, routes, budgets and nodes, once for all controllers |

pub mod conditions;
pub mod holders;
pub mod kind;
pub mod life;
pub mod pod;
pub mod pod_spec;
pub mod protection;
mod refusal;
pub mod rejection;
pub mod route;
pub mod servers;
pub mod slim_node;
pub mod slim_pod;
pub mod surroundings;
pub mod work;

pub use refusal::Refusal;
