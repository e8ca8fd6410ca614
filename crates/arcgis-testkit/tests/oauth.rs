#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! OAuth 2: the sign-in page, the token endpoint and what they refuse.

mod wire;

use std::time::Duration;

use arcgis_testkit::{OAuthApp, RequestKind, Security, Testkit};
use serde_json::{Value, json};
use url::Url;
use wire::{Reply, post, try_get};

const AUTHORIZE: &str = "/portal/sharing/rest/oauth2/authorize";
const TOKEN: &str = "/portal/sharing/rest/oauth2/token";
const REDIRECT: &str = "http://127.0.0.1:8765/callback";
const OOB: &str = "urn:ietf:wg:oauth:2.0:oob";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn security() -> Security {
    Security::token("user", "pass word").app(
        OAuthApp::new("app")
            .with_secret("hush")
            .with_redirect_uri(REDIRECT),
    )
}

async fn portal(security: Security) -> Testkit {
    Testkit::builder().security(security).start().await.unwrap()
}

/// What the sign-in page asks for, with PKCE.
fn request(redirect: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![
        ("client_id", "app"),
        ("response_type", "code"),
        ("redirect_uri", redirect),
        ("state", "s t&te"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

fn sign_in(service: &Testkit, request: &[(&str, &str)], password: &str) -> Reply {
    let mut form = request.to_vec();
    form.extend([("username", "user"), ("password", password)]);
    post(service, AUTHORIZE, &form, &[])
}

/// The parameters of the redirect.
fn redirected(reply: &Reply) -> Vec<(String, String)> {
    assert_eq!(reply.status, 302);
    let url = Url::parse(reply.header("location").unwrap()).unwrap();
    assert!(url.as_str().starts_with(REDIRECT));
    url.query_pairs().into_owned().collect()
}

fn code(service: &Testkit, request: &[(&str, &str)]) -> String {
    let pairs = redirected(&sign_in(service, request, "pass word"));
    assert_eq!(pairs[0].0, "code");
    pairs[0].1.clone()
}

fn token(service: &Testkit, form: &[(&str, &str)]) -> Value {
    let mut all = vec![("client_id", "app"), ("f", "json")];
    all.retain(|(name, _)| !form.iter().any(|(other, _)| other == name));
    all.extend_from_slice(form);
    let reply = post(service, TOKEN, &all, &[]);
    assert_eq!(reply.status, 200);
    reply.json()
}

fn exchange(service: &Testkit, code: &str, verifier: &str) -> Value {
    token(
        service,
        &[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", verifier),
        ],
    )
}

fn whoami(service: &Testkit, token: &str) -> Value {
    let bearer = format!("Bearer {token}");
    let headers = [("X-Esri-Authorization", bearer.as_str())];
    try_get(
        service,
        "/portal/sharing/rest/community/self",
        &[("f", "json")],
        &headers,
    )
    .unwrap()
    .json()
}

fn refused(error: &str, description: &str) -> Value {
    json!({"error": {"code": 400, "error": error, "error_description": description, "message": description, "details": []}})
}

#[tokio::test]
async fn a_browser_signs_in_and_brings_the_code() {
    let service = portal(security()).await;
    let request = request(REDIRECT);
    let page = try_get(&service, AUTHORIZE, &request, &[]).unwrap();
    assert_eq!(page.status, 200);
    let text = page.text();
    let action = format!(
        r#"<form method="post" action="{}/sharing/rest/oauth2/authorize">"#,
        service.portal_url()
    );
    assert!(text.contains(&action), "{text}");
    assert!(text.contains(r#"<input type="hidden" name="state" value="s t&amp;te">"#));
    assert!(text.contains(r#"name="username""#) && text.contains(r#"name="password""#));

    let wrong = sign_in(&service, &request, "wrong");
    assert_eq!(wrong.status, 200);
    assert!(wrong.text().contains("Invalid username or password."));
    let pairs = redirected(&sign_in(&service, &request, "pass word"));
    assert_eq!(pairs[1], ("state".to_owned(), "s t&te".to_owned()));

    let granted = exchange(&service, &pairs[0].1, VERIFIER);
    assert_eq!(granted["expires_in"], 1800);
    assert_eq!(granted["refresh_token_expires_in"], 1_209_600);
    assert_eq!(granted["username"], "user");
    assert_eq!(granted["ssl"], false);
    assert!(granted.get("token_type").is_none());
    let access = granted["access_token"].as_str().unwrap();
    assert_eq!(whoami(&service, access)["username"], "user");
    assert_eq!(whoami(&service, "nonsense")["error"]["code"], 498);

    let grants = service.grants();
    assert_eq!(
        (
            grants.codes,
            grants.authorization_code,
            grants.failed_sign_ins
        ),
        (1, 1, 1)
    );
    assert_eq!(service.mints(), 1);
    assert_eq!(service.requests_of(RequestKind::Authorize).len(), 3);
    assert_eq!(service.requests_of(RequestKind::Token).len(), 1);
    let log = format!("{:?}", service.requests());
    for secret in ["pass word", access, VERIFIER, pairs[0].1.as_str()] {
        assert!(!log.contains(secret));
    }
}

#[tokio::test]
async fn without_a_browser_the_code_stands_on_the_page() {
    let service = portal(security()).await;
    let page = sign_in(&service, &request(OOB), "pass word");
    assert_eq!(page.status, 200);
    let text = page.text();
    let code = text.split("value=\"").nth(1).unwrap();
    let code = code.split('"').next().unwrap();
    assert!(text.contains(&format!("<title>SUCCESS code={code}</title>")));
    let granted = token(
        &service,
        &[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", OOB),
            ("code_verifier", VERIFIER),
        ],
    );
    assert!(granted["refresh_token"].is_string());
}

#[tokio::test]
async fn a_code_is_good_once_for_whom_it_was_made() {
    let service = portal(security()).await;
    let request = request(REDIRECT);
    let first = code(&service, &request);
    assert!(exchange(&service, &first, VERIFIER)["access_token"].is_string());
    let invalid = refused("invalid_grant", "Invalid authorization code");
    assert_eq!(exchange(&service, &first, VERIFIER), invalid);
    assert_eq!(exchange(&service, "guessed", VERIFIER), invalid);

    let second = code(&service, &request);
    assert_eq!(
        exchange(&service, &second, &VERIFIER.replace('d', "e")),
        refused("invalid_grant", "Invalid code_verifier")
    );
    // The failed try has used the code up.
    assert_eq!(exchange(&service, &second, VERIFIER), invalid);
    let third = code(&service, &request);
    let elsewhere = token(
        &service,
        &[
            ("grant_type", "authorization_code"),
            ("code", &third),
            ("redirect_uri", OOB),
            ("code_verifier", VERIFIER),
        ],
    );
    assert_eq!(
        elsewhere,
        refused("invalid_request", "Invalid redirect_uri")
    );
    assert_eq!(service.grants().authorization_code, 1);
    assert_eq!(service.grants().refusals, 5);

    let hasty = portal(security().code_life(Duration::from_millis(50))).await;
    let late = code(&hasty, &request);
    std::thread::sleep(Duration::from_millis(80));
    assert_eq!(exchange(&hasty, &late, VERIFIER), invalid);
}

#[tokio::test]
async fn the_page_refuses_what_is_not_registered() {
    let service = portal(security()).await;
    for (name, value, says) in [
        ("client_id", "other", "Invalid client_id"),
        (
            "redirect_uri",
            "http://127.0.0.1:8765/other",
            "Invalid redirect_uri",
        ),
        ("redirect_uri", "https://evil.test/", "Invalid redirect_uri"),
        ("response_type", "token", "Invalid response_type"),
        (
            "code_challenge_method",
            "plain",
            "Invalid code_challenge_method",
        ),
        ("expiration", "0", "Invalid expiration"),
    ] {
        let mut changed = request(REDIRECT);
        changed.retain(|(known, _)| *known != name);
        changed.push((name, value));
        // Neither the page nor a sign-in past it redirects anywhere.
        for reply in [
            try_get(&service, AUTHORIZE, &changed, &[]).unwrap(),
            sign_in(&service, &changed, "pass word"),
        ] {
            assert_eq!((reply.status, reply.header("location")), (400, None));
            assert!(reply.text().contains(says), "{}", reply.text());
        }
    }
    let mut denied = request(REDIRECT);
    denied.push(("deny", "true"));
    let pairs = redirected(&sign_in(&service, &denied, "pass word"));
    assert_eq!(pairs[0], ("error".to_owned(), "access_denied".to_owned()));
    assert_eq!(pairs[2], ("state".to_owned(), "s t&te".to_owned()));
    assert_eq!(service.grants().codes, 0);

    let loopback =
        Security::token("user", "pass word").app(OAuthApp::new("app").with_any_loopback_port());
    let service = portal(loopback).await;
    for (uri, status) in [
        ("http://127.0.0.1:51234/x", 302),
        ("http://localhost:9/", 302),
        ("http://127.0.0.1.evil.test/", 400),
        ("https://127.0.0.1/", 400),
    ] {
        assert_eq!(
            sign_in(&service, &request(uri), "pass word").status,
            status,
            "{uri}"
        );
    }
}

#[tokio::test]
async fn an_old_portal_knows_no_pkce() {
    let service = portal(security().without_pkce()).await;
    let page = try_get(&service, AUTHORIZE, &request(REDIRECT), &[]).unwrap();
    assert_eq!(page.status, 400);
    assert!(page.text().contains("code_challenge"));
    let mut plain = request(REDIRECT);
    plain.retain(|(name, _)| !name.starts_with("code_challenge"));
    let first = code(&service, &plain);
    assert_eq!(
        exchange(&service, &first, VERIFIER),
        refused("invalid_request", "Invalid parameter: code_verifier")
    );
    let granted = token(
        &service,
        &[
            ("grant_type", "authorization_code"),
            ("code", &first),
            ("redirect_uri", REDIRECT),
        ],
    );
    assert!(granted["access_token"].is_string());
}

#[tokio::test]
async fn refresh_tokens_renew_and_are_exchanged() {
    let service = portal(security()).await;
    let mut asked = request(REDIRECT);
    asked.push(("expiration", "60"));
    let granted = exchange(&service, &code(&service, &asked), VERIFIER);
    assert_eq!(granted["refresh_token_expires_in"], 3600);
    let refresh = granted["refresh_token"].as_str().unwrap();

    let renew = |refresh: &str| {
        token(
            &service,
            &[("grant_type", "refresh_token"), ("refresh_token", refresh)],
        )
    };
    let renewed = renew(refresh);
    assert_ne!(renewed["access_token"], granted["access_token"]);
    assert_eq!(renewed["expires_in"], 1800);
    assert!(renewed.get("refresh_token").is_none());
    // The earlier access token lives on.
    assert_eq!(
        whoami(&service, granted["access_token"].as_str().unwrap())["username"],
        "user"
    );

    let swap = |refresh: &str| {
        token(
            &service,
            &[
                ("grant_type", "exchange_refresh_token"),
                ("redirect_uri", REDIRECT),
                ("refresh_token", refresh),
            ],
        )
    };
    let swapped = swap(refresh);
    let newer = swapped["refresh_token"].as_str().unwrap();
    assert_ne!(newer, refresh);
    assert_eq!(swapped["refresh_token_expires_in"], 3600);
    let invalid = refused("invalid_grant", "Invalid refresh_token");
    assert_eq!(renew(refresh), invalid);
    assert_eq!(swap(refresh), invalid);
    assert!(renew(newer)["access_token"].is_string());
    service.revoke_refresh_tokens();
    assert_eq!(renew(newer), invalid);
    let grants = service.grants();
    assert_eq!(
        (grants.refresh_token, grants.exchange_refresh_token),
        (2, 1)
    );
    assert_eq!(service.mints(), 4);
}

#[tokio::test]
async fn lives_are_as_set_and_end() {
    let service = portal(
        security()
            .access_life(Duration::from_secs(1))
            .refresh_life(Duration::from_secs(2)),
    )
    .await;
    let granted = exchange(&service, &code(&service, &request(REDIRECT)), VERIFIER);
    assert_eq!(granted["expires_in"], 1);
    assert_eq!(granted["refresh_token_expires_in"], 2);
    let access = granted["access_token"].as_str().unwrap();
    assert_eq!(whoami(&service, access)["username"], "user");
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(whoami(&service, access)["error"]["code"], 498);
    let renew = || {
        token(
            &service,
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", granted["refresh_token"].as_str().unwrap()),
            ],
        )
    };
    assert!(renew()["access_token"].is_string());
    std::thread::sleep(Duration::from_millis(1000));
    assert_eq!(renew()["error"]["error"], "invalid_grant");
}

#[tokio::test]
async fn applications_have_tokens_of_their_own() {
    let service = portal(security().oauth_errors_as_status()).await;
    let granted = token(
        &service,
        &[
            ("grant_type", "client_credentials"),
            ("client_secret", "hush"),
            ("expiration", "5"),
        ],
    );
    assert_eq!(granted["expires_in"], 300);
    assert!(granted.get("refresh_token").is_none() && granted.get("username").is_none());
    let access = granted["access_token"].as_str().unwrap();
    assert_eq!(whoami(&service, access)["error"]["code"], 403);
    let myself = try_get(
        &service,
        "/portal/sharing/rest/portals/self",
        &[("f", "json"), ("token", access)],
        &[],
    )
    .unwrap()
    .json();
    assert_eq!(myself["appInfo"], json!({"appId": "app"}));

    for (form, error) in [
        (
            vec![
                ("client_id", "app"),
                ("client_secret", "wrong"),
                ("grant_type", "client_credentials"),
            ],
            "invalid_request",
        ),
        (
            vec![
                ("client_id", "nobody"),
                ("client_secret", "hush"),
                ("grant_type", "client_credentials"),
            ],
            "invalid_client_id",
        ),
        (vec![("client_id", "app")], "invalid_request"),
        (
            vec![("client_id", "app"), ("grant_type", "password")],
            "unsupported_grant_type",
        ),
    ] {
        let reply = post(&service, TOKEN, &form, &[]);
        assert_eq!(reply.status, 400);
        assert_eq!(reply.json()["error"]["error"], error);
    }
    // A secret in the URL is not looked at.
    let url = format!("{TOKEN}?client_id=app&client_secret=hush&grant_type=client_credentials");
    assert_eq!(post(&service, &url, &[], &[]).status, 400);
    assert_eq!(service.grants().client_credentials, 1);
}

#[tokio::test]
async fn users_sign_out() {
    let service = portal(security()).await;
    let granted = exchange(&service, &code(&service, &request(REDIRECT)), VERIFIER);
    let access = granted["access_token"].as_str().unwrap();
    let revoke = |token: &str| {
        post(
            &service,
            "/portal/sharing/rest/oauth2/revokeToken",
            &[("client_id", "app"), ("auth_token", token), ("f", "json")],
            &[],
        )
        .json()
    };
    let app = token(
        &service,
        &[
            ("grant_type", "client_credentials"),
            ("client_secret", "hush"),
        ],
    );
    assert_eq!(
        revoke(app["access_token"].as_str().unwrap())["error"]["error"],
        "invalid_request"
    );
    // The refresh token takes its access token along.
    assert_eq!(
        revoke(granted["refresh_token"].as_str().unwrap()),
        json!({"success": true})
    );
    assert_eq!(whoami(&service, access)["error"]["code"], 498);
    assert_eq!(service.grants().revocations, 1);
    assert_eq!(service.requests_of(RequestKind::Revoke).len(), 2);
}

#[tokio::test]
async fn accounts_lock_after_wrong_passwords() {
    let service = portal(security().lock_after(2)).await;
    let mint = |password: &str| {
        let form = [
            ("username", "user"),
            ("password", password),
            ("client", "requestip"),
            ("f", "json"),
        ];
        post(&service, "/portal/sharing/rest/generateToken", &form, &[]).json()
    };
    assert!(mint("pass word")["token"].is_string());
    assert_eq!(mint("wrong")["error"]["code"], 400);
    assert_eq!(mint("wrong")["error"]["code"], 400);
    let locked = mint("pass word");
    assert!(
        locked["error"]["details"][0]
            .as_str()
            .unwrap()
            .contains("locked")
    );
    assert_eq!(service.grants().failed_sign_ins, 2);
}
