//! The listening side: connections, requests, and what faults do to answers.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::address::Addresses;
use crate::answer::{Answer, EsriError};
use crate::catalog::Catalog;
use crate::connection::{Connection, Hangup};
use crate::fault::{FaultKind, Faults};
use crate::guard::Guard;
use crate::item::Item;
use crate::parameters::Parameters;
use crate::payload::Payload;
use crate::query::PageDamage;
use crate::request::{Answered, Request, RequestLog};
use crate::route::{self, Route};
use crate::strike;
use crate::web_tier::WebTier;

/// A form may hold long lists of ids and long geometries, but not more than this.
const LONGEST_BODY: usize = 16 << 20;

/// What the connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) addresses: Addresses,
    pub(crate) catalog: Catalog,
    pub(crate) items: Vec<Item>,
    pub(crate) guard: Option<Arc<Guard>>,
    pub(crate) web_tier: WebTier,
    /// Seconds by which the service's clock is ahead.
    pub(crate) clock_skew: i64,
    pub(crate) faults: Faults,
    pub(crate) log: RequestLog,
    pub(crate) longest_url: usize,
    pub(crate) latency: Duration,
    pub(crate) started: Instant,
    pub(crate) requests: AtomicU64,
    pub(crate) in_flight: AtomicUsize,
    pub(crate) most_in_flight: AtomicUsize,
    pub(crate) connections: AtomicU64,
}

/// Accepts connections until told to stop; then all of them end at once.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // An error means that the handle is gone.
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    shared.connections.fetch_add(1, Ordering::SeqCst);
                    let _ = stream.set_nodelay(true);
                    connections.spawn(converse(stream, tls.clone(), Arc::clone(&shared)));
                }
                // Out of descriptors: wait for some to come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    connections.shutdown().await;
}

