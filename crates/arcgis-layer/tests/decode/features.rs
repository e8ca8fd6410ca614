//! Rows as objects.

use arcgis_layer::{
    DecodeContext, Dimensions, Feature, FeatureCollector, Field, FieldType, GeometryLayout,
    GeometryType, Layout, PageSink, SpatialReference, Value, decode_json,
};
use geo_types::{Geometry, LineString, MultiPolygon, Point, Polygon};

fn layout(kind: GeometryType, dims: Dimensions) -> Layout {
    Layout::new([
        Field::new("Name", FieldType::String),
        Field::new("Seen", FieldType::Date),
    ])
    .with_object_id("FID")
    .with_geometry(GeometryLayout {
        kind,
        dims,
        spatial_reference: SpatialReference::from_wkid(4326),
    })
}

fn collect(features: &str, kind: GeometryType, dims: Dimensions) -> Vec<Feature> {
    let layout = layout(kind, dims);
    let mut page = FeatureCollector::new(layout.clone()).page(2);
    let body = format!(r#"{{"features":[{features}]}}"#);
    let facts = decode_json(body.as_bytes(), &DecodeContext::new(&layout), &mut page).unwrap();
    page.into_features(&facts)
}

fn geometry(json: &str, kind: GeometryType) -> Option<Geometry<f64>> {
    let feature = format!(r#"{{"attributes":{{"FID":1}},"geometry":{json}}}"#);
    collect(&feature, kind, Dimensions::Xy).remove(0).geometry
}

#[test]
fn values_are_found_by_name() {
    let features = collect(
        r#"{"attributes":{"FID":7,"Name":"a","Seen":-86400000},"geometry":{"x":1,"y":2,"z":3}},{"attributes":{"FID":8}}"#,
        GeometryType::Point,
        Dimensions::Xyz,
    );
    let first = &features[0];
    assert_eq!(first.object_id, Some(7));
    assert_eq!(first.get("name").unwrap().as_str(), Some("a"));
    assert_eq!(first.get("FID"), None);
    let seen = first.get("Seen").unwrap();
    assert_eq!(seen.as_i64(), Some(-86_400_000));
    assert_eq!(
        seen.to_timestamp().unwrap().to_string(),
        "1969-12-31T00:00:00Z"
    );
    assert_eq!(first.geometry, Some(Point::new(1.0, 2.0).into()));
    assert_eq!((first.z.as_deref(), &first.m), (Some(&[3.0][..]), &None));
    let second = &features[1];
    assert_eq!(
        (second.object_id, &second.geometry, &second.z),
        (Some(8), &None, &None)
    );
    assert!(second.iter().all(|(_, value)| value.is_null()));
    assert_eq!(second.fields().len(), 2);
}

#[test]
fn t59_dates() {
    for (value, expected) in [
        (Value::Int(0), Some("1970-01-01T00:00:00Z")),
        (Value::Int(1_705_320_000_000), Some("2024-01-15T12:00:00Z")),
        (Value::Int(-1), Some("1969-12-31T23:59:59.999Z")),
        (
            Value::Int(253_402_207_199_999),
            Some("9999-12-30T21:59:59.999Z"),
        ),
        (Value::Float(1.9), Some("1970-01-01T00:00:00.001Z")),
        (Value::Float(1e30), None),
        (Value::Int(i64::MAX), None),
        (Value::Float(f64::NAN), None),
        (Value::Str("x".to_owned()), None),
        (Value::Null, None),
    ] {
        let found = value.to_timestamp().map(|date| date.to_string());
        assert_eq!(found.as_deref(), expected, "{value:?}");
    }
}

#[test]
fn geometry_is_of_the_least_type_that_holds_it() {
    assert_eq!(
        geometry(r#"{"paths":[[[0,0],[1,1]]]}"#, GeometryType::Polyline),
        Some(Geometry::LineString(LineString::from(vec![
            (0.0, 0.0),
            (1.0, 1.0)
        ])))
    );
    let Some(Geometry::MultiLineString(lines)) = geometry(
        r#"{"paths":[[[0,0],[1,1]],[[2,2],[3,3],[4,4]]]}"#,
        GeometryType::Polyline,
    ) else {
        panic!("no lines");
    };
    assert_eq!(lines.0[1].0.len(), 3);
    let shell = |x: f64| {
        LineString::from(vec![
            (x, 0.0),
            (x + 9.0, 0.0),
            (x + 9.0, 9.0),
            (x, 9.0),
            (x, 0.0),
        ])
    };
    let hole = LineString::from(vec![(1.0, 1.0), (1.0, 2.0), (2.0, 1.0), (1.0, 1.0)]);
    let one = "[[0,0],[0,9],[9,9],[9,0],[0,0]],[[1,1],[2,1],[1,2],[1,1]]";
    let two = "[[20,0],[20,9],[29,9],[29,0],[20,0]]";
    let with_hole = Polygon::new(shell(0.0), vec![hole]);
    let Some(Geometry::Polygon(found)) =
        geometry(&format!(r#"{{"rings":[{one}]}}"#), GeometryType::Polygon)
    else {
        panic!("no polygon");
    };
    // The same rings; where a reversed ring begins is its own affair.
    assert_eq!(found.exterior().0.len(), 5);
    assert_eq!(found.interiors(), with_hole.interiors());
    let Some(Geometry::MultiPolygon(found)) = geometry(
        &format!(r#"{{"rings":[{one},{two}]}}"#),
        GeometryType::Polygon,
    ) else {
        panic!("no polygons");
    };
    assert_eq!(
        found,
        MultiPolygon::new(vec![with_hole, Polygon::new(shell(20.0), vec![])])
    );
    assert_eq!(
        geometry(r#"{"x":null,"y":null}"#, GeometryType::Point),
        None
    );
    assert_eq!(
        geometry(r#"{"rings":[]}"#, GeometryType::Polygon),
        Some(MultiPolygon::new(vec![]).into())
    );
}

#[test]
fn rows_are_chosen_across_pages() {
    let layout = layout(GeometryType::Point, Dimensions::Xy);
    let collector = FeatureCollector::new(layout.clone());
    let page = |names: &[&str]| {
        let rows: Vec<String> = names
            .iter()
            .map(|name| format!(r#"{{"attributes":{{"FID":1,"Name":"{name}"}}}}"#))
            .collect();
        let mut page = collector.page(names.len());
        let body = format!(r#"{{"features":[{}]}}"#, rows.join(","));
        decode_json(body.as_bytes(), &DecodeContext::new(&layout), &mut page).unwrap();
        page
    };
    let pages = vec![page(&["a", "b"]), page(&["c"])];
    let chosen = collector.select(pages, &[(1, 0), (0, 1)]).unwrap();
    let names: Vec<_> = chosen
        .into_features(&Default::default())
        .iter()
        .map(|feature| feature.get("Name").unwrap().as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["c", "b"]);
    assert!(collector.select(vec![page(&["a"])], &[(0, 1)]).is_err());
}
