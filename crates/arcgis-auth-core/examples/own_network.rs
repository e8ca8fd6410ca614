//! This crate alone, without an HTTP client: a network and tokens of one's own, and what answers mean.
//!
//! `cargo run -p arcgis-auth-core --example own_network`. The network here is a function that answers as an ArcGIS server does:
//! with status 200 whatever happens. The first token is refused, so a second one is made, once, and the request goes out again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arcgis_auth_core::{
    Error, Portal, Request, Response, Token, TokenCache, TokenSession, TokenSource, Transport,
    TrustPolicy, http,
};
use futures_util::future::{BoxFuture, FutureExt};

/// A network: here one that knows a single answer.
#[derive(Debug)]
struct Network;

impl Transport for Network {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            // GET or POST, where the token goes, and what of it may be shown is decided here.
            let sent = request.to_http()?;
            let token = sent.headers().get("x-esri-authorization");
            let body = match token.map(http::HeaderValue::as_bytes) {
                Some(b"Bearer token 2") => r#"{"count": 42}"#,
                _ => r#"{"error": {"code": 498, "message": "Invalid token."}}"#,
            };
            let (status, headers) = (http::StatusCode::OK, http::HeaderMap::new());
            Ok(Response::judge(&request, status, headers, body.into()))
        }
        .boxed()
    }
}

/// Tokens that something else makes: a vault, a side car.
#[derive(Debug)]
struct Vault {
    trust: TrustPolicy,
    made: AtomicU32,
}

impl TokenSource for Vault {
    fn trust(&self) -> &TrustPolicy {
        &self.trust
    }

    fn mint(self: Arc<Self>) -> BoxFuture<'static, Result<Token, Error>> {
        async move {
            let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
            let life = Duration::from_secs(3600);
            Ok(Token::new(format!("token {number}")).with_life(life))
        }
        .boxed()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let portal = Portal::parse("https://gis.example.com/portal")?;
    let vault = Vault {
        // Its tokens go to this origin and to no other.
        trust: TrustPolicy::bound_to(portal.origin().clone()),
        made: AtomicU32::new(0),
    };
    let session = TokenSession::new(Arc::new(Network), Arc::new(TokenCache::new(vault)));
    let url = "https://gis.example.com/server/rest/services/Wells/FeatureServer/0/query";
    let request = Request::read(url.parse()?).with_param("returnCountOnly", "true");
    let answer = session.send(request.with_param("f", "json")).await?;
    println!("{:?}", answer.outcome());
    println!("{}", String::from_utf8_lossy(&answer.into_ok()?));
    Ok(())
}
