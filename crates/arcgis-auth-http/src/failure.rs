//! What a failed exchange was, read off the chain of causes.

use std::error::Error as StdError;
use std::io;

use arcgis_auth_core::TransportErrorKind;

use crate::body::BodyError;
#[cfg(feature = "hyper")]
use crate::dialer::NotInTime;

/// The texts along a chain of causes, as one. They come from hyper, rustls and the operating
/// system, none of which knows the request's URL or headers.
#[derive(Debug)]
pub(crate) struct Causes(String);

impl Causes {
    pub(crate) fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut texts: Vec<String> = Vec::new();
        let mut hint = None;
        for cause in chain(error) {
            let text = cause.to_string();
            if wants_certificate(cause) {
                hint = Some("the server wants a client certificate");
            }
            // An I/O error repeats what it wraps.
            if texts.last().is_none_or(|last| !last.ends_with(&text)) {
                texts.push(text);
            }
        }
        // "client error (Connect)" says nothing that the kind does not.
        if texts.len() > 1
            && texts
                .first()
                .is_some_and(|text| text.starts_with("client error"))
        {
            texts.remove(0);
        }
        texts.extend(hint.map(str::to_owned));
        Self(texts.join(": "))
    }

    /// The same, with the proxy that stands in the way.
    #[cfg(feature = "hyper")]
    pub(crate) fn by_way_of(self, proxy: Option<String>) -> Self {
        match proxy {
            Some(proxy) => Self(format!("by way of the proxy {proxy}: {}", self.0)),
            None => self,
        }
    }
}

impl std::fmt::Display for Causes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Causes {}

fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| cause_of(*error))
}

/// The cause of an error. An I/O error's own `source` skips the error that it wraps.
fn cause_of<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// The kind of a failed exchange; `connecting` if there was no connection yet.
pub(crate) fn kind(error: &(dyn StdError + 'static), connecting: bool) -> TransportErrorKind {
    for cause in chain(error) {
        #[cfg(feature = "hyper")]
        if let Some(kind) = hyper_kind(cause, connecting) {
            return kind;
        }
        if let Some(body) = cause.downcast_ref::<BodyError>() {
            match body {
                BodyError::TooLarge(_) => return TransportErrorKind::TooLarge,
                BodyError::Short => return TransportErrorKind::Interrupted,
                BodyError::Damaged(_) | BodyError::Encoding => return TransportErrorKind::Protocol,
                #[cfg(feature = "hyper")]
                BodyError::Late(_) => return TransportErrorKind::Timeout,
                #[cfg(feature = "hyper")]
                BodyError::Sink(_) => return TransportErrorKind::Sink,
                BodyError::Broken(_) => {}
            }
        }
    }
    if connecting {
        TransportErrorKind::Connect
    } else {
        TransportErrorKind::Interrupted
    }
}

#[cfg(feature = "hyper")]
fn hyper_kind(cause: &(dyn StdError + 'static), connecting: bool) -> Option<TransportErrorKind> {
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        // Under TLS 1.3 a server refuses the client after the handshake, by an alert.
        if connecting || matches!(tls, rustls::Error::AlertReceived(_)) {
            return Some(TransportErrorKind::Tls);
        }
    }
    if cause.is::<NotInTime>() {
        return Some(TransportErrorKind::Connect);
    }
    match cause.downcast_ref::<hyper::Error>() {
        Some(http) if !connecting && http.is_parse() => Some(TransportErrorKind::Protocol),
        Some(http) if !connecting && http.is_timeout() => Some(TransportErrorKind::Timeout),
        _ => None,
    }
}

#[cfg(feature = "hyper")]
fn wants_certificate(cause: &(dyn StdError + 'static)) -> bool {
    use rustls::AlertDescription::CertificateRequired;
    matches!(
        cause.downcast_ref(),
        Some(rustls::Error::AlertReceived(CertificateRequired))
    )
}

#[cfg(not(feature = "hyper"))]
fn wants_certificate(_: &(dyn StdError + 'static)) -> bool {
    false
}

/// The kind of a failure in a stack that is not ours: what can be read off the system's errors.
#[cfg(any(feature = "tower", feature = "reqwest"))]
pub(crate) fn foreign_kind(error: &(dyn StdError + 'static)) -> TransportErrorKind {
    for cause in chain(error) {
        #[cfg(feature = "hyper")]
        if cause.is::<rustls::Error>() {
            return TransportErrorKind::Tls;
        }
        match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(
                io::ErrorKind::ConnectionRefused
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::AddrNotAvailable,
            ) => return TransportErrorKind::Connect,
            Some(io::ErrorKind::TimedOut) => return TransportErrorKind::Timeout,
            _ => {}
        }
    }
    kind(error, false)
}
