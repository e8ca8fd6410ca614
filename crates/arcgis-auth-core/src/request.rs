//! An ArcGIS request, before it becomes HTTP.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, PROXY_AUTHORIZATION, REFERER};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::body_sink::BodySink;
use crate::error::{ConfigError, Error};
use crate::multipart;
use crate::part::PartSource;
use crate::redact::{is_secret_parameter, redact_url};
use crate::request_body::{RequestBody, wiped};
use crate::request_kind::{Accept, Access, Body, TokenPlacement};
use crate::token::Token;

/// Up to this many bytes of encoded query a request without secrets travels as GET, so that caches
/// and CDNs can serve it. Beyond, it is a form in a POST: IIS refuses long request lines.
const LONGEST_QUERY: usize = 2000;

/// The header in which ArcGIS takes a token beside whatever `Authorization` the web tier wants.
const ESRI_AUTHORIZATION: HeaderName = HeaderName::from_static("x-esri-authorization");

/// Headers whose values nobody may see.
const SECRET_HEADERS: [HeaderName; 4] = [
    AUTHORIZATION,
    ESRI_AUTHORIZATION,
    COOKIE,
    PROXY_AUTHORIZATION,
];

/// One request to an ArcGIS endpoint: a URL, parameters, and what may be done with it.
///
/// Whether it travels as GET or POST, where the token goes and what is hidden from logs is decided
/// here alone, in [`Request::to_http`].
///
/// ```
/// use arcgis_auth_core::Request;
///
/// let request = Request::read("https://host/arcgis/rest/services?f=json".parse()?)
///     .with_param("where", "NAME = 'O''Brien'");
/// let http = request.to_http()?;
/// assert_eq!(http.method(), "GET");
/// assert_eq!(
///     http.uri(),
///     "https://host/arcgis/rest/services?f=json&where=NAME+%3D+%27O%27%27Brien%27"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Request {
    url: Url,
    /// The query of an address that is asked for as it stands.
    query: Option<SecretString>,
    params: Vec<(Cow<'static, str>, Value)>,
    headers: HeaderMap,
    access: Access,
    body: Body,
    accept: Accept,
    token: Option<(Token, TokenPlacement)>,
    rows: Option<u32>,
    timeout: Option<Duration>,
    max_answer: Option<u64>,
    pub(crate) sink: Option<Arc<dyn BodySink>>,
}

#[derive(Clone)]
enum Value {
    Plain(String),
    Secret(SecretString),
}

impl Value {
    fn of(name: &str, text: String) -> Self {
        if is_secret_parameter(name) {
            Self::Secret(text.into())
        } else {
            Self::Plain(text)
        }
    }

    fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose_secret(),
        }
    }
}

impl Request {
    /// A request that only reads. Parameters in the URL's query become parameters of the request, so
    /// that a token in a pasted URL does not stay in it.
    #[must_use]
    pub fn read(mut url: Url) -> Self {
        let params = url
            .query_pairs()
            .map(|(name, value)| {
                let value = Value::of(&name, value.into_owned());
                (Cow::Owned(name.into_owned()), value)
            })
            .collect();
        url.set_query(None);
        url.set_fragment(None);
        Self {
            url,
            query: None,
            params,
            headers: HeaderMap::new(),
            access: Access::Read,
            body: Body::Auto,
            accept: Accept::Json,
            token: None,
            rows: None,
            timeout: None,
            max_answer: None,
            sink: None,
        }
    }

    /// A request that may change something on the server: a form in a POST.
    #[must_use]
    pub fn write(url: Url) -> Self {
        Self {
            access: Access::Write,
            body: Body::Form,
            ..Self::read(url)
        }
    }

    /// A GET of an address as it stands. Its query may be signed: it goes along byte for byte, in front of what
    /// parameters are set, and is a secret as a whole.
    #[must_use]
    pub fn get(mut url: Url) -> Self {
        let query = url
            .query()
            .map(|query| SecretString::from(query.to_owned()));
        url.set_query(None);
        Self {
            query,
            body: Body::None,
            accept: Accept::Any,
            ..Self::read(url)
        }
    }

