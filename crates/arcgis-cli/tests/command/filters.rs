//! Options for which rows: each is seen on the wire and in the file, and refused before the first row where the
//! layer cannot do it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use arcgis_rest::export::Timestamp;
use arcgis_testkit::{
    Edit, Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Layer, RequestKind, Row,
    Testkit,
};

use crate::run::{Desk, Ran, integers_in, start, towns};

/// A polygon with these corners, as GeoJSON.
fn polygon(corners: impl IntoIterator<Item = (f64, f64)>) -> String {
    let mut text = String::new();
    let mut first = None;
    for (x, y) in corners {
        let _ = write!(text, "[{x},{y}],");
        first.get_or_insert((x, y));
    }
    let (x, y) = first.unwrap();
    format!(r#"{{"type":"Polygon","coordinates":[[{text}[{x},{y}]]]}}"#)
}

/// The towns 0 to 10 are in it.
fn west() -> String {
    polygon([(-1.0, 46.0), (1.05, 46.0), (1.05, 48.0), (-1.0, 48.0)])
}

fn export(layer: Layer, clip: Option<&str>, options: &[&str]) -> (Testkit, Desk, Ran) {
    let name = layer.name().to_owned();
    let service = start(Testkit::builder().layer(layer));
    let desk = Desk::new();
    if let Some(text) = clip {
        desk.write("clip.geojson", text);
    }
    let url = service.layer_url(&name);
    let ran = desk.run(&[&["export", &url, "out.parquet"], options].concat());
    (service, desk, ran)
}

/// What requests for counts, ids and rows were asked with.
fn sent(service: &Testkit, name: &str) -> BTreeSet<Option<String>> {
    service
        .requests()
        .iter()
        .filter(|request| {
            matches!(
                request.kind(),
                RequestKind::Count | RequestKind::Ids | RequestKind::Features
            )
        })
        .map(|request| request.parameters().get(name).map(str::to_owned))
        .collect()
}

#[track_caller]
fn always_sent(service: &Testkit, name: &str, value: &str) {
    assert_eq!(
        sent(service, name),
        BTreeSet::from([Some(value.to_owned())]),
        "{name}"
    );
}

/// Nothing was asked of the layer but its metadata.
#[track_caller]
fn nothing_was_asked(service: &Testkit, desk: &Desk) {
    for request in service.requests() {
        assert_eq!(request.kind(), RequestKind::Layer, "{request:?}");
    }
    assert!(!desk.path("out.parquet").exists());
}

fn pop(desk: &Desk) -> Vec<i64> {
    integers_in(&desk.path("out.parquet"), "POP")
}

#[test]
fn a_polygon_in_a_file_is_the_filter() {
    let first: Vec<i64> = (0..=10).map(|n| n * 10).collect();
    let geometry = west();
    let feature = format!(r#"{{"type":"Feature","properties":{{}},"geometry":{geometry}}}"#);
    let features = format!("\u{feff}{{\"type\":\"FeatureCollection\",\"features\":[{feature}]}}");
    let esri = r#"{"rings":[[[-1,46],[-1,48],[1.05,48],[1.05,46],[-1,46]]],"spatialReference":{"wkid":4326}}"#;
    for text in [&geometry, &feature, &features, esri] {
        let (service, desk, ran) = export(towns(), Some(text), &["--clip", "clip.geojson"]);
        ran.ok();
        always_sent(&service, "geometryType", "esriGeometryPolygon");
        always_sent(&service, "spatialRel", "esriSpatialRelIntersects");
        always_sent(&service, "inSR", "4326");
        assert_eq!(pop(&desk), first);
    }
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    desk.write("clip.geojson", &west());
    let url = service.layer_url("towns");
    let ran = desk.run(&["count", &url, "--clip", "clip.geojson"]).ok();
    assert_eq!(ran.stdout, "11\n");
}

#[test]
fn a_polygon_too_large_for_one_request_is_sent_in_parts() {
    // A circle of 25,000 corners, with the towns from 5 to 15 degrees east in it.
    let circle = polygon((0..25_000).map(|n| {
        let angle = f64::from(n) / 25_000.0 * std::f64::consts::TAU;
        (5.03 * angle.cos() + 10.0, 5.03 * angle.sin() + 47.0)
    }));
    let (service, desk, ran) = export(
        towns(),
        Some(&circle),
        &["--clip", "clip.geojson", "--json"],
    );
    let report = ran.ok().json();
    assert!(report["query"]["parts"].as_u64() > Some(1), "{report}");
    let geometries: BTreeSet<_> = service
        .requests_of(RequestKind::Ids)
        .iter()
        .filter_map(|request| request.parameters().get("geometry").map(str::to_owned))
        .collect();
    assert_eq!(
        Some(geometries.len() as u64),
        report["query"]["parts"].as_u64()
    );
    assert_eq!(pop(&desk), (50..=150).map(|n| n * 10).collect::<Vec<_>>());
}

#[test]
fn relations_and_distances_are_passed_on() {
    let (service, _, ran) = export(
        towns(),
        Some(&west()),
        &["--clip", "clip.geojson", "--relation", "contains"],
    );
    ran.ok();
    always_sent(&service, "spatialRel", "esriSpatialRelContains");

    // Around the town at 10 degrees east: at this latitude a tenth of a degree is 7.6 km.
    let point = r#"{"type":"Point","coordinates":[10,47]}"#;
    let (service, desk, ran) = export(
        towns(),
        Some(point),
        &["--clip", "clip.geojson", "--distance", "10km"],
    );
    ran.ok();
    always_sent(&service, "distance", "10");
    always_sent(&service, "units", "esriSRUnit_Kilometer");
    assert_eq!(pop(&desk), [990, 1000, 1010]);
}

#[test]
fn geometries_that_are_none_are_refused_before_anything_is_sent() {
    for (text, said) in [
        ("{", "it is no JSON"),
        ("{}", "clip.geojson"),
        (
            r#"{"type":"GeometryCollection","geometries":[]}"#,
            "clip.geojson",
        ),
        (
            r#"{"type":"FeatureCollection","features":[]}"#,
            "clip.geojson",
        ),
    ] {
        let (service, _, ran) = export(towns(), Some(text), &["--clip", "clip.geojson"]);
        ran.fails(2, &["--clip", said, "hint: "]);
        assert!(service.requests().is_empty(), "{text}");
    }
    for (options, said) in [
        (&["--clip", "nowhere.geojson"][..], "nowhere.geojson"),
        (&["--clip", "clip.geojson", "--bbox", "0,0,1,1"], "--bbox"),
        (&["--relation", "within"], "--clip"),
        (&["--distance", "5km"], "--clip"),
        (
            &["--clip", "clip.geojson", "--distance", "5"],
            "a unit is needed",
        ),
        (
            &["--clip", "clip.geojson", "--relation", "near"],
            "intersects",
        ),
        (&["--time", "soon"], "2024-05-01/.."),
        (&["--historic-moment", "soon"], "a moment is needed"),
        (&["--object-ids", "1,x"], "whole number"),
        (&["--geometry-precision", "16"], "--geometry-precision"),
        (&["--datum-transformation", "1188"], "--out-sr"),
    ] {
        let (service, desk, ran) = export(towns(), Some(&west()), options);
        ran.fails(2, &[said]);
        nothing_was_asked(&service, &desk);
    }
    let table = Layer::table("list")
        .with_field(Field::new("A", FieldType::Integer))
        .with_row(Row::new().with("A", 1));
    let (service, desk, ran) = export(table, Some(&west()), &["--clip", "clip.geojson"]);
    ran.fails(2, &["--clip: the layer has no geometry"]);
    nothing_was_asked(&service, &desk);
}

/// Ten sights, one a day from the first of May 2024 on.
fn sights() -> Layer {
    Layer::new("sights", GeometryType::Point)
        .with_field(Field::new("SEEN", FieldType::Date))
        .with_field(Field::new("POP", FieldType::Integer))
        .with_time_fields("SEEN", None)
        .with_rows((0..10).map(|n| {
            Row::new()
                .with("SEEN", 1_714_521_600_000 + i64::from(n) * 86_400_000)
                .with("POP", n)
                .at(Geometry::point((f64::from(n), 47.0)))
        }))
}

#[test]
fn a_time_is_a_moment_a_day_or_a_span() {
    for (time, value, rows) in [
        (
            "2024-05-03/2024-05-05",
            "1714694400000,1714953599999",
            2..=4,
        ),
        ("2024-05-03", "1714694400000,1714780799999", 2..=2),
        ("2024-05-03T02:00:00+02:00", "1714694400000", 2..=2),
        ("2024-05-08/..", "1715126400000,null", 7..=9),
        ("../2024-05-02T00:00:00Z", "null,1714608000000", 0..=1),
    ] {
        let (service, desk, ran) = export(sights(), None, &["--time", time]);
        ran.ok();
        always_sent(&service, "time", value);
        assert_eq!(pop(&desk), rows.collect::<Vec<_>>(), "{time}");
    }
    let (service, desk, ran) = export(towns(), None, &["--time", "2024-05-03"]);
    ran.fails(2, &["--time: the layer says of no field"]);
    nothing_was_asked(&service, &desk);
}

#[test]
fn rows_can_be_had_as_they_were() {
    let service = start(
        Testkit::builder()
            .layer(towns().with_archiving())
            .fault(Fault::on(
                RequestKind::Count,
                2,
                FaultKind::Edit {
                    layer: "towns".to_owned(),
                    edit: Edit::Delete(1),
                },
            )),
    );
    let desk = Desk::new();
    let url = service.layer_url("towns");
    assert_eq!(desk.run(&["count", &url]).ok().stdout, "250\n");
    let before = Timestamp::now();
    assert_eq!(desk.run(&["count", &url]).ok().stdout, "249\n");
    service.clear_requests();
    let moment = before.to_string();
    desk.run(&["export", &url, "out.parquet", "--historic-moment", &moment])
        .ok();
    always_sent(
        &service,
        "historicMoment",
        &before.as_millisecond().to_string(),
    );
    assert_eq!(pop(&desk).len(), 250);

    let (service, desk, ran) = export(towns(), None, &["--historic-moment", "2024-05-03"]);
    ran.fails(2, &["--historic-moment: the layer keeps no archive"]);
    nothing_was_asked(&service, &desk);
}

#[test]
fn rows_can_be_named_by_their_ids() {
    let (service, desk, ran) = export(towns(), None, &["--object-ids", "7,3, 250"]);
    ran.ok();
    assert_eq!(pop(&desk), [20, 60, 2490]);
    for condition in sent(&service, "where") {
        assert!(
            condition.unwrap().contains("OBJECTID"),
            "a condition, not objectIds"
        );
    }
}

#[test]
fn what_the_server_makes_of_versions_and_coordinates_is_passed_on() {
    let (service, desk, ran) = export(towns(), None, &["--gdb-version", "SDE.DEFAULT"]);
    ran.fails(2, &["--gdb-version: the layer's data have no versions"]);
    nothing_was_asked(&service, &desk);
    let versioned = towns().with_metadata_patch(serde_json::json!({"isDataVersioned": true}));
    let (service, _, ran) = export(versioned, None, &["--gdb-version", "SDE.DEFAULT"]);
    ran.ok();
    always_sent(&service, "gdbVersion", "SDE.DEFAULT");
    let options = [
        "--out-sr",
        "3857",
        "--datum-transformation",
        "1188",
        "--geometry-precision",
        "2",
    ];
    let (service, _, ran) = export(towns(), None, &options);
    ran.ok();
    for page in service.requests_of(RequestKind::Features) {
        let parameters = page.parameters();
        assert_eq!(parameters.get("datumTransformation"), Some("1188"));
        assert_eq!(parameters.get("geometryPrecision"), Some("2"));
    }
}
