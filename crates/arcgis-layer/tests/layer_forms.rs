//! Pages of rows to look at, and what comes in place of their geometry, against a service of another making.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use arcgis_auth_http::ArcGisClient;
use arcgis_layer::arcgis_auth_core::Transport;
use arcgis_layer::{
    Aggregation, Bbox, Feature, GeometryForm, Layer, Order, Quantization, Query, SpatialReference,
    Statistic, StatisticType,
};
use arcgis_testkit::{
    Ability, BadRow, Failure, Field, FieldType, Geometry, GeometryType, Layer as Served, Quirk,
    RequestKind, Row, Testkit,
};
use futures_util::TryStreamExt;
use geo_types::Coord;

fn client() -> Arc<dyn Transport> {
    Arc::new(ArcGisClient::builder().retries(0).build().unwrap())
}

/// 25 squares of side 6 at (100·i, 10·i), each with a hole of side 2 in its lower left corner; the seventh has no geometry.
fn squares() -> Served {
    let row = |i: i64| {
        let row = Row::new().with("RANK", (i * 7) % 25);
        if i == 7 {
            return row;
        }
        let (x, y) = (i as f64 * 100.0, i as f64 * 10.0);
        row.at(Geometry::polygon([
            vec![
                (x, y),
                (x, y + 6.0),
                (x + 6.0, y + 6.0),
                (x + 6.0, y),
                (x, y),
            ],
            vec![
                (x + 1.0, y + 1.0),
                (x + 3.0, y + 1.0),
                (x + 3.0, y + 3.0),
                (x + 1.0, y + 3.0),
                (x + 1.0, y + 1.0),
            ],
        ]))
    };
    Served::new("squares", GeometryType::Polygon)
        .with_wkid(3857)
        .with_field(Field::new("RANK", FieldType::Integer))
        .with_max_record_count(10)
        .with_rows((1..=25).map(row))
}

async fn serve(layer: Served) -> (Testkit, Layer) {
    let name = "squares";
    let server = Testkit::builder().layer(layer).start().await.unwrap();
    let address = server.layer_url(name).parse().unwrap();
    let layer = Layer::open(client(), address).await.unwrap();
    (server, layer)
}

fn ids(rows: &[Feature]) -> Vec<i64> {
    rows.iter().filter_map(|row| row.object_id).collect()
}

fn centroids() -> Query {
    Query::new().with_geometry_form(GeometryForm::Centroid)
}

/// By hand: (36·3 − 4·2) / 32 from the corner in x and in y.
fn centroid_of(row: &Feature) -> Coord {
    let id = row.object_id.unwrap() as f64;
    Coord {
        x: id * 100.0 + 3.125,
        y: id * 10.0 + 3.125,
    }
}

