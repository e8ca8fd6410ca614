//! A layer whose rows change, and a file that follows them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arcgis_export::{
    Destination, Error, GeoParquetVersion, GeometryEncoding, LayerExport, LocalFile,
    PartitionFolder, Partitions, Report, RowOrder, Sync, SyncReport, WriterOptions,
};
use arcgis_layer::{Layer, LayerAddress, Query};
use arcgis_testkit::{
    Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Layer as Served, LayerRows,
    RequestKind, Row, Security, Testkit, Value, Vertex,
};
use arcgis_tests::{Bench, Noise, ParquetFile, paging};
use serde_json::Value as Json;
use std::num::NonZeroUsize;

/// How a layer lets its changes be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tells {
    Changes,
    /// As a job, and by the dates of edits too.
    ChangesAndDates,
    Dates,
    Nothing,
}

/// What rows have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Points,
    Polygons,
    Table,
}

/// Values that only some rows meet.
const FILTER: &str = "NUMBER < 70";

/// A layer, a file of it, and chance.
pub(crate) struct World {
    pub(crate) bench: Bench,
    pub(crate) noise: Noise,
    kind: Kind,
    /// Rows of the layer by their ids, as they were when the file was made.
    known: BTreeMap<i64, Row>,
    filtered: bool,
    writer: WriterOptions,
    /// Pages as the layer offers them, or JSON alone.
    pub(crate) any_format: bool,
    /// How rows are cut into files, if they are.
    partitions: Option<Partitions>,
}

impl World {
    pub(crate) async fn new(tells: Tells, kind: Kind, seed: u64) -> Self {
        let mut noise = Noise::new(seed);
        let mut served = match kind {
            Kind::Points => Served::new("rows", GeometryType::Point),
            Kind::Polygons => Served::new("rows", GeometryType::Polygon),
            Kind::Table => Served::table("rows"),
        }
        .with_field(Field::new("NAME", FieldType::String))
        .with_field(Field::new("NUMBER", FieldType::Integer))
        .with_field(Field::new("AMOUNT", FieldType::Double))
        .with_field(Field::new("STATE", FieldType::String))
        .with_max_record_count(25);
        if matches!(tells, Tells::Changes | Tells::ChangesAndDates) {
            served = served.with_capabilities("Query,ChangeTracking");
        }
        if matches!(tells, Tells::Dates | Tells::ChangesAndDates) {
            served = served.with_edit_tracking();
        }
        if tells == Tells::ChangesAndDates {
            served = served.with_change_jobs();
        }
        for _ in 0..60 {
            served = served.with_row(row(kind, &mut noise));
        }
        let service = Testkit::builder()
            .layer(served)
            .security(Security::token("user", "password"));
        let mut writer = WriterOptions::default()
            .with_order(*noise.pick(&[RowOrder::Hilbert, RowOrder::Hilbert, RowOrder::Id]))
            .with_row_group_rows(NonZeroUsize::new(20).unwrap());
        match noise.below(4) {
            0 => writer = writer.with_geoparquet_version(GeoParquetVersion::V2_0),
            1 => writer = writer.with_geometry_encoding(GeometryEncoding::Native),
            _ => {}
        }
        if noise.below(3) == 0 {
            // Sorted on disk.
            writer = writer.with_sort_memory(NonZeroUsize::new(1).unwrap());
        }
        Self {
            bench: Bench::signed_in(service, "user", "password").await,
            filtered: noise.below(2) == 0,
            any_format: noise.below(2) == 0,
            known: BTreeMap::new(),
            partitions: None,
            writer,
            kind,
            noise,
        }
    }

    /// The same with a dataset in several files.
    pub(crate) async fn cut(tells: Tells, kind: Kind, seed: u64, partitions: Partitions) -> Self {
        let mut world = Self::new(tells, kind, seed).await;
        if partitions.fields().is_empty() {
            world.writer = world.writer.with_order(RowOrder::Hilbert);
        }
        world.partitions = Some(partitions);
        world
    }

    pub(crate) fn rows(&self) -> LayerRows {
        self.bench.service.layer("rows").unwrap()
    }

