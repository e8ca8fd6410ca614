use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};

use crate::answer::Answer;

/// What a web server in front of the service asks for, before the service sees anything.
#[derive(Clone, Default)]
pub(crate) struct WebTier {
    /// The value that `Authorization` must have.
    basic: Option<String>,
}

impl WebTier {
    pub(crate) fn basic(user: &str, password: &str) -> Self {
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        Self {
            basic: Some(format!("Basic {credentials}")),
        }
    }

    pub(crate) fn refuse(&self, headers: &HeaderMap) -> Option<Answer> {
        let wanted = self.basic.as_ref()?;
        let sent = headers
            .get(header::AUTHORIZATION)
            .map(HeaderValue::as_bytes);
        if sent == Some(wanted.as_bytes()) {
            return None;
        }
        let mut answer = Answer::html(401, "Unauthorized", "Sign in to the web server.");
        answer.headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"arcgis-testkit\""),
        );
        Some(answer)
    }
}

/// The credentials are left out.
impl std::fmt::Debug for WebTier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebTier")
            .field("basic", &self.basic.is_some())
            .finish()
    }
}
