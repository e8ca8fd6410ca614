//! Taking secrets out of text: the one place that knows which parameters are secret.

use url::Url;

/// Query and form parameters whose values are never shown, compared without case.
const SECRET_PARAMETERS: [&str; 13] = [
    "token",
    "access_token",
    "refresh_token",
    "auth_token",
    "password",
    "client_secret",
    "code",
    "code_verifier",
    "api_key",
    "apikey",
    "authorization",
    "assertion",
    "subject_token",
];

/// Whether a parameter of this name carries a secret.
#[must_use]
pub fn is_secret_parameter(name: &str) -> bool {
    SECRET_PARAMETERS
        .iter()
        .any(|secret| name.eq_ignore_ascii_case(secret))
}

/// `url` for logs and errors: no user name or password, and `***` for the value of each parameter
/// that carries a secret. Everything else stays as it is, byte for byte.
///
/// ```
/// use arcgis_auth_core::redact_url;
///
/// let url = "https://host/x?a=1&token=SECRET&b=2".parse()?;
/// assert_eq!(redact_url(&url), "https://host/x?a=1&token=***&b=2");
/// # Ok::<(), url::ParseError>(())
/// ```
#[must_use]
pub fn redact_url(url: &Url) -> String {
    let mut url = url.clone();
    if !url.username().is_empty() || url.password().is_some() {
        // Fails only for URLs that cannot have a user name, and those have none.
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    redact_text(url.as_str())
}

/// `text` with the value behind each `name=` of a secret parameter replaced by `***`.
///
/// A value ends at `&`, `#`, white space, a quote or a bracket.
pub(crate) fn redact_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(equals) = rest.find('=') {
        let (before, after) = rest.split_at(equals + 1);
        out.push_str(before);
        let name = before
            .trim_end_matches('=')
            .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .next()
            .unwrap_or_default();
        rest = after;
        if is_secret_parameter(name) {
            let end = after
                .find(|c: char| c.is_whitespace() || "&#\"'<>)]},;".contains(c))
                .unwrap_or(after.len());
            out.push_str("***");
            rest = after.get(end..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact(url: &str) -> String {
        redact_url(&Url::parse(url).unwrap())
    }

    #[test]
    fn t26_urls_keep_all_but_the_secret() {
        assert_eq!(
            redact("https://host/x?a=1&token=SECRET&b=2"),
            "https://host/x?a=1&token=***&b=2"
        );
        assert_eq!(redact("https://host/x?token="), "https://host/x?token=***");
        assert_eq!(
            redact("https://host/x?TOKEN=SECRET&z=9&a=8#frag"),
            "https://host/x?TOKEN=***&z=9&a=8#frag"
        );
        let clean = "https://host/x?where=a%3D1&z=%20&a=%2B#f";
        assert_eq!(redact(clean), clean);
        assert_eq!(redact("https://me:pw@host/x"), "https://host/x");
    }

    #[test]
    fn texts_lose_secrets_wherever_they_stand() {
        assert_eq!(
            redact_text("GET /q?f=json&token=abc.def HTTP/1.1 failed, password=x y"),
            "GET /q?f=json&token=*** HTTP/1.1 failed, password=*** y"
        );
        assert_eq!(redact_text("mytoken=1 == x"), "mytoken=1 == x");
        assert_eq!(redact_text("token=ünïcode&a=ü"), "token=***&a=ü");
    }
}
