//! Redirects over real connections: what the other host gets to see.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use arcgis_auth_core::{Credentials, Error, Portal, Request, Transport, TransportErrorKind};
use arcgis_auth_http::ArcGisClient;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn leads(to: String) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path("/arcgis/rest/services/x"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", to))
        .mount(&server)
        .await;
    server
}

fn client(server: &MockServer) -> ArcGisClient {
    let portal = Portal::parse(&server.uri()).unwrap();
    ArcGisClient::builder()
        .credentials(Credentials::token(&portal, "S3CRET").unwrap())
        .header("X-Gateway-Key", "K3Y")
        .retries(0)
        .build()
        .unwrap()
}

fn request(server: &MockServer) -> Request {
    let url = format!("{}/arcgis/rest/services/x?f=json", server.uri());
    Request::read(url.parse().unwrap())
}

#[tokio::test]
async fn t13_another_host_sees_neither_token_nor_the_users_headers() {
    let other = MockServer::start().await;
    let page = "<html><head><title>Sign In</title></head></html>";
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_raw(page, "text/html"))
        .mount(&other)
        .await;
    let server = leads(format!("{}/login?back=x", other.uri())).await;
    let client = client(&server);
    let answer = client.send(request(&server)).await.unwrap();
    let error = answer.into_ok().unwrap_err();
    assert!(
        error.to_string().contains("Sign In"),
        "a login page is no data: {error}"
    );

    let first = &server.received_requests().await.unwrap()[0];
    assert_eq!(first.headers["x-esri-authorization"], "Bearer S3CRET");
    assert_eq!(first.headers["x-gateway-key"], "K3Y");
    let seen = other.received_requests().await.unwrap();
    assert_eq!(seen.len(), 1);
    let shown = format!("{:?} {}", seen[0], String::from_utf8_lossy(&seen[0].body));
    assert!(
        !shown.contains("S3CRET") && !shown.contains("K3Y"),
        "{shown}"
    );
    for text in [format!("{client:?}"), format!("{:?}", request(&server))] {
        assert!(!text.contains("S3CRET") && !text.contains("K3Y"), "{text}");
    }
}

#[tokio::test]
async fn a_secret_form_does_not_leave_its_origin() {
    let other = MockServer::start().await;
    let server = MockServer::start().await;
    let to = format!("{}/arcgis/rest/services/x", other.uri());
    Mock::given(any())
        .respond_with(ResponseTemplate::new(307).insert_header("location", to.as_str()))
        .mount(&server)
        .await;
    let request = request(&server).with_secret_param("token", "0WN".to_owned().into());
    let error = client(&server).send(request).await.unwrap_err();
    assert!(
        matches!(&error, Error::Transport(error) if error.kind() == TransportErrorKind::Redirect)
    );
    assert!(error.to_string().contains(&other.uri()), "{error}");
    assert!(!error.to_string().contains("0WN"));
    assert!(other.received_requests().await.unwrap().is_empty());
}