async fn converse(stream: tokio::net::TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let hangup = Arc::new(Hangup::default());
    let stream = Connection::new(stream, Arc::clone(&hangup));
    let service = service_fn({
        let hangup = Arc::clone(&hangup);
        move |request| {
            let (shared, hangup) = (Arc::clone(&shared), Arc::clone(&hangup));
            async move { Ok::<_, Infallible>(respond(request, &shared, &hangup).await) }
        }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let talk = async {
        // What goes wrong on one connection concerns its client alone.
        match tls {
            Some(acceptor) => {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let _ = builder
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                }
            }
            None => {
                let _ = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        }
    };
    tokio::select! {
        () = talk => {}
        () = hangup.now.notified() => {}
    }
}

/// Counts a request as being in flight while it lives.
struct InFlight<'a>(&'a Shared);

impl<'a> InFlight<'a> {
    fn new(shared: &'a Shared) -> Self {
        let now = shared.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most_in_flight.fetch_max(now, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The body, or the answer to one that did not come or is too long.
async fn collect(body: Incoming) -> (Bytes, Option<Answer>) {
    let (status, title, text) = match Limited::new(body, LONGEST_BODY).collect().await {
        Ok(collected) => return (collected.to_bytes(), None),
        Err(error) if error.is::<LengthLimitError>() => (
            413,
            "Request Entity Too Large",
            "The request body is longer than the server allows.",
        ),
        Err(_) => (400, "Bad Request", "The request body did not arrive."),
    };
    (Bytes::new(), Some(Answer::html(status, title, text)))
}

async fn respond(
    incoming: http::Request<Incoming>,
    shared: &Arc<Shared>,
    hangup: &Arc<Hangup>,
) -> Response<Payload> {
    let _in_flight = InFlight::new(shared);
    let at = shared.started.elapsed();
    let (head, body) = incoming.into_parts();
    let url_length = head
        .uri
        .path_and_query()
        .map_or(0, |text| text.as_str().len());
    let (body, refused) = if url_length > shared.longest_url {
        let text = "The request URL is longer than the server allows.";
        (Bytes::new(), Some(Answer::html(414, "URI Too Long", text)))
    } else {
        collect(body).await
    };
    let is_form = head
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let parameters = Parameters::read(
        head.uri.query().unwrap_or_default(),
        if is_form { &body } else { &[] },
    );
    let route = Route::parse(&shared.catalog, &shared.addresses, head.uri.path());
    let request = Request {
        number: shared.requests.fetch_add(1, Ordering::SeqCst) + 1,
        at,
        method: head.method,
        path: head.uri.path().to_owned(),
        url: head.uri.to_string(),
        body,
        kind: route.kind(&parameters),
        layer: route.layer_name(&shared.catalog).map(str::to_owned),
        unknown: route.unknown_parameters(&parameters),
        parameters,
        headers: head.headers,
        answered: None,
    };
    let entry = shared.log.enter(request.clone());
    if let Some(answer) = refused {
        entry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .answered = Some(Answered {
            status: answer.status,
            rows: None,
            error: None,
            bytes: answer.body.len(),
            wire_bytes: answer.body.len(),
            faults: Vec::new(),
        });
        return send(answer, &request.headers, shared.clock_skew);
    }
    let struck = shared.faults.strike(&request);
    let faults: Vec<usize> = struck.iter().map(|(at, _)| *at).collect();
    let note = |status: u16, answer: Option<&Answer>, wire_bytes: usize| {
        entry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .answered = Some(Answered {
            status,
            rows: answer.and_then(|answer| answer.rows),
            error: answer.and_then(|answer| answer.error),
            bytes: answer.map_or(0, |answer| answer.body.len()),
            wire_bytes,
            faults: faults.clone(),
        });
    };
    if !shared.latency.is_zero() {
        tokio::time::sleep(shared.latency).await;
    }

    let mut damage = PageDamage::default();
    let mut instead = None;
    for (_, armed) in &struck {
        match &armed.fault.kind {
            FaultKind::Delay(time) => tokio::time::sleep(*time).await,
            FaultKind::Stall => {
                note(0, None, 0);
                tokio::time::sleep(strike::LONGEST_STALL).await;
                hangup.close();
                std::future::pending::<()>().await;
            }
            FaultKind::Reset => {
                note(0, None, 0);
                hangup.reset();
                std::future::pending::<()>().await;
            }
            FaultKind::LoseRow(row) => damage.lose = Some(*row),
            FaultKind::DoubleRow(row) => damage.double = Some(*row),
            FaultKind::EmptyPage => damage.empty = true,
            FaultKind::CountOff(difference) => damage.count = *difference,
            FaultKind::LoseId(at) => damage.lose_id = Some(*at),
            FaultKind::ShortPage { rows, flag } => damage.short = Some((*rows, *flag)),
            FaultKind::Edit { layer, edit } => strike::apply(&shared.catalog, layer, edit),
            kind => instead = instead.or_else(|| strike::replacement(kind, &request)),
        }
    }
    let mut answer = match instead {
        Some(answer) => answer,
        None => {
            let (shared, request) = (Arc::clone(shared), request.clone());
            let making = tokio::task::spawn_blocking(move || {
                route::answer(&shared, &route, &request, damage)
            });
            making.await.unwrap_or_else(|_| {
                EsriError::new(500, "Error performing query operation").answer(500)
            })
        }
    };
    for (_, armed) in &struck {
        strike::spoil_answer(&armed.fault.kind, &mut answer);
    }
    let mut response = send(answer.clone(), &request.headers, shared.clock_skew);
    let sent = match response.body() {
        Payload::Whole(bytes) => bytes.len(),
        _ => answer.body.len(),
    };
    note(answer.status, Some(&answer), sent);
    for (_, armed) in &struck {
        strike::spoil_response(&armed.fault.kind, &mut response, hangup);
    }
    response
}

fn send(answer: Answer, request: &http::HeaderMap, clock_skew: i64) -> Response<Payload> {
    let accepts_gzip = request
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value.split(',').any(|coding| {
                let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
                name.trim().eq_ignore_ascii_case("gzip")
                    && !matches!(
                        quality.replace(' ', "").as_str(),
                        "q=0" | "q=0.0" | "q=0.00" | "q=0.000"
                    )
            })
        });
    let compressed = (accepts_gzip && answer.body.len() > 256)
        .then(|| gzip(&answer.body))
        .flatten();
    let is_compressed = compressed.is_some();
    let mut response = Response::new(Payload::Whole(compressed.unwrap_or(answer.body)));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = answer.headers;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(answer.content_type),
    );
    if clock_skew != 0 {
        if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(shifted(clock_skew))) {
            headers.insert(header::DATE, date);
        }
    }
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if is_compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Now, by a clock that is ahead by so many seconds.
fn shifted(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let now = SystemTime::now();
    let shifted = if seconds < 0 {
        now.checked_sub(distance)
    } else {
        now.checked_add(distance)
    };
    // The HTTP date knows the years from 1970 to 9999.
    shifted
        .filter(|time| {
            time.duration_since(UNIX_EPOCH)
                .is_ok_and(|since| since.as_secs() < 253_402_300_800)
        })
        .unwrap_or(now)
}

fn gzip(body: &[u8]) -> Option<Bytes> {
    let mut encoder = flate2::write::GzEncoder::new(
        Vec::with_capacity(body.len() / 4),
        flate2::Compression::fast(),
    );
    encoder.write_all(body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}
