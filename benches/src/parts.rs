//! The parts of the way from a page to a file, each alone.

use std::hint::black_box;

use arcgis_export::{
    ArrowSink, Compression, DateZone, ExportSchema, GeoParquetWriter, GeometrySummary, PageBatch,
    Provenance, WriterOptions, ZstdLevel,
};
use arcgis_layer::arcgis_auth_core::http::{HeaderMap, StatusCode};
use arcgis_layer::arcgis_auth_core::{Accept, Request, Verdict};
use arcgis_layer::{
    DecodeContext, Dimensions, FeatureSink as _, Field, GeometryLayout, GeometryRef, GeometryType,
    Layout, PageSink as _, SpatialReference, decode_json, decode_pbf,
};

use crate::contestants::Nowhere;
use crate::messages::{Axes, Feature, FeatureResult, Geometry, Transform};
use crate::mixture::unit;
use crate::{Page, curve};

/// Something that is done so and so often.
pub struct Part {
    /// What is done.
    pub name: String,
    /// Of what.
    pub unit: &'static str,
    /// How many of them.
    pub count: usize,
    /// Whether other threads do a part of it.
    pub threads: bool,
    work: Box<dyn Fn()>,
}

impl Part {
    fn new(
        name: impl Into<String>,
        unit: &'static str,
        count: usize,
        work: impl Fn() + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            unit,
            count,
            threads: false,
            work: Box::new(work),
        }
    }

    /// Does it once.
    pub fn run(&self) {
        (self.work)();
    }
}

/// All of them: rings becoming polygons, WKB, the look at an answer's head, Parquet, and the keys that rows are sorted by.
#[must_use]
pub fn parts() -> Vec<Part> {
    let mut parts = rings();
    parts.extend(wkb());
    parts.extend(envelopes());
    parts.extend(parquet());
    parts.push(keys());
    parts
}

type Ring = Vec<[i64; 2]>;
/// Makes so many rings.
type Make = fn(usize) -> Vec<Ring>;

/// Rings in all, and positions of each, but for the closing one.
const RINGS: usize = 2_000;
const CORNERS: usize = 48;

/// A ring around a centre, its first position once more at its end.
fn ring([x, y]: [i64; 2], radius: f64, clockwise: bool) -> Ring {
    let turn = std::f64::consts::TAU / CORNERS as f64;
    let sign = if clockwise { -1.0 } else { 1.0 };
    (0..=CORNERS)
        .map(|corner| {
            let angle = sign * turn * (corner % CORNERS) as f64;
            [
                x + (radius * angle.cos()) as i64,
                y + (radius * angle.sin()) as i64,
            ]
        })
        .collect()
}

/// Rings side by side.
fn grid(rings: usize) -> Vec<Ring> {
    let side = rings.isqrt() + 1;
    let at = |place: usize| [(place % side * 2_500) as i64, (place / side * 2_500) as i64];
    (0..rings)
        .map(|place| ring(at(place), 1_000.0, true))
        .collect()
}

/// A shell with holes.
fn holes(rings: usize) -> Vec<Ring> {
    let centre = [rings as i64 * 500; 2];
    let mut all = vec![ring(centre, 2_000.0 * rings as f64, true)];
    all.extend(grid(rings - 1).into_iter().map(|mut ring| {
        ring.reverse();
        ring
    }));
    all
}

/// Rings within each other.
fn nested(rings: usize) -> Vec<Ring> {
    (0..rings)
        .map(|place| ring([0, 0], 2_000.0 * (rings - place) as f64, place % 2 == 0))
        .collect()
}

fn rings() -> Vec<Part> {
    let polygon = GeometryType::Polygon;
    let cases: [(&str, GeometryType, usize, Make); 6] = [
        (
            "as lines, which are not assembled",
            GeometryType::Polyline,
            1,
            grid,
        ),
        ("one of each polygon", polygon, 1, grid),
        ("a shell and its nine holes", polygon, 10, holes),
        ("100 shells of a polygon", polygon, 100, grid),
        ("2,000 shells of a polygon", polygon, RINGS, grid),
        ("100 within each other", polygon, 100, nested),
    ];
    cases
        .into_iter()
        .map(|(name, kind, each, make)| {
            let page = page_of(kind, RINGS / each, &make(each));
            let layout = located(kind, Dimensions::Xy);
            Part::new(format!("rings, {name}"), "a ring", RINGS, move || {
                let context = DecodeContext::new(&layout);
                let facts = decode_pbf(&page, &context, &mut Nowhere).unwrap();
                assert_eq!((facts.rows, facts.repaired), (RINGS / each, 0));
            })
        })
        .collect()
}

fn located(kind: GeometryType, dims: Dimensions) -> Layout {
    Layout::new(Vec::<Field>::new()).with_geometry(GeometryLayout {
        kind,
        dims,
        spatial_reference: SpatialReference::from_wkid(3857),
    })
}

/// So many features of the same rings, as PBF.
fn page_of(kind: GeometryType, features: usize, rings: &[Ring]) -> Vec<u8> {
    let mut geometry = Geometry::default();
    for ring in rings {
        geometry.lengths.push(u32::try_from(ring.len()).unwrap());
        let mut last = [0, 0];
        for &[x, y] in ring {
            geometry.coords.extend([x - last[0], y - last[1]]);
            last = [x, y];
        }
    }
    let feature = Feature {
        geometry: Some(geometry),
        ..Feature::default()
    };
    FeatureResult {
        geometry_type: if kind == GeometryType::Polygon { 3 } else { 2 },
        transform: Some(Transform {
            origin: 1,
            scale: Some(Axes {
                x: 1e-3,
                y: 1e-3,
                ..Axes::default()
            }),
            translate: None,
        }),
        features: vec![feature; features],
        ..FeatureResult::default()
    }
    .encoded()
}

