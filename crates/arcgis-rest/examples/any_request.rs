//! Any request to an ArcGIS server, with a token that looks after itself:
//! `cargo run -p arcgis-rest --example any_request -- <url> [name=value …]`.
//!
//! Without arguments it asks a secured service of its own. An answer of an ArcGIS server is not what its status says:
//! `into_ok` gives the body only where it is no error in disguise.

use arcgis_rest::{ArcGisClient, Credentials, Portal, Request, Transport};
use arcgis_testkit::{Security, Testkit};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let security = Security::token("me", "secret");
    let demo = Testkit::builder()
        .demo_layers()
        .security(security)
        .start()
        .await?;
    let mut arguments = std::env::args().skip(1);
    let (url, credentials) = match arguments.next() {
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
    let mut request = Request::read(url.parse()?).with_param("f", "json");
    for argument in arguments {
        let (name, value) = argument
            .split_once('=')
            .ok_or("parameters are name=value")?;
        request = request.with_param(name.to_owned(), value.to_owned());
    }
    let body = client.send(request).await?.into_ok()?;
    let answer: serde_json::Value = serde_json::from_slice(&body)?;
    println!("{answer:#}");
    eprintln!("{} tokens were made for it", client.stats().mints);
    Ok(())
}
