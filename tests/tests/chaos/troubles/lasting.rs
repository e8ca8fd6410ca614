//! What does not pass.

use std::time::Duration;

use arcgis_testkit::{Fault, FaultKind, RefusalStyle, RequestKind};

use super::passing::error;
use crate::layers::{ROWS, Shape};
use crate::trouble::{Expected, Trouble};
use crate::ways::Way;

fn always(kind: RequestKind, body: String) -> Fault {
    let content_type = "application/json";
    let answer = FaultKind::Respond {
        status: 200,
        content_type,
        body,
    };
    Fault::on(kind, 1, answer).always()
}

pub(super) fn all(shape: Shape, way: Way) -> Vec<Trouble> {
    let from = way.page();
    let pages = |kind| Fault::on_query(from, kind).always();
    let mut all = Vec::new();
    let ghost = shape.id(0) + 1;
    let mut ids: Vec<i64> = (1..=ROWS).map(|n| shape.id(n)).collect();
    ids.insert(0, ghost);
    if way.is_listed() {
        all.push(
            Trouble::new("a row listed and never given")
                .fault(always(
                    RequestKind::Ids,
                    format!(r#"{{"objectIdFieldName":"OBJECTID","objectIds":{ids:?}}}"#),
                ))
                .fault(always(
                    RequestKind::Count,
                    format!(r#"{{"count":{}}}"#, ids.len()),
                ))
                .expect(Expected::Rows(vec![ghost])),
        );
    }
    for (name, kind, says) in [
        ("503 for ever", FaultKind::Status(503), "503"),
        ("500 for ever", FaultKind::Status(500), "500"),
        ("a login page for ever", FaultKind::Html, "HTML"),
        ("empty bodies", FaultKind::EmptyBody, "empty"),
        ("resets for ever", FaultKind::Reset, ""),
        ("cut short for ever", FaultKind::CutShort, ""),
        (
            "errors for ever",
            error(500, "Error performing query operation"),
            "Error performing query operation",
        ),
        (
            "quota for ever",
            FaultKind::QuotaBody { retry_after: 0 },
            "quota",
        ),
        (
            "redirects for ever",
            FaultKind::RedirectSame(302),
            "redirect",
        ),
    ] {
        all.push(
            Trouble::new(name)
                .fault(pages(kind))
                .expect(Expected::Service(says)),
        );
    }
    all.push(
        Trouble::new("silence for ever")
            .fault(pages(FaultKind::Stall))
            .timeout(Duration::from_millis(150))
            .expect(Expected::Service("")),
    );
    let mut refused = Trouble::new("498 for ever")
        .fault(pages(FaultKind::TokenRefused {
            code: 498,
            style: RefusalStyle::Body,
        }))
        .expect(Expected::Access);
    refused.secured = true;
    all.push(refused);
    for (name, kind) in [
        ("no count", RequestKind::Count),
        ("no metadata", RequestKind::Layer),
    ] {
        all.push(
            Trouble::new(name)
                .fault(Fault::on(kind, 1, FaultKind::Status(503)).always())
                .expect(Expected::Service("503")),
        );
    }
    all.push(
        Trouble::new("no list of ids")
            .fault(Fault::on(RequestKind::Ids, 1, FaultKind::Status(503)).always())
            .silent_if(!way.asks_for_ids())
            .expect_if(way.asks_for_ids(), Expected::Service("503")),
    );
    // A page for people is not asked for again: somebody has to sign in.
    all.push(
        Trouble::new("a login page once")
            .fault(Fault::on_query(from, FaultKind::Html))
            .expect(Expected::Service("HTML")),
    );
    for trouble in &mut all {
        trouble.retries = 1;
    }
    all
}
