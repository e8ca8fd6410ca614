//! A proxy in between that drops connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arcgis_export::{LayerExport, RowOrder, WriterOptions};
use arcgis_layer::{Layer, LayerAddress};
use arcgis_testkit::Testkit;
use arcgis_tests::{Bench, paging, patient_client};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

use crate::layers::{self, Shape};

/// The bytes of answers that a connection lasts for.
const LASTS: u64 = 9_000;

/// How many connections were made, and how many ended before what went over them did.
#[derive(Debug, Default)]
struct Counts {
    made: AtomicUsize,
    dropped: AtomicUsize,
}

/// A proxy on a port of its own. Every third connection ends as soon as something is asked, the others in the middle of
/// an answer. It ends with the test's runtime.
async fn proxy(to: SocketAddr) -> (SocketAddr, Arc<Counts>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let counts = Arc::new(Counts::default());
    let counted = Arc::clone(&counts);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let number = counted.made.fetch_add(1, Ordering::SeqCst);
            let counts = Arc::clone(&counted);
            // A connection that breaks is what it is for.
            tokio::spawn(async move {
                if serve(client, to, number).await.is_some() {
                    counts.dropped.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    (address, counts)
}

/// Serves one connection; gives something if it was dropped on purpose.
async fn serve(mut client: TcpStream, to: SocketAddr, number: usize) -> Option<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if client.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    if number % 3 == 1 {
        return Some(());
    }
    let mut server = TcpStream::connect(to).await.ok()?;
    if head.starts_with(b"CONNECT ") {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    } else {
        server.write_all(&head).await.ok()?;
    }
    let (mut from_client, mut to_client) = client.split();
    let (from_server, mut to_server) = server.split();
    let mut answers = from_server.take(LASTS);
    tokio::select! {
        _ = copy(&mut from_client, &mut to_server) => None,
        _ = copy(&mut answers, &mut to_client) => Some(()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_drops_connections_costs_no_row() {
    for tls in [false, true] {
        let layer = layers::layer(Shape::Polygons, 400).with_max_record_count(50);
        let service = Testkit::builder().layer(layer);
        let service = if tls { service.tls() } else { service };
        let bench = Bench::start(service).await;
        let (proxy, counts) = proxy(bench.service.address()).await;
        let mut client = patient_client().proxy(format!("http://{proxy}"));
        if let Some(pem) = bench.service.ca_pem() {
            client = client.cacert_pem(pem);
        }
        let client = client.build().unwrap();
        let address = LayerAddress::parse(&bench.service.layer_url("t")).unwrap();
        let layer = Layer::open(Arc::new(client), address).await.unwrap();
        let export = LayerExport::new(layer)
            .with_fetch(paging(20, 6))
            .with_writer(WriterOptions::default().with_order(RowOrder::None));
        let (_, file) = bench.write(export).await.unwrap();
        layers::assert_formulas(&file, Shape::Polygons, 400, true);
        let (made, dropped) = (&counts.made, &counts.dropped);
        let (made, dropped) = (made.load(Ordering::SeqCst), dropped.load(Ordering::SeqCst));
        assert!(dropped >= 2, "{dropped} of {made} connections dropped");
    }
}
