//! Everything else that a query may say.

use arcgis_layer::arcgis_auth_core::Request;
use arcgis_layer::{
    Bbox, Condition, DistanceUnit, LayerAddress, Query, SpatialFilter, SpatialReference, SqlFormat,
    TimeFilter, to_curl,
};
use geo_types::Point;
use serde_json::{Value, json};

use crate::{LAYER, info, layer, moment, wire};

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