    pub(crate) fn path(&self) -> PathBuf {
        match self.partitions {
            Some(_) => self.bench.folder().join("out"),
            None => self.bench.path(),
        }
    }

    /// Nothing is beside the file, or the dataset.
    pub(crate) fn is_alone(&self) {
        let path = self.path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(self.bench.files(), [name], "nothing is left beside");
    }

    fn place(&self, path: &Path) -> Box<dyn Destination> {
        match self.partitions {
            Some(_) => Box::new(PartitionFolder::new(path).with_overwrite(true)),
            None => Box::new(LocalFile::new(path).with_overwrite(true)),
        }
    }

    pub(crate) async fn open(&self) -> Layer {
        if !self.any_format {
            return self.bench.open("rows").await.unwrap();
        }
        let address = LayerAddress::parse(&self.bench.service.layer_url("rows")).unwrap();
        let client = Arc::new(self.bench.client.clone());
        Layer::open(client, address).await.unwrap()
    }

    pub(crate) async fn export(&self) -> LayerExport {
        self.export_of(self.open().await)
    }

    pub(crate) fn export_of(&self, layer: Layer) -> LayerExport {
        let query = if self.filtered {
            Query::new().with_where(FILTER)
        } else {
            Query::new()
        };
        let export = LayerExport::new(layer)
            .with_query(query)
            .with_writer(self.writer.clone())
            .with_fetch(paging(7, 3));
        match &self.partitions {
            Some(partitions) => export.with_partitions(partitions.clone()),
            None => export,
        }
    }

    /// Makes the file anew.
    pub(crate) async fn begin(&mut self) -> Report {
        let place = self.place(&self.path());
        self.known = self.selected();
        self.export().await.to(place).await.unwrap()
    }

    pub(crate) async fn sync(&self) -> Sync {
        Sync::new(self.open().await, self.path())
            .with_fetch(paging(7, 3))
            .with_margin(Duration::ZERO)
    }

    /// The rows that the file should have, from the service's own.
    fn selected(&self) -> BTreeMap<i64, Row> {
        let rows = self.rows();
        let all = rows.object_ids().into_iter().zip(rows.rows());
        all.filter(|(_, row)| !self.filtered || number(row).is_some_and(|number| number < 70))
            .collect()
    }

    /// Brings the file up to date, and holds it against a fresh one and the report against the service's rows.
    pub(crate) async fn follow(&mut self) -> SyncReport {
        let report = self.sync().await.run().await;
        let report = report.unwrap_or_else(|error| panic!("{error}: {error:?}"));
        self.check(&report).await;
        report
    }

    pub(crate) async fn check(&mut self, report: &SyncReport) {
        let now = self.selected();
        let was = std::mem::replace(&mut self.known, now.clone());
        let ids = |of: &BTreeMap<i64, Row>, wanted: &dyn Fn(i64, &Row) -> bool| -> Vec<i64> {
            let rows = of.iter().filter(|(id, row)| wanted(**id, row));
            rows.map(|(id, _)| *id).collect()
        };
        assert_eq!(report.added_ids, ids(&now, &|id, _| !was.contains_key(&id)));
        assert_eq!(
            report.deleted_ids,
            ids(&was, &|id, _| !now.contains_key(&id))
        );
        let changed = ids(&now, &|id, row| was.get(&id).is_some_and(|was| was != row));
        assert_eq!(report.changed_ids, changed);
        assert_eq!(report.added_rows, report.added_ids.len() as u64);
        assert_eq!(report.rows, now.len() as u64);
        let differs = report.added_rows + report.changed_rows + report.deleted_rows > 0;
        assert_eq!(report.written, differs);
        self.is_fresh().await;
    }

    /// The file is, byte by byte, what an export writes now, but for what its footer says of when and from which state; and so
    /// is each file of a dataset.
    pub(crate) async fn is_fresh(&self) {
        let fresh = self.bench.folder().join("fresh");
        self.export().await.to(self.place(&fresh)).await.unwrap();
        if self.partitions.is_none() {
            same_file(&self.path(), &fresh);
            std::fs::remove_file(fresh).unwrap();
        } else {
            same_dataset(&self.path(), &fresh);
            std::fs::remove_dir_all(fresh).unwrap();
        }
        self.is_alone();
    }

