//! Rows along a Hilbert curve: how large the pieces of the map are that row groups cover, what a reader of a part
//! of the map is spared, and what memory the sort takes.

use std::fs::File;
use std::io::Read as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use arcgis_auth_http::ArcGisClient;
use arcgis_export::{LayerExport, LocalFile, RowOrder, WriterOptions};
use arcgis_layer::{Layer, LayerAddress};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::statistics::Statistics;

use crate::child;

const MANY: u64 = 1_000_000;
const MORE: u64 = 5_000_000;
/// Of five million rows less than a third fits into it.
const MEMORY_MB: u64 = 128;
/// What an export takes beside the rows that it sorts.
const MOST_MB: u64 = 150;
/// Of the extent of the rows divided by the number of row groups.
const LARGEST_SHARE: f64 = 1.5;
const FEWER_BYTES: f64 = 10.0;
/// A city's worth of the world: least and greatest x and y.
const PART: [f64; 4] = [13.0, 52.3, 13.8, 52.7];

pub(crate) fn run() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
}

/// Writes five million points to a folder, in order and as they come, and says what is to be said of them.
pub(crate) fn files(folder: &Path) {
    let many = folder.join("many.parquet");
    {
        let (_service, url) = child::serve_scattered(MANY);
        export(&url, &many, RowOrder::Hilbert);
    }
    let boxes = boxes(&many);
    let whole = boxes.iter().fold(boxes[0], |all, next| around(&all, next));
    let mean = boxes.iter().map(area).sum::<f64>() / boxes.len() as f64;
    let share = mean / (area(&whole) / boxes.len() as f64);
    println!(
        "  {MANY} scattered points in {} row groups: the mean box is {share:.2} x the extent / row groups",
        boxes.len()
    );
    assert!(share <= LARGEST_SHARE, "{share}");

    let (ordered, unordered) = (
        folder.join("ordered.parquet"),
        folder.join("unordered.parquet"),
    );
    let (_service, url) = child::serve_scattered(MORE);
    export(&url, &unordered, RowOrder::None);
    export(&url, &ordered, RowOrder::Hilbert);
    let [fewer, all] = [&ordered, &unordered].map(|path| bytes_in(path, &PART));
    println!(
        "  {MORE} points: row groups that meet {PART:?} have {fewer} bytes in order, {all} as they come: {:.0} x fewer",
        all as f64 / fewer as f64
    );
    assert!(all as f64 >= FEWER_BYTES * fewer as f64);
}

/// Exports in a process of its own, and looks at the most memory that it had.
fn export(url: &str, path: &Path, order: RowOrder) {
    let program = std::env::current_exe().unwrap();
    let began = Instant::now();
    let child = Command::new(program)
        .args(["--order", url, &path.display().to_string(), order.name()])
        .output()
        .unwrap();
    let said = String::from_utf8(child.stdout).unwrap();
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stderr)
    );
    let most: u64 = said.trim().parse().unwrap();
    let memory = if order == RowOrder::Hilbert {
        MEMORY_MB
    } else {
        0
    };
    println!(
        "  {order}: {:.0} s, {} MB, at most {most} MB resident, {memory} MB of them for sorting",
        began.elapsed().as_secs_f64(),
        std::fs::metadata(path).unwrap().len() / 1_000_000,
    );
    assert!(most > 10 && most <= MOST_MB + memory, "{most} MB");
}

/// What that process does; it prints the most memory in MB.
pub(crate) fn work(arguments: &[String]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = ArcGisClient::builder().build().unwrap();
        let address = LayerAddress::parse(&arguments[0]).unwrap();
        let layer = Layer::open(Arc::new(client), address).await.unwrap();
        let memory = NonZeroUsize::new(MEMORY_MB as usize * 1_000_000).unwrap();
        let options = WriterOptions::default()
            .with_order(arguments[2].parse().unwrap())
            .with_sort_memory(memory);
        LayerExport::new(layer)
            .with_writer(options)
            .to(LocalFile::new(&arguments[1]))
            .await
            .unwrap();
    });
    let mut status = String::new();
    let mut file = File::open("/proc/self/status").unwrap();
    file.read_to_string(&mut status).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    println!(
        "{}",
        kilobytes.unwrap().parse::<u64>().unwrap() * 1024 / 1_000_000
    );
}

fn groups(path: &Path) -> Vec<RowGroupMetaData> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    reader.metadata().row_groups().to_vec()
}

/// What the statistics of the bounding boxes say of each row group.
fn boxes(path: &Path) -> Vec<[f64; 4]> {
    groups(path).iter().map(bounds).collect()
}

fn bounds(group: &RowGroupMetaData) -> [f64; 4] {
    ["bbox.xmin", "bbox.ymin", "bbox.xmax", "bbox.ymax"].map(|side| {
        let column = group
            .columns()
            .iter()
            .find(|column| column.column_path().string() == side);
        match column.and_then(|column| column.statistics()) {
            Some(Statistics::Double(of)) if side.ends_with("min") => *of.min_opt().unwrap(),
            Some(Statistics::Double(of)) => *of.max_opt().unwrap(),
            other => panic!("{other:?}"),
        }
    })
}

/// The compressed bytes of the row groups that a reader of this part cannot skip.
fn bytes_in(path: &Path, part: &[f64; 4]) -> i64 {
    groups(path)
        .iter()
        .filter(|group| {
            let [xmin, ymin, xmax, ymax] = bounds(group);
            xmin <= part[2] && xmax >= part[0] && ymin <= part[3] && ymax >= part[1]
        })
        .map(RowGroupMetaData::compressed_size)
        .sum()
}

fn around(one: &[f64; 4], other: &[f64; 4]) -> [f64; 4] {
    [
        one[0].min(other[0]),
        one[1].min(other[1]),
        one[2].max(other[2]),
        one[3].max(other[3]),
    ]
}

fn area(of: &[f64; 4]) -> f64 {
    (of[2] - of[0]) * (of[3] - of[1])
}
