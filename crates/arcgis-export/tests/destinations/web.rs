//! A web server that keeps what is put to it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{HeaderMap, Request, Response};

use crate::server::{Server, serve};

/// A request with a body that came whole.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    /// Bodies that broke off.
    broken: usize,
    /// The statuses of the next answers.
    answers: VecDeque<u16>,
    /// Bodies are not read.
    stalled: bool,
}

pub(crate) struct Web {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl Web {
    /// Answers with these statuses, one after the other, and then with 404 to a GET and 201 to a PUT.
    pub(crate) fn start(answers: &[u16]) -> Self {
        let state = Arc::new(Mutex::new(State {
            answers: answers.iter().copied().collect(),
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        let server = serve(move |request| {
            let state = Arc::clone(&shared);
            async move { take(request, &state).await }
        });
        Self { server, state }
    }

    pub(crate) fn stalled() -> Self {
        let web = Self::start(&[]);
        web.state.lock().unwrap().stalled = true;
        web
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    pub(crate) fn broken(&self) -> usize {
        self.state.lock().unwrap().broken
    }
}

async fn take(request: Request<Incoming>, state: &Mutex<State>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let get = parts.method == "GET";
    if state.lock().unwrap().stalled && !get {
        std::future::pending::<()>().await;
    }
    let Ok(body) = body.collect().await else {
        state.lock().unwrap().broken += 1;
        return Response::new(Full::default());
    };
    let mut state = state.lock().unwrap();
    state.asked.push(Asked {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        headers: parts.headers,
        body: body.to_bytes(),
    });
    let usual = if get { 404 } else { 201 };
    let status = state.answers.pop_front().unwrap_or(usual);
    Response::builder()
        .status(status)
        .body(Full::default())
        .unwrap()
}
