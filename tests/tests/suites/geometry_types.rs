//! For each geometry type, with and without z and m: what the service holds is what the file holds.

use arcgis_export::Note;
use arcgis_testkit::{Field, FieldType, Geometry, GeometryType, Layer, Row, Testkit, Vertex};
use arcgis_tests::{Bench, ParquetFile, Shape, Wkb, is_counter_clockwise};
use serde_json::json;

/// What the vertices of a layer have beside x and y.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axes {
    z: bool,
    m: bool,
}

const ALL_AXES: [Axes; 4] = [
    Axes { z: false, m: false },
    Axes { z: true, m: false },
    Axes { z: false, m: true },
    Axes { z: true, m: true },
];

impl Axes {
    /// The vertex as the service is told; z and m are made of x and y.
    fn vertex(self, (x, y): (f64, f64)) -> Vertex {
        Vertex {
            x,
            y,
            z: if self.z { x * 10.0 + y } else { f64::NAN },
            m: if self.m { x + y * 10.0 } else { f64::NAN },
        }
    }

    /// The position as the file should have it: no m.
    fn position(self, (x, y): (f64, f64)) -> Vec<f64> {
        if self.z {
            vec![x, y, x * 10.0 + y]
        } else {
            vec![x, y]
        }
    }

    fn vertices(self, line: &[(f64, f64)]) -> Vec<Vertex> {
        line.iter().map(|at| self.vertex(*at)).collect()
    }

    fn line(self, line: &[(f64, f64)]) -> Vec<Vec<f64>> {
        line.iter().map(|at| self.position(*at)).collect()
    }

    fn lines(self, lines: &[&[(f64, f64)]]) -> Vec<Vec<Vec<f64>>> {
        lines.iter().map(|line| self.line(line)).collect()
    }

    fn layer(self, kind: GeometryType) -> Layer {
        let mut layer = Layer::new("t", kind)
            .with_field(Field::new("OBJECTID", FieldType::Oid))
            .with_max_record_count(2);
        if self.z {
            layer = layer.with_z();
        }
        if self.m {
            layer = layer.with_m();
        }
        layer
    }

    /// The names that GeoParquet gives types with these axes.
    fn types(self, names: &[&str]) -> serde_json::Value {
        names
            .iter()
            .map(|name| {
                if self.z {
                    format!("{name} Z")
                } else {
                    (*name).to_owned()
                }
            })
            .collect()
    }
}

type Rows = Vec<(Option<Geometry>, Option<Shape>)>;

/// Exports rows and compares each with what it should become.
async fn compare(axes: Axes, kind: GeometryType, rows: Rows, types: &[&str]) -> ParquetFile {
    let layer = axes
        .layer(kind)
        .with_rows(rows.iter().map(|(geometry, _)| match geometry {
            Some(geometry) => Row::new().at(geometry.clone()),
            None => Row::new(),
        }));
    let bench = Bench::start(Testkit::builder().layer(layer)).await;
    let (report, file) = bench.exported("t").await;
    let dims = if axes.z { 3 } else { 2 };
    let expected: Vec<_> = rows
        .into_iter()
        .map(|(_, shape)| shape.map(|shape| Wkb { dims, shape }))
        .collect();
    let got = file.geometries();
    assert_eq!(got, expected, "{axes:?}");

    // Bounds: of each row, of the file, in the report, all by the geometries that came out.
    let bounds: Vec<_> = got
        .iter()
        .map(|wkb| wkb.as_ref().and_then(Wkb::bounds))
        .collect();
    assert_eq!(file.boxes(), bounds, "{axes:?}");
    let whole = bounds.iter().flatten().copied().reduce(|a, b| {
        [
            a[0].min(b[0]),
            a[1].min(b[1]),
            a[2].max(b[2]),
            a[3].max(b[3]),
        ]
    });
    let heights = || {
        got.iter()
            .flatten()
            .flat_map(Wkb::positions)
            .filter_map(|position| position.get(2).copied())
    };
    let (low, high) = (heights().reduce(f64::min), heights().reduce(f64::max));
    let geo = file.geo_column();
    let [xmin, ymin, xmax, ymax] = whole.unwrap();
    let bbox = match (low, high) {
        (Some(low), Some(high)) => json!([xmin, ymin, low, xmax, ymax, high]),
        _ => json!([xmin, ymin, xmax, ymax]),
    };
    assert_eq!(geo["bbox"], bbox, "{axes:?}");
    assert_eq!(geo["geometry_types"], axes.types(types), "{axes:?}");
    assert_eq!(geo["encoding"], "WKB");
    assert_eq!(geo["orientation"], "counterclockwise");
    assert_eq!(geo["covering"]["bbox"]["xmax"], json!(["bbox", "xmax"]));

    let geometry = report.geometry.unwrap();
    assert_eq!(geometry.extent, whole);
    assert_eq!(
        geometry.z_range,
        low.zip(high).map(|(low, high)| [low, high])
    );
    assert_eq!(
        geometry.null_rows,
        got.iter().filter(|wkb| wkb.is_none()).count() as u64
    );
    let empty = got
        .iter()
        .flatten()
        .filter(|wkb| wkb.positions().is_empty())
        .count() as u64;
    assert_eq!(geometry.empty_rows, empty);
    let with_m = if axes.m {
        got.iter().flatten().count() as u64 - empty
    } else {
        0
    };
    assert_eq!(geometry.dropped_m_rows, with_m);
    let notes = if axes.m {
        vec![Note::DroppedM { rows: with_m }]
    } else {
        Vec::new()
    };
    assert_eq!(report.notes, notes);
    file
}

