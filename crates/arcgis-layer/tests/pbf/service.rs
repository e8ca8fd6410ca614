//! Pages of the test service, whose encoder shares nothing with the decoder.

use arcgis_layer::{
    DecodeError, Dimensions, read_header, read_pbf_count, read_pbf_extent, read_pbf_header,
    read_pbf_ids,
};
use arcgis_testkit::{
    Ability, Field, FieldType, Geometry, GeometryType, Layer, Quirk, Row, Testkit, Vertex,
};

use crate::compare::{PAIRS, assert_same, capture, decode_bytes};
use crate::http::query;
use crate::messages::FeatureResult;

pub(crate) const ALL: [(&str, &str); 4] = [
    ("where", "1%3D1"),
    ("outFields", "*"),
    ("returnZ", "true"),
    ("returnM", "true"),
];

pub(crate) fn page(service: &Testkit, format: &str) -> Vec<u8> {
    query(service, &[&ALL[..], &[("f", format)]].concat())
}

pub(crate) async fn start(layer: Layer) -> Testkit {
    let layer = layer.with_name("layer");
    Testkit::builder().layer(layer).start().await.unwrap()
}

/// The anchor of the test service to reality: rows of a captured page, encoded by it, are the captured page.
#[tokio::test]
async fn a_captured_page_served_anew_is_the_captured_page() {
    for (json_path, pbf_path) in PAIRS {
        let (Some(json), Some(pbf)) = (capture(json_path), capture(pbf_path)) else {
            return;
        };
        let layout = read_header(&json).unwrap().layout();
        let json = String::from_utf8(json).unwrap();
        let service = start(Layer::from_esri_json("layer", &json).unwrap()).await;
        let served = page(&service, "pbf");

        let (rows, facts) = decode_bytes(&pbf, &layout).unwrap();
        let (served_rows, served_facts) = decode_bytes(&served, &layout).unwrap();
        // To the last bit, also where the JSON in between had more digits. NaN is unlike itself.
        assert_eq!(
            format!("{rows:?}"),
            format!("{served_rows:?}"),
            "{pbf_path}"
        );
        assert_eq!(facts.ids, served_facts.ids);
        assert_eq!(facts.spatial_reference, served_facts.spatial_reference);
        assert_eq!(facts.bbox, served_facts.bbox);

        // And by another reader: the same numbers in the same members.
        let (captured, made) = (
            FeatureResult::decoded(&pbf),
            FeatureResult::decoded(&served),
        );
        assert_eq!(captured.transform, made.transform, "{pbf_path}");
        assert_eq!(captured.fields, made.fields, "{pbf_path}");
        assert_eq!(captured.geometry_type, made.geometry_type);
        assert_eq!(captured.features, made.features, "{pbf_path}");
    }
}

/// A closed path, a path of one position, a null geometry, z and m that are missing, text that is not ASCII.
fn tracks() -> Layer {
    Layer::new("layer", GeometryType::Polyline)
        .with_wkid(3857)
        .with_z()
        .with_m()
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("NAME", FieldType::String))
        .with_field(Field::new("LENGTH", FieldType::Single))
        .with_field(Field::new("BIG", FieldType::BigInteger))
        .with_field(Field::new("SEEN", FieldType::Date))
        .with_row(
            Row::new()
                .with("NAME", "Größe")
                .with("LENGTH", 0.1_f32)
                .with("BIG", 9_007_199_254_740_993_i64)
                .with("SEEN", -1)
                .at(Geometry::polyline([
                    vec![
                        Vertex::xyzm(1.5, -2.25, 3.0, 4.0),
                        Vertex::xyz(100.0, 200.0, 5.0),
                        Vertex::xym(1.5, -2.25, 6.0),
                    ],
                    vec![
                        Vertex::xy(-20_037_508.342_8, 20_037_508.342_8),
                        Vertex::xyzm(0.0, 0.0, -10.0, 0.0),
                    ],
                ])),
        )
        .with_row(Row::new().with("NAME", ""))
        .with_row(Row::new().with("SEEN", 253_402_300_799_999_i64))
}

