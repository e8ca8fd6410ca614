//! Real answers in both formats.

use arcgis_layer::{
    DecodeError, Dimensions, Domain, FieldType, GeometryType, read_header, read_pbf_count,
    read_pbf_extent, read_pbf_header, read_pbf_ids,
};

use crate::compare::{PAGES, PAIRS, assert_same, capture, decode_bytes, quantum};

#[test]
fn every_pair_is_equal_up_to_the_quantum() {
    let mut rows = 0;
    for (json_path, pbf_path) in PAIRS {
        let (Some(json), Some(pbf)) = (capture(json_path), capture(pbf_path)) else {
            return;
        };
        let layout = read_header(&json).unwrap().layout();
        let (json_rows, json_facts) = crate::recorder::decode_bytes(&json, &layout).unwrap();
        let (pbf_rows, pbf_facts) = decode_bytes(&pbf, &layout).unwrap();
        assert_same(&json_rows, &pbf_rows, &layout, quantum(&pbf), pbf_path);
        assert_eq!(json_facts.ids, pbf_facts.ids, "{pbf_path}");
        assert_eq!(json_facts.exceeded, pbf_facts.exceeded, "{pbf_path}");
        assert_eq!(json_facts.spatial_reference, pbf_facts.spatial_reference);
        assert_eq!(json_facts.absent, pbf_facts.absent, "{pbf_path}");
        assert_eq!(
            (json_facts.without_geometry, json_facts.repaired),
            (pbf_facts.without_geometry, pbf_facts.repaired)
        );
        rows += pbf_rows.len();
    }
    println!("{rows} rows compared");
    assert!(rows >= 14);
}

#[test]
fn headers_say_the_same_in_both_formats() {
    for (json_path, pbf_path) in PAIRS {
        let (Some(json), Some(pbf)) = (capture(json_path), capture(pbf_path)) else {
            return;
        };
        let (json, pbf) = (read_header(&json).unwrap(), read_pbf_header(&pbf).unwrap());
        let fields = |header: &arcgis_layer::AnswerHeader| -> Vec<_> {
            let fields = header.fields.iter();
            fields
                .map(|field| {
                    (
                        field.name.clone(),
                        field.field_type.clone(),
                        field.alias.clone(),
                        field.domain.clone(),
                    )
                })
                .collect()
        };
        assert_eq!(fields(&json), fields(&pbf), "{pbf_path}");
        assert_eq!(json.geometry_type, pbf.geometry_type, "{pbf_path}");
        assert_eq!(json.spatial_reference, pbf.spatial_reference);
        assert_eq!((json.has_z, json.has_m), (pbf.has_z, pbf.has_m));
        assert_eq!(json.object_id_field, pbf.object_id_field);
        assert_eq!(json.global_id_field, pbf.global_id_field);
        assert_eq!((json.exceeded, json.rows), (pbf.exceeded, pbf.rows));
    }
}

#[test]
fn every_page_decodes_by_its_own_header() {
    for path in PAGES {
        let Some(body) = capture(path) else { return };
        let header = read_pbf_header(&body).unwrap();
        let layout = header.layout();
        let (rows, facts) = decode_bytes(&body, &layout).unwrap();
        assert_eq!(rows.len(), header.rows, "{path}");
        assert!(!rows.is_empty());
        assert!(facts.absent.is_empty(), "{path}");
        assert_eq!(facts.repaired, 0, "{path}");
        assert!(!facts.foreign, "{path}");
        if layout.geometry.is_some() {
            // Eight of the capture with domains have none.
            let without = if path.contains("Domain") { 8 } else { 0 };
            assert_eq!(facts.without_geometry, without, "{path}");
            assert!(!facts.bbox.is_empty());
        }
        let ids = facts.ids.len();
        let fingerprints = facts.fingerprints.len();
        assert_eq!(ids + fingerprints, rows.len(), "{path}");
        // Where the captures are from; polygons of degrees span the same place as those of metres.
        if header.spatial_reference.code() == Some(4326) {
            assert!(facts.bbox.xmin > -180.0 && facts.bbox.xmax < 180.0);
            assert!(facts.bbox.ymin > -90.0 && facts.bbox.ymax < 90.0);
        }
    }
}