#[tokio::test]
async fn points() {
    for axes in ALL_AXES {
        let point = |at| {
            (
                Some(Geometry::Point(axes.vertex(at))),
                Some(Shape::Point(Some(axes.position(at)))),
            )
        };
        let rows = vec![
            point((7.4474, 46.948)),
            (None, None),
            point((-179.999_999_999_999_97, -89.999_999_999_999_99)),
            (Some(Geometry::empty_point()), Some(Shape::Point(None))),
            point((0.0, -0.0)),
            point((1e-7, 0.1 + 0.2)),
        ];
        compare(axes, GeometryType::Point, rows, &["Point"]).await;
    }
}

#[tokio::test]
async fn multipoints() {
    for axes in ALL_AXES {
        let points = |at: &[(f64, f64)]| {
            (
                Some(Geometry::Multipoint(axes.vertices(at))),
                Some(Shape::MultiPoint(axes.line(at))),
            )
        };
        let rows = vec![
            points(&[(1.0, 2.0), (3.0, 4.0), (1.0, 2.0)]),
            points(&[]),
            (None, None),
            points(&[(-5.5, 6.25)]),
        ];
        compare(axes, GeometryType::Multipoint, rows, &["MultiPoint"]).await;
    }
}

#[tokio::test]
async fn polylines() {
    for axes in ALL_AXES {
        let geometry = |paths: &[&[(f64, f64)]]| {
            Some(Geometry::Polyline(
                paths.iter().map(|path| axes.vertices(path)).collect(),
            ))
        };
        let (a, b): (&[_], &[_]) = (
            &[(0.0, 0.0), (1.5, 2.5), (3.0, -1.0)],
            &[(10.0, 10.0), (11.0, 10.5)],
        );
        let rows = vec![
            (geometry(&[a]), Some(Shape::LineString(axes.line(a)))),
            (
                geometry(&[a, b]),
                Some(Shape::MultiLineString(axes.lines(&[a, b]))),
            ),
            (geometry(&[]), Some(Shape::LineString(Vec::new()))),
            (None, None),
            (geometry(&[b]), Some(Shape::LineString(axes.line(b)))),
        ];
        compare(
            axes,
            GeometryType::Polyline,
            rows,
            &["LineString", "MultiLineString"],
        )
        .await;
    }
}

/// A square, clockwise as Esri draws shells.
fn square(x: f64, y: f64, side: f64) -> Vec<(f64, f64)> {
    vec![
        (x, y),
        (x, y + side),
        (x + side, y + side),
        (x + side, y),
        (x, y),
    ]
}

/// The other way round, from the same start.
fn reversed(mut ring: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    ring.reverse();
    ring
}

#[tokio::test]
async fn polygons() {
    for axes in ALL_AXES {
        let geometry = |rings: &[&Vec<(f64, f64)>]| {
            Some(Geometry::Polygon(
                rings.iter().map(|ring| axes.vertices(ring)).collect(),
            ))
        };
        let polygon = |rings: &[&Vec<(f64, f64)>]| {
            rings.iter().map(|ring| axes.line(ring)).collect::<Vec<_>>()
        };
        let big = square(0.0, 0.0, 10.0);
        let far = square(20.0, 0.0, 5.0);
        // Holes run counter-clockwise in Esri's JSON, and clockwise in the file.
        let (hole, other_hole) = (square(1.0, 1.0, 4.0), square(6.0, 6.0, 2.0));
        let (far_hole, island) = (square(21.0, 1.0, 1.0), square(2.0, 2.0, 1.0));
        let flip = |ring: &Vec<(f64, f64)>| reversed(ring.clone());
        let (big_ccw, far_ccw, island_ccw) = (flip(&big), flip(&far), flip(&island));
        let (hole_ccw, other_ccw, far_hole_ccw) = (flip(&hole), flip(&other_hole), flip(&far_hole));
        let rows = vec![
            (
                geometry(&[&big]),
                Some(Shape::Polygon(polygon(&[&big_ccw]))),
            ),
            (
                geometry(&[&big, &hole_ccw, &other_ccw]),
                Some(Shape::Polygon(polygon(&[&big_ccw, &hole, &other_hole]))),
            ),
            // The holes first, and the shells last.
            (
                geometry(&[&far_hole_ccw, &hole_ccw, &big, &far]),
                Some(Shape::MultiPolygon(vec![
                    polygon(&[&big_ccw, &hole]),
                    polygon(&[&far_ccw, &far_hole]),
                ])),
            ),
            // An island in the hole is a polygon of its own.
            (
                geometry(&[&big, &hole_ccw, &island]),
                Some(Shape::MultiPolygon(vec![
                    polygon(&[&big_ccw, &hole]),
                    polygon(&[&island_ccw]),
                ])),
            ),
            (geometry(&[]), Some(Shape::Polygon(Vec::new()))),
            (None, None),
            (
                geometry(&[&big, &far]),
                Some(Shape::MultiPolygon(vec![
                    polygon(&[&big_ccw]),
                    polygon(&[&far_ccw]),
                ])),
            ),
        ];
        compare(
            axes,
            GeometryType::Polygon,
            rows,
            &["MultiPolygon", "Polygon"],
        )
        .await;
    }
}

