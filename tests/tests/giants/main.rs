//! Answers of sizes that no server sends on purpose, on their whole way: from the bytes of a page, or from a service, into a
//! file that is read again. Memory stays a small multiple of the answer, and time grows as it does.
//!
//! A program of its own, since it counts what all threads take. `cargo xtask soak giants` does the same in full size.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod giant;
#[path = "../../../crates/arcgis-layer/tests/pbf/messages.rs"]
#[allow(dead_code)] // A part is used here.
mod messages;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arcgis_auth_http::ArcGisClient;
use arcgis_export::{Conversion, LayerExport, LocalFile, Report, RowOrder, WriterOptions};
use arcgis_layer::{FetchOptions, FormatChoice, Layer, LayerAddress};
use arcgis_testkit::{
    Field, FieldType, Generated, Geometry, GeometryType, Layer as Served, Row, Testkit,
};
use giant::{FORMATS, Format, Giant};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What an export may hold at once for each byte of the answer, which is not counted, or of what it holds, where that is
/// more (a number of PBF has mostly one byte or two, and a coordinate eight). Beside it: buffers for sixteen thousand rows,
/// and what is made once, such as the table of reference systems.
const PER_BYTE: usize = 10;
const FIXED: usize = 16 << 20;

/// One after the other: they count what all threads take.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How large they are here, where nothing is optimized; the full sizes are those of `cargo xtask soak giants`.
fn size(giant: Giant) -> usize {
    match giant {
        Giant::Rings | Giant::Holes => 20_000,
        Giant::Text => 12 << 20,
        Giant::Rows => 100_000,
    }
}

/// What all threads have had of a processor, where Linux tells it, in steps of 10 ms: a busy machine adds nothing to that.
fn now(began: Instant) -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = text.rsplit_once(") ").and_then(|(_, members)| {
        // The 14th and 15th member; the third is behind the name.
        let mut members = members.split(' ').skip(11);
        let mut next = || members.next()?.parse::<u64>().ok();
        Some(next()? + next()?)
    });
    ticks.map_or_else(
        || began.elapsed(),
        |ticks| Duration::from_millis(10 * ticks),
    )
}

/// Writes an answer to a file; how long that took, and the most that was held.
fn write(answer: &[u8], rows: usize, path: &Path) -> (Duration, usize) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let clock = Instant::now();
    let began = now(clock);
    let report = Conversion::new(answer)
        .with_writer(WriterOptions::default().with_order(RowOrder::Id))
        .to(&LocalFile::new(path).with_overwrite(true))
        .unwrap();
    let took = now(clock).saturating_sub(began);
    let peak = MEMORY.peak_usage().saturating_sub(before);
    assert_eq!(report.rows, rows as u64);
    (took, peak)
}

fn rows(giant: Giant, size: usize) -> usize {
    if giant == Giant::Rows { size } else { 1 }
}

fn assert_small_multiple(giant: Giant, format: Format) {
    let _turn = alone();
    let size = size(giant);
    let answer = giant.answer(size, format);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("giant.parquet");
    let (took, peak) = write(&answer, rows(giant, size), &path);
    println!(
        "{giant:?} of {size} as {format:?}: {} KiB, {took:?}, at most {} KiB",
        answer.len() / 1024,
        peak / 1024
    );
    assert!(
        peak <= FIXED + PER_BYTE * answer.len().max(giant.held(size)),
        "{giant:?}: {peak} bytes were held for an answer of {}",
        answer.len()
    );
    giant.assert_in(&path, size);
}

/// What the whole way takes for four times as much: what grows with the square takes 16-fold.
fn assert_even_growth(giant: Giant, format: Format, size: usize) {
    const TIMES: f64 = 10.0;
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("giant.parquet");
    let [small, large] = [size, 4 * size].map(|size| giant.answer(size, format));
    let mut least = [Duration::MAX; 2];
    // Whatever disturbs only adds to it.
    for _ in 0..6 {
        for (least, (answer, size)) in least.iter_mut().zip([(&small, size), (&large, 4 * size)]) {
            *least = (*least).min(write(answer, rows(giant, size), &path).0);
        }
        if least[1] < least[0].mul_f64(TIMES) {
            break;
        }
    }
    // A tick may be the whole of what is told.
    let [one, four] = least.map(|time| time.as_secs_f64().max(0.02));
    println!("{giant:?} as {format:?}: {one:.3} s, of four times that {four:.3} s");
    assert!(
        four < TIMES * one,
        "{giant:?} as {format:?}: {four} s for four times what took {one} s"
    );
}

