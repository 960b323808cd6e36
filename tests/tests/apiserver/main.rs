//! What the API server, Kubernetes' own controllers and Carrel do together; fake nodes make pods ready. A file a subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod activity;
mod admin;
mod children;
mod companions;
mod crds;
mod documents;
mod events;
mod kind;
mod life;
mod names;
mod nodes;
mod outsiders;
mod process;
mod protection;
mod quota;
mod reasons;
mod refusals;
mod restarts;
mod routes;
mod schema;
mod status;
mod takeover;
mod transitions;
mod volumes;
mod zeros;
