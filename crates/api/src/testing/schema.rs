//! Any value that a schema allows.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// Which of the values that a schema allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taste {
    /// All kinds of fields, with values that mean nothing or too much.
    Odd,
    /// Few fields, with values as people write them: many of these run.
    Plain,
}

impl Taste {
    /// How likely a field is there that may be absent.
    fn presence(self, depth: usize) -> f64 {
        match self {
            Self::Odd if depth < 6 => 0.2,
            Self::Odd => 0.3,
            Self::Plain => 0.04,
        }
    }
}

/// Any value of this schema.
pub fn any_value(schema: &Value, taste: Taste) -> BoxedStrategy<Value> {
    value(schema, "", taste, 0)
}

fn value(schema: &Value, field: &str, taste: Taste, depth: usize) -> BoxedStrategy<Value> {
    if let Some(words) = schema["enum"].as_array() {
        return select(words.clone()).boxed();
    }
    if schema["x-kubernetes-int-or-string"] == true {
        return int_or_string(field, taste);
    }
    let made = match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("object"), _) => object(schema, taste, depth),
        (Some("array"), _) => array(schema, field, taste, depth),
        (Some("boolean"), _) => any::<bool>().prop_map(Value::from).boxed(),
        (Some("integer"), format) => integer(format, field, taste),
        (Some("string"), Some("date-time")) => time(),
        (Some("string"), Some("byte")) => select(vec!["", "YQ==", "YWJj"]).prop_map(Value::from).boxed(),
        (Some("string"), None) => {
            let shortest = schema["minLength"].as_u64().unwrap_or(0);
            let fits = move |text: &String| text.chars().count() as u64 >= shortest;
            text(field, taste).prop_filter("too short", fits).prop_map(Value::from).boxed()
        }
        other => panic!("a schema that this generator does not know: {other:?}"),
    };
    if schema["nullable"] == true { prop_oneof![9 => made, 1 => Just(Value::Null)].boxed() } else { made }
}

fn object(schema: &Value, taste: Taste, depth: usize) -> BoxedStrategy<Value> {
    if let Some(properties) = schema["properties"].as_object() {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let fields: Vec<_> = properties
            .iter()
            .map(|(name, property)| {
                let made = value(property, name, taste, depth + 1);
                let name = name.clone();
                if required.contains(&json!(name)) {
                    return made.prop_map(move |made| Some((name.clone(), made))).boxed();
                }
                let made = prop::option::weighted(taste.presence(depth), made);
                made.prop_map(move |made| Some((name.clone(), made?))).boxed()
            })
            .collect();
        return fields.prop_map(|fields| fields.into_iter().flatten().collect::<Map<_, _>>().into()).boxed();
    }
    let key = match taste {
        Taste::Odd => prop_oneof!["[a-z]{1,5}([.]io/[a-z]{1,5})?", odd_text(), select_text(&["cpu", "memory"])].boxed(),
        Taste::Plain => prop_oneof!["[a-z]{1,5}([.]io/[a-z]{1,5})?", select_text(&["cpu", "memory"])].boxed(),
    };
    let inner = match &schema["additionalProperties"] {
        Value::Object(_) => value(&schema["additionalProperties"], "", taste, depth + 1),
        _ => return select(vec![json!({}), json!({"f:spec": {".": {}}}), json!({"a": [1, null]})]).boxed(),
    };
    prop::collection::btree_map(key, inner, 0..3)
        .prop_map(|pairs: BTreeMap<String, Value>| pairs.into_iter().collect::<Map<_, _>>().into())
        .boxed()
}

fn array(schema: &Value, field: &str, taste: Taste, depth: usize) -> BoxedStrategy<Value> {
    let least = usize::try_from(schema["minItems"].as_u64().unwrap_or(0)).unwrap();
    let keys: Vec<String> = serde_json::from_value(schema["x-kubernetes-list-map-keys"].clone()).unwrap_or_default();
    let kind = schema["x-kubernetes-list-type"].as_str().unwrap_or("atomic").to_owned();
    let items = schema["items"].clone();
    prop::collection::vec(value(&items, field, taste, depth + 1), least.max(usize::from(taste == Taste::Plain))..3)
        .prop_map(move |made| unique(made, &kind, &keys, &items).into())
        .boxed()
}

