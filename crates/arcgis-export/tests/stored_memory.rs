//! Memory does not grow with the number of files that go into a store, however slow that is. A program of its own, since it
//! counts what all threads take.
#![cfg(feature = "object-store")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod generated;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arcgis_export::object_store::memory::InMemory;
use arcgis_export::object_store::path::Path;
use arcgis_export::object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use arcgis_export::{
    Destination, LayerExport, PartitionFolder, Partitions, StoredFolder, StoredPartitions,
    WriterOptions,
};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use generated::Generated;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const PART: usize = 32 * 1024;
/// Rows that are sorted on disk.
const SORT_MEMORY: usize = 2 * 1024 * 1024;

/// Slow, and without room for anything that comes in parts: that is counted and let go.
#[derive(Debug, Default)]
struct Sink {
    small: InMemory,
    bytes: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Drain(Arc<AtomicU64>);

#[async_trait]
impl MultipartUpload for Drain {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let bytes = Arc::clone(&self.0);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            bytes.fetch_add(data.content_length() as u64, Ordering::Relaxed);
            Ok(())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        Ok(PutResult {
            e_tag: None,
            version: None,
        })
    }

    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }
}

impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

#[async_trait]
impl ObjectStore for Sink {
    async fn put_opts(&self, at: &Path, put: PutPayload, how: PutOptions) -> Result<PutResult> {
        self.small.put_opts(at, put, how).await
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Drain(Arc::clone(&self.bytes))))
    }

    async fn get_opts(&self, at: &Path, how: GetOptions) -> Result<GetResult> {
        self.small.get_opts(at, how).await
    }

    fn delete_stream(
        &self,
        all: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.small.delete_stream(all)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.small.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.small.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.small.copy_opts(from, to, how).await
    }
}

/// The most bytes that an export takes beyond what was taken before it, and how large its files are.
async fn peak(rows: i64, to: impl Destination) -> (usize, u64) {
    let server = Generated::new(rows, 2_000);
    let cut = Partitions::spatial().with_file_rows(1_000.try_into().unwrap());
    let export = LayerExport::new(server.open().await)
        .with_lenient(true)
        .with_partitions(cut)
        .with_writer(WriterOptions::default().with_sort_memory(SORT_MEMORY.try_into().unwrap()));
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let report = export.to(to).await.unwrap();
    let peak = MEMORY.peak_usage() - before;
    let files = report.partitions.unwrap().files;
    assert_eq!(files as i64, rows / 1_000);
    let bytes = report.file_bytes.unwrap();
    println!("{files} files, {} KiB: {} KiB", bytes / 1024, peak / 1024);
    (peak, bytes)
}

#[tokio::test]
async fn two_hundred_files_take_what_fifty_take() {
    let folder = tempfile::tempdir().unwrap();
    let here = |name: &str| PartitionFolder::new(folder.path().join(name));
    let there = || {
        let sink = Arc::new(Sink::default());
        let bytes = Arc::clone(&sink.bytes);
        let folder = StoredFolder::new(sink, "lake".into());
        let to = StoredPartitions::new(folder.with_part_size(PART.try_into().unwrap()));
        (to, bytes)
    };
    // The first export pays for what is made once, such as the table of reference systems.
    peak(2_000, here("first")).await;
    let local = peak(200_000, here("local")).await.0;
    let short = peak(50_000, there().0).await.0;
    let (to, sent) = there();
    let (long, bytes) = peak(200_000, to).await;
    // The index is small, and put in one request.
    let parts = sent.load(Ordering::Relaxed);
    assert!(
        parts < bytes && parts > bytes - 100_000,
        "{parts} of {bytes}"
    );
    assert!(bytes > 20 * PART as u64, "{bytes} bytes show nothing");
    // The list of ids is as long as the layer.
    assert!(long < short + short / 4 + 16 * 200_000, "{long} {short}");
    // Four parts wait or are under way; a fifth one is written, in a buffer that grows by copying.
    assert!(long < local + 8 * PART, "{long} {local}");
}
