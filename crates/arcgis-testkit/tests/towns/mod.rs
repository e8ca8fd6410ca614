#![allow(dead_code)] // Each suite uses a part of it.

//! The layers of towns that the suites serve, and what their answers hold.

use arcgis_testkit::{Field, FieldType, Geometry, GeometryType, Layer, Row, Testkit};
use serde_json::Value as Json;

use crate::wire::{Reply, try_get};

/// Where the layer of towns is queried.
pub(crate) const PAGE: &str = "/arcgis/rest/services/towns/FeatureServer/0/query";

/// 25 towns in a row, 0.1° apart, held in no order of their ids.
pub(crate) fn towns() -> Layer {
    Layer::new("towns", GeometryType::Point)
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("NAME", FieldType::String))
        .with_field(Field::new("POP", FieldType::Integer))
        .with_max_record_count(10)
        .with_rows((0..25).map(|n| (n * 7) % 25 + 1).map(|id| {
            let population = (id % 5 != 0).then_some(id * 100);
            Row::new()
                .with("OBJECTID", id)
                .with("NAME", format!("Town {}", id % 3))
                .with("POP", population)
                .at(Geometry::point((f64::from(id) / 10.0, 47.0)))
        }))
}

/// Towns 1 to 5 at 1° to 5° east.
pub(crate) fn five_towns() -> Layer {
    Layer::new("towns", GeometryType::Point)
        .with_field(Field::new("NAME", FieldType::String))
        .with_rows((1..=5).map(|n| {
            Row::new()
                .with("NAME", format!("Town {n}"))
                .at(Geometry::point((f64::from(n), 47.0)))
        }))
}

/// A service of one layer.
pub(crate) async fn start(layer: Layer) -> Testkit {
    Testkit::builder().layer(layer).start().await.unwrap()
}

/// All of [`five_towns`] as JSON; an error is one of the connection.
pub(crate) fn page(service: &Testkit) -> std::io::Result<Reply> {
    try_get(service, PAGE, &[("where", "1=1"), ("f", "json")], &[])
}

/// The object ids of the rows of an answer, in its order.
pub(crate) fn ids(answer: &Json) -> Vec<i64> {
    answer["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|feature| feature["attributes"]["OBJECTID"].as_i64().unwrap())
        .collect()
}
