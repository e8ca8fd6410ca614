//! Each way to sign in, with each thing that goes wrong on the way.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arcgis_auth_http::arcgis_auth_core::{
    Credentials, Error, ExposeSecret, SecretString, StaticToken, Transport, UserLogin,
};
use arcgis_auth_http::{
    ArcGisClient, ArcGisClientBuilder, AuthorizationCode, FileStore, sign_out, who_am_i,
};
use arcgis_testkit::{Fault, FaultKind, RefusalStyle, RequestKind};
use arcgis_tests::patient_client;

use crate::haystack::assert_clean;
use crate::scene::{self, CLIENT, CLIENT_SECRET, KEY, PASSWORD, REDIRECT, Scene, USER};
use crate::shown;

/// A way to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Key,
    Password,
    App,
    Code,
    Refresh,
    Exchange,
    Federated,
}

impl Flow {
    const ALL: [Self; 7] = [
        Self::Key,
        Self::Password,
        Self::App,
        Self::Code,
        Self::Refresh,
        Self::Exchange,
        Self::Federated,
    ];
}

fn plain() -> Arc<dyn Transport> {
    Arc::new(patient_client().retries(1).build().unwrap())
}

/// Signs in on the portal's page and exchanges the code.
async fn login(scene: &mut Scene) -> Result<UserLogin, Error> {
    let flow = AuthorizationCode::builder(scene.at(), CLIENT)
        .redirect_uri(REDIRECT)
        .build()?;
    let form = [("username", USER), ("password", PASSWORD)];
    let back = scene::browse(flow.authorize_url(), &form).await;
    let answer = SecretString::from(back.as_str());
    scene.printed.push_str(&shown(&flow));
    let signed_in = flow.complete(&answer, plain()).await?;
    scene.printed.push_str(&shown(&signed_in));
    Ok(signed_in.login()?.clone())
}

/// A client, whose every part is printed.
fn client(scene: &mut Scene, builder: ArcGisClientBuilder) -> Result<ArcGisClient, Error> {
    scene.printed.push_str(&shown(&builder));
    let client = builder.retries(1).build()?;
    scene.printed.push_str(&shown(&client));
    scene.printed.push_str(&shown(&client.provider()));
    let alive = std::panic::AssertUnwindSafe(|| panic!("on purpose, with {client:?}"));
    assert!(std::panic::catch_unwind(alive).is_err());
    Ok(client)
}

async fn twice(client: &ArcGisClient, scene: &Scene) -> Result<(), Error> {
    client.send(scene.own()).await?.into_ok()?;
    scene.portal.revoke_tokens();
    client.send(scene.own()).await?.into_ok()?;
    Ok(())
}

/// Goes the way. What has to have been sent is in the answer, as far as it is known beforehand.
async fn go(flow: Flow, scene: &mut Scene) -> Result<(), Error> {
    let with = |credentials| patient_client().credentials(credentials);
    match flow {
        Flow::Key => {
            let key = Credentials::api_key(&scene.at(), KEY)?;
            scene.printed.push_str(&shown(&key));
            scene
                .printed
                .push_str(&shown(&key.as_static().map(|key: StaticToken| key)));
            let client = client(scene, with(key))?;
            client.send(scene.own()).await?.into_ok()?;
        }
        Flow::Password => {
            let user = Credentials::user_password(USER, PASSWORD, scene.at())?;
            scene.printed.push_str(&shown(&user));
            let client = client(scene, with(user))?;
            twice(&client, scene).await?;
            who_am_i(&scene.at(), &client).await?;
        }
        Flow::App => {
            let app = Credentials::app(CLIENT, CLIENT_SECRET, scene.at())?;
            scene.printed.push_str(&shown(&app));
            let client = client(scene, with(app))?;
            twice(&client, scene).await?;
        }
        Flow::Code => {
            let login = login(scene).await?;
            scene.printed.push_str(&shown(&login));
            let client = client(scene, with(Credentials::User(login.clone())))?;
            twice(&client, scene).await?;
            who_am_i(&scene.at(), &client).await?;
            sign_out(&login, plain()).await?;
        }
        Flow::Refresh => {
            let login = login(scene).await?.with_access_token(None);
            let client = client(scene, with(Credentials::User(login)))?;
            twice(&client, scene).await?;
        }
        Flow::Exchange => exchange(scene).await?,
        Flow::Federated => {
            let user = Credentials::user_password(USER, PASSWORD, scene.at())?;
            let client = client(scene, with(user))?;
            client.send(scene.foreign()).await?.into_ok()?;
            scene.federated.revoke_tokens();
            client.send(scene.foreign()).await?.into_ok()?;
        }
    }
    Ok(())
}

