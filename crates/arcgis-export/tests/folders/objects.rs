//! A file in a bucket, brought up to date.

use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_http::ArcGisClient;
use arcgis_export::{
    Error, ExportEvent, LayerExport, StoredObject, Sync, SyncError, SyncReport, SyncWay,
    WriterOptions,
};
use arcgis_layer::{Layer, LayerAddress};
use arcgis_testkit::{Field, FieldType, Row, Testkit};

use crate::s3::{Fault, S3};
use crate::world::{Parts, Place, World, files};

/// A layer of the world, and a file of it in a bucket.
struct Copy {
    world: World,
    name: &'static str,
}

impl Copy {
    async fn new(name: &'static str, seed: u64) -> Self {
        let world = World::new(Place::Bucket(S3::start()), seed).await;
        Self { world, name }
    }

    fn s3(&self) -> &S3 {
        match &self.world.place {
            Place::Bucket(s3) => s3,
            Place::Here(_) => unreachable!(),
        }
    }

    fn object(&self) -> StoredObject {
        self.s3().object("copies/one.parquet", 1024)
    }

    async fn open(&self) -> Layer {
        let address = LayerAddress::parse(&self.world.service.layer_url(self.name)).unwrap();
        let client = Arc::clone(&self.world.client);
        Layer::open(client, address).await.unwrap()
    }

    async fn export(&self) -> LayerExport {
        let writer = WriterOptions::default().with_row_group_rows(20.try_into().unwrap());
        LayerExport::new(self.open().await).with_writer(writer)
    }

    async fn begin(&self) {
        self.export().await.to(self.object()).await.unwrap();
    }

    async fn sync(&self) -> Sync {
        Sync::new(self.open().await, self.object()).with_margin(Duration::ZERO)
    }

