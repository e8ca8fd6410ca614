//! Where a value comes from.

use std::fmt;

/// One of the places that are looked at, the first in which there is a value counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Argument,
    Environment(String),
    Dotenv(String),
    /// The file and the key in it.
    Config {
        file: String,
        key: String,
        in_profile: bool,
    },
    Default,
}

impl Source {
    pub(crate) fn is_config(&self) -> bool {
        matches!(self, Self::Config { .. })
    }

    /// Whether it is what the configuration file says of one profile.
    pub(crate) fn is_of_profile(&self) -> bool {
        matches!(
            self,
            Self::Config {
                in_profile: true,
                ..
            }
        )
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument => f.write_str("argument"),
            Self::Environment(name) => write!(f, "environment: {name}"),
            Self::Dotenv(name) => write!(f, ".env: {name}"),
            Self::Config { file, key, .. } => write!(f, "{file}: {key}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) from: Source,
}
