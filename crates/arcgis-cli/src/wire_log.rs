//! Every request, for `-vv`.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use arcgis_rest::auth::{Error, Request, Response, Transport};

use crate::exit::one_line;

/// What tells one request from another. Parameters that may hold a secret are not among them.
const TELLING: [&str; 9] = [
    "where",
    "returnCountOnly",
    "returnIdsOnly",
    "returnExtentOnly",
    "outStatistics",
    "outFields",
    "outSR",
    "resultOffset",
    "resultRecordCount",
];

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
            let asked: Vec<String> = TELLING
                .iter()
                .filter_map(|name| Some(format!("{name}={}", request.param(name)?)))
                .collect();
            let asked = one_line(&asked.join("&"));
            let started = Instant::now();
            let result = self.0.send(request).await;
            let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            match &result {
                Ok(response) => tracing::debug!(
                    %url,
                    %asked,
                    status = response.status().as_u16(),
                    bytes = response.len(),
                    attempts = response.attempts(),
                    millis,
                    "answered"
                ),
                Err(error) => tracing::debug!(%url, %asked, %error, millis, "failed"),
            }
            result
        })
    }
}
