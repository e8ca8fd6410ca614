//! Redirects, followed without letting a secret along.

use std::sync::Arc;

use arcgis_auth_core::http::header::LOCATION;
use arcgis_auth_core::http::{Method, StatusCode};
use arcgis_auth_core::{
    Access, Body, Error, Origin, Outcome, Request, Response, Transport, TransportError,
    TransportErrorKind, Url, is_secret_parameter,
};
use futures_util::future::{BoxFuture, FutureExt};

use crate::twin::is_secure_twin;

/// How many redirects are followed for one request.
const MOST: usize = 10;

/// A [`Transport`] around a transport that follows up to 10 redirects.
///
/// - From `https` to `http`: never.
/// - From `http` to `https` of the same host, on the ports that belong together (80 and 443, 6080 and
///   6443, 7080 and 7443): as within one origin. What was given for the weaker may go to the stronger.
///   To other ports a request with a secret is not sent: the `https` address has to be given.
/// - To another origin: without the token and without any header that was set on the request. A
///   request whose form holds a secret is not sent there at all, nor a GET in its place, and where the other origin wants a
///   token, that is what the error says.
/// - A GET stays a GET of the new address. A form stays a form on 307 and 308, and on 301 and 302 to
///   the same path (the server moved to another scheme or host); else it becomes a GET of the new
///   address, as on the way to a login page.
/// - A request that may change something follows 307 and 308 within its origin only, and a PUT none.
///
/// What is not followed is [`TransportErrorKind::Redirect`] with the reason, which names where it led.
#[derive(Debug, Clone)]
pub struct Redirect {
    inner: Arc<dyn Transport>,
}

/// Why a redirect is not followed.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("more than {MOST} redirects")]
    TooMany,
    #[error("it leads from https to plain {0}")]
    Downgrade(Origin),
    #[error("it leads to {0}, where the secret in this request does not belong")]
    Secret(Origin),
    #[error("it leads to {0}, and the credential was given for plain http: give the https address")]
    Upgrade(Origin),
    #[error(
        "it leads to {0}, which wants a token, and the one at hand does not belong there: give the address there and a credential for it"
    )]
    TokenStays(Origin),
    #[error("it leads to {0}, and a request that may change something is not sent twice")]
    Write(Origin),
    #[error(
        "it leads to {0}, and what is put somewhere is not put elsewhere: give the address there"
    )]
    Place(Origin),
    #[error("it leads to what is neither http nor https")]
    Scheme,
}

impl Redirect {
    /// Follows the redirects that `inner` answers with.
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>) -> Self {
        Self { inner }
    }
}

impl Transport for Redirect {
    fn send(&self, mut request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            let first = request.clone();
            let mut left_secret_for = None;
            for _ in 0..=MOST {
                let response = self.inner.send(request.clone()).await?;
                let Some(location) = location(&request, &response) else {
                    return match left_secret_for {
                        Some(there) if matches!(response.outcome(), Outcome::TokenRefused(_)) => {
                            Err(refused(&first, Refused::TokenStays(there)))
                        }
                        _ => Ok(response),
                    };
                };
                let next = follow(request.clone(), response.status(), location)?;
                let there = Origin::of(next.url())?;
                let elsewhere = !is_one_server(&Origin::of(request.url())?, &there);
                if elsewhere && first.carries_secret() {
                    left_secret_for = Some(there);
                }
                request = next;
            }
            Err(refused(&request, Refused::TooMany))
        }
        .boxed()
    }
}

fn refused(request: &Request, why: Refused) -> Error {
    let error = TransportError::new(TransportErrorKind::Redirect, request.redacted_url());
    Error::transport(error.with_source(why))
}

/// Where an answer leads, if it is a redirect to an address that can be read.
fn location(request: &Request, response: &Response) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let text = response.headers().get(LOCATION)?.to_str().ok()?;
    let mut url = request.url().join(text).ok()?;
    // A user name in a URL that a server made up is nobody's credential.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(url)
}

fn follow(request: Request, status: StatusCode, location: Url) -> Result<Request, Error> {
    let from = Origin::of(request.url())?;
    let Ok(to) = Origin::of(&location) else {
        return Err(refused(&request, Refused::Scheme));
    };
    if from.is_https() && !to.is_https() {
        return Err(refused(&request, Refused::Downgrade(to)));
    }
    let same_origin = is_one_server(&from, &to);
    let upgrade = from.host() == to.host() && !from.is_https() && to.is_https();
    if upgrade && !same_origin && request.carries_secret() {
        return Err(refused(&request, Refused::Upgrade(to)));
    }
    if request.access() == Access::Replace {
        return Err(refused(&request, Refused::Place(to)));
    }
    let same_method = matches!(status.as_u16(), 307 | 308);
    if request.access() != Access::Read && !(same_origin && same_method) {
        return Err(refused(&request, Refused::Write(to)));
    }
    // Nor without its secret: what comes back from there is no answer to who signs in here.
    let signs_in = request.clone().without_token().without_headers();
    if !same_origin && signs_in.carries_secret() {
        return Err(refused(&request, Refused::Secret(to)));
    }
    let form = request.to_http()?.method() == Method::POST;
    let moved = status != StatusCode::SEE_OTHER && same_path(request.url(), &location);

    let mut next = if same_origin {
        request.clone()
    } else {
        request.clone().without_token().without_headers()
    };
    if !(form && (same_method || moved)) {
        next = next.without_params().with_body(Body::Auto);
    }
    for (name, value) in location.query_pairs() {
        if name.eq_ignore_ascii_case("token") && next.token().is_some() {
            // The server echoes the query; the token travels where it is placed already.
            continue;
        }
        next = if is_secret_parameter(&name) {
            next.with_secret_param(name.into_owned(), value.into_owned().into())
        } else {
            next.with_param(name.into_owned(), value.into_owned())
        };
    }
    if !same_origin && next.carries_secret() {
        return Err(refused(&request, Refused::Secret(to)));
    }
    Ok(next.with_url(location))
}

/// Whether what was given for `from` may go to `to`.
fn is_one_server(from: &Origin, to: &Origin) -> bool {
    from == to || is_secure_twin(from, to)
}

fn same_path(one: &Url, other: &Url) -> bool {
    let path = |url: &Url| url.path().trim_end_matches('/').to_ascii_lowercase();
    path(one) == path(other)
}

#[cfg(test)]
#[path = "redirect_tests.rs"]
mod tests;
