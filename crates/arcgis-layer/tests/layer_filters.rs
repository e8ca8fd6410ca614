//! Every filter and option of a query: what fits the layer, what does not, and how it goes over the wire.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use arcgis_layer::arcgis_auth_core::Request;
use arcgis_layer::{
    Bbox, Comparison, Condition, DistanceUnit, LayerAddress, LayerInfo, Literal, Query, QueryError,
    SpatialFilter, SpatialReference, SpatialRelation, SqlFormat, TimeFilter, to_curl,
};
use geo_types::{Coord, Geometry, LineString, MultiPolygon, Point, Polygon, polygon};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const LAYER: &str = "https://host.example/arcgis/rest/services/Wells/FeatureServer/0";

fn document() -> Value {
    json!({
        "type": "Feature Layer", "geometryType": "esriGeometryPoint", "objectIdField": "OBJECTID",
        "sourceSpatialReference": {"wkid": 2056},
        "fields": [
            {"name": "OBJECTID", "type": "esriFieldTypeOID"},
            {"name": "NAME", "type": "esriFieldTypeString"},
            {"name": "DEPTH", "type": "esriFieldTypeDouble"},
            {"name": "COUNT_", "type": "esriFieldTypeInteger"},
            {"name": "WHEN_", "type": "esriFieldTypeDate"},
            {"name": "DAY", "type": "esriFieldTypeDateOnly"},
            {"name": "CLOCK", "type": "esriFieldTypeTimeOnly"},
            {"name": "STAMP", "type": "esriFieldTypeTimestampOffset"},
            {"name": "GUID", "type": "esriFieldTypeGUID"},
            {"name": "odd \"name", "type": "esriFieldTypeString"},
            {"name": "db.wells.OWNER", "type": "esriFieldTypeString"},
            {"name": "EDITED", "type": "esriFieldTypeDate"}
        ],
        "editFieldsInfo": {"editDateField": "edited"},
        "timeInfo": {"startTimeField": "WHEN_"},
        "uniqueIdInfo": {"type": "composite", "fields": ["NAME", "COUNT_"]},
        "dateFieldsTimeReference": {"timeZoneIANA": "America/New_York", "respectsDaylightSaving": true},
        "archivingInfo": {"supportsQueryWithHistoricMoment": true},
        "advancedQueryCapabilities": {"supportsFullTextSearch": true, "supportsQueryWithDistance": true}
    })
}

fn info(change: impl FnOnce(&mut Value)) -> LayerInfo {
    let mut document = document();
    change(&mut document);
    LayerInfo::from_json(document.to_string().as_bytes()).unwrap()
}

fn layer() -> LayerInfo {
    info(|_| ())
}

fn sql(condition: Condition) -> String {
    condition.to_sql(&layer()).unwrap()
}

fn refused(condition: Condition) -> String {
    condition.to_sql(&layer()).unwrap_err().to_string()
}

fn shown(request: &Request) -> BTreeMap<String, String> {
    request
        .shown_params()
        .map(|(name, value)| (name.to_owned(), value.unwrap().to_owned()))
        .collect()
}

