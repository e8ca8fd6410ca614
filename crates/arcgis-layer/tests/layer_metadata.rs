//! Metadata as real servers give it, and as they should not.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use arcgis_layer::{
    CodedValue, Domain, Error, FieldFilter, FieldType, GeometryType, LayerInfo, LayerKind,
    ServiceInfo, SpatialReference,
};
use serde_json::{Value, json};

fn read(document: Value) -> LayerInfo {
    LayerInfo::from_json(document.to_string().as_bytes()).unwrap()
}

fn object_id(document: Value) -> Option<String> {
    read(document).object_id_field
}

/// The shape of a hosted layer of ArcGIS Online.
fn hosted() -> Value {
    json!({
        "currentVersion": 12, "id": 0, "name": "Wells", "type": "Feature Layer",
        "serviceItemId": "0123456789abcdef0123456789abcdef",
        "displayField": "NAME", "description": "", "copyrightText": "City",
        "defaultVisibility": true,
        "editingInfo": {"lastEditDate": 1705320000000_i64, "schemaLastEditDate": 1705320000000_i64},
        "relationships": [], "isDataVersioned": false, "hasAttachments": true,
        "geometryType": "esriGeometryPoint", "hasM": false, "hasZ": true, "objectIdField": "OBJECTID",
        "uniqueIdField": {"name": "OBJECTID", "isSystemMaintained": true},
        "globalIdField": "GlobalID",
        "extent": {"xmin": -10, "ymin": 5.5, "xmax": 20, "ymax": 50, "spatialReference": {"wkid": 102100, "latestWkid": 3857}},
        "dateFieldsTimeReference": {"timeZone": "Pacific Standard Time", "respectsDaylightSaving": true, "timeZoneIANA": "America/Los_Angeles"},
        "maxRecordCount": 2000, "standardMaxRecordCount": 32000, "tileMaxRecordCount": 8000,
        "supportedQueryFormats": "JSON, geoJSON, PBF",
        "capabilities": "Create,Delete,Query,Update,Editing",
        "advancedQueryCapabilities": {
            "supportsPagination": true, "supportsOrderBy": true, "supportsStatistics": true, "supportsDistinct": true,
            "supportsReturningQueryExtent": true, "supportsQueryWithResultType": true, "supportsTrueCurve": false
        },
        "fields": [
            {"name": "OBJECTID", "type": "esriFieldTypeOID", "alias": "OBJECTID", "sqlType": "sqlTypeOther", "nullable": false, "editable": false, "domain": null, "defaultValue": null},
            {"name": "NAME", "type": "esriFieldTypeString", "alias": "Name of the well", "length": 80, "nullable": true, "editable": true, "domain": null, "defaultValue": null},
            {"name": "STATUS", "type": "esriFieldTypeSmallInteger", "alias": "STATUS", "nullable": true, "editable": true, "defaultValue": 1,
             "domain": {"type": "codedValue", "name": "WellStatus", "mergePolicy": "esriMPTDefaultValue", "codedValues": [{"name": "Active", "code": 1}, {"name": "Closed", "code": 2}]}},
            {"name": "DEPTH", "type": "esriFieldTypeDouble", "alias": "DEPTH", "domain": {"type": "range", "name": "Depth", "range": [0, 500]}},
            {"name": "KIND", "type": "esriFieldTypeString", "domain": {"type": "inherited"}},
            {"name": "GlobalID", "type": "esriFieldTypeGlobalID", "alias": "GlobalID", "length": 38, "nullable": false}
        ]
    })
}

