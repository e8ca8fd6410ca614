//! A service whose layers change, come and go, and a folder that follows it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_http::{ArcGisClient, RetryPolicy};
use arcgis_export::{
    Folder, IndexedLayer, LayerOutcome, LayerStatus, LocalFolder, RowOrder, ServiceExport,
    ServiceIndex, ServiceReport, ServiceSync, WriterOptions,
};
use arcgis_layer::{FetchOptions, Query, ResourceAddress};
use arcgis_testkit::{
    Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Layer, RequestKind, Row, Service,
    Testkit, Vertex,
};

/// Values that only some rows meet.
const FILTER: &str = "NUMBER < 70";

/// The layers, and how each lets its changes be known.
pub(crate) const LAYERS: [&str; 5] = ["points", "areas", "notes", "spare", "late"];

/// splitmix64.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Where the folder is.
pub(crate) enum Place {
    Here(tempfile::TempDir),
    #[cfg(feature = "cloud")]
    Bucket(crate::s3::S3),
}

pub(crate) struct World {
    pub(crate) service: Testkit,
    pub(crate) client: Arc<ArcGisClient>,
    pub(crate) noise: Noise,
    pub(crate) place: Place,
    filtered: bool,
    stac: bool,
    writer: WriterOptions,
    published: BTreeSet<&'static str>,
}

/// What a round does to the service.
#[derive(Debug, Default)]
pub(crate) struct Happened {
    pub(crate) fails: Option<&'static str>,
    pub(crate) gone: BTreeSet<&'static str>,
}

impl World {
    pub(crate) async fn new(place: Place, seed: u64) -> Self {
        let mut noise = Noise(seed);
        let service = LAYERS.iter().fold(Service::new("Land"), |service, name| {
            service.with_layer(layer(name, &mut noise))
        });
        let service = Testkit::builder().service(service).start().await.unwrap();
        let retries = RetryPolicy::default()
            .with_retries(1)
            .with_backoff(Duration::from_millis(1), Duration::from_millis(2));
        let order = [RowOrder::Hilbert, RowOrder::Id][noise.below(2) as usize];
        let world = Self {
            service,
            client: Arc::new(
                ArcGisClient::builder()
                    .retry_policy(retries)
                    .build()
                    .unwrap(),
            ),
            filtered: noise.below(2) == 0,
            stac: noise.below(2) == 0,
            writer: WriterOptions::default()
                .with_order(order)
                .with_row_group_rows(20.try_into().unwrap()),
            published: LAYERS.into_iter().filter(|name| *name != "late").collect(),
            noise,
            place,
        };
        world.publish("late", false);
        world
    }

    pub(crate) async fn here(seed: u64) -> Self {
        Self::new(Place::Here(tempfile::tempdir().unwrap()), seed).await
    }

    pub(crate) fn publish(&self, name: &str, published: bool) {
        self.service.layer(name).unwrap().set_published(published);
    }

    pub(crate) fn url(&self) -> String {
        self.service.service_url("Land")
    }

    fn root(&self) -> ResourceAddress {
        ResourceAddress::parse(&self.url()).unwrap()
    }

    /// Where the files are on this machine, those of the bucket too.
    pub(crate) fn path(&self) -> PathBuf {
        match &self.place {
            Place::Here(place) => place.path().join("out"),
            #[cfg(feature = "cloud")]
            Place::Bucket(s3) => s3.path("copies/Land"),
        }
    }

    pub(crate) fn folder(&self) -> Arc<dyn Folder> {
        match &self.place {
            Place::Here(_) => Arc::new(LocalFolder::new(self.path())),
            #[cfg(feature = "cloud")]
            Place::Bucket(s3) => Arc::new(s3.folder("copies/Land")),
        }
    }

    pub(crate) fn export(&self) -> ServiceExport {
        let query = match self.filtered {
            true => Query::new().with_where(FILTER),
            false => Query::new(),
        };
        let writer = self.writer.clone();
        ServiceExport::new(Arc::clone(&self.client) as _, self.root())
            .with_stac(self.stac)
            .with_each_layer(move |export| {
                export
                    .with_query(query.clone())
                    .with_writer(writer.clone())
                    .with_fetch(paging())
            })
    }

    pub(crate) fn sync(&self) -> ServiceSync {
        ServiceSync::new(Arc::clone(&self.client) as _, self.root())
            .with_fetch(paging())
            .with_margin(Duration::ZERO)
    }

    pub(crate) async fn begin(&self) -> ServiceReport {
        let report = self.export().to(self.folder()).await.unwrap();
        assert!(report.index.is_complete(), "{report:?}");
        report
    }

    pub(crate) fn index(&self) -> ServiceIndex {
        let json = std::fs::read(self.path().join("index.json")).unwrap();
        ServiceIndex::from_json(&json).unwrap()
    }

