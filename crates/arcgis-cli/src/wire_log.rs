//! Every request, for `-vv`.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use arcgis_rest::auth::{Error, Request, Response, Transport};

/// A transport that tells what passes through it. Addresses are shown without secrets.
#[derive(Debug)]
pub(crate) struct WireLog<T>(pub(crate) T);

impl<T: Transport> Transport for WireLog<T> {
    fn send(
        &self,
        request: Request,
    ) -> Pin<Box<dyn Future<Output = Result<Response, Error>> + Send + '_>> {
        Box::pin(async move {
            let url = request.redacted_url();
            let started = Instant::now();
            let result = self.0.send(request).await;
            let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            match &result {
                Ok(response) => tracing::debug!(
                    %url,
                    status = response.status().as_u16(),
                    bytes = response.len(),
                    attempts = response.attempts(),
                    millis,
                    "answered"
                ),
                Err(error) => tracing::debug!(%url, %error, millis, "failed"),
            }
            result
        })
    }
}
