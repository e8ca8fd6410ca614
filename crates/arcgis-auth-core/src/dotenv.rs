//! `.env` files: as much of them as holds our variables, and nothing done to their values.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::error::{ConfigError, Error};

/// What the names of our variables begin with.
const OURS: &str = "ARCGIS_";

/// The `ARCGIS_*` variables of a `.env` file, for what is no credential; of those
/// [`Credentials::from_dotenv`](crate::Credentials::from_dotenv) makes sense, by the same rules.
///
/// ```no_run
/// use arcgis_auth_core::{Dotenv, ExposeSecret};
///
/// let dotenv = Dotenv::read(".env")?;
/// let timeout = dotenv.get("ARCGIS_TIMEOUT").map(ExposeSecret::expose_secret);
/// # Ok::<(), arcgis_auth_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Dotenv {
    variables: Vec<(String, SecretString)>,
}

impl Dotenv {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the file or one of its `ARCGIS_*` lines cannot be read: it names the line
    /// and the variable, never the value.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let unreadable = |reason: String| ConfigError::Unreadable {
            path: path.display().to_string(),
            reason,
        };
        let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let bytes = Zeroizing::new(bytes);
        let variables = read(&bytes)
            .map_err(|error| unreadable(error.to_string()))?
            .into_iter()
            .map(|(name, value)| (name, SecretString::from(value)))
            .collect();
        Ok(Self { variables })
    }

    /// The value of a variable, of its last line; an empty one counts as not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&SecretString> {
        let mut lines = self.variables.iter().rev();
        let (_, value) = lines.find(|(known, _)| known == name)?;
        (!value.expose_secret().trim().is_empty()).then_some(value)
    }
}

/// Names only: any value may be a secret.
impl fmt::Debug for Dotenv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.variables.iter().map(|(name, _)| name))
            .finish()
    }
}

/// A line about one of our variables that cannot be read. It never holds the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DotenvError {
    #[error("it is in UTF-16; save it as UTF-8")]
    Utf16,
    #[error("line {line}: {name} {problem}")]
    Line {
        line: usize,
        name: String,
        problem: &'static str,
    },
}

/// Our variables in `bytes`, in the order of their lines.
///
/// A line is `NAME=value`, with or without `export` before it, and ends with LF or CRLF. A value in
/// single quotes stands for itself; in double quotes `\"`, `\\` and `\$` are the characters behind
/// the backslash; without quotes it ends before white space, behind which only a `# comment` may
/// stand. Nothing is ever put in for a `$`: a password may hold one. Lines that are not about our
/// variables may be in whatever form.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<(String, String)>, DotenvError> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(DotenvError::Utf16);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut variables = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let Some((name, rest)) = our_name(line) else {
            continue;
        };
        let value = std::str::from_utf8(rest)
            .map_err(|_| "is not in UTF-8")
            .and_then(|rest| match rest.trim_start().strip_prefix('=') {
                Some(text) => value(text.trim()),
                None => Err("is not followed by ="),
            })
            .map_err(|problem| DotenvError::Line {
                line: index + 1,
                name: name.to_owned(),
                problem,
            })?;
        variables.push((name.to_owned(), value.into_owned()));
    }
    Ok(variables)
}

/// The name that a line sets, if it is one of ours, and what follows it.
fn our_name(line: &[u8]) -> Option<(&str, &[u8])> {
    let line = line.trim_ascii_start();
    let line = match line.strip_prefix(b"export") {
        Some(rest) if rest.first().is_some_and(u8::is_ascii_whitespace) => rest.trim_ascii_start(),
        _ => line,
    };
    let length = line
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count();
    let (name, rest) = line.split_at_checked(length)?;
    let name = std::str::from_utf8(name).ok()?;
    // `ARCGIS_TOKEN-OLD` is another name.
    let ends = rest
        .first()
        .is_none_or(|byte| *byte == b'=' || byte.is_ascii_whitespace());
    (name.starts_with(OURS) && ends).then_some((name, rest))
}

