//! `ids`, `extent`, `values`, `stats`, `head`, `sample` and `related`.

use std::collections::BTreeSet;

use arcgis_testkit::{
    Ability, Field, FieldType, Geometry, GeometryType, Layer, Quirk, Relationship, RequestKind,
    Row, Service, Testkit, Vertex,
};
use serde_json::json;

use crate::run::{Desk, start, towns};

/// 30 kinds over 250 rows: more than the server gives at once.
fn wells() -> Layer {
    Layer::new("wells", GeometryType::Point)
        .with_field(Field::new("KIND", FieldType::String))
        .with_field(
            Field::new("STATE", FieldType::SmallInteger).with_domain(json!({
                "type": "codedValue", "name": "States",
                "codedValues": [{"code": 0, "name": "dry"}, {"code": 1, "name": "wet, mostly"}],
            })),
        )
        .with_field(Field::new("DUG", FieldType::Date))
        .with_max_record_count(7)
        .with_rows((0..250).map(|n: i64| {
            let row = Row::new()
                .with("KIND", format!("kind {:02}", n % 30))
                .with("DUG", n * 86_400_000)
                .at(Geometry::point((f64::from(n as i32) / 10.0, 47.0)));
            // Every tenth has no state.
            if n % 10 == 9 {
                row
            } else {
                row.with("STATE", n % 2)
            }
        }))
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn ids_are_all_there_beyond_one_answer() {
    let service = start(Testkit::builder().layer(wells().with_quirk(Quirk::IdsCap(40))));
    let desk = Desk::new();
    let url = service.layer_url("wells");
    let ran = desk.run(&["ids", &url]).ok();
    assert!(service.layer("wells").unwrap().quirks_fired()[0] > 0);
    let all: Vec<String> = (1..=250).map(|id| id.to_string()).collect();
    assert_eq!(lines(&ran.stdout), all);
    let ran = desk
        .run(&["ids", &url, "--where", "OBJECTID > 248", "--json"])
        .ok();
    assert_eq!(
        ran.json(),
        json!({ "layer": url, "count": 2, "objectIds": [249, 250] })
    );
    let none = desk.run(&["ids", &url, "--where", "OBJECTID < 0"]).ok();
    assert_eq!(none.stdout, "");
    desk.run(&["ids", &url, "--where", "NOPE = 1"])
        .fails(2, &["--where is to check"]);
}

#[test]
fn extents_surround_the_rows_that_are_chosen() {
    let service = start(
        Testkit::builder()
            .layer(towns())
            .layer(Layer::table("notes").with_row(Row::new())),
    );
    let desk = Desk::new();
    let url = service.layer_url("towns");
    // x is a tenth of the number, and POP ten times it.
    let ran = desk
        .run(&["extent", &url, "--where", "POP BETWEEN 100 AND 250"])
        .ok();
    assert_eq!(ran.stdout, "1,47,2.5,47\n");
    assert!(ran.stderr.contains("EPSG:4326"), "{ran:?}");
    let ran = desk
        .run(&[
            "extent", &url, "--out-sr", "3857", "--where", "POP = 0", "--json",
        ])
        .ok();
    let said = ran.json();
    assert_eq!(said["crs"], "EPSG:3857");
    // ln(tan(π/4 + 47°/2)) × 6378137
    let y = said["extent"]["ymin"].as_f64().unwrap();
    assert!((y - 5_942_074.072_431_4).abs() < 0.01, "{said}");
    let sent = service.requests_of(RequestKind::Extent);
    let out_sr = sent.last().unwrap().parameters().get("outSR").unwrap();
    assert!(out_sr.contains("3857"), "{out_sr}");
    let none = desk.run(&["extent", &url, "--where", "POP < 0"]).ok();
    assert_eq!(none.stdout, "");
    assert!(none.stderr.contains("no row has a place"), "{none:?}");
    desk.run(&["extent", &service.layer_url("notes")])
        .fails(2, &["no geometry"]);
}

#[test]
fn values_are_counted_beyond_one_answer() {
    let service = start(Testkit::builder().layer(wells()));
    let desk = Desk::new();
    let url = service.layer_url("wells");
    let said = desk.run(&["values", &url, "kind", "--json"]).ok().json();
    assert_eq!(said["fields"], json!(["KIND"]));
    let values = said["values"].as_array().unwrap();
    assert_eq!(values.len(), 30);
    assert!(service.requests_of(RequestKind::Statistics).len() > 4);
    for value in values {
        let kind = value["values"]["KIND"].as_str().unwrap();
        let number: u64 = kind.trim_start_matches("kind ").parse().unwrap();
        // 250 = 8 × 30 + 10
        assert_eq!(value["count"], if number < 10 { 9 } else { 8 }, "{kind}");
    }

    let ran = desk.run(&["values", &url, "STATE", "--csv"]).ok();
    assert_eq!(
        lines(&ran.stdout),
        [
            "STATE,STATE (label),Rows",
            "0,dry,125",
            "1,\"wet, mostly\",100",
            ",,25"
        ]
    );
    let ran = desk.run(&["values", &url, "STATE"]).ok();
    assert_eq!(
        lines(&ran.stdout),
        [
            "  STATE  STATE (label)  Rows",
            "  0      dry            125",
            "  1      wet, mostly    100",
            "  null                  25"
        ]
    );
    let some = ["--where", "KIND IN ('kind 00', 'kind 09')"];
    let ran = desk
        .run(&[&["values", &url, "KIND", "STATE", "--csv"][..], &some].concat())
        .ok();
    assert_eq!(
        lines(&ran.stdout),
        [
            "KIND,STATE,STATE (label),Rows",
            "kind 00,0,dry,9",
            "kind 09,,,9"
        ]
    );
}

#[test]
fn distinct_values_do_without_statistics() {
    let layer = wells().without(Ability::Statistics);
    let service = start(Testkit::builder().layer(layer));
    let desk = Desk::new();
    let url = service.layer_url("wells");
    desk.run(&["values", &url, "KIND"])
        .fails(2, &["statistics"]);
    let some = ["--where", "OBJECTID <= 3"];
    let ran = desk
        .run(
            &[
                &[
                    "values",
                    &url,
                    "KIND",
                    "STATE",
                    "DUG",
                    "--distinct",
                    "--csv",
                ][..],
                &some,
            ]
            .concat(),
        )
        .ok();
    assert_eq!(
        lines(&ran.stdout),
        [
            "KIND,STATE,STATE (label),DUG",
            "kind 00,0,dry,1970-01-01T00:00:00Z",
            "kind 01,1,\"wet, mostly\",1970-01-02T00:00:00Z",
            "kind 02,0,dry,1970-01-03T00:00:00Z"
        ]
    );
    desk.run(&["values", &url, "KIND", "STATE", "DUG"])
        .fails(2, &["--distinct"]);
}

#[test]
fn statistics_are_of_all_rows_or_of_groups() {
    let service = start(Testkit::builder().layer(wells()));
    let desk = Desk::new();
    let url = service.layer_url("wells");
    let ran = desk.run(&["stats", &url, "STATE", "DUG", "--csv"]).ok();
    // Of 225 states 100 are 1: the mean is 4/9, the sample's variance 100/225 × 125/224.
    let rows: Vec<Vec<&str>> = ran
        .stdout
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    assert_eq!(
        rows[0],
        ["Field", "count", "min", "max", "avg", "stddev", "sum"]
    );
    assert_eq!(rows[1][..4], ["STATE", "225", "0", "1"]);
    assert!((rows[1][4].parse::<f64>().unwrap() - 4.0 / 9.0).abs() < 1e-9);
    assert_eq!(
        rows[2],
        [
            "DUG",
            "250",
            "1970-01-01T00:00:00Z",
            "1970-09-07T00:00:00Z",
            "",
            "",
            ""
        ]
    );
    let said = desk
        .run(&["stats", &url, "STATE", "--of", "sum,p50", "--json"])
        .ok()
        .json();
    assert_eq!(said["statistics"]["STATE"]["sum"], 100);
    assert_eq!(said["statistics"]["STATE"]["p50"], 0);
    let sent = service.requests_of(RequestKind::Statistics);
    let asked = sent
        .last()
        .unwrap()
        .parameters()
        .get("outStatistics")
        .unwrap();
    assert!(asked.contains("PERCENTILE_CONT"), "{asked}");

    // 30 groups, in answers of 7.
    let said = desk
        .run(&[
            "stats",
            &url,
            "STATE",
            "--of",
            "count",
            "--group-by",
            "KIND",
            "--json",
        ])
        .ok()
        .json();
    let groups = said["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 30);
    assert_eq!(groups[9]["values"], json!({ "KIND": "kind 09" }));
    assert_eq!(groups[9]["statistics"], json!({ "STATE": { "count": 0 } }));
    let having = ["--group-by", "KIND", "--having", "COUNT(OBJECTID) > 8"];
    let ran = desk
        .run(&[&["stats", &url, "DUG", "--of", "min", "--csv"][..], &having].concat())
        .ok();
    let told = lines(&ran.stdout);
    assert_eq!(told.len(), 11, "{told:?}");
    assert_eq!(told[..2], ["KIND,min_DUG", "kind 00,1970-01-01T00:00:00Z"]);
    desk.run(&["stats", &url, "NOPE"]).fails(2, &["NOPE"]);
    let ran = desk.run(&["stats", &url, "DUG", "--of", "mean"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("stddev"), "{ran:?}");
}

#[test]
fn the_first_rows_are_shown() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let ran = desk
        .run(&["head", &url, "--fields", "NAME,POP", "--csv"])
        .ok();
    let told = lines(&ran.stdout);
    assert_eq!(told.len(), 11, "ten rows: {told:?}");
    assert_eq!(told[..2], ["NAME,POP,geometry", "Town 0,0,POINT (0 47)"]);
    assert_eq!(service.requests_of(RequestKind::Features).len(), 1);
    let most = [
        "--limit",
        "2",
        "--order-by",
        "POP DESC",
        "--no-geometry",
        "--csv",
    ];
    let ran = desk
        .run(&[&["head", &url, "--fields", "NAME"][..], &most].concat())
        .ok();
    assert_eq!(lines(&ran.stdout), ["NAME", "Town 249", "Town 248"]);
    let sent = service.requests_of(RequestKind::Features);
    let order = sent.last().unwrap().parameters().get("orderByFields");
    assert_eq!(order, Some("POP DESC,OBJECTID ASC"));
    // More than one answer holds.
    let ran = desk
        .run(&[
            "head",
            &url,
            "--limit",
            "230",
            "--fields",
            "NAME",
            "--no-geometry",
            "--csv",
        ])
        .ok();
    assert_eq!(ran.stdout.lines().count(), 231);
    let said = desk
        .run(&[
            "head", &url, "--limit", "1", "--where", "POP = 70", "--json",
        ])
        .ok()
        .json();
    assert_eq!(
        said["features"],
        json!([{
            "objectId": 8,
            "attributes": { "OBJECTID": 8, "NAME": "Town 7", "POP": 70 },
            "geometry": { "type": "Point", "coordinates": [0.7, 47.0] },
        }])
    );
    assert_eq!(said["spatialReference"]["wkid"], 4326);
    desk.run(&["head", &url, "--limit", "99999999999"])
        .fails(2, &["--limit"]);
    desk.run(&["head", &url, "--order-by", "NOPE"])
        .fails(2, &["NOPE"]);
}

#[test]
fn geometries_are_whole() {
    let ring = |at: f64, side: f64| {
        [
            (at, at),
            (at, at + side),
            (at + side, at + side),
            (at + side, at),
            (at, at),
        ]
        .map(|(x, y)| Vertex::xyz(x, y, 5.0))
    };
    let mut hole = ring(1.0, 1.0);
    hole.reverse();
    let areas = Layer::new("areas", GeometryType::Polygon)
        .with_z()
        .with_row(Row::new().at(Geometry::polygon([ring(0.0, 4.0), hole])))
        .with_row(Row::new().at(Geometry::polygon([ring(0.0, 1.0), ring(8.0, 1.0)])));
    let dots = Layer::new("dots", GeometryType::Multipoint)
        .with_row(Row::new().at(Geometry::multipoint([(1.0, 2.0), (3.5, 4.0)])))
        .with_row(Row::new());
    let lines_layer = Layer::new("ways", GeometryType::Polyline)
        .with_row(Row::new().at(Geometry::polyline([[(1.0, 2.0), (3.0, 4.0)]])));
    let service = start(
        Testkit::builder()
            .layer(areas)
            .layer(dots)
            .layer(lines_layer),
    );
    let desk = Desk::new();
    let csv = |name: &str| {
        let ran = desk.run(&["head", &service.layer_url(name), "--csv"]).ok();
        ran.stdout
    };
    assert_eq!(
        csv("dots"),
        "OBJECTID,geometry\n1,\"MULTIPOINT ((1 2), (3.5 4))\"\n2,\n"
    );
    assert_eq!(
        csv("ways"),
        "OBJECTID,geometry\n1,\"LINESTRING (1 2, 3 4)\"\n"
    );
    // Outer rings run counter-clockwise, holes the other way.
    let areas = csv("areas");
    assert!(
        areas.contains(
            "POLYGON Z ((0 0 5, 4 0 5, 4 4 5, 0 4 5, 0 0 5), (1 1 5, 1 2 5, 2 2 5, 2 1 5, 1 1 5))"
        ),
        "{areas}"
    );
    assert!(areas.contains("MULTIPOLYGON Z (((0 0 5, 1 0 5"), "{areas}");
    let said = desk
        .run(&["head", &service.layer_url("dots"), "--json"])
        .ok()
        .json();
    assert_eq!(
        said["features"][0]["geometry"],
        json!({ "type": "MultiPoint", "coordinates": [[1.0, 2.0], [3.5, 4.0]] })
    );
    assert_eq!(said["features"][1]["geometry"], json!(null));
}

#[test]
fn samples_are_chosen_by_their_seed() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let sample = |seed: &[&str]| {
        let args = [
            "sample",
            &url,
            "--where",
            "POP < 1000",
            "--limit",
            "20",
            "--json",
        ];
        let said = desk.run(&[&args[..], seed].concat()).ok().json();
        let ids: BTreeSet<i64> = said["features"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["objectId"].as_i64().unwrap())
            .collect();
        assert_eq!(ids.len(), 20);
        assert!(ids.iter().all(|id| (1..=100).contains(id)), "{ids:?}");
        (ids, said["seed"].as_u64().unwrap())
    };
    let (ids, seed) = sample(&[]);
    assert_eq!(sample(&["--seed", &seed.to_string()]), (ids.clone(), seed));
    assert_ne!(sample(&["--seed", &(seed + 1).to_string()]).0, ids);
    let ran = desk.run(&["sample", &url, "--limit", "3", "--csv"]).ok();
    assert_eq!(ran.stdout.lines().count(), 4);
    assert!(ran.stderr.contains("--seed "), "{ran:?}");
}

#[test]
fn related_rows_are_all_there_beyond_one_answer() {
    let parcels = Layer::new("parcels", GeometryType::Point)
        .with_field(Field::new("APN", FieldType::String))
        .with_rows((1..=60).map(|n| {
            Row::new()
                .with("APN", format!("p{n}"))
                .at(Geometry::point((1.0, 2.0)))
        }))
        .with_relationship(Relationship::new(3, "owners", 1, "APN", "PARCEL"))
        .with_relationship(Relationship::new(4, "visits", 2, "APN", "PARCEL"));
    let owners = Layer::table("owners")
        .with_field(Field::new("PARCEL", FieldType::String))
        .with_field(Field::new("NAME", FieldType::String))
        .with_max_record_count(7)
        .with_rows((0..100).map(|n| {
            Row::new()
                .with("PARCEL", format!("p{}", n % 40 + 1))
                .with("NAME", format!("owner {n}"))
        }));
    let visits = Layer::table("visits").with_field(Field::new("PARCEL", FieldType::String));
    let service = start(
        Testkit::builder().service(
            Service::new("cadastre")
                .with_layer(parcels)
                .with_layer(owners)
                .with_layer(visits),
        ),
    );
    let desk = Desk::new();
    let url = format!("{}/0", service.service_url("cadastre"));
    desk.run(&["related", &url])
        .fails(2, &["several relationships", "3 (owners)", "4 (visits)"]);
    desk.run(&["related", &url, "--relationship", "nope"])
        .fails(2, &["nope", "3 (owners)"]);
    let owners = ["related", &url, "--relationship", "owners"];
    let said = desk.run(&[&owners[..], &["--json"]].concat()).ok().json();
    let groups = said["relatedRecordGroups"].as_array().unwrap();
    assert_eq!(groups.len(), 40);
    let records: usize = groups
        .iter()
        .map(|group| group["relatedRecords"].as_array().unwrap().len())
        .sum();
    assert_eq!(records, 100);
    assert_eq!(said["relationship"], json!({ "id": 3, "name": "owners" }));
    let some = [
        "--object-ids",
        "2,41,3",
        "--fields",
        "NAME",
        "--related-where",
        "NAME <> 'owner 2'",
        "--csv",
    ];
    let ran = desk.run(&[&owners[..], &some].concat()).ok();
    assert_eq!(
        lines(&ran.stdout),
        [
            "Of,NAME",
            "2,owner 1",
            "2,owner 41",
            "2,owner 81",
            "3,owner 42",
            "3,owner 82"
        ]
    );
    // A table has no relationship of its own.
    desk.run(&["related", &format!("{}/1", service.service_url("cadastre"))])
        .fails(2, &["no relationships"]);
}

#[test]
fn rows_are_leafed_through_and_polygons_seen_by_their_centroids() {
    let squares = Layer::new("squares", GeometryType::Polygon)
        .with_field(Field::new("RANK", FieldType::Integer))
        .with_max_record_count(4)
        .with_rows((1..=9).map(|n: i32| {
            let at = f64::from(n) * 10.0;
            let ring = [(0, 0), (0, 2), (4, 2), (4, 0), (0, 0)];
            let corner = |(x, y): (i32, i32)| (at + f64::from(x), at + f64::from(y));
            Row::new()
                .with("RANK", 10 - n)
                .at(Geometry::polygon([ring.map(corner)]))
        }));
    let service = start(Testkit::builder().layer(squares));
    let desk = Desk::new();
    let url = service.layer_url("squares");
    let ran = desk
        .run(&["head", &url, "--centroid", "--limit", "2", "--csv"])
        .ok();
    assert_eq!(
        lines(&ran.stdout),
        [
            "OBJECTID,RANK,geometry",
            "1,9,POINT (12 11)",
            "2,8,POINT (22 21)"
        ]
    );
    let ran = desk
        .run(&[
            "head",
            &url,
            "--envelope",
            "--order-by",
            "RANK",
            "--offset",
            "1",
            "--limit",
            "6",
            "--csv",
        ])
        .ok();
    let ranks: Vec<&str> = lines(&ran.stdout)
        .iter()
        .skip(1)
        .filter_map(|line| line.split(',').nth(1))
        .collect();
    assert_eq!(ranks, ["2", "3", "4", "5", "6", "7"]);
    let sent = service.requests_of(RequestKind::Features);
    assert!(sent.iter().any(|request| {
        let of = |name| request.parameters().get(name);
        of("returnEnvelope") == Some("true") && of("resultOffset") == Some("5")
    }));
    let ran = desk
        .run(&[
            "sample",
            &url,
            "--quantize",
            "8",
            "--seed",
            "1",
            "--limit",
            "9",
            "--json",
        ])
        .ok();
    let features = ran.json()["features"].as_array().unwrap().clone();
    assert_eq!(features.len(), 9);
    let sent = service.requests_of(RequestKind::Features);
    let grid = sent
        .last()
        .unwrap()
        .parameters()
        .get("quantizationParameters");
    assert!(grid.unwrap().contains("\"tolerance\":8"), "{grid:?}");

    let ran = desk.run(&["count", &url, "--sql-format", "standard"]).ok();
    assert_eq!(ran.stdout, "9\n");
    let sent = service.requests_of(RequestKind::Count);
    assert_eq!(
        sent.last().unwrap().parameters().get("sqlFormat"),
        Some("standard")
    );
    desk.run(&["count", &url, "--sql-format", "oracle"])
        .fails(2, &["neither standard nor native"]);
    desk.run(&["head", &url, "--centroid", "--no-geometry"])
        .fails(2, &["cannot be used with"]);
    desk.run(&["head", &url, "--multipatch-footprint"])
        .fails(2, &["--multipatch-footprint", "no multipatches"]);
}
