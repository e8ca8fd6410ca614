//! The names of folders: `column=value`, as Hive has them.

use std::collections::{HashMap, HashSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::value::PartitionValue;

/// The bytes that file systems take for a name.
pub(super) const LONGEST: usize = 255;

/// What stands for null.
pub(super) const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// All but what has no meaning in any file system, address or shell. Letters beyond ASCII too: file systems do not agree on
/// how those are put together.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Why a column cannot give its name to folders, if so. Readers take it as it is, so nothing in it can be encoded.
pub(super) fn unfit(column: &str) -> Option<&'static str> {
    let is_plain = |c: char| {
        !c.is_control()
            && !matches!(
                c,
                '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '%' | '='
            )
    };
    if column.is_empty() || column.len() > 100 || !column.chars().all(is_plain) {
        return Some("its name cannot be that of a folder everywhere");
    }
    if column.starts_with(['_', '.']) {
        return Some("readers pass over folders whose names begin as its own does");
    }
    None
}

/// Whether a folder cannot have the name of a value.
pub(super) fn is_too_long(column: &str, value: &str) -> bool {
    column.len() + 1 + encoded(value).len() > LONGEST
}

/// The path of a file with a mark in its name.
pub(super) fn marked(path: &str, mark: &str) -> String {
    let stem = path.strip_suffix(".parquet").unwrap_or(path);
    format!("{stem}-{mark}.parquet")
}

/// A value in the name of a folder.
fn encoded(value: &str) -> String {
    // Some readers take these for null whatever they stand for.
    if value == NULL || value.eq_ignore_ascii_case("null") {
        return all_encoded(value);
    }
    let mut name = utf8_percent_encode(value, ENCODED).to_string();
    // Windows takes a dot at the end away.
    if name.ends_with('.') {
        name.pop();
        name.push_str("%2E");
    }
    name
}

/// The same, so that no letter is left whose case a file system may not heed.
fn all_encoded(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The names of folders. No two values of a column have the same one on any file system.
#[derive(Debug, Default)]
pub(super) struct FolderNames {
    given: HashMap<(String, Option<String>), String>,
    taken: HashSet<String>,
}

impl FolderNames {
    /// The folder of a value.
    pub(super) fn give(&mut self, column: &str, value: &PartitionValue) -> String {
        let text = value.text();
        let key = (column.to_owned(), text.as_deref().map(str::to_owned));
        if let Some(name) = self.given.get(&key) {
            return name.clone();
        }
        let mut name = match text.as_deref() {
            None => format!("{column}={NULL}"),
            Some(text) => format!("{column}={}", encoded(text)),
        };
        if let (false, Some(text)) = (self.taken.insert(name.to_lowercase()), text) {
            name = format!("{column}={}", all_encoded(&text));
            self.taken.insert(name.to_lowercase());
        }
        self.given.insert(key, name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    fn text(value: &str) -> PartitionValue {
        PartitionValue::Text(value.into())
    }

    #[test]
    fn values_become_names_that_every_file_system_takes() {
        for (value, expected) in [
            ("06", "s=06"),
            ("", "s="),
            ("a b", "s=a%20b"),
            ("a/b\\c", "s=a%2Fb%5Cc"),
            ("c=d", "s=c%3Dd"),
            ("50%", "s=50%25"),
            ("a+b", "s=a%2Bb"),
            ("a:b?*\"<>|", "s=a%3Ab%3F%2A%22%3C%3E%7C"),
            ("ü", "s=%C3%BC"),
            ("v1.2", "s=v1.2"),
            ("etc.", "s=etc%2E"),
            ("..", "s=.%2E"),
            ("null", "s=%6E%75%6C%6C"),
            ("a\0b\n", "s=a%00b%0A"),
        ] {
            assert_eq!(FolderNames::default().give("s", &text(value)), expected);
        }
        assert_eq!(
            FolderNames::default().give("s", &PartitionValue::Null),
            "s=__HIVE_DEFAULT_PARTITION__"
        );
        assert_eq!(
            FolderNames::default().give("n", &PartitionValue::Whole(-5)),
            "n=-5"
        );
    }

    #[test]
    fn names_that_differ_by_case_alone_are_told_apart() {
        let mut names = FolderNames::default();
        for (value, expected) in [
            ("AB", "s=AB"),
            ("Ab", "s=%41%62"),
            ("aB", "s=%61%42"),
            ("ab", "s=%61%62"),
            ("AB", "s=AB"),
            ("Ab", "s=%41%62"),
        ] {
            assert_eq!(names.give("s", &text(value)), expected);
        }
        // Another column's are in other folders.
        assert_eq!(names.give("t", &text("ab")), "t=ab");
    }

    #[test]
    fn columns_whose_names_readers_would_misread_are_unfit() {
        for fits in ["STATE", "State name", "Größe", "a.b", "x-y"] {
            assert_eq!(unfit(fits), None, "{fits}");
        }
        for not in ["", "a/b", "a=b", "50%", "_id", ".hidden", "a:b", "a\nb"] {
            assert!(unfit(not).is_some(), "{not}");
        }
    }

    proptest! {
        #[test]
        fn names_are_decoded_to_their_values(values in prop::collection::vec(any::<String>(), 1..20)) {
            let mut names = FolderNames::default();
            let mut seen = HashMap::new();
            for value in &values {
                let name = names.give("s", &text(value));
                let (_, encoded) = name.split_once('=').unwrap();
                prop_assert_eq!(percent_decode_str(encoded).decode_utf8().unwrap(), value.as_str());
                prop_assert!(name.is_ascii() && !name.ends_with(['.', ' ']));
                let before = seen.insert(name.to_lowercase(), value.clone());
                prop_assert!(before.is_none_or(|before| before == *value));
            }
        }
    }
}
