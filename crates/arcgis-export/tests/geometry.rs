//! Geometry as ISO WKB, byte by byte, and by an independent reader.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod pages;

use arcgis_layer::{Dimensions, GeometryType};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use geo_traits::to_geo::ToGeoGeometry;
use pages::Shape;
use proptest::prelude::*;

use Dimensions::{Xy, Xym, Xyz, Xyzm};
use GeometryType::{Multipoint, Point, Polygon, Polyline};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn wkb(shape: &Shape) -> String {
    let page = pages::page_of(&pages::shapes(4326), &[Some(shape.clone())]).unwrap();
    hex(page.batch.column(0).as_binary::<i32>().value(0))
}

/// Numbers as IEEE 754 has them: 0, 1, 2, 3, 4 and not-a-number, little-endian.
const N0: &str = "0000000000000000";
const N1: &str = "000000000000f03f";
const N2: &str = "0000000000000040";
const N3: &str = "0000000000000840";
const N4: &str = "0000000000001040";
const NAN: &str = "000000000000f87f";

/// One byte for little-endian, then the type as ISO 19125 and SQL/MM number it: z adds 1000 (0x3e8).
#[test]
fn bytes_are_those_of_the_standard() {
    let square = [0., 0., 1., 0., 1., 1., 0., 0.];
    for (name, shape, expected) in [
        ("point", Shape::point(1., 2.), format!("0101000000{N1}{N2}")),
        (
            "point z",
            Shape::new(Point, Xyz, &[1., 2., 3.]),
            format!("01e9030000{N1}{N2}{N3}"),
        ),
        (
            "point m, whose m goes",
            Shape::new(Point, Xym, &[1., 2., 3.]),
            format!("0101000000{N1}{N2}"),
        ),
        (
            "point zm, whose m goes",
            Shape::new(Point, Xyzm, &[1., 2., 3., 4.]),
            format!("01e9030000{N1}{N2}{N3}"),
        ),
        (
            "empty point",
            Shape::new(Point, Xy, &[]),
            format!("0101000000{NAN}{NAN}"),
        ),
        (
            "empty point z",
            Shape::new(Point, Xyz, &[]),
            format!("01e9030000{NAN}{NAN}{NAN}"),
        ),
        (
            "point with an unknown z",
            Shape::new(Point, Xyz, &[1., 2., f64::NAN]),
            format!("01e9030000{N1}{N2}{NAN}"),
        ),
        (
            "multipoint",
            Shape::new(Multipoint, Xy, &[1., 2., 3., 4.]),
            format!("0104000000020000000101000000{N1}{N2}0101000000{N3}{N4}"),
        ),
        (
            "multipoint z of one position",
            Shape::new(Multipoint, Xyz, &[1., 2., 3.]),
            format!("01ec0300000100000001e9030000{N1}{N2}{N3}"),
        ),
        (
            "empty multipoint",
            Shape::new(Multipoint, Xy, &[]),
            "010400000000000000".to_owned(),
        ),
        (
            "line",
            Shape::new(Polyline, Xy, &[1., 2., 3., 4.]).rings(&[2]),
            format!("010200000002000000{N1}{N2}{N3}{N4}"),
        ),
        (
            "empty line",
            Shape::new(Polyline, Xy, &[]),
            "010200000000000000".to_owned(),
        ),
        (
            "two lines z",
            Shape::new(
                Polyline,
                Xyz,
                &[0., 0., 1., 1., 1., 2., 3., 3., 3., 4., 4., 4.],
            )
            .rings(&[2, 4]),
            format!(
                "01ed03000002000000\
                 01ea03000002000000{N0}{N0}{N1}{N1}{N1}{N2}\
                 01ea03000002000000{N3}{N3}{N3}{N4}{N4}{N4}"
            ),
        ),
        (
            "polygon",
            Shape::new(Polygon, Xy, &square).rings(&[4]).parts(&[1]),
            format!("01030000000100000004000000{N0}{N0}{N1}{N0}{N1}{N1}{N0}{N0}"),
        ),
        (
            "empty polygon z",
            Shape::new(Polygon, Xyz, &[]),
            "01eb03000000000000".to_owned(),
        ),
        (
            "polygon with a hole, and another",
            Shape::new(Polygon, Xy, &square.repeat(3))
                .rings(&[4, 8, 12])
                .parts(&[2, 3]),
            {
                let ring = format!("04000000{N0}{N0}{N1}{N0}{N1}{N1}{N0}{N0}");
                format!(
                    "010600000002000000\
                     010300000002000000{ring}{ring}\
                     010300000001000000{ring}"
                )
            },
        ),
    ] {
        assert_eq!(wkb(&shape), expected, "{name}");
    }
}

#[test]
fn parts_that_contradict_the_positions_are_refused() {
    let schema = pages::shapes(4326);
    for shape in [
        Shape::new(Point, Xy, &[1., 2., 3., 4.]),
        Shape::new(Point, Xy, &[1.]),
        Shape::new(Polyline, Xy, &[1., 2., 3., 4.]),
        Shape::new(Polyline, Xy, &[1., 2., 3., 4.]).rings(&[3]),
        Shape::new(Polyline, Xy, &[1., 2., 3., 4.]).rings(&[2, 1]),
        Shape::new(Polyline, Xy, &[1., 2., 3., 4.]).rings(&[usize::MAX, 2]),
        Shape::new(Polygon, Xy, &[0., 0., 1., 0., 1., 1.]).rings(&[3]),
        Shape::new(Polygon, Xy, &[0., 0., 1., 0., 1., 1.])
            .rings(&[3])
            .parts(&[2]),
        Shape::new(GeometryType::Multipatch, Xyz, &[]),
    ] {
        assert!(
            pages::page_of(&schema, &[Some(shape.clone())]).is_err(),
            "{shape:?}"
        );
    }
}

