//! What kind of request it is: what it may do, how it travels, what it expects.

use std::sync::Arc;

use crate::part::{Part, PartSource};

/// Whether a request changes anything on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// It only reads, so it may be sent again whatever became of it.
    Read,
    /// It may change something: it is sent again only where the server certainly did not act on it.
    Write,
    /// It puts one thing in one place, so that twice is as good as once: it may be sent again whatever became
    /// of it, but to no other place.
    Replace,
}

/// How the parameters travel.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Body {
    /// In the query of a GET where they are short and hold no secret, else as a form in a POST.
    Auto,
    /// As a form in a POST, always.
    Form,
    /// In the query of a GET, always. A secret parameter makes such a request fail.
    None,
    /// As fields of a multipart form in a POST, with these parts behind them. The parts are opened
    /// each time the request is sent.
    Multipart(Vec<Part>),
    /// In the query of a PUT, with this as its body, which is opened each time the request is sent. A secret
    /// parameter makes such a request fail.
    Content(Arc<dyn PartSource>),
}

/// What the body of the answer should be: decides the `Accept` header and how an answer is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accept {
    /// JSON, whatever content type the server declares for it.
    Json,
    /// An Esri feature collection in protocol buffers; errors still come as JSON.
    Pbf,
    /// Anything, such as the file of an attachment. Services send errors as JSON or as text, whatever
    /// was asked for: an answer of type JSON is judged as [`Accept::Json`] is, and one of no type or a
    /// text type (`text/plain` is what ArcGIS Server calls JSON) is an error if it begins as an error
    /// object does and has code and message. Every other answer under a good status is data.
    Any,
}

/// Where in a request the token goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum TokenPlacement {
    /// `X-Esri-Authorization: Bearer …`: works beside web-tier authentication. The default.
    #[default]
    EsriHeader,
    /// `Authorization: Bearer …`.
    AuthorizationHeader,
    /// A `token` member of the form, which makes every request a POST. Servers before 10.3 know no header.
    FormBody,
    /// A `token` parameter in the URL, where logs, proxies and `Referer` headers see it. Only on request.
    Query,
}
