//! Stored logins: whatever stands in the place where one was kept.
//!
//! A case is a byte that chooses the portal, and a text. What is read as a login comes back from what it is written as,
//! and nothing that is shown of it, or of what is wrong with it, has a secret in it.

use arcgis_auth_core::{ExposeSecret as _, Portal, SecretString, StoredLogin};
use serde_json::Value;

/// The members that are secrets.
const SECRETS: [&str; 4] = ["password", "client_secret", "refresh_token", "token"];

/// Shorter ones are found in any text.
const LONG: usize = 6;

/// Reads any text.
pub fn login(data: &[u8]) {
    let Some((&choice, text)) = data.split_first() else {
        return;
    };
    let portal = match choice % 3 {
        0 => Portal::arcgis_online(),
        1 => Portal::parse("https://gis.example.com/portal"),
        _ => Portal::parse("http://localhost:7080/arcgis"),
    };
    let portal = portal.unwrap();
    let text = String::from_utf8_lossy(text);
    let shown = match StoredLogin::from_json(&SecretString::from(text.as_ref()), &portal) {
        Ok(login) => {
            assert_eq!(login.portal(), &portal);
            let written = login.to_json().unwrap();
            let again = StoredLogin::from_json(&written, &portal).unwrap();
            assert_eq!(again.username(), login.username());
            let twice = again.to_json().unwrap();
            assert_eq!(twice.expose_secret(), written.expose_secret());
            let shown = format!("{login:?}");
            let credentials = login.into_credentials();
            format!("{shown} {credentials:?}")
        }
        Err(error) => format!("{error} {error:?}"),
    };
    for secret in secrets(&text) {
        assert!(!shown.contains(&secret), "{text:?} is shown as {shown}");
    }
}

/// The secrets in a text, but for those that stand in it elsewhere too, where they are none.
fn secrets(text: &str) -> Vec<String> {
    let Ok(Value::Object(members)) = serde_json::from_str(text) else {
        return Vec::new();
    };
    let (mut secrets, mut others) = (Vec::new(), String::from("[redacted] login portal"));
    for (name, value) in &members {
        match value {
            Value::String(secret) if SECRETS.contains(&name.as_str()) => {
                if secret.len() >= LONG && !secret.contains("redacted") {
                    secrets.push(secret.clone());
                }
            }
            other => others.push_str(&other.to_string()),
        }
    }
    // What is shown of a value may be any part of it.
    secrets.retain(|secret| {
        let common = secret.chars().all(|letter| letter.is_ascii_digit());
        !common && !others.contains(secret.as_str()) && secret.chars().any(char::is_alphanumeric)
    });
    secrets
}
