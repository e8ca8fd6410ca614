//! What is told through `tracing` is what docs/operations.md says, name for name: over an export with requests that are
//! sent again, a pause, a refused token, and an end in the middle that is gone on behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arcgis_export::{
    LayerExport, LocalFile, LocalFolder, Resume, ServiceExport, ServiceSync, Sync,
};
use arcgis_layer::ResourceAddress;
use arcgis_testkit::{
    Fault, FaultKind, Field, FieldType, GeometryType, Layer as Served, RefusalStyle, RequestKind,
    Row, Security, Testkit,
};
use arcgis_tests::{Bench, paging};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

const PAGE: &str = include_str!("../../docs/operations.md");
const OF_THE_CLIENT: &str = include_str!("../../crates/arcgis-auth-http/src/telemetry.rs");
const OF_EXPORTS: &str = include_str!("../../crates/arcgis-export/src/telemetry.rs");

/// The spans of what people ask for.
const JOBS: [&str; 3] = ["export", "sync", "service"];

/// Target, level and message of an event, or target, level and name of a span, with the fields.
type Table = BTreeMap<[String; 3], BTreeSet<String>>;

/// What is told under targets of the project's own, and where in the spans.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    events: Table,
    spans: Table,
    /// Events outside of all that people ask for, by their message.
    outside: BTreeSet<String>,
    /// The spans that each of the project's own lies in, from the outermost.
    nested: BTreeSet<String>,
}

#[derive(Default)]
struct Fields {
    names: BTreeSet<String>,
    message: String,
}

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.names.insert(field.name().to_owned());
        }
    }
}

fn key(meta: &tracing::Metadata<'_>, name: &str) -> Option<[String; 3]> {
    let level = meta.level().to_string().to_lowercase();
    let target = meta.target();
    target
        .starts_with("arcgis::")
        .then(|| [target.to_owned(), level, name.to_owned()])
}

impl<S> Layer<S> for Told
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Some(key) = key(event.metadata(), &fields.message) else {
            return;
        };
        let mut kept = self.0.lock().unwrap();
        let within = context.event_scope(event);
        if !within.is_some_and(|mut spans| spans.any(|span| JOBS.contains(&span.name()))) {
            kept.outside.insert(fields.message);
        }
        let before = kept.events.insert(key.clone(), fields.names.clone());
        assert!(
            before.is_none_or(|before| before == fields.names),
            "{key:?} has now these fields and now those"
        );
    }

    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        id: &tracing::span::Id,
        context: Context<'_, S>,
    ) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let meta = attributes.metadata();
        if let Some(key) = key(meta, meta.name()) {
            let path: Vec<&str> = context
                .span_scope(id)
                .unwrap()
                .from_root()
                .map(|s| s.name())
                .collect();
            let mut kept = self.0.lock().unwrap();
            kept.nested.insert(path.join(" "));
            kept.spans.insert(key, fields.names);
        }
    }
}

/// The rows of a table, by the cells of its head.
fn table(text: &str, head: &str) -> Table {
    let words = |cell: &str| -> Vec<String> {
        let parts = cell.split('`').skip(1).step_by(2);
        parts.map(str::to_owned).collect()
    };
    let mut lines = text
        .lines()
        .map(|line| line.trim_start_matches("//!").trim());
    assert!(lines.any(|line| line == head), "no table {head}");
    lines
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|row| {
            let cells: Vec<&str> = row.split('|').skip(1).collect();
            let [target, level, name, fields, ..] = &cells[..] else {
                panic!("{row}")
            };
            let first = |cell: &str| words(cell).into_iter().next().unwrap();
            let key = [first(target), level.trim().to_owned(), first(name)];
            (key, words(fields).into_iter().collect())
        })
        .collect()
}

const EVENTS: &str = "| target | level | message | fields |";
const SPANS: &str = "| target | level | span | fields |";

#[test]
fn the_page_has_what_the_crates_say_of_themselves() {
    let page = table(PAGE, EVENTS);
    let mut crates = table(OF_THE_CLIENT, EVENTS);
    crates.extend(table(OF_EXPORTS, EVENTS));
    assert_eq!(page, crates);
    assert!(page.len() > 20);
}