    /// Changes some rows as people do.
    pub(crate) fn edit(&mut self) {
        let rows = self.rows();
        for _ in 0..self.noise.below(7) {
            let ids = rows.object_ids();
            let id = *self.noise.pick(&ids);
            match self.noise.below(8) {
                0 | 1 => {
                    rows.insert(row(self.kind, &mut self.noise)).unwrap();
                }
                2 => {
                    // To another folder too, if there are any.
                    let chance = self.noise.next_u64();
                    let name = format!("renamed {chance}");
                    let change = Row::new().with("NAME", name).with("STATE", state(chance));
                    rows.update(id, change).unwrap();
                }
                3 => {
                    // Into the filter, or out of it.
                    let number = i64::try_from(self.noise.below(100)).unwrap();
                    rows.update(id, Row::new().with("NUMBER", number)).unwrap();
                }
                4 if self.kind != Kind::Table => {
                    let moved = geometry(self.kind, &mut self.noise);
                    rows.update(id, Row::new().at(moved)).unwrap();
                }
                // The same again, which is an edit all the same.
                5 => {
                    let same = rows.rows().into_iter().zip(&ids).find(|(_, of)| **of == id);
                    let value = number(&same.unwrap().0).unwrap();
                    rows.update(id, Row::new().with("NUMBER", value)).unwrap();
                }
                6 => {
                    // Another row with the id of one that is gone.
                    rows.delete(id).unwrap();
                    let again = row(self.kind, &mut self.noise).with("OBJECTID", id);
                    rows.insert(again).unwrap();
                }
                _ => {
                    rows.delete(id).unwrap();
                }
            }
        }
    }

    /// Requests of this kind fail from now on, as long as what is given back is true.
    pub(crate) fn breaks(&self, request: RequestKind) -> Arc<AtomicBool> {
        let broken = Arc::new(AtomicBool::new(true));
        let is_broken = Arc::clone(&broken);
        let fault = Fault::on(request, 1, FaultKind::Status(503))
            .times(u64::MAX)
            .when(move |_| is_broken.load(Ordering::SeqCst));
        self.bench.service.add_fault(fault);
        broken
    }
}

