//! The demo data as a service that is edited and fails, for the suite `nightly` of `cargo xtask interop`.
//!
//! `nightly_service <folder of the demo data>` serves the demo layers, two of which track changes, and a table that is related to
//! one of them, to a user and to an application. Tokens live four seconds.
//!
//! Prints one line of JSON with addresses and credentials. Then it does what it is told by lines of JSON on its standard
//! input, each with one member and perhaps more beside, and answers each by a line:
//!
//! | command | what happens |
//! |---|---|
//! | `{"insert": layer, "row": {…}}` | a row comes, as Esri JSON; the answer has its `id` |
//! | `{"update": layer, "id": …, "row": {…}}` | what the row names is set |
//! | `{"delete": layer, "id": …}` | the row goes |
//! | `{"busy": times}` | so many requests for pages end in 503, at once |
//! | `{"revoke": pages}` | after so many pages all tokens are invalid |
//! | `{"down": bool}` | every request ends in 503, but for tokens |
//! | `{"lossy": layer or null}` | pages of this layer lack their first row |
//! | `{"seen": true}` | the answer has the `requests` and the `mints` since it was asked last |
//!
//! It ends when its standard input does, so that it cannot outlive whoever started it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use arcgis_testkit::{
    Fault, FaultKind, Field, FieldType, Layer, OAuthApp, Relationship, RequestKind, Row, Security,
    Service, Testkit,
};
use serde_json::{Value, json};

/// Names of layers, their largest pages, and whether they track changes.
const LAYERS: [(&str, usize, bool); 3] = [
    ("places", 1000, true),
    ("rivers", 250, true),
    ("countries", 50, false),
];

const USER: (&str, &str) = ("nightly", "moon & stars");
const APP: (&str, &str) = ("nightly-app", "hush");

fn main() -> Result<()> {
    let data: PathBuf = std::env::args_os()
        .nth(1)
        .context("usage: nightly_service <folder of the demo data>")?
        .into();
    let mut service = Service::new("demo");
    for (name, page, tracks) in LAYERS {
        let path = data.join(format!("{name}.ndjson.zst"));
        let file = std::fs::File::open(&path).with_context(|| path.display().to_string())?;
        let mut layer = Layer::from_lines(BufReader::new(zstd::Decoder::new(file)?))?
            .with_max_record_count(page);
        if tracks {
            layer = layer.with_capabilities("Query,ChangeTracking");
        }
        if name == "countries" {
            layer =
                layer.with_relationship(Relationship::new(0, "visits", 3, "iso_a2_eh", "country"));
        }
        service = service.with_layer(layer);
    }
    let visits = (0..300).map(|n| {
        Row::new()
            .with("country", ["DE", "FR", "IT"][n % 3])
            .with("days", i64::try_from(n % 17).unwrap_or_default())
    });
    service = service.with_layer(
        Layer::table("visits")
            .with_field(Field::new("country", FieldType::String))
            .with_field(Field::new("days", FieldType::Integer))
            .with_rows(visits)
            .with_relationship(
                Relationship::new(0, "countries", 2, "country", "iso_a2_eh").as_destination(),
            ),
    );
    let security = Security::token(USER.0, USER.1)
        .app(OAuthApp::new(APP.0).with_secret(APP.1))
        .token_life(Duration::from_secs(4))
        .access_life(Duration::from_secs(4));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let control = Control::default();
    let builder = Testkit::builder()
        .service(service)
        .security(security)
        .fault(control.down())
        .fault(control.lossy());
    let served = Arc::new(runtime.block_on(builder.start())?);
    say(&json!({
        "service": served.service_url("demo"),
        "server": served.root_url(),
        "portal": served.portal_url(),
        "tokens": served.token_url(),
        "user": USER.0,
        "password": USER.1,
        "client_id": APP.0,
        "client_secret": APP.1,
    }))?;
    for line in std::io::stdin().lock().lines() {
        let command = serde_json::from_str(&line?)?;
        say(&control.carry_out(&served, &command)?)?;
    }
    Ok(())
}

fn say(answer: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{answer}")?;
    Ok(out.flush()?)
}

/// What is to go wrong.
#[derive(Default)]
struct Control {
    down: Arc<AtomicBool>,
    lossy: Arc<Mutex<Option<String>>>,
    mints: AtomicU64,
}

impl Control {
    fn down(&self) -> Fault {
        let down = Arc::clone(&self.down);
        Fault::on_any(1, FaultKind::Status(503))
            .always()
            .when(move |request| {
                request.kind() != RequestKind::Token && down.load(Ordering::SeqCst)
            })
    }

    fn lossy(&self) -> Fault {
        let lossy = Arc::clone(&self.lossy);
        Fault::on_query(1, FaultKind::LoseRow(0))
            .always()
            .when(move |request| {
                let lossy = lossy.lock().unwrap_or_else(PoisonError::into_inner);
                lossy.is_some() && request.layer() == lossy.as_deref()
            })
    }

    fn carry_out(&self, service: &Arc<Testkit>, command: &Value) -> Result<Value> {
        let text = |name: &str| command.get(name).and_then(Value::as_str);
        let number = |name: &str| command.get(name).and_then(Value::as_u64);
        let id = || command.get("id").and_then(Value::as_i64).context("no id");
        let row = || -> Result<Row> {
            let row = command.get("row").context("no row")?;
            Ok(Row::from_esri_json(row, false, false))
        };
        if let Some(layer) = text("insert") {
            return Ok(json!({ "id": service.layer(layer)?.insert(row()?)? }));
        }
        if let Some(layer) = text("update") {
            let there = service.layer(layer)?.update(id()?, row()?)?;
            ensure!(there, "{layer} has no row {}", id()?);
        } else if let Some(layer) = text("delete") {
            let there = service.layer(layer)?.delete(id()?)?;
            ensure!(there, "{layer} has no row {}", id()?);
        } else if let Some(times) = number("busy") {
            service.add_fault(Fault::on_query(1, FaultKind::Status(503)).times(times));
        } else if let Some(pages) = number("revoke") {
            let (guarded, asked) = (Arc::downgrade(service), AtomicU64::new(0));
            // It never strikes: it only counts.
            let revoke = Fault::on_query(1, FaultKind::Delay(Duration::ZERO)).when(move |_| {
                if asked.fetch_add(1, Ordering::SeqCst) == pages
                    && let Some(service) = guarded.upgrade()
                {
                    service.revoke_tokens();
                }
                false
            });
            service.add_fault(revoke);
        } else if let Some(down) = command.get("down").and_then(Value::as_bool) {
            self.down.store(down, Ordering::SeqCst);
        } else if let Some(layer) = command.get("lossy") {
            *self.lossy.lock().unwrap_or_else(PoisonError::into_inner) =
                layer.as_str().map(str::to_owned);
        } else if command.get("seen").is_some() {
            let requests = service.requests();
            let bytes: usize = requests
                .iter()
                .filter_map(|request| request.answered())
                .map(|answer| answer.wire_bytes)
                .sum();
            service.clear_requests();
            let mints = service.mints();
            let before = self.mints.swap(mints, Ordering::SeqCst);
            return Ok(json!({
                "requests": requests.len(),
                "bytes": bytes,
                "mints": mints - before,
            }));
        } else {
            bail!("{command} is no command");
        }
        Ok(json!({}))
    }
}
