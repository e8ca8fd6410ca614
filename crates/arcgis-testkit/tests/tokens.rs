#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! Who is let in: tokens, how they are got, and when they are refused.

mod towns;
mod wire;

use std::time::Duration;

use arcgis_testkit::{Placement, RefusalStyle, Security, Testkit};
use serde_json::json;
use towns::{PAGE, five_towns};
use wire::{get, post, try_get};

fn secured(security: Security) -> arcgis_testkit::TestkitBuilder {
    Testkit::builder().layer(five_towns()).security(security)
}

fn mint(service: &Testkit, more: &[(&str, &str)], referer: &str) -> serde_json::Value {
    let mut form = vec![
        ("username", "user"),
        ("password", "pass word"),
        ("client", "referer"),
        ("referer", referer),
        ("f", "json"),
    ];
    form.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    form.extend_from_slice(more);
    post(service, "/arcgis/tokens/generateToken", &form, &[]).json()
}

fn count(
    service: &Testkit,
    parameters: &[(&str, &str)],
    headers: &[(&str, &str)],
) -> serde_json::Value {
    let mut all = vec![("f", "json"), ("where", "1=1"), ("returnCountOnly", "true")];
    all.extend_from_slice(parameters);
    let reply = try_get(service, PAGE, &all, headers).unwrap();
    assert_eq!(reply.status, 200);
    reply.json()
}

#[tokio::test]
async fn a_secured_service_tells_where_tokens_are_and_asks_for_them() {
    let service = secured(Security::token("user", "pass word"))
        .start()
        .await
        .unwrap();
    let info = get(&service, "/arcgis/rest/info", &[("f", "json")]).json();
    assert_eq!(
        info["authInfo"],
        json!({"isTokenBasedSecurity": true, "tokenServicesUrl": service.token_url(), "shortLivedTokenValidity": 60})
    );
    assert!(info.get("owningSystemUrl").is_none());
    let portal = get(&service, "/portal/sharing/rest/info", &[("f", "json")]).json();
    assert_eq!(
        portal["authInfo"]["tokenServicesUrl"],
        format!("{}/sharing/rest/generateToken", service.portal_url())
    );
    assert_eq!(
        count(&service, &[], &[]),
        json!({"error": {"code": 499, "message": "Token Required", "details": ["Token Required"]}})
    );
    assert_eq!(
        count(&service, &[("token", "x")], &[])["error"]["code"],
        498
    );
    assert_eq!(
        get(&service, "/arcgis/rest/services", &[("f", "json")]).json()["error"]["code"],
        499
    );

    assert_eq!(
        get(
            &service,
            "/arcgis/tokens/generateToken",
            &[
                ("username", "user"),
                ("password", "pass word"),
                ("f", "json")
            ]
        )
        .status,
        405
    );
    let wrong = mint(&service, &[("password", "wrong")], "https://x");
    assert_eq!(
        wrong,
        json!({"error": {"code": 400, "message": "Unable to generate token.", "details": ["Invalid username or password."]}})
    );
    assert_eq!(
        mint(&service, &[("expiration", "0")], "https://x")["error"]["code"],
        400
    );
    assert_eq!(service.mints(), 0);

    let minted = mint(&service, &[("expiration", "525600")], "https://x.test");
    let life = minted["expires"].as_u64().unwrap()
        - u64::try_from(
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .as_millis(),
        )
        .unwrap();
    // Cut down to the hour that tokens live here.
    assert!((3_590_000..=3_600_000).contains(&life), "{life}");
    let token = minted["token"].as_str().unwrap();
    let referer = ("Referer", "https://x.test/");
    for (parameters, header) in [
        (
            vec![],
            Some(("X-Esri-Authorization", format!("Bearer {token}"))),
        ),
        (vec![], Some(("Authorization", format!("Bearer {token}")))),
        (vec![("token", token)], None),
    ] {
        let mut headers = vec![referer];
        headers.extend(header.iter().map(|(name, value)| (*name, value.as_str())));
        assert_eq!(count(&service, &parameters, &headers), json!({"count": 5}));
        headers.remove(0);
        assert_eq!(count(&service, &parameters, &headers)["error"]["code"], 498);
    }
    assert_eq!(service.mints(), 1);
    service.revoke_tokens();
    assert_eq!(
        count(&service, &[("token", token)], &[referer])["error"]["code"],
        498
    );
    let issued = service.issue_token().unwrap();
    assert_eq!(
        count(&service, &[("token", &issued)], &[]),
        json!({"count": 5})
    );
    assert_eq!(service.mints(), 1);
    let log = format!("{:?}", service.requests());
    assert!(!log.contains(token) && !log.contains("pass word"));
}

#[tokio::test]
async fn tokens_end_with_their_life() {
    let security = Security::token("user", "pass word")
        .token_life(Duration::from_millis(300))
        .refusal(RefusalStyle::Status);
    let service = secured(security).start().await.unwrap();
    let minted = mint(&service, &[("client", "requestip")], "");
    let ask = || {
        try_get(
            &service,
            PAGE,
            &[
                ("f", "json"),
                ("where", "1=1"),
                ("token", minted["token"].as_str().unwrap()),
            ],
            &[],
        )
        .unwrap()
        .status
    };
    assert_eq!(ask(), 200);
    std::thread::sleep(Duration::from_millis(350));
    assert_eq!(ask(), 498);
}

#[tokio::test]
async fn servers_differ_in_what_they_accept() {
    let old = Security::token("user", "pass word")
        .accept([Placement::Form, Placement::Query])
        .static_token("AAPKx")
        .refuse_requestip();
    let service = secured(
        old.owning_system_url("{origin}/portal")
            .token_services_url("https://evil.test/token"),
    )
    .start()
    .await
    .unwrap();
    assert_eq!(
        count(&service, &[], &[("X-Esri-Authorization", "Bearer AAPKx")])["error"]["code"],
        499
    );
    assert_eq!(
        count(&service, &[("token", "AAPKx")], &[]),
        json!({"count": 5})
    );
    let form = post(
        &service,
        PAGE,
        &[
            ("f", "json"),
            ("where", "1=1"),
            ("returnCountOnly", "true"),
            ("token", "AAPKx"),
        ],
        &[],
    );
    assert_eq!(form.json(), json!({"count": 5}));
    let minted = mint(&service, &[("client", "requestip")], "");
    assert_eq!(
        count(
            &service,
            &[("token", minted["token"].as_str().unwrap())],
            &[]
        )["error"]["code"],
        498
    );
    let info = get(&service, "/arcgis/rest/info", &[("f", "json")]).json();
    assert_eq!(info["owningSystemUrl"], service.portal_url());
    assert_eq!(
        info["authInfo"]["tokenServicesUrl"],
        "https://evil.test/token"
    );
}
