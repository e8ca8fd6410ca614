//! Servers of several kinds, names of every kind, and many exports at once.

use arcgis_export::LocalFile;
use arcgis_layer::Query;
use arcgis_testkit::{
    Ability, Field, FieldType, Geometry, GeometryType, Layer, ParameterSource, RequestKind, Row,
    Security, Service, Testkit,
};
use arcgis_tests::{Bench, ParquetFile, in_id_order, open_json, paging};
use arrow_array::types::{Int32Type, Int64Type};

use crate::faults::{service, undisturbed};

#[tokio::test]
async fn a_map_service_gives_what_a_feature_service_gives() {
    let straight = undisturbed().await;
    let bench = Bench::start(service()).await;
    let url = bench.service.map_layer_url("t");
    let layer = open_json(&bench.client, &url).await.unwrap();
    let (report, file) = bench.write(in_id_order(layer)).await.unwrap();
    assert_eq!(file.batch, straight.batch);
    assert_eq!(report.proof.unwrap().level, "object-ids");
    assert!(file.key("arcgis:source").unwrap().ends_with("/MapServer/0"));
}

#[tokio::test]
async fn a_layer_in_a_folder_among_others() {
    let layer = |name: &str, n: i32| {
        Layer::table(name)
            .with_field(Field::new("N", FieldType::Integer))
            .with_row(Row::new().with("N", n))
    };
    let service = Service::new("Water/Wells")
        .with_layer(layer("a", 1))
        .with_layer(layer("b", 2))
        .with_layer(layer("c", 3).with_id(17));
    let bench = Bench::start(Testkit::builder().service(service)).await;
    for (name, n, id) in [("a", 1, "0"), ("b", 2, "1"), ("c", 3, "17")] {
        let (report, file) = bench.exported(name).await;
        assert_eq!(file.numbers::<Int32Type>("N"), [Some(n)]);
        assert_eq!(report.layer.as_deref(), Some(name));
        assert_eq!(file.key("arcgis:layer_id"), Some(id));
        assert!(
            report
                .source
                .unwrap()
                .ends_with(&format!("/Water/Wells/FeatureServer/{id}"))
        );
    }
}

#[tokio::test]
async fn names_of_every_kind() {
    let names = [
        "gis.owner.Roads.NAME",
        "Größe",
        "with space",
        "select",
        "geometry",
        "BBOX",
        "a,b",
        "quote\"d",
        "日本",
    ];
    let layer = names
        .iter()
        .fold(Layer::new("t", GeometryType::Point), |layer, name| {
            layer.with_field(Field::new(*name, FieldType::String))
        });
    let row = |n: i32| {
        names
            .iter()
            .fold(Row::new(), |row, name| {
                row.with(*name, format!("{name} {n}"))
            })
            .at(Geometry::point((f64::from(n), 0.0)))
    };
    let bench = Bench::start(
        Testkit::builder().layer(layer.with_max_record_count(2).with_rows((0..5).map(row))),
    )
    .await;
    let (_, file) = bench.exported("t").await;
    for name in names {
        let expected: Vec<_> = (0..5).map(|n| format!("{name} {n}")).collect();
        assert_eq!(
            file.texts(name),
            expected
                .iter()
                .map(|text| Some(text.as_str()))
                .collect::<Vec<_>>()
        );
    }
    // The attributes keep their names, and the geometry finds a free one, whatever the case.
    assert_eq!(file.names()[10..], ["geometry_1", "bbox_1"]);
    assert_eq!(file.geo()["primary_column"], "geometry_1");
    assert_eq!(
        file.geo()["columns"]["geometry_1"]["covering"]["bbox"]["xmin"],
        serde_json::json!(["bbox_1", "xmin"])
    );
}

#[tokio::test]
async fn ids_that_lie_far_apart_without_pagination() {
    let ids = [
        0,
        1,
        2,
        3,
        1_000_000,
        1_000_001,
        2_147_483_652,
        9_007_199_254_740_993,
        9_007_199_254_740_995,
        i64::MAX - 5,
    ];
    for cap in [1, 2, 3, 4] {
        let layer = Layer::table("t")
            .with_field(Field::new("FID", FieldType::Oid))
            .with_max_record_count(cap)
            .without(Ability::Pagination)
            .with_rows(ids.map(|id| Row::new().with("FID", id)));
        let bench = Bench::start(Testkit::builder().layer(layer)).await;
        let (_, file) = bench.exported("t").await;
        assert_eq!(file.numbers::<Int64Type>("FID"), ids.map(Some));
        assert_eq!(bench.count(RequestKind::Features), ids.len().div_ceil(cap));
    }
}

#[tokio::test]
async fn t20_a_condition_too_long_for_a_url_goes_as_a_form() {
    let bench = Bench::start(service()).await;
    let list: Vec<String> = (1..=1000).map(|n| (n * 6).to_string()).collect();
    let condition = format!("OBJECTID IN ({})", list.join(","));
    let export = bench
        .export("t")
        .await
        .with_query(Query::new().with_where(&condition));
    let (_, file) = bench.write(export).await.unwrap();
    assert_eq!(
        file.numbers::<Int64Type>("OBJECTID"),
        (1..=23).map(|n| Some(n * 6)).collect::<Vec<_>>()
    );
    for kind in [RequestKind::Count, RequestKind::Ids, RequestKind::Features] {
        for request in bench.service.requests_of(kind) {
            assert_eq!(request.method(), "POST");
            assert_eq!(
                request.parameters().source("where"),
                Some(ParameterSource::Form)
            );
            let sent = request.parameters().get("where").unwrap();
            // Ids are asked for once more behind the last of them.
            let behind =
                kind == RequestKind::Ids && sent == format!("({condition}) AND (OBJECTID > 138)");
            assert!(behind || sent == condition, "{kind:?}: {sent}");
        }
    }
}

#[tokio::test]
async fn t5_many_exports_share_one_token() {
    let straight = undisturbed().await;
    let bench = Bench::signed_in(service().security(Security::token("u", "p")), "u", "p").await;
    let exports = (0..12).map(|n| {
        let (url, client) = (bench.service.layer_url("t"), bench.client.clone());
        let path = bench.folder().join(format!("{n}.parquet"));
        tokio::spawn(async move {
            let layer = open_json(&client, &url).await.unwrap();
            let export = in_id_order(layer).with_fetch(paging(5, 2));
            export.to(LocalFile::new(&path)).await.unwrap();
            ParquetFile::read(&path)
        })
    });
    for export in exports.collect::<Vec<_>>() {
        assert_eq!(export.await.unwrap().batch, straight.batch);
    }
    assert_eq!(bench.service.mints(), 1);
    assert!(
        bench.service.most_in_flight() <= 8,
        "the client's own limit holds for all of them"
    );
}
