//! This crate alone: a layer as Arrow record batches while they come, and as a GeoParquet file.
//!
//! `cargo run -p arcgis-export --example batches -- <layer> [<file>]`. Without arguments it reads a demo layer from a service of its
//! own. The network is a client of `arcgis-auth-http` here; anything that is a `Transport` will do.

use std::path::PathBuf;
use std::sync::Arc;

use arcgis_auth_http::ArcGisClient;
use arcgis_export::{BatchLimits, LayerExport, LocalFile};
use arcgis_layer::{Layer, LayerAddress};
use arcgis_testkit::Testkit;
use futures_util::TryStreamExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let demo = Testkit::builder().demo_layers().start().await?;
    let folder = tempfile::tempdir()?;
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| demo.layer_url("rivers"));
    let file = match arguments.next() {
        Some(file) => PathBuf::from(file),
        None => folder.path().join("rivers.parquet"),
    };
    let client = Arc::new(ArcGisClient::builder().build()?);
    let layer = Layer::open(client, LayerAddress::parse(&url)?).await?;

    let export = LayerExport::new(layer.clone());
    let mut batches = export.into_stream(BatchLimits::default()).await?;
    // Known before the first page.
    for field in batches.schema().fields().iter().take(4) {
        println!("{}: {}", field.name(), field.data_type());
    }
    while let Some(batch) = batches.try_next().await? {
        println!("a batch of {} rows", batch.num_rows());
    }
    let report = batches.report().ok_or("a stream that ended has a report")?;
    let proof = report.proof.as_ref().ok_or("a layer's rows have a proof")?;
    println!("{} rows ({})", report.rows, proof.meaning);

    let report = LayerExport::new(layer).to(LocalFile::new(&file)).await?;
    println!("{} rows in {}", report.rows, file.display());
    Ok(())
}
