//! A layer to a GeoParquet file, with progress: `cargo run -p arcgis-rest --example export_layer -- <layer> <file>`.
//!
//! Without arguments it exports a demo layer from a service of its own. Credentials come from the environment, as the
//! documentation of [`Credentials::from_env`] says.

use std::path::PathBuf;
use std::sync::Arc;

use arcgis_rest::export::ExportEvent;
use arcgis_rest::{ArcGisClient, Credentials, Layer, LayerAddress, LayerExport, LocalFile};
use arcgis_testkit::Testkit;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let demo = Testkit::builder().demo_layers().start().await?;
    let folder = tempfile::tempdir()?;
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| demo.layer_url("places"));
    let file = match arguments.next() {
        Some(file) => PathBuf::from(file),
        None => folder.path().join("places.parquet"),
    };

    let credentials = Credentials::from_env()?.unwrap_or(Credentials::Anonymous);
    let client = ArcGisClient::builder().credentials(credentials).build()?;
    let layer = Layer::open(Arc::new(client.clone()), LayerAddress::parse(&url)?).await?;
    let report = LayerExport::new(layer)
        .with_observer(|event| {
            if let ExportEvent::Page { rows, bytes, .. } = event {
                eprintln!("{rows} rows in {bytes} bytes");
            }
        })
        .to(LocalFile::new(&file))
        .await?;

    let proof = report.proof.ok_or("an export of a layer has a proof")?;
    println!(
        "{}: {} rows ({})",
        file.display(),
        report.rows,
        proof.meaning
    );
    for note in &report.notes {
        println!("note: {note}");
    }
    let stats = client.stats();
    println!(
        "{} requests, {} of them answered, {} bytes",
        stats.requests, stats.outcomes.ok, stats.bytes
    );
    Ok(())
}