    /// A PUT of `content` to an address as it stands: [`Request::get`] says what becomes of its query. So files of
    /// web servers are written, and objects behind presigned addresses.
    #[must_use]
    pub fn put(url: Url, content: Arc<dyn PartSource>) -> Self {
        Self {
            access: Access::Replace,
            body: Body::Content(content),
            ..Self::get(url)
        }
    }

    /// Sets a parameter; an earlier one of the same name, whatever its case, gives way. One that
    /// [`is_secret_parameter`] is as if set by [`Request::with_secret_param`].
    #[must_use]
    pub fn with_param(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        let name = name.into();
        let value = Value::of(&name, value.into());
        self.set(name, value);
        self
    }

    /// Sets a parameter that must stay hidden and may not travel in a URL.
    #[must_use]
    pub fn with_secret_param(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: SecretString,
    ) -> Self {
        self.set(name.into(), Value::Secret(value));
        self
    }

    fn set(&mut self, name: Cow<'static, str>, value: Value) {
        self.params
            .retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
        self.params.push((name, value));
    }

    /// Sets a header. One that signs in or carries a session is marked as sensitive.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        if SECRET_HEADERS.contains(&name) {
            value.set_sensitive(true);
        }
        self.headers.insert(name, value);
        self
    }

    /// Sets how the parameters travel; [`Body::Auto`] for reads by default.
    #[must_use]
    pub fn with_body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Sets what is expected back; [`Accept::Json`] by default.
    #[must_use]
    pub fn with_accept(mut self, accept: Accept) -> Self {
        self.accept = accept;
        self
    }

    /// Says that the answer holds up to this many rows. More than one make it a page, and a page
    /// over which the server breaks down is [`Outcome::TooBig`](crate::Outcome::TooBig).
    #[must_use]
    pub fn with_rows(mut self, rows: u32) -> Self {
        self.rows = Some(rows);
        self
    }

    /// Limits the time for the whole answer, in place of the transport's own limit.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Limits the size of the answer in bytes, unpacked, where the transport's own limit is not lower.
    /// A longer one is [`TransportErrorKind::TooLarge`](crate::TransportErrorKind::TooLarge).
    #[must_use]
    pub fn with_max_answer(mut self, bytes: u64) -> Self {
        self.max_answer = Some(bytes);
        self
    }

    /// Attaches a token; [`Request::without_token`] takes it off again.
    #[must_use]
    pub fn with_token(mut self, token: Token, placement: TokenPlacement) -> Self {
        self.token = Some((token, placement));
        self
    }

    /// The request without an attached token. A caller's own `token` parameter stays.
    #[must_use]
    pub fn without_token(mut self) -> Self {
        self.token = None;
        self
    }

    /// The request without the headers that were set on it; what a token or the body brings stays.
    #[must_use]
    pub fn without_headers(mut self) -> Self {
        self.headers = HeaderMap::new();
        self
    }

    /// The request without its parameters.
    #[must_use]
    pub fn without_params(mut self) -> Self {
        self.params.clear();
        self
    }

    /// The same request for another URL, as after a redirect. Parameters stay.
    #[must_use]
    pub fn with_url(mut self, mut url: Url) -> Self {
        url.set_query(None);
        url.set_fragment(None);
        self.url = url;
        // What was signed was the other address.
        self.query = None;
        self
    }

    /// The address, without query.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The value of a parameter that is no secret.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find_map(|(known, value)| match value {
            Value::Plain(text) if known.eq_ignore_ascii_case(name) => Some(text.as_str()),
            _ => None,
        })
    }

    /// All parameters in their order, those that are secret without their value: for logs.
    pub fn shown_params(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.params.iter().map(|(name, value)| match value {
            Value::Plain(text) => (name.as_ref(), Some(text.as_str())),
            Value::Secret(_) => (name.as_ref(), None),
        })
    }

    /// The headers that were set.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Whether it only reads.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// What is expected back.
    #[must_use]
    pub fn accept(&self) -> Accept {
        self.accept
    }

    /// How many rows the answer may hold, if it is a page.
    #[must_use]
    pub fn rows(&self) -> Option<u32> {
        self.rows
    }

    /// The time limit, if the request has one of its own.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// The limit for the size of the answer in bytes, if the request has one of its own.
    #[must_use]
    pub fn max_answer(&self) -> Option<u64> {
        self.max_answer
    }

    /// How the parameters travel.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The attached token.
    #[must_use]
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref().map(|(token, _)| token)
    }

    /// Whether the caller brought authentication: a `token` parameter, one of the two headers, or an address that
    /// may be signed.
    /// Nothing is added to such a request.
    #[must_use]
    pub fn has_own_authentication(&self) -> bool {
        self.params
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("token"))
            || self.headers.contains_key(AUTHORIZATION)
            || self.headers.contains_key(ESRI_AUTHORIZATION)
            || self.query.is_some()
    }

    /// Whether anything in the request is secret: a parameter, a token or an authorisation header.
    #[must_use]
    pub fn carries_secret(&self) -> bool {
        self.token.is_some()
            || self
                .params
                .iter()
                .any(|(_, value)| matches!(value, Value::Secret(_)))
            || self.has_own_authentication()
    }

    /// Everything in the request that nobody may see, longest first: what the servers that echo
    /// requests must not bring into an error.
    pub(crate) fn secrets(&self) -> Vec<Cow<'_, str>> {
        let params = self.params.iter().filter_map(|(_, value)| match value {
            Value::Secret(secret) => Some(Cow::Borrowed(secret.expose_secret())),
            Value::Plain(_) => None,
        });
        let token = self.token().map(|token| Cow::Borrowed(token.expose()));
        let query = self.query.iter();
        let query = query.map(|query| Cow::Borrowed(query.expose_secret()));
        let headers = self.headers.values().filter_map(|value| {
            if !value.is_sensitive() {
                return None;
            }
            let text = String::from_utf8_lossy(value.as_bytes());
            // Behind the scheme, if there is one.
            let secret = text.split_once(' ').map_or(&*text, |(_, secret)| secret);
            Some(Cow::Owned(secret.trim().to_owned()))
        });
        let mut secrets: Vec<_> = params.chain(token).chain(query).chain(headers).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets
    }

    /// The address for logs and errors, secrets hidden, and without the query of one that is asked for as it stands.
    #[must_use]
    pub fn redacted_url(&self) -> String {
        redact_url(&self.url)
    }

    /// The request as HTTP.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where a token cannot stand in a header, or a secret parameter would have to
    /// travel in a URL.
    pub fn to_http(&self) -> Result<http::Request<RequestBody>, Error> {
        let in_form = match &self.token {
            Some((token, TokenPlacement::FormBody)) => Some(token),
            _ => None,
        };
        let in_query = match &self.token {
            Some((token, TokenPlacement::Query)) => Some(token),
            _ => None,
        };
        let secret = in_form.is_some()
            || self
                .params
                .iter()
                .any(|(_, value)| matches!(value, Value::Secret(_)));

        let mut encoded = match self.body {
            Body::Multipart(_) => Zeroizing::default(),
            _ => self.encoded(in_form),
        };
        let post = match self.body {
            Body::Form | Body::Multipart(_) => true,
            Body::Auto => secret || encoded.len() > LONGEST_QUERY,
            Body::None | Body::Content(_) if secret => return Err(ConfigError::SecretInUrl.into()),
            Body::None | Body::Content(_) => false,
        };
        let (content_type, body) = match &self.body {
            Body::Multipart(parts) => {
                let token = in_form.map(|token| ("token", token.expose()));
                let fields = self
                    .params
                    .iter()
                    .map(|(name, value)| (name.as_ref(), value.expose()));
                let (content_type, body) = multipart::encode(fields.chain(token), parts)?;
                (Some(content_type), body)
            }
            Body::Content(content) => {
                let mut body = RequestBody::empty();
                body.push_source(Arc::clone(content));
                // Signed addresses want the type that was signed, mostly none.
                (None, body)
            }
            _ if post => {
                let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
                let form = Zeroizing::new(std::mem::take(&mut *encoded).into_bytes());
                (Some(content_type), wiped(form).into())
            }
            _ => (None, RequestBody::empty()),
        };

        let mut url = self.url.clone();
        if let Some(query) = &self.query {
            url.set_query(Some(query.expose_secret()));
        }
        if !post && !encoded.is_empty() {
            let query = match url.query() {
                Some(query) => Zeroizing::new(format!("{query}&{}", *encoded)),
                None => encoded,
            };
            url.set_query(Some(&query));
        }
        if let Some(token) = in_query {
            url.query_pairs_mut().append_pair("token", token.expose());
        }
        let method = match self.body {
            Body::Content(_) => Method::PUT,
            _ if post => Method::POST,
            _ => Method::GET,
        };
        let mut builder = http::Request::builder().method(method).uri(url.as_str());
        if let Some(headers) = builder.headers_mut() {
            self.fill(headers, content_type)?;
        }
        builder
            .body(body)
            .map_err(|_| ConfigError::InvalidUrl(self.redacted_url()).into())
    }

    /// All parameters, and the token of a form, in a buffer that is wiped and leaves no copies.
    fn encoded(&self, token: Option<&Token>) -> Zeroizing<String> {
        let pairs = self
            .params
            .iter()
            .map(|(name, value)| (name.as_ref(), value.expose()))
            .chain(token.map(|token| ("token", token.expose())));
        // Encoding makes three bytes of one at most.
        let room = pairs
            .clone()
            .map(|(name, value)| 3 * (name.len() + value.len()) + 2)
            .sum();
        let mut encoded = Serializer::new(String::with_capacity(room));
        for (name, value) in pairs {
            encoded.append_pair(name, value);
        }
        Zeroizing::new(encoded.finish())
    }

    fn fill(
        &self,
        headers: &mut HeaderMap,
        content_type: Option<HeaderValue>,
    ) -> Result<(), Error> {
        headers.extend(
            self.headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        let accept = match self.accept {
            Accept::Json => "application/json, text/plain, */*",
            Accept::Pbf => "application/x-protobuf, application/json, */*",
            Accept::Any => "*/*",
        };
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static(accept));
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, content_type);
        }
        if let Some((token, placement)) = &self.token {
            if let Some(referer) = token.referer() {
                let value = HeaderValue::from_str(referer)
                    .map_err(|_| ConfigError::InvalidHeader("the referer"))?;
                headers.insert(REFERER, value);
            }
            let name = match placement {
                TokenPlacement::EsriHeader => Some(ESRI_AUTHORIZATION),
                TokenPlacement::AuthorizationHeader => Some(AUTHORIZATION),
                TokenPlacement::FormBody | TokenPlacement::Query => None,
            };
            if let Some(name) = name {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
                    .map_err(|_| ConfigError::InvalidHeader("the token"))?;
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Params<'a>(&'a [(Cow<'static, str>, Value)]);
        impl fmt::Debug for Params<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let shown = self.0.iter().map(|(name, value)| match value {
                    Value::Plain(text) => (name.as_ref(), text.as_str()),
                    Value::Secret(_) => (name.as_ref(), "[redacted]"),
                });
                f.debug_map().entries(shown).finish()
            }
        }
        // Headers may hold a caller's own credentials: names only.
        let headers: Vec<_> = self.headers.keys().collect();
        f.debug_struct("Request")
            .field("url", &self.redacted_url())
            .field("params", &Params(&self.params))
            .field("headers", &headers)
            .field("access", &self.access)
            .field(
                "token",
                &self.token.as_ref().map(|(_, placement)| placement),
            )
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