/// A refresh token that ends soon is exchanged, and the new one is kept in a file that only its owner
/// can read.
async fn exchange(scene: &mut Scene) -> Result<(), Error> {
    use arcgis_auth_http::arcgis_auth_core::{CredentialStore, StoreKey, StoredLogin};
    let soon = SystemTime::now() + Duration::from_secs(3600);
    let login = login(scene).await?;
    let login = login.with_access_token(None).with_refresh_expiry(soon);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FileStore::FILE_NAME);
    let (store, key) = (FileStore::new(&file), StoreKey::new(scene.at(), "default"));
    store.save(&key, &StoredLogin::User(login.clone())).await?;
    let builder = patient_client()
        .credentials(Credentials::User(login.clone()))
        .credential_store(Arc::new(store.clone()), key.clone());
    let client = client(scene, builder)?;
    let sent = twice(&client, scene).await;
    let kept = store.load(&key).await?;
    scene.printed.push_str(&shown(&(&store, &key, &kept)));
    let old = login.refresh_token().expose_secret();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path == file {
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                let mode = path.metadata().unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
            }
        } else {
            let text = std::fs::read(&path).unwrap();
            assert_clean("a file beside", &text, &[old.to_owned()]);
        }
    }
    if sent.is_ok() {
        let Some(StoredLogin::User(kept)) = kept else {
            panic!("another kind of login");
        };
        assert_ne!(kept.refresh_token().expose_secret(), old, "not exchanged");
    }
    sent
}

/// What must have gone over the wire, for the look to mean anything.
fn used(flow: Flow) -> &'static [&'static str] {
    match flow {
        Flow::Key => &[KEY],
        Flow::App => &[CLIENT_SECRET],
        Flow::Password | Flow::Federated => &[PASSWORD],
        // The browser sends it; the tokens are gathered from the wire itself.
        Flow::Code | Flow::Refresh | Flow::Exchange => &[PASSWORD],
    }
}

#[tokio::test]
async fn every_flow_works_and_shows_nothing() {
    for flow in Flow::ALL {
        let mut scene = Scene::start(|service| service).await;
        go(flow, &mut scene)
            .await
            .unwrap_or_else(|error| panic!("{flow:?}: {error}"));
        assert!(scene.printed.len() > 200, "{flow:?} printed nothing");
        scene.assert_nothing_shows(&format!("{flow:?}"), None, used(flow));
        assert!(scene.log.text().contains("on purpose"), "no panic was seen");
    }
}

/// An answer that repeats what was sent, as careless servers and proxies do.
fn echo(status: u16) -> FaultKind {
    let quoted = [PASSWORD, KEY, CLIENT_SECRET].map(|secret| {
        let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        format!("password={encoded} client_secret={secret}&token={encoded}")
    });
    let error = serde_json::json!({ "error": {
        "code": status,
        "error": "invalid_request",
        "error_description": quoted[0],
        "message": quoted.join(" and "),
        "details": quoted,
    }});
    FaultKind::Respond {
        status,
        content_type: "application/json",
        body: error.to_string(),
    }
}

fn respond(content_type: &'static str, body: &str) -> FaultKind {
    FaultKind::Respond {
        status: 200,
        content_type,
        body: body.to_owned(),
    }
}

