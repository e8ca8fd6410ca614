//! Filters, groups, related records and discovery against a service of another making.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;

use arcgis_auth_http::ArcGisClient;
use arcgis_layer::arcgis_auth_core::{Transport, Url};
use arcgis_layer::{
    Aggregation, Condition, Crawl, Discovery, Layer, Query, ResourceAddress, SpatialFilter,
    SpatialReference, SpatialRelation, Statistic, StatisticType,
};
use arcgis_testkit::{
    Ability, Field, FieldType, Geometry, GeometryType, Item, Layer as Served, Quirk, Relationship,
    Row, Service, Testkit,
};
use futures_util::TryStreamExt;
use geo_types::{LineString, Polygon};
use serde_json::{Value, json};

fn client() -> Arc<dyn Transport> {
    Arc::new(ArcGisClient::builder().retries(0).build().unwrap())
}

/// 900 points of a grid, of an owner and a kind each, with dates an hour apart.
fn points() -> Served {
    let row = |i: i64| {
        let (x, y) = (i % 30, i / 30);
        let row = Row::new()
            .with("OWNER", format!("o'{}", i * 7 % 53))
            .with("WHEN_", 1_700_000_000_000 + i * 3_600_000)
            .at(Geometry::point((x as f64, y as f64)));
        if i % 11 == 0 {
            row
        } else {
            row.with("KIND", i % 17)
        }
    };
    Served::new("points", GeometryType::Point)
        .with_wkid(3857)
        .with_field(Field::new("OWNER", FieldType::String))
        .with_field(Field::new("KIND", FieldType::Integer))
        .with_field(Field::new("WHEN_", FieldType::Date))
        .with_max_record_count(20)
        .with_rows((0..900).map(row))
}

async fn serve(layer: Served) -> (Testkit, Layer) {
    let server = Testkit::builder().layer(layer).start().await.unwrap();
    let address = server.layer_url("points").parse().unwrap();
    let layer = Layer::open(client(), address).await.unwrap();
    (server, layer)
}

async fn ids(layer: &Layer, query: Query) -> Vec<i64> {
    let rows: Vec<_> = layer.features(query).try_collect().await.unwrap();
    rows.iter().filter_map(|row| row.object_id).collect()
}

#[tokio::test]
async fn conditions_select_what_they_say() {
    let (_server, layer) = serve(points()).await;
    let date =
        |i: i64| jiff::Timestamp::from_millisecond(1_700_000_000_000 + i * 3_600_000).unwrap();
    let owner = |i: i64| format!("o'{}", i * 7 % 53);
    type Meets = Box<dyn Fn(i64) -> bool>;
    let cases: Vec<(Condition, Meets)> = vec![
        (
            Condition::equal("owner", "o'5"),
            Box::new(move |i| owner(i) == "o'5"),
        ),
        (Condition::is_null("KIND"), Box::new(|i| i % 11 == 0)),
        (
            Condition::one_of("KIND", [Some(3), None]),
            Box::new(|i| i % 11 == 0 || i % 17 == 3),
        ),
        (
            Condition::between("WHEN_", date(10), date(19)),
            Box::new(|i| (10..20).contains(&i)),
        ),
        (
            Condition::starts_with("OWNER", "o'1"),
            Box::new(move |i| owner(i).starts_with("o'1")),
        ),
        (
            Condition::equal("KIND", 3)
                .negate()
                .and(Condition::less("WHEN_", date(100))),
            // Neither true nor false where there is no kind.
            Box::new(|i| i % 11 != 0 && i % 17 != 3 && i < 100),
        ),
        (Condition::one_of("OWNER", [""; 0]), Box::new(|_| false)),
    ];
    for (condition, meets) in cases {
        // Object ids are counted from 1.
        let wanted: Vec<i64> = (0..900).filter(|&i| meets(i)).map(|i| i + 1).collect();
        let found = ids(&layer, Query::new().with_where(condition.clone())).await;
        assert_eq!(found, wanted, "{condition:?}");
    }
    let many: Vec<i64> = (1..=900)
        .filter(|id| id % 3 == 0)
        .chain(5000..7000)
        .collect();
    let found = ids(&layer, Query::new().with_object_ids(many.clone())).await;
    assert_eq!(found, many[..300]);
}

