//! Which format pages are asked for in, and what becomes of PBF that does not hold up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use arcgis_auth_http::ArcGisClient;
use arcgis_layer::{
    Coordinates, Error, FeatureCollector, FetchOptions, FetchStats, FormatChoice, Layer,
    LayerAddress, Query, QueryError,
};
use arcgis_testkit::{
    Ability, Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Quirk, RequestKind, Row,
    Testkit,
};
use geo_types::Point;

fn layer() -> arcgis_testkit::Layer {
    arcgis_testkit::Layer::new("t", GeometryType::Point)
        .with_field(Field::new("NAME", FieldType::String))
        .with_max_record_count(10)
        .with_rows((1..=45).map(|n| {
            Row::new()
                .with("NAME", format!("row {n}"))
                .at(Geometry::point((
                    f64::from(n) / 7.0,
                    40.0 + f64::from(n) / 100.0,
                )))
        }))
}

struct Fetched {
    points: Vec<Point<f64>>,
    stats: FetchStats,
    /// Of each page.
    coordinates: BTreeSet<String>,
    formats: Vec<String>,
}

async fn fetch(
    layer: arcgis_testkit::Layer,
    fault: Option<Fault>,
    choice: FormatChoice,
) -> (Testkit, Result<Fetched, Error>) {
    let options = FetchOptions::default().with_format(choice);
    fetch_with(layer, fault, &options).await
}

async fn fetch_with(
    layer: arcgis_testkit::Layer,
    faults: impl IntoIterator<Item = Fault>,
    options: &FetchOptions,
) -> (Testkit, Result<Fetched, Error>) {
    let mut builder = Testkit::builder().layer(layer);
    for fault in faults {
        builder = builder.fault(fault);
    }
    let service = builder.start().await.unwrap();
    let client = ArcGisClient::builder().retries(0).build().unwrap();
    let address = LayerAddress::parse(&service.layer_url("t")).unwrap();
    let layer = Layer::open(Arc::new(client), address).await.unwrap();
    service.clear_requests();
    let result = run(&layer, options, &service).await;
    (service, result)
}

async fn run(layer: &Layer, options: &FetchOptions, service: &Testkit) -> Result<Fetched, Error> {
    let query = Query::new().resolve(layer.info())?;
    let plan = layer.plan(&query, options).await?;
    let mut pages = layer.pages(plan, FeatureCollector::new(Arc::clone(query.layout())));
    let (mut points, mut coordinates) = (Vec::new(), BTreeSet::new());
    while let Some(page) = pages.next().await? {
        if page.facts.coordinates != Coordinates::None {
            coordinates.insert(page.facts.coordinates.to_string());
        }
        points.extend(
            page.page
                .into_features(&page.facts)
                .into_iter()
                .filter_map(|feature| Some(Point::try_from(feature.geometry?).unwrap())),
        );
    }
    let requests = service.requests_of(RequestKind::Features);
    Ok(Fetched {
        points,
        stats: pages.stats(),
        coordinates,
        formats: requests
            .iter()
            .map(|request| request.parameters().get("f").unwrap().to_owned())
            .collect(),
    })
}

/// Asserts that all points are there, to within the grid of PBF.
fn assert_all(fetched: &Fetched) {
    assert_eq!(fetched.points.len(), 45);
    for (point, n) in fetched.points.iter().zip(1..) {
        let n = f64::from(n);
        assert!((point.x() - n / 7.0).abs() <= 0.5e-9, "{point:?}");
        assert!(
            (point.y() - (40.0 + n / 100.0)).abs() <= 0.5e-9,
            "{point:?}"
        );
    }
}

#[tokio::test]
async fn pbf_is_taken_where_it_is_offered() {
    for layer in [
        layer(),
        layer().with_quirk(Quirk::LowerLeftOrigin),
        layer().with_quirk(Quirk::FeaturesFirst),
    ] {
        let (_service, fetched) = fetch(layer, None, FormatChoice::Auto).await;
        let fetched = fetched.unwrap();
        assert_all(&fetched);
        assert_eq!(fetched.formats, ["pbf"; 5]);
        assert_eq!(fetched.stats.fell_back, 0);
    }
    let (_service, fetched) = fetch(layer().without(Ability::Pbf), None, FormatChoice::Auto).await;
    assert_eq!(fetched.unwrap().formats, ["json"; 5]);
    let (_service, fetched) = fetch(layer(), None, FormatChoice::Json).await;
    assert_eq!(fetched.unwrap().formats, ["json"; 5]);
}