/// Rows of each case, and positions of each line and polygon.
const ROWS: usize = 1_000;
const POSITIONS: usize = 120;

fn wkb() -> Vec<Part> {
    [
        ("points", GeometryType::Point, Dimensions::Xy, 1),
        ("lines", GeometryType::Polyline, Dimensions::Xy, POSITIONS),
        ("polygons", GeometryType::Polygon, Dimensions::Xy, POSITIONS),
        (
            "polygons with z",
            GeometryType::Polygon,
            Dimensions::Xyz,
            POSITIONS,
        ),
        (
            "polygons whose m is left out",
            GeometryType::Polygon,
            Dimensions::Xyzm,
            POSITIONS,
        ),
    ]
    .into_iter()
    .map(|(name, kind, dims, positions)| {
        let schema = ExportSchema::new(&located(kind, dims), DateZone::Utc);
        let sink = ArrowSink::new(schema);
        let coords: Vec<f64> = (0..positions * dims.size())
            .map(|place| unit(place as u64, 0))
            .collect();
        Part::new(format!("WKB, {name}"), "a row", ROWS, move || {
            let ends = [positions];
            let rings: &[usize] = if positions > 1 { &ends } else { &[] };
            let mut page = sink.page(ROWS);
            for _ in 0..ROWS {
                page.geometry(GeometryRef {
                    kind,
                    dims,
                    coords: &coords,
                    ring_ends: rings,
                    part_ends: if kind == GeometryType::Polygon {
                        &[1]
                    } else {
                        &[]
                    },
                })
                .unwrap();
                page.end_row().unwrap();
            }
            assert_eq!(page.into_batch().unwrap().batch.num_rows(), ROWS);
        })
    })
    .collect()
}

fn envelopes() -> Vec<Part> {
    let page = Page::first_of("points");
    let error = r#"{"error":{"code":498,"message":"Invalid Token","details":["it has expired"]}}"#;
    let mut late = page.json.clone();
    late.truncate(late.len() - 1);
    late.extend(
        br#","error":{"code":500,"message":"Error performing query operation","details":[]}}"#,
    );
    [
        ("a page as JSON", page.json.clone(), true),
        ("a page as PBF", page.pbf, true),
        ("an error", error.as_bytes().to_vec(), false),
        ("an error behind a page", late, false),
        (
            "a web page",
            format!(
                "<!DOCTYPE html><html><title>Sign in</title>{}",
                "<p>".repeat(500)
            )
            .into_bytes(),
            false,
        ),
    ]
    .into_iter()
    .map(|(name, body, fine)| {
        let url = "https://host.example/arcgis/rest/services/a/FeatureServer/0/query";
        let accept = match name {
            "a page as PBF" => Accept::Pbf,
            _ => Accept::Json,
        };
        let request = Request::read(url.parse().unwrap()).with_accept(accept);
        let headers = HeaderMap::new();
        Part::new(format!("envelope, {name}"), "an answer", 1, move || {
            let verdict = Verdict::of(&request, StatusCode::OK, &headers, &body);
            assert_eq!(black_box(verdict).error().is_none(), fine);
        })
    })
    .collect()
}

/// Pages that are written at once.
const PAGES: usize = 8;

fn parquet() -> Vec<Part> {
    let mut parts = Vec::new();
    for name in ["points", "polygons"] {
        for (how, compression) in [
            ("zstd 3", Compression::Zstd(ZstdLevel::new(3).unwrap())),
            ("not compressed", Compression::None),
        ] {
            let page = Page::first_of(name);
            let read = read(&page);
            let schema = page.sink.schema().clone();
            let options = WriterOptions::default().with_compression(compression);
            let rows = PAGES * page.rows;
            let mut part = Part::new(
                format!("Parquet, {name}, {how}"),
                "a row",
                rows,
                move || write(&read, &schema, &options),
            );
            part.threads = true;
            parts.push(part);
        }
    }
    parts
}

fn read(page: &Page) -> PageBatch {
    let mut sink = page.sink.page(page.rows);
    decode_json(&page.json, &DecodeContext::new(&page.layout), &mut sink).unwrap();
    sink.into_batch().unwrap()
}

fn write(page: &PageBatch, schema: &ExportSchema, options: &WriterOptions) {
    let mut writer = GeoParquetWriter::try_new(Vec::new(), schema, options).unwrap();
    for _ in 0..PAGES {
        writer.write(&page.batch).unwrap();
    }
    let summary: &GeometrySummary = &page.geometry;
    let (file, groups) = writer.finish(summary, &Provenance::default()).unwrap();
    assert_eq!(groups.len(), 1);
    black_box(file);
}

/// Places on the Hilbert curve that rows are sorted by.
fn keys() -> Part {
    const KEYS: usize = 4_096;
    let cells: Vec<[u32; 2]> = (0..KEYS as u64)
        .map(|row| [0, 1].map(|axis| (unit(row, axis) * f64::from(u32::MAX)) as u32))
        .collect();
    Part::new("sort keys", "a key", KEYS, move || {
        let sum = cells.iter().fold(0_u64, |sum, &[x, y]| {
            sum.wrapping_add(curve::distance(x, y))
        });
        black_box(sum);
    })
}
