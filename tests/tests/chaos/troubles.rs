//! What goes wrong, and what has to come of it.

use std::time::Duration;

use arcgis_testkit::{Edit, Fault, FaultKind, Quirk, RequestKind};

use crate::layers::{self, Shape};

/// What has to come of an export.
#[derive(Debug, Clone)]
pub(crate) enum Expected {
    /// The file that comes when nothing goes wrong.
    Equal,
    /// The file without these rows and with those, and the report says so.
    Drift {
        deleted: Vec<i64>,
        inserted: Vec<i64>,
    },
    /// The service cannot be had: exit code 4, and the message has this.
    Service(&'static str),
    /// Rows are lost or doubled: exit code 5, and these are named.
    Rows { missing: Vec<i64> },
}

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) name: String,
    pub(crate) quirks: Vec<Quirk>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) expected: Expected,
    /// The client's limit for one exchange, where it matters.
    pub(crate) timeout: Option<Duration>,
}

impl Trouble {
    fn new(name: impl Into<String>, expected: Expected) -> Self {
        Self {
            name: name.into(),
            quirks: Vec::new(),
            faults: Vec::new(),
            expected,
            timeout: None,
        }
    }

    pub(crate) fn nothing() -> Self {
        Self::new("nothing", Expected::Equal)
    }

    fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    fn quirk(mut self, quirk: Quirk) -> Self {
        self.quirks.push(quirk);
        self
    }

    fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }
}

fn error(code: i64, message: &str) -> FaultKind {
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

fn always(kind: RequestKind, body: String) -> Fault {
    let content_type = "application/json";
    let answer = FaultKind::Respond {
        status: 200,
        content_type,
        body,
    };
    Fault::on(kind, 1, answer).always()
}

/// What passes when a page is asked for again.
fn passing() -> Vec<(&'static str, FaultKind)> {
    vec![
        ("500", FaultKind::Status(500)),
        ("502", FaultKind::Status(502)),
        ("503", FaultKind::Status(503)),
        ("504", FaultKind::Status(504)),
        ("429, Retry-After", status_after(429, "0")),
        ("503, Retry-After", status_after(503, "0")),
        ("reset", FaultKind::Reset),
        ("wrong Content-Length", FaultKind::Truncate),
        ("body cut short", FaultKind::CutShort),
        ("empty body", FaultKind::EmptyBody),
        ("quota in a 200", FaultKind::QuotaBody { retry_after: 0 }),
        ("late answer", FaultKind::Delay(Duration::from_millis(20))),
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
        ("a row lost", FaultKind::LoseRow(3)),
        ("the first row lost", FaultKind::LoseRow(0)),
        ("a row twice", FaultKind::DoubleRow(6)),
        ("an empty page", FaultKind::EmptyPage),
        (
            "half a JSON body",
            FaultKind::Respond {
                status: 200,
                content_type: "application/json",
                body: r#"{"features":[{"attributes":"#.into(),
            },
        ),
    ]
}

/// Everything, for rows of this shape whose ids begin at `base`.
pub(crate) fn all(shape: Shape, base: i64) -> Vec<Trouble> {
    let mut all = vec![Trouble::nothing()];
    for (name, kind) in passing() {
        all.push(Trouble::new(name, Expected::Equal).fault(Fault::on_query(2, kind)));
    }
    all.push(
        Trouble::new("silence", Expected::Equal)
            .fault(Fault::on_query(2, FaultKind::Stall))
            .timeout(Duration::from_millis(300)),
    );
    for (name, kind) in [
        ("503 for the count", RequestKind::Count),
        ("503 for the ids", RequestKind::Ids),
        ("503 for the metadata", RequestKind::Layer),
    ] {
        let fault = Fault::on(kind, 1, FaultKind::Status(503));
        all.push(Trouble::new(name, Expected::Equal).fault(fault));
    }
    for (name, quirk) in [
        ("cap 7 of 10", Quirk::ActualCap(7)),
        ("cap 1 of 10", Quirk::ActualCap(1)),
        ("cap in bytes", Quirk::PageBytes(700)),
        ("random order", Quirk::IgnoresOrder(11)),
        ("random unless ordered", Quirk::UnorderedPages(11)),
        ("offset ignored", Quirk::IgnoresOffset),
        ("never says exceeded", Quirk::NeverExceeded),
        ("always says exceeded", Quirk::AlwaysExceeded),
        ("features first", Quirk::FeaturesFirst),
    ] {
        all.push(Trouble::new(name, Expected::Equal).quirk(quirk));
    }
    all.push(
        Trouble::new("cap, order and flag wrong", Expected::Equal)
            .quirk(Quirk::IgnoresOrder(5))
            .quirk(Quirk::ActualCap(7))
            .quirk(Quirk::NeverExceeded),
    );
    let edit = |number, edit| {
        let layer = "t".to_owned();
        Fault::on_query(number, FaultKind::Edit { layer, edit })
    };
    let gone = layers::id(base, 40);
    all.push(
        Trouble::new(
            "a row deleted meanwhile",
            Expected::Drift {
                deleted: vec![gone],
                inserted: Vec::new(),
            },
        )
        .fault(edit(2, Edit::Delete(gone))),
    );
    let new = layers::id(base, layers::ROWS + 5);
    all.push(
        Trouble::new(
            "a row inserted meanwhile",
            Expected::Drift {
                deleted: Vec::new(),
                inserted: vec![new],
            },
        )
        .fault(edit(
            2,
            Edit::Insert(layers::row(shape, base, layers::ROWS + 5)),
        )),
    );
    let ghost = base + 1;
    let mut ids: Vec<i64> = (1..=layers::ROWS).map(|n| layers::id(base, n)).collect();
    ids.insert(0, ghost);
    all.push(
        Trouble::new(
            "a row that is listed and never given",
            Expected::Rows {
                missing: vec![ghost],
            },
        )
        .fault(always(
            RequestKind::Ids,
            format!(r#"{{"objectIdFieldName":"OBJECTID","objectIds":{ids:?}}}"#),
        ))
        .fault(always(
            RequestKind::Count,
            format!(r#"{{"count":{}}}"#, ids.len()),
        )),
    );
    all.push(
        Trouble::new("503 for ever", Expected::Service("503"))
            .fault(Fault::on_query(2, FaultKind::Status(503)).always()),
    );
    all.push(
        Trouble::new("a login page", Expected::Service("HTML"))
            .fault(Fault::on_query(2, FaultKind::Html).always()),
    );
    all
}
