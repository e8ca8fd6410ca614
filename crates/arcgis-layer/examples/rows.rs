//! This crate alone: what a layer says of itself, how its rows would be fetched, and the rows, without Arrow and over any network.
//!
//! `cargo run -p arcgis-layer --example rows -- <layer> [<where>]`. Without arguments it reads a demo layer from a service of its
//! own. The network is a client of `arcgis-auth-http` here; anything that is a `Transport` will do.

use std::sync::Arc;

use arcgis_auth_http::ArcGisClient;
use arcgis_layer::{FetchOptions, Layer, LayerAddress, Query};
use arcgis_testkit::Testkit;
use futures_util::TryStreamExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let demo = Testkit::builder().demo_layers().start().await?;
    let mut arguments = std::env::args().skip(1);
    let (url, condition) = match arguments.next() {
        Some(url) => (url, arguments.next()),
        None => {
            let large = "pop_max > 10000000".to_owned();
            (demo.layer_url("places"), Some(large))
        }
    };
    let client = Arc::new(ArcGisClient::builder().build()?);
    let layer = Layer::open(client, LayerAddress::parse(&url)?).await?;
    for field in layer.info().fields.iter().take(4) {
        println!("{}: {}", field.name, field.field_type);
    }
    let query = match condition {
        Some(condition) => Query::new().with_where(&condition),
        None => Query::new(),
    };
    let plan = layer
        .plan(&query.resolve(layer.info())?, &FetchOptions::default())
        .await?;
    println!("{plan}");
    // Ends with an error, never early, if rows are missing.
    let mut features = layer.features(query);
    let mut rows = 0_u64;
    while let Some(feature) = features.try_next().await? {
        rows += 1;
        if rows <= 5 {
            println!("{:?} {:?}", feature.object_id, feature.geometry);
        }
    }
    println!("{rows} rows");
    Ok(())
}
