//! A small client of TensorBoard: reads what it shows, through the interface of its own page.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::web;

/// A TensorBoard, by its address without a slash at the end.
pub struct Board {
    base: String,
}

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(from = "(f64, u64, f64)")]
pub struct Point {
    /// How far the training was.
    pub step: u64,
    /// What it wrote there. TensorBoard keeps 32 bits of it.
    pub value: f64,
}

impl From<(f64, u64, f64)> for Point {
    /// TensorBoard's answer begins with the time of writing.
    fn from((_, step, value): (f64, u64, f64)) -> Self {
        Self { step, value }
    }
}

impl Board {
    /// The TensorBoard whose page is at this address.
    pub fn at(base_url: &str) -> Self {
        Self { base: base_url.trim_end_matches('/').to_owned() }
    }

    /// Whether it has found any curve.
    pub fn has_curves(&self) -> Result<bool> {
        let plugins: Value = serde_json::from_str(&web::text(&format!("{}/data/plugins_listing", self.base))?)?;
        plugins.pointer("/scalars/enabled").and_then(Value::as_bool).context("TensorBoard lists no plugin for scalars")
    }

    /// The points of a curve, by the folder of its run and the name that the training gave it. A curve that TensorBoard has not
    /// found yet is an error.
    pub fn curve(&self, run: &str, tag: &str) -> Result<Vec<Point>> {
        let url = format!("{}/data/plugin/scalars/scalars", self.base);
        let said = web::text_with(&url, &[("run", run), ("tag", tag)])?;
        serde_json::from_str(&said).with_context(|| format!("GET {url} answered {said:?}, which are no points"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_a_time_a_step_and_a_value() {
        let points: Vec<Point> = serde_json::from_str("[[1790000000.5, 0, 0.5], [1790000001.0, 1, 0.25]]").unwrap();
        assert_eq!(points, [Point { step: 0, value: 0.5 }, Point { step: 1, value: 0.25 }]);
        assert!(serde_json::from_str::<Vec<Point>>("[[1.0, 2]]").is_err());
    }
}
