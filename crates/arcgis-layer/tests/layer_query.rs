//! Queries against metadata: what fits, what does not, and the requests that come of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use arcgis_layer::arcgis_auth_core::{Request, Url};
use arcgis_layer::{
    Bbox, Dimensions, LayerAddress, LayerInfo, Query, QueryError, ResolvedQuery, SpatialReference,
};
use serde_json::{Value, json};

const LAYER: &str = "https://host.example/arcgis/rest/services/Wells/FeatureServer/0";

fn document() -> Value {
    json!({
        "type": "Feature Layer", "geometryType": "esriGeometryPolygon", "objectIdField": "OBJECTID", "hasZ": true,
        "sourceSpatialReference": {"wkid": 102100, "latestWkid": 3857},
        "fields": [
            {"name": "OBJECTID", "type": "esriFieldTypeOID"},
            {"name": "Shape", "type": "esriFieldTypeGeometry"},
            {"name": "Name", "type": "esriFieldTypeString", "alias": "Name of the well"},
            {"name": "db.wells.DEPTH", "type": "esriFieldTypeDouble"},
            {"name": "Picture", "type": "esriFieldTypeRaster"}
        ]
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

fn table() -> LayerInfo {
    info(|document| {
        document["type"] = json!("Table");
        document["geometryType"] = Value::Null;
    })
}

fn refused(query: Query, info: &LayerInfo) -> String {
    query.resolve(info).unwrap_err().to_string()
}

/// The parameters as they go over the wire.
fn wire(request: &Request) -> BTreeMap<String, String> {
    let http = request.to_http().unwrap();
    let url: Url = http.uri().to_string().parse().unwrap();
    assert_eq!(
        url.path(),
        "/arcgis/rest/services/Wells/FeatureServer/0/query"
    );
    url.query_pairs().into_owned().collect()
}

fn page(query: &ResolvedQuery) -> BTreeMap<String, String> {
    let address: LayerAddress = LAYER.parse().unwrap();
    wire(&query.page_request(&address))
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn columns(query: Query) -> Vec<String> {
    let resolved = query.resolve(&layer()).unwrap();
    resolved
        .layout()
        .fields
        .iter()
        .map(|field| field.name.clone())
        .collect()
}

fn bbox(xmin: f64, ymin: f64, xmax: f64, ymax: f64) -> Bbox {
    Bbox {
        xmin,
        ymin,
        xmax,
        ymax,
    }
}

#[test]
fn by_default_everything_comes_as_it_is() {
    let query = Query::new().resolve(&layer()).unwrap();
    assert_eq!(
        page(&query),
        map(&[
            ("f", "json"),
            ("where", "1=1"),
            ("outFields", "OBJECTID,Name,db.wells.DEPTH"),
            ("returnGeometry", "true"),
            ("outSR", "102100"),
            ("returnZ", "true"),
        ])
    );
    let layout = query.layout();
    assert!(!layout.fingerprint);
    assert_eq!(layout.object_id.as_ref().unwrap().column, Some(0));
    let geometry = layout.geometry.as_ref().unwrap();
    assert_eq!(geometry.dims, Dimensions::Xyz);
    assert_eq!(geometry.spatial_reference.code(), Some(3857));
    assert_eq!((query.limit(), query.object_id()), (None, Some("OBJECTID")));
}

#[test]
fn t41_one_filter_goes_with_every_request() {
    let query = Query::new()
        .with_where("A = 1 OR B = 2")
        .with_bbox(bbox(5.5, 45.0, 10.0, 48.25))
        .with_param("historicMoment", "123")
        .with_fields(["Name"])
        .with_limit(3)
        .with_out_sr(SpatialReference::from_wkid(4326))
        .with_max_allowable_offset(0.001)
        .resolve(&info(|document| {
            document["hasM"] = json!(true);
            document["advancedQueryCapabilities"] = json!({"supportsTrueCurve": true});
        }))
        .unwrap();
    let address: LayerAddress = LAYER.parse().unwrap();
    let filter = wire(&query.filter_request(&address));
    let rectangle = filter.get("geometry").unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(rectangle).unwrap(),
        json!({"xmin": 5.5, "ymin": 45.0, "xmax": 10.0, "ymax": 48.25, "spatialReference": {"wkid": 4326}})
    );
    assert_eq!(
        filter,
        map(&[
            ("f", "json"),
            ("where", "A = 1 OR B = 2"),
            ("geometry", rectangle),
            ("geometryType", "esriGeometryEnvelope"),
            ("inSR", "4326"),
            ("spatialRel", "esriSpatialRelIntersects"),
            ("historicMoment", "123"),
        ])
    );
    let mut expected = filter.clone();
    expected.extend(map(&[
        ("outFields", "OBJECTID,Name"),
        ("returnGeometry", "true"),
        ("outSR", "4326"),
        ("returnZ", "true"),
        ("returnM", "true"),
        ("returnTrueCurves", "false"),
        ("maxAllowableOffset", "0.001"),
    ]));
    assert_eq!(page(&query), expected);
    expected.insert(
        "where".into(),
        "(A = 1 OR B = 2) AND (OBJECTID >= 1 AND OBJECTID <= 9)".into(),
    );
    assert_eq!(
        wire(&query.page_request_within(&address, "OBJECTID >= 1 AND OBJECTID <= 9")),
        expected
    );
    assert_eq!(query.limit(), Some(3));
    // The object id is fetched and not shown.
    let object_id = query.layout().object_id.as_ref().unwrap();
    assert_eq!(
        (object_id.name.as_str(), object_id.column),
        ("OBJECTID", None)
    );
}

#[test]
fn t50_conditions_are_refined_not_mixed() {
    let condition = |query: Query| query.resolve(&layer()).unwrap().where_clause().to_owned();
    let or = Query::new().with_where("A=1 OR B=2");
    assert_eq!(
        condition(or.clone().refine("C=3")),
        "(A=1 OR B=2) AND (C=3)"
    );
    assert_eq!(
        condition(or.clone().refine("C=3").refine("D=4")),
        "((A=1 OR B=2) AND (C=3)) AND (D=4)"
    );
    assert_eq!(condition(Query::new().refine("C=3")), "C=3");
    assert_eq!(
        condition(Query::new().with_where("1=1").refine("C=3")),
        "C=3"
    );
    assert_eq!(condition(Query::new().with_where("  ")), "1=1");
    assert!(refused(or.refine("C=3) OR (1=1"), &layer()).starts_with("where: "));
    assert!(refused(Query::new().with_where("NAME = 'O'Brien'"), &layer()).contains("doubled"));
}

#[test]
fn t56_fields_are_named_in_any_way() {
    let all = ["OBJECTID", "Name", "db.wells.DEPTH"];
    assert_eq!(columns(Query::new()), all);
    assert_eq!(columns(Query::new().with_fields(["*"])), all);
    assert_eq!(
        columns(Query::new().with_fields([" name ", "objectid"])),
        ["Name", "OBJECTID"]
    );
    assert_eq!(
        columns(Query::new().with_fields(["OBJECTID, Name"])),
        ["OBJECTID", "Name"]
    );
    assert_eq!(
        columns(Query::new().with_fields("Name,,NAME,".split(','))),
        ["Name"]
    );
    assert_eq!(
        columns(Query::new().with_excluded_fields(["objectid,NAME"])),
        ["db.wells.DEPTH"]
    );
    assert_eq!(
        columns(
            Query::new()
                .with_fields(["*"])
                .with_excluded_fields(["Name"])
        ),
        ["OBJECTID", "db.wells.DEPTH"]
    );
    assert!(columns(Query::new().with_fields([""])).is_empty());

    let unknown = |name: &str| match Query::new().with_fields([name]).resolve(&layer()) {
        Err(QueryError::UnknownField { name, suggestion }) => (name, suggestion),
        other => panic!("{other:?}"),
    };
    let meant = |name: &str| unknown(name).1;
    assert_eq!(unknown("Ghost"), ("Ghost".to_owned(), None));
    assert_eq!(meant("Nmae").as_deref(), Some("Name"));
    assert_eq!(meant("name of the well").as_deref(), Some("Name"));
    assert_eq!(meant("depth").as_deref(), Some("db.wells.DEPTH"));
    assert_eq!(meant("OBJECT_ID").as_deref(), Some("OBJECTID"));
    for query in [
        Query::new().with_fields(["*", "Ghost"]),
        Query::new().with_excluded_fields(["Ghost"]),
    ] {
        assert!(refused(query, &layer()).contains("Ghost"));
    }
    assert!(refused(Query::new().with_fields(["Shape"]), &layer()).contains("geometry"));
    assert!(refused(Query::new().with_fields(["Picture"]), &layer()).contains("raster"));
    let without_any = Query::new().with_fields([""]).without_geometry();
    assert_eq!(
        without_any.resolve(&layer()).unwrap_err(),
        QueryError::Nothing
    );
}

#[test]
fn fields_that_differ_in_case_alone_are_told_apart() {
    let info = info(|document| {
        document["fields"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "NAME", "type": "esriFieldTypeString"}));
    });
    let names = |name: &str| {
        Query::new()
            .with_fields([name])
            .resolve(&info)
            .map(|query| query.layout().fields[0].name.clone())
    };
    assert_eq!(names("NAME").unwrap(), "NAME");
    assert_eq!(names("Name").unwrap(), "Name");
    assert!(names("name").is_err());
}

#[test]
fn names_with_commas_are_names() {
    let info = info(|document| {
        document["fields"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "a, b", "type": "esriFieldTypeString"}));
    });
    let query = Query::new().with_fields(["a, b"]).resolve(&info).unwrap();
    assert_eq!(query.layout().fields[0].name, "a, b");
    assert_eq!(page(&query).get("outFields").unwrap(), "*");
}