fn number(row: &Row) -> Option<i64> {
    match row.get("NUMBER")? {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

fn row(kind: Kind, noise: &mut Noise) -> Row {
    let chance = noise.below(1000);
    let row = Row::new()
        .with("NAME", format!("row {chance}"))
        .with("NUMBER", i64::try_from(noise.below(100)).unwrap())
        .with("STATE", state(chance));
    let row = match noise.below(5) {
        0 => row,
        _ => row.with("AMOUNT", noise.below(1 << 40) as f64 / 1024.0),
    };
    match kind {
        Kind::Table => row,
        // Some have none.
        _ if noise.below(10) == 0 => row,
        kind => row.at(geometry(kind, noise)),
    }
}

/// Names of folders that have to be told apart, and one that comes seldom.
fn state(chance: u64) -> Value {
    match chance % 30 {
        0 => Value::from("seldom"),
        1..=3 => Value::Null,
        4..=10 => Value::from("A"),
        11..=17 => Value::from("a"),
        18..=23 => Value::from("06"),
        24..=26 => Value::from("b/c"),
        _ => Value::from(""),
    }
}

fn geometry(kind: Kind, noise: &mut Noise) -> Geometry {
    let mut degree = |most: u64| noise.below(most * 1_000_000) as f64 / 1e6 - most as f64 / 2.0;
    let (x, y) = (degree(350), degree(170));
    if kind == Kind::Points {
        return Geometry::point((x, y));
    }
    let size = 0.5 + degree(1).abs();
    let ring = |size: f64, clockwise: bool| {
        let mut corners = [
            (0.0, 0.0),
            (0.0, size),
            (size, size),
            (size, 0.0),
            (0.0, 0.0),
        ];
        if !clockwise {
            corners.reverse();
        }
        corners.map(|(dx, dy)| Vertex::xy(x + dx, y + dy)).to_vec()
    };
    if degree(2) > 0.0 {
        // Two shells, which make a multipolygon of it.
        let far = ring(size / 4.0, true);
        let far = far
            .iter()
            .map(|corner| Vertex::xy(corner.x + 2.0, corner.y));
        return Geometry::polygon([ring(size, true), far.collect()]);
    }
    Geometry::polygon([ring(size, true)])
}

/// Two datasets of the same files.
pub(crate) fn same_dataset(one: &Path, other: &Path) {
    let [there, expected] = [one, other].map(files);
    assert_eq!(there, expected);
    for file in there.iter().filter(|file| *file != "_index.json") {
        same_file(&one.join(file), &other.join(file));
    }
    let [there, expected] = [one, other].map(index);
    assert_eq!(there, expected);
}

/// Two files with the same rows, in the same bytes, and with footers that differ in moments and states alone.
fn same_file(one: &Path, other: &Path) {
    let [file, expected] = [one, other].map(ParquetFile::read);
    assert_eq!(file.batch, expected.batch, "{}", one.display());
    let keys = |file: &ParquetFile| -> Vec<(String, Option<String>)> {
        let pairs = file.metadata.file_metadata().key_value_metadata().unwrap();
        let of_state = [
            "arcgis:retrieved",
            "arcgis:last_edit",
            "arcgis:server_generation",
        ];
        let pairs = pairs.iter();
        let pairs = pairs.filter(|pair| !of_state.contains(&pair.key.as_str()));
        pairs
            .map(|pair| (pair.key.clone(), pair.value.clone()))
            .collect()
    };
    assert_eq!(keys(&file), keys(&expected));
    let [file, expected] = [one, other].map(body);
    assert!(file == expected, "the same rows in other bytes");
}

/// All of a file but its footer.
fn body(path: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(path).unwrap();
    let end = bytes.len() - 8;
    let length = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap());
    bytes.truncate(end - usize::try_from(length).unwrap());
    bytes
}

/// All files in a folder, as paths from it; a file is one itself.
pub(crate) fn files(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut to_look_at = vec![root.to_owned()];
    while let Some(path) = to_look_at.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).unwrap();
            to_look_at.extend(entries.map(|entry| entry.unwrap().path()));
        } else {
            let path = path.strip_prefix(root).unwrap();
            files.push(path.to_str().unwrap().replace('\\', "/"));
        }
    }
    files.sort();
    files
}

/// What the index of a dataset says, without moments, states, and sizes, which go with the length of those.
fn index(folder: &Path) -> Json {
    let json = std::fs::read(folder.join("_index.json")).unwrap();
    let mut index: Json = serde_json::from_slice(&json).unwrap();
    let all = index.as_object_mut().unwrap();
    for name in [
        "started",
        "finished",
        "last_edit",
        "server_generation",
        "bytes",
    ] {
        all.remove(name);
    }
    for file in all["files"].as_array_mut().unwrap() {
        file.as_object_mut().unwrap().remove("bytes").unwrap();
    }
    index
}

/// Every byte of a file, or of all files in a folder.
pub(crate) fn bytes(path: &Path) -> Vec<(String, Vec<u8>)> {
    let files = files(path).into_iter();
    files
        .map(|file| {
            let bytes = match file.as_str() {
                "" => std::fs::read(path),
                file => std::fs::read(path.join(file)),
            };
            (file, bytes.unwrap())
        })
        .collect()
}

/// Makes sure that an error left the file, or the dataset, as it was.
pub(crate) async fn refused(world: &World, sync: Sync) -> Error {
    let before = bytes(&world.path());
    let error = sync.run().await.unwrap_err();
    assert!(bytes(&world.path()) == before);
    world.is_alone();
    error
}

/// What an error says, with its causes.
pub(crate) fn said(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A test for each kind of layer, by the function `rounds` of the file that asks for it.
macro_rules! rounds {
    ($($name:ident: $tells:ident, $kind:ident, $way:ident, $seed:literal;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                rounds(Tells::$tells, Kind::$kind, SyncWay::$way, $seed).await;
            }
        )+
    };
}
pub(crate) use rounds;
