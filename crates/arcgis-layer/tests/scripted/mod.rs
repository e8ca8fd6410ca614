//! A transport that answers by a function, and remembers what it was asked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arcgis_layer::arcgis_auth_core::http::{HeaderMap, StatusCode};
use arcgis_layer::arcgis_auth_core::{Error, Request, Response, Transport};
use futures_util::future::{BoxFuture, FutureExt};
use serde_json::Value;

/// The parameters of a request.
pub(crate) type Params = BTreeMap<String, String>;

type Answer = dyn Fn(&str, &Params) -> Value + Send + Sync;

/// Answers each request with what a function makes of its path and parameters.
pub(crate) struct Scripted {
    answer: Box<Answer>,
    asked: Mutex<Vec<(String, Params)>>,
    under_way: AtomicUsize,
    most: AtomicUsize,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted {
    pub(crate) fn new(
        answer: impl Fn(&str, &Params) -> Value + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            answer: Box::new(answer),
            asked: Mutex::default(),
            under_way: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }

    /// The parameters of each request whose path ends so, in order.
    #[allow(dead_code, reason = "not every suite looks at it")]
    pub(crate) fn asked(&self, path: &str) -> Vec<Params> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .filter(|(known, _)| known.ends_with(path))
            .map(|(_, params)| params.clone())
            .collect()
    }

    /// The most requests that were under way at once.
    #[allow(dead_code, reason = "not every suite looks at it")]
    pub(crate) fn most_at_once(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

impl Transport for Scripted {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            let params: Params = request
                .shown_params()
                .map(|(name, value)| (name.to_owned(), value.unwrap_or("[secret]").to_owned()))
                .collect();
            let path = request.url().path().to_owned();
            self.asked
                .lock()
                .unwrap()
                .push((path.clone(), params.clone()));
            let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            let body = (self.answer)(&path, &params).to_string();
            let status = StatusCode::OK;
            Ok(Response::judge(
                &request,
                status,
                HeaderMap::new(),
                body.into(),
            ))
        }
        .boxed()
    }
}
