//! Names of files that every file system takes, one for each layer.

use std::collections::HashSet;

use icu_normalizer::ComposingNormalizerBorrowed;

/// Bytes of a name at most, without its extension: file systems take 255, and temporary files beside it have longer
/// names.
const LONGEST: usize = 120;

/// The names that Windows keeps for devices, whatever the extension.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// Names of files in one folder and the folders below it, no two of which any file system takes for one: neither by
/// their case nor by how their letters are put together.
#[derive(Debug, Default)]
pub(crate) struct FileNames {
    files: HashSet<String>,
    folders: HashSet<String>,
}

impl FileNames {
    /// Names without those that are taken for other things.
    pub(crate) fn without<'a>(taken: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names = Self::default();
        for path in taken {
            names.take(path);
        }
        names
    }

    /// Takes a path as it is: it was given before.
    pub(crate) fn take(&mut self, path: &str) {
        self.enter_folders(path);
        self.files.insert(folded(path));
    }

    fn enter_folders(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            self.folders
                .insert(folded(path.get(..at).unwrap_or_default()));
        }
    }

    /// A path for a layer: `folders`, `name` and the extension, each made safe. Where another has it, the layer's
    /// number is added, and a further one where that does not help either.
    pub(crate) fn give(
        &mut self,
        folders: &[String],
        name: &str,
        id: u32,
        extension: &str,
    ) -> String {
        let mut path = String::new();
        for folder in folders {
            path.push_str(&safe(folder, "service"));
            // A file of that name would be in the way.
            while self.files.contains(&folded(&path)) {
                path.push('_');
            }
            path.push('/');
        }
        let stem = safe(name, "layer");
        let candidates = std::iter::once(stem.clone())
            .chain(std::iter::once(format!("{stem}-{id}")))
            .chain((2_u64..).map(|more| format!("{stem}-{id}-{more}")));
        for candidate in candidates {
            let whole = format!("{path}{candidate}.{extension}");
            // The stem too: what goes with a file (its STAC item) has another extension.
            let key = folded(&format!("{path}{candidate}"));
            let taken = [folded(&whole), key.clone()]
                .iter()
                .any(|key| self.files.contains(key) || self.folders.contains(key));
            if !taken {
                self.enter_folders(&whole);
                self.files.insert(folded(&whole));
                self.files.insert(key);
                return whole;
            }
        }
        // The candidates do not end.
        path
    }
}

impl FileNames {
    /// A name for a file that has one, with its extension; where another has it, with its number.
    pub(crate) fn give_whole(&mut self, name: &str, id: u32) -> String {
        let safe = safe(name, "attachment");
        let (stem, extension) = match safe.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() && extension.len() <= 16 => {
                (stem, format!(".{extension}"))
            }
            _ => (&*safe, String::new()),
        };
        let candidates = std::iter::once(safe.clone())
            .chain(std::iter::once(format!("{stem}-{id}{extension}")))
            .chain((2_u64..).map(|more| format!("{stem}-{id}-{more}{extension}")));
        for candidate in candidates {
            if self.files.insert(folded(&candidate)) {
                return candidate;
            }
        }
        // The candidates do not end.
        safe
    }
}

/// What two paths have in common that some file system takes for one.
fn folded(path: &str) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfc();
    let lower = composed.normalize(path).to_lowercase();
    composed.normalize(&lower).into_owned()
}

/// A name as it may stand in a file system, an address and a shell without quotes: letters, digits, `-`, `_` and
/// `.`; runs of anything else are one `_`.
pub(crate) fn safe(name: &str, instead: &str) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfc();
    let mut safe = String::with_capacity(name.len());
    for c in composed.normalize(name).chars() {
        let kept = if c.is_ascii() {
            c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
        } else {
            !(c.is_control() || c.is_whitespace() || is_format(c))
        };
        if kept {
            safe.push(c);
        } else if !safe.ends_with('_') {
            safe.push('_');
        }
    }
    // What a file is, its extension says: that stays where the name is cut.
    let mut whole = safe.trim_matches(['.', '_', '-']).to_owned();
    if whole.len() > LONGEST
        && let Some((stem, extension)) = whole.rsplit_once('.')
        && extension.len() <= 16
    {
        let stem = shortened(stem, LONGEST - extension.len() - 1);
        whole = format!("{}.{extension}", stem.trim_end_matches(['.', '_', '-']));
    }
    let safe = whole;
    // A dot or a line before hides a file from listings and readers, a dash makes it an option, and Windows takes a
    // dot at the end away.
    let edges = ['.', '_', '-'];
    let mut safe = shortened(&safe, LONGEST).trim_end_matches(edges).to_owned();
    if safe.is_empty() {
        instead.clone_into(&mut safe);
    }
    let stem = safe.split('.').next().unwrap_or_default();
    if is_device(stem) {
        safe.insert(stem.len(), '_');
    }
    safe
}

/// Characters that cannot be seen: directions, joiners, marks of order.
fn is_format(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}'
            | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}'
    )
}

