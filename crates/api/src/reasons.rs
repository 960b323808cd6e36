//! How a closed set of reasons is declared: each with the sentence that explains it in code and in the docs for users.

/// Declares a closed set of reasons.
macro_rules! reasons {
    ($(#[$doc:meta])* $set:ident { $($name:ident = $sentence:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $set {
            $(#[doc = $sentence] $name,)*
        }

        impl $set {
            /// Every reason, in the order in which the docs list them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// When this reason appears, and what helps, for a person.
            pub fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => $sentence,)*
                }
            }

            /// The reason as it stands in conditions and metric labels.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

pub(crate) use reasons;
