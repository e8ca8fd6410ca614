//! What a portal's token endpoint answers.

use std::time::{Duration, SystemTime};

use arcgis_auth_core::{ExposeSecret, Response, SecretString, ServiceError, Token};
use serde_json::Value;

use super::error::OAuthError;
use crate::generated_token::{LONGEST_REPLY, is_sendable};
use crate::who_am_i::text as shown;

/// The life of an access token whose reply names none: Esri's default for user logins.
const DEFAULT_LIFE: Duration = Duration::from_secs(1800);

/// So long a life is taken as for ever, so that no clock overflows.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// A reply that holds a token. ArcGIS sends no `token_type`, which RFC 6749 demands.
pub(crate) struct TokenReply {
    pub(crate) access_token: Option<SecretString>,
    /// `None` if what the reply says of it is no life.
    pub(crate) life: Option<Duration>,
    pub(crate) refresh_token: Option<SecretString>,
    pub(crate) refresh_life: Option<Duration>,
    pub(crate) username: Option<String>,
}

impl TokenReply {
    /// Reads the answer to a request for a token. What is wrong with one of its tokens is said when that
    /// one is asked for: an exchange has ended the old refresh token already, so that the new one
    /// counts whatever stands beside it.
    pub(crate) fn read(response: Response) -> Result<Self, OAuthError> {
        if u64::try_from(response.len()).is_ok_and(|length| length > LONGEST_REPLY) {
            return Err(OAuthError::Malformed("is longer than any with a token"));
        }
        let (_, _, body) = response.into_raw();
        let value: Value =
            serde_json::from_slice(&body).map_err(|_| OAuthError::Malformed("is not JSON"))?;
        let life = match value.get("expires_in") {
            None | Some(Value::Null) => Some(DEFAULT_LIFE),
            Some(seconds) => life(seconds),
        };
        Ok(Self {
            access_token: text(&value, "access_token").map(SecretString::from),
            life,
            refresh_token: text(&value, "refresh_token").map(SecretString::from),
            refresh_life: value.get("refresh_token_expires_in").and_then(self::life),
            username: shown(&value, "username"),
        })
    }

    /// The access token, which `now` counts from.
    pub(crate) fn token(&self, now: SystemTime) -> Result<Token, OAuthError> {
        let value = self
            .access_token
            .clone()
            .ok_or(OAuthError::Malformed("has no access_token"))?;
        if !is_sendable(value.expose_secret()) {
            return Err(OAuthError::Malformed(
                "has an access_token with characters that no token has",
            ));
        }
        let life = self
            .life
            .ok_or(OAuthError::Malformed("has no valid expires_in"))?;
        let token = Token::new(value).with_life(life);
        Ok(match now.checked_add(life) {
            Some(at) => token.with_expiry(at),
            None => token,
        })
    }

    /// When the refresh token ends, as `now` tells.
    pub(crate) fn refresh_expires_at(&self, now: SystemTime) -> Option<SystemTime> {
        now.checked_add(self.refresh_life?)
    }
}

fn text(value: &Value, member: &str) -> Option<String> {
    let text = value.get(member)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Seconds, as a number or in quotes; more than none.
fn life(value: &Value) -> Option<Duration> {
    let seconds = value
        .as_f64()
        .or_else(|| value.as_str()?.trim().parse().ok())?;
    let life = Duration::try_from_secs_f64(seconds).ok()?;
    (!life.is_zero()).then_some(life.min(LONGEST_LIFE))
}

/// Which of its errors a token endpoint gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The grant: a code or a refresh token that is not good (any more).
    Grant,
    /// The client id is not known.
    Client,
    /// The client secret is wrong.
    Secret,
    /// The redirect address is not registered.
    Redirect,
    Other,
}

/// Tells the errors apart: by the kind (`error` as RFC 6749 names it, which ArcGIS puts inside its own
/// `error` object) and by the words, since ArcGIS says `invalid_request` of many things.
pub(crate) fn refusal(response: &Response, error: &ServiceError) -> Refused {
    let (_, _, body) = response.clone().into_raw();
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    match value.get("error") {
        Some(Value::String(kind)) => refusal_of(kind, error),
        Some(object) => refusal_of(
            object.get("error").and_then(Value::as_str).unwrap_or(""),
            error,
        ),
        // A gateway's page is not the portal's word about a credential.
        None => Refused::Other,
    }
}

