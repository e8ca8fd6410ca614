//! The server, the token service and the books that are kept of both.

use std::collections::BTreeSet;
use std::ops::Add;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arcgis_auth_core::http::{HeaderMap, StatusCode};
use arcgis_auth_core::{
    Clock, Error, ManualClock, Origin, Request, Response, Token, TokenSource, Transport,
    TransportError, TransportErrorKind, TrustPolicy,
};
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::oneshot;

/// How a mint ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MintEnd {
    /// With a token that lives for so many seconds.
    Token(u64),
    /// The connection breaks.
    Broken,
    /// Nobody vouches for the token service.
    Certificate,
    /// The newest token, once more.
    SameAgain,
}

/// What came up, so that a test can say that it did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) mints: usize,
    pub(crate) failed_mints: usize,
    pub(crate) refused_tokens: usize,
    pub(crate) late_refusals: usize,
    pub(crate) expiries: usize,
    pub(crate) forced: usize,
    pub(crate) successes: usize,
    pub(crate) refusals_for_good: usize,
    pub(crate) failures: usize,
}

impl Seen {
    pub(crate) fn all(&self) -> bool {
        let counts = [
            self.mints,
            self.failed_mints,
            self.refused_tokens,
            self.late_refusals,
            self.expiries,
            self.forced,
            self.successes,
            self.refusals_for_good,
            self.failures,
        ];
        counts.iter().all(|count| *count > 0)
    }
}

impl Add for Seen {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            mints: self.mints + other.mints,
            failed_mints: self.failed_mints + other.failed_mints,
            refused_tokens: self.refused_tokens + other.refused_tokens,
            late_refusals: self.late_refusals + other.late_refusals,
            expiries: self.expiries + other.expiries,
            forced: self.forced + other.forced,
            successes: self.successes + other.successes,
            refusals_for_good: self.refusals_for_good + other.refusals_for_good,
            failures: self.failures + other.failures,
        }
    }
}

#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<Books>>);

struct Books {
    clock: ManualClock,
    /// By their number: `t0`, `t1`, …
    issued: Vec<Issued>,
    minting: usize,
    mint: Option<oneshot::Sender<MintEnd>>,
    mints_begun: usize,
    pending: Vec<Pending>,
    /// Tokens whose refusal has reached the client.
    refused: BTreeSet<usize>,
    forces_open: usize,
    seen: Seen,
}

struct Issued {
    at: Duration,
    life: Duration,
    revoked: bool,
}

struct Pending {
    token: usize,
    valid_on_arrival: bool,
    reply: oneshot::Sender<bool>,
}

impl Issued {
    fn is_valid(&self, now: Duration) -> bool {
        !self.revoked && now < self.at + self.life
    }

    fn is_due(&self, now: Duration) -> bool {
        let window = Duration::from_secs(300).min(self.life / 10);
        now + window >= self.at + self.life
    }
}

impl Books {
    fn now(&self) -> Duration {
        self.clock.monotonic()
    }
}

