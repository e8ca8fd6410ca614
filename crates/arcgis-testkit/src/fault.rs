use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::request::{Request, RequestKind};
use crate::row::Row;
use crate::security::RefusalStyle;

/// Something that goes wrong, and for which requests.
///
/// ```
/// use arcgis_testkit::{Fault, FaultKind};
///
/// let third_page_once = Fault::on_query(3, FaultKind::Status(503));
/// let first_two_tokens = Fault::on_token(1, FaultKind::Html).times(2);
/// let late_pages = Fault::on_query(1, FaultKind::QuotaBody { retry_after: 1 })
///     .when(|request| request.parameters().get("resultOffset") == Some("4000"));
/// # let _ = (third_page_once, first_two_tokens, late_pages);
/// ```
#[derive(Clone)]
pub struct Fault {
    kinds: Option<Vec<RequestKind>>,
    layer: Option<String>,
    format: Option<String>,
    predicate: Option<Predicate>,
    from: u64,
    times: u64,
    every: u64,
    pub(crate) kind: FaultKind,
}

type Predicate = Arc<dyn Fn(&Request) -> bool + Send + Sync>;

/// What goes wrong.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FaultKind {
    /// This HTTP status, with an HTML body.
    Status(u16),
    /// This HTTP status with headers such as `Retry-After`, and an HTML body.
    StatusWith {
        /// The status.
        status: u16,
        /// Names and values.
        headers: Vec<(String, String)>,
    },
    /// The connection is reset before any answer.
    Reset,
    /// No answer comes; the connection closes after 60 seconds.
    Stall,
    /// The answer comes late, and is right.
    Delay(Duration),
    /// The connection ends in the middle of the body, short of the announced length.
    Truncate,
    /// The connection is reset in the middle of the body.
    ResetInBody,
    /// Half the body comes, and then nothing; the connection closes after 60 seconds.
    StallInBody,
    /// The body comes in ten parts over this time, and is right.
    SlowBody(Duration),
    /// The compressed body ends in the middle, and HTTP says that it is whole; an uncompressed one does as well.
    CutCompressed,
    /// The announced length is half of the body's: clients see no more.
    ShortLength,
    /// The body ends in the middle, and HTTP says that it is whole.
    CutShort,
    /// The body is empty, under status 200.
    EmptyBody,
    /// Status 200 and an ArcGIS error body.
    ErrorBody {
        /// The error's code.
        code: i64,
        /// The error's message.
        message: String,
        /// The error's details.
        details: Vec<String>,
    },
    /// The right body, with an `error` member after all others.
    LateError {
        /// The error's code.
        code: i64,
        /// The error's message.
        message: String,
    },
    /// An HTML page under status 200, as a login page or a web firewall sends it.
    Html,
    /// Status 200 and the body that ArcGIS Online sends when a quota is used up.
    QuotaBody {
        /// The seconds to wait that the text names.
        retry_after: u32,
    },
    /// A redirect (302) to this URL.
    Redirect(String),
    /// A redirect with this status (302, 307 …) to the same path and query.
    RedirectSame(u16),
    /// The right answer with more headers, such as those that tell of quotas.
    Headers(Vec<(String, String)>),
    /// The token is refused with code 498 or 499, although it is valid.
    TokenRefused {
        /// 498 or 499.
        code: u16,
        /// How.
        style: RefusalStyle,
    },
    /// Any status, content type and body.
    Respond {
        /// The status.
        status: u16,
        /// The content type.
        content_type: &'static str,
        /// The body.
        body: String,
    },
    /// The page of features lacks its row of this position, and says nothing about it.
    LoseRow(usize),
    /// The page of features has its row of this position twice.
    DoubleRow(usize),
    /// The page of features is empty, and the flag still says whether more follow.
    EmptyPage,
    /// The page of features ends after so many rows; `flag` says whether `exceededTransferLimit` tells of it.
    ShortPage {
        /// The rows that remain.
        rows: usize,
        /// Whether the flag is set.
        flag: bool,
    },
    /// The count tells so many rows more than there are, or less.
    CountOff(i64),
    /// The list of ids lacks the one of this position.
    LoseId(usize),
    /// The data change just before the request is answered, and the answer is right.
    Edit {
        /// The layer's name.
        layer: String,
        /// The change.
        edit: Edit,
    },
}

/// A change of a layer's rows.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Edit {
    /// A new row.
    Insert(Row),
    /// The row of this object id goes.
    Delete(i64),
    /// The row of this object id gets the attributes and the geometry that are named.
    Update(i64, Row),
}

impl Fault {
    /// Goes wrong at the `number`th request of any kind, counted from 1.
    #[must_use]
    pub fn on_any(number: u64, kind: FaultKind) -> Self {
        Self {
            kinds: None,
            layer: None,
            format: None,
            predicate: None,
            from: number,
            times: 1,
            every: 1,
            kind,
        }
    }

