//! What each exchange was, for logs: secrets are left out, and so is what the server says, which may
//! repeat them.

use std::fmt;
use std::time::Instant;

use arcgis_auth_core::http::Method;
use arcgis_auth_core::{Error, Request, Response};

use crate::telemetry;

/// Longer values, such as lists of ids, are cut.
const LONGEST: usize = 200;

/// The parameters of a request as `name=value&…`, secret values as `***`.
struct Params<'a>(&'a Request);

impl fmt::Display for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.0.shown_params().enumerate() {
            if place > 0 {
                f.write_str("&")?;
            }
            write!(f, "{}=", name.escape_debug())?;
            match value.map(|value| (value, value.char_indices().nth(LONGEST))) {
                None => f.write_str("***")?,
                Some((value, Some((end, _)))) => {
                    let start = value.get(..end).unwrap_or_default();
                    write!(f, "{}…", start.escape_debug())?;
                }
                Some((value, None)) => write!(f, "{}", value.escape_debug())?,
            }
        }
        Ok(())
    }
}

/// Tells of one exchange that began at `started`, at the level `debug`.
pub(crate) fn tell(
    request: &Request,
    method: &Method,
    started: Instant,
    result: &Result<Response, Error>,
) {
    let url = request.redacted_url();
    let params = Params(request);
    let token = request.token().is_some();
    let millis = telemetry::millis(started.elapsed());
    match result {
        Ok(response) => tracing::debug!(
            target: "arcgis::http",
            %method,
            %url,
            %params,
            token,
            status = response.status().as_u16(),
            outcome = ?response.outcome(),
            bytes = response.len(),
            millis,
            "answered"
        ),
        Err(error) => {
            tracing::debug!(target: "arcgis::http", %method, %url, %params, token, %error, millis, "failed")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_told_without_secrets_and_at_bearable_length() {
        let request = Request::read("https://h/x?a=b%0Ac&TOKEN=CANARY".parse().unwrap())
            .with_secret_param("password", "CANARY".into())
            .with_param("objectIds", "7".repeat(300));
        let told = Params(&request).to_string();
        let ids = "7".repeat(200);
        assert_eq!(
            told,
            format!("a=b\\nc&TOKEN=***&password=***&objectIds={ids}…")
        );
    }
}
