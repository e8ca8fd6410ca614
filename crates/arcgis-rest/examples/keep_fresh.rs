//! A file that follows its layer: `cargo run -p arcgis-rest --example keep_fresh -- <layer> <file>`.
//!
//! Without arguments it follows a layer of a service of its own, of which it changes some rows first. Credentials come from
//! the environment, as the documentation of [`Credentials::from_env`] says.

use std::path::PathBuf;
use std::sync::Arc;

use arcgis_rest::{ArcGisClient, Credentials, Layer, LayerAddress, LayerExport, LocalFile, Sync};
use arcgis_testkit::{Field, FieldType, Geometry, GeometryType, Row, Testkit};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wells = arcgis_testkit::Layer::new("wells", GeometryType::Point)
        .with_capabilities("Query,ChangeTracking")
        .with_field(Field::new("DEPTH", FieldType::Integer))
        .with_rows((0..100).map(|n| {
            Row::new()
                .with("DEPTH", n)
                .at(Geometry::point((f64::from(n) / 10.0, 47.0)))
        }));
    let service = Testkit::builder().layer(wells).start().await?;
    let folder = tempfile::tempdir()?;
    let mut arguments = std::env::args().skip(1);
    let own = arguments.next();
    let url = own.clone().unwrap_or_else(|| service.layer_url("wells"));
    let file = match arguments.next() {
        Some(file) => PathBuf::from(file),
        None => folder.path().join("wells.parquet"),
    };

    let credentials = Credentials::from_env()?.unwrap_or(Credentials::Anonymous);
    let client = Arc::new(ArcGisClient::builder().credentials(credentials).build()?);
    let address = LayerAddress::parse(&url)?;
    if !file.exists() {
        let layer = Layer::open(client.clone(), address.clone()).await?;
        let report = LayerExport::new(layer).to(LocalFile::new(&file)).await?;
        println!("{} rows exported", report.rows);
    }
    if own.is_none() {
        let rows = service.layer("wells")?;
        rows.update(7, Row::new().with("DEPTH", 700))?;
        rows.delete(8)?;
    }

    // Opened anew: a layer's metadata say whether it was edited.
    let layer = Layer::open(client, address).await?;
    let report = Sync::new(layer, &file).run().await?;
    println!(
        "{} rows added, {} changed, {} deleted; found by {} with {} rows fetched",
        report.added_rows,
        report.changed_rows,
        report.deleted_rows,
        report.way,
        report.fetched_rows
    );
    Ok(())
}
