//! Trains a model in the notebook, as a person would in a cell.

use std::fmt;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::jupyter::Server;

/// What the loss on the rows that are held out is called among the curves of a run.
pub(super) const LOSS: &str = "loss/held-out";

/// The last line is read back here. Each training is a run of its own in TensorBoard.
const CODE: &str = r#"
import json, os, time
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from tensorboardX import SummaryWriter
from xgboost import XGBClassifier

x, y = load_iris(return_X_y=True)
train_x, test_x, train_y, test_y = train_test_split(x, y, random_state=0)
model = XGBClassifier(n_estimators=20, eval_metric="mlogloss")
model.fit(train_x, train_y, eval_set=[(train_x, train_y), (test_x, test_y)], verbose=False)
path = os.path.expanduser("~/iris-model.json")
model.save_model(path)

run = time.strftime("iris-%Y-%m-%d-%H-%M-%S")
curves = {name: figures["mlogloss"] for name, figures in zip(["training", "held-out"], model.evals_result().values())}
with SummaryWriter(os.path.expanduser(f"~/runs/{run}")) as writer:
    for name, losses in curves.items():
        for step, loss in enumerate(losses):
            writer.add_scalar(f"loss/{name}", loss, step)

print(json.dumps({
    "right": int((model.predict(test_x) == test_y).sum()),
    "held_out": len(test_y),
    "path": path,
    "bytes": os.stat(path).st_size,
    "run": run,
    "steps": len(curves["held-out"]),
    "loss": curves["held-out"][-1],
}))
"#;

/// A trained model, how good it is on rows that it has not seen, and what was written of its training.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Model {
    right: u32,
    held_out: u32,
    /// Where it is saved.
    pub(super) path: String,
    /// Its size.
    pub(super) bytes: u64,
    /// The run's name in TensorBoard.
    pub(super) run: String,
    /// How many steps each curve of the run has.
    pub(super) steps: usize,
    /// The last of the curve [`LOSS`].
    pub(super) loss: f64,
}

/// Trains XGBoost on the iris data in a kernel of the server, and saves the model and the run to the user's home.
pub(super) fn train(server: &Server) -> Result<Model> {
    let output = server.run(CODE)?;
    let model = read(&output.text)?;
    // Guessing gets a third right. Less than this means that something else was trained.
    ensure!(model.right * 10 >= model.held_out * 8, "the model is no good: {model}");
    Ok(model)
}

fn read(text: &str) -> Result<Model> {
    let line = text.lines().last().context("the code printed nothing")?;
    serde_json::from_str(line).with_context(|| format!("the code printed {line:?} where its figures should be"))
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { right, held_out, path, bytes, .. } = self;
        let accuracy = f64::from(*right) / f64::from(*held_out);
        write!(f, "XGBoost on iris: {right} of {held_out} held-out flowers named right (accuracy {accuracy:.3}). ")?;
        write!(f, "The model is {path} ({bytes} bytes), on the notebook's volume.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_models() {
        let model =
            read("a word before\n{\"right\": 37, \"held_out\": 38, \"path\": \"/home/a\", \"bytes\": 9, \"run\": \"r\", \"steps\": 20, \"loss\": 0.1}\n").unwrap();
        assert!(model.to_string().contains("37 of 38 held-out flowers named right (accuracy 0.974)"), "{model}");
        assert!(read("").is_err());
        assert!(read("no figures").is_err());
    }
}
