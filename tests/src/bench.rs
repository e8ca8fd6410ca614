//! A running service, a client of it, and a folder for what comes out.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_http::arcgis_auth_core::{Credentials, Portal};
use arcgis_auth_http::{ArcGisClient, ArcGisClientBuilder, RetryPolicy};
use arcgis_export::{Error, LayerExport, LocalFile, Report, RowOrder, WriterOptions};
use arcgis_layer::{FetchOptions, Layer, LayerAddress, LayerInfo};
use arcgis_testkit::{RequestKind, Testkit, TestkitBuilder};

use crate::parquet_file::ParquetFile;

/// A client that tries six times again, at once: the suites ask whether retries help, not how long they wait.
#[must_use]
pub fn patient_client() -> ArcGisClientBuilder {
    ArcGisClient::builder()
        .retry_policy(
            RetryPolicy::default()
                .with_retries(6)
                .with_backoff(Duration::from_millis(1), Duration::from_millis(4)),
        )
        .timeout(Duration::from_secs(10))
}

/// Opens a layer whose pages come as JSON, whatever else it offers: the suites compare coordinates to
/// the last bit, and other formats round them to a grid.
///
/// # Errors
///
/// As [`Layer::open`].
pub async fn open_json(client: &ArcGisClient, url: &str) -> Result<Layer, arcgis_layer::Error> {
    let address = LayerAddress::parse(url)?;
    let mut info = LayerInfo::fetch(client, &address).await?;
    info.query_formats.retain(|format| format == "json");
    Layer::from_info(Arc::new(client.clone()), address, info)
}

/// A running service, a client of it, and a folder for outputs, which goes away at the end.
#[derive(Debug)]
pub struct Bench {
    /// The service.
    pub service: Arc<Testkit>,
    /// The client.
    pub client: ArcGisClient,
    folder: tempfile::TempDir,
}

impl Bench {
    /// Starts an open service with a [`patient_client`].
    pub async fn start(service: TestkitBuilder) -> Self {
        Self::with_client(service, |_| patient_client()).await
    }

    /// Starts a service, and signs in at it by user and password.
    pub async fn signed_in(service: TestkitBuilder, user: &str, password: &str) -> Self {
        Self::with_client(service, |service| {
            let portal = Portal::parse(&service.root_url()).unwrap();
            patient_client()
                .credentials(Credentials::user_password(user, password, portal).unwrap())
        })
        .await
    }

    /// Starts a service, and makes the client that fits it.
    pub async fn with_client(
        service: TestkitBuilder,
        client: impl FnOnce(&Testkit) -> ArcGisClientBuilder,
    ) -> Self {
        let service = service.start().await.unwrap();
        Self {
            client: client(&service).build().unwrap(),
            service: Arc::new(service),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Opens a layer by its name, with [`open_json`].
    ///
    /// # Errors
    ///
    /// As [`Layer::open`].
    pub async fn open(&self, layer: &str) -> Result<Layer, arcgis_layer::Error> {
        open_json(&self.client, &self.service.layer_url(layer)).await
    }

    /// The export of a layer, which has to open, with its rows in the order of their ids: what a suite expects is
    /// written down in it.
    pub async fn export(&self, layer: &str) -> LayerExport {
        in_id_order(self.open(layer).await.unwrap())
    }

    /// The folder for outputs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The output that [`Bench::write`] makes.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder().join("out.parquet")
    }

    /// The names of all files in the folder for outputs, hidden ones too.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Carries an export out, over an earlier output if there is one, and reads the file.
    ///
    /// # Errors
    ///
    /// As [`LayerExport::to`].
    pub async fn write(&self, export: LayerExport) -> Result<(Report, ParquetFile), Error> {
        let report = export
            .to(LocalFile::new(self.path()).with_overwrite(true))
            .await?;
        assert_eq!(self.files(), ["out.parquet"], "nothing is left beside");
        let file = ParquetFile::read(&self.path());
        assert_eq!(report.rows, file.rows() as u64);
        Ok((report, file))
    }

    /// Exports all of a layer to a file, which has to work.
    pub async fn exported(&self, layer: &str) -> (Report, ParquetFile) {
        let export = self.export(layer).await;
        self.write(export).await.unwrap()
    }

    /// How many requests of a kind came.
    #[must_use]
    pub fn count(&self, kind: RequestKind) -> usize {
        self.service.requests_of(kind).len()
    }
}

/// The export of a layer with its rows in the order of their ids.
pub fn in_id_order(layer: Layer) -> LayerExport {
    LayerExport::new(layer).with_writer(WriterOptions::default().with_order(RowOrder::Id))
}

/// Options for pages of `rows` rows, `at_once` at a time.
#[must_use]
pub fn paging(rows: u32, at_once: usize) -> FetchOptions {
    FetchOptions::default()
        .with_page_size(NonZeroU32::new(rows).unwrap())
        .with_concurrency(NonZeroUsize::new(at_once).unwrap())
}