#[test]
fn a_hosted_layer() {
    let info = read(hosted());
    assert_eq!(
        (info.id, info.name.as_str(), &info.kind),
        (0, "Wells", &LayerKind::FeatureLayer)
    );
    assert_eq!(info.current_version, Some(12.0));
    assert_eq!(info.geometry_type, Some(GeometryType::Point));
    assert_eq!(info.unknown_geometry_type, None);
    assert_eq!(info.object_id_field.as_deref(), Some("OBJECTID"));
    assert_eq!(info.global_id_field.as_deref(), Some("GlobalID"));
    assert!(info.has_z && !info.has_m && info.has_attachments);
    assert_eq!(info.spatial_reference.code(), Some(3857));
    assert_eq!(info.extent.as_ref().unwrap().bbox.ymin, 5.5);
    assert_eq!(info.max_record_count, Some(2000));
    assert_eq!(info.standard_max_record_count, Some(32000));
    assert_eq!(info.standard_max_record_count_no_geometry, None);
    assert_eq!(info.query_formats, ["json", "geojson", "pbf"]);
    assert_eq!(
        info.capabilities,
        ["Create", "Delete", "Query", "Update", "Editing"]
    );
    assert!(info.supports_query());
    assert_eq!(info.advanced.pagination, Some(true));
    assert_eq!(info.advanced.extent, Some(true));
    assert_eq!(info.advanced.true_curve, Some(false));
    assert_eq!(info.date_time_zone.as_deref(), Some("America/Los_Angeles"));
    assert_eq!(info.last_edit_date, Some(1_705_320_000_000));
    assert_eq!(
        (info.description, info.copyright_text.as_deref()),
        (None, Some("City"))
    );

    let field = |name: &str| info.fields.iter().find(|field| field.name == name).unwrap();
    assert!(!field("OBJECTID").nullable && field("NAME").editable);
    assert_eq!(field("OBJECTID").alias, None);
    assert_eq!(field("NAME").alias.as_deref(), Some("Name of the well"));
    assert_eq!(field("NAME").length, Some(80));
    assert_eq!(field("STATUS").default_value, Some(json!(1)));
    let code = |code: Value, name: &str| CodedValue {
        code,
        name: name.to_owned(),
    };
    assert_eq!(
        field("STATUS").domain,
        Some(Domain::CodedValue {
            name: "WellStatus".into(),
            values: vec![code(json!(1), "Active"), code(json!(2), "Closed")]
        })
    );
    assert_eq!(
        field("DEPTH").domain,
        Some(Domain::Range {
            name: "Depth".into(),
            min: json!(0),
            max: json!(500)
        })
    );
    assert_eq!(field("KIND").domain, Some(Domain::Inherited));
}

#[test]
fn a_layer_of_an_old_map_service() {
    // 10.0: no objectIdField, no advancedQueryCapabilities, Shape among the fields, formats with AMF.
    let info = read(json!({
        "currentVersion": 10.01, "id": 4, "name": "Roads", "type": "Feature Layer", "parentLayer": null, "subLayers": [],
        "geometryType": "esriGeometryPolyline",
        "extent": {"xmin": "NaN", "ymin": "NaN", "xmax": "NaN", "ymax": "NaN", "spatialReference": {"wkid": 2056}},
        "supportsAdvancedQueries": true, "supportsStatistics": false, "capabilities": "Map,Query,Data", "supportedQueryFormats": "JSON, AMF",
        "MaxRecordCount": 1000,
        "fields": [
            {"name": "FID", "type": "esriFieldTypeOID", "alias": "FID"},
            {"name": "Shape", "type": "esriFieldTypeGeometry", "alias": "Shape"},
            {"name": "db.roads.NAME", "type": "esriFieldTypeString", "alias": "NAME", "length": "50"}
        ]
    }));
    assert_eq!(info.object_id_field.as_deref(), Some("FID"));
    assert_eq!(info.extent, None);
    assert_eq!(info.spatial_reference, SpatialReference::from_wkid(2056));
    assert_eq!(info.advanced.order_by, Some(true));
    assert_eq!(info.advanced.statistics, Some(false));
    assert_eq!(info.advanced.pagination, None);
    assert_eq!(info.max_record_count, Some(1000));
    assert!(!info.fields[1].field_type.is_attribute());
    assert_eq!(info.fields[2].length, Some(50));
    assert!(info.supports_query());
}

