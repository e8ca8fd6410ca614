//! A browser, played by a test, that walks from the portal's page back to this machine.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]

mod hasty_clock;
mod organisation;

use std::time::Duration;

use arcgis_auth_core::{Credentials, Error, ExposeSecret, Portal, Request, Transport, Url};
use arcgis_auth_http::{
    ArcGisClient, AuthorizationCode, LoopbackRedirect, OAuthError, sign_out, who_am_i,
};
use arcgis_testkit::{Field, FieldType, GeometryType, Layer, OAuthApp, Security, Testkit};
use organisation::transport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const WAIT: Duration = Duration::from_secs(20);

/// One request to this machine, answered until the connection closes.
async fn exchange(url: &Url, head: &str, body: &str) -> String {
    let address = format!("127.0.0.1:{}", url.port().unwrap());
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "{head} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

async fn get(url: &Url) -> String {
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    exchange(url, &format!("GET {target}"), "").await
}

/// Fills in the form on the portal's page; where the portal then leads.
async fn sign_in(page: &Url, answer: &[(&str, &str)]) -> String {
    let html = get(page).await;
    assert!(html.starts_with("HTTP/1.1 200"), "{html}");
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for input in html.split("<input type=\"hidden\" ").skip(1) {
        let attribute = |name: &str| {
            let start = input.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
            let end = start + input[start..].find('"').unwrap();
            input[start..end].replace("&amp;", "&")
        };
        form.append_pair(&attribute("name"), &attribute("value"));
    }
    form.extend_pairs(answer);
    let action = page.path().to_owned();
    exchange(page, &format!("POST {action}"), &form.finish()).await
}

fn location(answer: &str) -> Url {
    let line = answer
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("location:"))
        .unwrap_or_else(|| panic!("{answer}"));
    line[9..].trim().parse().unwrap()
}

async fn portal() -> Testkit {
    let app = OAuthApp::new("app-id")
        .with_redirect_uri("http://127.0.0.1/back")
        .with_any_loopback_port()
        .with_redirect_uri("urn:ietf:wg:oauth:2.0:oob");
    let security = Security::token("ada", "pass word").app(app);
    let towns =
        Layer::new("towns", GeometryType::Point).with_field(Field::new("NAME", FieldType::String));
    let service = Testkit::builder().layer(towns).security(security);
    service.start().await.unwrap()
}

