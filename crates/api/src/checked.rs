//! Reading objects that may not have the shape their type asks for.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A part of an object that is of type `T`, or else what stands there and why it is none.
///
/// One object that does not parse would otherwise break the watch of its whole kind: an object stored before the
/// CRD had its rules must never hurt the others.
#[derive(Clone, Debug, PartialEq)]
pub enum Checked<T> {
    /// The part has the shape of its type.
    Valid(T),
    /// The part has another shape.
    Invalid {
        /// What is wrong, with the path below this part, in words for the object's owner.
        problem: String,
        /// What stands there, so that writing the object back loses nothing.
        raw: Value,
    },
}

impl<T> Checked<T> {
    /// The value, if it is one.
    pub fn valid(&self) -> Option<&T> {
        match self {
            Self::Valid(value) => Some(value),
            Self::Invalid { .. } => None,
        }
    }
}

impl<T: Default> Default for Checked<T> {
    fn default() -> Self {
        Self::Valid(T::default())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Checked<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Value::deserialize(deserializer)?;
        Ok(match serde_path_to_error::deserialize(&raw) {
            Ok(value) => Self::Valid(value),
            Err(error) => {
                let problem = match error.path().to_string().as_str() {
                    "." => error.inner().to_string(),
                    path => format!("{path}: {}", error.inner()),
                };
                Self::Invalid { problem, raw }
            }
        })
    }
}

impl<T: Serialize> Serialize for Checked<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Valid(value) => value.serialize(serializer),
            Self::Invalid { raw, .. } => raw.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Desk {
        #[serde(default)]
        legs: Vec<u8>,
    }

    #[test]
    fn a_wrong_part_is_named_by_its_path_and_written_back_as_it_was() {
        let raw = json!({"legs": [1, "two"]});
        let desk: Checked<Desk> = serde_json::from_value(raw.clone()).unwrap();
        let Checked::Invalid { problem, .. } = &desk else { panic!("{desk:?}") };
        assert!(problem.starts_with("legs[1]: invalid type: string \"two\""), "{problem}");
        assert_eq!(serde_json::to_value(&desk).unwrap(), raw);
    }

    #[test]
    fn a_right_part_is_its_value() {
        let desk: Checked<Desk> = serde_json::from_value(json!({"legs": [4]})).unwrap();
        assert_eq!(desk.valid(), Some(&Desk { legs: vec![4] }));
    }
}