    /// The object is what a fresh export writes, and all that there is.
    async fn check(&self, report: &SyncReport) {
        assert!(report.output.ends_with("copies/one.parquet"), "{report:?}");
        let object = self.s3().object("fresh.parquet", 1024);
        let fresh = self.export().await;
        fresh.to(object.with_overwrite(true)).await.unwrap();
        let [file, fresh] =
            ["copies/one.parquet", "fresh.parquet"].map(|key| Parts::of(&self.s3().path(key)));
        assert!(file.body == fresh.body, "the same rows in other bytes");
        assert_eq!(file.keys, fresh.keys);
        assert_eq!(files(&self.s3().path("copies")).len(), 1);
        assert_eq!(self.s3().open_uploads(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_follows_its_layer() {
    for (name, way, fault, seed) in [
        ("points", SyncWay::Changes, None, 1),
        ("areas", SyncWay::EditDates, None, 2),
        ("notes", SyncWay::Full, None, 3),
        ("points", SyncWay::Changes, Some(Fault::NoConditions), 4),
    ] {
        let mut copy = Copy::new(name, seed).await;
        copy.begin().await;
        if let Some(fault) = fault {
            copy.s3().fail(fault);
        }
        for _ in 0..8 {
            for _ in 0..copy.world.noise.below(5) {
                copy.world.edit(name);
            }
            let before = copy.s3().requests().len();
            let report = copy.sync().await.run().await.unwrap();
            assert_eq!(report.way, way);
            let asked = copy.s3().requests().split_off(before);
            let in_parts = asked.iter().any(|asked| asked == "part");
            assert_eq!(in_parts, fault.is_some() && report.written, "{asked:?}");
            copy.check(&report).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_changes_nothing_is_written() {
    let copy = Copy::new("points", 4).await;
    copy.begin().await;
    let before = copy.s3().requests().len();
    let report = copy.sync().await.run().await.unwrap();
    assert!(!report.written);
    let asked = copy.s3().requests().split_off(before);
    assert!(
        asked.iter().all(|asked| asked == "look" || asked == "read"),
        "{asked:?}"
    );
}

/// While the new file is made, somebody else puts another one.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_somebody_else_changed_is_left_so() {
    for fault in [None, Some(Fault::NoConditions)] {
        left_so(fault).await;
    }
}

async fn left_so(fault: Option<Fault>) {
    let copy = Copy::new("points", 5).await;
    copy.begin().await;
    if let Some(fault) = fault {
        copy.s3().fail(fault);
    }
    let rows = copy.world.service.layer("points").unwrap();
    let id = rows.object_ids()[0];
    rows.update(id, Row::new().with("NAME", "changed")).unwrap();
    let path = copy.s3().path("copies/one.parquet");
    let theirs = path.clone();
    let sync = copy.sync().await.with_observer(move |event| {
        if matches!(event, ExportEvent::Page { .. }) {
            std::fs::write(&theirs, "theirs").unwrap();
        }
    });
    let error = sync.run().await.unwrap_err();
    assert!(matches!(error, Error::Replaced { .. }), "{error:?}");
    assert!(error.to_string().contains("copies/one.parquet"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"theirs");
    assert_eq!(copy.s3().open_uploads(), [""; 0]);
    let error = copy.sync().await.run().await.unwrap_err();
    assert!(
        matches!(error, Error::Sync(SyncError::Unreadable { .. })),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_on_the_way_leaves_the_object() {
    let copy = Copy::new("points", 6).await;
    copy.begin().await;
    let path = copy.s3().path("copies/one.parquet");
    let before = std::fs::read(&path).unwrap();
    let rows = copy.world.service.layer("points").unwrap();
    for id in rows.object_ids() {
        rows.update(id, Row::new().with("NAME", "changed")).unwrap();
    }
    copy.s3().fail(Fault::ReadOnly);
    let error = copy.sync().await.run().await.unwrap_err();
    assert!(
        matches!(error, Error::Write(_) | Error::Unwritable { .. }),
        "{error:?}"
    );
    assert!(std::fs::read(&path).unwrap() == before);
    copy.s3().heal();
    assert_eq!(copy.sync().await.run().await.unwrap().changed_rows, 40);
    let missing = Sync::new(copy.open().await, copy.s3().object("none.parquet", 1024));
    let error = missing.run().await.unwrap_err();
    assert!(
        matches!(error, Error::Sync(SyncError::Unreadable { .. })),
        "{error:?}"
    );
}

/// Several megabytes: nothing of it comes twice, and where nothing has changed most of it does not come at all.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_large_object_each_byte_comes_at_most_once() {
    let rows = 20_000;
    let mut noise = crate::world::Noise(1);
    let row = |n: i64| {
        let text = (0..32).map(|_| format!("{:016x}", noise.below(u64::MAX)));
        Row::new()
            .with("OBJECTID", n)
            .with("TEXT", text.collect::<String>())
    };
    let layer = arcgis_testkit::Layer::table("t")
        .with_capabilities("Query,ChangeTracking")
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("TEXT", FieldType::String))
        .with_max_record_count(2_000)
        .with_rows((1..=rows).map(row));
    let service = Testkit::builder().layer(layer).start().await.unwrap();
    let client = Arc::new(ArcGisClient::builder().build().unwrap());
    let address = LayerAddress::parse(&service.layer_url("t")).unwrap();
    let layer = || Layer::open(Arc::clone(&client) as _, address.clone());
    let s3 = S3::start();
    let object = || s3.object("t.parquet", 5 * 1024 * 1024);
    let writer = WriterOptions::default().with_row_group_rows(4_000.try_into().unwrap());
    let export = LayerExport::new(layer().await.unwrap()).with_writer(writer);
    let report = export.to(object()).await.unwrap();
    let size = report.file_bytes.unwrap();
    assert!(size > 4 << 20, "{size}");

    let before = s3.sent();
    let sync = Sync::new(layer().await.unwrap(), object());
    assert!(!sync.run().await.unwrap().written);
    let sent = s3.sent() - before;
    println!("{sent} of {size} bytes were read where nothing has changed");
    assert!(sent < size / 4, "{sent} of {size}");

    let rows = service.layer("t").unwrap();
    for id in [1, 7_000, 20_000] {
        let change = Row::new().with("TEXT", "changed");
        rows.update(id, change).unwrap();
    }
    for full in [false, true] {
        let before = s3.sent();
        let sync = Sync::new(layer().await.unwrap(), object()).with_full(full);
        let report = sync.run().await.unwrap();
        assert_eq!(
            (report.changed_rows, report.rows),
            (if full { 0 } else { 3 }, 20_000)
        );
        let sent = s3.sent() - before;
        println!("{sent} of {size} bytes were read (everything again: {full})");
        assert!(sent <= size, "{sent} of {size}");
    }
}
