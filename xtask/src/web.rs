//! Reads pages of servers inside a cluster, each with a timeout: what is talked to may never answer.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ureq::Agent;

/// For one answer of a server that is ready, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client for which an answer is an answer, whatever its status.
pub fn agent() -> Agent {
    Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        // What the machine's proxy settings say is not meant for addresses inside a cluster.
        .proxy(None)
        .http_status_as_error(false)
        .build()
        .into()
}

/// The status and the body at an address.
pub fn get(url: &str) -> Result<(u16, String)> {
    get_with(url, &[])
}

/// The body at an address that must be there.
pub fn text(url: &str) -> Result<String> {
    text_with(url, &[])
}

/// The same, asked for with a query.
pub(crate) fn text_with(url: &str, query: &[(&str, &str)]) -> Result<String> {
    let (status, body) = get_with(url, query)?;
    ensure!(status == 200, "GET {url}: {status}\n{body}");
    Ok(body)
}

fn get_with(url: &str, query: &[(&str, &str)]) -> Result<(u16, String)> {
    let asked = agent().get(url).query_pairs(query.iter().copied()).call();
    let mut answer = asked.with_context(|| format!("GET {url}"))?;
    let body = answer.body_mut().read_to_string().with_context(|| format!("GET {url}"))?;
    Ok((answer.status().as_u16(), body))
}