fn shortened(name: &str, longest: usize) -> &str {
    let mut end = longest.min(name.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default()
}

fn is_device(stem: &str) -> bool {
    let upper = stem.to_uppercase();
    let mut ports = ["COM", "LPT"].iter();
    let numbered = ports.any(|port| {
        let number = upper.strip_prefix(port);
        number.is_some_and(|number| {
            let mut digits = number.chars();
            let digit = digits.next();
            digits.next().is_none()
                && digit
                    .is_some_and(|digit| digit.is_ascii_digit() || matches!(digit, '¹' | '²' | '³'))
        })
    });
    numbered || DEVICES.contains(&upper.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_safe() {
        for (name, expected) in [
            ("Wells", "Wells"),
            ("Deep wells (2020)", "Deep_wells_2020"),
            ("../../etc/passwd", "etc_passwd"),
            ("..", "layer"),
            ("", "layer"),
            (" \u{202e}.", "layer"),
            ("a/b\\c:d*e?f\"g<h>i|j", "a_b_c_d_e_f_g_h_i_j"),
            ("a\0b\nc\u{7f}d", "a_b_c_d"),
            ("-rf", "rf"),
            ("_hidden", "hidden"),
            (".hidden", "hidden"),
            ("dot.", "dot"),
            ("v1.2", "v1.2"),
            ("con", "con_"),
            ("NUL.txt", "NUL_.txt"),
            ("com1", "com1_"),
            ("LPT¹", "LPT¹_"),
            ("COM10", "COM10"),
            ("console", "console"),
            ("Straßen & Wege", "Straßen_Wege"),
            ("日本の川", "日本の川"),
            // Put together of a letter and a mark, it is written as one letter.
            ("e\u{301}te\u{301}", "été"),
            ("हिन्दी", "हिन्दी"),
            ("100%", "100"),
            ("gis.owner.Roads", "gis.owner.Roads"),
            ("$HOME `x`", "HOME_x"),
        ] {
            assert_eq!(safe(name, "layer"), expected, "{name:?}");
        }
        assert_eq!(safe(&"ä".repeat(500), "layer"), "ä".repeat(60));
        assert_eq!(
            safe(&format!("{}. b", "a".repeat(118)), "layer"),
            format!("{}._b", "a".repeat(117))
        );
    }

    #[test]
    fn names_of_files_keep_their_extension() {
        let mut names = FileNames::default();
        for (name, id, expected) in [
            ("roof.jpg", 1, "roof.jpg"),
            ("roof.pdf", 2, "roof.pdf"),
            ("ROOF.JPG", 3, "ROOF-3.JPG"),
            ("roof.jpg", 3, "roof-3-2.jpg"),
            ("../../.ssh/id", 4, "ssh_id"),
            ("C:\\dir\\nul.txt", 5, "C_dir_nul.txt"),
            ("nul.txt", 6, "nul_.txt"),
            ("", 7, "attachment"),
        ] {
            assert_eq!(names.give_whole(name, id), expected);
        }
        let long = format!("{}.jpeg", "ä".repeat(200));
        assert_eq!(safe(&long, ""), format!("{}.jpeg", "ä".repeat(57)));
    }

    #[test]
    fn no_two_are_the_same_on_any_file_system() {
        let mut names = FileNames::without(["index", "catalog"]);
        let none: [String; 0] = [];
        let water = ["Water".to_owned()];
        for (folders, name, id, expected) in [
            (&none[..], "Wells", 0, "Wells.parquet"),
            (&none[..], "WELLS", 1, "WELLS-1.parquet"),
            (&none[..], "wells", 1, "wells-1-2.parquet"),
            (&none[..], "é", 2, "é.parquet"),
            (&none[..], "E\u{301}", 3, "É-3.parquet"),
            (&water[..], "Wells", 0, "Water/Wells.parquet"),
            (&none[..], "water", 4, "water-4.parquet"),
            (&none[..], "index", 5, "index-5.parquet"),
        ] {
            assert_eq!(names.give(folders, name, id, "parquet"), expected);
        }
        // A folder cannot have the name of a file.
        let mut names = FileNames::default();
        assert_eq!(
            names.give(&none, "x.parquet", 0, "parquet"),
            "x.parquet.parquet"
        );
        let folder = ["X.parquet.parquet".to_owned()];
        assert_eq!(
            names.give(&folder, "y", 0, "parquet"),
            "X.parquet.parquet_/y.parquet"
        );
    }

    proptest! {
        #[test]
        fn any_name_becomes_a_safe_one(names in prop::collection::vec(any::<String>(), 1..20)) {
            let mut given = FileNames::default();
            let mut seen = HashSet::new();
            for (id, name) in names.iter().enumerate() {
                let path = given.give(&[], name, id as u32, "parquet");
                prop_assert!(path.len() <= LONGEST + 40, "{path}");
                prop_assert!(!path.contains(['/', '\\', '\0', ':']), "{path}");
                prop_assert!(!path.starts_with(['.', '-', '_']), "{path}");
                prop_assert!(seen.insert(folded(&path)), "{path}");
                prop_assert_eq!(safe(&safe(name, "layer"), "layer"), safe(name, "layer"));
            }
        }
    }
}