    /// Rows of each layer change, layers come and go, and sometimes one fails.
    pub(crate) fn happen(&mut self) -> Happened {
        for name in LAYERS {
            for _ in 0..self.noise.below(5) {
                self.edit(name);
            }
        }
        let mut happened = Happened::default();
        for name in ["late", "spare"] {
            if self.noise.below(4) == 0 {
                let was = self.published.contains(name);
                self.publish(name, !was);
                match was {
                    true => self.published.remove(name),
                    false => self.published.insert(name),
                };
            }
        }
        let index = self.index();
        let known = index.layers.iter().filter(|layer| layer.has_file());
        let names: Vec<String> = known.map(|layer| layer.name.clone()).collect();
        let is_gone = |name: &&str| {
            !self.published.contains(*name) && names.iter().any(|known| known == *name)
        };
        happened.gone = LAYERS.into_iter().filter(is_gone).collect();
        if self.noise.below(3) == 0 {
            let all: Vec<_> = self.published.iter().copied().collect();
            let name = all[self.noise.below(all.len() as u64) as usize];
            let refused = Fault::on(RequestKind::Ids, 1, FaultKind::Status(403));
            self.service.add_fault(refused.times(1).for_layer(name));
            happened.fails = Some(name);
        } else if self.noise.below(2) == 0 {
            // What is tried again goes unnoticed.
            let broken = Fault::on(RequestKind::Ids, 1, FaultKind::Status(503));
            self.service.add_fault(broken.times(1));
        }
        happened
    }

    pub(crate) fn edit(&mut self, name: &str) {
        let rows = self.service.layer(name).unwrap();
        let ids = rows.object_ids();
        let id = ids[self.noise.below(ids.len() as u64) as usize];
        match self.noise.below(5) {
            0 => drop(rows.insert(row(name, &mut self.noise)).unwrap()),
            1 => drop(rows.delete(id).unwrap()),
            2 if name != "notes" => {
                let change = Row::new().at(geometry(name, &mut self.noise));
                rows.update(id, change).unwrap();
            }
            3 => {
                // Into the filter, or out of it.
                let number = i64::try_from(self.noise.below(100)).unwrap();
                rows.update(id, Row::new().with("NUMBER", number)).unwrap();
            }
            _ => {
                let text = format!("renamed {}", self.noise.below(1 << 40));
                rows.update(id, Row::new().with("NAME", text)).unwrap();
            }
        }
    }

    /// Brings the folder up to date, and holds it against what happened and a fresh export.
    pub(crate) async fn follow(&self, happened: &Happened) -> ServiceReport {
        let before = files(&self.path());
        let index_before = self.index();
        let report = self.sync().of(self.folder()).await.unwrap();
        let index = self.index();
        assert_eq!(index, report.index);
        assert_eq!(index.layers.len(), report.outcomes.len());

        let failed: Vec<&str> = report.failures().map(|(layer, _)| &*layer.name).collect();
        assert_eq!(failed, happened.fails.as_slice(), "{report:?}");
        let gone: BTreeSet<&str> = index
            .of_status(LayerStatus::Gone)
            .map(|layer| &*layer.name)
            .collect();
        assert_eq!(gone, happened.gone, "{report:?}");

        // A fresh export beside it.
        let place = tempfile::tempdir().unwrap();
        let fresh = place.path().join("fresh");
        let expected = self.export().to(LocalFolder::new(&fresh)).await.unwrap();
        assert!(expected.index.is_complete());
        let now = files(&self.path());
        let mut names: BTreeSet<String> = ["index.json".to_owned()].into();
        names.extend(self.stac.then(|| "catalog.json".to_owned()));
        for (layer, outcome) in report.layers() {
            let Some(file) = &layer.file else { continue };
            let is_there = now.contains_key(file);
            if !is_there {
                assert_eq!(happened.fails, Some(&*layer.name), "{layer:?}");
                continue;
            }
            names.insert(file.clone());
            names.extend(self.stac.then(|| file.replace(".parquet", ".json")));
            if matches!(outcome, LayerOutcome::Gone | LayerOutcome::Failed(_)) {
                assert_eq!(now[file], before[file], "{layer:?}");
                continue;
            }
            let fresh = fresh.join(file);
            let expected = expected.index.layers.iter();
            let expected = expected
                .clone()
                .find(|other| other.url == layer.url)
                .unwrap();
            same_entry(layer, expected);
            let [file, fresh] = [self.path().join(file), fresh].map(|path| Parts::of(&path));
            assert!(file.body == fresh.body, "other bytes in {}", layer.name);
            assert_eq!(file.keys, fresh.keys, "{}", layer.name);
            if let LayerOutcome::Synced(report) = outcome {
                let was = index_before.layers.iter().find(|was| was.url == layer.url);
                let differs = report.added_rows + report.changed_rows + report.deleted_rows > 0;
                assert_eq!(report.written, differs);
                let was = was.unwrap().rows.unwrap();
                assert_eq!(report.rows, was + report.added_rows - report.deleted_rows);
            }
        }
        assert_eq!(now.keys().cloned().collect::<BTreeSet<_>>(), names);
        if self.stac {
            self.check_catalog(&index);
        }
        report
    }