/// As [`refusal`], of an error of `kind`.
pub(crate) fn refusal_of(kind: &str, error: &ServiceError) -> Refused {
    let says = |words: &[&str]| words.iter().any(|word| error.mentions(word));
    let absent = says(&[
        "not specified",
        "must be specified",
        "is required",
        "missing",
    ]);
    match kind {
        "invalid_grant" => return Refused::Grant,
        "invalid_client_id" => return Refused::Client,
        "invalid_client_secret" => return Refused::Secret,
        "redirect_uri_mismatch" | "invalid_redirect_uri" => return Refused::Redirect,
        _ => {}
    }
    if absent {
        return Refused::Other;
    }
    if says(&["client_secret", "client secret"]) {
        return Refused::Secret;
    }
    if says(&["client_id", "client id"]) {
        return Refused::Client;
    }
    if says(&["redirect_uri", "redirect uri"]) {
        return Refused::Redirect;
    }
    // Portals say "Invalid refresh_token" under 498 and `invalid_request`.
    if says(&[
        "refresh_token",
        "refresh token",
        "code_verifier",
        "authorization code",
    ]) {
        return Refused::Grant;
    }
    match kind {
        // RFC 6749: client authentication failed.
        "invalid_client" => Refused::Secret,
        _ if error.code() == 498 => Refused::Grant,
        _ => Refused::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arcgis_auth_core::Request;
    use arcgis_auth_core::http::{HeaderMap, StatusCode};

    fn answer(status: u16, body: &str) -> Response {
        let request = Request::read("https://h/sharing/rest/oauth2/token".parse().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        Response::judge(&request, status, HeaderMap::new(), body.to_owned().into())
    }

    #[test]
    fn a_reply_needs_no_token_type() {
        let reply = TokenReply::read(answer(
            200,
            r#"{"access_token":"a","expires_in":1800,"username":"me","ssl":true,"refresh_token":"r","refresh_token_expires_in":"1209600"}"#,
        ))
        .unwrap();
        assert_eq!(reply.life, Some(Duration::from_secs(1800)));
        assert_eq!(reply.refresh_life, Some(Duration::from_secs(1_209_600)));
        assert_eq!(reply.username.as_deref(), Some("me"));
        let token = reply.token(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(token.expose(), "a");
        assert_eq!(token.life(), Some(Duration::from_secs(1800)));
    }

    #[test]
    fn a_life_is_more_than_nothing_and_less_than_for_ever() {
        let life = |text: &str| {
            TokenReply::read(answer(200, &format!(r#"{{"access_token":"a"{text}}}"#)))
                .and_then(|reply| reply.token(SystemTime::UNIX_EPOCH))
                .map(|token| token.life().unwrap().as_secs())
                .map_err(|error| error.to_string())
        };
        assert_eq!(life(""), Ok(1800));
        assert_eq!(life(r#","expires_in":null"#), Ok(1800));
        assert_eq!(life(r#","expires_in":"7200""#), Ok(7200));
        assert_eq!(
            life(r#","expires_in":1e300"#).unwrap_err(),
            "the reply has no valid expires_in"
        );
        assert!(life(r#","expires_in":9007199254740993"#).unwrap() < 400_000_000);
        for bad in [
            "0", "-5", "\"soon\"", "\"NaN\"", "\"inf\"", "{}", "[]", "true",
        ] {
            assert!(life(&format!(r#","expires_in":{bad}"#)).is_err(), "{bad}");
        }
    }

    #[test]
    fn errors_come_as_objects_and_as_texts_under_200_and_400() {
        let cases = [
            (
                r#"{"error":{"code":400,"error":"invalid_grant","error_description":"Invalid refresh_token","message":"Invalid refresh_token","details":[]}}"#,
                Refused::Grant,
            ),
            (
                r#"{"error":"invalid_grant","error_description":"refresh token expired"}"#,
                Refused::Grant,
            ),
            (
                r#"{"error":{"code":498,"error":"invalid_request","error_description":"Invalid refresh_token","message":"Invalid refresh_token","details":[]}}"#,
                Refused::Grant,
            ),
            (
                r#"{"error":{"code":498,"message":"Invalid token.","details":[]}}"#,
                Refused::Grant,
            ),
            (
                r#"{"error":{"code":400,"error":"invalid_client_id","error_description":"Invalid client_id","message":"Invalid client_id","details":[]}}"#,
                Refused::Client,
            ),
            (
                r#"{"error":{"code":400,"error":"invalid_request","error_description":"Invalid client_id","message":"Invalid client_id"}}"#,
                Refused::Client,
            ),
            (
                r#"{"error":{"code":400,"error":"invalid_client","error_description":"Invalid client_secret","message":"Invalid client_secret"}}"#,
                Refused::Secret,
            ),
            (r#"{"error":"invalid_client"}"#, Refused::Secret),
            (
                r#"{"error":{"code":400,"error":"invalid_request","error_description":"client_secret not specified","message":"client_secret not specified"}}"#,
                Refused::Other,
            ),
            (
                r#"{"error":{"code":400,"error":"invalid_request","error_description":"Invalid redirect_uri","message":"Invalid redirect_uri"}}"#,
                Refused::Redirect,
            ),
            (
                r#"{"error":{"code":400,"error":"invalid_request","error_description":"grant_type not supported","message":""}}"#,
                Refused::Other,
            ),
            (r#"{"error":"unauthorized_client"}"#, Refused::Other),
        ];
        for (body, meant) in cases {
            for status in [200, 400] {
                let response = answer(status, body);
                let error = response.verdict().error().unwrap().clone();
                assert_eq!(refusal(&response, &error), meant, "{body}");
            }
        }
        let page = answer(403, "<html><title>Invalid client_secret</title></html>");
        let error = page.verdict().error().unwrap().clone();
        assert_eq!(refusal(&page, &error), Refused::Other);
    }
}