/// The parameters of the count and of a page, which must both have the filter.
fn wire(query: Query, info: &LayerInfo) -> BTreeMap<String, String> {
    let address: LayerAddress = LAYER.parse().unwrap();
    let query = query.resolve(info).unwrap();
    let filter = shown(&query.filter_request(&address));
    let page = shown(&query.page_request(&address));
    for (name, value) in &filter {
        assert_eq!(page.get(name), Some(value), "{name}");
    }
    page
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn values_suit_the_type_of_their_field() {
    use Condition as C;
    for (condition, wanted) in [
        (C::equal("name", "O'Brien"), "NAME = 'O''Brien'"),
        (
            C::equal("objectid", i64::MAX),
            "OBJECTID = 9223372036854775807",
        ),
        (C::less("DEPTH", 1.5), "DEPTH < 1.5"),
        (C::equal("NAME", Literal::Null), "NAME IS NULL"),
        (
            C::compare("NAME", Comparison::NotEqual, None::<i64>),
            "NAME IS NOT NULL",
        ),
        (C::between("COUNT_", 1, 9), "COUNT_ BETWEEN 1 AND 9"),
        (C::one_of("COUNT_", [3, 1]), "COUNT_ IN (3,1)"),
        (
            C::one_of("COUNT_", [Some(3), None]),
            "COUNT_ IN (3) OR COUNT_ IS NULL",
        ),
        (C::one_of("COUNT_", [0_i64; 0]), "1=0"),
        (
            C::starts_with("NAME", "50%_!"),
            "NAME LIKE '50!%!_!!%' ESCAPE '!'",
        ),
        (C::contains("NAME", "it's"), "NAME LIKE '%it''s%'"),
        (C::ends_with("NAME", "x").negate(), "NOT (NAME LIKE '%x')"),
        (C::equal("odd \"name", "x"), "\"odd \"\"name\" = 'x'"),
        (C::is_null("db.wells.owner"), "db.wells.OWNER IS NULL"),
        (
            C::equal("GUID", "0b6a2f3c-11a1-4d5e-9a53-0123456789ab"),
            "GUID = '{0B6A2F3C-11A1-4D5E-9A53-0123456789AB}'",
        ),
        (
            C::equal("DAY", jiff::civil::date(2018, 6, 5)),
            "DAY = DATE '2018-06-05'",
        ),
        (
            C::equal("CLOCK", jiff::civil::time(14, 35, 0, 0)),
            "CLOCK = TIME '14:35:00'",
        ),
        (
            C::equal("STAMP", moment("2018-06-05T22:35:00Z")),
            "STAMP = TIMESTAMP '2018-06-05 22:35:00 +00:00'",
        ),
        (C::all([]), "1=1"),
        (C::any([]), "1=0"),
        (
            C::equal("COUNT_", 1).or("A = 2").and(C::is_null("NAME")),
            "((COUNT_ = 1) OR (A = 2)) AND (NAME IS NULL)",
        ),
    ] {
        assert_eq!(sql(condition), wanted);
    }
    for (condition, what) in [
        (C::equal("Ghost", 1), "no field Ghost"),
        (C::equal("NAME", 1), "does not suit"),
        (C::equal("DEPTH", "1 OR 1=1"), "does not suit"),
        (C::equal("DEPTH", f64::NAN), "no literal"),
        (C::less("NAME", Literal::Null), "less or greater"),
        (C::between("COUNT_", 1, Literal::Null), "IS NULL"),
        (C::contains("DEPTH", "1"), "no text"),
        (C::equal("GUID", "x' OR '1'='1"), "no GUID"),
        (
            C::equal("DAY", moment("2018-06-05T22:35:00Z")),
            "does not suit",
        ),
        (C::equal("NAME", "a\0b"), "zero byte"),
        (C::sql("A = 1) OR (B = 2"), "parenthesis"),
        (C::sql("A = 1 -- x"), "comment"),
    ] {
        let problem = refused(condition);
        assert!(problem.contains(what), "{problem}");
    }
}

#[test]
fn long_lists_are_cut() {
    let text = sql(Condition::one_of("COUNT_", 0..2500_i64));
    let lists: Vec<&str> = text.split(" OR ").collect();
    assert_eq!(lists.len(), 3);
    let ids: Vec<i64> = lists
        .iter()
        .flat_map(|list| {
            let inner = list
                .strip_prefix("COUNT_ IN (")
                .unwrap()
                .strip_suffix(')')
                .unwrap();
            assert!(inner.split(',').count() <= 1000);
            inner
                .split(',')
                .map(|id| id.parse::<i64>().unwrap())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(ids, (0..2500).collect::<Vec<_>>());
}

#[test]
fn moments_are_written_in_the_zone_of_the_layer() {
    let winter = moment("2024-01-15T12:00:00Z");
    let summer = moment("2024-07-15T12:00:00.250Z");
    let text = |info: &LayerInfo, field: &str, moment: Timestamp| {
        Condition::at_least(field, moment).to_sql(info)
    };
    let new_york = layer();
    assert_eq!(
        text(&new_york, "WHEN_", winter).unwrap(),
        "WHEN_ >= TIMESTAMP '2024-01-15 07:00:00'"
    );
    assert_eq!(
        text(&new_york, "WHEN_", summer).unwrap(),
        "WHEN_ >= TIMESTAMP '2024-07-15 08:00:00.250'"
    );
    // Fields of editor tracking are in UTC.
    assert_eq!(
        text(&new_york, "edited", winter).unwrap(),
        "EDITED >= TIMESTAMP '2024-01-15 12:00:00'"
    );
    let zone = |zone: Value| info(|document| document["dateFieldsTimeReference"] = zone);
    let standard =
        zone(json!({"timeZoneIANA": "America/New_York", "respectsDaylightSaving": false}));
    assert_eq!(
        text(&standard, "WHEN_", summer).unwrap(),
        "WHEN_ >= TIMESTAMP '2024-07-15 07:00:00.250'"
    );
    let windows =
        zone(json!({"timeZone": "Pacific Standard Time", "respectsDaylightSaving": true}));
    assert_eq!(
        text(&windows, "WHEN_", winter).unwrap(),
        "WHEN_ >= TIMESTAMP '2024-01-15 04:00:00'"
    );
    let none = info(|document| document["dateFieldsTimeReference"] = Value::Null);
    assert_eq!(
        text(&none, "WHEN_", winter).unwrap(),
        "WHEN_ >= TIMESTAMP '2024-01-15 12:00:00'"
    );
    let odd = zone(json!({"timeZone": "Atlantis Standard Time"}));
    assert!(
        text(&odd, "WHEN_", winter)
            .unwrap_err()
            .to_string()
            .contains("Atlantis")
    );
    let unknown = info(|document| document["datesInUnknownTimezone"] = json!(true));
    assert!(text(&unknown, "WHEN_", winter).is_err());
}

#[test]
fn hours_that_clocks_skip_or_show_twice_are_refused() {
    // In New York clocks went from 2:00 to 3:00 on 10 March 2024, and from 2:00 back to 1:00 on 3 November.
    let local = |month, day, hour| jiff::civil::date(2024, month, day).at(hour, 30, 0, 0);
    let of = |value: Literal<'static>| Condition::at_least("WHEN_", value).to_sql(&layer());
    assert!(
        of(local(3, 10, 2).into())
            .unwrap_err()
            .to_string()
            .contains("never show")
    );
    assert!(
        of(local(11, 3, 1).into())
            .unwrap_err()
            .to_string()
            .contains("twice")
    );
    for twice in ["2024-11-03T05:30:00Z", "2024-11-03T06:30:00Z"] {
        assert!(
            of(moment(twice).into())
                .unwrap_err()
                .to_string()
                .contains("twice")
        );
    }
    for (good, wanted) in [
        (Literal::from(local(3, 10, 3)), "2024-03-10 03:30:00"),
        (moment("2024-03-10T06:30:00Z").into(), "2024-03-10 01:30:00"),
        (moment("2024-03-10T07:30:00Z").into(), "2024-03-10 03:30:00"),
        (moment("2024-11-03T04:30:00Z").into(), "2024-11-03 00:30:00"),
        (moment("2024-11-03T07:30:00Z").into(), "2024-11-03 02:30:00"),
    ] {
        assert_eq!(of(good).unwrap(), format!("WHEN_ >= TIMESTAMP '{wanted}'"));
    }
}

/// The text literals of a condition, read as SQL has them: an oracle of its own.
fn literals(sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut letters = sql.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\'' {
            continue;
        }
        let mut text = String::new();
        loop {
            match letters.next() {
                Some('\'') if letters.peek() == Some(&'\'') => {
                    letters.next();
                    text.push('\'');
                }
                Some('\'') => break,
                Some(other) => text.push(other),
                None => panic!("{sql} does not end"),
            }
        }
        found.push(text);
    }
    found
}

/// What is outside the literals.
fn around(sql: &str) -> String {
    let mut outside = String::new();
    let mut inside = false;
    for letter in sql.chars() {
        if letter == '\'' {
            inside = !inside;
        } else if !inside {
            outside.push(letter);
        }
    }
    outside
}

proptest! {
    #[test]
    fn t50_no_text_breaks_out_of_its_literal(
        text in prop_oneof!["[^\0]*", "['%_!\\\\\"();\\- ]{0,12}", "'( OR |--|;|/\\*|')*'?"],
    ) {
        let condition = sql(Condition::equal("NAME", text.clone()).and(Condition::equal("COUNT_", 1)));
        prop_assert_eq!(literals(&condition), vec![text.clone()]);
        prop_assert_eq!(around(&condition), "(NAME = ) AND (COUNT_ = 1)");

        let like = sql(Condition::contains("NAME", &text));
        let found = literals(&like);
        let escape = around(&like).contains("ESCAPE");
        prop_assert_eq!(around(&like), if escape { "NAME LIKE  ESCAPE " } else { "NAME LIKE " });
        // A reader of LIKE patterns: what is not escaped is a wildcard.
        let pattern = found[0].strip_prefix('%').unwrap().strip_suffix('%').unwrap();
        let mut read = String::new();
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            if escape && letter == '!' {
                read.push(letters.next().unwrap());
            } else {
                prop_assert!(!matches!(letter, '%' | '_'));
                read.push(letter);
            }
        }
        prop_assert_eq!(read, text);
    }
}

#[test]
fn each_option_goes_with_count_and_page() {
    let page = wire(
        Query::new()
            .with_where(Condition::equal("NAME", "x"))
            .with_object_ids([3, 9_007_199_254_740_993])
            .with_time(TimeFilter::between(
                moment("2024-01-01T00:00:00Z"),
                moment("2024-01-02T00:00:00Z"),
            ))
            .with_historic_moment(moment("2024-01-01T00:00:00Z"))
            .with_gdb_version("SDE.DEFAULT")
            .with_sql_format(SqlFormat::Standard)
            .with_full_text(json!([{"onFields": ["NAME"], "searchTerm": "x"}]))
            .with_cache_hint()
            .with_out_sr(SpatialReference::from_wkid(4326))
            .with_datum_transformation("1234")
            .with_geometry_precision(3)
            .with_param("rangeValues", "[]"),
        &layer(),
    );
    for (name, value) in [
        (
            "where",
            "(NAME = 'x') AND (OBJECTID IN (3,9007199254740993))",
        ),
        ("time", "1704067200000,1704153600000"),
        ("historicMoment", "1704067200000"),
        ("gdbVersion", "SDE.DEFAULT"),
        ("sqlFormat", "standard"),
        ("fullText", r#"[{"onFields":["NAME"],"searchTerm":"x"}]"#),
        ("cacheHint", "true"),
        ("outSR", "4326"),
        ("datumTransformation", "1234"),
        ("geometryPrecision", "3"),
        ("rangeValues", "[]"),
    ] {
        assert_eq!(page.get(name).map(String::as_str), Some(value), "{name}");
    }
    let mut heights = SpatialReference::from_wkid(4326);
    heights.vcs_wkid = Some(5773);
    let page = wire(Query::new().with_out_sr(heights), &layer());
    assert_eq!(page["outSR"], r#"{"vcsWkid":5773,"wkid":4326}"#);

    let page = wire(
        Query::new().with_composite_unique_ids([["a'b", "1"], ["c", "2"]]),
        &layer(),
    );
    assert_eq!(
        page["where"],
        "((NAME = 'a''b') AND (COUNT_ = 1)) OR ((NAME = 'c') AND (COUNT_ = 2))"
    );
    let simple = info(|document| document["uniqueIdInfo"]["fields"] = json!(["NAME"]));
    let page = wire(Query::new().with_unique_ids(["a", "b"]), &simple);
    assert_eq!(page["where"], "NAME IN ('a','b')");

    let patches = info(|document| document["geometryType"] = json!("esriGeometryMultiPatch"));
    let page = wire(Query::new().with_multipatch_footprint(), &patches);
    assert_eq!(page["multipatchOption"], "xyFootprint");
    let page = wire(Query::new().with_object_ids([]), &layer());
    assert_eq!(page["where"], "1=0");
}

#[test]
fn time_filters_are_moments_spans_and_open_spans() {
    let at = moment("2024-01-01T00:00:00.5Z");
    for (filter, wanted) in [
        (TimeFilter::at(at), "1704067200500"),
        (TimeFilter::since(at), "1704067200500,null"),
        (TimeFilter::until(at), "null,1704067200500"),
    ] {
        assert_eq!(
            wire(Query::new().with_time(filter), &layer())["time"],
            wanted
        );
    }
    let unknown = info(|document| document["datesInUnknownTimezone"] = json!(true));
    let page = wire(Query::new().with_time(TimeFilter::at(at)), &unknown);
    assert_eq!(page["timeReferenceUnknownClient"], "true");
    let timeless = info(|document| document["timeInfo"] = Value::Null);
    let error = Query::new()
        .with_time(TimeFilter::at(at))
        .resolve(&timeless)
        .unwrap_err();
    assert!(error.to_string().contains("ignore"), "{error}");
    let backwards = TimeFilter::between(at, moment("2023-01-01T00:00:00Z"));
    assert!(Query::new().with_time(backwards).resolve(&layer()).is_err());
}

#[test]
fn what_the_layer_cannot_do_is_refused_with_the_name_of_the_ability() {
    let without = |name: &str| {
        info(|document| document["advancedQueryCapabilities"] = json!({ name: false }))
    };
    let near = || {
        SpatialFilter::new(Point::new(7.0, 47.0))
            .unwrap()
            .with_distance(1.0, DistanceUnit::Meter)
    };
    let no_archive = info(|document| {
        document["archivingInfo"] = json!({"supportsQueryWithHistoricMoment": false});
    });
    let table = info(|document| document["geometryType"] = Value::Null);
    for (query, info, what) in [
        (
            Query::new().with_spatial_filter(near()),
            without("supportsQueryWithDistance"),
            "supportsQueryWithDistance",
        ),
        (
            Query::new().with_historic_moment(moment("2024-01-01T00:00:00Z")),
            no_archive,
            "supportsQueryWithHistoricMoment",
        ),
        (
            Query::new().with_full_text(json!([{}])),
            without("supportsFullTextSearch"),
            "supportsFullTextSearch",
        ),
        (
            Query::new().with_full_text(json!("x")),
            layer(),
            "list of expressions",
        ),
        (
            Query::new().with_cache_hint(),
            without("supportsQueryWithCacheHint"),
            "supportsQueryWithCacheHint",
        ),
        (
            Query::new().with_datum_transformation("1"),
            layer(),
            "out_sr",
        ),
        (
            Query::new().with_multipatch_footprint(),
            layer(),
            "multipatches",
        ),
        (Query::new().with_geometry_precision(16), layer(), "15"),
        (
            Query::new().without_geometry().with_geometry_precision(1),
            layer(),
            "no geometry is asked for",
        ),
        (
            Query::new().with_spatial_filter(near()),
            table.clone(),
            "no geometry",
        ),
        (Query::new().with_unique_ids(["a"]), layer(), "made of 2"),
        (
            Query::new().with_composite_unique_ids([["a", "x"]]),
            layer(),
            "holds numbers",
        ),
        (
            Query::new().with_unique_ids(["a"]),
            info(|document| document["uniqueIdInfo"] = Value::Null),
            "uniqueIdInfo",
        ),
        (
            Query::new()
                .with_bbox(Bbox {
                    xmin: 1.0,
                    ymin: 1.0,
                    xmax: 2.0,
                    ymax: 2.0,
                })
                .with_spatial_filter(near()),
            layer(),
            "one of them",
        ),
        (
            Query::new()
                .with_spatial_filter(near())
                .with_param("distance", "5"),
            layer(),
            "beside",
        ),
        (
            Query::new()
                .with_time(TimeFilter::at(moment("2024-01-01T00:00:00Z")))
                .with_param("TIME", "5"),
            layer(),
            "beside",
        ),
    ] {
        let error = query.resolve(&info).unwrap_err().to_string();
        assert!(error.contains(what), "{what}: {error}");
    }
}

#[test]
fn t55_geometries_as_esri_has_them() {
    let hole = polygon!(
        exterior: [(x: 0., y: 0.), (x: 10., y: 0.), (x: 10., y: 10.), (x: 0., y: 10.)],
        interiors: [[(x: 2., y: 2.), (x: 2., y: 4.), (x: 4., y: 4.), (x: 4., y: 2.)]],
    );
    let other = polygon![(x: 20., y: 20.), (x: 21., y: 20.), (x: 21., y: 21.)];
    let rings = json!([
        [
            [0.0, 0.0],
            [0.0, 10.0],
            [10.0, 10.0],
            [10.0, 0.0],
            [0.0, 0.0]
        ],
        [[2.0, 2.0], [4.0, 2.0], [4.0, 4.0], [2.0, 4.0], [2.0, 2.0]],
        [[20.0, 20.0], [21.0, 21.0], [21.0, 20.0], [20.0, 20.0]]
    ]);
    let many: Geometry<f64> = MultiPolygon::new(vec![hole.clone(), other]).into();
    for (geometry, kind, wanted) in [
        (
            Geometry::from(Point::new(1.5, 2.0)),
            "esriGeometryPoint",
            json!({"x": 1.5, "y": 2.0}),
        ),
        (many, "esriGeometryPolygon", json!({ "rings": rings })),
        (
            LineString::from(vec![(0., 0.), (1., 1.)]).into(),
            "esriGeometryPolyline",
            json!({"paths": [[[0.0, 0.0], [1.0, 1.0]]]}),
        ),
        (
            geo_types::MultiPoint::from(vec![(0., 0.), (1., 1.)]).into(),
            "esriGeometryMultipoint",
            json!({"points": [[0.0, 0.0], [1.0, 1.0]]}),
        ),
        (
            geo_types::Rect::new(Coord { x: 3., y: 4. }, Coord { x: 1., y: 2. }).into(),
            "esriGeometryEnvelope",
            json!({"xmin": 1.0, "ymin": 2.0, "xmax": 3.0, "ymax": 4.0}),
        ),
    ] {
        let filter = SpatialFilter::new(geometry).unwrap();
        let page = wire(Query::new().with_spatial_filter(filter), &layer());
        let mut sent: Value = serde_json::from_str(&page["geometry"]).unwrap();
        let reference = sent
            .as_object_mut()
            .unwrap()
            .remove("spatialReference")
            .unwrap();
        assert_eq!((sent, reference), (wanted, json!({"wkid": 4326})));
        assert_eq!(page["geometryType"], kind);
        assert_eq!(page["inSR"], "4326");
        assert_eq!(page["spatialRel"], "esriSpatialRelIntersects");
        assert!(!page.contains_key("distance") && !page.contains_key("units"));
    }
    let filter = SpatialFilter::from_bbox(Bbox {
        xmin: 1.0,
        ymin: 2.0,
        xmax: 3.0,
        ymax: 4.0,
    })
    .unwrap()
    .with_in_sr(SpatialReference::from_wkid(2056))
    .with_relation(SpatialRelation::Pattern("t*f***t**".to_owned()))
    .with_distance(2.5, DistanceUnit::NauticalMile);
    let page = wire(Query::new().with_spatial_filter(filter), &layer());
    for (name, value) in [
        ("inSR", "2056"),
        ("spatialRel", "esriSpatialRelRelation"),
        ("relationParam", "T*F***T**"),
        ("distance", "2.5"),
        ("units", "esriSRUnit_NauticalMile"),
    ] {
        assert_eq!(page[name], value);
    }
    for bad in ["T*F", "x*F***T**"] {
        let filter = SpatialFilter::new(Point::new(1., 2.))
            .unwrap()
            .with_relation(SpatialRelation::Pattern(bad.to_owned()));
        assert!(
            Query::new()
                .with_spatial_filter(filter)
                .resolve(&layer())
                .is_err()
        );
    }
    for distance in [0.0, -1.0, f64::NAN] {
        let filter = SpatialFilter::new(Point::new(1., 2.))
            .unwrap()
            .with_distance(distance, DistanceUnit::Foot);
        assert!(
            Query::new()
                .with_spatial_filter(filter)
                .resolve(&layer())
                .is_err()
        );
    }
}

#[test]
fn t55_esri_json_goes_as_it_is() {
    for (text, kind, added) in [
        (
            r#"{"x":1,"y":2,"z":3,"m":4}"#,
            "esriGeometryPoint",
            json!({}),
        ),
        (
            r#"{"points":[[1,2,3]]}"#,
            "esriGeometryMultipoint",
            json!({"hasZ": true}),
        ),
        (
            r#"{"paths":[[[1,2,3,4],[1,2,3,4]]]}"#,
            "esriGeometryPolyline",
            json!({"hasZ": true, "hasM": true}),
        ),
        (
            r#"{"rings":[[[1,2,3]]],"hasM":true}"#,
            "esriGeometryPolygon",
            json!({}),
        ),
        (
            r#"{"curveRings":[[[0,0],{"c":[[1,1],[2,0]]}]]}"#,
            "esriGeometryPolygon",
            json!({}),
        ),
        (
            r#"{"xmin":1,"ymin":2,"xmax":3,"ymax":4}"#,
            "esriGeometryEnvelope",
            json!({}),
        ),
    ] {
        let filter = SpatialFilter::from_esri_json(text).unwrap();
        let page = wire(Query::new().with_spatial_filter(filter), &layer());
        let mut wanted: Value = serde_json::from_str(text).unwrap();
        for (name, value) in added.as_object().unwrap() {
            wanted[name] = value.clone();
        }
        wanted["spatialReference"] = json!({"wkid": 4326});
        assert_eq!(
            serde_json::from_str::<Value>(&page["geometry"]).unwrap(),
            wanted
        );
        assert_eq!(page["geometryType"], kind);
    }
    let own = SpatialFilter::from_esri_json(
        r#"{"geometry":{"x":1,"y":2,"spatialReference":{"wkid":2056}},"attributes":{}}"#,
    )
    .unwrap();
    assert_eq!(
        wire(Query::new().with_spatial_filter(own), &layer())["inSR"],
        "2056"
    );
    for bad in [
        "",
        "[1,2]",
        "{}",
        r#"{"x":1}"#,
        r#"{"points":[[1]]}"#,
        r#"{"rings":[1]}"#,
    ] {
        assert!(
            matches!(
                SpatialFilter::from_esri_json(bad),
                Err(QueryError::Geometry { .. })
            ),
            "{bad}"
        );
    }
}

#[test]
fn t55_geojson_geometries_features_and_collections() {
    let one = |text: &str| {
        let filter = SpatialFilter::from_geojson(text).unwrap();
        wire(Query::new().with_spatial_filter(filter), &layer())["geometry"].clone()
    };
    let square = r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1],[0,0]]]}"#;
    let wanted = r#"{"rings":[[[0.0,0.0],[0.0,1.0],[1.0,1.0],[1.0,0.0],[0.0,0.0]]],"spatialReference":{"wkid":4326}}"#;
    assert_eq!(one(square), wanted);
    assert_eq!(
        one(&format!(
            r#"{{"type":"Feature","properties":null,"geometry":{square}}}"#
        )),
        wanted
    );
    let collection = |geometries: &[&str]| {
        let features: Vec<String> = geometries
            .iter()
            .map(|geometry| format!(r#"{{"type":"Feature","geometry":{geometry}}}"#))
            .collect();
        format!(
            r#"{{"type":"FeatureCollection","features":[{}]}}"#,
            features.join(",")
        )
    };
    assert_eq!(one(&collection(&[square, "null"])), wanted);
    assert_eq!(
        one(r#"{"type":"Point","coordinates":[1,2,300]}"#),
        r#"{"spatialReference":{"wkid":4326},"x":1.0,"y":2.0}"#
    );
    // Several features are asked for one by one, and their rows put together.
    let union = SpatialFilter::from_geojson(&collection(&[
        square,
        r#"{"type":"Point","coordinates":[9,9]}"#,
    ]))
    .unwrap();
    assert_eq!(union.parts(), 2);
    let query = Query::new()
        .with_spatial_filter(union.clone())
        .resolve(&layer())
        .unwrap();
    assert_eq!(query.parts(), 2);
    let within = union.clone().with_relation(SpatialRelation::Contains);
    assert!(
        Query::new()
            .with_spatial_filter(within)
            .resolve(&layer())
            .is_err()
    );
    let no_ids = info(|document| {
        document["objectIdField"] = Value::Null;
        document["fields"] = json!([{"name": "NAME", "type": "esriFieldTypeString"}]);
    });
    let error = Query::new()
        .with_spatial_filter(union)
        .resolve(&no_ids)
        .unwrap_err();
    assert!(error.to_string().contains("object ids"), "{error}");
    for bad in [
        "",
        "5",
        "{}",
        r#"{"type":"Circle","coordinates":[1,2]}"#,
        r#"{"type":"Point","coordinates":[1]}"#,
        r#"{"type":"Point","coordinates":["1",2]}"#,
        r#"{"type":"Point"}"#,
        r#"{"type":"Polygon","coordinates":[]}"#,
        r#"{"type":"LineString","coordinates":[[1,2]]}"#,
        r#"{"type":"GeometryCollection","geometries":[]}"#,
        r#"{"type":"FeatureCollection","features":[]}"#,
        r#"{"type":"Feature","geometry":null}"#,
        r#"{"type":"MultiPoint","coordinates":[]}"#,
    ] {
        assert!(
            matches!(
                SpatialFilter::from_geojson(bad),
                Err(QueryError::Geometry { .. })
            ),
            "{bad}"
        );
    }
}

#[test]
fn large_polygons_are_sent_in_parts() {
    let ring: Vec<(f64, f64)> = (0..3000)
        .map(|i| {
            let angle = f64::from(i) / 3000.0 * std::f64::consts::TAU;
            (10.0 * angle.cos(), 10.0 * angle.sin())
        })
        .collect();
    let circle = Polygon::new(LineString::from(ring), vec![]);
    let filter = SpatialFilter::new(circle).unwrap();
    assert_eq!(filter.parts(), 1);
    let filter = filter.with_most_positions(500);
    assert!(filter.parts() >= 7);
    // No request for rows names a geometry that is only a part of the filter's.
    let query = Query::new()
        .with_spatial_filter(filter)
        .resolve(&layer())
        .unwrap();
    let address: LayerAddress = LAYER.parse().unwrap();
    assert!(query.page_request(&address).param("geometry").is_none());
}

#[test]
fn commands_are_quoted_for_a_shell_and_show_no_secret() {
    let address: LayerAddress = LAYER.parse().unwrap();
    let query = Query::new()
        .with_where(Condition::equal("NAME", "a'b $(rm) `x` \\ \"q\""))
        .resolve(&layer())
        .unwrap();
    let request = query
        .page_request(&address)
        .with_param("token", "SECRET")
        .with_param("resultRecordCount", "5");
    let command = to_curl(&request);
    assert!(!command.contains("SECRET"), "{command}");
    assert!(command.starts_with(
        "curl -X POST 'https://host.example/arcgis/rest/services/Wells/FeatureServer/0/query'"
    ));
    // A shell reads the words back as they were.
    let script = format!("curl() {{ printf '%s\\n' \"$@\"; }}\nTOKEN=t\n{command}");
    let Ok(output) = std::process::Command::new("sh")
        .arg("-c")
        .arg(&script)
        .output()
    else {
        println!("skipped: there is no sh here");
        return;
    };
    assert!(output.status.success());
    let words = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = words.lines().collect();
    assert!(
        words.contains(&"where=NAME = 'a''b $(rm) `x` \\ \"q\"'"),
        "{words:?}"
    );
    assert!(words.contains(&"token=t") && words.contains(&"resultRecordCount=5"));
    let get = to_curl(&Request::read(LAYER.parse().unwrap()).with_param("f", "json"));
    assert_eq!(
        get,
        format!("curl -G '{LAYER}' \\\n  --data-urlencode 'f=json'")
    );
}
