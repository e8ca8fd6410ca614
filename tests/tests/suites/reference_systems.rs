//! Coordinates and the reference system that the file says they are in.

use arcgis_export::Note;
use arcgis_layer::{Query, SpatialReference};
use arcgis_testkit::{Geometry, GeometryType, Layer, RequestKind, Row, Testkit};
use arcgis_tests::{Bench, Shape};

const PLACES: [(f64, f64); 4] = [
    (7.4474, 46.948),
    (-70.66, -33.44),
    (0.0, 0.0),
    (179.5, 84.9),
];

fn layer(wkid: u32) -> Layer {
    Layer::new("t", GeometryType::Point)
        .with_wkid(wkid)
        .with_rows(PLACES.map(|at| Row::new().at(Geometry::point(at))))
}

fn coordinates(file: &arcgis_tests::ParquetFile) -> Vec<(f64, f64)> {
    file.geometries()
        .into_iter()
        .map(|wkb| match wkb.unwrap().shape {
            Shape::Point(Some(at)) => (at[0], at[1]),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn t53_native_codes_are_written_as_projjson() {
    for (wkid, authority, code, name) in [
        (4326, "EPSG", 4326, "WGS 84"),
        (3857, "EPSG", 3857, "WGS 84 / Pseudo-Mercator"),
        (102_100, "EPSG", 3857, "WGS 84 / Pseudo-Mercator"),
        (2056, "EPSG", 2056, "CH1903+ / LV95"),
        (2881, "EPSG", 2881, "NAD83(HARN) / Florida East (ftUS)"),
        (
            102_008,
            "ESRI",
            102_008,
            "North_America_Albers_Equal_Area_Conic",
        ),
        (54_009, "ESRI", 54_009, "World_Mollweide"),
    ] {
        let bench = Bench::start(Testkit::builder().layer(layer(wkid))).await;
        let (report, file) = bench.exported("t").await;
        let crs = &file.geo_column()["crs"];
        assert_eq!(crs["id"]["authority"], authority, "{wkid}");
        assert_eq!(crs["id"]["code"], code, "{wkid}");
        assert_eq!(crs["name"], name, "{wkid}");
        assert_eq!(coordinates(&file), PLACES, "the numbers stay as they are");
        let geometry = report.geometry.unwrap();
        assert_eq!(geometry.crs, Some(format!("{authority}:{code}")));
        assert_eq!(geometry.crs_name.as_deref(), Some(name));
        assert!(
            !report
                .notes
                .iter()
                .any(|note| matches!(note, Note::UnknownCrs { .. }))
        );
        let page = &bench.service.requests_of(RequestKind::Features)[0];
        // By the server's own number: it is the one that it certainly knows.
        let asked = if wkid == 3857 { 102_100 } else { wkid };
        assert_eq!(
            page.parameters().get("outSR"),
            Some(asked.to_string().as_str())
        );
    }
}

/// Spherical Mercator: EPSG guidance note 7-2, method 1024.
fn mercator((lon, lat): (f64, f64)) -> (f64, f64) {
    let radius = 6_378_137.0;
    let north = (std::f64::consts::FRAC_PI_4 + lat.to_radians() / 2.0)
        .tan()
        .ln();
    (radius * lon.to_radians(), radius * north)
}

#[tokio::test]
async fn coordinates_come_in_the_system_that_was_asked_for() {
    let bench = Bench::start(Testkit::builder().layer(layer(4326))).await;
    let query = Query::new().with_out_sr(SpatialReference::from_wkid(3857));
    let export = bench.export("t").await.with_query(query);
    let (report, file) = bench.write(export).await.unwrap();
    for (got, place) in coordinates(&file).into_iter().zip(PLACES) {
        let wanted = mercator(place);
        let off = (got.0 - wanted.0).abs().max((got.1 - wanted.1).abs());
        assert!(off < 1e-6, "{got:?} {wanted:?}");
    }
    assert_eq!(file.geo_column()["crs"]["id"]["code"], 3857);
    assert_eq!(report.geometry.unwrap().crs.as_deref(), Some("EPSG:3857"));
    let page = &bench.service.requests_of(RequestKind::Features)[0];
    assert_eq!(page.parameters().get("outSR"), Some("3857"));
    assert!(file.key("arcgis:query").unwrap().contains("outSR=3857"));
}

#[tokio::test]
async fn an_unknown_system_is_written_as_unknown() {
    let bench = Bench::start(Testkit::builder().layer(layer(999_999))).await;
    let (report, file) = bench.exported("t").await;
    let geo = file.geo_column();
    assert!(
        geo.as_object().unwrap().contains_key("crs"),
        "no crs at all would mean longitude and latitude"
    );
    assert!(geo["crs"].is_null());
    assert_eq!(coordinates(&file), PLACES);
    assert!(
        report.notes.iter().any(|note| matches!(note, Note::UnknownCrs { spatial_reference, .. } if spatial_reference.contains("999999"))),
        "{:?}",
        report.notes
    );
    assert!(
        file.key("arcgis:spatial_reference")
            .unwrap()
            .contains("999999")
    );
}

#[tokio::test]
async fn a_system_that_the_server_cannot_give_is_an_error() {
    let bench = Bench::start(Testkit::builder().layer(layer(2056))).await;
    let query = Query::new().with_out_sr(SpatialReference::from_wkid(4326));
    let export = bench.export("t").await.with_query(query);
    let error = bench.write(export).await.unwrap_err();
    assert!(error.to_string().contains("outSR"), "{error}");
    assert_eq!(bench.files(), [""; 0]);
}
