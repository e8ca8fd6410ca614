//! The examples of the published crates, run as a reader runs them: without arguments.

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
    let mut ran = 0;
    for (name, program) in built(&messages, &published) {
        println!("── {name}");
        let mut example = Command::new(&program);
        example.stdin(Stdio::null()).stdout(Stdio::piped());
        // Their own demo service is what they are to talk to.
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("ARCGIS_") {
                example.env_remove(variable);
            }
        }
        let mut child = example
            .spawn()
            .with_context(|| format!("{} could not be started", program.display()))?;
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
        for line in said.lines().take(10) {
            println!("   {line}");
        }
        ensure!(status.success(), "the example {name} failed ({status})");
        ensure!(!said.trim().is_empty(), "the example {name} says nothing");
        ran += 1;
    }
    ensure!(ran > 0, "there are no examples");
    Ok(Verdict::Passed)
}

/// The names and programs of the examples that lie in one of the folders.
fn built(messages: &str, folders: &[PathBuf]) -> Vec<(String, PathBuf)> {
    let mut examples: Vec<(String, PathBuf)> = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| {
            let target = message.get("target")?;
            let is_example = target
                .get("kind")?
                .as_array()?
                .iter()
                .any(|kind| kind == "example");
            let source = PathBuf::from(target.get("src_path")?.as_str()?);
            let is_theirs = folders.iter().any(|folder| source.starts_with(folder));
            let program = message.get("executable")?.as_str()?;
            (is_example && is_theirs).then(|| {
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
        let names: Vec<String> = built(&messages.join("\n"), &folders)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["one", "two"]);
    }
}
