//! The way to the service: options into the one client.

use std::io::Write;
use std::num::NonZeroUsize;

use anyhow::Result;
use arcgis_rest::auth::Credentials;
use arcgis_rest::http::ArcGisClient;

use crate::args::ConnectionArgs;
use crate::exit::Failure;

impl ConnectionArgs {
    /// Checks the options and makes the client. Nothing is sent.
    pub(crate) fn client(
        &self,
        credentials: Credentials,
        concurrency: Option<NonZeroUsize>,
    ) -> Result<ArcGisClient> {
        let mut builder = ArcGisClient::builder()
            .credentials(credentials)
            .timeout(self.timeout)
            .retries(self.retries);
        if let Some(requests) = concurrency {
            builder = builder.concurrency(requests.get());
        }
        for path in &self.cacert {
            builder = builder.cacert(path);
        }
        if self.insecure {
            warn_insecure();
            builder = builder.insecure(true);
        }
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy.as_str());
        }
        if let Some(user_agent) = &self.user_agent {
            builder = builder.user_agent(user_agent);
        }
        for header in &self.headers {
            // Not quoted back: the value may be a gateway's secret.
            let Some((name, value)) = header.split_once(':') else {
                return Err(Failure::usage(
                    "--header: a name and a value are needed, with a colon between them",
                )
                .with_hint("--header \"X-Gateway-Key: value\"")
                .into());
            };
            builder = builder.header(name.trim(), value.trim());
        }
        Ok(builder.build()?)
    }
}

/// Said whatever the verbosity: with it, a password can be read by anyone on the way.
fn warn_insecure() {
    let mut stderr = anstream::stderr().lock();
    let loud = anstyle::AnsiColor::Yellow.on_default().bold();
    // Nobody is left to tell that standard error is closed.
    let _ = writeln!(
        stderr,
        "{loud}WARNING: --insecure: certificates are NOT checked. Whoever is between here and the \
         server can read the credential and change the data.{loud:#}"
    );
}
