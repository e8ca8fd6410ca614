#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod wire;

use arcgis_testkit::{
    Ability, Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Layer, Quirk, Row, Testkit,
};
use wire::get;

/// Two points on easy places of the grid: 0.1 degrees are 100,000,000 steps, and the origin is at -400, -400.
fn towns() -> Layer {
    Layer::new("towns", GeometryType::Point)
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("NAME", FieldType::String))
        .with_row(
            Row::new()
                .with("OBJECTID", 7)
                .with("NAME", "Cairo")
                .at(Geometry::point((-400.0 + 1e-9, -400.0 + 2e-9))),
        )
        .with_row(Row::new().with("OBJECTID", 8))
}

async fn start(layer: Layer) -> Testkit {
    Testkit::builder().layer(layer).start().await.unwrap()
}

fn asked(service: &Testkit, parameters: &[(&str, &str)]) -> wire::Reply {
    let mut all = vec![("where", "1=1"), ("f", "pbf")];
    all.extend_from_slice(parameters);
    get(
        service,
        "/arcgis/rest/services/towns/FeatureServer/0/query",
        &all,
    )
}

/// Written down by hand after Esri's description of the format.
#[tokio::test]
async fn a_page_is_these_bytes() {
    let service = start(towns()).await;
    let page = asked(&service, &[("outFields", "*")]);
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("application/x-protobuf"));
    let mut scale = b"\x12\x12\x09".to_vec();
    scale.extend_from_slice(&1e-9_f64.to_le_bytes());
    scale.push(0x11);
    scale.extend_from_slice(&1e-9_f64.to_le_bytes());
    let mut translate = b"\x1a\x12\x09".to_vec();
    translate.extend_from_slice(&(-400.0_f64).to_le_bytes());
    translate.push(0x11);
    translate.extend_from_slice(&(-400.0_f64).to_le_bytes());
    let mut features = Vec::new();
    features.extend_from_slice(b"\x0a\x08OBJECTID");
    features.extend_from_slice(b"\x12\x0c\x0a\x08OBJECTID\x10\x01");
    features.extend_from_slice(b"\x42\x06\x08\xe6\x21\x10\xe6\x21");
    features.extend_from_slice(b"\x62\x28");
    features.extend_from_slice(&scale);
    features.extend_from_slice(&translate);
    features.extend_from_slice(b"\x6a\x18\x0a\x08OBJECTID\x10\x06\x1a\x08OBJECTID\x20\x10");
    features.extend_from_slice(b"\x6a\x10\x0a\x04NAME\x10\x04\x1a\x04NAME\x20\x10");
    // 1 step to the right, 2 up: against the rows, which count downwards.
    features.extend_from_slice(
        b"\x7a\x13\x0a\x02\x28\x07\x0a\x07\x0a\x05Cairo\x12\x04\x1a\x02\x02\x03",
    );
    features.extend_from_slice(b"\x7a\x06\x0a\x02\x28\x08\x0a\x00");
    let mut body = b"\x12".to_vec();
    let length = |length: usize, body: &mut Vec<u8>| {
        body.push((length % 128) as u8 | 0x80);
        body.push((length / 128) as u8);
    };
    length(features.len() + 3, &mut body);
    body.push(0x0a);
    length(features.len(), &mut body);
    body.extend_from_slice(&features);
    assert_eq!(page.body, body);
}

#[tokio::test]
async fn other_answers_are_these_bytes() {
    let service = start(towns()).await;
    let body = |parameters: &[(&str, &str)]| asked(&service, parameters).body;
    assert_eq!(
        body(&[("returnCountOnly", "true")]),
        b"\x12\x04\x12\x02\x08\x02"
    );
    assert_eq!(
        body(&[("returnIdsOnly", "true")]),
        b"\x12\x10\x1a\x0e\x0a\x08OBJECTID\x1a\x02\x07\x08"
    );
    let extent = body(&[("returnExtentOnly", "true"), ("returnCountOnly", "true")]);
    assert_eq!(extent[..4], *b"\x12\x32\x22\x30");
    assert!(extent.ends_with(b"\x2a\x06\x08\xe6\x21\x10\xe6\x21\x10\x02"));
    let none = asked(&service, &[("objectIds", "99")]).body;
    assert!(none.starts_with(b"\x12") && none.ends_with(b"\x10\x01"));
}

#[tokio::test]
async fn errors_are_json_and_the_format_can_be_missing() {
    let service = Testkit::builder()
        .layer(towns())
        .fault(Fault::on_query(1, FaultKind::Status(503)))
        .start()
        .await
        .unwrap();
    assert_eq!(asked(&service, &[]).status, 503);
    let wrong = asked(&service, &[("outFields", "NOSUCH")]);
    assert_eq!(wrong.status, 200);
    assert_eq!(wrong.json()["error"]["code"], 400);
    let statistics = r#"[{"statisticType":"count","onStatisticField":"OBJECTID"}]"#;
    let refused = asked(&service, &[("outStatistics", statistics)]);
    assert_eq!(refused.json()["error"]["code"], 400);

    let old = start(towns().without(Ability::Pbf)).await;
    assert_eq!(asked(&old, &[]).json()["error"]["code"], 400);
    let layer = get(
        &old,
        "/arcgis/rest/services/towns/FeatureServer/0",
        &[("f", "json")],
    );
    assert_eq!(layer.json()["supportedQueryFormats"], "JSON, geoJSON");
    let document = get(&old, "/arcgis/rest/services", &[("f", "pbf")]);
    assert_eq!(document.json()["error"]["code"], 400);
}

#[tokio::test]
async fn quirks_concern_this_format_too() {
    let plain = asked(&start(towns()).await, &[("outFields", "*")]).body;
    let quirky = |quirk: Quirk| async move {
        asked(
            &start(towns().with_quirk(quirk)).await,
            &[("outFields", "*")],
        )
        .body
    };
    let first = quirky(Quirk::FeaturesFirst).await;
    assert_eq!(first.len(), plain.len());
    // Behind two tags and two lengths of two bytes: a row, and in it the geometry.
    assert_eq!(first[6..14], *b"\x7a\x13\x12\x04\x1a\x02\x02\x03");
    let upwards = quirky(Quirk::LowerLeftOrigin).await;
    assert_eq!(upwards.len(), plain.len() + 2);
    // 42 bytes, and two lengths that take one byte instead of two.
    let without = quirky(Quirk::NoTransform).await;
    assert_eq!(without.len(), plain.len() - 44);
    let short = quirky(Quirk::ActualCap(1)).await;
    assert!(short.windows(2).any(|bytes| bytes == b"\x48\x01"));
    let cut = quirky(Quirk::PageBytes(5)).await;
    assert_eq!(cut, short);
}
