use http::Method;
use serde_json::json;

use super::{INVALID_CLIENT, OAuthError, form, invalid_request};
use crate::answer::Answer;
use crate::guard::{Guard, Principal};
use crate::parameters::Parameters;

/// `oauth2/revokeToken`: ends an access token, or a refresh token with all that it brought. A token that is over already is no error.
pub(crate) fn answer(guard: &Guard, method: &Method, parameters: &Parameters) -> Answer {
    match revoke(guard, method, parameters) {
        Ok(()) => Answer::json(json!({"success": true}).to_string()),
        Err(error) => error.answer(guard),
    }
}

fn revoke(guard: &Guard, method: &Method, parameters: &Parameters) -> Result<(), OAuthError> {
    if method != Method::POST {
        return Err(invalid_request("HTTP GET is disabled. Use POST."));
    }
    let client = form(parameters, "client_id").ok_or(INVALID_CLIENT)?;
    guard.security.find_app(client).ok_or(INVALID_CLIENT)?;
    let token =
        form(parameters, "auth_token").ok_or(invalid_request("auth_token not specified"))?;
    let mut state = guard.state();
    // Neither API keys nor the tokens of applications can be revoked.
    let is_app = state
        .access
        .get(token)
        .is_some_and(|access| matches!(access.principal, Principal::App(_)));
    let is_key = guard
        .security
        .static_tokens
        .iter()
        .any(|(known, _)| known == token);
    if is_app || is_key {
        return Err(invalid_request("Unable to revoke token"));
    }
    state.access.remove(token);
    if state.refresh.remove(token).is_some() {
        state
            .access
            .retain(|_, access| access.refresh.as_deref() != Some(token));
    }
    state.grants.revocations += 1;
    Ok(())
}
