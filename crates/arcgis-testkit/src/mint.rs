//! `generateToken`, of a server and of a portal.

use std::time::{Duration, Instant};

use http::{HeaderMap, Method};
use serde_json::json;

use crate::address::normal_root;
use crate::answer::{Answer, EsriError, JSON};
use crate::guard::{Access, Audience, Binding, Guard, Principal};
use crate::parameters::{ParameterSource, Parameters};

/// The secret belongs into the form: a GET, or a password in the URL, is refused.
pub(crate) fn answer(
    guard: &Guard,
    method: &Method,
    headers: &HeaderMap,
    parameters: &Parameters,
    portal: bool,
) -> Answer {
    if method != Method::POST {
        return EsriError::new(405, "HTTP GET is disabled. Use POST.").answer(405);
    }
    let minted = if portal && form(parameters, "serverUrl").is_some() {
        for_server(guard, headers, parameters)
    } else {
        for_password(guard, parameters)
    };
    minted.unwrap_or_else(|error| error.answer(200))
}

fn form<'p>(parameters: &'p Parameters, name: &str) -> Option<&'p str> {
    parameters
        .get_from(name, ParameterSource::Form)
        .filter(|value| !value.is_empty())
}

fn unable(detail: &str) -> EsriError {
    EsriError::new(400, "Unable to generate token.").with_detail(detail)
}

fn for_password(guard: &Guard, parameters: &Parameters) -> Result<Answer, EsriError> {
    let (Some(user), Some(password)) = (form(parameters, "username"), form(parameters, "password"))
    else {
        return Err(unable(
            "'username' and 'password' must be specified in the form body.",
        ));
    };
    guard.sign_in(user, password).map_err(unable)?;
    let binding = match form(parameters, "client") {
        None | Some("requestip") => Binding::Address,
        Some("referer") => {
            let referer = form(parameters, "referer")
                .ok_or_else(|| unable("'referer' must be specified."))?;
            Binding::Referer(referer.to_owned())
        }
        Some("ip") => {
            form(parameters, "ip").ok_or_else(|| unable("'ip' must be specified."))?;
            Binding::Address
        }
        Some(_) => return Err(unable("'client' is invalid.")),
    };
    let life = life(guard, parameters)?;
    let access = Access {
        until: Instant::now() + life,
        binding,
        audience: Audience::Portal,
        principal: Principal::User(user.to_owned()),
        refresh: None,
    };
    let mut state = guard.state();
    state.grants.password += 1;
    let token = state.add(access);
    drop(state);
    Ok(told(guard, &token, life))
}

/// A token of the portal for one that a federated server takes.
fn for_server(
    guard: &Guard,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Answer, EsriError> {
    if form(parameters, "username").is_some() {
        return Err(unable(
            "'username' and 'serverUrl' cannot be specified together.",
        ));
    }
    let refused = |code: u16| match code {
        499 => EsriError::new(499, "Token Required").with_detail("Token Required"),
        _ => EsriError::new(498, "Invalid token.").with_detail("Invalid token."),
    };
    let principal = guard.authenticate(headers, parameters).map_err(refused)?;
    let wanted = normal_root(form(parameters, "serverUrl").unwrap_or_default());
    let life = life(guard, parameters)?;
    let mut state = guard.state();
    let server = state.servers.iter_mut().find(|(root, _)| {
        let root = normal_root(root);
        wanted == root
            || wanted
                .strip_prefix(&root)
                .is_some_and(|rest| rest.starts_with('/'))
    });
    let Some((root, minted)) = server else {
        return Err(unable(
            "The server of 'serverUrl' is not federated with this portal.",
        ));
    };
    *minted += 1;
    let access = Access {
        until: Instant::now() + life,
        binding: form(parameters, "referer")
            .filter(|_| form(parameters, "client") == Some("referer"))
            .map_or(Binding::None, |referer| {
                Binding::Referer(referer.to_owned())
            }),
        audience: Audience::Server(normal_root(root)),
        principal,
        refresh: None,
    };
    state.grants.server_token += 1;
    let token = state.add(access);
    drop(state);
    Ok(told(guard, &token, life))
}

fn life(guard: &Guard, parameters: &Parameters) -> Result<Duration, EsriError> {
    let longest = guard.security.token_life;
    match form(parameters, "expiration") {
        None => Ok(longest),
        Some(minutes) => match minutes.parse::<u32>() {
            Ok(minutes) if minutes > 0 => {
                Ok(Duration::from_secs(u64::from(minutes) * 60).min(longest))
            }
            _ => Err(unable("'expiration' is invalid.")),
        },
    }
}

fn told(guard: &Guard, token: &str, life: Duration) -> Answer {
    let ssl = guard.addresses.origin.starts_with("https:");
    Answer::new(
        200,
        JSON,
        json!({"token": token, "expires": guard.expires(life), "ssl": ssl}).to_string(),
    )
}
