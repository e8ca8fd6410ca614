//! Pages of sizes that no server sends on purpose: time grows as they do, and memory stays a small multiple of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use arcgis_layer::{
    DecodeContext, DecodeError, Dimensions, FeatureSink, Field as LayerField, FieldType,
    GeometryLayout, GeometryRef, GeometryType, Layout, PageFacts, SinkError, SpatialReference,
    ValueRef, decode_json, decode_pbf, read_header, read_pbf_header,
};

#[path = "pbf/messages.rs"]
#[allow(dead_code)] // Each suite uses a part of it.
mod messages;

use messages::{Axes, Feature, FeatureResult, Field, Geometry, Kind, Transform, Value};

/// Remembers how much it was given, and keeps nothing.
#[derive(Default)]
struct Tally {
    text: usize,
    parts: usize,
    positions: usize,
}

impl FeatureSink for Tally {
    fn attribute(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), SinkError> {
        black_box(column);
        if let ValueRef::Str(text) = value {
            self.text += text.len();
        }
        Ok(())
    }

    fn geometry(&mut self, geometry: GeometryRef<'_>) -> Result<(), SinkError> {
        self.parts += geometry.part_ends.len();
        self.positions += geometry.positions();
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

fn layout() -> Layout {
    Layout::new([
        LayerField::new("OBJECTID", FieldType::Oid),
        LayerField::new("NOTE", FieldType::String),
    ])
    .with_object_id("OBJECTID")
}

fn polygons() -> Layout {
    layout().with_geometry(GeometryLayout {
        kind: GeometryType::Polygon,
        dims: Dimensions::Xy,
        spatial_reference: SpatialReference::default(),
    })
}

/// What a page cost.
struct Cost {
    /// The most memory that there was at once, the page not counted.
    peak: u64,
    /// On a processor; `None` where that is not known.
    time: Option<Duration>,
}

/// How long this thread has had a processor: unlike a clock's, that time does not depend on what else a machine does.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

type Decode = fn(&[u8], &DecodeContext<'_>, &mut Tally) -> Result<PageFacts, DecodeError>;

fn decoded(decode: Decode, body: &[u8], layout: &Layout) -> (PageFacts, Tally, Cost) {
    let mut tally = Tally::default();
    let mut facts = None;
    let start = processor_time();
    let counted = allocation_counter::measure(|| {
        facts = Some(decode(body, &DecodeContext::new(layout), &mut tally));
    });
    let cost = Cost {
        peak: counted.bytes_max,
        time: processor_time().zip(start).map(|(end, start)| end - start),
    };
    (facts.unwrap().unwrap(), tally, cost)
}

/// Eight times the size takes about eight times as long. Were it quadratic, it would be 64 times; the rest is room for
/// caches that others fill.
fn assert_linear(decode: Decode, layout: &Layout, body: impl Fn(usize) -> Vec<u8>, size: usize) {
    let (small, large) = (body(size / 8), body(size));
    let fastest = |body: &[u8]| {
        let times = (0..3).map(|_| decoded(decode, body, layout).2.time);
        times.min().unwrap().map(|time| time.as_secs_f64())
    };
    let (Some(long), Some(short)) = (fastest(&large), fastest(&small)) else {
        println!("not checked whether time is linear: this system does not tell it");
        return;
    };
    let ratio = long / short.max(1e-3);
    assert!(
        ratio < 32.0,
        "eight times as much takes {ratio:.1} times as long"
    );
}

#[test]
fn an_attribute_of_50_megabytes_is_passed_on_without_a_copy() {
    const SIZE: usize = 50_000_000;
    let text = "x".repeat(SIZE);
    let body = format!(r#"{{"features":[{{"attributes":{{"OBJECTID":1,"NOTE":"{text}"}}}}]}}"#);
    let (_, tally, cost) = decoded(decode_json, body.as_bytes(), &layout());
    assert_eq!(tally.text, SIZE);
    assert!(cost.peak < 100_000, "{}", cost.peak);

    let page = FeatureResult {
        fields: fields(),
        features: vec![row(1, Some(Kind::Text(text)), None)],
        ..FeatureResult::default()
    };
    let (_, tally, cost) = decoded(decode_pbf, &page.encoded(), &layout());
    assert_eq!(tally.text, SIZE);
    assert!(cost.peak < 100_000, "{}", cost.peak);
}

#[test]
fn a_long_attribute_full_of_escapes_takes_its_own_size_twice_at_most() {
    let body = |size: usize| {
        let text = r"\n\u00e9".repeat(size);
        format!(r#"{{"features":[{{"attributes":{{"OBJECTID":1,"NOTE":"{text}"}}}}]}}"#)
            .into_bytes()
    };
    let large = body(400_000);
    let (_, tally, cost) = decoded(decode_json, &large, &layout());
    assert_eq!(tally.text, 3 * 400_000);
    assert!(cost.peak < 2 * large.len() as u64, "{}", cost.peak);
    assert_linear(decode_json, &layout(), body, 400_000);
}

#[test]
fn many_small_features_cost_no_more_than_their_ids() {
    let json = |rows: usize| {
        let mut body = String::from(r#"{"features":["#);
        for row in 0..rows {
            let comma = if row == 0 { "" } else { "," };
            write!(body, r#"{comma}{{"attributes":{{"OBJECTID":{row}}}}}"#).unwrap();
        }
        body.push_str("]}");
        body.into_bytes()
    };
    let pbf = |rows: usize| {
        let features = (0..rows).map(|id| row(id as u32, None, None)).collect();
        let page = FeatureResult {
            fields: fields(),
            features,
            ..FeatureResult::default()
        };
        page.encoded()
    };
    const ROWS: usize = 200_000;
    let (body, twin) = (json(ROWS), pbf(ROWS));
    for (decode, body) in [(decode_json as Decode, &body), (decode_pbf, &twin)] {
        let (facts, _, cost) = decoded(decode, body, &layout());
        assert_eq!((facts.rows, facts.ids.len()), (ROWS, ROWS));
        // Eight bytes for each id, which are held twice while their list grows by half.
        assert!(cost.peak < 32 * ROWS as u64, "{}", cost.peak);
        assert!(cost.peak < 4 * body.len() as u64, "{}", cost.peak);
    }
    assert_eq!(read_header(&body).unwrap().rows, ROWS);
    assert_eq!(read_pbf_header(&twin).unwrap().rows, ROWS);
    assert_linear(decode_json, &layout(), json, ROWS);
    assert_linear(decode_pbf, &layout(), pbf, ROWS);
}

/// Three bytes would become a value in each column, most of them null. A million values may be left out, as in 2,000 rows
/// of an id alone in a layer of 500 columns; beyond that eight for each byte.
#[test]
fn rows_of_nothing_are_refused_where_they_would_take_memory() {
    let columns = |count: usize| {
        let names = (0..count).map(|place| LayerField::new(format!("f{place}"), FieldType::Double));
        Layout::new(names.collect::<Vec<_>>())
    };
    let json = |rows: usize| {
        let rows = vec!["{}"; rows].join(",");
        format!(r#"{{"features":[{rows}]}}"#).into_bytes()
    };
    let pbf = |rows: usize| {
        let page = FeatureResult {
            features: vec![Feature::default(); rows],
            ..FeatureResult::default()
        };
        page.encoded()
    };
    /// Counts the values that it is given.
    #[derive(Default)]
    struct Count(usize);

    impl FeatureSink for Count {
        fn attribute(&mut self, _: usize, _: ValueRef<'_>) -> Result<(), SinkError> {
            self.0 += 1;
            Ok(())
        }

        fn geometry(&mut self, _: GeometryRef<'_>) -> Result<(), SinkError> {
            Ok(())
        }

        fn end_row(&mut self) -> Result<(), SinkError> {
            Ok(())
        }
    }

    let (wide, narrow) = (columns(500), columns(8));
    type Format = (
        fn(&[u8], &DecodeContext<'_>, &mut Count) -> Result<PageFacts, DecodeError>,
        Vec<u8>,
    );
    let formats =
        |rows: usize| -> [Format; 2] { [(decode_json, json(rows)), (decode_pbf, pbf(rows))] };
    for (decode, body) in formats(2_000) {
        let mut count = Count::default();
        let facts = decode(&body, &DecodeContext::new(&wide), &mut count).unwrap();
        assert_eq!(
            (facts.rows, facts.absent[&499], count.0),
            (2_000, 2_000, 1_000_000)
        );
    }
    for (decode, body) in formats(200_000) {
        let mut count = Count::default();
        let error = decode(&body, &DecodeContext::new(&wide), &mut count).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed { .. }), "{error}");
        // A row more than was too much.
        assert!(count.0 <= 1_000_500 + 8 * body.len(), "{}", count.0);
        // So many are no multiple of anything.
        let facts = decode(&body, &DecodeContext::new(&narrow), &mut count).unwrap();
        assert_eq!(facts.rows, 200_000);
    }
}

/// Every row has keys of its own, which are kept to be known again.
#[test]
fn ever_new_keys_take_linear_time_and_memory() {
    let body = |rows: usize| {
        let mut body = String::from(r#"{"features":["#);
        for row in 0..rows {
            let comma = if row == 0 { "" } else { "," };
            write!(
                body,
                r#"{comma}{{"attributes":{{"k{row}":0,"OBJECTID":{row}}}}}"#
            )
            .unwrap();
        }
        body.push_str("]}");
        body.into_bytes()
    };
    let large = body(40_000);
    let (facts, _, cost) = decoded(decode_json, &large, &layout());
    assert_eq!((facts.rows, facts.absent[&1]), (40_000, 40_000));
    assert!(
        cost.peak < 8 * large.len() as u64,
        "{} for {}",
        cost.peak,
        large.len()
    );
    assert_linear(decode_json, &layout(), body, 40_000);
}

/// Squares side by side, as rasters become polygons, each a shell with a hole. What 100,000 rings take is tested where they are
/// assembled; a page adds no more than its coordinates.
#[test]
fn a_polygon_of_many_rings_takes_memory_for_its_positions() {
    let json = |rings: usize| {
        let mut body =
            String::from(r#"{"features":[{"attributes":{"OBJECTID":1},"geometry":{"rings":["#);
        for ring in 0..rings {
            let comma = if ring == 0 { "" } else { "," };
            let corners = corners(ring).map(|[x, y]| format!("[{x},{y}]")).join(",");
            write!(body, "{comma}[{corners}]").unwrap();
        }
        body.push_str("]}}]}");
        body.into_bytes()
    };
    let pbf = |rings: usize| {
        let mut geometry = Geometry::default();
        for ring in 0..rings {
            geometry.lengths.push(5);
            let mut last = [0, 0];
            for [x, y] in corners(ring) {
                geometry.coords.extend([x - last[0], y - last[1]]);
                last = [x, y];
            }
        }
        let one = |x| {
            Some(Axes {
                x,
                y: x,
                m: x,
                z: x,
            })
        };
        let page = FeatureResult {
            fields: fields(),
            geometry_type: 3,
            transform: Some(Transform {
                origin: 1,
                scale: one(1.0),
                translate: one(0.0),
            }),
            features: vec![row(1, None, Some(geometry))],
            ..FeatureResult::default()
        };
        page.encoded()
    };
    const RINGS: usize = 10_000;
    for (decode, body) in [
        (decode_json as Decode, json(RINGS)),
        (decode_pbf, pbf(RINGS)),
    ] {
        let (facts, tally, cost) = decoded(decode, &body, &polygons());
        assert_eq!((facts.repaired, facts.without_geometry), (0, 0));
        assert_eq!((tally.parts, tally.positions), (RINGS / 2, RINGS * 5));
        // Coordinates as floats, copied for assembly, and an index of their edges: about 800 bytes a ring.
        assert!(cost.peak < 1_000 * RINGS as u64, "{}", cost.peak);
    }
}

/// Every second ring lies in the one before.
fn corners(ring: usize) -> [[i64; 2]; 5] {
    let square = (ring / 2) as i64;
    let (x, y) = (square % 250 * 10, square / 250 * 10);
    let (from, to) = if ring % 2 == 0 { (0, 8) } else { (2, 5) };
    let corners = [
        [x + from, y + from],
        [x + from, y + to],
        [x + to, y + to],
        [x + to, y + from],
        [x + from, y + from],
    ];
    if ring % 2 == 0 {
        return corners;
    }
    let [a, b, c, d, e] = corners;
    [e, d, c, b, a]
}

fn fields() -> Vec<Field> {
    ["OBJECTID", "NOTE"]
        .map(|name| Field {
            name: name.to_owned(),
            ..Field::default()
        })
        .into()
}

fn row(id: u32, note: Option<Kind>, geometry: Option<Geometry>) -> Feature {
    Feature {
        attributes: vec![
            Value {
                kind: Some(Kind::Uint(id)),
            },
            Value { kind: note },
        ],
        geometry,
        ..Feature::default()
    }
}
