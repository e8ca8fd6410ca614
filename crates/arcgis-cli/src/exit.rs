//! How a run ends: its exit code, and the lines that say why.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use arcgis_rest::{auth, export, layer};

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
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Prints `error: …` and perhaps `hint: …`, and gives the exit code. A reader that went away is no error.
pub(crate) fn conclude(result: anyhow::Result<()>) -> Exit {
    let Err(error) = result else {
        return Exit::Done;
    };
    if is_broken_pipe(&error) {
        return Exit::Done;
    }
    let (exit, hint) = judge(&error);
    let mut stderr = anstream::stderr().lock();
    let red = anstyle::AnsiColor::Red.on_default().bold();
    let cyan = anstyle::AnsiColor::Cyan.on_default();
    // Nobody is left to tell that standard error is closed.
    let _ = writeln!(
        stderr,
        "{red}error{red:#}: {}",
        one_line(&error.to_string())
    );
    if let Some(hint) = hint {
        let _ = writeln!(stderr, "{cyan}hint{cyan:#}: {}", one_line(&hint));
    }
    exit
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
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

/// The exit code and the hint of the innermost error that is known.
fn judge(error: &anyhow::Error) -> (Exit, Option<String>) {
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return (failure.exit, failure.hint.clone());
        }
        if let Some(error) = cause.downcast_ref::<export::Error>() {
            return of_export(error);
        }
        if let Some(error) = cause.downcast_ref::<layer::Error>() {
            return of_layer(error);
        }
        if let Some(error) = cause.downcast_ref::<auth::Error>() {
            return of_auth(error);
        }
    }
    (Exit::Other, None)
}

fn of_export(error: &export::Error) -> (Exit, Option<String>) {
    match error {
        export::Error::Layer(error) => of_layer(error),
        export::Error::Exists { .. } => (
            Exit::Output,
            hint("--overwrite replaces it once the new file is whole"),
        ),
        export::Error::Unwritable { .. } | export::Error::Write(_) => (Exit::Output, None),
        export::Error::Drift(_) => (
            Exit::Rows,
            hint(
                "run it again when the layer is at rest; without --fail-on-drift this is reported only",
            ),
        ),
        // The answer is a file that the user gave.
        export::Error::Answer(error) => (Exit::Usage, of_decoding(error)),
        _ => (Exit::Other, None),
    }
}

fn of_layer(error: &layer::Error) -> (Exit, Option<String>) {
    match error {
        layer::Error::Service(error) => of_auth(error),
        layer::Error::Address { .. } => (
            Exit::Usage,
            hint("arcgis info <url> lists the layers of a service and the services of a folder"),
        ),
        layer::Error::NotQueryable { .. } => (Exit::Usage, None),
        layer::Error::Query(layer::QueryError::UnknownField { .. }) => {
            (Exit::Usage, hint("arcgis info <layer> lists the fields"))
        }
        layer::Error::Query(_) => (Exit::Usage, None),
        layer::Error::Answer { source, .. } => (Exit::Service, of_decoding(source)),
        layer::Error::Incomplete(_) => (
            Exit::Rows,
            hint(
                "nothing was written; a smaller --page-size or --concurrency 1 helps against some servers",
            ),
        ),
        layer::Error::SpatialReference { .. } => (
            Exit::Service,
            hint("leave --out-sr out to get the layer's own coordinates"),
        ),
        _ => (Exit::Service, None),
    }
}

fn of_decoding(error: &layer::DecodeError) -> Option<String> {
    match error {
        layer::DecodeError::Sink { .. } => {
            hint("--lenient writes null in place of such values and counts them")
        }
        layer::DecodeError::Geometry { .. } => hint("--no-geometry leaves the geometry out"),
        _ => None,
    }
}

