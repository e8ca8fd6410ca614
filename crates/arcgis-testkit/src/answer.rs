use bytes::Bytes;
use http::HeaderMap;
use serde_json::json;

/// What the service is about to send.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Features in the body, where it is a page of them.
    pub(crate) rows: Option<usize>,
    /// The code of the error body, where it is one.
    pub(crate) error: Option<i64>,
}

pub(crate) const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

impl Answer {
    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type,
            headers: HeaderMap::new(),
            body: body.into(),
            rows: None,
            error: None,
        }
    }

    pub(crate) fn json(body: impl Into<Bytes>) -> Self {
        Self::new(200, JSON, body)
    }

    pub(crate) fn html(status: u16, title: &str, text: &str) -> Self {
        let body = format!(
            "<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<p>{text}</p>\n</body>\n</html>\n"
        );
        Self::new(status, HTML, body)
    }
}

/// An error as ArcGIS tells it: a body, mostly under status 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EsriError {
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) details: Vec<String>,
}

impl EsriError {
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: Vec::new(),
        }
    }

    pub(crate) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// A query parameter that is not understood or not allowed: `detail` says which.
    pub(crate) fn parameter(detail: impl Into<String>) -> Self {
        Self::new(400, "Cannot perform query. Invalid query parameters.").with_detail(detail)
    }

    pub(crate) fn invalid(name: &str) -> Self {
        Self::parameter(format!("'{name}' parameter is invalid"))
    }

    pub(crate) fn unsupported() -> Self {
        Self::new(400, "Requested operation is not supported by this service.")
    }

    pub(crate) fn invalid_url() -> Self {
        Self::new(400, "Invalid URL").with_detail("Invalid URL")
    }

    pub(crate) fn to_json(&self) -> String {
        json!({"error": {"code": self.code, "message": self.message, "details": self.details}})
            .to_string()
    }

    pub(crate) fn answer(&self, status: u16) -> Answer {
        let mut answer = Answer::new(status, JSON, self.to_json());
        answer.error = Some(self.code);
        answer
    }
}

/// Text as it may stand in HTML, in attributes too.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
