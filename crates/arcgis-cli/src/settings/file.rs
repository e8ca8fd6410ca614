//! The configuration file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key::{self, Facts, Reach};
use crate::exit::Failure;

/// The file, in the folder of the configuration.
pub(crate) const NAME: &str = "config.toml";

/// The table of profiles.
const PROFILES: &str = "profiles";

/// What looks like a secret, which has no place in a file of settings.
const SECRETS: [&str; 7] = [
    "password",
    "token",
    "api-key",
    "client-secret",
    "secret",
    "refresh-token",
    "basic-password",
];

/// Values by their key, as text.
type Values = BTreeMap<&'static str, Vec<String>>;

/// What the file says.
#[derive(Debug, Default)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    top: Values,
    profiles: BTreeMap<String, Values>,
}

impl ConfigFile {
    /// Reads the file; one that does not exist says nothing.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = match std::fs::read(path) {
            Ok(bytes) => String::from_utf8(bytes)
                .map_err(|_| Failure::usage(format!("{}: it is not in UTF-8", path.display())))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(Failure::usage(format!("{}: {error}", path.display())).into());
            }
        };
        Self::parse(path, &text)
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self> {
        let reader = Reader { path, text };
        let table = DeTable::parse(text).map_err(|error| {
            reader.failure(error.span().map_or(0, |span| span.start), error.message())
        })?;
        let mut file = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        for (name, value) in table.get_ref() {
            if name.get_ref() == PROFILES {
                let profiles = value.get_ref().as_table().ok_or_else(|| {
                    reader.failure(value.span().start, "profiles is a table: [profiles.work]")
                })?;
                for (profile, values) in profiles {
                    let start = profile.span().start;
                    let entries = values.get_ref().as_table().ok_or_else(|| {
                        let problem =
                            format!("a profile is a table: [profiles.{}]", profile.get_ref());
                        reader.failure(start, &problem)
                    })?;
                    crate::args::values::parse_name(profile.get_ref())
                        .map_err(|problem| reader.failure(start, &problem))?;
                    let values = reader.values(entries, true)?;
                    file.profiles.insert(profile.get_ref().to_string(), values);
                }
            }
        }
        file.top = reader.values(table.get_ref(), false)?;
        Ok(file)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The values of a key, and the name that it has in the file. A profile's own go first.
    pub(crate) fn get(&self, key: &Facts, profile: Option<&str>) -> Option<(String, &[String])> {
        let own = profile.and_then(|name| {
            let values = self.profiles.get(name)?.get(key.name)?;
            Some((format!("{PROFILES}.{name}.{}", key.name), values.as_slice()))
        });
        own.or_else(|| {
            let values = self.top.get(key.name)?;
            Some((key.name.to_owned(), values.as_slice()))
        })
    }

    /// The profiles that the file has, with what they say of a key themselves.
    pub(crate) fn profiles(&self, key: &Facts) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.profiles.iter().map(|(name, values)| {
            let value = values.get(key.name).and_then(|values| values.first());
            (name.as_str(), value.map(String::as_str))
        })
    }
}

/// Reads tables, and says where something is wrong.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn values(&self, table: &DeTable<'_>, in_profile: bool) -> Result<Values> {
        let mut values = Values::new();
        for (name, value) in table {
            let start = name.span().start;
            let name = name.get_ref().as_ref();
            if name == PROFILES && !in_profile {
                continue;
            }
            let Some(key) = key::named(name) else {
                return Err(self.unknown(start, name, in_profile));
            };
            if in_profile && key.reach == Reach::TopOnly {
                let problem =
                    format!("{name} cannot be set for one profile: it stands above all tables");
                return Err(self.failure(start, &problem));
            }
            let texts = self.texts(&key, value)?;
            values.insert(key.name, texts);
        }
        Ok(values)
    }

    fn texts(&self, key: &Facts, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>> {
        let start = value.span().start;
        match value.get_ref() {
            DeValue::Array(items) if key.many => items
                .iter()
                .map(|item| {
                    text(item.get_ref()).ok_or_else(|| {
                        self.failure(
                            item.span().start,
                            &format!("{}: a text is needed", key.name),
                        )
                    })
                })
                .collect(),
            value => match text(value) {
                Some(text) => Ok(vec![text]),
                None => {
                    let many = if key.many {
                        ", or an array of texts"
                    } else {
                        ""
                    };
                    let problem = format!("{}: a text or a number is needed{many}", key.name);
                    Err(self.failure(start, &problem))
                }
            },
        }
    }

    fn unknown(&self, start: usize, name: &str, in_profile: bool) -> anyhow::Error {
        let plain = name.replace('_', "-").to_ascii_lowercase();
        if SECRETS.contains(&plain.as_str()) {
            return self.with_hint(
                start,
                &format!("{name}: a secret has no place in this file"),
                "arcgis login keeps it in the system keyring, or in a file of its own",
            );
        }
        let known = key::ALL
            .into_iter()
            .filter(|key| !in_profile || key.reach != Reach::TopOnly)
            .map(|key| key.name)
            .chain((!in_profile).then_some(PROFILES));
        let nearest = known
            .map(|known| (strsim::damerau_levenshtein(&plain, known), known))
            .min();
        let problem = format!("there is no key {name}");
        match nearest {
            Some((distance, known)) if distance <= 1.max(known.len() / 3) => {
                self.with_hint(start, &problem, &format!("is {known} meant?"))
            }
            _ => self.with_hint(start, &problem, "arcgis config lists the keys"),
        }
    }

    fn failure(&self, start: usize, problem: &str) -> anyhow::Error {
        Failure::usage(self.at(start, problem)).into()
    }

    fn with_hint(&self, start: usize, problem: &str, hint: &str) -> anyhow::Error {
        Failure::usage(self.at(start, problem))
            .with_hint(hint)
            .into()
    }

    /// The line is named and not shown: there may be a secret in it.
    fn at(&self, start: usize, problem: &str) -> String {
        let before = self.text.get(..start).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        format!("{}, line {line}: {problem}", self.path.display())
    }
}

