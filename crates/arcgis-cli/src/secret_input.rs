//! Secrets that are typed or piped in.

use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use anyhow::Result;
use arcgis_rest::auth::{ExposeSecret, SecretString};

use crate::exit::Failure;

/// More than any token or password has.
const MOST_BYTES: u64 = 64 * 1024;

/// Whose secret is asked for, and so what to say where nobody can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secret {
    User,
    Application,
    WebTier,
}

impl Secret {
    fn nobody_to_ask(self) -> Failure {
        match self {
            Self::User => {
                Failure::usage("the password is asked for, and there is no terminal to ask at")
                    .with_hint("--password-stdin reads it from standard input")
            }
            Self::Application => Failure::usage(
                "the application's secret is asked for, and there is no terminal to ask at",
            )
            .with_hint("--password-stdin reads it from standard input"),
            Self::WebTier => Failure::usage(
                "--basic-user: the password is asked for, and there is no terminal to ask at",
            )
            .with_hint("set ARCGIS_BASIC_PASSWORD"),
        }
    }
}

/// Asks at the terminal, without showing what is typed.
pub(crate) async fn ask(prompt: String, secret: Secret) -> Result<SecretString> {
    if !io::stdin().is_terminal() {
        return Err(secret.nobody_to_ask().into());
    }
    let typed = tokio::task::spawn_blocking(move || {
        let mut stderr = io::stderr().lock();
        // Standard output is for results.
        write!(stderr, "{prompt}").and_then(|()| stderr.flush())?;
        drop(stderr);
        rpassword::read_password().map(SecretString::from)
    })
    .await?
    .map_err(|error| Failure::usage(format!("nothing could be asked at the terminal: {error}")))?;
    if typed.expose_secret().is_empty() {
        return Err(Failure::usage("nothing was typed").into());
    }
    Ok(typed)
}

/// The content of a token file.
pub(crate) fn read_token(path: &Path) -> Result<SecretString> {
    let named = |problem: &dyn std::fmt::Display| {
        Failure::usage(format!("--token-file {}: {problem}", path.display()))
    };
    let file = fs::File::open(path).map_err(|error| named(&error))?;
    let token = read_secret(file).map_err(|problem| named(&problem))?;
    let trimmed = token.expose_secret().trim();
    if trimmed.is_empty() {
        return Err(named(&"the file is empty").into());
    }
    if trimmed.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(named(&"a token is one word, and the file holds more").into());
    }
    Ok(SecretString::from(trimmed))
}

/// The password on standard input, without the line's end.
pub(crate) fn read_password() -> Result<SecretString> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::usage(
            "--password-stdin reads a pipe or a file, and standard input is a terminal that would show the password",
        )
        .with_hint("arcgis … --password-stdin < file, or: password-manager show gis | arcgis … --password-stdin")
        .into());
    }
    let text = read_secret(stdin.lock())
        .map_err(|problem| Failure::usage(format!("--password-stdin: {problem}")))?;
    let password = text.expose_secret();
    let password = password.strip_suffix('\n').unwrap_or(password);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Failure::usage("--password-stdin: standard input is empty").into());
    }
    Ok(SecretString::from(password))
}

/// One line of standard input: a code that is good once and for minutes, so that it may be seen.
pub(crate) async fn read_code() -> Result<SecretString> {
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let read = io::stdin().lines().next();
        if let Some(text) = read {
            line = text?;
        }
        Ok::<_, io::Error>(SecretString::from(line))
    })
    .await?
    .map_err(|error| Failure::usage(format!("standard input: {error}")))?;
    if !io::stdin().is_terminal() {
        // At a terminal the user's own Enter has ended the line of the prompt.
        let _ = writeln!(io::stderr());
    }
    if line.expose_secret().trim().is_empty() {
        return Err(Failure::usage("no code was pasted").into());
    }
    Ok(SecretString::from(line.expose_secret().trim()))
}

fn read_secret(source: impl Read) -> Result<SecretString, String> {
    let mut text = String::new();
    source
        .take(MOST_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    // Wrapped first, so that it is wiped on every way out.
    let secret = SecretString::from(text);
    if secret.expose_secret().len() as u64 > MOST_BYTES {
        return Err(format!("it is longer than {MOST_BYTES} bytes"));
    }
    Ok(secret)
}
