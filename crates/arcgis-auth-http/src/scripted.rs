//! Stand-ins for the network and for time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use arcgis_auth_core::http::{HeaderMap, HeaderName, Request as HttpRequest, StatusCode};
use arcgis_auth_core::{
    Bytes, Clock, Error, ManualClock, Request, Response, Transport, TransportError,
    TransportErrorKind, Url,
};
use futures_util::future::{BoxFuture, FutureExt};

/// One answer of a [`Scripted`] transport.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Http(u16, Vec<(&'static str, String)>, String),
    Fails(TransportErrorKind),
}

pub(crate) fn status(status: u16) -> Answer {
    Answer::Http(status, Vec::new(), String::new())
}

pub(crate) fn json(body: &str) -> Answer {
    Answer::Http(200, Vec::new(), body.to_owned())
}

pub(crate) fn with(status: u16, header: &'static str, value: &str) -> Answer {
    Answer::Http(status, vec![(header, value.to_owned())], String::new())
}

/// Answers in order, the last one for ever, and keeps what was sent.
#[derive(Debug)]
pub(crate) struct Scripted {
    answers: Vec<Answer>,
    pub(crate) seen: Mutex<Vec<HttpRequest<Bytes>>>,
}

impl Scripted {
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        Arc::new(Self {
            answers: answers.into_iter().collect(),
            seen: Mutex::default(),
        })
    }

    pub(crate) fn sent(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// Method, address and form of each request.
    pub(crate) fn lines(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .map(|request| {
                let form = String::from_utf8_lossy(request.body());
                format!("{} {} {form}", request.method(), request.uri())
                    .trim_end()
                    .to_owned()
            })
            .collect()
    }

    pub(crate) fn header(&self, request: usize, name: &str) -> Option<String> {
        let seen = self.seen.lock().unwrap();
        Some(
            seen[request]
                .headers()
                .get(name)?
                .to_str()
                .unwrap()
                .to_owned(),
        )
    }
}

impl Transport for Scripted {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            let at = {
                let mut seen = self.seen.lock().unwrap();
                let http = request.to_http()?;
                seen.push(http.map(|body| body.bytes().unwrap_or_default()));
                (seen.len() - 1).min(self.answers.len() - 1)
            };
            match self.answers[at].clone() {
                Answer::Fails(kind) => Err(Error::transport(TransportError::new(
                    kind,
                    request.redacted_url(),
                ))),
                Answer::Http(status, headers, body) => {
                    let map: HeaderMap = headers
                        .iter()
                        .map(|(name, value)| {
                            (HeaderName::from_static(name), value.parse().unwrap())
                        })
                        .collect();
                    let status = StatusCode::from_u16(status).unwrap();
                    Ok(Response::judge(&request, status, map, body.into()))
                }
            }
        }
        .boxed()
    }
}

/// A clock on which every wait is over at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct HastyClock(pub(crate) ManualClock);

impl Clock for HastyClock {
    fn now(&self) -> SystemTime {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let waiting = self.0.sleep(duration);
        self.0.advance(duration);
        waiting
    }
}

pub(crate) fn url(text: &str) -> Url {
    text.parse().unwrap()
}
