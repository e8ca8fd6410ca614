//! The examples of the published crates and those of the command, run as a reader runs them: without arguments.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::repository::{Repository, announce};
use crate::stage::Verdict;

/// None of them takes longer than a moment.
const LIMIT: Duration = Duration::from_secs(60);

/// Builds all and runs each; fails when one fails, says nothing, or does not end.
pub(crate) fn run(repository: &Repository) -> Result<Verdict> {
    // As the suites build them, so that nothing is built twice.
    let arguments = [
        "build",
        "--workspace",
        "--examples",
        "--bin",
        "arcgis",
        "--message-format",
        "json-render-diagnostics",
    ];
    announce(&arguments, &[]);
    let messages = repository.read(&arguments)?;
    let published: Vec<PathBuf> = repository
        .members()?
        .into_iter()
        .filter(|member| member.published)
        .map(|member| member.folder)
        .collect();
    let mut examples: Vec<(String, Command)> = built(&messages, "example", &published)
        .into_iter()
        .map(|(name, program)| (name, Command::new(program)))
        .collect();
    ensure!(!examples.is_empty(), "there are no examples");
    examples.extend(scripts(repository, &messages, &published)?);
    for (name, example) in examples {
        println!("── {name}");
        let said = said(&name, example)?;
        for line in said.lines().take(10) {
            println!("   {line}");
        }
        ensure!(!said.trim().is_empty(), "the example {name} says nothing");
    }
    Ok(Verdict::Passed)
}

/// What an example says until it ends, well.
fn said(name: &str, mut example: Command) -> Result<String> {
    example.stdin(Stdio::null()).stdout(Stdio::piped());
    // Their own demo service is what they are to talk to.
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("ARCGIS_") {
            example.env_remove(variable);
        }
    }
    let mut child = example
        .spawn()
        .with_context(|| format!("the example {name} could not be started"))?;
    let mut stdout = child.stdout.take().context("no standard output")?;
    let reader = thread::spawn(move || std::io::read_to_string(&mut stdout));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if began.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            bail!("the example {name} did not end within {LIMIT:?}");
        }
        thread::sleep(Duration::from_millis(20));
    };
    let said = match reader.join() {
        Ok(said) => said?,
        Err(_) => bail!("the output of {name} could not be read"),
    };
    ensure!(status.success(), "the example {name} failed ({status})");
    Ok(said)
}

/// The scripts in `examples/command`, with the command that was built; none where there is no shell for them.
fn scripts(
    repository: &Repository,
    messages: &str,
    published: &[PathBuf],
) -> Result<Vec<(String, Command)>> {
    if !cfg!(unix) {
        return Ok(Vec::new());
    }
    let commands = built(messages, "bin", published);
    let arcgis = commands.into_iter().find(|(name, _)| name == "arcgis");
    let (_, arcgis) = arcgis.context("the command was not built")?;
    let mut scripts = Vec::new();
    for entry in fs::read_dir(repository.root().join("examples/command"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut script = Command::new("sh");
        script.arg(&path).env("ARCGIS", &arcgis);
        scripts.push((name.into_owned(), script));
    }
    ensure!(!scripts.is_empty(), "there are no scripts");
    Ok(scripts)
}

/// The names and programs of this kind that lie in one of the folders.
fn built(messages: &str, wanted: &str, folders: &[PathBuf]) -> Vec<(String, PathBuf)> {
    let mut examples: Vec<(String, PathBuf)> = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| {
            let target = message.get("target")?;
            let is_wanted = target
                .get("kind")?
                .as_array()?
                .iter()
                .any(|kind| kind == wanted);
            let source = PathBuf::from(target.get("src_path")?.as_str()?);
            let is_theirs = folders.iter().any(|folder| source.starts_with(folder));
            let program = message.get("executable")?.as_str()?;
            (is_wanted && is_theirs).then(|| {
                Some((
                    target.get("name")?.as_str()?.to_owned(),
                    PathBuf::from(program),
                ))
            })?
        })
        .collect();
    examples.sort();
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_the_published_crates_are_found() {
        let message = |kind: &str, path: &str, name: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"kind":["{kind}"],"name":"{name}","src_path":"{path}"}},"executable":"/t/{name}"}}"#
            )
        };
        let messages = [
            message("example", "/r/crates/b/examples/two.rs", "two"),
            message("example", "/r/tests/examples/soak/main.rs", "soak"),
            message("bin", "/r/crates/b/src/main.rs", "tool"),
            message("example", "/r/crates/a/examples/one.rs", "one"),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ];
        let folders = [PathBuf::from("/r/crates/a"), PathBuf::from("/r/crates/b")];
        let names = |kind: &str| -> Vec<String> {
            let built = built(&messages.join("\n"), kind, &folders).into_iter();
            built.map(|(name, _)| name).collect()
        };
        assert_eq!(names("example"), ["one", "two"]);
        assert_eq!(names("bin"), ["tool"]);
    }
}
