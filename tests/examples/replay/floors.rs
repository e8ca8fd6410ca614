//! The least that the parts of an export can cost.

use std::fs::File;
use std::hint::black_box;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arcgis_export::{ArrowSink, DateZone, ExportSchema};
use arcgis_layer::{DecodeContext, LayerInfo, PageSink as _, Query, decode_json, decode_pbf};
use arrow_array::RecordBatch;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use prost::Message as _;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::net::TcpStream;
use url::Url;

use crate::messages::Collection;
use crate::pages::{Format, Pages};
use crate::service::bodies;
use crate::{esri_json, layers};

/// Fetches all pages over connections that are kept, and throws them away.
pub(crate) fn fetch(url: &str, format: &str, requests: usize) {
    let url = Url::parse(url).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bytes = runtime.block_on(async {
        let mut first = connect(&url).await;
        let count = read(&mut first, &url, "query?where=1%3D1&returnCountOnly=true&f=json").await;
        let count = number(&count, "count");
        let page = number(&read(&mut first, &url, "?f=json").await, "maxRecordCount");
        let next = Arc::new(AtomicUsize::new(0));
        let format: Arc<str> = format.into();
        let workers: Vec<_> = (0..requests)
            .map(|_| {
                let (url, next, format) = (url.clone(), Arc::clone(&next), Arc::clone(&format));
                tokio::spawn(async move {
                    let mut connection = connect(&url).await;
                    let mut bytes = 0;
                    loop {
                        let offset = next.fetch_add(page, Ordering::Relaxed);
                        if offset >= count {
                            return bytes;
                        }
                        let question = format!(
                            "query?where=1%3D1&outFields=*&orderByFields=OBJECTID&resultOffset={offset}\
                             &resultRecordCount={page}&f={format}"
                        );
                        let mut body = ask(&mut connection, &url, &question).await;
                        while let Some(frame) = body.frame().await {
                            bytes += frame.unwrap().data_ref().map_or(0, Bytes::len);
                        }
                    }
                })
            })
            .collect();
        let mut bytes = 0;
        for worker in workers {
            bytes += worker.await.unwrap();
        }
        bytes
    });
    println!("{}", json!({ "bytes": bytes }));
}

type Connection = SendRequest<Empty<Bytes>>;

async fn connect(url: &Url) -> Connection {
    let stream = TcpStream::connect((url.host_str().unwrap(), url.port().unwrap()))
        .await
        .unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(connection: &mut Connection, url: &Url, question: &str) -> Incoming {
    let slash = if question.starts_with('?') { "" } else { "/" };
    let request = Request::get(format!("{}{slash}{question}", url.path()))
        .header("host", url.authority())
        .body(Empty::new())
        .unwrap();
    connection.ready().await.unwrap();
    let answer = connection.send_request(request).await.unwrap();
    assert!(answer.status().is_success());
    answer.into_body()
}

async fn read(connection: &mut Connection, url: &Url, question: &str) -> Bytes {
    let body = ask(connection, url, question).await;
    body.collect().await.unwrap().to_bytes()
}

fn number(body: &[u8], member: &str) -> usize {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    usize::try_from(body[member].as_u64().unwrap()).unwrap()
}

/// Reads all pages as JSON, one after the other, and keeps nothing; the pages are in memory before.
pub(crate) fn ignore(folder: &Path, layer: &str) {
    let pages = Pages::load(folder, layers::named(layer).unwrap());
    let bodies: Vec<Bytes> = bodies(&pages, Format::Json).collect();
    let watch = Watch::start();
    for body in &bodies {
        black_box(serde_json::from_slice::<IgnoredAny>(body).unwrap());
    }
    watch.tell(bodies.iter().map(Bytes::len).sum());
}

/// Writes the batches of a file again: with the same compression and row groups, and with nothing else than
/// the `parquet` crate's own settings. They are in memory before.
pub(crate) fn write(from: &Path, to: &Path) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(from).unwrap()).unwrap();
    let reader = reader.with_batch_size(16_384).build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap()))
        .set_max_row_group_row_count(Some(100_000))
        .build();
    let watch = Watch::start();
    let file = BufWriter::new(File::create(to).unwrap());
    let mut writer = ArrowWriter::try_new(file, batches[0].schema(), Some(properties)).unwrap();
    for batch in &batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
    let bytes = std::fs::metadata(to).unwrap().len();
    watch.tell(usize::try_from(bytes).unwrap());
}

/// What a stretch of this program takes: it has one thread that does anything.
struct Watch {
    wall: Instant,
    cpu: f64,
}

impl Watch {
    fn start() -> Self {
        Self {
            wall: Instant::now(),
            cpu: processor_seconds(),
        }
    }

    fn tell(&self, bytes: usize) {
        let wall = self.wall.elapsed().as_secs_f64();
        let cpu = processor_seconds() - self.cpu;
        println!("{}", json!({ "wall": wall, "cpu": cpu, "bytes": bytes }));
    }
}

/// Seconds on a processor, of this thread, as Linux tells it.
fn processor_seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = told.split(' ').next().unwrap();
    nanoseconds.parse::<f64>().unwrap() / 1e9
}

/// Decodes the layer's first page in each way, again and again.
pub(crate) fn decode(folder: &Path, layer: &str) {
    let pages = Pages::load(folder, layers::named(layer).unwrap());
    let json = bodies(&pages, Format::Json).next().unwrap();
    let buffers = bodies(&pages, Format::Pbf).next().unwrap();
    let description = esri_json::description(&pages.layer, 0).to_string();
    std::fs::write(folder.join(layer).join("page.json"), &json).unwrap();
    std::fs::write(folder.join(layer).join("page.pbf"), &buffers).unwrap();
    let info = LayerInfo::from_json(description.as_bytes()).unwrap();
    let query = Query::default().resolve(&info).unwrap();
    let layout = query.layout();
    let sink = ArrowSink::new(ExportSchema::new(layout, DateZone::Utc));
    let rows = pages.layer.page.min(pages.rows());
    time("serde IgnoredAny", &json, || {
        black_box(serde_json::from_slice::<IgnoredAny>(&json).unwrap());
    });
    time("this project, JSON to RecordBatch", &json, || {
        let mut page = sink.page(rows);
        decode_json(&json, &DecodeContext::new(layout), &mut page).unwrap();
        assert_eq!(page.into_batch().unwrap().batch.num_rows(), rows);
    });
    time("prost, PBF to structs", &buffers, || {
        black_box(Collection::decode(buffers.as_ref()).unwrap());
    });
    time("this project, PBF to RecordBatch", &buffers, || {
        let mut page = sink.page(rows);
        decode_pbf(&buffers, &DecodeContext::new(layout), &mut page).unwrap();
        assert_eq!(page.into_batch().unwrap().batch.num_rows(), rows);
    });
}

/// What a page takes, on average over a second and at least five times: the system tells the time of a thread
/// only now and then.
fn time(what: &str, page: &[u8], mut work: impl FnMut()) {
    let (begin, before, mut times) = (Instant::now(), processor_seconds(), 0);
    while times < 5 || begin.elapsed() < Duration::from_secs(1) {
        work();
        times += 1;
    }
    let seconds = (processor_seconds() - before) / f64::from(times);
    println!(
        "{}",
        json!({ "what": what, "seconds": seconds, "bytes": page.len() })
    );
}
