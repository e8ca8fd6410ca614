//! How a run ends: its exit code, and the lines that say why.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use arcgis_rest::{auth, export, layer};
use serde::Serialize;
use serde_json::{Value, json};

use crate::spelling;
use crate::verdict::judge;

/// Ids that are listed in JSON; more are counted only.
const MOST_IDS: usize = 10_000;

/// The exit codes, as the help lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All is done.
    Done = 0,
    /// What has no code of its own.
    Other = 1,
    /// Something given does not fit.
    Usage = 2,
    /// Who is asking was not let in.
    Access = 3,
    /// The service or the way to it.
    Service = 4,
    /// Rows lost or doubled, or drift with `--fail-on-drift`.
    Rows = 5,
    /// The output could not be written.
    Output = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error of the command itself, with what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    pub(crate) hint: Option<String>,
    within_result: bool,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
            within_result: false,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The result was printed, and says what is wrong with it: in JSON nothing follows it.
    pub(crate) fn within_result(mut self) -> Self {
        self.within_result = true;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Prints `error: …` and perhaps `hint: …`, with `--json` the same on standard output, and gives the
/// exit code. A reader that went away is no error.
pub(crate) fn conclude(result: anyhow::Result<()>, json: bool) -> Exit {
    let Err(error) = result else {
        return Exit::Done;
    };
    if is_broken_pipe(&error) {
        return Exit::Done;
    }
    let ending = Ending::of(&error);
    let failure = error.downcast_ref::<Failure>();
    if json && !failure.is_some_and(|failure| failure.within_result) {
        ending.print_json();
    }
    let mut stderr = anstream::stderr().lock();
    let red = anstyle::AnsiColor::Red.on_default().bold();
    let cyan = anstyle::AnsiColor::Cyan.on_default();
    // Nobody is left to tell that standard error is closed.
    let _ = writeln!(stderr, "{red}error{red:#}: {}", ending.message);
    if let Some(hint) = &ending.hint {
        let _ = writeln!(stderr, "{cyan}hint{cyan:#}: {hint}");
    }
    ending.code
}

/// How a run failed, for people and for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Ending {
    #[serde(rename = "exit", serialize_with = "number")]
    code: Exit,
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(flatten)]
    rows: serde_json::Map<String, Value>,
}

// The signature is serde's.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn number<S: serde::Serializer>(exit: &Exit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(*exit as u8)
}

impl Ending {
    /// What an error means.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let (code, hint) = judge(error);
        let mut message = spelling::message(error);
        if is_of_standard_output(error) {
            message = format!("standard output could not be written: {message}");
        }
        Self {
            rows: rows(error),
            ..Self::new(code, &message, hint.as_deref())
        }
    }

    fn new(code: Exit, message: &str, hint: Option<&str>) -> Self {
        Self {
            code,
            kind: match code {
                Exit::Done => "done",
                Exit::Other => "other",
                Exit::Usage => "usage",
                Exit::Access => "access",
                Exit::Service => "service",
                Exit::Rows => "rows",
                Exit::Output => "output",
            },
            message: one_line(message),
            hint: hint.map(one_line),
            rows: serde_json::Map::new(),
        }
    }

    /// What is wrong with the arguments themselves.
    pub(crate) fn of_arguments(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        // What is missing stands on lines of its own; what might have been meant, and the usage, behind an empty one.
        let message: Vec<&str> = text
            .lines()
            .map(str::trim)
            .take_while(|line| !line.is_empty())
            .collect();
        let message = message.join(" ");
        let message = message.strip_prefix("error: ").unwrap_or(&message);
        let tip = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("tip: "));
        Self::new(Exit::Usage, message, tip)
    }

    /// Prints it on standard output, where the result would have stood.
    pub(crate) fn print_json(&self) {
        let mut out = io::stdout().lock();
        // Standard error says the same.
        let _ = writeln!(out, "{:#}", json!({ "error": self })).and_then(|()| out.flush());
    }
}

