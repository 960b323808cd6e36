//! Changes of one field of a live object that somebody else may make.

use carrel_runtime::covers::stores_zero;
use serde_json::Value;

/// A change at one place. The list of steps is that of a field that we set.
#[derive(Clone, Debug)]
pub(super) struct Drift {
    at: Vec<Step>,
    what: What,
}

#[derive(Clone, Debug)]
enum Step {
    Field(String),
    Item(usize),
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// Another value stands there.
    Changed,
    /// Nothing stands there.
    Removed,
}

/// Every drift of an object: each value that it sets is changed, and each but those that say nothing is removed.
pub(super) fn of(wanted: &Value) -> Vec<Drift> {
    let mut found = Vec::new();
    collect(wanted, &mut Vec::new(), &mut found);
    found
}

fn collect(value: &Value, at: &mut Vec<Step>, found: &mut Vec<Drift>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                at.push(Step::Field(name.clone()));
                collect(field, at, found);
                at.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push(Step::Item(index));
                collect(item, at, found);
                at.pop();
            }
        }
        Value::Null => {}
        _ => {
            found.push(Drift { at: at.clone(), what: What::Changed });
            if says_something(value, at) {
                found.push(Drift { at: at.clone(), what: What::Removed });
            }
        }
    }
}

/// The rule: the API server reads an empty text as none, and so a zero that it does not store. But an item of a list is one.
fn says_something(value: &Value, at: &[Step]) -> bool {
    let Some(Step::Field(field)) = at.last() else { return true };
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Bool(false) => stores_zero(field),
        Value::Number(number) => number.as_i64() != Some(0) || stores_zero(field),
        _ => true,
    }
}

impl Drift {
    /// The live object after it; `None` if it has no such place.
    pub(super) fn on(&self, live: &Value) -> Option<Value> {
        let mut drifted = live.clone();
        let (last, before) = self.at.split_last()?;
        let mut around = &mut drifted;
        for step in before {
            around = match step {
                Step::Field(name) => around.get_mut(name)?,
                Step::Item(index) => around.get_mut(index)?,
            };
        }
        match (last, self.what) {
            (Step::Field(name), What::Changed) => {
                let old = around.get(name).cloned().unwrap_or_default();
                around.as_object_mut()?.insert(name.clone(), another(&old));
            }
            (Step::Field(name), What::Removed) => {
                around.as_object_mut()?.remove(name)?;
            }
            (Step::Item(index), What::Changed) => {
                let item = around.get_mut(index)?;
                *item = another(item);
            }
            (Step::Item(index), What::Removed) => {
                around.as_array_mut()?.remove(*index);
            }
        }
        Some(drifted)
    }
}

/// Another value of the same kind, which is not the same amount either.
fn another(value: &Value) -> Value {
    match value {
        Value::Bool(set) => (!set).into(),
        Value::Number(number) => number.as_i64().map_or(1, |number| number.wrapping_add(1)).into(),
        Value::String(text) if text.ends_with('n') => format!("1{text}").into(),
        Value::String(text) => format!("{text}x").into(),
        _ => "x".into(),
    }
}