#[test]
fn a_polygon_of_very_many_rings_takes_little_memory() {
    for giant in [Giant::Rings, Giant::Holes] {
        for format in FORMATS {
            assert_small_multiple(giant, format);
        }
    }
}

#[test]
fn a_very_long_attribute_takes_little_memory() {
    for format in FORMATS {
        assert_small_multiple(Giant::Text, format);
    }
}

#[test]
fn very_many_rows_in_one_page_take_little_memory() {
    for format in FORMATS {
        assert_small_multiple(Giant::Rows, format);
    }
}

#[test]
fn time_grows_as_answers_do() {
    for (giant, size) in [
        (Giant::Rings, 4_000),
        (Giant::Holes, 4_000),
        (Giant::Text, 3 << 20),
        (Giant::Rows, 20_000),
    ] {
        for format in FORMATS {
            assert_even_growth(giant, format, size);
        }
    }
}

/// The same from a service, by all that lies between it and the file.
async fn export(served: Served, format: Format, path: &Path) -> Report {
    let service = Testkit::builder().layer(served).start().await.unwrap();
    let client = ArcGisClient::builder().build().unwrap();
    let address = LayerAddress::parse(&service.layer_url("giant")).unwrap();
    let layer = Layer::open(Arc::new(client), address).await.unwrap();
    let choice = match format {
        Format::Json => FormatChoice::Json,
        Format::Pbf => FormatChoice::Pbf,
    };
    let report = LayerExport::new(layer)
        .with_fetch(FetchOptions::default().with_format(choice))
        .with_writer(WriterOptions::default().with_order(RowOrder::Id))
        .to(LocalFile::new(path).with_overwrite(true))
        .await
        .unwrap();
    let fetch = report.fetch.as_ref().unwrap();
    assert_eq!(
        fetch.format,
        if format == Format::Pbf { "pbf" } else { "json" }
    );
    assert_eq!((fetch.halved, fetch.fell_back), (0, 0));
    assert_eq!(report.proof.as_ref().unwrap().level, "object-ids");
    report
}

/// The layer of a giant.
fn served(giant: Giant, size: usize) -> Served {
    let id = Field::new("OBJECTID", FieldType::Oid);
    match giant {
        Giant::Rings | Giant::Holes => {
            let rings = giant.positions(size);
            Served::new("giant", GeometryType::Polygon)
                .with_wkid(3857)
                .with_field(id)
                .with_row(Row::new().with("OBJECTID", 1).at(Geometry::polygon(rings)))
        }
        Giant::Text => Served::table("giant")
            .with_field(id)
            .with_field(Field::new("TEXT", FieldType::String))
            .with_row(
                Row::new()
                    .with("OBJECTID", 1)
                    .with("TEXT", giant::text(size)),
            ),
        Giant::Rows => Served::table("giant")
            .with_field(id)
            .with_field(Field::new("VALUE", FieldType::Integer))
            .with_max_record_count(size)
            .with_generated_rows(Generated::new(size, |id| {
                Row::new().with("VALUE", giant::value(id))
            })),
    }
}

fn assert_exported(giant: Giant, size: usize) {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("giant.parquet");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for format in FORMATS {
        let began = Instant::now();
        let report = runtime.block_on(export(served(giant, size), format, &path));
        println!("{giant:?} of {size} as {format:?}: {:?}", began.elapsed());
        assert_eq!(report.rows, rows(giant, size) as u64);
        giant.assert_in(&path, size);
    }
}

#[test]
fn giants_of_a_service_arrive_whole() {
    assert_exported(Giant::Rings, 5_000);
    assert_exported(Giant::Holes, 5_000);
    assert_exported(Giant::Text, 2 << 20);
    assert_exported(Giant::Rows, 20_000);
}
