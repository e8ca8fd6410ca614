//! Signing out, and asking who one is.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]

mod hasty_clock;
mod organisation;

use arcgis_auth_core::{Credentials, Error, Portal, Token, UserLogin};
use arcgis_auth_http::{ArcGisClient, Identity, OAuthError, sign_out, who_am_i};
use arcgis_testkit::{OAuthApp, Security, Testkit};
use organisation::*;
use wiremock::{MockServer, ResponseTemplate};

fn login(server: &MockServer) -> UserLogin {
    UserLogin::new(
        "app-id",
        "http://127.0.0.1:8765/",
        "r1-secret",
        portal(server),
    )
    .unwrap()
}

#[tokio::test]
async fn signing_out_revokes_both_tokens_in_exactly_this_form() {
    let server = MockServer::start().await;
    answers(&server, REVOKE, json(r#"{"success":true}"#)).await;
    let login = login(&server).with_access_token(Some(Token::new("a1-secret")));
    sign_out(&login, transport()).await.unwrap();
    let forms: Vec<_> = seen(&server, REVOKE).await.iter().map(form).collect();
    let expected = |token| {
        map(&[
            ("f", "json"),
            ("client_id", "app-id"),
            ("auth_token", token),
        ])
    };
    assert_eq!(forms, [expected("r1-secret"), expected("a1-secret")]);
}

#[tokio::test]
async fn signing_out_twice_is_no_error_and_a_refusal_is() {
    for (reply, ended) in [
        (
            json(r#"{"error":{"code":498,"message":"Invalid token.","details":[]}}"#),
            true,
        ),
        (
            json(
                r#"{"error":{"code":400,"error":"invalid_request","message":"Invalid auth_token"}}"#,
            ),
            true,
        ),
        (
            json(
                r#"{"error":{"code":400,"error":"invalid_client_id","message":"Invalid client_id"}}"#,
            ),
            false,
        ),
        (json(r#"{"success":false}"#), false),
        (ResponseTemplate::new(404), false),
    ] {
        let server = MockServer::start().await;
        answers(&server, REVOKE, reply).await;
        let result = sign_out(&login(&server), transport()).await;
        assert_eq!(result.is_ok(), ended, "{result:?}");
        if let Err(error) = result {
            assert!(OAuthError::of(&error).is_some(), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("r1-secret"));
        }
    }
}

async fn service() -> Testkit {
    let app = OAuthApp::new("app-id").with_secret("app-secret");
    let security = Security::token("ada", "pass word").app(app);
    Testkit::builder().security(security).start().await.unwrap()
}

async fn ask(portal: &Portal, credentials: Credentials) -> Identity {
    let client = ArcGisClient::builder()
        .credentials(credentials)
        .build()
        .unwrap();
    who_am_i(portal, &client).await.unwrap()
}

#[tokio::test]
async fn a_portal_says_who_a_user_an_application_and_nobody_is() {
    let service = service().await;
    let portal = Portal::parse(&service.portal_url()).unwrap();
    let user = Credentials::user_password("ada", "pass word", portal.clone()).unwrap();
    let me = ask(&portal, user).await;
    assert_eq!(me.username.as_deref(), Some("ada"));
    assert_eq!(me.full_name.as_deref(), Some("ada"));
    assert_eq!(me.email.as_deref(), Some("ada@example.com"));
    assert_eq!(me.role.as_deref(), Some("org_user"));
    assert_eq!(me.org_id.as_deref(), Some("0123456789ABCDEF"));
    assert_eq!(me.org_name.as_deref(), Some("Test organisation"));
    assert_eq!(me.url_key.as_deref(), Some("test"));

    let app = Credentials::app("app-id", "app-secret", portal.clone()).unwrap();
    let me = ask(&portal, app).await;
    assert_eq!(
        (me.username.as_deref(), me.app_id.as_deref()),
        (None, Some("app-id"))
    );
    assert!(!me.is_anonymous());
}

#[tokio::test]
async fn where_the_organisation_does_not_name_the_user_the_user_is_asked_for() {
    let server = MockServer::start().await;
    let get = |at: &str, body: &str| {
        wiremock::Mock::given(wiremock::matchers::path(at)).respond_with(json(body))
    };
    get(
        "/portal/sharing/rest/portals/self",
        r#"{"id":"o1","name":"Org"}"#,
    )
    .mount(&server)
    .await;
    get(
        "/portal/sharing/rest/community/self",
        r#"{"username":"ada","userLicenseTypeId":"creatorUT","role":7}"#,
    )
    .mount(&server)
    .await;
    let portal = portal(&server);
    let token = Credentials::token(&portal, "t").unwrap();
    let me = ask(&portal, token).await;
    assert_eq!(me.username.as_deref(), Some("ada"));
    assert_eq!(me.user_type.as_deref(), Some("creatorUT"));
    assert_eq!(me.role, None, "a member of another type is absent");

    let alone = MockServer::start().await;
    let portal = Portal::parse(&format!("{}/arcgis", alone.uri())).unwrap();
    let client = ArcGisClient::builder().build().unwrap();
    let error = who_am_i(&portal, &client).await.unwrap_err();
    assert!(matches!(error, Error::Service(_)), "{error:?}");
}