#[test]
fn tables_and_attributes_alone_ask_for_no_geometry() {
    let attributes = Query::new()
        .without_geometry()
        .with_bbox(bbox(0.0, 0.0, 1.0, 1.0));
    for query in [
        Query::new().resolve(&table()).unwrap(),
        attributes.resolve(&layer()).unwrap(),
    ] {
        let sent = page(&query);
        assert_eq!(sent.get("returnGeometry").unwrap(), "false");
        assert!(!sent.contains_key("outSR") && !sent.contains_key("returnZ"));
        assert_eq!(query.layout().geometry, None);
    }
    let out_sr = || Query::new().with_out_sr(SpatialReference::from_wkid(4326));
    assert!(refused(out_sr(), &table()).contains("no geometry"));
    assert!(refused(out_sr().without_geometry(), &layer()).contains("no geometry"));
    assert!(
        refused(Query::new().with_bbox(bbox(0.0, 0.0, 1.0, 1.0)), &table()).contains("no geometry")
    );
    assert!(refused(Query::new().with_max_allowable_offset(1.0), &table()).contains("no geometry"));
}

#[test]
fn geometry_that_cannot_be_decoded_is_refused_unless_left_out() {
    for kind in ["esriGeometryMultiPatch", "esriGeometryBag"] {
        let info = info(|document| document["geometryType"] = json!(kind));
        assert!(
            refused(Query::new(), &info).contains("leave geometry out"),
            "{kind}"
        );
        assert!(Query::new().without_geometry().resolve(&info).is_ok());
    }
}

