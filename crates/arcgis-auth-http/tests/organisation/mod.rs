//! A portal in wiremock that speaks OAuth, and a store of logins in memory.

#![allow(dead_code)] // Each test binary uses its own part.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use arcgis_auth_core::{
    CredentialStore, Error, ExposeSecret, Portal, SecretString, StoreError, StoreKey, StoredLogin,
    Transport, UserLogin,
};
use arcgis_auth_http::ArcGisClient;
use futures_util::future::{BoxFuture, FutureExt};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request as Seen, ResponseTemplate};

pub const TOKEN: &str = "/portal/sharing/rest/oauth2/token";
pub const REVOKE: &str = "/portal/sharing/rest/oauth2/revokeToken";
pub const LAYER: &str = "/portal/rest/services/x/FeatureServer/0";

pub fn json(body: impl Into<String>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.into(), "application/json")
}

pub fn portal(server: &MockServer) -> Portal {
    Portal::parse(&format!("{}/portal/home", server.uri())).unwrap()
}

/// A transport that follows redirects and attaches nothing, without waiting between attempts.
pub fn transport() -> Arc<dyn Transport> {
    let clock = Arc::new(crate::hasty_clock::HastyClock::default());
    Arc::new(ArcGisClient::builder().clock(clock).build().unwrap())
}

pub async fn answers(server: &MockServer, at: &str, reply: ResponseTemplate) {
    Mock::given(method("POST"))
        .and(path(at))
        .respond_with(reply)
        .mount(server)
        .await;
}

pub async fn seen(server: &MockServer, at: &str) -> Vec<Seen> {
    let all = server.received_requests().await.unwrap();
    all.into_iter()
        .filter(|seen| seen.url.path() == at)
        .collect()
}

pub fn form(seen: &Seen) -> HashMap<String, String> {
    assert_eq!(seen.method.as_str(), "POST");
    assert_eq!(seen.url.query(), None, "nothing of it in the URL");
    assert_eq!(
        seen.headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    url::form_urlencoded::parse(&seen.body)
        .into_owned()
        .collect()
}

pub fn map(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// What a store was asked for, in order, and what it holds.
#[derive(Debug, Default)]
pub struct Memory {
    pub kept: Mutex<HashMap<String, SecretString>>,
    pub done: Mutex<Vec<String>>,
    /// So many writes succeed; then they fail.
    pub writes_left: Mutex<Option<usize>>,
}

impl Memory {
    pub fn keep(&self, key: &StoreKey, login: &UserLogin) {
        let text = StoredLogin::User(login.clone()).to_json().unwrap();
        self.kept.lock().unwrap().insert(key.to_string(), text);
    }

    pub fn login(&self, key: &StoreKey) -> UserLogin {
        let text = self.kept.lock().unwrap()[&key.to_string()].clone();
        match StoredLogin::from_json(&text, key.portal()).unwrap() {
            StoredLogin::User(login) => login,
            other => panic!("{other:?}"),
        }
    }

    pub fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }
}

impl CredentialStore for Memory {
    fn load<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<Option<StoredLogin>, Error>> {
        async move {
            self.done.lock().unwrap().push("load".to_owned());
            let text = self.kept.lock().unwrap().get(&key.to_string()).cloned();
            text.map(|text| StoredLogin::from_json(&text, key.portal()))
                .transpose()
        }
        .boxed()
    }

    fn save<'a>(
        &'a self,
        key: &'a StoreKey,
        login: &'a StoredLogin,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            if let Some(left) = &mut *self.writes_left.lock().unwrap() {
                if *left == 0 {
                    self.done.lock().unwrap().push("save failed".to_owned());
                    return Err(Error::store(StoreError::Damaged {
                        problem: "the disk is full",
                    }));
                }
                *left -= 1;
            }
            let StoredLogin::User(user) = login else {
                panic!("{login:?}");
            };
            let what = format!("save {}", user.refresh_token().expose_secret());
            self.done.lock().unwrap().push(what);
            let text = login.to_json()?;
            self.kept.lock().unwrap().insert(key.to_string(), text);
            Ok(())
        }
        .boxed()
    }

    fn remove<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<bool, Error>> {
        async move { Ok(self.kept.lock().unwrap().remove(&key.to_string()).is_some()) }.boxed()
    }

    fn describe(&self) -> String {
        "this test's memory".to_owned()
    }
}
