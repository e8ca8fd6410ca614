//! OAuth 2 as a portal speaks it: the sign-in page, the token endpoint, revocation.

pub(crate) mod authorize;
pub(crate) mod grant;
mod pkce;
pub(crate) mod revoke;

use serde_json::json;

use crate::answer::{Answer, JSON};
use crate::guard::Guard;
use crate::parameters::{ParameterSource, Parameters};

/// What an OAuth endpoint refuses: `error` is an object that names itself once more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OAuthError {
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
}

pub(crate) fn invalid_request(description: &'static str) -> OAuthError {
    OAuthError {
        error: "invalid_request",
        description,
    }
}

pub(crate) fn invalid_grant(description: &'static str) -> OAuthError {
    OAuthError {
        error: "invalid_grant",
        description,
    }
}

pub(crate) const INVALID_CLIENT: OAuthError = OAuthError {
    error: "invalid_client_id",
    description: "Invalid client_id",
};

impl OAuthError {
    pub(crate) fn answer(self, guard: &Guard) -> Answer {
        let body = json!({"error": {
            "code": 400,
            "error": self.error,
            "error_description": self.description,
            "message": self.description,
            "details": [],
        }});
        let mut answer = Answer::new(guard.security.oauth_error_status, JSON, body.to_string());
        answer.error = Some(400);
        answer
    }
}

/// A parameter of the form, where secrets belong; empty is absent.
fn form<'p>(parameters: &'p Parameters, name: &str) -> Option<&'p str> {
    parameters
        .get_from(name, ParameterSource::Form)
        .filter(|value| !value.is_empty())
}
