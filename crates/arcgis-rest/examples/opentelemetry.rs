//! An export as OpenTelemetry sees it: `cargo run -p arcgis-rest --example opentelemetry`.
//!
//! The crates speak to `tracing`; `tracing-opentelemetry` turns their spans (`service`, `sync`, `export`, `request`, `mint`, `refresh`) and events
//! into a trace. Here the spans are kept in memory and printed; put the exporter of `opentelemetry-otlp` in its place
//! to send them to a collector. `arcgis_rest::telemetry` and `arcgis_rest::export::telemetry` list targets, names and fields: they
//! are stable, and hold no secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcgis_rest::{ArcGisClient, Credentials, Layer, LayerAddress, LayerExport, Portal};
use arcgis_testkit::{Security, Testkit};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tracing::Instrument as _;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    // The job's own span, and those of the crates: all their targets begin with `arcgis`.
    let targets = Targets::new()
        .with_target("arcgis", tracing::Level::DEBUG)
        .with_target("opentelemetry", tracing::Level::INFO);
    let telemetry = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("nightly"))
        .with_filter(targets);
    tracing_subscriber::registry().with(telemetry).init();

    let security = Security::token("me", "secret");
    let demo = Testkit::builder()
        .demo_layers()
        .security(security)
        .start()
        .await?;
    let portal = Portal::parse(&demo.root_url())?;
    let credentials = Credentials::user_password("me", "secret", portal)?;
    let client = ArcGisClient::builder().credentials(credentials).build()?;
    let job = async {
        let address = LayerAddress::parse(&demo.layer_url("rivers"))?;
        let layer = Layer::open(Arc::new(client), address).await?;
        let table = LayerExport::new(layer).into_table().await?;
        Ok::<_, Box<dyn std::error::Error>>(table.batch.num_rows())
    };
    let rows = job.instrument(tracing::info_span!("job")).await?;

    provider.force_flush()?;
    let mut times = BTreeMap::<String, (u64, f64)>::new();
    for span in exporter.get_finished_spans()? {
        let took = span.end_time.duration_since(span.start_time)?;
        let (count, seconds) = times.entry(span.name.to_string()).or_default();
        *count += 1;
        *seconds += took.as_secs_f64();
    }
    println!("{rows} rows");
    for (name, (count, seconds)) in &times {
        println!("{name}: {count} spans, {seconds:.3} s");
    }
    for name in ["job", "export", "mint", "request"] {
        if !times.contains_key(name) {
            return Err(format!("there is no span {name}").into());
        }
    }
    Ok(())
}
