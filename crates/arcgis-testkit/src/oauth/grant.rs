//! The token endpoint, `oauth2/token`.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value as Json, json};

use super::{INVALID_CLIENT, OAuthError, form, invalid_grant, invalid_request, pkce};
use crate::answer::Answer;
use crate::guard::{Access, Audience, Binding, Guard, Principal, Refresh, State, new_token};
use crate::parameters::Parameters;

const USER_LIFE: Duration = Duration::from_secs(30 * 60);
const APP_LIFE: Duration = Duration::from_secs(2 * 3600);
const LONGEST_APP_LIFE: Duration = Duration::from_secs(14 * 86_400);

pub(crate) fn answer(guard: &Guard, method: &Method, parameters: &Parameters) -> Answer {
    let granted = if method == Method::POST {
        grant(guard, parameters)
    } else {
        Err(invalid_request("HTTP GET is disabled. Use POST."))
    };
    match granted {
        Ok(body) => Answer::json(body.to_string()),
        Err(error) => {
            guard.state().grants.refusals += 1;
            error.answer(guard)
        }
    }
}

fn grant(guard: &Guard, parameters: &Parameters) -> Result<Json, OAuthError> {
    let needed = |name: &'static str, missing: &'static str| {
        form(parameters, name).ok_or(invalid_request(missing))
    };
    let client_id = needed("client_id", "client_id not specified")?;
    let app = guard.security.find_app(client_id).ok_or(INVALID_CLIENT)?;
    match needed("grant_type", "grant_type not specified")? {
        "authorization_code" => {
            let code = needed("code", "code not specified")?;
            authorization_code(guard, parameters, client_id, code)
        }
        "refresh_token" => {
            let token = needed("refresh_token", "refresh_token not specified")?;
            let mut state = guard.state();
            let refresh = known(&mut state, token, client_id)?;
            state.grants.refresh_token += 1;
            Ok(access_for(guard, &mut state, &refresh.user, token))
        }
        "exchange_refresh_token" => {
            let token = needed("refresh_token", "refresh_token not specified")?;
            let redirect_uri = needed("redirect_uri", "redirect_uri not specified")?;
            let mut state = guard.state();
            let refresh = known(&mut state, token, client_id)?;
            if refresh.redirect_uri != redirect_uri {
                return Err(invalid_request("Invalid redirect_uri"));
            }
            state.refresh.remove(token);
            state.grants.exchange_refresh_token += 1;
            Ok(both_for(guard, &mut state, refresh))
        }
        "client_credentials" => {
            let secret = needed("client_secret", "client_secret not specified")?;
            if app.secret.as_deref() != Some(secret) {
                return Err(invalid_request("Invalid client_secret"));
            }
            client_credentials(guard, parameters, client_id)
        }
        _ => Err(OAuthError {
            error: "unsupported_grant_type",
            description: "Unsupported grant_type",
        }),
    }
}

fn authorization_code(
    guard: &Guard,
    parameters: &Parameters,
    client_id: &str,
    code: &str,
) -> Result<Json, OAuthError> {
    let verifier = form(parameters, "code_verifier");
    if verifier.is_some() && !guard.security.knows_pkce {
        return Err(invalid_request("Invalid parameter: code_verifier"));
    }
    let mut state = guard.state();
    // A code is good for one try, whatever comes of it.
    let code = state
        .codes
        .remove(code)
        .filter(|code| code.until > Instant::now())
        .ok_or(invalid_grant("Invalid authorization code"))?;
    if code.client_id != client_id {
        return Err(invalid_grant("Invalid authorization code"));
    }
    if form(parameters, "redirect_uri") != Some(code.redirect_uri.as_str()) {
        return Err(invalid_request("Invalid redirect_uri"));
    }
    match (&code.challenge, verifier) {
        (None, None) => {}
        (Some(challenge), Some(verifier)) if pkce::verifies(challenge, verifier) => {}
        _ => return Err(invalid_grant("Invalid code_verifier")),
    }
    state.grants.authorization_code += 1;
    let refresh = Refresh {
        until: Instant::now(),
        client_id: code.client_id,
        redirect_uri: code.redirect_uri,
        user: code.user,
        life: code.refresh_life,
    };
    Ok(both_for(guard, &mut state, refresh))
}

fn client_credentials(
    guard: &Guard,
    parameters: &Parameters,
    client_id: &str,
) -> Result<Json, OAuthError> {
    let asked = match form(parameters, "expiration") {
        None => APP_LIFE,
        Some(text) => {
            let minutes = text
                .parse::<u32>()
                .ok()
                .filter(|minutes| *minutes > 0)
                .ok_or(invalid_request("Invalid expiration"))?;
            Duration::from_secs(u64::from(minutes) * 60)
        }
    };
    let life = asked.min(guard.security.access_life.unwrap_or(LONGEST_APP_LIFE));
    let mut state = guard.state();
    state.grants.client_credentials += 1;
    let token = state.add(Access {
        until: Instant::now() + life,
        binding: Binding::None,
        audience: Audience::Portal,
        principal: Principal::App(client_id.to_owned()),
        refresh: None,
    });
    Ok(json!({"access_token": token, "expires_in": life.as_secs()}))
}

/// The refresh token of this client, if it is still good.
fn known(state: &mut State, token: &str, client_id: &str) -> Result<Refresh, OAuthError> {
    let refresh = state
        .refresh
        .get(token)
        .filter(|refresh| refresh.until > Instant::now())
        .ok_or(invalid_grant("Invalid refresh_token"))?;
    if refresh.client_id != client_id {
        return Err(invalid_grant("Invalid refresh_token"));
    }
    Ok(refresh.clone())
}

fn access_for(guard: &Guard, state: &mut State, user: &str, refresh_token: &str) -> Json {
    let life = guard.security.access_life.unwrap_or(USER_LIFE);
    let token = state.add(Access {
        until: Instant::now() + life,
        binding: Binding::None,
        audience: Audience::Portal,
        principal: Principal::User(user.to_owned()),
        refresh: Some(refresh_token.to_owned()),
    });
    json!({
        "access_token": token,
        "expires_in": life.as_secs(),
        "username": user,
        "ssl": guard.addresses.origin.starts_with("https:"),
    })
}

fn both_for(guard: &Guard, state: &mut State, mut refresh: Refresh) -> Json {
    let token = new_token();
    refresh.until = Instant::now() + refresh.life;
    let mut body = access_for(guard, state, &refresh.user, &token);
    if let Some(object) = body.as_object_mut() {
        object.insert("refresh_token".to_owned(), json!(token));
        object.insert(
            "refresh_token_expires_in".to_owned(),
            json!(refresh.life.as_secs()),
        );
    }
    state.refresh.insert(token, refresh);
    body
}