/// Of items that the API server can't tell apart, the first.
fn unique(made: Vec<Value>, kind: &str, keys: &[String], schema: &Value) -> Vec<Value> {
    let of = |item: &Value| match kind {
        "atomic" => None,
        "set" => Some(vec![item.clone()]),
        _ => {
            let key = |key: &String| item.get(key).unwrap_or(&schema["properties"][key]["default"]).clone();
            Some(keys.iter().map(key).collect())
        }
    };
    let mut seen = Vec::new();
    let is_new = |item: &Value| match of(item) {
        Some(key) if seen.contains(&key) => false,
        key => {
            seen.extend(key);
            true
        }
    };
    made.into_iter().filter(is_new).collect()
}

fn integer(format: Option<&str>, field: &str, taste: Taste) -> BoxedStrategy<Value> {
    if taste == Taste::Plain {
        let from = if field.ends_with("ort") { 1024 } else { 1 };
        return (from..from + 100).prop_map(Value::from).boxed();
    }
    let (least, most) = match format {
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    prop_oneof![3 => 0..3_i64, 2 => 0..70000_i64, 1 => least..=most, 1 => select(vec![least, -1, most])]
        .prop_map(Value::from)
        .boxed()
}

/// An amount, or a port by its number or name: the schema does not say which.
fn int_or_string(field: &str, taste: Taste) -> BoxedStrategy<Value> {
    let is_port = matches!(field, "port" | "targetPort");
    let plain = if is_port { vec!["http", "8888"] } else { vec!["100m", "0.5", "1Gi", "1024Mi", "1e3", "1.5Gi"] };
    let plain = prop_oneof![select(plain).prop_map(Value::from), (1..9).prop_map(Value::from)];
    if taste == Taste::Plain {
        return plain.boxed();
    }
    let odd =
        ["-1", "+1", "0", ".5", "5.", "1E3", "1e-3", "0.0000000001", "9223372036854775807Ei", "plenty", " 1", "1gi"];
    prop_oneof![
        2 => plain,
        2 => select(odd.to_vec()).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => odd_text().prop_map(Value::from),
    ]
    .boxed()
}

fn time() -> BoxedStrategy<Value> {
    let times = [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.123456789Z",
        "1969-12-31T23:59:59+14:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2016-12-31T23:59:60Z",
    ];
    select(times.to_vec()).prop_map(Value::from).boxed()
}

fn select_text(words: &'static [&'static str]) -> BoxedStrategy<String> {
    select(words).prop_map(str::to_owned).boxed()
}

fn text(field: &str, taste: Taste) -> BoxedStrategy<String> {
    let plain = match field {
        "image" => select_text(&["jupyter", "registry.example.org/team/jupyter:1.2"]),
        _ if field.ends_with("ath") => "/[a-z]{1,5}".boxed(),
        _ => "[a-z]([-a-z0-9]{0,5}[a-z])?".boxed(),
    };
    match taste {
        Taste::Plain => plain,
        Taste::Odd => prop_oneof![plain, odd_text()].boxed(),
    }
}

/// Texts that people do not expect, without the zero character, which the API server never stores.
pub(super) fn odd_text() -> BoxedStrategy<String> {
    prop_oneof![
        2 => Just(String::new()),
        2 => select_text(&[" ", "0", "-1", "true", "null", "../..", "a/b", "$(X)", "Ünïcode 🪑", "a\nb\t", "\u{7f}\u{202e}", "%2F", "{}", "\"'\\"]),
        1 => "[a-z0-9]{60,70}",
        1 => "[a-z]{300}",
        1 => "[^\\x00]{0,20}",
    ]
    .boxed()
}
