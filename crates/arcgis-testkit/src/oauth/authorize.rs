//! The page where a user signs in, and the redirect that brings the code.

use std::time::{Duration, Instant};

use http::{HeaderValue, Method, header};
use url::Url;

use super::{INVALID_CLIENT, OAuthError, invalid_request};
use crate::answer::{Answer, escaped};
use crate::app::OUT_OF_BAND;
use crate::guard::{Code, Guard, new_token};
use crate::parameters::Parameters;

/// Without `expiration` a refresh token lives two weeks.
const REFRESH_MINUTES: u64 = 20_160;

/// The parameters that the form carries from the page to the sign-in.
const CARRIED: [&str; 7] = [
    "client_id",
    "response_type",
    "redirect_uri",
    "state",
    "expiration",
    "code_challenge",
    "code_challenge_method",
];

pub(crate) fn answer(guard: &Guard, method: &Method, parameters: &Parameters) -> Answer {
    match check(guard, parameters) {
        Err(error) => error_page(error),
        Ok(_) if method != Method::POST => page(guard, parameters, ""),
        Ok(redirect_uri) => signed_in(guard, parameters, redirect_uri),
    }
}

/// What the request asks for may be granted; gives where to redirect to.
fn check<'p>(guard: &Guard, parameters: &'p Parameters) -> Result<&'p str, OAuthError> {
    let app = parameters
        .filled("client_id")
        .and_then(|id| guard.security.find_app(id))
        .ok_or(INVALID_CLIENT)?;
    let redirect_uri = parameters
        .filled("redirect_uri")
        .filter(|uri| app.may_redirect_to(uri))
        .ok_or(invalid_request("Invalid redirect_uri"))?;
    if parameters.filled("response_type") != Some("code") {
        return Err(invalid_request("Invalid response_type"));
    }
    let challenge = parameters.filled("code_challenge");
    if challenge.is_some() && !guard.security.knows_pkce {
        return Err(invalid_request("Invalid parameter: code_challenge"));
    }
    if challenge.is_some() && parameters.filled("code_challenge_method") != Some("S256") {
        return Err(invalid_request("Invalid code_challenge_method"));
    }
    if refresh_life(guard, parameters).is_none() {
        return Err(invalid_request("Invalid expiration"));
    }
    Ok(redirect_uri)
}

/// `expiration` in minutes is about the refresh token here.
fn refresh_life(guard: &Guard, parameters: &Parameters) -> Option<Duration> {
    let minutes = match parameters.filled("expiration") {
        None => REFRESH_MINUTES,
        Some(text) => text
            .parse::<u32>()
            .ok()
            .filter(|minutes| *minutes > 0)?
            .into(),
    };
    Some(Duration::from_secs(minutes * 60).min(guard.security.refresh_life))
}

fn signed_in(guard: &Guard, parameters: &Parameters, redirect_uri: &str) -> Answer {
    let state = parameters.filled("state");
    if parameters.filled("deny").is_some() {
        let refusal = [
            ("error", "access_denied"),
            ("error_description", "The user denied your request."),
        ];
        return redirect(redirect_uri, &refusal, state)
            .unwrap_or_else(|| Answer::html(200, "Access denied", "error=access_denied"));
    }
    let text = |name: &str| super::form(parameters, name).unwrap_or_default();
    if let Err(reason) = guard.sign_in(text("username"), text("password")) {
        return page(guard, parameters, reason);
    }
    let code = new_token();
    let granted = Code {
        until: Instant::now() + guard.security.code_life,
        client_id: text_of(parameters, "client_id"),
        redirect_uri: redirect_uri.to_owned(),
        user: text("username").to_owned(),
        challenge: parameters.filled("code_challenge").map(str::to_owned),
        refresh_life: refresh_life(guard, parameters).unwrap_or_default(),
    };
    let mut known = guard.state();
    known.codes.insert(code.clone(), granted);
    known.grants.codes += 1;
    drop(known);
    redirect(redirect_uri, &[("code", code.as_str())], state).unwrap_or_else(|| approval(&code))
}

fn text_of(parameters: &Parameters, name: &str) -> String {
    parameters.filled(name).unwrap_or_default().to_owned()
}

/// The redirect; None out of band.
fn redirect(uri: &str, values: &[(&str, &str)], state: Option<&str>) -> Option<Answer> {
    if uri == OUT_OF_BAND {
        return None;
    }
    let mut url = Url::parse(uri).ok()?;
    url.query_pairs_mut().extend_pairs(values);
    if let Some(state) = state {
        url.query_pairs_mut().append_pair("state", state);
    }
    let mut answer = Answer::html(302, "Found", "Signed in.");
    let location = HeaderValue::from_str(url.as_str()).ok()?;
    answer.headers.insert(header::LOCATION, location);
    Some(answer)
}

/// Portals tell the code in the title too, for clients that watch a browser's window.
fn approval(code: &str) -> Answer {
    Answer::html(
        200,
        &format!("SUCCESS code={code}"),
        &format!(
            "Copy this code into the application: <input id=\"code\" readonly value=\"{code}\">"
        ),
    )
}

fn page(guard: &Guard, parameters: &Parameters, reason: &str) -> Answer {
    let mut form = String::new();
    if !reason.is_empty() {
        form.push_str(&format!("<p class=\"error\">{}</p>\n", escaped(reason)));
    }
    form.push_str(&format!(
        "<form method=\"post\" action=\"{}/oauth2/authorize\">\n",
        escaped(&guard.addresses.sharing())
    ));
    for name in CARRIED {
        if let Some(value) = parameters.filled(name) {
            form.push_str(&format!(
                "<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n",
                escaped(value)
            ));
        }
    }
    form.push_str(
        "<input type=\"text\" name=\"username\">\n<input type=\"password\" name=\"password\">\n\
         <button type=\"submit\">Sign In</button>\n<button type=\"submit\" name=\"deny\" value=\"true\">Cancel</button>\n</form>",
    );
    Answer::html(200, "Sign In", &form)
}

/// Nothing is redirected before the redirect is known to be right: the user sees the error.
fn error_page(error: OAuthError) -> Answer {
    Answer::html(
        400,
        "Error",
        &format!("Error: 400<br>{}<br>{}", error.error, error.description),
    )
}