#[test]
fn rectangles_are_checked() {
    for (given, problem) in [
        (bbox(f64::NAN, 0.0, 1.0, 1.0), "numbers"),
        (bbox(0.0, 0.0, f64::INFINITY, 1.0), "numbers"),
        (bbox(10.0, 0.0, 5.0, 1.0), "180th meridian"),
        (bbox(90.0, 0.0, -89.9, 1.0), "180th meridian"),
        (bbox(180.0, 0.0, -180.0, 1.0), "same meridian"),
        (bbox(0.0, 5.0, 1.0, 1.0), "ymin"),
        (bbox(0.0, 1.0, 1.0, 1.0), "ymin"),
        (bbox(1.0, 0.0, 1.0, 1.0), "xmin"),
        (bbox(-181.0, 0.0, 1.0, 1.0), "longitudes"),
        (bbox(500_000.0, 0.0, 600_000.0, 1.0), "longitudes"),
        (bbox(0.0, -91.0, 1.0, 1.0), "latitudes"),
    ] {
        let error = Query::new().with_bbox(given).resolve(&layer()).unwrap_err();
        assert!(matches!(error, QueryError::Bbox { .. }));
        assert!(error.to_string().contains(problem), "{error}");
    }
    assert!(
        Query::new()
            .with_bbox(bbox(-180.0, -90.0, 180.0, 90.0))
            .resolve(&layer())
            .is_ok()
    );
    assert_eq!(
        Query::parse_bbox(" -1.5, 2 ,3,4e0").unwrap(),
        bbox(-1.5, 2.0, 3.0, 4.0)
    );
    for text in [
        "",
        "1,2,3",
        "1,2,3,4,5",
        "a,b,c,d",
        "1;2;3;4",
        "nan,0,1,1",
        "10,45,5,47",
    ] {
        assert!(Query::parse_bbox(text).is_err(), "{text}");
    }
}

