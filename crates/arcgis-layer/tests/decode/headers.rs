//! What an answer says of itself.

use arcgis_layer::{DecodeError, Dimensions, FieldType, GeometryType, read_header};

use crate::recorder::decode;

#[test]
fn a_header_is_read_wherever_it_stands() {
    let fields = r#""fields":[
        {"name":"fid","type":"esriFieldTypeOID","alias":"Id"},
        {"name":"NAME","type":"esriFieldTypeString","length":40},
        {"type":"esriFieldTypeString"},
        {"name":"Shape","type":"esriFieldTypeGeometry"}]"#;
    let more = r#""geometryType":"esriGeometryPolyline","spatialReference":{"wkid":2056},"hasM":true,"objectIdFieldName":"FID","globalIdFieldName":"","exceededTransferLimit":true"#;
    let features = r#""features":[{"attributes":{"fid":3,"NAME":"a"},"geometry":{"paths":[[[1,2,3],[4,5,6]]]}},{"attributes":{"fid":4}}]"#;
    for body in [
        format!("{{{fields},{more},{features}}}"),
        format!("{{{features},{fields},{more}}}"),
    ] {
        let header = read_header(body.as_bytes()).unwrap();
        assert_eq!(header.fields.len(), 3);
        assert_eq!(header.fields[1].length, Some(40));
        assert_eq!(header.geometry_type, Some(GeometryType::Polyline));
        assert_eq!(header.spatial_reference.code(), Some(2056));
        assert_eq!((header.has_z, header.has_m), (false, true));
        assert_eq!(header.object_id_field.as_deref(), Some("fid"));
        assert_eq!(header.global_id_field, None);
        assert!(header.exceeded);
        assert_eq!(header.rows, 2);
        let layout = header.layout();
        assert_eq!(layout.fields.len(), 2);
        assert_eq!(layout.fields[0].field_type, FieldType::Oid);
        assert_eq!(layout.object_id.as_ref().unwrap().column, Some(0));
        assert_eq!(layout.geometry.as_ref().unwrap().dims, Dimensions::Xym);
        let (rows, facts) = decode(&body, &layout);
        assert_eq!(facts.ids, [3, 4]);
        assert_eq!(
            rows[0].geometry.as_ref().unwrap().coords,
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        );
    }
}

#[test]
fn what_the_header_lacks_the_first_geometry_shows() {
    for (geometry, kind, z, m) in [
        (r#"{"x":1,"y":2,"z":3}"#, GeometryType::Point, true, false),
        (
            r#"{"rings":[[[1,2,3]]],"hasM":true}"#,
            GeometryType::Polygon,
            false,
            true,
        ),
        (
            r#"{"points":[],"hasZ":true}"#,
            GeometryType::Multipoint,
            true,
            false,
        ),
    ] {
        let body = format!(
            r#"{{"features":[{{"geometry":null}},{{"geometry":{{"x":null}}}},{{"geometry":{geometry}}}]}}"#
        );
        let header = read_header(body.as_bytes()).unwrap();
        assert_eq!(header.geometry_type, Some(kind), "{geometry}");
        assert_eq!((header.has_z, header.has_m), (z, m));
        assert!(header.layout().fingerprint);
    }
}

#[test]
fn t28_null_members_are_as_if_they_were_not_there() {
    let header = read_header(
        br#"{"fields":null,"geometryType":null,"spatialReference":null,"objectIdFieldName":null,"hasZ":null,"features":[]}"#,
    )
    .unwrap();
    assert!(header.fields.is_empty() && header.spatial_reference.is_empty());
    assert_eq!((header.geometry_type, header.object_id_field), (None, None));
    assert_eq!(header.rows, 0);
}

#[test]
fn what_is_no_answer_is_refused() {
    for body in [
        "{}",
        "[]",
        "",
        "{\"features\":[]",
        "{\"features\":[]}x",
        "{\"features\":5}",
    ] {
        let error = read_header(body.as_bytes()).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed { .. }), "{body}");
    }
    let error = read_header(br#"{"error":{"code":498,"message":"Invalid token."}}"#);
    assert!(matches!(error, Err(DecodeError::Service(error)) if error.code() == 498));
}
