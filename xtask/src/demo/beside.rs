//! What stands beside the notebook, asked as a person would look at it: TensorBoard, the viewer of files, the volume.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::tensorboard::Board;
use crate::web;

use super::NAMESPACE;
use super::served::{VIEWER, until};
use super::target::Target;
use super::train::{LOSS, Model};

/// The volume of the examples that the notebook is on.
const VOLUME: &str = "iris-home";

/// What is read of the volume's status.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Volume {
    capacity: String,
    used_by: Vec<User>,
}

#[derive(Debug, Deserialize)]
struct User {
    kind: String,
    name: String,
}

/// Reads the run back out of TensorBoard: each step that was trained, and the last loss, which must be what the kernel wrote.
pub(super) fn run(url: &str, patience: Duration, model: &Model) -> Result<String> {
    let board = Board::at(url);
    until(patience, || {
        let curve = board.curve(&model.run, LOSS)?;
        let last = curve.last().context("a curve without a point")?;
        ensure!(curve.len() == model.steps, "TensorBoard shows {} of {} steps", curve.len(), model.steps);
        // TensorBoard keeps 32 bits of it.
        ensure!((last.value - model.loss).abs() < 1e-6, "the last loss is {}, not {}", last.value, model.loss);
        Ok(format!(
            "TensorBoard on the same volume shows the run {} while the notebook runs: {} steps, the last loss {:.4}.",
            model.run,
            curve.len(),
            last.value
        ))
    })
}

/// Looks at the viewer's page for the model. filebrowser builds its page in the browser, so that there only an answer is seen.
pub(super) fn files(url: &str, patience: Duration, model: &Model, target: &Target) -> Result<String> {
    let name = model.path.rsplit('/').next().unwrap_or_default();
    until(patience, || {
        let page = web::text(&format!("{url}/"))?;
        if page.contains(&format!("/{}/download/{name}\"", VIEWER.path)) {
            let size = web::text(&format!("{url}/download/{name}"))?.len() as u64;
            ensure!(size == model.bytes, "the viewer opens {name} with {size} bytes, not {}", model.bytes);
            return Ok(format!("The viewer lists {name}, and opens it ({size} bytes)."));
        }
        ensure!(!target.is_own(), "the viewer's page does not list {name}");
        Ok("The viewer of files answers.".to_owned())
    })
}

/// Waits until the volume's status names all who mount it.
pub(super) fn volume(target: &Target) -> Result<String> {
    until(Duration::from_secs(20), || {
        let status = ["-n", NAMESPACE, "get", "volumerequests.carrel.dev", VOLUME, "-o", "jsonpath={.status}"];
        let volume: Volume = serde_json::from_str(&target.run(status)?).context("a status that can't be read")?;
        let users: Vec<_> = volume.used_by.iter().map(|User { kind, name }| format!("the {kind} {name}")).collect();
        let [others @ .., last] = users.as_slice() else { bail!("nobody mounts the volume {VOLUME}") };
        ensure!(others.len() == 2, "the volume {VOLUME} is mounted by {} alone", users.join(" and "));
        let capacity = &volume.capacity;
        Ok(format!("The volume {VOLUME} ({capacity}) is mounted by {} and {last}.", others.join(", ")))
    })
}
