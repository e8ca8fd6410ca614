//! Looking for a secret in whatever was written, in each form in which it may have been.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;
use url::form_urlencoded::byte_serialize;

/// The forms of a secret: as it is, percent-encoded as in a form and as in a path, with capital and with
/// small hexadecimal digits, and the middle of its base64 wherever in a longer text it begins.
pub(crate) fn forms(secret: &str) -> Vec<Vec<u8>> {
    let form: String = byte_serialize(secret.as_bytes()).collect();
    let path = form.replace('+', "%20");
    let small = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        for at in 0..bytes.len() {
            if bytes[at] == b'%' {
                bytes[at + 1..at + 3].make_ascii_lowercase();
            }
        }
        bytes
    };
    let mut forms = vec![
        secret.as_bytes().to_vec(),
        small(&form),
        small(&path),
        form.into_bytes(),
        path.into_bytes(),
    ];
    for before in 0..3 {
        let mut text = vec![0; before];
        text.extend(secret.as_bytes());
        // The characters at both ends depend on what stands beside.
        let (from, to) = ((before * 8).div_ceil(6), text.len() * 8 / 6);
        for alphabet in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            forms.push(alphabet.encode(&text).as_bytes()[from..to].to_vec());
        }
    }
    forms.sort();
    forms.dedup();
    assert!(
        forms.iter().all(|form| form.len() >= 8),
        "too short to be looked for"
    );
    forms
}

/// Where a secret is found, without showing it.
pub(crate) fn find(text: &[u8], secrets: &[String]) -> Option<String> {
    secrets
        .iter()
        .flat_map(|secret| forms(secret))
        .find_map(|form| {
            let at = memmem::find(text, &form)?;
            Some(String::from_utf8_lossy(&text[at.saturating_sub(160)..at]).into_owned())
        })
}

/// No secret in this, in any form.
pub(crate) fn assert_clean(what: &str, text: &[u8], secrets: &[String]) {
    if let Some(before) = find(text, secrets) {
        panic!("{what} holds a secret behind: {before}");
    }
}

#[test]
fn each_form_is_found() {
    let secret = "canary pass/word+ä?~~~ÿ=5f1c".to_owned();
    let found = |text: &str| find(text.as_bytes(), std::slice::from_ref(&secret)).is_some();
    assert!(found(&format!("Debug {{ {secret:?} }}")) && found(&secret));
    assert!(found(
        "password=canary+pass%2Fword%2B%C3%A4%3F%7E%7E%7E%C3%BF%3D5f1c&f=json"
    ));
    assert!(found(
        "/canary%20pass%2fword%2b%c3%a4%3f%7e%7e%7e%c3%bf%3d5f1c"
    ));
    for before in ["", "m", "me", "me:", "user:"] {
        let text = format!("{before}{secret} and more");
        assert!(found(&format!("Basic {}", STANDARD_NO_PAD.encode(&text))));
        assert!(found(&URL_SAFE_NO_PAD.encode(&text)));
    }
    assert!(!found("canary pass/word+ä?~~~ÿ=5f1"));
    assert!(!found("Basic bWU6c29tZXRoaW5nIGVsc2U"));
}