/// A value as it would be typed on the command line.
fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ConfigFile> {
        ConfigFile::parse(Path::new("config.toml"), text)
    }

    fn refused(text: &str) -> String {
        let ending = crate::exit::Ending::of(&read(text).unwrap_err());
        serde_json::to_string(&ending).unwrap()
    }

    #[test]
    fn a_profile_goes_before_what_holds_for_all() {
        let text = "profile = \"work\"\ntimeout = 90\ncacert = [\"a.pem\", 'b.pem']\n\n[profiles.work]\nportal = \"https://gis.example.com/portal\"\ntimeout = \"2m\"\n[profiles.home]\n";
        let file = read(text).unwrap();
        let get = |name: &str, profile: Option<&str>| {
            let (key, values) = file.get(&key::named(name).unwrap(), profile)?;
            Some((key, values.join(" ")))
        };
        let is = |key: &str, value: &str| Some((key.to_owned(), value.to_owned()));
        assert_eq!(get("timeout", None), is("timeout", "90"));
        assert_eq!(get("timeout", Some("home")), is("timeout", "90"));
        assert_eq!(
            get("timeout", Some("work")),
            is("profiles.work.timeout", "2m")
        );
        assert_eq!(get("timeout", Some("unknown")), is("timeout", "90"));
        assert_eq!(get("cacert", None), is("cacert", "a.pem b.pem"));
        assert_eq!(get("retries", Some("work")), None);
        let portals: Vec<_> = file.profiles(&key::PORTAL.facts).collect();
        assert_eq!(
            portals,
            [
                ("home", None),
                ("work", Some("https://gis.example.com/portal"))
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_what_is_near() {
        for (text, said) in [
            (
                "\ntime-out = 1",
                "config.toml, line 2: there is no key time-out",
            ),
            ("\ntime-out = 1", "is timeout meant?"),
            ("user_agent = 'x'", "is user-agent meant?"),
            ("Timeout = 'x'", "is timeout meant?"),
            ("quux = 1", "arcgis config lists the keys"),
            ("[profile.work]\n", "profile: a text or a number is needed"),
            ("[profiles]\nwork = 1", "[profiles.work]"),
            (
                "[profiles.work]\nprofile = 'x'",
                "line 2: profile cannot be set for one profile",
            ),
            ("[profiles.'a b']\n", "line 1"),
            ("timeout = [1]", "timeout: a text or a number is needed"),
            ("timeout = true", "timeout: a text or a number is needed"),
            ("retries = 0x10", "retries: a text or a number is needed"),
            ("cacert = [1, []]", "cacert: a text is needed"),
            ("timeout = ", "line 1: "),
            ("timeout = 1\ntimeout = 2", "line 2: "),
            ("password = 'CANARY'", "a secret has no place in this file"),
            (
                "[profiles.x]\nclient_secret = 'CANARY'",
                "line 2: client_secret: a secret",
            ),
            ("token = CANARY", "line 1: "),
        ] {
            let message = refused(text);
            assert!(message.contains(said), "{text}: {message}");
            assert!(!message.contains("CANARY"), "{message}");
        }
    }
}
