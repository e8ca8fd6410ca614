//! This program again, in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use arcgis_testkit::{Field, FieldType, Generated, Geometry, GeometryType, Layer, Row, Testkit};

/// A process that ends with this one.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a process that serves so many computed points; the layer's URL.
pub(crate) fn serve(rows: u64, latency_millis: u64) -> (Running, String) {
    start(&[&rows.to_string(), &latency_millis.to_string()])
}

/// The same of points that lie all over the world, whatever their ids.
pub(crate) fn serve_scattered(rows: u64) -> (Running, String) {
    start(&[&rows.to_string(), "0", "scattered"])
}

fn start(arguments: &[&str]) -> (Running, String) {
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new(program)
        .arg("--serve")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    let out = child.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut url).unwrap();
    (Running(child), url.trim().to_owned())
}

/// What that process does: it serves until its standard input ends.
pub(crate) fn run(arguments: &[String]) {
    let number = |at: usize| arguments[at].parse::<u64>().unwrap();
    let (rows, latency) = (number(0), number(1));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let rows = usize::try_from(rows).unwrap();
        let layer = if arguments.len() > 2 {
            scattered(rows)
        } else {
            Layer::generated("points", GeometryType::Point, rows)
        };
        let service = Testkit::builder()
            .layer(layer.with_max_record_count(2000))
            .log_capacity(16)
            .latency(std::time::Duration::from_millis(latency));
        let service = service.start().await.unwrap();
        println!("{}", service.layer_url("points"));
        // Ends with the parent, however that ends.
        tokio::task::spawn_blocking(|| {
            let _ = std::io::stdin().read(&mut [0]);
        })
        .await
        .unwrap();
    });
}

fn scattered(rows: usize) -> Layer {
    let rows = Generated::new(rows, |id| {
        let number = mixed(id.cast_unsigned());
        let [x, y] = [number >> 32, number & 0xffff_ffff].map(|half| half as f64 / 4_294_967_296.0);
        Row::new()
            .with("NAME", format!("Place {}", number % 100_000))
            .with("COUNT", (number % 1_000) as i32)
            .with("HEIGHT", (number % 88_480) as f64 / 10.0)
            .at(Geometry::point((x * 360.0 - 180.0, y * 180.0 - 90.0)))
    });
    Layer::new("points", GeometryType::Point)
        .with_field(Field::new("NAME", FieldType::String))
        .with_field(Field::new("COUNT", FieldType::Integer))
        .with_field(Field::new("HEIGHT", FieldType::Double))
        .with_generated_rows(rows)
}

/// A number whose bits depend on all bits of another (the finalizer of SplitMix64).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
