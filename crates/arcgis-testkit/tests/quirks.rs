#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! What a server does wrong for all its life.

mod towns;
mod wire;

use arcgis_testkit::{Field, FieldType, Geometry, GeometryType, Layer, Quirk, Row, Testkit};
use towns::{ids, start, towns};
use wire::{post, query};

#[tokio::test]
async fn quirks_are_what_a_server_does_wrong() {
    let page = |service: &Testkit, offset: &str| {
        query(
            service,
            "towns",
            &[
                ("where", "1=1"),
                ("resultOffset", offset),
                ("orderByFields", "OBJECTID"),
            ],
        )
    };
    let service = start(towns().with_quirk(Quirk::ActualCap(4))).await;
    assert_eq!(ids(&page(&service, "0")).len(), 4);
    let service = start(towns().with_quirk(Quirk::IgnoresOffset)).await;
    assert_eq!(ids(&page(&service, "10")), ids(&page(&service, "0")));
    let service = start(towns().with_quirk(Quirk::NeverExceeded)).await;
    assert!(page(&service, "0").get("exceededTransferLimit").is_none());
    let service = start(towns().with_quirk(Quirk::AlwaysExceeded)).await;
    assert_eq!(page(&service, "20")["exceededTransferLimit"], true);
    let service = start(towns().with_quirk(Quirk::PageBytes(200))).await;
    let short = page(&service, "20");
    assert!((1..5).contains(&ids(&short).len()), "{short}");
    assert_eq!(short["exceededTransferLimit"], true);
    let service = start(towns().with_quirk(Quirk::UnorderedPages(1))).await;
    assert_eq!(ids(&page(&service, "0")), (1..=10).collect::<Vec<_>>());
    let loose = || ids(&query(&service, "towns", &[("where", "1=1")]));
    assert_ne!(loose(), loose());
    let service = start(towns().with_quirk(Quirk::IgnoresOrder(1))).await;
    assert_ne!(ids(&page(&service, "0")), (1..=10).collect::<Vec<_>>());
    let odd = Layer::new("odd", GeometryType::Point)
        .with_field(Field::new("A", FieldType::Double))
        .with_row(
            Row::new()
                .with("A", f64::INFINITY)
                .at(Geometry::empty_point()),
        );
    let ask = |service: &Testkit| {
        post(
            service,
            "/arcgis/rest/services/odd/FeatureServer/0/query",
            &[("where", "1=1"), ("outFields", "*"), ("f", "json")],
            &[],
        )
        .text()
    };
    let strict = ask(&start(odd.clone()).await);
    assert!(strict.ends_with(r#""features":[{"attributes":{"OBJECTID":1,"A":"Infinity"},"geometry":{"x":"NaN","y":"NaN"}}]}"#), "{strict}");
    let bare = ask(&start(odd.with_quirk(Quirk::BareNan)).await);
    assert!(bare.ends_with(r#""features":[{"attributes":{"OBJECTID":1,"A":Infinity},"geometry":{"x":NaN,"y":NaN}}]}"#), "{bare}");
    let service = start(towns().with_quirk(Quirk::FeaturesFirst)).await;
    let text = post(
        &service,
        "/arcgis/rest/services/towns/FeatureServer/0/query",
        &[("where", "1=1"), ("f", "json")],
        &[],
    )
    .text();
    assert!(text.starts_with(r#"{"features":[{"geometry":"#), "{text}");
    assert_eq!(ids(&serde_json::from_str(&text).unwrap()).len(), 10);
}
