//! What the cache and the session tell of: names and fields that dashboards may count on, and no secret.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arcgis_auth_core::http::{HeaderMap, StatusCode};
use arcgis_auth_core::{
    Error, ManualClock, Origin, Request, Response, Token, TokenCache, TokenProvider, TokenSession,
    TokenSource, Transport, TransportError, TransportErrorKind, TrustPolicy,
};
use futures_util::future::{BoxFuture, FutureExt};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// `CANARY-1`, `CANARY-2` and so on; fails where the script says so.
#[derive(Debug)]
struct Source(TrustPolicy, Mutex<VecDeque<bool>>, Mutex<u32>);

impl TokenSource for Source {
    fn trust(&self) -> &TrustPolicy {
        &self.0
    }
    fn mint(self: Arc<Self>) -> BoxFuture<'static, Result<Token, Error>> {
        async move {
            if self.1.lock().unwrap().pop_front() == Some(false) {
                let broken = TransportError::new(TransportErrorKind::Interrupted, "https://h/t");
                return Err(Error::mint(
                    self.0.origin().clone(),
                    Error::transport(broken),
                ));
            }
            let mut number = self.2.lock().unwrap();
            *number += 1;
            Ok(Token::new(format!("CANARY-{number}")).with_life(Duration::from_secs(600)))
        }
        .boxed()
    }
}

/// Refuses what the script says, and repeats the token.
#[derive(Debug)]
struct Server(Mutex<VecDeque<bool>>);

impl Transport for Server {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            let token = request.token().unwrap().expose().to_owned();
            let body = if self.0.lock().unwrap().pop_front().unwrap() {
                r#"{"count":42}"#.to_owned()
            } else {
                format!(r#"{{"error":{{"code":498,"message":"Invalid token {token}"}}}}"#)
            };
            let headers = HeaderMap::new();
            Ok(Response::judge(
                &request,
                StatusCode::OK,
                headers,
                body.into(),
            ))
        }
        .boxed()
    }
}

#[test]
fn t15_a_refresh_tells_of_its_start_its_success_and_its_failure() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .without_time()
        .finish();
    let url = "https://h/arcgis/rest/services/x/FeatureServer/0";
    let trust = TrustPolicy::bound_to(Origin::of(&url.parse().unwrap()).unwrap());
    let clock = ManualClock::new();
    let script = VecDeque::from([true, true, true, false]);
    let source = Source(trust, Mutex::new(script), Mutex::new(0));
    let cache = Arc::new(TokenCache::with_clock(source, Arc::new(clock.clone())));
    let server = Server(Mutex::new(VecDeque::from([false, true, true])));
    let provider = Arc::clone(&cache) as Arc<dyn TokenProvider>;
    let session = TokenSession::new(Arc::new(server), provider);
    let send = || {
        let request = Request::read(url.parse().unwrap());
        session.send(request).now_or_never().unwrap()
    };
    tracing::subscriber::with_default(subscriber, || {
        send().unwrap().into_ok().unwrap();
        clock.advance(Duration::from_secs(540));
        send().unwrap().into_ok().unwrap();
        clock.advance(Duration::from_secs(600));
        send().unwrap_err();
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let told: Vec<_> = text.lines().map(str::trim).collect();
    let span = |reason| format!("mint{{origin=https://h reason=\"{reason}\"}}: arcgis::refresh:");
    let wanted = |within: &str, reason| {
        format!(
            "DEBUG {within}{} token wanted origin=https://h reason=\"{reason}\" wait_millis=0",
            span(reason)
        )
    };
    let taken = |within: &str, reason| {
        format!(
            "DEBUG {within}{} token taken over origin=https://h life_seconds=600",
            span(reason)
        )
    };
    let refresh = r#"refresh{server="https://h/arcgis"}:"#;
    let failed = format!(
        "WARN {} no token origin=https://h in_a_row=1 error=no token could be obtained from \
         https://h: the connection broke: https://h/t",
        span("expired")
    );
    assert_eq!(
        told,
        [
            wanted("", "first").as_str(),
            &taken("", "first"),
            "DEBUG arcgis::refresh: token refused server=\"https://h/arcgis\" required=false again=true",
            &wanted(refresh, "refused"),
            &taken(refresh, "refused"),
            &wanted("", "due"),
            &taken("", "due"),
            &wanted("", "expired"),
            &failed,
        ]
    );
    assert!(!text.contains("CANARY"), "{text}");
}
