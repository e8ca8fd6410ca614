//! Who is asking: one credential out of one source.

use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use anyhow::Result;
use arcgis_rest::auth::{ARCGIS_ONLINE, Credentials, ExposeSecret, Portal, SecretString, Url};

use crate::args::CredentialArgs;
use crate::exit::Failure;

/// More than any token or password has.
const MOST_BYTES: u64 = 64 * 1024;

/// The file in the working folder that counts where the environment has nothing.
const DOTENV: &str = ".env";

impl CredentialArgs {
    /// The credential for `url`: `pasted` with it, else of the options, else of the environment, else of
    /// `.env`. Secret and portal always come from the same one of them.
    pub(crate) fn resolve(&self, url: &Url, pasted: Option<Credentials>) -> Result<Credentials> {
        let optional = self.given(url)?;
        match (pasted, optional) {
            (Some(_), Some(_)) => Err(Failure::usage(
                "the address has a token, and the options give another credential: give one of them",
            )
            .into()),
            (Some(credentials), None) | (None, Some(credentials)) => Ok(credentials),
            (None, None) if self.portal.is_some() => Err(Failure::usage(
                "--portal says where a credential belongs, and no option gives one",
            )
            .with_hint(
                "add --token-file, or --user with --password-stdin; for a credential of the environment set ARCGIS_PORTAL",
            )
            .into()),
            (None, None) => from_surroundings(),
        }
    }

    /// Whether an option gives a credential, or says where one belongs.
    #[cfg(feature = "demo")]
    pub(crate) fn any_given(&self) -> bool {
        self.token_file.is_some() || self.user.is_some() || self.portal.is_some()
    }

    fn given(&self, url: &Url) -> Result<Option<Credentials>> {
        let portal = self
            .portal
            .as_deref()
            .map(|text| {
                Portal::parse(text).map_err(|error| Failure::usage(format!("--portal: {error}")))
            })
            .transpose()?;
        if let Some(path) = &self.token_file {
            let token = read_token(path)?;
            return Ok(Some(match portal {
                Some(portal) => Credentials::token(&portal, token)?,
                None => Credentials::token_for(url, token)?,
            }));
        }
        let Some(user) = &self.user else {
            return Ok(None);
        };
        let portal = match portal {
            Some(portal) => portal,
            None => Portal::parse(ARCGIS_ONLINE)?,
        };
        // The user name is checked before anything is read.
        if user.trim().is_empty() {
            return Err(Failure::usage("--user: the name is empty").into());
        }
        let password = read_password()?;
        Ok(Some(Credentials::user_password(user, password, portal)?))
    }
}

fn from_surroundings() -> Result<Credentials> {
    if let Some(credentials) = Credentials::from_env()? {
        return Ok(credentials);
    }
    let dotenv = Path::new(DOTENV);
    // A file of another program's, in whatever form, is nobody's business here.
    let mentions_us = fs::read(dotenv).is_ok_and(|bytes| {
        bytes
            .windows(b"ARCGIS_".len())
            .any(|part| part == b"ARCGIS_")
    });
    if !mentions_us {
        return Ok(Credentials::Anonymous);
    }
    Ok(Credentials::from_dotenv(dotenv)?.unwrap_or(Credentials::Anonymous))
}

/// The content of a token file.
fn read_token(path: &Path) -> Result<SecretString> {
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
