//! Members of metadata that are of another type than documented: they count as not said, and that is told once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::document::{Members, integer};

/// What is wanted of a member.
#[derive(Clone, Copy)]
enum Wanted {
    Text,
    Number,
    Flag,
    List,
    Object,
}

/// The members of a layer that decide which rows come and how.
const MEMBERS: [(&str, Wanted); 19] = [
    ("name", Wanted::Text),
    ("type", Wanted::Text),
    ("geometryType", Wanted::Text),
    ("objectIdField", Wanted::Text),
    ("globalIdField", Wanted::Text),
    ("fields", Wanted::List),
    ("relationships", Wanted::List),
    ("maxRecordCount", Wanted::Number),
    ("standardMaxRecordCount", Wanted::Number),
    ("currentVersion", Wanted::Number),
    ("hasZ", Wanted::Flag),
    ("hasM", Wanted::Flag),
    ("datesInUnknownTimezone", Wanted::Flag),
    ("extent", Wanted::Object),
    ("advancedQueryCapabilities", Wanted::Object),
    ("dateFieldsTimeReference", Wanted::Object),
    ("editingInfo", Wanted::Object),
    ("editFieldsInfo", Wanted::Object),
    ("uniqueIdInfo", Wanted::Object),
];

/// Those that were told, by member and what came. No more than there are of both.
static TOLD: Mutex<Option<HashSet<(&str, &str)>>> = Mutex::new(None);

impl Wanted {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Flag => "a truth value",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }

    /// Numbers and truth values come as text too.
    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Number => value.is_number() || integer(value).is_some() || is_float(value),
            Self::Flag => {
                let is = |word| {
                    value
                        .as_str()
                        .is_some_and(|text| text.trim().eq_ignore_ascii_case(word))
                };
                value.is_boolean() || is("true") || is("false")
            }
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

/// Warns of members of another type than documented: of the same once in a process, as layers of one server are alike.
pub(super) fn warn_once(top: Members<'_>) {
    for (member, wanted) in MEMBERS {
        let Some(value) = top.get(member).filter(|value| !wanted.takes(value)) else {
            continue;
        };
        let came = super::document::kind(value);
        let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
        if told.get_or_insert_default().insert((member, came)) {
            tracing::warn!(
                member,
                came,
                wanted = wanted.name(),
                "metadata are not as documented: the member counts as not said"
            );
        }
    }
}

fn is_float(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.trim().parse::<f64>().is_ok_and(f64::is_finite))
}
