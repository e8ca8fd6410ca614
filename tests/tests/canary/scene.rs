//! A portal with one server of its own and one that is federated, and everything that could give a
//! secret away.

use std::error::Error as StdError;

use arcgis_auth_http::arcgis_auth_core::{Portal, Request, Transport, Url};
use arcgis_testkit::{
    Layer, OAuthApp, ParameterSource, RequestKind, Row, Security, Testkit, TestkitBuilder,
};
use arcgis_tests::patient_client;
use url::form_urlencoded;

use crate::haystack::{assert_clean, find};
use crate::log::Log;
use crate::told;

pub(crate) const USER: &str = "ada";
/// With everything that an encoding changes.
pub(crate) const PASSWORD: &str = "canary pass/word+ä?~~=5f1c";
pub(crate) const KEY: &str = "AAPKcanary+key/90aa==";
pub(crate) const CLIENT: &str = "exporter";
pub(crate) const CLIENT_SECRET: &str = "canary-client+secret/e3b0==";
pub(crate) const REDIRECT: &str = "http://127.0.0.1:8765/back";

/// Parameters that hold secrets, whoever sends them.
const SECRET: [&str; 6] = [
    "token",
    "refresh_token",
    "code",
    "code_verifier",
    "auth_token",
    "password",
];

pub(crate) struct Scene {
    pub(crate) portal: Testkit,
    pub(crate) federated: Testkit,
    /// What was printed of everything that holds a secret.
    pub(crate) printed: String,
    pub(crate) log: Log,
}

fn layer() -> Layer {
    Layer::table("t").with_row(Row::new())
}

impl Scene {
    pub(crate) async fn start(change: impl FnOnce(TestkitBuilder) -> TestkitBuilder) -> Self {
        let log = Log::watch();
        let app = OAuthApp::new(CLIENT)
            .with_secret(CLIENT_SECRET)
            .with_redirect_uri(REDIRECT);
        let security = Security::token(USER, PASSWORD).static_token(KEY).app(app);
        let service = Testkit::builder().layer(layer()).security(security);
        let portal = change(service).start().await.unwrap();
        let service = Testkit::builder().layer(layer());
        let service = service.security(Security::federated(&portal));
        Self {
            federated: service.start().await.unwrap(),
            portal,
            printed: String::new(),
            log,
        }
    }

    pub(crate) fn at(&self) -> Portal {
        Portal::parse(&self.portal.portal_url()).unwrap()
    }

    /// The metadata of the portal's own layer.
    pub(crate) fn own(&self) -> Request {
        about(&self.portal)
    }

    /// The metadata of the federated server's layer.
    pub(crate) fn foreign(&self) -> Request {
        about(&self.federated)
    }

    fn requests(&self) -> Vec<arcgis_testkit::Request> {
        let mut requests = self.portal.requests();
        requests.extend(self.federated.requests());
        requests
    }

    /// The secrets that are known, and those that went over the wire.
    fn secrets(&self) -> Vec<String> {
        let mut secrets = vec![
            PASSWORD.to_owned(),
            KEY.to_owned(),
            CLIENT_SECRET.to_owned(),
        ];
        for request in self.requests() {
            for name in ["x-esri-authorization", "authorization"] {
                let value = request.header(name).and_then(|value| value.split_once(' '));
                secrets.extend(value.map(|(_, secret)| secret.to_owned()));
            }
            let secret = request.parameters().iter();
            let secret = secret.filter(|(name, _, source)| {
                // What the user's browser sends is not ours, and a code is good once.
                *source == ParameterSource::Form && SECRET.contains(name)
            });
            secrets.extend(secret.map(|(_, value, _)| value.to_owned()));
        }
        secrets.sort();
        secrets.dedup();
        secrets.retain(|secret| secret.len() >= 8);
        secrets
    }

    /// Looks everywhere. `sent` secrets must have gone over the wire, so that this cannot pass for
    /// want of any.
    pub(crate) fn assert_nothing_shows(
        &self,
        what: &str,
        error: Option<&(dyn StdError + 'static)>,
        sent: &[&str],
    ) {
        let secrets = self.secrets();
        assert_clean(
            &format!("{what}: what was printed"),
            self.printed.as_bytes(),
            &secrets,
        );
        if let Some(error) = error {
            assert_clean(
                &format!("{what}: the error"),
                told(error).as_bytes(),
                &secrets,
            );
        }
        let mut wire = Vec::new();
        for request in self.requests() {
            // The page for the user's browser is the test's own business.
            if request.kind() != RequestKind::Authorize {
                assert_clean(
                    &format!("{what}: a URL"),
                    request.url().as_bytes(),
                    &secrets,
                );
            }
            wire.extend(format!("{:?}", request.headers()).into_bytes());
            wire.extend(request.body());
        }
        for sent in sent {
            let sent = [(*sent).to_owned()];
            assert!(
                find(&wire, &sent).is_some(),
                "{what}: a secret was not used"
            );
        }
        let log = self.log.text();
        assert!(log.contains("the log is watched") && log.contains("arcgis::http"));
        assert_clean(&format!("{what}: the log"), log.as_bytes(), &secrets);
    }
}

fn about(service: &Testkit) -> Request {
    let url: Url = service.layer_url("t").parse().unwrap();
    Request::read(url).with_param("f", "json")
}

/// Signs in on the portal's page, as a browser does; where that leads to.
pub(crate) async fn browse(page: &Url, answer: &[(&str, &str)]) -> Url {
    let browser = patient_client().retries(0).build().unwrap();
    let html = browser.send(Request::read(page.clone())).await.unwrap();
    let (_, _, html) = html.into_raw();
    let html = String::from_utf8_lossy(&html).into_owned();
    let mut form: Vec<(String, String)> = Vec::new();
    for input in html.split("<input type=\"hidden\" ").skip(1) {
        let attribute = |name: &str| {
            let start = input.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
            let end = start + input[start..].find('"').unwrap();
            input[start..end].replace("&amp;", "&")
        };
        form.push((attribute("name"), attribute("value")));
    }
    form.extend(
        answer
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    let body: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    post(page, &body).await
}

/// Posts a form without following where it leads; the `Location` that comes.
async fn post(page: &Url, body: &str) -> Url {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = format!("127.0.0.1:{}", page.port().unwrap());
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        page.path(),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    let line = answer
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("location:"))
        .unwrap_or_else(|| panic!("{answer}"));
    line[9..].trim().parse().unwrap()
}
