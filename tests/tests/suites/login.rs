//! A login that outlives its process: signed in on the portal's page, kept in a file, used for the servers
//! of the portal, renewed where it is kept, and revoked.

use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_http::arcgis_auth_core::{
    CredentialStore, Credentials, ExposeSecret, Portal, StoreKey, StoredLogin, Transport, Url,
    UserLogin,
};
use arcgis_auth_http::{
    ArcGisClient, AuthorizationCode, FileStore, LoopbackRedirect, OAuthError, sign_out, who_am_i,
};
use arcgis_testkit::{
    Field, FieldType, Geometry, GeometryType, Layer as Served, OAuthApp, Row, Security, Testkit,
};
use arcgis_tests::{open_json, patient_client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CLIENT: &str = "app-1";

fn wells() -> Served {
    Served::new("wells", GeometryType::Point)
        .with_field(Field::new("DEPTH", FieldType::Integer))
        .with_rows((0..7).map(|n| {
            Row::new()
                .with("DEPTH", n)
                .at(Geometry::point((f64::from(n), 1.0)))
        }))
}

async fn portal(security: impl FnOnce(Security) -> Security) -> Testkit {
    let app = OAuthApp::new(CLIENT).with_any_loopback_port();
    let security = security(Security::token("anna", "pw").app(app));
    Testkit::builder().security(security).start().await.unwrap()
}

/// What a browser does with the portal's form; the address that it is redirected to.
async fn browse(page: &Url) -> Url {
    let mut form = page.query_pairs().into_owned().collect::<Vec<_>>();
    form.extend(
        [("username", "anna"), ("password", "pw")]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let answer = ask("POST", page, &body).await;
    let location = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("location")
            .then(|| value.to_owned())
    });
    Url::parse(&location.unwrap_or_else(|| panic!("no redirect: {answer}"))).unwrap()
}

async fn ask(method: &str, url: &Url, body: &str) -> String {
    let at = (url.host_str().unwrap(), url.port().unwrap());
    let mut socket = tokio::net::TcpStream::connect(at).await.unwrap();
    let target = match (method, url.query()) {
        ("GET", Some(query)) => format!("{}?{query}", url.path()),
        _ => url.path().to_owned(),
    };
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {}:{}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        at.0,
        at.1,
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

fn plain() -> Arc<dyn Transport> {
    Arc::new(patient_client().build().unwrap())
}

async fn signed_in(portal: &Portal) -> UserLogin {
    let redirect = LoopbackRedirect::listen("http://127.0.0.1:0/")
        .await
        .unwrap();
    let flow = AuthorizationCode::builder(portal.clone(), CLIENT)
        .redirect_uri(redirect.redirect_uri())
        .build()
        .unwrap();
    let browser = async {
        let back = browse(flow.authorize_url()).await;
        ask("GET", &back, "").await
    };
    let (answer, page) = tokio::join!(redirect.wait(&flow, Duration::from_secs(20)), browser);
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let signed_in = flow.complete(&answer.unwrap(), plain()).await.unwrap();
    signed_in.login().unwrap().clone()
}

/// A client of a process of its own: all that it knows is in the file.
async fn from_file(store: &FileStore, key: &StoreKey) -> ArcGisClient {
    let login = store.load(key).await.unwrap().unwrap();
    patient_client()
        .credentials(login.into_credentials().unwrap())
        .credential_store(Arc::new(store.clone()), key.clone())
        .build()
        .unwrap()
}

fn refresh_token(login: Option<StoredLogin>) -> String {
    match login {
        Some(StoredLogin::User(user)) => user.refresh_token().expose_secret().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_kept_login_reads_the_servers_of_its_portal_until_it_is_ended() {
    let portal_service = portal(|security| security).await;
    let federated = Security::federated(&portal_service);
    let server = Testkit::builder()
        .layer(wells())
        .security(federated)
        .start()
        .await
        .unwrap();
    let portal = Portal::parse(&portal_service.portal_url()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path().join(FileStore::FILE_NAME));
    let key = StoreKey::new(portal.clone(), "default");
    let login = signed_in(&portal).await;
    store.save(&key, &StoredLogin::User(login)).await.unwrap();

    let client = from_file(&store, &key).await;
    assert_eq!(
        who_am_i(&portal, &client)
            .await
            .unwrap()
            .username
            .as_deref(),
        Some("anna")
    );
    let layer = open_json(&client, &server.layer_url("wells"))
        .await
        .unwrap();
    let query = arcgis_layer::Query::new().resolve(layer.info()).unwrap();
    assert_eq!(layer.count(&query).await.unwrap(), 7);
    let grants = portal_service.grants();
    // The access token that was kept with the login still lives.
    assert_eq!(
        (
            grants.authorization_code,
            grants.refresh_token,
            grants.server_token
        ),
        (1, 0, 1)
    );

    let Some(StoredLogin::User(login)) = store.load(&key).await.unwrap() else {
        panic!("no login");
    };
    sign_out(&login, plain()).await.unwrap();
    assert!(store.remove(&key).await.unwrap());
    assert!(store.load(&key).await.unwrap().is_none());
    // Whoever has a copy of it has nothing: neither of its two tokens is good any more.
    let refresh_token = login.refresh_token().expose_secret().to_owned();
    let copied = Credentials::User(login);
    let client = patient_client().credentials(copied).build().unwrap();
    let error = who_am_i(&portal, &client).await.unwrap_err();
    assert!(
        matches!(OAuthError::of(&error), Some(OAuthError::LoginEnded(_))),
        "{error}"
    );
    assert!(!format!("{error:?} {error}").contains(&refresh_token));
}

/// A refresh token with less than a day to live is exchanged; the new one is in the file before it is used.
#[tokio::test]
async fn an_exchanged_refresh_token_is_in_the_file_for_the_next_process() {
    let service = portal(|security| {
        let short = security.access_life(Duration::from_secs(1));
        short.refresh_life(Duration::from_secs(3600))
    })
    .await;
    let portal = Portal::parse(&service.portal_url()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path().join(FileStore::FILE_NAME));
    let key = StoreKey::new(portal.clone(), "default");
    let login = signed_in(&portal).await;
    let first = login.refresh_token().expose_secret().to_owned();
    store.save(&key, &StoredLogin::User(login)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;

    let client = from_file(&store, &key).await;
    who_am_i(&portal, &client).await.unwrap();
    assert!(service.grants().exchange_refresh_token >= 1);
    let second = refresh_token(store.load(&key).await.unwrap());
    assert_ne!(first, second);
    drop(client);
    // The old one is worth nothing by now; the next process has the new one.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let client = from_file(&store, &key).await;
    assert_eq!(
        who_am_i(&portal, &client)
            .await
            .unwrap()
            .username
            .as_deref(),
        Some("anna")
    );
}