/// Whether a point is in a polygon, by crossings of a ray.
fn contains(ring: &[(f64, f64)], x: f64, y: f64) -> bool {
    let mut inside = false;
    for pair in ring.windows(2) {
        let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
        if (ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax {
            inside = !inside;
        }
    }
    inside
}

#[tokio::test]
async fn a_polygon_selects_the_same_in_one_part_and_in_many() {
    let (server, layer) = serve(points()).await;
    let ring: Vec<(f64, f64)> = (0..=400)
        .map(|i| {
            let angle = f64::from(i % 400) / 400.0 * std::f64::consts::TAU;
            let radius = 9.3 + 3.1 * (angle * 7.0).sin();
            (14.37 + radius * angle.cos(), 13.21 + radius * angle.sin())
        })
        .collect();
    let wanted: Vec<i64> = (0..900)
        .filter(|i| contains(&ring, (i % 30) as f64, (i / 30) as f64))
        .map(|i| i + 1)
        .collect();
    assert!(wanted.len() > 150);
    let polygon = Polygon::new(LineString::from(ring), vec![]);
    let filter = SpatialFilter::new(polygon)
        .unwrap()
        .with_in_sr(SpatialReference::from_wkid(3857));
    for (most, parts) in [(1000, 1), (64, 7)] {
        let filter = filter.clone().with_most_positions(most);
        assert!(filter.parts() >= parts);
        let query = Query::new().with_spatial_filter(filter);
        assert_eq!(ids(&layer, query.clone()).await, wanted);
        // With a condition beside it.
        let some = ids(&layer, query.with_where("KIND = 3")).await;
        let both: Vec<i64> = wanted
            .iter()
            .copied()
            .filter(|id| (id - 1) % 17 == 3 && (id - 1) % 11 != 0)
            .collect();
        assert_eq!(some, both);
    }
    let contained =
        Query::new().with_spatial_filter(filter.with_relation(SpatialRelation::Contains));
    assert_eq!(ids(&layer, contained).await, wanted);
    drop(server);
}

#[tokio::test]
async fn t42_groups_of_a_service_of_another_making_are_whole() {
    let truth = |by_owner: bool| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for i in 0..900_i64 {
            let key = if by_owner {
                json!(format!("o'{}", i * 7 % 53))
            } else if i % 11 == 0 {
                Value::Null
            } else {
                json!(i % 17)
            };
            *counts.entry(key.to_string()).or_insert(0) += 1;
        }
        counts
    };
    for served in [
        points(),
        points().without(Ability::StatisticsPagination),
        points()
            .without(Ability::StatisticsPagination)
            .with_max_record_count(3),
        points().with_max_record_count(1000),
    ] {
        let (_server, layer) = serve(served).await;
        let query = Query::new().resolve(layer.info()).unwrap();
        for (field, by_owner) in [("OWNER", true), ("kind", false)] {
            let counts = layer.value_counts(&query, field).await.unwrap();
            let found: BTreeMap<String, u64> = counts
                .iter()
                .map(|count| (count.values[0].to_string(), count.rows))
                .collect();
            assert_eq!(found, truth(by_owner));
        }
        let some = Query::new()
            .with_where("KIND = 3")
            .resolve(layer.info())
            .unwrap();
        let latest =
            Aggregation::by(["KIND"]).with_statistics([Statistic::new(StatisticType::Max, "KIND")]);
        let groups = layer.aggregate(&some, &latest).await.unwrap();
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].statistics[0].as_f64(), Some(3.0));
    }
}

#[tokio::test]
async fn related_records_of_a_service_of_another_making_are_whole() {
    let wells = Served::new("wells", GeometryType::Point)
        .with_field(Field::new("CODE", FieldType::String))
        .with_rows((1..=60).map(|i| {
            Row::new()
                .with("CODE", format!("c{i}"))
                .at(Geometry::point((1.0, 2.0)))
        }))
        .with_relationship(Relationship::new(3, "visits", 1, "CODE", "WELL"));
    let visits = Served::table("visits")
        .with_field(Field::new("WELL", FieldType::String))
        .with_max_record_count(7)
        .with_rows((0..400).map(|i| Row::new().with("WELL", format!("c{}", i % 45 + 1))));
    let server = Testkit::builder()
        .service(Service::new("water").with_layer(wells).with_layer(visits))
        .start()
        .await
        .unwrap();
    let service: Url = server.service_url("water").parse().unwrap();
    let layer = Layer::open(client(), format!("{service}/0").parse().unwrap())
        .await
        .unwrap();
    let related = layer.related_layer(3).await.unwrap();
    assert_eq!(related.info().name, "visits");
    let all: Vec<i64> = (1..=60).collect();
    let found = layer
        .related_records(3, &all, &related, &Query::new())
        .await
        .unwrap();
    let numbers: BTreeMap<i64, Vec<i64>> = found
        .iter()
        .map(|group| {
            (
                group.object_id,
                group
                    .records
                    .iter()
                    .filter_map(|row| row.object_id)
                    .collect(),
            )
        })
        .collect();
    let mut wanted: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for i in 0..400 {
        wanted.entry(i % 45 + 1).or_default().push(i + 1);
    }
    assert_eq!(numbers, wanted);
}

