//! Rows as features with `geo-types` geometry: `cargo run -p arcgis-rest --example features -- <layer> [<where>]`.
//!
//! Without arguments it reads a demo layer from a service of its own. The stream ends with an error, never early, if
//! rows are missing.

use std::sync::Arc;

use arcgis_rest::{ArcGisClient, Credentials, Layer, LayerAddress, Query};
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

    let credentials = Credentials::from_env()?.unwrap_or(Credentials::Anonymous);
    let client = ArcGisClient::builder().credentials(credentials).build()?;
    let layer = Layer::open(Arc::new(client), LayerAddress::parse(&url)?).await?;
    let query = match condition {
        Some(condition) => Query::new().with_where(&condition),
        None => Query::new(),
    };
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