impl World {
    pub(crate) fn new(clock: ManualClock) -> Self {
        Self(Arc::new(Mutex::new(Books {
            clock,
            issued: Vec::new(),
            minting: 0,
            mint: None,
            mints_begun: 0,
            pending: Vec::new(),
            refused: BTreeSet::new(),
            forces_open: 0,
            seen: Seen::default(),
        })))
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn force(&self) {
        let mut books = self.books();
        books.forces_open += 1;
        books.seen.forced += 1;
    }

    pub(crate) fn revoke(&self) {
        if let Some(newest) = self.books().issued.last_mut() {
            newest.revoked = true;
        }
    }

    pub(crate) fn reply(&self, which: usize, as_of_arrival: bool) {
        let mut books = self.books();
        if books.pending.is_empty() {
            return;
        }
        let which = which % books.pending.len();
        let pending = books.pending.remove(which);
        let now = books.now();
        let valid = match as_of_arrival {
            true => pending.valid_on_arrival,
            false => books.issued[pending.token].is_valid(now),
        };
        drop(books);
        // Nobody waits for it if the caller has given up.
        let _ = pending.reply.send(valid);
    }

    pub(crate) fn end_mint(&self, end: MintEnd) {
        let waiting = self.books().mint.take();
        if let Some(mint) = waiting {
            let _ = mint.send(end);
        }
    }

    pub(crate) fn ended(&self, result: &Result<(), Error>) {
        let seen = &mut self.books().seen;
        match result {
            Ok(()) => seen.successes += 1,
            Err(Error::Unauthorized(_)) => seen.refusals_for_good += 1,
            Err(_) => seen.failures += 1,
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.books().seen
    }

    /// What holds at every moment.
    pub(crate) fn check(&self) {
        let mut books = self.books();
        let now = books.now();
        assert!(books.minting <= 1, "two mints at once");
        let due = books.issued.iter().filter(|token| token.is_due(now));
        books.seen.expiries = due.count();
        let seen = books.seen;
        let reasons = seen.refused_tokens + seen.expiries + seen.forced + 1;
        assert!(seen.mints <= reasons, "mints without a reason: {seen:?}");
    }

    fn number(token: &Token) -> usize {
        token.expose().strip_prefix('t').unwrap().parse().unwrap()
    }

    /// A request comes in.
    fn arrive(&self, token: &Token) -> oneshot::Receiver<bool> {
        let mut books = self.books();
        let number = Self::number(token);
        assert!(
            !books.refused.contains(&number),
            "t{number} is sent although its refusal is known"
        );
        let now = books.now();
        let (reply, answer) = oneshot::channel();
        let valid_on_arrival = books.issued[number].is_valid(now);
        books.pending.push(Pending {
            token: number,
            valid_on_arrival,
            reply,
        });
        answer
    }

    /// A refusal reaches the client.
    fn learn(&self, token: &Token) {
        let mut books = self.books();
        let number = Self::number(token);
        if number + 1 < books.issued.len() {
            books.seen.late_refusals += 1;
        }
        if books.refused.insert(number) {
            books.seen.refused_tokens += 1;
        }
    }

    /// A mint begins: never without a reason, never beside another.
    fn begin_mint(&self) -> oneshot::Receiver<MintEnd> {
        let mut books = self.books();
        books.minting += 1;
        assert_eq!(books.minting, 1, "two mints at once");
        if let Some(newest) = books.issued.last() {
            let number = books.issued.len() - 1;
            let refused = books.refused.contains(&number);
            assert!(
                refused || newest.is_due(books.now()) || books.forces_open > 0,
                "t{number} is good and yet another is minted"
            );
        }
        books.forces_open = 0;
        books.mints_begun += 1;
        let (end, ended) = oneshot::channel();
        books.mint = Some(end);
        ended
    }

    fn issue(&self, end: MintEnd) -> Result<Token, Error> {
        let mut books = self.books();
        let failed = |kind| {
            let error = Error::transport(TransportError::new(kind, "https://h/generateToken"));
            Err(Error::mint(origin(), error))
        };
        let life = match end {
            MintEnd::Token(seconds) => Duration::from_secs(seconds),
            MintEnd::SameAgain if !books.issued.is_empty() => {
                books.seen.failed_mints += 1;
                return Ok(Token::new(format!("t{}", books.issued.len() - 1)));
            }
            MintEnd::Broken | MintEnd::SameAgain => {
                books.seen.failed_mints += 1;
                return failed(TransportErrorKind::Interrupted);
            }
            MintEnd::Certificate => {
                books.seen.failed_mints += 1;
                return failed(TransportErrorKind::Tls);
            }
        };
        books.seen.mints += 1;
        let at = books.now();
        books.issued.push(Issued {
            at,
            life,
            revoked: false,
        });
        Ok(Token::new(format!("t{}", books.issued.len() - 1)).with_life(life))
    }
}

fn origin() -> Origin {
    Origin::of(&"https://h".parse().unwrap()).unwrap()
}

/// The way to the server: each request waits for its reply.
pub(crate) struct Network(pub(crate) World);

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Network")
    }
}

impl Transport for Network {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            let token = request.token().expect("no request goes without").clone();
            let valid = self
                .0
                .arrive(&token)
                .await
                .expect("every request is answered");
            let body = if valid {
                r#"{"count":42}"#
            } else {
                self.0.learn(&token);
                r#"{"error":{"code":498,"message":"Invalid token.","details":[]}}"#
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

/// The token service: each mint waits until the test ends it.
pub(crate) struct Source {
    world: World,
    trust: TrustPolicy,
}

impl Source {
    pub(crate) fn new(world: World) -> Self {
        Self {
            world,
            trust: TrustPolicy::bound_to(origin()),
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source")
    }
}

/// Says when a mint is over, however it ends.
struct Minting(World);

impl Drop for Minting {
    fn drop(&mut self) {
        let mut books = self.0.books();
        books.minting -= 1;
        books.mint = None;
    }
}

impl TokenSource for Source {
    fn trust(&self) -> &TrustPolicy {
        &self.trust
    }

    fn mint(self: Arc<Self>) -> BoxFuture<'static, Result<Token, Error>> {
        async move {
            let end = self.world.begin_mint();
            let minting = Minting(self.world.clone());
            let end = end.await.expect("every mint ends");
            drop(minting);
            self.world.issue(end)
        }
        .boxed()
    }
}
