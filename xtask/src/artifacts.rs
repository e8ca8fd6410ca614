//! What cargo has built: where its programs and libraries lie.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::repository::{Repository, announce};

/// The messages of one build.
pub(crate) struct Artifacts(String);

impl Artifacts {
    /// Runs `cargo build` with these arguments.
    pub(crate) fn build(repository: &Repository, arguments: &[&str]) -> Result<Self> {
        let mut whole = vec!["build"];
        whole.extend(arguments);
        whole.extend(["--message-format", "json-render-diagnostics"]);
        announce(&whole, &[]);
        Ok(Self(repository.read(&whole)?))
    }

    /// The program of this name, or the library that other programs load.
    pub(crate) fn file(&self, name: &str) -> Result<PathBuf> {
        self.0
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find_map(|message| file(&message, name))
            .with_context(|| format!("cargo built no `{name}`"))
    }
}

fn file(message: &Value, name: &str) -> Option<PathBuf> {
    if message.get("target")?.get("name")?.as_str()? != name {
        return None;
    }
    if let Some(program) = message.get("executable")?.as_str() {
        return Some(PathBuf::from(program));
    }
    let files = message.get("filenames")?.as_array()?;
    let mut files = files.iter().filter_map(Value::as_str);
    files
        .find(|file| Path::new(file).extension().is_some_and(is_library))
        .map(PathBuf::from)
}

/// Whether a file of this extension is one that programs load.
fn is_library(extension: &OsStr) -> bool {
    ["so", "dylib", "dll"]
        .iter()
        .any(|library| extension == *library)
}

#[cfg(test)]
mod tests {
    use super::Artifacts;

    #[test]
    fn a_program_goes_before_a_library_and_other_targets_are_passed_over() {
        let built = Artifacts(
            [
                r#"{"reason":"build-script-executed"}"#,
                r#"{"target":{"name":"other"},"filenames":["/t/other"],"executable":"/t/other"}"#,
                r#"{"target":{"name":"arcgis"},"filenames":["/t/arcgis"],"executable":"/t/arcgis"}"#,
                r#"{"target":{"name":"module"},"filenames":["/t/m.rlib","/t/m.so"],"executable":null}"#,
                r#"{"target":{"name":"plain"},"filenames":["/t/plain.rlib"],"executable":null}"#,
            ]
            .join("\n"),
        );
        let file = |name| built.file(name).map(|path| path.display().to_string());
        assert_eq!(file("arcgis").ok().as_deref(), Some("/t/arcgis"));
        assert_eq!(file("module").ok().as_deref(), Some("/t/m.so"));
        let missing = file("plain").err().map(|error| error.to_string());
        assert_eq!(missing.as_deref(), Some("cargo built no `plain`"));
    }
}
