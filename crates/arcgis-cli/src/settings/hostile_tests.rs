//! Whatever stands in the configuration file: it is read or refused, and no refusal shows what may be a secret.

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::file::ConfigFile;
use super::key;
use crate::exit::Ending;

/// What nothing that is shown may have in it.
const SECRET: &str = "CANARY7x";

/// Reads a text as the file, and everything that can be asked of it; what is shown of a refusal.
fn shown(text: &str) -> Option<String> {
    let file = match ConfigFile::parse(Path::new("config.toml"), text) {
        Ok(file) => file,
        Err(error) => {
            let ending = serde_json::to_string(&Ending::of(&error)).unwrap();
            return Some(format!("{ending} {error} {error:?}"));
        }
    };
    for facts in key::ALL {
        let profiles: Vec<String> = file
            .profiles(&facts)
            .map(|(name, _)| name.to_owned())
            .collect();
        for profile in profiles
            .iter()
            .map(|name| Some(name.as_str()))
            .chain([None])
        {
            for value in file
                .get(&facts, profile)
                .into_iter()
                .flat_map(|(_, values)| values)
            {
                // Whether it fits or not, it is told.
                let _ = (facts.check)(value.trim());
            }
        }
    }
    None
}

/// A line that may stand in the file, with the secret in its value if there is one.
fn line() -> impl Strategy<Value = String> {
    let known = prop::sample::select(key::ALL.map(|facts| facts.name).to_vec());
    let secret = prop::sample::select(vec![
        "password",
        "token",
        "api-key",
        "client_secret",
        "Refresh-Token",
        "pass word",
        "portal.password",
        "profiles.work.token",
        "\"\"",
    ]);
    let name = prop_oneof![
        4 => known.prop_map(str::to_owned),
        3 => secret.prop_map(str::to_owned),
        1 => "[a-z_-]{1,12}",
        1 => "[ -~]{0,6}",
    ];
    let value = prop_oneof![
        Just(format!("\"{SECRET}\"")),
        Just(format!("'{SECRET}'")),
        Just(SECRET.to_owned()),
        Just(format!("\"{SECRET}")),
        Just(format!("\"\"\"\n{SECRET}\n")),
        Just(format!("[\"{SECRET}\", 1, true]")),
        Just(format!("[[\"{SECRET}\"], {{}}]")),
        Just(format!("{{ a = \"{SECRET}\" }}")),
        Just(format!("\"https://user:{SECRET}@host\" \"{SECRET}\"")),
        Just(format!("\"\\q{SECRET}\"")),
        Just(format!("\"\u{1}{SECRET}\"")),
        Just("1_000".to_owned()),
        Just("0x1f".to_owned()),
        Just("1e999".to_owned()),
        Just("-99999999999999999999999".to_owned()),
        Just("2024-02-30".to_owned()),
        "[ -~]{0,12}",
        "\\PC{0,8}",
    ];
    let sign = prop_oneof![6 => Just(" = "), 1 => Just(": "), 1 => Just("="), 1 => Just("\n=")];
    let table = prop::sample::select(vec![
        "[profiles.work]",
        "[profiles]",
        "[[profiles]]",
        "[profiles.'a b']",
        "[profiles.work",
        "[proxy]",
        "# nothing",
        "",
    ]);
    prop_oneof![
        5 => (name, sign, value).prop_map(|(name, sign, value)| format!("{name}{sign}{value}")),
        1 => table.prop_map(str::to_owned),
    ]
}

proptest! {
    // The same cases each time.
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(7),
        ..ProptestConfig::with_cases(2_000)
    })]

    #[test]
    fn no_refusal_shows_a_value(lines in prop::collection::vec(line(), 0..6)) {
        let text = lines.join("\n");
        if let Some(shown) = shown(&text) {
            prop_assert!(!shown.contains(SECRET), "{text:?} is refused with {shown}");
            prop_assert!(shown.contains("config.toml, line "), "{shown}");
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, &bytes).unwrap();
        if let Err(error) = ConfigFile::read(&path) {
            prop_assert!(error.to_string().contains("config.toml"), "{error}");
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\]{}=\"'.,#a-z0-9\n\\\\ -]{0,120}") {
        shown(&text);
    }
}

#[test]
fn depth_is_bounded() {
    for (open, close) in [("[", "]"), ("{a=", "}")] {
        let text = format!(
            "timeout = {}1{}",
            open.repeat(100_000),
            close.repeat(100_000)
        );
        assert!(shown(&text).is_some());
    }
}