#[tokio::test]
async fn quirks_change_the_bytes_and_not_the_rows() {
    let service = start(tracks()).await;
    let plain = page(&service, "pbf");
    let header = read_pbf_header(&plain).unwrap();
    let layout = header.layout();
    assert_eq!(layout.geometry.as_ref().unwrap().dims, Dimensions::Xyzm);
    let json = page(&service, "json");
    let (rows, facts) = decode_bytes(&plain, &layout).unwrap();
    let (json_rows, json_facts) = crate::recorder::decode_bytes(&json, &layout).unwrap();
    assert_same(&json_rows, &rows, &layout, 1e-4, "tracks");
    assert_eq!((&facts.ids, facts.without_geometry), (&json_facts.ids, 2));

    for quirk in [Quirk::FeaturesFirst, Quirk::LowerLeftOrigin] {
        let quirky = page(&start(tracks().with_quirk(quirk)).await, "pbf");
        assert_ne!(quirky, plain);
        let (quirky_rows, quirky_facts) = decode_bytes(&quirky, &layout).unwrap();
        assert_same(&json_rows, &quirky_rows, &layout, 1e-4, "tracks");
        assert_eq!(quirky_facts.ids, facts.ids);
        let again = read_pbf_header(&quirky).unwrap();
        assert_eq!(again, header);
    }
    let without = page(&start(tracks().with_quirk(Quirk::NoTransform)).await, "pbf");
    let error = decode_bytes(&without, &layout).unwrap_err();
    assert!(
        matches!(error, DecodeError::Geometry { row: 0, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn pages_say_that_more_follow_and_errors_are_json() {
    let service = start(tracks().with_max_record_count(2)).await;
    let body = page(&service, "pbf");
    let layout = read_pbf_header(&body).unwrap().layout();
    let (rows, facts) = decode_bytes(&body, &layout).unwrap();
    assert_eq!((rows.len(), facts.exceeded), (2, true));
    let rest = query(
        &service,
        &[&ALL[..], &[("f", "pbf"), ("resultOffset", "2")]].concat(),
    );
    let (rows, facts) = decode_bytes(&rest, &layout).unwrap();
    assert_eq!((rows.len(), facts.exceeded), (1, false));
    let beyond = query(
        &service,
        &[&ALL[..], &[("f", "pbf"), ("resultOffset", "9")]].concat(),
    );
    assert_eq!(decode_bytes(&beyond, &layout).unwrap().1.rows, 0);

    let wrong = query(
        &service,
        &[("where", "1%3D1"), ("f", "pbf"), ("outFields", "NOSUCH")],
    );
    let error = decode_bytes(&wrong, &layout).unwrap_err();
    assert!(matches!(error, DecodeError::Service(error) if error.code() == 400));
    let old = start(tracks().without(Ability::Pbf)).await;
    let error = decode_bytes(&page(&old, "pbf"), &layout).unwrap_err();
    assert!(matches!(error, DecodeError::Service(error) if error.code() == 400));
}

#[tokio::test]
async fn t27_tables_and_rows_without_their_geometry_have_no_transform() {
    let table = Layer::table("layer")
        .with_field(Field::new("NAME", FieldType::String))
        .with_row(Row::new().with("NAME", "a"));
    let header = read_pbf_header(&page(&start(table).await, "pbf")).unwrap();
    assert_eq!((header.geometry_type, header.rows), (None, 1));
    assert_eq!(header.object_id_field.as_deref(), Some("OBJECTID"));

    let service = start(tracks()).await;
    let layout = read_pbf_header(&page(&service, "pbf")).unwrap().layout();
    let bare = query(
        &service,
        &[&ALL[..], &[("f", "pbf"), ("returnGeometry", "false")]].concat(),
    );
    let (rows, facts) = decode_bytes(&bare, &layout).unwrap();
    assert_eq!((rows.len(), facts.without_geometry), (3, 3));
}

#[tokio::test]
async fn counts_ids_and_extents_are_those_of_json() {
    let service = start(tracks()).await;
    let ask = |what: &str| {
        query(
            &service,
            &[("where", "1%3D1"), ("f", "pbf"), (what, "true")],
        )
    };
    assert_eq!(read_pbf_count(&ask("returnCountOnly")).unwrap(), 3);
    assert_eq!(read_pbf_ids(&ask("returnIdsOnly")).unwrap(), [1, 2, 3]);
    let extent = read_pbf_extent(&ask("returnExtentOnly")).unwrap().unwrap();
    assert_eq!(extent.bbox.xmin, -20_037_508.342_8);
    assert_eq!(extent.bbox.ymin, -2.25);
    assert_eq!(extent.spatial_reference.code(), Some(3857));
    let nothing = query(
        &service,
        &[
            ("where", "1%3D2"),
            ("f", "pbf"),
            ("returnExtentOnly", "true"),
        ],
    );
    assert_eq!(read_pbf_extent(&nothing).unwrap(), None);
}
