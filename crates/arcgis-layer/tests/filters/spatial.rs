//! Filters by geometry.

use arcgis_layer::{
    Bbox, DistanceUnit, LayerAddress, Query, QueryError, SpatialFilter, SpatialReference,
    SpatialRelation,
};
use geo_types::{Coord, Geometry, LineString, MultiPolygon, Point, Polygon, polygon};
use serde_json::{Value, json};

use crate::{LAYER, info, layer, wire};

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