    /// Goes wrong at the `number`th request of this kind, counted from 1.
    #[must_use]
    pub fn on(request: RequestKind, number: u64, kind: FaultKind) -> Self {
        Self {
            kinds: Some(vec![request]),
            ..Self::on_any(number, kind)
        }
    }

    /// Goes wrong at the `number`th request of any of these kinds.
    #[must_use]
    pub fn on_kinds(
        requests: impl IntoIterator<Item = RequestKind>,
        number: u64,
        kind: FaultKind,
    ) -> Self {
        Self {
            kinds: Some(requests.into_iter().collect()),
            ..Self::on_any(number, kind)
        }
    }

    /// Goes wrong at the `number`th request for a page of features.
    #[must_use]
    pub fn on_query(number: u64, kind: FaultKind) -> Self {
        Self::on(RequestKind::Features, number, kind)
    }

    /// Goes wrong at the `number`th request for a layer's or a service's metadata.
    #[must_use]
    pub fn on_metadata(number: u64, kind: FaultKind) -> Self {
        Self {
            kinds: Some(vec![RequestKind::Layer, RequestKind::Service]),
            ..Self::on_any(number, kind)
        }
    }

    /// Goes wrong at the `number`th request for a token.
    #[must_use]
    pub fn on_token(number: u64, kind: FaultKind) -> Self {
        Self::on(RequestKind::Token, number, kind)
    }

    /// Lasts for so many matching requests; once unless set.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Lasts for ever.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(u64::MAX)
    }

    /// Lasts for every so many'th matching request from the first one on; [`times`](Self::times) then counts how often it fires.
    #[must_use]
    pub fn every(mut self, requests: u64) -> Self {
        self.every = requests.max(1);
        self
    }

    /// Counts requests for this format only (`f=json`, `f=pbf` …).
    #[must_use]
    pub fn for_format(mut self, format: impl Into<String>) -> Self {
        self.format = Some(format.into());
        self
    }

    /// Counts requests to this layer only.
    #[must_use]
    pub fn for_layer(mut self, name: impl Into<String>) -> Self {
        self.layer = Some(name.into());
        self
    }

    /// Counts requests only for which this holds.
    #[must_use]
    pub fn when(mut self, predicate: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        self.predicate = Some(Arc::new(predicate));
        self
    }

    fn concerns(&self, request: &Request) -> bool {
        self.kinds
            .as_ref()
            .is_none_or(|kinds| kinds.contains(&request.kind()))
            && self
                .layer
                .as_ref()
                .is_none_or(|layer| request.layer() == Some(layer))
            && self.format.as_ref().is_none_or(|format| {
                let asked = request.parameters().get("f");
                asked.is_some_and(|asked| asked.eq_ignore_ascii_case(format))
            })
            && self
                .predicate
                .as_ref()
                .is_none_or(|predicate| predicate(request))
    }
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fault")
            .field("kinds", &self.kinds)
            .field("layer", &self.layer)
            .field("from", &self.from)
            .field("times", &self.times)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The faults of a running service, with their counters.
#[derive(Debug, Default)]
pub(crate) struct Faults(RwLock<Vec<Arc<Armed>>>);

#[derive(Debug)]
pub(crate) struct Armed {
    pub(crate) fault: Fault,
    seen: AtomicU64,
    fired: AtomicU64,
}

impl Faults {
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        let armed = Self::default();
        for fault in faults {
            armed.add(fault);
        }
        armed
    }

    pub(crate) fn add(&self, fault: Fault) -> usize {
        let mut faults = self.0.write().unwrap_or_else(PoisonError::into_inner);
        faults.push(Arc::new(Armed {
            fault,
            seen: AtomicU64::new(0),
            fired: AtomicU64::new(0),
        }));
        faults.len() - 1
    }

    pub(crate) fn fired(&self) -> Vec<u64> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|armed| armed.fired.load(Ordering::SeqCst))
            .collect()
    }

    /// Counts the request for every fault that it concerns, and gives those that fire.
    pub(crate) fn strike(&self, request: &Request) -> Vec<(usize, Arc<Armed>)> {
        let faults = self.0.read().unwrap_or_else(PoisonError::into_inner);
        faults
            .iter()
            .enumerate()
            .filter(|(_, armed)| armed.fault.concerns(request))
            .filter(|(_, armed)| {
                let number = armed.seen.fetch_add(1, Ordering::SeqCst) + 1;
                let since = number.checked_sub(armed.fault.from);
                let fires = since.is_some_and(|since| {
                    since % armed.fault.every == 0 && since / armed.fault.every < armed.fault.times
                });
                if fires {
                    armed.fired.fetch_add(1, Ordering::SeqCst);
                }
                fires
            })
            .map(|(at, armed)| (at, Arc::clone(armed)))
            .collect()
    }
}