    fn check_catalog(&self, index: &ServiceIndex) {
        let read = |path: &str| -> serde_json::Value {
            serde_json::from_slice(&std::fs::read(self.path().join(path)).unwrap()).unwrap()
        };
        let catalog = read("catalog.json");
        let links = catalog["links"].as_array().unwrap().iter();
        let items: BTreeSet<String> = links
            .filter(|link| link["rel"] == "item")
            .map(|link| link["href"].as_str().unwrap()[2..].to_owned())
            .collect();
        let with_files = index.layers.iter().filter(|layer| layer.has_file());
        let mut expected = BTreeSet::new();
        for layer in with_files {
            let item = layer.file.as_ref().unwrap().replace(".parquet", ".json");
            let rows = &read(&item)["properties"]["table:row_count"];
            assert_eq!(rows.as_u64(), layer.rows, "{item}");
            expected.insert(item);
        }
        assert_eq!(items, expected);
    }
}

fn paging() -> FetchOptions {
    FetchOptions::default()
        .with_page_size(7.try_into().unwrap())
        .with_concurrency(2.try_into().unwrap())
}

/// What both indexes say of a layer is the same, but for moments, and what goes by them.
fn same_entry(found: &IndexedLayer, expected: &IndexedLayer) {
    let plain = |layer: &IndexedLayer| {
        let mut layer = layer.clone();
        layer.started = None;
        layer.finished = None;
        layer.last_edit = None;
        layer.server_generation = None;
        // The footer has moments, whose digits vary, and other layers may have no file.
        layer.bytes = None;
        for relationship in &mut layer.relationships {
            relationship.related_file = None;
        }
        layer
    };
    assert_eq!(plain(found), plain(expected));
}

/// A file in its parts: all but the footer, and what that says besides moments and states.
pub(crate) struct Parts {
    pub(crate) body: Vec<u8>,
    pub(crate) keys: BTreeMap<String, Option<String>>,
}

impl Parts {
    pub(crate) fn of(path: &Path) -> Self {
        use parquet::file::reader::{FileReader as _, SerializedFileReader};

        let mut body = std::fs::read(path).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(body.clone())).unwrap();
        let pairs = reader.metadata().file_metadata().key_value_metadata();
        let mut keys: BTreeMap<_, _> = pairs
            .unwrap()
            .iter()
            .map(|pair| (pair.key.clone(), pair.value.clone()))
            .collect();
        for of_state in ["retrieved", "last_edit", "server_generation"] {
            keys.remove(&format!("arcgis:{of_state}"));
        }
        let end = body.len() - 8;
        let length = u32::from_le_bytes(body[end..end + 4].try_into().unwrap());
        body.truncate(end - usize::try_from(length).unwrap());
        Self { body, keys }
    }
}

/// All files below a folder with what is in them, hidden ones too.
pub(crate) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                files.insert(name.replace('\\', "/"), std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn layer(name: &str, noise: &mut Noise) -> Layer {
    let layer = match name {
        "notes" => Layer::table(name),
        "areas" => Layer::new(name, GeometryType::Polygon).with_edit_tracking(),
        _ => Layer::new(name, GeometryType::Point).with_capabilities("Query,ChangeTracking"),
    };
    let layer = layer
        .with_field(Field::new("NAME", FieldType::String))
        .with_field(Field::new("NUMBER", FieldType::Integer))
        .with_max_record_count(25);
    (0..40).fold(layer, |layer, _| layer.with_row(row(name, noise)))
}

fn row(name: &str, noise: &mut Noise) -> Row {
    let row = Row::new()
        .with("NAME", format!("row {}", noise.below(1000)))
        .with("NUMBER", i64::try_from(noise.below(100)).unwrap());
    match name {
        "notes" => row,
        name => row.at(geometry(name, noise)),
    }
}

fn geometry(name: &str, noise: &mut Noise) -> Geometry {
    let mut degree = |most: u64| noise.below(most * 1_000_000) as f64 / 1e6 - most as f64 / 2.0;
    let (x, y) = (degree(350), degree(170));
    if name != "areas" {
        return Geometry::point((x, y));
    }
    let corners = [(0.0, 0.0), (0.0, 1.5), (1.5, 1.5), (1.5, 0.0), (0.0, 0.0)];
    Geometry::polygon([corners.map(|(dx, dy)| Vertex::xy(x + dx, y + dy)).to_vec()])
}