#[test]
fn a_layer_of_koop() {
    let info = read(json!({
        "currentVersion": 11.1, "id": 0, "name": "cities", "type": "Feature Layer", "geometryType": "esriGeometryPoint",
        "objectIdField": "OBJECTID", "uniqueIdField": {"name": "OBJECTID", "isSystemMaintained": true}, "maxRecordCount": 2000,
        "supportedQueryFormats": "JSON,geojson,PBF", "capabilities": "Query", "drawingInfo": {"labelingInfo": null},
        "extent": {"xmin": -180, "xmax": 180, "ymin": -90, "ymax": 90, "spatialReference": {"wkid": 4326, "latestWkid": 4326}},
        "advancedQueryCapabilities": {"supportsPagination": true, "supportsStatistics": true, "supportsOrderBy": true, "supportsDistinct": true},
        "fields": [
            {"name": "OBJECTID", "type": "esriFieldTypeOID", "alias": "OBJECTID", "sqlType": "sqlTypeInteger", "domain": null, "defaultValue": null, "editable": false, "nullable": false},
            {"name": "name", "type": "esriFieldTypeString", "alias": "name", "length": 128, "sqlType": "sqlTypeOther"}
        ]
    }));
    assert_eq!(info.object_id_field.as_deref(), Some("OBJECTID"));
    assert_eq!(info.query_formats, ["json", "geojson", "pbf"]);
    assert_eq!(info.spatial_reference.code(), Some(4326));
}

#[test]
fn every_member_may_be_null_missing_or_of_another_type() {
    let whole = hosted();
    let names: Vec<String> = whole.as_object().unwrap().keys().cloned().collect();
    for name in &names {
        for other in [
            json!(null),
            json!([1, [2]]),
            json!({"x": {}}),
            json!("text"),
            json!(-1.5),
            json!(true),
            json!("NaN"),
        ] {
            let mut document = whole.clone();
            document[name] = other.clone();
            let info = read(document);
            assert!(name == "name" || info.name == "Wells", "{name} {other}");
        }
        let mut document = whole.clone();
        document.as_object_mut().unwrap().remove(name);
        read(document);
    }
    let empty = read(json!({}));
    assert_eq!(empty.kind, LayerKind::Other(String::new()));
    assert!(empty.spatial_reference.is_empty() && empty.fields.is_empty());
    assert_eq!(empty.query_formats, ["json"]);
    assert!(empty.supports_query(), "nothing declared forbids nothing");
}