#[test]
fn bounding_boxes_are_exact_and_null_where_there_is_none() {
    let page = pages::page_of(
        &pages::shapes(4326),
        &[
            Some(Shape::new(Polyline, Xy, &[0.1, 5., -3., 0.2, 2., 7.]).rings(&[3])),
            None,
            Some(Shape::new(Point, Xy, &[])),
            Some(Shape::new(Point, Xy, &[f64::NAN, f64::NAN])),
            Some(Shape::point(-0.1, 1e-300)),
        ],
    )
    .unwrap();
    let boxes = page.batch.column(1).as_struct();
    let nulls: Vec<bool> = (0..5).map(|row| boxes.is_null(row)).collect();
    assert_eq!(nulls, [false, true, true, true, false]);
    let sides: Vec<Vec<f64>> = boxes
        .columns()
        .iter()
        .map(|side| {
            let side = side.as_primitive::<Float64Type>();
            vec![side.value(0), side.value(4)]
        })
        .collect();
    assert_eq!(
        sides,
        [[-3., -0.1], [0.2, 1e-300], [2., -0.1], [7., 1e-300]]
    );
    assert_eq!(page.geometry.geometry_types(), ["LineString", "Point"]);
    assert_eq!((page.geometry.nulls(), page.geometry.empty()), (1, 2));
    let bbox = page.geometry.bbox().unwrap();
    assert_eq!(
        [bbox.xmin, bbox.ymin, bbox.xmax, bbox.ymax],
        [-3., 1e-300, 2., 7.]
    );
}

#[test]
fn chosen_rows_are_summed_up_anew() {
    use arcgis_export::ArrowSink;
    use arcgis_layer::{FeatureSink, PageSink};

    let sink = ArrowSink::new(pages::shapes(4326));
    let mut page = sink.page(3);
    for shape in [
        Shape::new(Point, Xyzm, &[100., 100., 9., 1.]),
        Shape::new(Point, Xyz, &[1., 2., 3.]),
        Shape::new(Polyline, Xy, &[7., 7., 8., 8.]).rings(&[2]),
    ] {
        page.geometry(shape.as_ref()).unwrap();
        page.end_row().unwrap();
    }
    let page = sink.select(vec![page], &[(0, 2), (0, 1)]).unwrap();
    let page = sink.select(vec![page], &[(0, 1), (0, 0)]).unwrap();
    let page = page.into_batch().unwrap();
    assert_eq!(page.geometry.geometry_types(), ["LineString", "Point Z"]);
    assert_eq!(page.geometry.z_range(), Some((3., 3.)));
    assert_eq!(page.geometry.dropped_m(), 0);
    assert_eq!(page.geometry.bbox().unwrap().xmax, 8.);
}

/// Polygons with parts, holes and any finite numbers.
fn polygon() -> impl Strategy<Value = Shape> {
    let number = prop::num::f64::NORMAL | prop::num::f64::ZERO;
    let ring = prop::collection::vec((number, number), 4..9);
    let part = prop::collection::vec(ring, 1..4);
    prop::collection::vec(part, 1..4).prop_map(|parts| {
        let mut shape = Shape::new(Polygon, Xy, &[]);
        for part in parts {
            for mut ring in part {
                let first = ring[0];
                *ring.last_mut().unwrap() = first;
                shape.coords.extend(ring.iter().flat_map(|(x, y)| [*x, *y]));
                shape.ring_ends.push(shape.coords.len() / 2);
            }
            shape.part_ends.push(shape.ring_ends.len());
        }
        shape
    })
}

proptest! {
    #[test]
    fn an_independent_reader_finds_the_same_polygons(shape in polygon()) {
        let page = pages::page_of(&pages::shapes(4326), &[Some(shape.clone())]).unwrap();
        let column = page.batch.column(0).as_binary::<i32>();
        let read = wkb::reader::read_wkb(column.value(0)).unwrap().to_geometry();
        let polygons = match read {
            geo_types::Geometry::Polygon(polygon) => vec![polygon],
            geo_types::Geometry::MultiPolygon(polygons) => polygons.0,
            other => panic!("{other:?}"),
        };
        let mut coords = Vec::new();
        let mut ring_ends = Vec::new();
        let mut part_ends = Vec::new();
        for polygon in &polygons {
            for ring in std::iter::once(polygon.exterior()).chain(polygon.interiors()) {
                coords.extend(ring.coords().flat_map(|coord| [coord.x, coord.y]));
                ring_ends.push(coords.len() / 2);
            }
            part_ends.push(ring_ends.len());
        }
        prop_assert_eq!(coords, shape.coords);
        prop_assert_eq!(ring_ends, shape.ring_ends);
        prop_assert_eq!(part_ends, shape.part_ends);
    }
}