fn value(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let (value, rest) = if let Some(inner) = text.strip_prefix('\'') {
        let (value, rest) = inner
            .split_once('\'')
            .ok_or("has a single quote that is not closed on its line")?;
        (Cow::Borrowed(value), rest)
    } else if let Some(inner) = text.strip_prefix('"') {
        let (value, rest) =
            double_quoted(inner).ok_or("has a double quote that is not closed on its line")?;
        (Cow::Owned(value), rest)
    } else {
        let end = if text.starts_with('#') {
            0
        } else {
            text.find(char::is_whitespace).unwrap_or(text.len())
        };
        let (value, rest) = text.split_at(end);
        (Cow::Borrowed(value), rest)
    };
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        return Ok(value);
    }
    Err("has more than a value; put one with blanks or special characters in single quotes")
}

/// What stands before the double quote that closes `inner`, and what behind it.
fn double_quoted(inner: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = inner;
    loop {
        let at = rest.find(['"', '\\'])?;
        let (before, found) = rest.split_at(at);
        value.push_str(before);
        if let Some(behind) = found.strip_prefix('"') {
            return Some((value, behind));
        }
        rest = found.strip_prefix('\\')?;
        match rest.chars().next() {
            Some(c @ ('"' | '\\' | '$')) => {
                value.push(c);
                rest = rest.get(1..)?;
            }
            // `"DOMAIN\name"`
            _ => value.push('\\'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> String {
        let read = read(line.as_bytes()).unwrap();
        assert_eq!(read.len(), 1, "{line}");
        assert_eq!(read[0].0, "ARCGIS_PASSWORD");
        read[0].1.clone()
    }

    #[test]
    fn values_are_what_they_look_like() {
        for (line, value) in [
            ("ARCGIS_PASSWORD=pa$HOME-x", "pa$HOME-x"),
            ("ARCGIS_PASSWORD=\"pa$HOME-${USER}\"", "pa$HOME-${USER}"),
            ("ARCGIS_PASSWORD='pa$HOME \"#\\\\x'", "pa$HOME \"#\\\\x"),
            (r#"ARCGIS_PASSWORD="a \"b\" \\ \$c""#, r#"a "b" \ $c"#),
            (r#"ARCGIS_PASSWORD="DOMAIN\name""#, r"DOMAIN\name"),
            (r"ARCGIS_PASSWORD=DOMAIN\name", r"DOMAIN\name"),
            ("ARCGIS_PASSWORD=p=w#d", "p=w#d"),
            ("ARCGIS_PASSWORD=pw # why", "pw"),
            ("ARCGIS_PASSWORD='p w'# why", "p w"),
            ("  export\tARCGIS_PASSWORD = pw  \r", "pw"),
            ("ARCGIS_PASSWORD=\"\"", ""),
            ("ARCGIS_PASSWORD=", ""),
            ("ARCGIS_PASSWORD= # none", ""),
            ("ARCGIS_PASSWORD=it's", "it's"),
            ("\u{feff}ARCGIS_PASSWORD=ü", "ü"),
        ] {
            assert_eq!(one(line), value, "{line}");
        }
    }

    #[test]
    fn foreign_lines_are_not_looked_at() {
        let text = b"{ x }\nKEY=\"-----BEGIN\nM==\n\"\nA=\xff\n# ARCGIS_A=1\nMY_ARCGIS_A=1\nARCGIS_A-B=\"\nexportARCGIS_A=1\nARCGIS_B=2\r\nARCGIS_B=3";
        let value = |text: &str| ("ARCGIS_B".to_owned(), text.to_owned());
        assert_eq!(read(text).unwrap(), [value("2"), value("3")]);
    }

    #[test]
    fn what_cannot_be_read_is_named_without_the_value() {
        for (line, says) in [
            (&b"ARCGIS_TOKEN hunter2"[..], "="),
            (b"ARCGIS_TOKEN", "="),
            (b"ARCGIS_TOKEN=\"hunter2", "double quote"),
            (b"ARCGIS_TOKEN=\"hunter2\\\"", "double quote"),
            (b"ARCGIS_TOKEN='hunter2", "single quote"),
            (b"ARCGIS_TOKEN=hunter2 two", "single quotes"),
            (b"export ARCGIS_TOKEN='hunter2' two", "single quotes"),
            (b"ARCGIS_TOKEN=hunter2\xff", "UTF-8"),
        ] {
            let error = read(&[b"A=1\r\n", line].concat()).unwrap_err().to_string();
            assert!(error.starts_with("line 2: ARCGIS_TOKEN "), "{error}");
            assert!(
                error.contains(says) && !error.contains("hunter2"),
                "{error}"
            );
        }
        assert_eq!(read(b"\xff\xfeA\0"), Err(DotenvError::Utf16));
    }
}
