//! This program again, in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use arcgis_testkit::{GeometryType, Layer, Testkit};

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
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new(program)
        .args(["--serve", &rows.to_string(), &latency_millis.to_string()])
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
        let layer = Layer::generated("points", GeometryType::Point, rows);
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