fn failures() -> Vec<FaultKind> {
    let refused = |code, style| FaultKind::TokenRefused { code, style };
    vec![
        FaultKind::Status(403),
        FaultKind::Status(500),
        FaultKind::Reset,
        FaultKind::ResetInBody,
        FaultKind::CutShort,
        FaultKind::EmptyBody,
        FaultKind::Html,
        echo(200),
        echo(400),
        echo(401),
        respond("application/json", "{}"),
        respond(
            "application/json",
            r#"{"token":7,"access_token":[],"expires":"soon"}"#,
        ),
        FaultKind::Redirect("http://localhost:1/elsewhere".into()),
        refused(498, RefusalStyle::Body),
        refused(499, RefusalStyle::Body),
        refused(498, RefusalStyle::Status),
        refused(498, RefusalStyle::AdminBody),
    ]
}

#[tokio::test]
async fn every_flow_fails_in_every_way_and_shows_nothing() {
    let mut cells = 0;
    let mut failed = 0;
    for flow in Flow::ALL {
        for kind in failures() {
            for request in [RequestKind::Token, RequestKind::Layer, RequestKind::Info] {
                let what = format!("{flow:?}, {kind:?} for {request:?}");
                let fault = Fault::on(request, 1, kind.clone()).always();
                let mut scene = Scene::start(|service| service.fault(fault)).await;
                let outcome = go(flow, &mut scene).await;
                cells += 1;
                failed += usize::from(outcome.is_err());
                let error = outcome.as_ref().err();
                let error = error.map(|error| error as &(dyn std::error::Error + 'static));
                scene.assert_nothing_shows(&what, error, &[]);
            }
        }
    }
    println!("{cells} cells, {failed} of them end in an error; none shows a secret");
    assert!(failed * 2 > cells, "most failures have to be some");
}

#[tokio::test]
async fn wrong_credentials_are_sent_once_and_not_shown() {
    let mut scene = Scene::start(|service| service).await;
    let wrong = "canary wrong/password+b4d0";
    for credentials in [
        Credentials::user_password(USER, wrong, scene.at()).unwrap(),
        Credentials::app(CLIENT, wrong, scene.at()).unwrap(),
    ] {
        let builder = patient_client().credentials(credentials);
        let client = client(&mut scene, builder).unwrap();
        scene.portal.clear_requests();
        for _ in 0..3 {
            let error = client.send(scene.own()).await.unwrap_err();
            assert!(matches!(error, Error::InvalidCredentials { .. }), "{error}");
            let told = crate::told(&error);
            assert_clean("the error", told.as_bytes(), &[wrong.to_owned()]);
            scene.assert_nothing_shows("wrong credentials", Some(&error), &[wrong]);
        }
        let asked = scene.portal.requests_of(RequestKind::Token).len();
        assert_eq!(asked, 1, "accounts get locked");
    }
    assert_clean("printed", scene.printed.as_bytes(), &[wrong.to_owned()]);
    assert_clean("the log", scene.log.text().as_bytes(), &[wrong.to_owned()]);
}

#[tokio::test]
async fn a_forged_answer_to_the_sign_in_is_refused_and_not_shown() {
    let mut scene = Scene::start(|service| service).await;
    let code = "canary-code-77aa/77aa+";
    let flow = AuthorizationCode::builder(scene.at(), CLIENT)
        .redirect_uri(REDIRECT)
        .build()
        .unwrap();
    scene.printed.push_str(&shown(&flow));
    for answer in [
        format!("{REDIRECT}?code={code}&state=guessed"),
        format!("{REDIRECT}?code={code}"),
        code.to_owned(),
        format!("https://evil.example/?code={code}&state=guessed"),
    ] {
        let error = flow.complete(&answer.into(), plain()).await.unwrap_err();
        assert_clean(
            "the error",
            crate::told(&error).as_bytes(),
            &[code.to_owned()],
        );
    }
    let denied = scene::browse(flow.authorize_url(), &[("deny", "true")]).await;
    let denied = flow.complete(&denied.as_str().into(), plain()).await;
    assert!(denied.is_err());
    let asked = scene.portal.requests_of(RequestKind::Token).len();
    assert_eq!(asked, 0, "nothing is exchanged");
    assert_clean("the log", scene.log.text().as_bytes(), &[code.to_owned()]);
}