#[test]
fn t54_an_error_or_no_object_is_an_error() {
    let error =
        LayerInfo::from_json(br#"{"error":{"code":400,"message":"Invalid URL","details":[]}}"#);
    assert!(matches!(&error, Err(Error::Service(_))), "{error:?}");
    for body in ["[]", "null", "<html>", "", r#"{"id":0"#] {
        let error = LayerInfo::from_json(body.as_bytes());
        assert!(
            matches!(&error, Err(Error::Answer { .. })),
            "{body}: {error:?}"
        );
    }
    let bare = LayerInfo::from_json(
        br#"{"name":"x","extent":{"xmin":NaN,"ymin":NaN,"xmax":NaN,"ymax":NaN}}"#,
    );
    assert_eq!(bare.unwrap().extent, None);
    // Past the recursion limit of the parser: an error, and no overflow.
    let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert!(LayerInfo::from_json(deep.as_bytes()).is_err());
}

#[test]
fn t51_the_object_id_is_found_in_the_fields_own_case() {
    let oid = |name: &str| json!({"name": name, "type": "esriFieldTypeOID"});
    let int = |name: &str| json!({"name": name, "type": "esriFieldTypeInteger"});
    let text = |name: &str| json!({"name": name, "type": "esriFieldTypeString"});
    for (document, expected) in [
        (
            json!({"objectIdField": "objectid", "fields": [oid("OBJECTID")]}),
            Some("OBJECTID"),
        ),
        (
            json!({"objectIdFieldName": "FID", "fields": [int("FID"), int("OBJECTID")]}),
            Some("FID"),
        ),
        (
            json!({"objectIdField": null, "fields": [int("OBJECTID"), oid("Nr")]}),
            Some("Nr"),
        ),
        (
            json!({"objectIdField": "", "fields": [oid("Nr")]}),
            Some("Nr"),
        ),
        // Served though not listed.
        (
            json!({"objectIdField": "OBJECTID", "fields": [text("NAME")]}),
            Some("OBJECTID"),
        ),
        (
            json!({"fields": [oid("a.OBJECTID"), oid("b.OBJECTID")]}),
            None,
        ),
        (
            json!({"objectIdField": "b.OBJECTID", "fields": [oid("a.OBJECTID"), oid("b.OBJECTID")]}),
            Some("b.OBJECTID"),
        ),
        (
            json!({"objectIdField": "id", "fields": [int("ID"), int("Id")]}),
            None,
        ),
        (
            json!({"uniqueIdField": {"name": "key"}, "fields": [int("KEY"), int("FID")]}),
            Some("KEY"),
        ),
        (
            json!({"uniqueIdInfo": {"type": "simple", "name": "key", "fields": ["key"]}, "fields": [int("Key")]}),
            Some("Key"),
        ),
        (
            json!({"fields": [text("OBJECTID"), int("fid")]}),
            Some("fid"),
        ),
        (json!({"fields": [text("ID"), text("NAME")]}), None),
        (
            json!({"fields": [{"name": "ID", "type": "esriFieldTypeInteger", "editable": true}]}),
            None,
        ),
        (json!({"fields": null}), None),
    ] {
        assert_eq!(
            object_id(document.clone()).as_deref(),
            expected,
            "{document}"
        );
    }
    let hashed = read(
        json!({"uniqueIdInfo": {"type": "composite", "fields": ["A", "B"], "OIDFieldContainsHashValue": true}}),
    );
    let unique = hashed.unique_id.unwrap();
    assert_eq!(unique.fields, ["A", "B"]);
    assert!(unique.object_id_is_hash);
}

#[test]
fn t52_t57_fields_without_name_are_dropped_and_others_kept() {
    let info = read(json!({"fields": [
        {"type": "esriFieldTypeString"},
        {"name": ""},
        {"name": "untyped"},
        {"name": "listed", "type": ["esriFieldTypeString"]},
        null, 3, "x",
        {"name": "DateOnly", "type": "esriFieldTypeDateOnly"},
        {"name": "TimeOnly", "type": "esriFieldTypeTimeOnly"},
        {"name": "Offset", "type": "esriFieldTypeTimestampOffset"},
        {"name": "Big", "type": "esriFieldTypeBigInteger", "defaultValue": 9007199254740993_i64},
        {"name": "Big", "type": "esriFieldTypeString"},
        {"name": "Future", "type": "esriFieldTypeQuaternion"}
    ]}));
    let seen: Vec<(&str, &FieldType)> = info
        .fields
        .iter()
        .map(|field| (field.name.as_str(), &field.field_type))
        .collect();
    assert_eq!(
        seen,
        [
            ("untyped", &FieldType::Other(String::new())),
            ("DateOnly", &FieldType::DateOnly),
            ("TimeOnly", &FieldType::TimeOnly),
            ("Offset", &FieldType::TimestampOffset),
            ("Big", &FieldType::BigInteger),
            (
                "Future",
                &FieldType::Other("esriFieldTypeQuaternion".into())
            ),
        ]
    );
    assert_eq!(
        info.fields[4].default_value,
        Some(json!(9_007_199_254_740_993_i64))
    );
    // What a server does not say of a field.
    assert!(info.fields[0].nullable && !info.fields[0].editable);
}

#[test]
fn t57_fields_are_picked_by_name_or_type_and_by_what_may_be_done_with_them() {
    let info = read(json!({"fields": [
        {"name": "OBJECTID", "type": "esriFieldTypeOID", "editable": false, "nullable": false},
        {"name": "Name", "type": "esriFieldTypeString", "editable": true, "nullable": true},
        {"name": "Code", "type": "esriFieldTypeString", "editable": true, "nullable": false},
        {"name": "Note", "type": "esriFieldTypeString"},
        {"name": "Built", "type": "esriFieldTypeDateOnly", "editable": true}
    ]}));
    let picked = |filter: FieldFilter| -> Vec<&str> {
        let fields = info.select_fields(&filter).unwrap();
        fields.iter().map(|field| field.name.as_str()).collect()
    };
    let all = FieldFilter::new;
    assert_eq!(picked(all()), ["OBJECTID", "Name", "Code", "Note", "Built"]);
    assert_eq!(
        picked(all().with_names(["built", "Name", "NAME"])),
        ["Built", "Name"]
    );
    assert_eq!(picked(all().with_names([""; 0])), [""; 0]);
    assert_eq!(
        picked(all().with_types(["esrifieldtypestring", " DateOnly"])),
        ["Name", "Code", "Note", "Built"]
    );
    // What the server does not say: not editable, nullable.
    assert_eq!(picked(all().with_editable(true)), ["Name", "Code", "Built"]);
    assert_eq!(picked(all().with_editable(false)), ["OBJECTID", "Note"]);
    assert_eq!(picked(all().with_nullable(true)), ["Name", "Note", "Built"]);
    assert_eq!(picked(all().with_nullable(false)), ["OBJECTID", "Code"]);
    let strings = || all().with_types(["String"]);
    for (editable, nullable, expected) in [
        (true, true, "Name"),
        (true, false, "Code"),
        (false, true, "Note"),
    ] {
        let both = strings().with_editable(editable).with_nullable(nullable);
        assert_eq!(picked(both), [expected]);
    }
    assert_eq!(
        picked(all().with_names(["Note", "Code"]).with_editable(true)),
        ["Code"]
    );
    for (filter, said) in [
        (strings().with_names(["Name"]), "not by both"),
        (all().with_types(["String", "Quaternion"]), "Quaternion"),
        (all().with_types([""]), "no type"),
        (all().with_names(["Nmae"]), "did you mean Name?"),
    ] {
        let error = info.select_fields(&filter).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn t60_malformed_domains_lose_what_is_malformed() {
    let domain = |domain: Value| {
        read(json!({"fields": [{"name": "A", "domain": domain}]})).fields[0]
            .domain
            .clone()
    };
    let codes = domain(json!({"type": "CodedValue", "codedValues": [
        {"name": "One", "code": "1"}, {"code": 2}, {"name": "Three"}, null, 7, {"name": "Five", "code": 5.5}, {"name": "N", "code": null}
    ]}));
    let Some(Domain::CodedValue { name, values }) = codes else {
        panic!("coded values");
    };
    assert_eq!(name, "");
    let left: Vec<(Value, String)> = values
        .into_iter()
        .map(|value| (value.code, value.name))
        .collect();
    assert_eq!(
        left,
        [
            (json!("1"), "One".to_owned()),
            (json!(5.5), "Five".to_owned())
        ]
    );
    for none in [
        json!("text"),
        json!({"type": "range", "range": [1]}),
        json!({"type": "range", "range": [null, 2]}),
        json!({"type": "x"}),
        json!([]),
    ] {
        assert_eq!(domain(none), None);
    }
    let range = domain(json!({"type": "range", "name": "r", "minValue": 1, "maxValue": 9}));
    assert_eq!(
        range,
        Some(Domain::Range {
            name: "r".into(),
            min: json!(1),
            max: json!(9)
        })
    );
}

#[test]
fn t53_references_come_as_codes_texts_and_wkt() {
    let read = |value: Value| SpatialReference::from_json(&value);
    assert_eq!(
        read(json!({"wkid": 102100, "latestWkid": 3857})).code(),
        Some(3857)
    );
    assert_eq!(read(json!("4326")).code(), Some(4326));
    assert_eq!(read(json!(4326)).code(), Some(4326));
    assert_eq!(read(json!({"wkid": "4326"})).code(), Some(4326));
    assert_eq!(read(json!({"wkid": 2881})).code(), Some(2881));
    let wkt = read(json!({"wkid": 0, "wkt": "PROJCS[\"x\"]"}));
    assert_eq!(
        (wkt.code(), wkt.wkt.as_deref()),
        (None, Some("PROJCS[\"x\"]"))
    );
    assert_eq!(wkt.to_param().unwrap(), r#"{"wkt":"PROJCS[\"x\"]"}"#);
    let vertical = read(json!({"wkid": 4326, "vcsWkid": 115700, "latestVcsWkid": 115700}));
    assert_eq!(vertical.vcs_wkid, Some(115_700));
    for nothing in [
        json!(null),
        json!({}),
        json!("x"),
        json!([4326]),
        json!({"wkid": null, "wkt": ""}),
    ] {
        assert!(read(nothing).is_empty());
    }
}

#[test]
fn the_reference_of_the_data_comes_first() {
    let info = read(json!({
        "extent": {"xmin": 0, "ymin": 0, "xmax": 1, "ymax": 1, "spatialReference": {"wkid": 102100}},
        "sourceSpatialReference": {"wkid": 2056}, "spatialReference": {"wkid": 4326}
    }));
    assert_eq!(info.spatial_reference.code(), Some(2056));
    assert_eq!(info.extent.unwrap().spatial_reference.code(), Some(3857));
    // Where only the extent's reference is said, though no extent: an empty layer.
    let empty = read(json!({"extent": {"xmin": "NaN", "spatialReference": {"wkid": 2056}}}));
    assert_eq!(empty.spatial_reference.code(), Some(2056));
}

#[test]
fn kinds_of_layers() {
    let kind = |value: Value| read(value).kind;
    assert_eq!(kind(json!({"type": "Group Layer"})), LayerKind::GroupLayer);
    assert_eq!(
        kind(json!({"type": "Raster Layer"})),
        LayerKind::RasterLayer
    );
    assert_eq!(kind(json!({"type": "table"})), LayerKind::Table);
    assert_eq!(
        kind(json!({"type": "Annotation Layer"})),
        LayerKind::Other("Annotation Layer".into())
    );
    assert_eq!(
        kind(json!({"geometryType": "esriGeometryPoint"})),
        LayerKind::FeatureLayer
    );
    assert_eq!(kind(json!({"fields": [{"name": "A"}]})), LayerKind::Table);
    let odd = read(json!({"type": "Feature Layer", "geometryType": "esriGeometryBag"}));
    assert_eq!(
        odd.unknown_geometry_type.as_deref(),
        Some("esriGeometryBag")
    );
    assert_eq!(
        read(json!({"geometryType": "esriGeometryNull"})).unknown_geometry_type,
        None
    );
}

#[test]
fn a_service_lists_its_layers() {
    let service = ServiceInfo::from_json(
        json!({
            "currentVersion": 11.3, "serviceDescription": "", "description": "Wells and pumps", "maxRecordCount": 1000,
            "capabilities": "Map,Query,Data", "spatialReference": {"wkid": 2056}, "documentInfo": {"Title": "Water"},
            "fullExtent": {"xmin": 1, "ymin": 2, "xmax": 3, "ymax": 4, "spatialReference": {"wkid": 2056}},
            "layers": [
                {"id": 0, "name": "All", "type": "Group Layer", "subLayerIds": [1]},
                {"id": 1, "name": "Wells", "parentLayerId": 0, "type": "Feature Layer", "geometryType": "esriGeometryPoint"},
                {"name": "no number"}
            ],
            "tables": [{"id": 2, "name": "Readings"}]
        })
        .to_string()
        .as_bytes(),
    )
    .unwrap();
    assert_eq!(service.title.as_deref(), Some("Water"));
    assert_eq!(service.description.as_deref(), Some("Wells and pumps"));
    assert_eq!(service.max_record_count, Some(1000));
    assert_eq!(service.full_extent.as_ref().unwrap().bbox.ymax, 4.0);
    let listed: Vec<(i64, &str)> = service
        .layers_and_tables()
        .map(|layer| (layer.id, layer.name.as_str()))
        .collect();
    assert_eq!(listed, [(0, "All"), (1, "Wells"), (2, "Readings")]);
    assert!(matches!(
        ServiceInfo::from_json(br#"{"id":0,"fields":[]}"#),
        Err(Error::Answer { .. })
    ));
}