/// 45 rows without geometry, in pages of 5: there is something to note.
fn service(down: &Arc<AtomicBool>) -> arcgis_testkit::TestkitBuilder {
    let rows = Served::new("t", GeometryType::Point)
        .with_field(Field::new("N", FieldType::Integer))
        .with_rows((0..45).map(|n| Row::new().with("N", n)));
    let down = Arc::clone(down);
    let refused = FaultKind::TokenRefused {
        code: 498,
        style: RefusalStyle::Body,
    };
    let pause = FaultKind::StatusWith {
        status: 429,
        headers: vec![("Retry-After".to_owned(), "1".to_owned())],
    };
    Testkit::builder()
        .layer(rows)
        .security(Security::token("user", "password"))
        .fault(Fault::on_query(2, FaultKind::Status(503)))
        .fault(Fault::on_query(4, pause))
        .fault(Fault::on_query(6, refused))
        .fault(
            Fault::on(RequestKind::Features, 1, FaultKind::Status(503))
                .always()
                .when(move |request| {
                    let late = request.parameters().get("resultOffset");
                    let late = late.is_some_and(|offset| offset.parse::<u32>().unwrap() >= 25);
                    late && down.load(Ordering::SeqCst)
                }),
        )
}

/// A file and a folder that are brought up to date, once by rows that do not come by their ids.
async fn syncs() {
    let rows = Served::new("t", GeometryType::Point)
        .with_capabilities("Query,ChangeTracking")
        .with_field(Field::new("N", FieldType::Integer))
        .with_rows((0..20).map(|n| Row::new().with("N", n)));
    let bench = Bench::start(Testkit::builder().layer(rows)).await;
    let export = LayerExport::new(bench.open("t").await.unwrap());
    export.to(LocalFile::new(bench.path())).await.unwrap();
    let folder = bench.folder().join("all");
    let root = ResourceAddress::parse(&bench.service.services_url()).unwrap();
    let client = || Arc::new(bench.client.clone());
    let service = ServiceExport::new(client(), root.clone());
    service.to(LocalFolder::new(&folder)).await.unwrap();
    let rows = bench.service.layer("t").unwrap();
    let edit = |n: i64| {
        rows.update(rows.object_ids()[3], Row::new().with("N", n))
            .unwrap()
    };
    edit(100);
    let sync = async || {
        Sync::new(bench.open("t").await.unwrap(), bench.path())
            .run()
            .await
            .unwrap()
    };
    assert_eq!(sync().await.way.name(), "changes");
    edit(200);
    let by_id = Fault::on_query(1, FaultKind::EmptyPage)
        .always()
        .when(|request| {
            request
                .parameters()
                .get("where")
                .is_some_and(|text| text.contains("OBJECTID"))
        });
    bench.service.add_fault(by_id);
    assert_eq!(sync().await.way.name(), "full");
    let report = ServiceSync::new(client(), root)
        .of(LocalFolder::new(&folder))
        .await
        .unwrap();
    assert_eq!(report.failures().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_export_tells_is_on_the_page() {
    let told = Told::default();
    tracing_subscriber::registry().with(told.clone()).init();

    let down = Arc::new(AtomicBool::new(true));
    let bench = Bench::signed_in(service(&down), "user", "password").await;
    let export = async || {
        let export = LayerExport::new(bench.open("t").await.unwrap());
        export
            .with_fetch(paging(5, 1))
            .with_resume(Resume::new())
            .to(LocalFile::new(bench.path()))
            .await
    };
    export().await.unwrap_err();
    down.store(false, Ordering::SeqCst);
    let report = export().await.unwrap();
    assert_eq!((report.rows, report.resumed.unwrap().rows), (45, 25));
    assert!(bench.service.mints() >= 2);
    Box::pin(syncs()).await;

    let kept = told.0.lock().unwrap();
    let (events, spans) = (table(PAGE, EVENTS), table(PAGE, SPANS));
    // Nothing is told that the page does not have.
    for (event, fields) in &kept.events {
        assert_eq!(events.get(event), Some(fields), "{event:?}");
    }
    assert_eq!(kept.spans, spans);
    // And nothing of an export is there that is never told; that of the client is seen to in its own tests.
    let of_exports: Vec<_> = events
        .keys()
        .filter(|[target, ..]| JOBS.contains(&&target["arcgis::".len()..]))
        .collect();
    assert!(of_exports.len() > 10);
    for event in of_exports {
        assert!(kept.events.contains_key(event), "{event:?} is never told");
    }
    let messages: BTreeSet<&str> = kept.events.keys().map(|[.., name]| name.as_str()).collect();
    for message in [
        "answered",
        "to be sent again",
        "given up",
        "paused",
        "token endpoint found",
        "token minted",
        "token wanted",
        "token taken over",
        "token refused",
    ] {
        assert!(messages.contains(message), "{message} is not told");
    }
    // An export within the sync that it is for, and both within the service.
    for path in [
        "export request",
        "sync export request",
        "service export",
        "service sync export",
    ] {
        assert!(kept.nested.contains(path), "{path}: {:?}", kept.nested);
    }
    // What is told from other threads belongs to the export too; the layer's own description comes before it.
    for message in ["row group written", "page", "kept", "finished", "paused"] {
        assert!(!kept.outside.contains(message), "{message}");
    }
}