/// A ring that starts at its least position, so that rings can be compared wherever they start.
fn turned(ring: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut ring = ring[..ring.len() - 1].to_vec();
    let least = (0..ring.len())
        .min_by(|a, b| ring[*a].partial_cmp(&ring[*b]).unwrap())
        .unwrap();
    ring.rotate_left(least);
    ring
}

#[tokio::test]
async fn crooked_rings_become_what_their_nesting_says() {
    let rings = |rings: Vec<Vec<(f64, f64)>>| Row::new().at(Geometry::polygon(rings));
    let open: Vec<_> = square(0.0, 0.0, 10.0).into_iter().take(4).collect();
    let layer = Layer::new("t", GeometryType::Polygon).with_rows([
        // All clockwise, as GeoJSON servers send them; all counter-clockwise; shell and hole swapped.
        rings(vec![square(0.0, 0.0, 10.0), square(1.0, 1.0, 4.0)]),
        rings(vec![
            reversed(square(0.0, 0.0, 10.0)),
            reversed(square(1.0, 1.0, 4.0)),
        ]),
        rings(vec![
            reversed(square(0.0, 0.0, 10.0)),
            square(1.0, 1.0, 4.0),
        ]),
        // Not closed.
        rings(vec![open, reversed(square(1.0, 1.0, 4.0))]),
    ]);
    let bench = Bench::start(Testkit::builder().layer(layer)).await;
    let (_, file) = bench.exported("t").await;
    let line = |ring: Vec<(f64, f64)>| -> Vec<Vec<f64>> {
        ring.into_iter().map(|(x, y)| vec![x, y]).collect()
    };
    for wkb in file.geometries() {
        let wkb = wkb.unwrap();
        let [polygon] = wkb.polygons() else {
            panic!("{wkb:?}")
        };
        let [shell, hole] = polygon.as_slice() else {
            panic!("{wkb:?}")
        };
        assert!(
            is_counter_clockwise(shell) && !is_counter_clockwise(hole),
            "{wkb:?}"
        );
        assert_eq!(
            turned(shell),
            turned(&line(reversed(square(0.0, 0.0, 10.0))))
        );
        assert_eq!(turned(hole), turned(&line(square(1.0, 1.0, 4.0))));
    }
}

#[tokio::test]
async fn a_layer_of_nulls_alone_has_no_bounds() {
    let layer = Layer::new("t", GeometryType::Point)
        .with_rows([Row::new(), Row::new().at(Geometry::empty_point())]);
    let bench = Bench::start(Testkit::builder().layer(layer)).await;
    let (report, file) = bench.exported("t").await;
    assert_eq!(file.boxes(), [None, None]);
    assert_eq!(file.geo_column().get("bbox"), None);
    assert_eq!(report.geometry.unwrap().extent, None);
}

#[tokio::test]
async fn members_in_another_order_mean_the_same() {
    let rows = || {
        (0..9).map(|n| {
            Row::new()
                .with("NAME", format!("n{n}"))
                .at(Geometry::polyline([[
                    (f64::from(n), 0.0),
                    (0.0, f64::from(n)),
                ]]))
        })
    };
    let layer = || {
        Layer::new("t", GeometryType::Polyline)
            .with_field(Field::new("NAME", FieldType::String))
            .with_max_record_count(4)
            .with_rows(rows())
    };
    let straight = Bench::start(Testkit::builder().layer(layer()))
        .await
        .exported("t")
        .await
        .1;
    let first = layer().with_quirk(arcgis_testkit::Quirk::FeaturesFirst);
    let turned = Bench::start(Testkit::builder().layer(first))
        .await
        .exported("t")
        .await
        .1;
    assert_eq!(straight.batch, turned.batch);
}