#[tokio::test]
async fn pbf_that_is_not_offered_is_refused_before_the_first_request() {
    let (service, fetched) = fetch(layer().without(Ability::Pbf), None, FormatChoice::Pbf).await;
    let error = fetched.err().unwrap();
    assert!(
        matches!(
            &error,
            Error::Query(QueryError::Unsupported {
                option: "format",
                ..
            })
        ),
        "{error}"
    );
    assert!(service.requests().is_empty());
}

#[tokio::test]
async fn t34_pbf_without_a_transform_is_asked_for_as_json() {
    let (_service, fetched) = fetch(
        layer().with_quirk(Quirk::NoTransform),
        None,
        FormatChoice::Auto,
    )
    .await;
    let fetched = fetched.unwrap();
    assert_all(&fetched);
    // After three failures PBF is not tried any more; pages under way at once may add one. All five came as JSON.
    assert_eq!(fetched.stats.fell_back, 5, "{:?}", fetched.stats);
    let pbf = fetched.formats.iter().filter(|format| *format == "pbf");
    // Five rows were asked for the grid.
    assert!((3..=5 + 5).contains(&pbf.count()), "{:?}", fetched.formats);
    assert_eq!(
        fetched
            .formats
            .iter()
            .filter(|format| *format == "json")
            .count(),
        5
    );

    let (_service, fetched) = fetch(
        layer().with_quirk(Quirk::NoTransform),
        None,
        FormatChoice::Pbf,
    )
    .await;
    assert!(matches!(fetched.err().unwrap(), Error::Answer { .. }));
}

#[tokio::test]
async fn one_broken_page_does_not_cost_the_format() {
    let broken = FaultKind::Respond {
        status: 200,
        content_type: "application/x-protobuf",
        body: "\u{12}\u{7f}not what it says".to_owned(),
    };
    let (service, fetched) = fetch(
        layer(),
        Some(Fault::on_query(2, broken)),
        FormatChoice::Auto,
    )
    .await;
    let fetched = fetched.unwrap();
    assert_eq!(service.faults_fired(), [1]);
    assert_all(&fetched);
    assert_eq!(fetched.stats.fell_back, 1);
    assert_eq!(
        fetched
            .formats
            .iter()
            .filter(|format| *format == "json")
            .count(),
        1
    );
}

fn broken_pbf() -> FaultKind {
    FaultKind::Respond {
        status: 200,
        content_type: "application/x-protobuf",
        body: "\u{12}\u{7f}not what it says".to_owned(),
    }
}

/// The points as PBF has them, to the last bit.
async fn in_pbf(layer: arcgis_testkit::Layer) -> Vec<Point<f64>> {
    let (_service, fetched) = fetch(layer, None, FormatChoice::Pbf).await;
    let fetched = fetched.unwrap();
    assert!(fetched.coordinates.iter().eq(["x 1e-9, y 1e-9"]));
    fetched.points
}

#[tokio::test]
async fn coordinates_are_the_same_whichever_pages_fall_back() {
    let expected = in_pbf(layer()).await;
    let (_service, json) = fetch(layer(), None, FormatChoice::Json).await;
    let json = json.unwrap();
    assert!(json.coordinates.iter().eq(["exact"]));
    // All digits, which PBF has no place for: 1/7 is none of its numbers.
    let exact = |n: i32| Point::new(f64::from(n) / 7.0, 40.0 + f64::from(n) / 100.0);
    assert_eq!(json.points, (1..=45).map(exact).collect::<Vec<_>>());
    assert_ne!(json.points[0], expected[0]);
    // Each page in turn; the first ones; all but single rows.
    let mut faults: Vec<Fault> = (1..=5)
        .map(|nth| Fault::on_query(nth, broken_pbf()))
        .collect();
    faults.push(Fault::on_query(1, broken_pbf()).times(3));
    let pages = |request: &arcgis_testkit::Request| {
        let parameters = request.parameters();
        parameters.get("f") == Some("pbf") && parameters.get("resultOffset").is_some()
    };
    faults.push(Fault::on_query(1, broken_pbf()).always().when(pages));
    for fault in faults {
        for layer in [layer(), layer().with_quirk(Quirk::LowerLeftOrigin)] {
            let (service, fetched) = fetch(layer, Some(fault.clone()), FormatChoice::Auto).await;
            let fetched = fetched.unwrap();
            assert!(service.faults_fired()[0] > 0 && fetched.stats.fell_back > 0);
            assert_eq!(fetched.points, expected);
            assert!(fetched.coordinates.iter().eq(["x 1e-9, y 1e-9"]));
        }
    }
    // Where PBF never works there is no grid, and nothing is rounded.
    let never = Fault::on_query(1, broken_pbf())
        .always()
        .when(|request| request.parameters().get("f") == Some("pbf"));
    let (service, fetched) = fetch(layer(), Some(never), FormatChoice::Auto).await;
    let fetched = fetched.unwrap();
    assert_eq!(fetched.points, json.points);
    assert!(fetched.coordinates.iter().eq(["exact"]));
    // Pages under way at once, and five rows, once.
    assert!(service.faults_fired()[0] <= 5 + 5);
}