/// The rows that an error is about.
fn rows(error: &anyhow::Error) -> serde_json::Map<String, Value> {
    let mut rows = serde_json::Map::new();
    let mut list = |name: &str, ids: &layer::IdSet| {
        if !ids.is_empty() {
            let listed: Vec<i64> = ids.iter().take(MOST_IDS).collect();
            rows.insert(name.to_owned(), json!(listed));
            rows.insert(format!("{name}_count"), json!(ids.len()));
        }
    };
    match in_library(error) {
        Some(Library::Layer(layer::Error::Incomplete(incomplete))) => {
            list("missing", &incomplete.missing);
            list("doubled", &incomplete.doubled);
            rows.insert("expected_rows".to_owned(), json!(incomplete.expected));
            rows.insert("received_rows".to_owned(), json!(incomplete.received));
        }
        Some(Library::Export(export::Error::Doubled(ids))) => list("doubled", ids),
        Some(Library::Export(export::Error::Drift(drift))) => {
            list("inserted", &drift.inserted);
            list("deleted", &drift.deleted);
            list("updated", &drift.updated);
        }
        _ => {}
    }
    rows
}

/// An error of the libraries, freed of those that only pass it on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Library<'a> {
    Export(&'a export::Error),
    Layer(&'a layer::Error),
    Query(&'a layer::QueryError),
    Auth(&'a auth::Error),
}

/// The error of a library behind an error, if there is one.
pub(crate) fn in_library(error: &anyhow::Error) -> Option<Library<'_>> {
    error.chain().find_map(|cause| {
        if let Some(error) = cause.downcast_ref::<export::Error>() {
            return Some(match error {
                export::Error::Layer(error) => freed(error),
                other => Library::Export(other),
            });
        }
        if let Some(error) = cause.downcast_ref::<layer::Error>() {
            return Some(freed(error));
        }
        if let Some(error) = cause.downcast_ref::<layer::QueryError>() {
            return Some(Library::Query(error));
        }
        cause.downcast_ref::<auth::Error>().map(Library::Auth)
    })
}

fn freed(error: &layer::Error) -> Library<'_> {
    match error {
        layer::Error::Service(error) => Library::Auth(error),
        layer::Error::Query(error) => Library::Query(error),
        other => Library::Layer(other),
    }
}

/// What the service answered, if that is the error.
pub(crate) fn service_error(error: &anyhow::Error) -> Option<&auth::ServiceError> {
    match in_library(error)? {
        Library::Auth(auth::Error::Service(error)) => Some(error),
        _ => None,
    }
}

/// Prints `note: …`.
pub(crate) fn note(text: &str) {
    let yellow = anstyle::AnsiColor::Yellow.on_default();
    // Nobody is left to tell that standard error is closed.
    let _ = writeln!(
        anstream::stderr().lock(),
        "{yellow}note{yellow:#}: {}",
        one_line(text)
    );
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain();
    // Rows go to standard output too; a connection that broke is another matter.
    let bare = match causes.next().and_then(|cause| cause.downcast_ref()) {
        Some(export::Error::Write(_)) => causes.find(|cause| cause.is::<io::Error>()),
        _ => error.chain().next(),
    };
    bare.and_then(|cause| cause.downcast_ref::<io::Error>())
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Whether an I/O error came up bare, which only writing to standard output lets happen.
pub(crate) fn is_of_standard_output(error: &anyhow::Error) -> bool {
    error
        .chain()
        .next()
        .is_some_and(|cause| cause.is::<io::Error>())
}

/// Text of a service, without what could end the line or steer the terminal.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let clean = text.split(|c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}');
    for part in clean.map(str::trim).filter(|part| !part.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(part);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_text_stays_on_its_line() {
        assert_eq!(one_line("a\r\n  b\u{1b}[2Jc\u{2028}d\t"), "a b [2Jc d");
        assert_eq!(one_line(""), "");
    }
}