fn of_auth(error: &auth::Error) -> (Exit, Option<String>) {
    use auth::{TransportErrorKind as Kind, UnauthorizedReason as Reason};
    match error {
        auth::Error::Config(_) => (Exit::Usage, None),
        auth::Error::Transport(error) => (
            Exit::Service,
            match error.kind() {
                Kind::Tls => hint(
                    "--cacert <file.pem> adds the certificate authority of a server of your own organisation",
                ),
                Kind::Timeout => {
                    hint("--timeout gives more time, --page-size makes answers smaller")
                }
                Kind::Connect => hint("check the host's name and whether a --proxy is needed"),
                Kind::TooLarge => hint("--page-size makes answers smaller"),
                _ => None,
            },
        ),
        auth::Error::Unauthorized(refusal) => (
            Exit::Access,
            match &refusal.reason {
                Reason::NoCredential => hint(
                    "give a token (--token-file, ARCGIS_TOKEN) or sign in (--user with --password-stdin and --portal, \
                     or ARCGIS_USER, ARCGIS_PASSWORD and ARCGIS_PORTAL)",
                ),
                Reason::BoundElsewhere { .. } => hint(
                    "name the server that the credential is for with --portal or ARCGIS_PORTAL, such as https://host/arcgis",
                ),
                _ => hint("the token may have expired, or be one of another server: get a new one"),
            },
        ),
        auth::Error::Forbidden(_) => (
            Exit::Access,
            hint("the account may not see this; another one might"),
        ),
        auth::Error::InvalidCredentials { .. } => (
            Exit::Access,
            hint(
                "check user name, password and --portal; accounts that sign in through their organisation need a token",
            ),
        ),
        auth::Error::Mint { source, .. } => {
            // The way to the portal may be what failed, not who asks.
            let mut cause: Option<&dyn std::error::Error> = Some(source.as_ref());
            let unreachable = std::iter::from_fn(|| {
                let this = cause?;
                cause = this.source();
                Some(this)
            })
            .any(|cause| {
                cause.is::<auth::TransportError>()
                    || matches!(cause.downcast_ref(), Some(auth::Error::Transport(_)))
            });
            let exit = if unreachable {
                Exit::Service
            } else {
                Exit::Access
            };
            (
                exit,
                hint("is --portal (ARCGIS_PORTAL) the place where this user signs in?"),
            )
        }
        auth::Error::Untrusted { .. } => (
            Exit::Access,
            hint("if that place is right, name it with --portal"),
        ),
        // The address stands at the end of the text.
        auth::Error::Service(error)
            if error.code() == 400 && error.to_string().contains("/query") =>
        {
            (
                Exit::Service,
                hint(
                    "a --where or --param that the service does not understand is the usual cause",
                ),
            )
        }
        _ => (Exit::Service, None),
    }
}

// Every arm gives an option.
#[allow(clippy::unnecessary_wraps)]
fn hint(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_text_stays_on_its_line() {
        assert_eq!(one_line("a\r\n  b\u{1b}[2Jc\u{2028}d\t"), "a b [2Jc d");
        assert_eq!(one_line(""), "");
    }

    #[test]
    fn the_cause_decides_the_code() {
        let missing = auth::Error::Config(auth::ConfigError::EmptyToken);
        let code = |error: anyhow::Error| judge(&error).0;
        assert_eq!(code(anyhow::anyhow!("x")), Exit::Other);
        assert_eq!(code(missing.clone().into()), Exit::Usage);
        assert_eq!(
            code(anyhow::Error::from(layer::Error::from(missing)).context("while signing in")),
            Exit::Usage
        );
        let broken = auth::Error::transport(auth::TransportError::new(
            auth::TransportErrorKind::Connect,
            "https://h",
        ));
        assert_eq!(code(broken.clone().into()), Exit::Service);
        let origin = auth::Origin::of(&"https://h".parse().unwrap()).unwrap();
        assert_eq!(
            code(auth::Error::mint(origin.clone(), broken).into()),
            Exit::Service
        );
        assert_eq!(
            code(auth::Error::mint(origin, io::Error::other("no token in it")).into()),
            Exit::Access
        );
        let exists = export::Error::Exists { path: "x".into() };
        assert_eq!(code(exists.into()), Exit::Output);
    }
}
