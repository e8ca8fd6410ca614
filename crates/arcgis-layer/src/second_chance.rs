//! What an answer that cannot be used calls for: the same again, less of it, or nothing.

use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_core::http::HeaderMap;
use arcgis_auth_core::{Bytes, Outcome, Request, Transport, TransportErrorKind, Verdict};

use crate::decode::DecodeError;
use crate::error::Error;
use crate::metadata::document::{Document, Members};

/// How often an answer that cannot be read, or that turned into an error half-way, is asked for again.
pub(crate) const SECOND_CHANCES: u32 = 2;

/// The longest wait that an error late in an answer can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What an answer that cannot be used calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The same again, after a while.
    Again(Duration),
    /// The same again; and if that does not help, less of it.
    AgainOrLess,
    /// Nothing helps.
    None,
}

impl Remedy {
    /// The remedy for what came as the answer to `sent`.
    pub(crate) fn of(sent: &Request, error: &DecodeError) -> Self {
        let many = sent.rows().is_some_and(|rows| rows > 1);
        match error {
            DecodeError::Malformed { .. } if many => Self::AgainOrLess,
            DecodeError::Malformed { .. } => Self::Again(Duration::ZERO),
            DecodeError::Service(service) => {
                match Verdict::from_error(sent, service.clone(), &HeaderMap::new()).outcome() {
                    Outcome::TooBig => Self::AgainOrLess,
                    Outcome::Busy { after } => {
                        Self::Again(after.unwrap_or(Duration::from_secs(1)).min(LONGEST_WAIT))
                    }
                    Outcome::Transient | Outcome::TokenRefused(_) => Self::Again(Duration::ZERO),
                    _ => Self::None,
                }
            }
            _ => Self::None,
        }
    }
}

/// How often a document may still be asked for again.
#[derive(Debug)]
pub(crate) struct Chances(u32);

impl Chances {
    pub(crate) fn new() -> Self {
        Self(SECOND_CHANCES)
    }

    /// Waits as long as it should be waited before `sent` goes out again.
    ///
    /// # Errors
    ///
    /// What the answer's error comes to, if asking again does not help or was done often enough.
    pub(crate) async fn spend(&mut self, sent: &Request, error: DecodeError) -> Result<(), Error> {
        let wait = match Remedy::of(sent, &error) {
            Remedy::Again(wait) => Some(wait),
            Remedy::AgainOrLess => Some(Duration::ZERO),
            Remedy::None => None,
        };
        let Some(wait) = wait.filter(|_| self.0 > 0) else {
            return Err(Error::of_answer(&sent.redacted_url(), error));
        };
        self.0 -= 1;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }
}

/// Sends a request for a document.
pub(crate) async fn send(transport: &dyn Transport, request: &Request) -> Result<Bytes, Error> {
    Ok(transport.send(request.clone()).await?.into_ok()?)
}

/// Asks for a document and takes from it what is wanted. One that cannot be read is asked for again.
pub(crate) async fn ask<T>(
    transport: &dyn Transport,
    request: Request,
    read: impl Fn(Members<'_>) -> Result<T, DecodeError>,
) -> Result<T, Error> {
    let mut chances = Chances::new();
    loop {
        let body = send(transport, &request).await?;
        let result = Document::parse(&request.redacted_url(), &body)
            .and_then(|document| read(document.members()));
        match result {
            Ok(value) => return Ok(value),
            Err(error) => chances.spend(&request, error).await?,
        }
    }
}

/// As [`ask`], for the whole document.
pub(crate) async fn document(
    transport: &dyn Transport,
    request: Request,
) -> Result<Document, Error> {
    let mut chances = Chances::new();
    loop {
        let body = send(transport, &request).await?;
        match Document::parse(&request.redacted_url(), &body) {
            Ok(document) => return Ok(document),
            Err(error) => chances.spend(&request, error).await?,
        }
    }
}

/// Whether less might be had where `sent` was answered with this error.
pub(crate) fn is_about_size(sent: &Request, error: &Error) -> bool {
    match error {
        Error::Service(arcgis_auth_core::Error::Transport(transport)) => matches!(
            transport.kind(),
            TransportErrorKind::Timeout
                | TransportErrorKind::Interrupted
                | TransportErrorKind::TooLarge
        ),
        Error::Service(arcgis_auth_core::Error::Service(service)) => {
            let service = Arc::unwrap_or_clone(Arc::clone(service));
            let verdict = Verdict::from_error(sent, service, &HeaderMap::new());
            verdict.outcome() == Outcome::TooBig
        }
        _ => false,
    }
}
