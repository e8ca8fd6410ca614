//! The seam to the network.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::error::Error;
use crate::request::Request;
use crate::response::Response;

/// Sends one request and gives one answer.
///
/// Any status is an answer. An error means that the request could not be completed. Dropping the
/// future stops the request. Middleware is a transport around a transport.
///
/// ```
/// use arcgis_auth_core::{Error, Request, Response, Transport};
/// use futures_util::future::{BoxFuture, FutureExt};
///
/// /// Answers everything with the same count.
/// #[derive(Debug)]
/// struct Canned;
///
/// impl Transport for Canned {
///     fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
///         async move {
///             let body = r#"{"count":42}"#.into();
///             Ok(Response::judge(&request, http::StatusCode::OK, http::HeaderMap::new(), body))
///         }
///         .boxed()
///     }
/// }
/// ```
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends `request`.
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>>;
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        (**self).send(request)
    }
}