#[test]
fn captures_are_what_they_are_known_to_be() {
    let header = |path: &str| capture(path).map(|body| read_pbf_header(&body).unwrap());
    let Some(table) = header("arcpbf/table.pbf") else {
        return;
    };
    assert_eq!((table.geometry_type, table.rows), (None, 281));
    assert!(table.spatial_reference.is_empty());
    let points = header("arcpbf/pnts.pbf").unwrap();
    assert_eq!(points.geometry_type, Some(GeometryType::Point));
    assert!(points.exceeded);
    assert_eq!(points.fields[9].alias.as_deref(), Some("longitude"));
    let multipoints = header("arcpbf/multipoint.pbf").unwrap();
    assert_eq!(multipoints.geometry_type, Some(GeometryType::Multipoint));
    assert!(multipoints.fields.is_empty() && multipoints.object_id_field.is_none());
    let lines = header("arcpbf/small-lines.pbf").unwrap();
    assert_eq!(lines.spatial_reference.code(), Some(27_700));
    let solid = header("pbf/PBFPolygonHasZM.pbf").unwrap();
    assert_eq!(solid.layout().geometry.unwrap().dims, Dimensions::Xyzm);
    let domains = header("pbf/PBFWithDomainResponse.pbf").unwrap();
    let yes_no = domains
        .fields
        .iter()
        .find(|field| field.name == "strinsur")
        .unwrap();
    let Some(Domain::CodedValue { name, values }) = &yes_no.domain else {
        panic!("{:?}", yes_no.domain);
    };
    assert_eq!((name.as_str(), values.len()), ("YesNo", 2));
    let page = header("pbf/PBFPolygonPage1.pbf").unwrap();
    assert_eq!(page.rows, 500);
    let global = page.fields.last().unwrap();
    assert_eq!(global.field_type, FieldType::GlobalId);
    assert_eq!(
        global.default_value.as_ref().unwrap(),
        "NEWID() WITH VALUES"
    );
}

/// Its `objectIdFieldName` is not among its fields.
#[test]
fn an_object_id_that_is_not_sent_is_an_error_or_a_fingerprint() {
    let Some(body) = capture("pbf/PBFNoObjectIdFieldResponse.pbf") else {
        return;
    };
    let header = read_pbf_header(&body).unwrap();
    assert_eq!(header.object_id_field, None);
    let layout = header.layout();
    let (rows, facts) = decode_bytes(&body, &layout).unwrap();
    let mut distinct = facts.fingerprints.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!((rows.len(), distinct.len()), (92, 92));
    let wanted = layout.with_object_id("OBJECTID_1");
    let error = decode_bytes(&body, &wanted).unwrap_err();
    assert!(
        matches!(error, DecodeError::ObjectId { row: 0, .. }),
        "{error}"
    );
}

#[test]
fn the_same_polygon_is_at_the_same_place_in_metres_and_degrees() {
    let bbox = |path: &str| {
        let body = capture(path)?;
        let layout = read_pbf_header(&body).unwrap().layout();
        Some(decode_bytes(&body, &layout).unwrap().1.bbox)
    };
    let (Some(metres), Some(degrees)) = (
        bbox("pbf/PBFPolygonResponse.pbf"),
        bbox("pbf/PBFPolygonResponseCRS4326.pbf"),
    ) else {
        return;
    };
    // Web Mercator: x = R·λ, y = R·asinh(tan φ).
    let radius = 6_378_137.0_f64;
    for (metres, degrees) in [(metres.xmin, degrees.xmin), (metres.xmax, degrees.xmax)] {
        assert!((radius * degrees.to_radians() - metres).abs() < 1e-3);
    }
    for (metres, degrees) in [(metres.ymin, degrees.ymin), (metres.ymax, degrees.ymax)] {
        assert!((radius * degrees.to_radians().tan().asinh() - metres).abs() < 1e-3);
    }
}

#[test]
fn counts_and_ids_are_read() {
    let (Some(count), Some(ids)) = (capture("arcpbf/count.pbf"), capture("arcpbf/ids.pbf")) else {
        return;
    };
    assert_eq!(read_pbf_count(&count).unwrap(), 3143);
    let listed = read_pbf_ids(&ids).unwrap();
    assert_eq!(listed.len(), 3143);
    assert_eq!(listed[0], 93);
    for (body, wrong) in [(&count, "a count"), (&ids, "object ids")] {
        let error = read_pbf_header(body).unwrap_err();
        assert!(error.to_string().contains(wrong), "{error}");
        assert!(read_pbf_extent(body).is_err());
    }
    assert!(read_pbf_count(&ids).is_err() && read_pbf_ids(&count).is_err());
}