#[tokio::test]
async fn a_user_signs_in_works_and_signs_out() {
    let service = portal().await;
    let portal = Portal::parse(&service.portal_url()).unwrap();
    let redirect = LoopbackRedirect::listen("http://127.0.0.1:0/back")
        .await
        .unwrap();
    let flow = AuthorizationCode::builder(portal.clone(), "app-id")
        .redirect_uri(redirect.redirect_uri())
        .build()
        .unwrap();
    let browser = async {
        let form = [("username", "ada"), ("password", "pass word")];
        let back = location(&sign_in(flow.authorize_url(), &form).await);
        // What browsers and other pages send besides.
        let icon = get(&back.join("/favicon.ico").unwrap()).await;
        assert!(icon.starts_with("HTTP/1.1 404"), "{icon}");
        let mut forged = back.clone();
        forged.set_query(Some("code=stolen&state=guessed"));
        assert!(get(&forged).await.starts_with("HTTP/1.1 400"));
        let posted = exchange(&back, &format!("POST {}", back.path()), "").await;
        assert!(posted.starts_with("HTTP/1.1 405"));
        let _silent = TcpStream::connect(("127.0.0.1", back.port().unwrap()))
            .await
            .unwrap();
        let mut foreign = TcpStream::connect(("127.0.0.1", back.port().unwrap()))
            .await
            .unwrap();
        let rebound = format!(
            "GET {}?{} HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            back.path(),
            back.query().unwrap()
        );
        foreign.write_all(rebound.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ = foreign.read_to_string(&mut answer).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");

        let page = get(&back).await;
        assert!(
            page.starts_with("HTTP/1.1 200") && page.contains("close this page"),
            "{page}"
        );
        assert!(page.contains("Cache-Control: no-store"));
    };
    let (answer, ()) = tokio::join!(redirect.wait(&flow, WAIT), browser);
    let answer = answer.unwrap();
    assert!(!format!("{answer:?} {redirect:?} {flow:?}").contains("code="));
    let signed_in = flow.complete(&answer, transport()).await.unwrap();
    assert_eq!(signed_in.username(), Some("ada"));
    let login = signed_in.login().unwrap();

    let client = ArcGisClient::builder()
        .credentials(Credentials::User(login.clone()))
        .build()
        .unwrap();
    assert_eq!(
        who_am_i(&portal, &client)
            .await
            .unwrap()
            .username
            .as_deref(),
        Some("ada")
    );
    let layer = Request::read(service.layer_url("towns").parse().unwrap()).with_param("f", "json");
    client.send(layer.clone()).await.unwrap().into_ok().unwrap();
    assert_eq!(
        service.grants().refresh_token,
        0,
        "the token of the sign-in serves first"
    );
    service.revoke_tokens();
    client.send(layer.clone()).await.unwrap().into_ok().unwrap();
    assert_eq!(service.grants().refresh_token, 1);

    // A code works once.
    let again = flow.complete(&answer, transport()).await.unwrap_err();
    assert!(
        matches!(OAuthError::of(&again), Some(OAuthError::CodeRefused(_))),
        "{again:?}"
    );

    sign_out(login, transport()).await.unwrap();
    sign_out(login, transport()).await.unwrap();
    service.revoke_tokens();
    let error = client.send(layer).await.unwrap_err();
    assert!(
        matches!(OAuthError::of(&error), Some(OAuthError::LoginEnded(_))),
        "{error:?}"
    );
    for request in service.requests() {
        assert!(!request.url().contains("pass+word"), "{}", request.url());
        let secret = login.refresh_token().expose_secret();
        assert!(!request.url().contains(secret), "{}", request.url());
    }
}

#[tokio::test]
async fn who_says_no_is_told_so_and_the_page_is_escaped() {
    let service = portal().await;
    let redirect = LoopbackRedirect::listen("http://127.0.0.1:0/back")
        .await
        .unwrap();
    let flow = AuthorizationCode::builder(Portal::parse(&service.portal_url()).unwrap(), "app-id")
        .redirect_uri(redirect.redirect_uri())
        .build()
        .unwrap();
    let browser = async {
        let mut back = location(&sign_in(flow.authorize_url(), &[("deny", "true")]).await);
        let state = back
            .query_pairs()
            .find(|(name, _)| name == "state")
            .unwrap()
            .1
            .into_owned();
        back.query_pairs_mut()
            .clear()
            .append_pair("error", "access_denied")
            .append_pair("error_description", "<script>alert('x')</script>")
            .append_pair("state", &state);
        let page = get(&back).await;
        assert!(
            page.contains("&lt;script&gt;") && !page.contains("<script>"),
            "{page}"
        );
    };
    let (answer, ()) = tokio::join!(redirect.wait(&flow, WAIT), browser);
    let error = flow
        .complete(&answer.unwrap(), transport())
        .await
        .unwrap_err();
    assert!(
        matches!(OAuthError::of(&error), Some(OAuthError::Denied { .. })),
        "{error:?}"
    );
    assert_eq!(service.grants().refusals, 0, "nothing was sent");
}

#[tokio::test]
async fn a_code_that_the_page_shows_can_be_pasted() {
    let service = portal().await;
    let portal = Portal::parse(&service.portal_url()).unwrap();
    let flow = AuthorizationCode::builder(portal, "app-id")
        .build()
        .unwrap();
    let form = [("username", "ada"), ("password", "pass word")];
    let page = sign_in(flow.authorize_url(), &form).await;
    let title = page
        .split("<title>")
        .nth(1)
        .unwrap()
        .split("</title>")
        .next()
        .unwrap();
    let signed_in = flow.complete(&title.into(), transport()).await.unwrap();
    assert_eq!(signed_in.username(), Some("ada"));
}

#[tokio::test]
async fn nobody_who_comes_is_told_after_the_time_and_bad_addresses_at_once() {
    let redirect = LoopbackRedirect::listen("http://localhost:0/")
        .await
        .unwrap();
    assert!(redirect.redirect_uri().starts_with("http://localhost:"));
    let portal = || Portal::parse("https://gis.example.com/portal").unwrap();
    let flow = AuthorizationCode::builder(portal(), "app-id")
        .build()
        .unwrap();
    let error = redirect
        .wait(&flow, Duration::from_millis(50))
        .await
        .unwrap_err();
    assert!(
        matches!(OAuthError::of(&error), Some(OAuthError::TimedOut(_))),
        "{error:?}"
    );

    let taken = LoopbackRedirect::listen(redirect.redirect_uri())
        .await
        .unwrap_err();
    assert!(
        matches!(OAuthError::of(&taken), Some(OAuthError::Listen { .. })),
        "{taken:?}"
    );
    for bad in [
        "https://127.0.0.1:0/",
        "http://0.0.0.0:0/",
        "http://192.0.2.1:0/",
        "http://gis.example.com:0/",
        "http://127.0.0.1:0/?x=1",
        "nowhere",
    ] {
        let error = LoopbackRedirect::listen(bad).await.unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{bad}: {error:?}");
    }
}