#[tokio::test]
async fn items_and_directories_of_a_service_of_another_making_are_understood() {
    const ID: &str = "0123456789abcdef0123456789abcdef";
    let server = Testkit::builder()
        .layer(points())
        .item(
            Item::new(ID, "Feature Service", "Points").with_url("{services}/points/FeatureServer"),
        )
        .start()
        .await
        .unwrap();
    let listed = Crawl::new(client())
        .with_counts()
        .run(ResourceAddress::parse(&server.services_url()).unwrap())
        .await;
    assert_eq!(listed.errors().count(), 0, "{listed:?}");
    let layers: Vec<(&str, Option<u64>)> = listed
        .layers()
        .map(|layer| (layer.name.as_str(), layer.count))
        .collect();
    assert!(layers.contains(&("points", Some(900))), "{layers:?}");
    let portal: Url = server.portal_url().parse().unwrap();
    let portal = match portal.path().trim_end_matches('/') {
        path if path.ends_with("/rest") => portal.clone(),
        path => {
            let path = format!("{path}/sharing/rest");
            let mut portal = portal.clone();
            portal.set_path(&path);
            portal
        }
    };
    match Discovery::find(&*client(), ID, Some(&portal)).await {
        Ok(found) => {
            let layer = found.into_layer(&*client(), None).await.unwrap();
            assert!(layer.to_string().ends_with("/FeatureServer/0"), "{layer}");
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn curves_that_are_sent_all_the_same_become_lines() {
    let half_disc = json!({"curveRings": [[[5, 0], [-5, 0], {"c": [[5, 0], [0, 5]]}]]});
    let straight = [[(5.0, 0.0), (-5.0, 0.0), (0.0, 5.0), (5.0, 0.0)]];
    for quirk in [false, true] {
        let served = Served::new("points", GeometryType::Polygon)
            .without(Ability::Pbf)
            .with_wkid(3857)
            .with_row(
                Row::new()
                    .at(Geometry::polygon(straight))
                    .with_curves(&half_disc),
            );
        let served = if quirk {
            served.with_quirk(Quirk::SendsCurves)
        } else {
            served
        };
        let (server, layer) = serve(served).await;
        let rows: Vec<_> = layer.features(Query::new()).try_collect().await.unwrap();
        let Some(geo_types::Geometry::Polygon(polygon)) = &rows[0].geometry else {
            panic!("{:?}", rows[0].geometry);
        };
        let corners: Vec<(f64, f64)> = polygon.exterior().points().map(|at| at.x_y()).collect();
        let area: f64 = corners
            .windows(2)
            .map(|pair| pair[0].0 * pair[1].1 - pair[1].0 * pair[0].1)
            .sum::<f64>()
            / 2.0;
        // The server's own lines where it keeps to returnTrueCurves=false; else half of π·25.
        let wanted = if quirk {
            12.5 * std::f64::consts::PI
        } else {
            25.0
        };
        assert!((area - wanted).abs() < 0.01, "{area}");
        let asked = server.requests();
        assert!(
            asked
                .iter()
                .any(|request| format!("{request:?}").contains("returnTrueCurves")),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn estimates_are_what_the_server_says() {
    let served = Served::new("points", GeometryType::Point)
        .with_rows((0..17).map(|n| Row::new().at(Geometry::point((f64::from(n), 2.0)))));
    let (server, layer) = serve(served).await;
    let estimates = layer.estimates().await.unwrap();
    // The testkit reckons in tens.
    assert_eq!(estimates.count, Some(20));
    let bbox = estimates.extent.unwrap().bbox;
    assert_eq!((bbox.xmin, bbox.xmax, bbox.ymin), (0.0, 16.0, 2.0));
    let asked = server.requests();
    assert!(
        asked.last().unwrap().path().ends_with("/0/getEstimates"),
        "{asked:?}"
    );
}