#[test]
fn parameters_that_are_not_the_callers_are_refused_with_what_to_use() {
    for (name, hint) in [
        ("f", "format"),
        ("WHERE", "use the option where"),
        ("outfields", "fields"),
        ("returnGeometry", "no geometry"),
        ("outSR", "out_sr"),
        ("resultOffset", "limit"),
        ("resultRecordCount", "page_size"),
        ("orderByFields", "object ids"),
        ("objectIds", "where"),
        ("returnIdsOnly", "rows"),
        ("returnCountOnly", "rows"),
        ("token", "credential"),
        ("quantizationParameters", "max_allowable_offset"),
        ("resultType", "page size"),
        ("returnTrueCurves", "curves"),
        ("returnExceededLimitFeatures", "without a word"),
        (" ", "name"),
    ] {
        let error = refused(Query::new().with_param(name, "true"), &layer());
        assert!(
            error.starts_with("param: ") && error.contains(hint),
            "{name}: {error}"
        );
    }
    let spatial = Query::new()
        .with_param("geometry", "{}")
        .with_bbox(bbox(0.0, 0.0, 1.0, 1.0));
    assert!(refused(spatial, &layer()).contains("bbox"));

    let given = Query::new()
        .with_param("gdbVersion", "old")
        .with_param("GDBVERSION", "new")
        .with_param("geometryPrecision", "3")
        .with_param("returnTrueCurves", "false");
    let sent = page(&given.resolve(&layer()).unwrap());
    assert_eq!(sent.get("gdbVersion").unwrap(), "new");
    assert!(!sent.contains_key("GDBVERSION"));
    assert_eq!(sent.get("geometryPrecision").unwrap(), "3");
}

#[test]
fn odd_numbers_are_refused() {
    for distance in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(
            refused(Query::new().with_max_allowable_offset(distance), &layer()).contains("above 0")
        );
    }
    assert!(
        refused(
            Query::new().with_out_sr(SpatialReference::default()),
            &layer()
        )
        .contains("out_sr")
    );
}

#[test]
fn t32_a_layer_without_object_ids_is_fingerprinted() {
    let info = info(|document| {
        document.as_object_mut().unwrap().remove("objectIdField");
        document["fields"][0]["type"] = json!("esriFieldTypeString");
    });
    let query = Query::new().with_fields(["Name"]).resolve(&info).unwrap();
    assert!(query.layout().fingerprint && query.object_id().is_none());
    assert_eq!(page(&query).get("outFields").unwrap(), "Name");
}

#[test]
fn what_the_layer_needs_is_sent() {
    // Servers refuse every query of such a layer without it.
    let unzoned = info(|document| document["datesInUnknownTimezone"] = json!(true));
    let sent = page(&Query::new().resolve(&unzoned).unwrap());
    assert_eq!(sent.get("timeReferenceUnknownClient").unwrap(), "true");
    // An object id that the metadata does not list is asked for all the same.
    let unlisted = info(|document| document["objectIdField"] = json!("FID"));
    let query = Query::new().resolve(&unlisted).unwrap();
    assert_eq!(
        page(&query).get("outFields").unwrap(),
        "FID,OBJECTID,Name,db.wells.DEPTH"
    );
    // A reference that is known by its text alone.
    let wkt = info(|document| document["sourceSpatialReference"] = json!({"wkt": "PROJCS[\"x\"]"}));
    let sent = page(&Query::new().resolve(&wkt).unwrap());
    assert_eq!(sent.get("outSR").unwrap(), r#"{"wkt":"PROJCS[\"x\"]"}"#);
    // One that is not known at all: nothing can be asked for.
    let unknown = info(|document| document["sourceSpatialReference"] = Value::Null);
    assert!(!page(&Query::new().resolve(&unknown).unwrap()).contains_key("outSR"));
}
