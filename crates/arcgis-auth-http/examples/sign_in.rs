//! This crate alone: a client that signs in, retries and throttles, for any ArcGIS request. No layers, no Arrow.
//!
//! `cargo run -p arcgis-auth-http --example sign_in -- <url>`. Credentials come from the environment, as the documentation of
//! `Credentials::from_env` says. Without an address it asks a secured service of its own, whose first answers are a
//! failure and a refused token.

use arcgis_auth_http::ArcGisClient;
use arcgis_auth_http::arcgis_auth_core::{Credentials, Portal, Request, Transport};
use arcgis_testkit::{Fault, FaultKind, RefusalStyle, RequestKind, Security, Testkit};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let refused = FaultKind::TokenRefused {
        code: 498,
        style: RefusalStyle::Body,
    };
    let demo = Testkit::builder()
        .demo_layers()
        .security(Security::token("me", "secret"))
        .fault(Fault::on(RequestKind::Layer, 1, FaultKind::Status(503)))
        .fault(Fault::on(RequestKind::Layer, 2, refused))
        .start()
        .await?;
    let (url, credentials) = match std::env::args().nth(1) {
        Some(url) => (url, Credentials::from_env()?),
        None => {
            let portal = Portal::parse(&demo.root_url())?;
            let user = Credentials::user_password("me", "secret", portal)?;
            (demo.layer_url("rivers"), Some(user))
        }
    };
    let client = ArcGisClient::builder()
        .credentials(credentials.unwrap_or(Credentials::Anonymous))
        .build()?;
    let request = Request::read(url.parse()?).with_param("f", "json");
    let body = client.send(request).await?.into_ok()?;
    let stats = client.stats();
    println!(
        "{} bytes, after {} requests with {} tokens",
        body.len(),
        stats.requests,
        stats.mints
    );
    Ok(())
}
