#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! A portal and the servers that belong to it, as services of their own.

mod towns;
mod wire;

use arcgis_testkit::{Error, Security, Testkit};
use serde_json::{Value, json};
use towns::{PAGE, five_towns};
use wire::{get, post, try_get};

async fn portal() -> Testkit {
    Testkit::builder()
        .security(Security::token("user", "pass word"))
        .start()
        .await
        .unwrap()
}

async fn server(security: Security) -> Testkit {
    Testkit::builder()
        .layer(five_towns())
        .security(security)
        .start()
        .await
        .unwrap()
}

fn count(service: &Testkit, token: &str) -> Value {
    let parameters = [("f", "json"), ("where", "1=1"), ("returnCountOnly", "true")];
    let bearer = format!("Bearer {token}");
    let headers = [("X-Esri-Authorization", bearer.as_str())];
    try_get(service, PAGE, &parameters, &headers)
        .unwrap()
        .json()
}

fn server_token(portal: &Testkit, token: &str, server: &str) -> Value {
    let form = [
        ("request", "getToken"),
        ("serverUrl", server),
        ("token", token),
        ("expiration", "30"),
        ("f", "json"),
    ];
    post(portal, "/portal/sharing/rest/generateToken", &form, &[]).json()
}

#[tokio::test]
async fn a_federated_server_takes_the_tokens_that_its_portal_issues_for_it() {
    let portal = portal().await;
    let server_one = server(Security::federated(&portal)).await;
    let server_two = server(Security::federated(&portal)).await;
    let stranger = server(Security::token("user", "pass word")).await;

    let info = get(&server_one, "/arcgis/rest/info", &[("f", "json")]).json();
    assert_eq!(info["owningSystemUrl"], portal.portal_url());
    assert_eq!(
        info["authInfo"],
        json!({
            "isTokenBasedSecurity": true,
            "tokenServicesUrl": format!("{}/sharing/rest/generateToken", portal.portal_url()),
            "shortLivedTokenValidity": 60
        })
    );
    let own = post(
        &server_one,
        "/arcgis/tokens/generateToken",
        &[("username", "user"), ("password", "pass word")],
        &[],
    );
    assert_eq!(own.status, 404);

    let portal_token = portal.issue_token().unwrap();
    assert_eq!(count(&server_one, &portal_token)["error"]["code"], 498);
    let minted = server_token(&portal, &portal_token, &server_one.root_url());
    let token = minted["token"].as_str().unwrap();
    assert_eq!(count(&server_one, token), json!({"count": 5}));
    assert_eq!(count(&server_two, token)["error"]["code"], 498);
    // A server's token is nothing to the portal, and buys no other.
    let myself = get(
        &portal,
        "/portal/sharing/rest/community/self",
        &[("f", "json"), ("token", token)],
    );
    assert_eq!(myself.json()["error"]["code"], 498);
    assert_eq!(
        server_token(&portal, token, &server_two.root_url())["error"]["code"],
        498
    );

    assert_eq!(
        server_token(&portal, &portal_token, &stranger.root_url())["error"],
        json!({"code": 400, "message": "Unable to generate token.", "details": ["The server of 'serverUrl' is not federated with this portal."]})
    );
    // Case, scheme, a closing slash and what follows the root do not matter.
    let loud = server_two
        .services_url()
        .replace("http:", "HTTPS:")
        .to_uppercase();
    assert!(server_token(&portal, &portal_token, &loud)["token"].is_string());

    assert_eq!(
        (
            server_one.mints(),
            server_two.mints(),
            portal.grants().server_token
        ),
        (1, 1, 2)
    );
    server_one.revoke_tokens();
    assert_eq!(count(&server_one, token)["error"]["code"], 498);
    let issued = server_one.issue_token().unwrap();
    assert_eq!(count(&server_one, &issued), json!({"count": 5}));

    let listed = get(
        &portal,
        "/portal/sharing/rest/portals/self/servers",
        &[("f", "json"), ("token", &portal_token)],
    )
    .json();
    let urls: Vec<&str> = listed["servers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|server| server["url"].as_str().unwrap())
        .collect();
    assert_eq!(urls, [server_one.root_url(), server_two.root_url()]);
    assert_eq!(listed["servers"][0]["serverType"], "ARCGIS");
}

#[tokio::test]
async fn some_servers_take_the_tokens_of_the_portal() {
    let portal = portal().await;
    let hosted = Testkit::builder()
        .layer(five_towns())
        .security(Security::hosted(&portal))
        .server_path("AbCd1234/arcgis")
        .public_origin("https://services1.arcgis.com")
        .start()
        .await
        .unwrap();
    assert_eq!(
        hosted.root_url(),
        "https://services1.arcgis.com/AbCd1234/arcgis"
    );
    let token = portal.issue_token().unwrap();
    let bearer = format!("Bearer {token}");
    let reply = try_get(
        &hosted,
        &format!("/AbCd1234{PAGE}"),
        &[("f", "json"), ("where", "1=1"), ("returnCountOnly", "true")],
        &[("Authorization", &bearer)],
    );
    assert_eq!(reply.unwrap().json(), json!({"count": 5}));
    // Paths count with their case.
    assert_eq!(
        get(&hosted, "/abcd1234/arcgis/rest/services", &[("f", "json")]).status,
        404
    );
    let minted = server_token(
        &portal,
        &token,
        "https://services1.arcgis.com/AbCd1234/arcgis",
    );
    assert!(minted["token"].is_string());
}

#[tokio::test]
async fn a_portal_at_the_root_is_arcgis_online() {
    let portal = Testkit::builder()
        .security(Security::token("user", "pass word"))
        .portal_path("")
        .public_origin("https://www.arcgis.com")
        .start()
        .await
        .unwrap();
    let info = get(&portal, "/sharing/rest/info", &[("f", "json")]).json();
    assert_eq!(info["owningSystemUrl"], "https://www.arcgis.com");
    assert_eq!(
        info["authInfo"]["tokenServicesUrl"],
        "https://www.arcgis.com/sharing/rest/generateToken"
    );
    let anonymous = get(&portal, "/sharing/rest/portals/self", &[("f", "json")]).json();
    assert_eq!(anonymous["portalHostname"], "www.arcgis.com");
    assert!(anonymous.get("user").is_none());
    let token = portal.issue_token().unwrap();
    let known = get(
        &portal,
        "/sharing/rest/portals/self",
        &[("f", "json"), ("token", &token)],
    )
    .json();
    assert_eq!(known["user"]["username"], "user");
}

#[tokio::test]
async fn a_portal_without_tokens_federates_nobody() {
    let open = Testkit::builder().start().await.unwrap();
    let refused = Testkit::builder()
        .security(Security::federated(&open))
        .start()
        .await;
    assert!(matches!(refused, Err(Error::OpenPortal)));
}

#[tokio::test]
async fn referers_bind_unless_the_server_is_lenient() {
    for (security, code) in [
        (Security::token("user", "pass word"), Some(498)),
        (Security::token("user", "pass word").any_referer(), None),
    ] {
        let security = security.static_token_for_referer("AAPKx", "https://site.test");
        let service = server(security).await;
        let form = [
            ("username", "user"),
            ("password", "pass word"),
            ("client", "referer"),
            ("referer", "https://a.test"),
        ];
        let minted = post(&service, "/arcgis/tokens/generateToken", &form, &[]).json();
        let answer = count(&service, minted["token"].as_str().unwrap());
        assert_eq!(answer["error"]["code"].as_i64(), code);
        assert_eq!(count(&service, "AAPKx")["error"]["code"], 498);
        let headers = [
            ("X-Esri-Authorization", "Bearer AAPKx"),
            ("Referer", "https://site.test/"),
        ];
        let parameters = [("f", "json"), ("where", "1=1"), ("returnCountOnly", "true")];
        assert_eq!(
            try_get(&service, PAGE, &parameters, &headers)
                .unwrap()
                .json(),
            json!({"count": 5})
        );
    }
}