/// Requests for the grid: of a row's columns they ask for its id alone.
fn is_for_the_grid(request: &arcgis_testkit::Request) -> bool {
    let parameters = request.parameters();
    parameters.get("f") == Some("pbf") && parameters.get("outFields") == Some("OBJECTID")
}

/// No page in PBF can be read, as where a column has something in it that PBF cannot hold.
fn no_page_in_pbf() -> Fault {
    Fault::on_query(1, broken_pbf())
        .always()
        .when(|request| request.parameters().get("f") == Some("pbf") && !is_for_the_grid(request))
}

#[tokio::test]
async fn the_grid_is_found_where_the_first_row_has_no_geometry_and_ids_are_not_listed() {
    let layer = |located: &dyn Fn(i32) -> bool| {
        arcgis_testkit::Layer::new("t", GeometryType::Point)
            .with_field(Field::new("NAME", FieldType::String))
            .with_max_record_count(10)
            .with_rows((1..=45).map(|n| {
                let row = Row::new().with("NAME", format!("row {n}"));
                match located(n) {
                    true => row.at(Geometry::point((f64::from(n) / 7.0, 40.0))),
                    false => row,
                }
            }))
            .without(Ability::Ids)
    };
    let located = |n| (16..45).contains(&n);
    for (layer, places) in [
        // By offset: neither the first row has a geometry, nor the one at a quarter.
        (layer(&located), &["0", "11", "22"][..]),
        // None of the rows that are asked for, so that those of a page are.
        (
            layer(&|n| located(n) && n != 23 && n != 34),
            &["0", "11", "22", "33", "44"],
        ),
        // Without offsets it is the page from the start.
        (layer(&located).without(Ability::Pagination), &[]),
    ] {
        let expected = in_pbf(layer.clone()).await;
        let (service, fetched) = fetch(layer, Some(no_page_in_pbf()), FormatChoice::Auto).await;
        let fetched = fetched.unwrap();
        assert_eq!(fetched.points, expected);
        assert!(fetched.coordinates.iter().eq(["x 1e-9, y 1e-9"]));
        let asked = service.requests_of(RequestKind::Features);
        let asked: Vec<_> = asked
            .iter()
            .filter(|request| is_for_the_grid(request))
            .map(|request| request.parameters().get("resultOffset"))
            .collect();
        let single: Vec<_> = asked.iter().copied().flatten().collect();
        // Pages without geometry may have asked before, in vain.
        assert_eq!(single.is_empty(), places.is_empty());
        assert!(single.starts_with(places), "{single:?}");
        assert_eq!(asked.contains(&None), places.len() != 3);
    }
}

#[tokio::test]
async fn the_grid_is_asked_for_again_after_a_moment_of_trouble() {
    let expected = in_pbf(layer()).await;
    let one_by_one = FetchOptions::default().with_concurrency(NonZeroUsize::MIN);
    for trouble in [FaultKind::Status(503), FaultKind::Reset] {
        let trouble = Fault::on_query(1, trouble).when(is_for_the_grid);
        // For five rows the first page asks.
        let faults = [no_page_in_pbf(), trouble.clone().times(5)];
        let (service, fetched) = fetch_with(layer(), faults, &one_by_one).await;
        let fetched = fetched.unwrap();
        assert_eq!(service.faults_fired()[1], 5);
        assert_all(&fetched);
        assert_eq!(fetched.points[10..], expected[10..]);
        assert_ne!(fetched.points[..10], expected[..10]);
        assert!(fetched.coordinates.iter().eq(["exact", "x 1e-9, y 1e-9"]));
        // Not by every page, where that does not end.
        let faults = [no_page_in_pbf(), trouble.always()];
        let (service, fetched) = fetch_with(layer(), faults, &one_by_one).await;
        let fetched = fetched.unwrap();
        assert_eq!(service.faults_fired()[1], 3 * 5);
        assert_all(&fetched);
        assert!(fetched.coordinates.iter().eq(["exact"]));
        assert_eq!(fetched.stats.fell_back, 5);
    }
}