fn check_centroids(rows: &[Feature]) {
    for row in rows {
        match &row.geometry {
            None => assert_eq!(row.object_id, Some(7)),
            Some(geo_types::Geometry::Point(point)) => {
                let wanted = centroid_of(row);
                let off = (point.x() - wanted.x).hypot(point.y() - wanted.y);
                assert!(off < 1e-9, "{point:?} {wanted:?}");
            }
            Some(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn centroids_come_with_head_and_sample_on_any_server() {
    let plain = squares();
    let without_pages = squares().without(Ability::Pagination);
    for (served, pages) in [(plain, true), (without_pages, false)] {
        let (server, layer) = serve(served).await;
        let rows = layer.head(centroids(), 8).await.unwrap();
        assert_eq!(ids(&rows), (1..=8).collect::<Vec<_>>());
        check_centroids(&rows);
        let last = server.requests().last().unwrap().clone();
        assert_eq!(last.parameters().get("returnCentroid"), Some("true"));
        assert_eq!(last.parameters().get("returnGeometry"), Some("false"));
        // More than the server gives at once.
        let rows = layer
            .head(centroids().with_where("OBJECTID > 2"), 15)
            .await
            .unwrap();
        assert_eq!(ids(&rows), (3..=17).collect::<Vec<_>>());
        check_centroids(&rows);
        let sample: Vec<Feature> = layer
            .sample(centroids(), 12, 5)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        let same: Vec<Feature> = layer
            .sample(Query::new(), 12, 5)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        assert_eq!(sample.len(), 12);
        assert_eq!(ids(&sample), ids(&same));
        check_centroids(&sample);
        let greatest = layer
            .head_by(centroids(), &[Order::descending("rank")], 3)
            .await;
        if pages {
            let rows = greatest.unwrap();
            let ranks: Vec<_> = rows
                .iter()
                .map(|row| row.get("RANK").unwrap().as_i64())
                .collect();
            assert_eq!(ranks, [Some(24), Some(23), Some(22)]);
            check_centroids(&rows);
        } else {
            assert!(
                greatest
                    .unwrap_err()
                    .to_string()
                    .contains("supportsPagination")
            );
        }
    }
}

#[tokio::test]
async fn envelopes_are_the_rectangles_around() {
    let (_server, layer) = serve(squares()).await;
    let query = Query::new().with_geometry_form(GeometryForm::Envelope);
    let rows = layer.head(query, 10).await.unwrap();
    let whole = layer.head(Query::new(), 10).await.unwrap();
    for (row, whole) in rows.iter().zip(&whole) {
        assert_eq!(sides(row), sides(whole));
        match &row.geometry {
            Some(geo_types::Geometry::Polygon(polygon)) => {
                assert!(polygon.interiors().is_empty());
                assert_eq!(polygon.exterior().0.len(), 5);
            }
            None => assert_eq!(row.object_id, Some(7)),
            other => panic!("{other:?}"),
        }
    }
}

/// xmin, ymin, xmax, ymax.
fn sides(row: &Feature) -> [f64; 4] {
    let coords = all_coords(std::slice::from_ref(row));
    let ends = |of: fn(&Coord) -> f64| {
        let numbers = || coords.iter().map(of);
        (
            numbers().fold(f64::INFINITY, f64::min),
            numbers().fold(f64::NEG_INFINITY, f64::max),
        )
    };
    let ((xmin, xmax), (ymin, ymax)) = (ends(|at| at.x), ends(|at| at.y));
    [xmin, ymin, xmax, ymax]
}

fn all_coords(rows: &[Feature]) -> Vec<Coord> {
    use geo_types::Geometry::Polygon;
    rows.iter()
        .filter_map(|row| match &row.geometry {
            Some(Polygon(polygon)) => Some(polygon),
            _ => None,
        })
        .flat_map(|polygon| {
            std::iter::once(polygon.exterior())
                .chain(polygon.interiors())
                .flat_map(|ring| ring.0.clone())
        })
        .collect()
}

#[tokio::test]
async fn positions_on_a_grid_come_as_coordinates() {
    let (server, layer) = serve(squares()).await;
    let whole = all_coords(&layer.head(Query::new(), 10).await.unwrap());
    let extent = Bbox {
        xmin: -0.5,
        ymin: -0.25,
        xmax: 10_000.0,
        ymax: 999.75,
    };
    for upwards in [false, true] {
        let mut grid = Quantization::view(0.5).with_extent(extent);
        if upwards {
            grid = grid.with_lower_left_origin();
        }
        let query = Query::new().with_geometry_form(GeometryForm::Quantized(grid));
        let rows = all_coords(&layer.head(query, 10).await.unwrap());
        assert_eq!(rows.len(), whole.len());
        for (got, exact) in rows.iter().zip(&whole) {
            // The grid is off by a quarter in y, and in x it meets the positions.
            assert_eq!(got.x, exact.x);
            assert_eq!((got.y - exact.y).abs(), 0.25);
        }
    }
    let sent = server.requests().last().unwrap().clone();
    let parameter = sent.parameters().get("quantizationParameters").unwrap();
    assert!(parameter.contains("lowerLeft"), "{parameter}");
    let exact = GeometryForm::Quantized(Quantization::edit());
    let rows = all_coords(
        &layer
            .head(Query::new().with_geometry_form(exact), 10)
            .await
            .unwrap(),
    );
    assert_eq!(rows.len(), whole.len());
    for (got, exact) in rows.iter().zip(&whole) {
        assert!((got.x - exact.x).hypot(got.y - exact.y) < 1e-6);
    }
}

#[tokio::test]
async fn forms_that_cannot_be_are_refused_before_anything_is_sent() {
    let (server, layer) = serve(squares()).await;
    let before = server.requests().len();
    let grid = |grid: Quantization| Query::new().with_geometry_form(GeometryForm::Quantized(grid));
    let upside_down = Bbox {
        xmin: 0.0,
        ymin: 1.0,
        xmax: 1.0,
        ymax: 0.0,
    };
    for (query, what) in [
        (centroids().without_geometry(), "no geometry is asked for"),
        (
            centroids().with_max_allowable_offset(1.0),
            "neither simplified",
        ),
        (grid(Quantization::view(0.0)), "above 0"),
        (grid(Quantization::view(f64::NAN)), "above 0"),
        (
            grid(Quantization::edit().with_extent(upside_down)),
            "rectangle",
        ),
    ] {
        let error = layer.head(query.clone(), 5).await.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        let error = layer.sample(query, 5, 1).await.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let fetched: Result<Vec<Feature>, _> = layer.features(centroids()).try_collect().await;
    assert!(fetched.unwrap_err().to_string().contains("few rows"));
    assert_eq!(server.requests().len(), before);

    let points = Served::new("squares", GeometryType::Point)
        .with_rows([Row::new().at(Geometry::point((1.0, 2.0)))]);
    let (_server, points) = serve(points).await;
    let error = points.head(centroids(), 1).await.unwrap_err().to_string();
    assert!(error.contains("only polygons"), "{error}");
    let envelope = Query::new().with_geometry_form(GeometryForm::Envelope);
    let error = points.head(envelope, 1).await.unwrap_err().to_string();
    assert!(error.contains("is the point"), "{error}");
}

#[tokio::test]
async fn forms_are_in_the_reference_that_is_asked_for() {
    let (_server, layer) = serve(squares()).await;
    let query = centroids().with_out_sr(SpatialReference::from_wkid(4326));
    let rows = layer.head(query, 2).await.unwrap();
    let Some(geo_types::Geometry::Point(point)) = &rows[0].geometry else {
        panic!("{:?}", rows[0]);
    };
    // Longitude of Web Mercator: x / 6378137 in radians.
    let wanted = (103.125_f64 / 6_378_137.0).to_degrees();
    assert!((point.x() - wanted).abs() < 1e-7, "{point:?} {wanted}");
}

#[tokio::test]
async fn t41_pages_begin_where_they_are_asked_to() {
    let (server, layer) = serve(squares()).await;
    let rows = layer.rows_at(Query::new(), &[], 20, 10).await.unwrap();
    assert_eq!(ids(&rows), [21, 22, 23, 24, 25]);
    let page = server
        .requests()
        .iter()
        .rfind(|request| request.parameters().get("resultOffset").is_some())
        .unwrap()
        .clone();
    assert_eq!(page.parameters().get("resultOffset"), Some("20"));
    assert_eq!(page.parameters().get("orderByFields"), Some("OBJECTID ASC"));
    assert!(
        layer
            .rows_at(Query::new(), &[], 25, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        layer
            .rows_at(Query::new(), &[], 99, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let rows = layer
        .rows_at(Query::new(), &[Order::descending("RANK")], 1, 2)
        .await
        .unwrap();
    let ranks: Vec<_> = rows
        .iter()
        .map(|row| row.get("RANK").unwrap().as_i64())
        .collect();
    assert_eq!(ranks, [Some(23), Some(22)]);

    // More than the server gives at once.
    let rows = layer
        .rows_at(Query::new(), &[Order::ascending("RANK")], 2, 22)
        .await
        .unwrap();
    let ranks: Vec<_> = rows
        .iter()
        .map(|row| row.get("RANK").unwrap().as_i64().unwrap())
        .collect();
    assert_eq!(ranks, (2..24).collect::<Vec<_>>());
    let (_server, short) = serve(squares().with_quirk(Quirk::ActualCap(4))).await;
    let rows = short
        .head_by(centroids(), &[Order::descending("OBJECTID")], 99)
        .await
        .unwrap();
    assert_eq!(ids(&rows), (1..=25).rev().collect::<Vec<_>>());
    check_centroids(&rows);

    // A server that ignores the offset gives the first rows again.
    let (_server, layer) = serve(squares().with_quirk(Quirk::IgnoresOffset)).await;
    for order in [vec![], vec![Order::ascending("RANK")]] {
        let error = layer.rows_at(Query::new(), &order, 15, 10).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("place 15"), "{error}");
        assert!(error.contains("offset is ignored"), "{error}");
    }
}

#[tokio::test]
async fn a_condition_for_groups_that_the_server_ignores_is_found_out() {
    let many = Aggregation::by(["RANK"])
        .with_statistics([Statistic::new(StatisticType::Count, "OBJECTID")])
        .with_having("COUNT(OBJECTID) > 1");
    let unreadable = Aggregation::by(["RANK"]).with_having("FOO(OBJECTID) = 1");
    for (quirk, ignores) in [(None, false), (Some(Quirk::IgnoresHaving), true)] {
        let served = quirk.into_iter().fold(squares(), Served::with_quirk);
        let (_server, layer) = serve(served).await;
        let query = Query::new().resolve(layer.info()).unwrap();
        let groups = layer.aggregate(&query, &many).await;
        if ignores {
            let error = groups.unwrap_err().to_string();
            assert!(error.contains("ignores it"), "{error}");
        } else {
            assert!(groups.unwrap().is_empty());
        }
        // A server that cannot read the condition says so itself, if it reads it.
        assert!(layer.aggregate(&query, &unreadable).await.is_err());
    }
    let (_server, layer) = serve(squares()).await;
    let query = Query::new().resolve(layer.info()).unwrap();
    let all = Aggregation::by(["RANK"]).with_having("COUNT(OBJECTID) = 1");
    // 25 groups, 10 at once.
    assert_eq!(layer.aggregate(&query, &all).await.unwrap().len(), 25);
}

/// Pages that are too large are halved until they can be served; a row that cannot be served by itself is an error that names
/// it, and not a row fewer.
#[tokio::test]
async fn t38_what_is_too_much_at_once_is_split_down_to_one_row() {
    let sound = || {
        Served::new("squares", GeometryType::Point)
            .with_max_record_count(3000)
            .with_rows((0..3000).map(|i| Row::new().at(Geometry::point((f64::from(i), 0.0)))))
    };
    let many = || sound().with_quirk(Quirk::TooManyRows(750, Failure::Body));
    let (server, layer) = serve(many()).await;
    let rows: Vec<Feature> = layer.features(Query::new()).try_collect().await.unwrap();
    assert_eq!(ids(&rows), (1..=3000).collect::<Vec<_>>());
    assert!(server.layer("squares").unwrap().quirks_fired()[0] > 0);
    // The four quarters that fit, and little else: what was split is not asked for again as a whole.
    let pages = server.requests_of(RequestKind::Features).len();
    assert!((4..=16).contains(&pages), "{pages}");
    // However deep it was split, ids are listed as often as where nothing is.
    let lists = |server: &Testkit| server.requests_of(RequestKind::Ids).len();
    let (plain, layer) = serve(sound()).await;
    let all: Vec<Feature> = layer.features(Query::new()).try_collect().await.unwrap();
    assert_eq!(all.len(), 3000);
    assert_eq!(lists(&server), lists(&plain));

    let (_server, layer) = serve(many().with_quirk(Quirk::BadRow(17, BadRow::Never))).await;
    let rows: Result<Vec<Feature>, _> = layer.features(Query::new()).try_collect().await;
    let error = rows.unwrap_err().to_string();
    assert!(error.contains("17"), "{error}");
}
