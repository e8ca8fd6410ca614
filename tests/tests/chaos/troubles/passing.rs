//! What passes when a page is asked for again.

use std::time::Duration;

use arcgis_testkit::{Fault, FaultKind, RefusalStyle, RequestKind};

use crate::trouble::Trouble;
use crate::ways::Way;

pub(super) fn error(code: i64, message: &str) -> FaultKind {
    FaultKind::ErrorBody {
        code,
        message: message.into(),
        details: Vec::new(),
    }
}

fn status_after(status: u16, seconds: &str) -> FaultKind {
    FaultKind::StatusWith {
        status,
        headers: vec![("Retry-After".into(), seconds.into())],
    }
}

fn body(content_type: &'static str, body: &str) -> FaultKind {
    FaultKind::Respond {
        status: 200,
        content_type,
        body: body.into(),
    }
}

/// What happens to one answer, which says itself that it is not the right one.
fn once() -> Vec<(&'static str, FaultKind)> {
    vec![
        ("500", FaultKind::Status(500)),
        ("502", FaultKind::Status(502)),
        ("503", FaultKind::Status(503)),
        ("504", FaultKind::Status(504)),
        ("429, Retry-After", status_after(429, "0")),
        ("503, Retry-After", status_after(503, "0")),
        ("reset", FaultKind::Reset),
        ("reset in the body", FaultKind::ResetInBody),
        ("Content-Length too long", FaultKind::Truncate),
        ("Content-Length too short", FaultKind::ShortLength),
        ("body cut short", FaultKind::CutShort),
        ("gzip cut short", FaultKind::CutCompressed),
        ("empty body", FaultKind::EmptyBody),
        ("quota in a 200", FaultKind::QuotaBody { retry_after: 0 }),
        ("late answer", FaultKind::Delay(Duration::from_millis(20))),
        ("slow body", FaultKind::SlowBody(Duration::from_millis(30))),
        (
            "error 500 in a 200",
            error(500, "Error performing query operation"),
        ),
        ("error 504 in a 200", error(504, "Gateway timeout")),
        (
            "error behind the rows",
            FaultKind::LateError {
                code: 500,
                message: "Error performing query operation".into(),
            },
        ),
        (
            "half a JSON body",
            body("application/json", r#"{"features":[{"attributes":"#),
        ),
        ("redirect 302", FaultKind::RedirectSame(302)),
        ("redirect 307", FaultKind::RedirectSame(307)),
        (
            "quota headers",
            FaultKind::Headers(vec![
                ("X-RateLimit-Remaining".into(), "0".into()),
                ("Retry-After".into(), "0".into()),
            ]),
        ),
    ]
}

pub(super) fn all(way: Way) -> Vec<Trouble> {
    let page = way.page();
    let on = |kind| Fault::on_query(page, kind);
    let mut all: Vec<Trouble> = once()
        .into_iter()
        .map(|(name, kind)| Trouble::new(name).fault(on(kind)))
        .collect();
    for (name, kind) in [
        ("silence", FaultKind::Stall),
        ("silence in the body", FaultKind::StallInBody),
    ] {
        let limit = Duration::from_millis(400);
        all.push(Trouble::new(name).fault(on(kind)).timeout(limit));
    }
    for (name, kind) in [
        ("503 for the count", RequestKind::Count),
        ("503 for the ids", RequestKind::Ids),
        ("503 for the metadata", RequestKind::Layer),
        ("503 for statistics", RequestKind::Statistics),
    ] {
        let silent = match kind {
            RequestKind::Ids => !way.asks_for_ids(),
            RequestKind::Statistics => way != Way::CountedRanges,
            _ => false,
        };
        let fault = Fault::on(kind, 1, FaultKind::Status(503));
        all.push(Trouble::new(name).fault(fault).silent_if(silent));
    }
    for (name, kind) in [
        ("503 for the next count", FaultKind::Status(503)),
        (
            "error in the next count",
            error(500, "Error performing query operation"),
        ),
    ] {
        all.push(Trouble::new(name).fault(Fault::on(RequestKind::Count, 2, kind)));
    }
    for (name, code, style) in [
        ("498 in a 200", 498, RefusalStyle::Body),
        ("status 498", 498, RefusalStyle::Status),
        ("499 in a 200", 499, RefusalStyle::Body),
    ] {
        let mut trouble = Trouble::new(name).fault(on(FaultKind::TokenRefused { code, style }));
        trouble.secured = true;
        all.push(trouble);
    }
    let mut many = Trouble::new("every fifth page fails");
    many.faults
        .push(Fault::on_query(1, FaultKind::Status(503)).every(5).always());
    all.push(many);
    let mut moved = Trouble::new("metadata redirected elsewhere");
    moved.moved = true;
    all.push(moved);
    all
}