#[tokio::test]
async fn an_extent_that_is_out_of_date_costs_a_page_not_the_format() {
    let stale = serde_json::json!({
        "extent": {"xmin": -100, "ymin": -50, "xmax": -99, "ymax": -49, "spatialReference": {"wkid": 4326, "latestWkid": 4326}}
    });
    let (_service, fetched) =
        fetch(layer().with_metadata_patch(stale), None, FormatChoice::Auto).await;
    let fetched = fetched.unwrap();
    assert_all(&fetched);
    assert_eq!(fetched.points, in_pbf(layer()).await);
    // JSON has only confirmed what came as PBF: no row is from it.
    assert!(fetched.formats.iter().any(|format| format == "json"));
    assert_eq!(fetched.stats.fell_back, 0, "{:?}", fetched.stats);
    assert!(
        fetched
            .formats
            .iter()
            .filter(|format| *format == "pbf")
            .count()
            >= 5,
        "{:?}",
        fetched.formats
    );
}

#[tokio::test]
async fn what_passes_does_not_cost_the_format() {
    // A quota that is used up again and again says nothing about PBF.
    let quota = FaultKind::QuotaBody { retry_after: 0 };
    let (_service, fetched) =
        fetch(layer(), Some(Fault::on_query(2, quota)), FormatChoice::Auto).await;
    // The client of these tests does not try again.
    assert!(matches!(fetched.err().unwrap(), Error::Service(_)));
    let late = FaultKind::LateError {
        code: 500,
        message: "Error performing query operation".into(),
    };
    let fault = Fault::on_query(1, late).times(2);
    let (service, fetched) = fetch(layer(), Some(fault), FormatChoice::Auto).await;
    let fetched = fetched.unwrap();
    assert_eq!(service.faults_fired(), [2]);
    assert_all(&fetched);
    assert_eq!(fetched.stats.fell_back, 0, "{:?}", fetched.stats);
    assert!(fetched.formats.iter().all(|format| format == "pbf"));
    // A plain refusal may be about the format.
    let refusal = FaultKind::ErrorBody {
        code: 400,
        message: "Unable to complete operation.".into(),
        details: vec![],
    };
    let fault = Fault::on_query(1, refusal)
        .always()
        .when(|request| request.parameters().get("f") == Some("pbf"));
    let (_service, fetched) = fetch(layer(), Some(fault), FormatChoice::Auto).await;
    let fetched = fetched.unwrap();
    assert_all(&fetched);
    assert_eq!(fetched.stats.fell_back, 5);
}

#[tokio::test]
async fn pbf_of_a_foreign_encoder_is_left_alone() {
    // No features, and a transform with a scale of 2 that begins at zero, as Koop's does.
    let foreign = FaultKind::Respond {
        status: 200,
        content_type: "application/x-protobuf",
        body: "\x12\x18\x0a\x16\x62\x14\x12\x12\x09\0\0\0\0\0\0\0\x40\x11\0\0\0\0\0\0\0\x40"
            .to_owned(),
    };
    let foreign = Fault::on_query(1, foreign)
        .always()
        .when(|request| request.parameters().get("f") == Some("pbf"));
    let (_service, fetched) = fetch(layer(), Some(foreign), FormatChoice::Auto).await;
    let fetched = fetched.unwrap();
    assert_all(&fetched);
    // Only the pages that were under way at once had been asked for as PBF.
    let pbf = fetched.formats.iter().filter(|format| *format == "pbf");
    assert!((1..=4).contains(&pbf.count()), "{:?}", fetched.formats);
    assert_eq!(fetched.stats.fell_back, 5, "{:?}", fetched.stats);
    let json = fetched.formats.iter().filter(|format| *format == "json");
    assert_eq!(json.count(), 5);
}
