//! A layer that can be partitioned in several ways, and a place for its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_http::{ArcGisClient, RetryPolicy};
use arcgis_export::{
    Error, LayerExport, LocalFile, PartitionFolder, PartitionIndex, Partitions, Report,
};
use arcgis_layer::{FetchOptions, FormatChoice, Layer, LayerAddress};
use arcgis_testkit::{
    Field, FieldType, Geometry, GeometryType, Layer as Served, Row, Testkit, TestkitBuilder, Value,
};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use bytes::Bytes;

use crate::pages;

pub(crate) struct Bench {
    pub(crate) server: Testkit,
    place: tempfile::TempDir,
}

/// The texts of the field `STATE`: null for `None`.
pub(crate) fn towns<'a>(states: impl IntoIterator<Item = Option<&'a str>>) -> Served {
    let states = states.into_iter();
    let rows: Vec<Row> = (0_i32..)
        .zip(states)
        .map(|(n, state)| {
            let state = state.map_or(Value::Null, Value::from);
            let kind = match n % 3 {
                0 => Value::Null,
                rest => Value::from(rest * 10 - 15),
            };
            Row::new()
                .with("STATE", state)
                .with("KIND", kind)
                .with("DAY", format!("{}-02-01", 1999 + n % 2))
                .with("SHARE", f64::from(n) / 7.0)
                .with("SEEN", i64::from(n) * 86_400_000)
                .at(Geometry::point((f64::from(n % 40), f64::from(n / 40))))
        })
        .collect();
    Served::new("towns", GeometryType::Point)
        .with_field(
            Field::new("STATE", FieldType::String)
                .with_alias("The state")
                .with_length(200),
        )
        .with_field(Field::new("KIND", FieldType::SmallInteger))
        .with_field(Field::new("DAY", FieldType::DateOnly))
        .with_field(Field::new("SHARE", FieldType::Double))
        .with_field(Field::new("SEEN", FieldType::Date))
        .with_max_record_count(100)
        .with_rows(rows)
}

/// Three states, one of them none.
pub(crate) fn three(rows: usize) -> Served {
    towns((0..rows).map(|n| [Some("06"), Some("Baden & Württemberg"), None][n % 3]))
}

impl Bench {
    pub(crate) async fn of(layer: Served) -> Self {
        Self::start(Testkit::builder().layer(layer)).await
    }

    pub(crate) async fn start(server: TestkitBuilder) -> Self {
        Self {
            server: server.start().await.unwrap(),
            place: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) async fn layer(&self) -> Layer {
        let client = ArcGisClient::builder()
            .retry_policy(
                RetryPolicy::default()
                    .with_retries(1)
                    .with_backoff(Duration::from_millis(1), Duration::from_millis(2)),
            )
            .build()
            .unwrap();
        let address = LayerAddress::parse(&self.server.layer_url("towns")).unwrap();
        Layer::open(Arc::new(client), address).await.unwrap()
    }

    /// Coordinates to the last digit.
    pub(crate) async fn export(&self) -> LayerExport {
        LayerExport::new(self.layer().await)
            .with_fetch(FetchOptions::default().with_format(FormatChoice::Json))
    }

    /// The folder that everything goes to.
    pub(crate) fn place(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.place().join("cities")
    }

    pub(crate) fn folder(&self) -> PartitionFolder {
        PartitionFolder::new(self.path())
    }

    pub(crate) async fn cut(&self, partitions: Partitions) -> Result<Report, Error> {
        let export = self.export().await.with_partitions(partitions);
        export.to(self.folder()).await
    }

    /// The same rows in one file.
    pub(crate) async fn one_file(&self) -> RecordBatch {
        let path = self.place().join("one.parquet");
        let export = self.export().await;
        export.to(LocalFile::new(&path)).await.unwrap();
        let file = Bytes::from(fs::read(&path).unwrap());
        fs::remove_file(path).unwrap();
        pages::read(&file)
    }

    pub(crate) fn file(&self, name: &str) -> Bytes {
        Bytes::from(fs::read(self.path().join(name)).unwrap())
    }

    pub(crate) fn index(&self) -> PartitionIndex {
        PartitionIndex::from_json(&self.file("_index.json")).unwrap()
    }

    /// What is beside the folder, with its name.
    pub(crate) fn names(&self) -> Vec<String> {
        names(self.place())
    }

    /// All files with rows, which have to be those of the index.
    pub(crate) fn files(&self) -> BTreeMap<String, RecordBatch> {
        let mut found = files(&self.path());
        found.retain(|file| file != "_index.json");
        let index = self.index();
        let mut listed: Vec<&str> = index.files.iter().map(|file| file.file.as_str()).collect();
        listed.sort_unstable();
        assert_eq!(listed, found);
        let read = found.into_iter().map(|name| {
            let rows = pages::read(&self.file(&name));
            (name, rows)
        });
        read.collect()
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// All files in a folder, as paths from it.
pub(crate) fn files(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let path = path.strip_prefix(root).unwrap();
                files.push(path.to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    files.sort();
    files
}

/// Each row as text, in the order of the object ids.
pub(crate) fn rows(batches: &[&RecordBatch]) -> Vec<String> {
    let mut rows: Vec<(i64, String)> = Vec::new();
    for batch in batches {
        let ids = batch.column_by_name("OBJECTID").unwrap();
        let ids = ids.as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let values = batch.columns().iter().map(|column| {
                let value = column.slice(row, 1);
                format!("{value:?}")
            });
            rows.push((ids.value(row), values.collect()));
        }
    }
    rows.sort_unstable();
    rows.into_iter().map(|(_, row)| row).collect()
}
