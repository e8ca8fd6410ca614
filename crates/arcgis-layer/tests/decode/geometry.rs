//! Geometry, in every shape that servers give it.

use arcgis_layer::{DecodeError, Dimensions, GeometryType, PageFacts};

use crate::recorder::{Shape, decode, located, refused};

use Dimensions::{Xy, Xym, Xyz, Xyzm};
use GeometryType::{Envelope, Multipatch, Multipoint, Point, Polygon, Polyline};

fn page(geometry: &str, header: &str) -> String {
    format!(r#"{{{header}"features":[{{"geometry":{geometry}}}]}}"#)
}

fn read_with(
    geometry: &str,
    header: &str,
    kind: GeometryType,
    dims: Dimensions,
) -> (Option<Shape>, PageFacts) {
    let (mut rows, facts) = decode(&page(geometry, header), &located(kind, dims));
    (rows.remove(0).geometry, facts)
}

fn read(geometry: &str, kind: GeometryType, dims: Dimensions) -> Option<Shape> {
    read_with(geometry, "", kind, dims).0
}

/// Coordinates as text, because NaN is not equal to itself.
fn coords(geometry: &str, header: &str, kind: GeometryType, dims: Dimensions) -> String {
    let shape = read_with(geometry, header, kind, dims).0.unwrap();
    assert_eq!(shape.dims, dims);
    format!("{:?}", shape.coords)
}

#[test]
fn t8_points_also_on_the_axis() {
    let (shape, facts) = read_with(r#"{"x":0,"y":-0.5}"#, "", Point, Xy);
    let shape = shape.unwrap();
    assert_eq!((shape.kind, shape.coords), (Point, vec![0.0, -0.5]));
    assert_eq!((facts.bbox.xmin, facts.bbox.ymax), (0.0, -0.5));
    assert_eq!(facts.without_geometry, 0);
    assert_eq!(
        coords(r#"{"x":1,"y":2,"z":3,"m":4}"#, "", Point, Xyzm),
        "[1.0, 2.0, 3.0, 4.0]"
    );
    assert_eq!(
        coords(r#"{"x":1,"y":2,"z":3,"m":4}"#, "", Point, Xym),
        "[1.0, 2.0, 4.0]"
    );
    assert_eq!(
        coords(r#"{"m":4,"y":2,"x":1}"#, "", Point, Xyz),
        "[1.0, 2.0, NaN]"
    );
    assert_eq!(
        coords(r#"{"x":1e3,"y":"2.5"}"#, "", Point, Xy),
        "[1000.0, 2.5]"
    );
}

#[test]
fn t32_points_without_a_place_are_empty() {
    for geometry in [
        r#"{"x":null,"y":null}"#,
        r#"{"x":"NaN","y":"NaN"}"#,
        r#"{"x":NaN,"y":NaN,"z":NaN}"#,
        r#"{"x":1,"y":null}"#,
        r#"{"x":"","y":2}"#,
        r#"{"x":Infinity,"y":2}"#,
    ] {
        let (shape, facts) = read_with(geometry, "", Point, Xy);
        let shape = shape.unwrap();
        assert_eq!((shape.kind, shape.coords), (Point, vec![]), "{geometry}");
        assert_eq!(facts.without_geometry, 1);
        assert!(facts.bbox.is_empty());
    }
}

#[test]
fn t59_null_geometry_is_none() {
    for geometry in [
        "null",
        "{}",
        r#"{"rings":null}"#,
        r#"{"paths":null,"hasZ":true}"#,
        r#"{"points":null}"#,
        r#"{"spatialReference":{"wkid":4326}}"#,
    ] {
        let (shape, facts) = read_with(geometry, "", Polygon, Xy);
        assert_eq!(shape, None, "{geometry}");
        assert_eq!(facts.without_geometry, 1);
    }
    let (rows, facts) = decode(r#"{"features":[{}]}"#, &located(Point, Xy));
    assert_eq!(
        (rows[0].geometry.clone(), facts.without_geometry),
        (None, 1)
    );
}

#[test]
fn t59_empty_lists_are_empty_geometry() {
    for (geometry, kind) in [
        (r#"{"rings":[]}"#, Polygon),
        (r#"{"rings":[[]]}"#, Polygon),
        (r#"{"paths":[]}"#, Polyline),
        (r#"{"paths":[[],[]]}"#, Polyline),
        (r#"{"points":[]}"#, Multipoint),
    ] {
        let (shape, facts) = read_with(geometry, "", kind, Xyz);
        let shape = shape.unwrap();
        assert_eq!((shape.kind, shape.coords.len()), (kind, 0));
        assert_eq!((shape.ring_ends.len(), shape.part_ends.len()), (0, 0));
        assert_eq!((facts.without_geometry, facts.repaired), (1, 0));
    }
}

#[test]
fn lists_of_positions() {
    let shape = read(r#"{"points":[[1,2],[3,4.5]]}"#, Multipoint, Xy).unwrap();
    assert_eq!(shape.coords, [1.0, 2.0, 3.0, 4.5]);
    let shape = read(
        r#"{"paths":[[[0,0],[1,1],[2,0]],[[5,5],[6,6]]]}"#,
        Polyline,
        Xy,
    )
    .unwrap();
    assert_eq!((shape.kind, shape.ring_ends), (Polyline, vec![3, 5]));
    let shape = read(
        r#"{"rings":[[[1,1],[2,1],[2,2],[1,1]],[[0,0],[0,9],[9,9],[9,0],[0,0]]]}"#,
        Polygon,
        Xy,
    )
    .unwrap();
    assert_eq!((shape.ring_ends, shape.part_ends), (vec![5, 9], vec![2]));
    assert_eq!(shape.coords[..4], [0.0, 0.0, 9.0, 0.0]);
    assert_eq!(shape.coords[10..], [1.0, 1.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0]);
}

#[test]
fn the_third_number_is_what_the_flags_say() {
    let path = |flags: &str| format!(r#"{{{flags}"paths":[[[1,2,3],[4,5,6]]]}}"#);
    let late = |flags: &str| format!(r#"{{"paths":[[[1,2,3],[4,5,6]]]{flags}}}"#);
    let z = "[1.0, 2.0, 3.0, NaN, 4.0, 5.0, 6.0, NaN]";
    let m = "[1.0, 2.0, NaN, 3.0, 4.0, 5.0, NaN, 6.0]";
    for (geometry, header, expected) in [
        (path(r#""hasM":true,"#), "", m),
        (path(r#""hasZ":true,"#), "", z),
        (path(r#""hasZ":true,"hasM":true,"#), "", z),
        (path(""), r#""hasM":true,"#, m),
        (path(""), r#""hasZ":true,"hasM":true,"#, z),
        (path(""), r#""hasZ":false,"hasM":true,"#, m),
        // The geometry knows better than the answer, also afterwards.
        (path(r#""hasZ":true,"#), r#""hasM":true,"#, z),
        (late(r#","hasM":true"#), r#""hasZ":true,"#, m),
        (late(r#","hasZ":true"#), r#""hasM":true,"#, z),
        (path(""), "", z),
    ] {
        assert_eq!(
            coords(&geometry, header, Polyline, Xyzm),
            expected,
            "{geometry} {header}"
        );
    }
    // Without flags the layer decides, and what it does not have is left out.
    assert_eq!(
        coords(&path(""), "", Polyline, Xym),
        "[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]"
    );
    assert_eq!(
        coords(&path(r#""hasM":true,"#), "", Polyline, Xyz),
        "[1.0, 2.0, NaN, 4.0, 5.0, NaN]"
    );
    assert_eq!(coords(&path(""), "", Polyline, Xy), "[1.0, 2.0, 4.0, 5.0]");
    // Flags behind the features come too late for them.
    let body = r#"{"features":[{"geometry":{"points":[[1,2,3]]}}],"hasM":true,"hasZ":false}"#;
    let (rows, _) = decode(body, &located(Multipoint, Xym));
    assert_eq!(rows[0].geometry.as_ref().unwrap().coords, [1.0, 2.0, 3.0]);
}

#[test]
fn missing_and_further_numbers() {
    let points = r#"{"points":[[1,2],[1,2,3],[1,2,3,4],[1,2,3,4,5],[1,2,null,"NaN"]],"hasZ":true,"hasM":true}"#;
    assert_eq!(
        coords(points, "", Multipoint, Xyzm),
        "[1.0, 2.0, NaN, NaN, 1.0, 2.0, 3.0, NaN, 1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0, 1.0, 2.0, NaN, NaN]"
    );
    assert_eq!(
        coords(points, "", Multipoint, Xym),
        "[1.0, 2.0, NaN, 1.0, 2.0, NaN, 1.0, 2.0, 4.0, 1.0, 2.0, 4.0, 1.0, 2.0, NaN]"
    );
}

#[test]
fn what_means_nothing_is_left_out_and_counted() {
    for (geometry, kind, left) in [
        (r#"{"points":[[1,2],["NaN","NaN"],[3,4]]}"#, Multipoint, 2),
        (r#"{"paths":[[[1,2]],[[3,4],[5,6]]]}"#, Polyline, 2),
        (
            r#"{"rings":[[[0,0],[1,1],[0,0]],[[0,0],[0,1],[1,1],[0,0]]]}"#,
            Polygon,
            4,
        ),
        (
            r#"{"rings":[[["NaN","NaN"],["NaN","NaN"],["NaN","NaN"]]]}"#,
            Polygon,
            0,
        ),
        (r#"{"rings":[[[0,0],[1,1],[0,0]]]}"#, Polygon, 0),
    ] {
        let (shape, facts) = read_with(geometry, "", kind, Xy);
        let shape = shape.unwrap();
        assert_eq!(
            (shape.kind, shape.coords.len() / 2),
            (kind, left),
            "{geometry}"
        );
        assert_eq!(facts.repaired, 1);
        assert_eq!(facts.without_geometry, usize::from(left == 0));
    }
}

#[test]
fn an_envelope_is_a_polygon() {
    for kind in [Envelope, Polygon] {
        let shape = read(r#"{"xmin":1,"ymin":2,"xmax":3,"ymax":5}"#, kind, Xy).unwrap();
        assert_eq!(shape.kind, Polygon);
        assert_eq!(
            shape.coords,
            [1.0, 2.0, 3.0, 2.0, 3.0, 5.0, 1.0, 5.0, 1.0, 2.0]
        );
        assert_eq!((shape.ring_ends, shape.part_ends), (vec![5], vec![1]));
    }
    let empty = read(
        r#"{"xmin":"NaN","ymin":"NaN","xmax":"NaN","ymax":"NaN"}"#,
        Envelope,
        Xy,
    );
    assert_eq!(empty.unwrap().coords, Vec::<f64>::new());
}

#[test]
fn a_geometry_of_another_kind_than_the_layers_keeps_its_own() {
    assert_eq!(read(r#"{"x":1,"y":2}"#, Polygon, Xy).unwrap().kind, Point);
    assert_eq!(
        read(r#"{"paths":[[[1,2],[3,4]]]}"#, Polygon, Xy)
            .unwrap()
            .kind,
        Polyline
    );
}

#[test]
fn what_cannot_be_decoded_says_so() {
    for (geometry, kind, what) in [
        (
            r#"{"curveRings":[[{"c":[[1,1],[2,0]]}]]}"#,
            Polygon,
            "begins nowhere",
        ),
        (
            r#"{"curvePaths":[[[0,0],{"c":[[1,1]]}]]}"#,
            Polyline,
            "lacks some",
        ),
        (
            r#"{"curvePaths":[[[0,0],{"a":[[1,1],[2,0]]}]]}"#,
            Polyline,
            "lacks some",
        ),
        (
            r#"{"curvePaths":[[[0,0],{"b":[[1,1],[null,0],[2,2]]}]]}"#,
            Polyline,
            "are none",
        ),
        (
            r#"{"curvePaths":[[[0,0],{"q":[[1,1],[2,0]]}]]}"#,
            Polyline,
            "no kind of curve",
        ),
        (
            r#"{"rings":[[[0,0],[0,1],[1,1],[0,0]]]}"#,
            Multipatch,
            "multipatch",
        ),
        (r#"{"points":[[1]]}"#, Multipoint, "fewer than two"),
        (r#"{"x":1}"#, Point, "only some"),
        (r#"{"xmin":1,"ymin":2,"xmax":3}"#, Envelope, "only some"),
    ] {
        let error = refused(&page(geometry, ""), &located(kind, Xy));
        assert!(
            matches!(&error, DecodeError::Geometry { row: 0, problem, .. } if problem.contains(what)),
            "{geometry}: {error}"
        );
    }
    for geometry in [
        r#"{"points":[1,2]}"#,
        r#"{"points":"x"}"#,
        r#"{"rings":[[0,0],[0,1],[1,1],[0,0]]}"#,
        r#"{"x":"one","y":2}"#,
        r#"{"x":true,"y":2}"#,
        r#"{"x":[],"y":2}"#,
        "[]",
        "5",
    ] {
        let error = refused(&page(geometry, ""), &located(Point, Xy));
        assert!(
            matches!(error, DecodeError::Malformed { .. }),
            "{geometry}: {error}"
        );
    }
    assert_eq!(
        read(r#"{"curveRings":null,"rings":[]}"#, Polygon, Xy)
            .unwrap()
            .kind,
        Polygon
    );
}

#[test]
fn quantized_answers_are_refused_wherever_they_say_so() {
    let transform = r#""transform":{"originPosition":"upperLeft","scale":[1,1],"translate":[0,0]}"#;
    for body in [
        format!(r#"{{{transform},"features":[{{"geometry":{{"x":1,"y":2}}}}]}}"#),
        format!(r#"{{"features":[{{"geometry":{{"x":1,"y":2}}}}],{transform}}}"#),
    ] {
        let error = refused(&body, &located(Point, Xy));
        assert!(error.to_string().contains("quantized"), "{error}");
    }
}

#[test]
fn geometry_that_nobody_asked_for_is_passed_over() {
    let body = page(
        r#"{"curveRings":[[{"c":[[1]]}]]}"#,
        r#""transform":{"scale":[1,1]},"#,
    );
    let (rows, facts) = decode(&body, &crate::recorder::columns(&[]));
    assert_eq!(
        (rows[0].geometry.clone(), facts.without_geometry),
        (None, 0)
    );
}

#[test]
fn references_inside_geometries_have_to_agree() {
    let point = |wkid: i64| {
        format!(r#"{{"geometry":{{"x":1,"y":2,"spatialReference":{{"wkid":{wkid}}}}}}}"#)
    };
    let layout = located(Point, Xy);
    let (_, facts) = decode(
        &format!(r#"{{"features":[{},{}]}}"#, point(102_100), point(3857)),
        &layout,
    );
    assert_eq!(facts.spatial_reference.unwrap().code(), Some(3857));
    let error = refused(
        &format!(r#"{{"features":[{},{}]}}"#, point(3857), point(4326)),
        &layout,
    );
    assert!(
        matches!(error, DecodeError::Geometry { row: 1, .. }),
        "{error}"
    );
    let error = refused(
        &format!(
            r#"{{"features":[{}],"spatialReference":{{"wkid":2056}}}}"#,
            point(4326)
        ),
        &layout,
    );
    assert!(error.to_string().contains("2056"), "{error}");
}

#[test]
fn the_page_is_as_wide_as_its_geometry() {
    let body = r#"{"features":[{"geometry":{"x":5,"y":-3}},{"geometry":null},{"geometry":{"x":-1,"y":8}},{"geometry":{"x":null,"y":null}}]}"#;
    let (_, facts) = decode(body, &located(Point, Xy));
    let bbox = facts.bbox;
    assert_eq!(
        [bbox.xmin, bbox.ymin, bbox.xmax, bbox.ymax],
        [-1.0, -3.0, 5.0, 8.0]
    );
    assert_eq!((facts.rows, facts.without_geometry), (4, 2));
}
