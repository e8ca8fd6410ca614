//! The tests: with cargo-nextest where it is installed, else with Cargo's own runner, and the
//! documentation tests always with Cargo's.

use std::fmt;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read, Write as _};
use std::process::Stdio;
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};

use crate::repository::{Repository, announce};
use crate::stage::Verdict;

/// The variable that names the folder of captured server answers.
const CAPTURES: &str = "ARCGIS_CAPTURES";

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    pub(crate) fn any(&self) -> bool {
        *self != Self::default()
    }

    /// Reads the closing line of a test runner, of Cargo's or of nextest.
    fn closing(line: &str) -> Option<Self> {
        let line = plain(line);
        let line = line.trim();
        let numbers = if let Some(rest) = line.strip_prefix("test result:") {
            rest.split_once(". ")?.1.to_owned()
        } else if line.starts_with("Summary [") {
            line.split_once("run: ")?.1.to_owned()
        } else {
            return None;
        };
        let mut counts = Self::default();
        for part in numbers.split([';', ',']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(word)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match word {
                "passed" => counts.passed += number,
                "ignored" | "skipped" => counts.skipped += number,
                // Left out by a filter, or the time that it took.
                "filtered" => {}
                word if word.starts_with("failed")
                    || word.starts_with("timed")
                    || word.starts_with("exec") =>
                {
                    counts.failed += number;
                }
                _ => {}
            }
        }
        Some(counts)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "tests: {} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// Runs all tests of the workspace.
pub(crate) fn run(repository: &Repository) -> Result<Verdict> {
    let captures = captures(repository);
    let variables: Vec<(&str, &str)> = captures
        .as_deref()
        .map(|folder| (CAPTURES, folder))
        .into_iter()
        .collect();
    match std::env::var(CAPTURES).ok().or_else(|| captures.clone()) {
        Some(folder) => println!("real server answers: {folder}"),
        None => {
            println!("{CAPTURES} is not set: tests on real server answers will skip themselves")
        }
    }

    let nextest = repository
        .cargo(&["nextest", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    let first: &[&str] = if nextest {
        &["nextest", "run", "--workspace", "--no-fail-fast"]
    } else {
        println!("cargo-nextest is not installed: Cargo's own runner does the same, slower");
        &["test", "--workspace", "--all-targets", "--no-fail-fast"]
    };
    let mut counts = watch(repository, first, &variables)?;
    counts.add(&watch(
        repository,
        &["test", "--workspace", "--doc", "--no-fail-fast"],
        &variables,
    )?);
    ensure!(counts.passed > 0, "no test ran");
    Ok(Verdict::Tested(counts))
}

/// The captures beside the checkout, unless the caller has named others.
fn captures(repository: &Repository) -> Option<String> {
    if std::env::var_os(CAPTURES).is_some() {
        return None;
    }
    let folder = repository.root().parent()?.join("shared/captures");
    folder.is_dir().then(|| folder.display().to_string())
}

/// Runs a test runner, passes its output on and reads its closing lines.
fn watch(
    repository: &Repository,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Result<Counts> {
    announce(arguments, variables);
    let mut command = repository.cargo(arguments);
    command
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if std::io::stderr().is_terminal() && std::env::var_os("CARGO_TERM_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command.spawn().context("cargo could not be started")?;
    let errors = child.stderr.take().context("no standard error")?;
    let reader = thread::spawn(move || pass(errors, true));
    let mut counts = pass(child.stdout.take().context("no standard output")?, false)?;
    match reader.join() {
        Ok(other) => counts.add(&other?),
        Err(_) => bail!("the output could not be read"),
    }
    let status = child.wait()?;
    ensure!(
        status.success() && counts.failed == 0,
        "`cargo {}`: {counts} ({status})",
        arguments.join(" ")
    );
    Ok(counts)
}

fn pass(from: impl Read, errors: bool) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        if errors {
            std::io::stderr().write_all(&line)?;
        } else {
            std::io::stdout().write_all(&line)?;
        }
        if let Some(run) = Counts::closing(&String::from_utf8_lossy(&line)) {
            counts.add(&run);
        }
        line.clear();
    }
    Ok(counts)
}

/// A line without its colours.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_runners_closing_lines_are_read() {
        let cargo = "test result: FAILED. 11 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.02s\n";
        assert_eq!(
            Counts::closing(cargo),
            Some(Counts {
                passed: 11,
                failed: 2,
                skipped: 1
            })
        );
        let nextest = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.016s] \u{1b}[1m7\u{1b}[0m tests run: \u{1b}[1m4\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m (1 slow), 2 failed, 1 timed out, 5 skipped";
        assert_eq!(
            Counts::closing(nextest),
            Some(Counts {
                passed: 4,
                failed: 3,
                skipped: 5
            })
        );
        assert_eq!(Counts::closing("test a::b ... ok"), None);
    }
}
