//! A portal and its servers as services of their own: whole flows, whoever signs in.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]

use arcgis_auth_core::{Credentials, Error, Portal, Request, Transport};
use arcgis_auth_http::ArcGisClient;
use arcgis_testkit::{Field, FieldType, GeometryType, Layer, OAuthApp, Security, Testkit};

fn layer() -> Layer {
    Layer::new("towns", GeometryType::Point).with_field(Field::new("NAME", FieldType::String))
}

async fn portal() -> Testkit {
    let app = OAuthApp::new("app-id").with_secret("app-secret");
    let security = Security::token("ada", "pass word").app(app);
    Testkit::builder().security(security).start().await.unwrap()
}

async fn server(security: Security) -> Testkit {
    Testkit::builder()
        .layer(layer())
        .security(security)
        .start()
        .await
        .unwrap()
}

fn credentials(portal: &Testkit) -> [Credentials; 2] {
    let portal = Portal::parse(&portal.portal_url()).unwrap();
    [
        Credentials::user_password("ada", "pass word", portal.clone()).unwrap(),
        Credentials::app("app-id", "app-secret", portal).unwrap(),
    ]
}

fn about(server: &Testkit) -> Request {
    let url = server.layer_url("towns");
    Request::read(url.parse().unwrap()).with_param("f", "json")
}

#[tokio::test]
async fn users_and_applications_reach_federated_servers_and_survive_refusals() {
    let portal = portal().await;
    let one = server(Security::federated(&portal)).await;
    let other = server(Security::hosted(&portal)).await;
    for credentials in credentials(&portal) {
        let client = ArcGisClient::builder()
            .credentials(credentials)
            .build()
            .unwrap();
        for server in [&one, &other] {
            client.send(about(server)).await.unwrap().into_ok().unwrap();
            server.revoke_tokens();
            client.send(about(server)).await.unwrap().into_ok().unwrap();
            portal.revoke_tokens();
            server.revoke_tokens();
            client.send(about(server)).await.unwrap().into_ok().unwrap();
        }
    }
    assert_eq!(
        portal.grants().server_token,
        12,
        "one for each life of a token"
    );
    let secrets = ["pass+word", "pass%20word", "app-secret"];
    for request in one.requests().iter().chain(&other.requests()) {
        let body = String::from_utf8_lossy(request.body());
        let seen = format!("{} {:?} {body}", request.url(), request.headers());
        assert!(
            !secrets.iter().any(|secret| seen.contains(secret)),
            "{seen}"
        );
    }
}

#[tokio::test]
async fn a_server_of_another_portal_that_claims_ours_stays_without() {
    let (ours, theirs) = (portal().await, portal().await);
    let claims = Security::federated(&theirs).owning_system_url(ours.portal_url());
    let hostile = server(claims).await;
    for credentials in credentials(&ours) {
        let client = ArcGisClient::builder()
            .credentials(credentials)
            .build()
            .unwrap();
        let error = client.send(about(&hostile)).await.unwrap_err();
        assert!(matches!(error, Error::Unauthorized(_)), "{error:?}");
    }
    for request in hostile.requests() {
        assert!(request.headers().get("x-esri-authorization").is_none());
        assert!(request.headers().get("authorization").is_none());
        assert!(request.body().is_empty(), "{:?}", request.body());
        assert!(!request.url().contains("token="), "{}", request.url());
    }
    assert_eq!(ours.grants().server_token, 0);
}

#[tokio::test]
async fn a_portal_whose_clock_is_wrong_gives_tokens_of_the_right_life() {
    for (skew, in_seconds) in [
        (7200, false),
        (-7200, false),
        (86_400, true),
        (-86_400, true),
    ] {
        let app = OAuthApp::new("app-id").with_secret("app-secret");
        let security = Security::token("ada", "pass word").app(app);
        let security = match in_seconds {
            true => security.expires_in_seconds(),
            false => security,
        };
        let portal = Testkit::builder()
            .security(security)
            .clock_skew(skew)
            .start()
            .await
            .unwrap();
        let server = server(Security::federated(&portal)).await;
        for credentials in credentials(&portal) {
            let before = portal.grants();
            let client = ArcGisClient::builder()
                .credentials(credentials)
                .build()
                .unwrap();
            for _ in 0..3 {
                client
                    .send(about(&server))
                    .await
                    .unwrap()
                    .into_ok()
                    .unwrap();
            }
            let provider = client.provider().unwrap();
            let token = provider.token().await.unwrap().unwrap();
            let life = token.life().unwrap().as_secs();
            assert!((3590..=7200).contains(&life), "{skew}: {life}");
            assert_eq!(portal.grants().tokens(), before.tokens() + 2, "{skew}");
        }
    }
}
