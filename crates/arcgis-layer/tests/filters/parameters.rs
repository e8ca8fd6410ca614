//! Parameters as text, and filters that the author of a map service has set up.

use arcgis_layer::{
    LayerInfo, Query, RangeValue, SavedQuery, ServiceKind, SpatialReference, SqlFormat,
};
use serde_json::{Value, json};

use crate::{info, layer, moment, wire};

/// The parameters of the protocol that select rows or shape them and have no condition of their own in this table.
#[test]
fn what_has_a_method_is_checked_however_it_is_given() {
    for (name, value, wanted) in [
        ("sqlFormat", "Native", "native"),
        ("HISTORICMOMENT", "1704067200000", "1704067200000"),
        ("gdbVersion", "SDE.DEFAULT", "SDE.DEFAULT"),
        ("cacheHint", "TRUE", "true"),
        ("geometryPrecision", "4", "4"),
        (
            "fullText",
            r#"[ {"searchTerm": "x"} ]"#,
            r#"[{"searchTerm":"x"}]"#,
        ),
        ("parameterValues", r#"{"year": 2020}"#, r#"{"year":2020}"#),
        ("collation", "binary", "binary"),
    ] {
        let page = wire(Query::new().with_param(name, value), &layer());
        let mut sent = page
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let (_, sent_value) = sent.next().unwrap();
        assert_eq!(sent_value, wanted, "{name}");
        assert!(sent.next().is_none(), "{name} goes twice");
    }
    let nothing = wire(
        Query::new()
            .with_param("sqlFormat", "none")
            .with_param("cacheHint", "false"),
        &layer(),
    );
    assert!(!nothing.contains_key("sqlFormat") && !nothing.contains_key("cacheHint"));

    for (name, value, what) in [
        ("sqlFormat", "oracle", "none, standard or native"),
        ("historicMoment", "yesterday", "milliseconds"),
        ("fullText", "x", "JSON"),
        ("fullText", "{}", "list of expressions"),
        ("parameterValues", "3", "object or a list"),
        ("cacheHint", "maybe", "true or false"),
        ("geometryPrecision", "16", "15"),
        ("geometryPrecision", "-1", "digits"),
        ("datumTransformation", "1", "out_sr"),
        ("multipatchOption", "xyFootprint", "no multipatches"),
        ("multipatchOption", "embedMultipatch", "footprints"),
    ] {
        let error = Query::new()
            .with_param(name, value)
            .resolve(&layer())
            .unwrap_err()
            .to_string();
        assert!(error.contains(what), "{name}={value}: {error}");
    }
}

#[test]
fn what_belongs_to_a_geometry_needs_one() {
    let table = info(|document| {
        document["type"] = "Table".into();
        document["geometryType"] = Value::Null;
    });
    let with = |params: &[(&str, &str)]| {
        let all = params.iter().copied();
        all.fold(Query::new(), |query, (name, value)| {
            query.with_param(name, value)
        })
    };
    for (name, value) in [
        ("distance", "3"),
        ("units", "esriSRUnit_Meter"),
        ("spatialRel", "esriSpatialRelWithin"),
        ("inSR", "4326"),
        ("relationParam", "T********"),
        ("geometryType", "esriGeometryPoint"),
        ("GEOMETRYTYPE", "esriGeometryPoint"),
    ] {
        let alone = with(&[(name, value)]).resolve(&layer()).unwrap_err();
        assert!(alone.to_string().contains("without a geometry"), "{alone}");
        let empty = with(&[(name, value), ("geometry", " ")]).resolve(&layer());
        assert!(
            empty
                .unwrap_err()
                .to_string()
                .contains("without a geometry")
        );
        let nowhere = with(&[(name, value), ("geometry", "1,2")]).resolve(&table);
        assert!(nowhere.unwrap_err().to_string().contains("has no geometry"));
    }
    let nowhere = with(&[("geometry", "1,2")]).resolve(&table);
    assert!(nowhere.unwrap_err().to_string().contains("has no geometry"));
    let near = |more: &[(&str, &str)]| {
        let point = [("geometry", "1,2"), ("geometryType", "esriGeometryPoint")];
        with(&[&point, more].concat())
    };
    for (more, what) in [
        (&[("distance", "3")][..], "needs units"),
        (&[("units", "esriSRUnit_Meter")], "without a distance"),
        (
            &[("distance", "far"), ("units", "esriSRUnit_Meter")],
            "number above 0",
        ),
        (
            &[("distance", "-3"), ("units", "esriSRUnit_Meter")],
            "number above 0",
        ),
        (&[("relationParam", "T********")], "belong together"),
        (
            &[("spatialRel", "esriSpatialRelRelation")],
            "belong together",
        ),
    ] {
        let error = near(more).resolve(&layer()).unwrap_err().to_string();
        assert!(error.contains(what), "{more:?}: {error}");
    }
    let page = wire(
        near(&[
            ("distance", "3"),
            ("units", "esriSRUnit_Meter"),
            ("inSR", "4326"),
        ]),
        &layer(),
    );
    assert_eq!(
        (page["distance"].as_str(), page["geometry"].as_str()),
        ("3", "1,2")
    );
    let page = wire(
        near(&[
            ("spatialRel", "esriSpatialRelRelation"),
            ("relationParam", "T********"),
        ]),
        &layer(),
    );
    assert_eq!(page["relationParam"], "T********");
}

#[test]
fn what_only_some_layers_know_needs_one_that_says_so() {
    let zone = Query::new().with_param("timeReferenceUnknownClient", "true");
    let error = zone.resolve(&layer()).unwrap_err().to_string();
    assert!(error.contains("datesInUnknownTimezone"), "{error}");
    let unknown = info(|document| document["datesInUnknownTimezone"] = true.into());
    assert_eq!(wire(zone, &unknown)["timeReferenceUnknownClient"], "true");

    let levels = info(|document| {
        document["advancedQueryCapabilities"]["supportsLod"] = true.into();
        document["advancedQueryCapabilities"]["supportedLodTypes"] = json!(["geohash"]);
    });
    for lod in [
        Query::new().with_param("lod", "7"),
        Query::new().with_level_of_detail(7),
    ] {
        let error = lod.resolve(&layer()).unwrap_err().to_string();
        assert!(error.contains("supportsLod"), "{error}");
        let page = wire(lod, &levels);
        assert_eq!(
            (page["lod"].as_str(), page["lodType"].as_str()),
            ("7", "geohash")
        );
    }
    for (lod, what) in [
        (Query::new().with_level_of_detail(13), "from 1 to 12"),
        (Query::new().with_level_of_detail(0), "from 1 to 12"),
        (Query::new().with_param("lod", "fine"), "from 1 to 12"),
        (Query::new().with_param("lodType", "quadkey"), "the layer's"),
        (
            Query::new().with_level_of_detail(3).with_param("lod", "4"),
            "twice",
        ),
    ] {
        let error = lod.resolve(&levels).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

/// A server without versions answers as if none had been asked for.
#[test]
fn a_version_needs_data_that_have_some() {
    let with = |members: &[(&str, bool)]| {
        info(|document| {
            for (name, value) in members {
                document[*name] = (*value).into();
            }
        })
    };
    for query in [
        Query::new().with_gdb_version("SDE.old"),
        Query::new().with_param("gdbVersion", "SDE.old"),
    ] {
        for members in [
            &[][..],
            &[("isDataVersioned", true)],
            &[("isDataVersioned", false), ("isDataBranchVersioned", true)],
        ] {
            let page = wire(query.clone(), &with(members));
            assert_eq!(page["gdbVersion"], "SDE.old", "{members:?}");
        }
        for members in [
            &[("isDataVersioned", false)][..],
            &[("isDataVersioned", false), ("isDataBranchVersioned", false)],
        ] {
            let error = query.resolve(&with(members)).unwrap_err().to_string();
            assert!(error.contains("isDataVersioned"), "{error}");
        }
    }
}

#[test]
fn nothing_is_said_twice() {
    for query in [
        Query::new()
            .with_sql_format(SqlFormat::Standard)
            .with_param("sqlFormat", "native"),
        Query::new()
            .with_historic_moment(moment("2024-01-01T00:00:00Z"))
            .with_param("historicmoment", "5"),
        Query::new()
            .with_gdb_version("a")
            .with_param("gdbVersion", "b"),
        Query::new()
            .with_geometry_precision(3)
            .with_param("geometryPrecision", "4"),
    ] {
        let error = query.resolve(&layer()).unwrap_err().to_string();
        assert!(error.contains("twice"), "{error}");
    }
}

#[test]
fn an_archive_has_a_beginning() {
    let begins = moment("2024-01-01T00:00:00Z");
    let kept = info(|document| {
        document["archivingInfo"] = json!({
            "supportsQueryWithHistoricMoment": true, "startArchivingMoment": begins.as_millisecond()
        });
    });
    assert_eq!(kept.archive_start, Some(1_704_067_200_000));
    let at = |text: &str| Query::new().with_historic_moment(moment(text));
    assert_eq!(
        wire(at("2024-01-01T00:00:00Z"), &kept)["historicMoment"],
        "1704067200000"
    );
    let before = at("2023-12-31T23:59:59Z").resolve(&kept).unwrap_err();
    assert_eq!(
        before.to_string(),
        "historic_moment: the layer's archive begins at 2024-01-01T00:00:00Z (startArchivingMoment)"
    );
    // What does not say when it begins is asked.
    assert_eq!(layer().archive_start, None);
    wire(at("1999-01-01T00:00:00Z"), &layer());
}

#[test]
fn prepared_filters_are_for_map_services() {
    let of = |kind: ServiceKind| -> LayerInfo {
        let mut info = layer();
        info.service = Some(kind);
        info
    };
    let ranged = || {
        Query::new()
            .with_range(RangeValue::between("floor", 1.0, 3.0))
            .with_range(RangeValue::at("year", 2020.0))
    };
    let page = wire(ranged(), &of(ServiceKind::MapServer));
    let sent: Value = serde_json::from_str(&page["rangeValues"]).unwrap();
    assert_eq!(
        sent,
        json!([{"name": "floor", "value": [1.0, 3.0]}, {"name": "year", "value": 2020.0}])
    );
    let page = wire(
        Query::new().with_parameter_values(json!({"year": [2020, 2021]})),
        &of(ServiceKind::MapServer),
    );
    assert_eq!(page["parameterValues"], r#"{"year":[2020,2021]}"#);

    let features = of(ServiceKind::FeatureServer);
    for query in [
        ranged(),
        Query::new().with_parameter_values(json!({})),
        Query::new().with_param("rangeValues", "[]"),
        Query::new().with_param("parameterValues", "{}"),
    ] {
        let error = query.resolve(&features).unwrap_err().to_string();
        assert!(error.contains("all rows"), "{error}");
    }
    for (range, what) in [
        (RangeValue::at(" ", 1.0), "name"),
        (RangeValue::at("a", f64::NAN), "numbers"),
        (RangeValue::between("a", 2.0, 1.0), "before it begins"),
    ] {
        let error = Query::new().with_range(range).resolve(&layer());
        assert!(error.unwrap_err().to_string().contains(what), "{what}");
    }
    let timeless = info(|document| document["timeInfo"] = Value::Null);
    let error = Query::new().with_param("time", "5").resolve(&timeless);
    assert!(error.unwrap_err().to_string().contains("ignore"));
}

/// A file that is brought up to date asks again for what it was made of.
#[test]
fn what_is_kept_of_a_query_asks_for_the_same() {
    let with_param = Query::new()
        .with_where("A = 1")
        .with_fields(["NAME"])
        .with_out_sr(SpatialReference::from_wkid(4326))
        .with_param("geometryPrecision", "4")
        .with_param("datumTransformation", "1188")
        .with_param("sqlFormat", "native")
        .with_param("collation", "binary");
    let with_methods = Query::new()
        .with_where("A = 1")
        .with_fields(["NAME"])
        .with_out_sr(SpatialReference::from_wkid(4326))
        .with_geometry_precision(4)
        .with_datum_transformation("1188")
        .with_sql_format(SqlFormat::Native)
        .with_param("collation", "binary");
    for query in [with_param, with_methods] {
        let kept = SavedQuery::of(&query, &layer()).unwrap();
        let text = serde_json::to_string(&kept).unwrap();
        let kept: SavedQuery = serde_json::from_str(&text).unwrap();
        let sent = wire(query, &layer());
        assert_eq!(
            (
                sent["geometryPrecision"].as_str(),
                sent["datumTransformation"].as_str()
            ),
            ("4", "1188")
        );
        assert_eq!(wire(kept.query().unwrap(), &layer()), sent);
    }
}
