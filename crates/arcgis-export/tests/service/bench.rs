//! A server with several services, and a folder for what comes out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_http::{ArcGisClient, RetryPolicy};
use arcgis_export::{LocalFolder, ServiceExport, ServiceIndex};
use arcgis_layer::ResourceAddress;
use arcgis_testkit::{
    Field, FieldType, Geometry, GeometryType, Layer, Relationship, Row, Service, Testkit,
    TestkitBuilder,
};
use parquet::file::reader::{FileReader as _, SerializedFileReader};

pub(crate) struct Bench {
    pub(crate) server: Testkit,
    pub(crate) client: Arc<ArcGisClient>,
    place: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn start(server: TestkitBuilder) -> Self {
        let client = ArcGisClient::builder()
            .retry_policy(
                RetryPolicy::default()
                    .with_retries(1)
                    .with_backoff(Duration::from_millis(1), Duration::from_millis(2)),
            )
            .build()
            .unwrap();
        Self {
            server: server.start().await.unwrap(),
            client: Arc::new(client),
            place: tempfile::tempdir().unwrap(),
        }
    }

    /// The folder, which is not there yet.
    pub(crate) fn path(&self) -> PathBuf {
        self.place.path().join("out")
    }

    pub(crate) fn folder(&self) -> LocalFolder {
        LocalFolder::new(self.path())
    }

    /// Everything of the server.
    pub(crate) fn export(&self) -> ServiceExport {
        self.export_of(&self.server.services_url())
    }

    pub(crate) fn export_of(&self, url: &str) -> ServiceExport {
        let client = Arc::clone(&self.client);
        ServiceExport::new(client, ResourceAddress::parse(url).unwrap())
    }

    /// All files in the folder, as paths from it.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.path()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let path = path.strip_prefix(self.path()).unwrap();
                    files.push(path.to_str().unwrap().replace('\\', "/"));
                }
            }
        }
        files.sort();
        files
    }

    pub(crate) fn index(&self) -> ServiceIndex {
        ServiceIndex::from_json(&std::fs::read(self.path().join("index.json")).unwrap()).unwrap()
    }

    pub(crate) fn rows(&self, file: &str) -> i64 {
        rows_in(&self.path().join(file))
    }
}

pub(crate) fn rows_in(path: &Path) -> i64 {
    let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
    reader.metadata().file_metadata().num_rows()
}

/// So many towns along the equator.
pub(crate) fn towns(name: &str, rows: i32) -> Layer {
    Layer::new(name, GeometryType::Point)
        .with_field(Field::new("NAME", FieldType::String).with_alias("Name of the town"))
        .with_max_record_count(10)
        .with_rows((0..rows).map(|n| {
            Row::new()
                .with("NAME", format!("Town {n}"))
                .at(Geometry::point((f64::from(n), 1.0)))
        }))
}

pub(crate) fn notes(name: &str, rows: i32) -> Layer {
    Layer::table(name)
        .with_field(Field::new("TOWN", FieldType::String))
        .with_rows((0..rows).map(|n| Row::new().with("TOWN", format!("Town {n}"))))
}

/// Two services with the same rows as feature and as map service, and one that is no service of layers.
pub(crate) fn server() -> TestkitBuilder {
    let towns_and_notes =
        Service::new("Land/Towns")
            .with_layer(Layer::group("all"))
            .with_layer(
                towns("Towns", 25)
                    .with_parent(0)
                    .with_relationship(Relationship::new(7, "notes", 5, "NAME", "TOWN")),
            )
            .with_layer(towns("TOWNS", 3))
            .with_layer(Layer::raster("photo"))
            .with_layer(towns("hidden", 1).with_capabilities("Map"))
            .with_layer(notes("Notes/old & new", 4).with_relationship(
                Relationship::new(7, "towns", 1, "TOWN", "NAME").as_destination(),
            ));
    Testkit::builder()
        .service(towns_and_notes)
        .service(
            Service::new("bare")
                .with_layer(towns("nothing", 0))
                .with_types(["MapServer"]),
        )
        .service(Service::new("tools").with_types(["GPServer"]))
}
