//! What `generateToken` answers.

use std::time::SystemTime;

use arcgis_auth_core::http::header::DATE;
use arcgis_auth_core::{Response, Token};
use serde_json::Value;

/// The answer of a token endpoint is far smaller than this, in bytes. One that is longer takes many
/// times its size in memory, and is not read.
pub(crate) const LONGEST_REPLY: u64 = 1024 * 1024;

/// Whether `token` can stand in a header, as every token that a server makes can: what cannot would
/// fail each request in place of the mint.
pub(crate) fn is_sendable(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is wrong with a reply that is no error. Its body is never shown: there may be a token in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GeneratedTokenError {
    #[error("the reply has no token")]
    NoToken,
    #[error("the reply has a token but no valid expiry (expires)")]
    NoExpiry,
    #[error("the token in the reply has expired already")]
    Expired,
    #[error("the token in the reply has characters that no token has")]
    Unsendable,
    #[error("the reply is longer than any with a token")]
    TooLong,
}

/// Reads the token, whose `expires` is by the server's clock; `now` is by this machine's.
pub(crate) fn read(response: Response, now: SystemTime) -> Result<Token, GeneratedTokenError> {
    let date = response
        .headers()
        .get(DATE)
        .and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
    if u64::try_from(response.len()).is_ok_and(|length| length > LONGEST_REPLY) {
        return Err(GeneratedTokenError::TooLong);
    }
    let (_, _, body) = response.into_raw();
    let value: Value = serde_json::from_slice(&body).map_err(|_| GeneratedTokenError::NoToken)?;
    let token = value
        .get("token")
        .and_then(Value::as_str)
        .map(str::trim)
        .filter(|token| !token.is_empty())
        .ok_or(GeneratedTokenError::NoToken)?;
    if !is_sendable(token) {
        return Err(GeneratedTokenError::Unsendable);
    }
    let expires = value.get("expires").ok_or(GeneratedTokenError::NoExpiry)?;
    let token = expires
        .as_i64()
        .or_else(|| expires.as_str()?.trim().parse().ok())
        .and_then(|expires| Token::new(token).with_reported_expiry(expires, date, now))
        .ok_or(GeneratedTokenError::NoExpiry)?;
    let ended = match token.life() {
        Some(life) => life.is_zero(),
        None => token.expires_at().is_some_and(|at| at <= now),
    };
    if ended {
        return Err(GeneratedTokenError::Expired);
    }
    Ok(token)
}
