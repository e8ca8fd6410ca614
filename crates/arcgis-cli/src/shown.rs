//! Requests shown while they are sent, as commands that a person can try.

use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;

use arcgis_rest::auth::{Error, Request, Response, Transport};
use arcgis_rest::layer::to_curl;

use crate::progress::above;

/// Shows each request on standard error before it is sent.
#[derive(Debug)]
pub(crate) struct Shown(pub(crate) Arc<dyn Transport>);

impl Transport for Shown {
    fn send(
        &self,
        request: Request,
    ) -> Pin<Box<dyn Future<Output = Result<Response, Error>> + Send + '_>> {
        above(|| {
            // Nobody is left to tell that standard error is closed.
            let _ = writeln!(anstream::stderr().lock(), "{}", to_curl(&request));
        });
        self.0.send(request)
    }
}
