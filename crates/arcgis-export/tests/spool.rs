//! Other spools than the one that keeps nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod pages;

use std::sync::{Arc, Mutex};

use arcgis_auth_http::ArcGisClient;
use arcgis_export::{Error, LayerExport, LocalFile, Spool, SpoolPlan, SpooledPage};
use arcgis_layer::{FetchOptions, FormatChoice, Layer, LayerAddress, Query};
use arcgis_testkit::{Field, FieldType, Geometry, GeometryType, Layer as Served, Row, Testkit};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use bytes::Bytes;

/// What a spool of the tests was given.
#[derive(Debug, Default)]
struct Seen {
    plans: Vec<SpoolPlan>,
    pages: Vec<SpooledPage>,
    finished: bool,
    dropped: bool,
}

/// Keeps all pages and gives them back from the last to the first.
struct Reversed {
    seen: Arc<Mutex<Seen>>,
    pages: Vec<RecordBatch>,
    finished: bool,
    fail_at: Option<u64>,
    lose: bool,
}

impl Spool for Reversed {
    fn push(&mut self, page: SpooledPage) -> Result<(), Error> {
        if self.fail_at == Some(self.pages.len() as u64) {
            return Err(Error::Spool("no room".into()));
        }
        self.pages.push(page.batch.clone());
        self.seen.lock().unwrap().pages.push(page);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.finished = true;
        self.seen.lock().unwrap().finished = true;
        if self.lose {
            self.pages.pop();
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        Ok(self.finished.then(|| self.pages.pop()).flatten())
    }
}

impl Drop for Reversed {
    fn drop(&mut self) {
        self.seen.lock().unwrap().dropped = true;
    }
}

async fn service() -> Testkit {
    let towns = Served::new("towns", GeometryType::Point)
        .with_field(Field::new("POP", FieldType::SmallInteger))
        .with_max_record_count(40)
        .with_rows((0..100).map(|n| {
            // One value does not fit.
            Row::new()
                .with("POP", if n == 50 { 70_000 } else { n })
                .at(Geometry::point((f64::from(n), 47.0)))
        }));
    Testkit::builder().layer(towns).start().await.unwrap()
}

async fn export(
    service: &Testkit,
    seen: &Arc<Mutex<Seen>>,
    fail_at: Option<u64>,
    lose: bool,
) -> LayerExport {
    let client = ArcGisClient::builder().build().unwrap();
    let address = LayerAddress::parse(&service.layer_url("towns")).unwrap();
    let layer = Layer::open(Arc::new(client), address).await.unwrap();
    let seen = Arc::clone(seen);
    LayerExport::new(layer)
        .with_query(Query::new().with_where("OBJECTID > 0"))
        .with_fetch(
            FetchOptions::default()
                .with_page_size(30.try_into().unwrap())
                .with_format(FormatChoice::Json),
        )
        .with_lenient(true)
        .with_spool(move |plan: &SpoolPlan| -> Result<Box<dyn Spool>, Error> {
            seen.lock().unwrap().plans.push(plan.clone());
            Ok(Box::new(Reversed {
                seen: Arc::clone(&seen),
                pages: Vec::new(),
                finished: false,
                fail_at,
                lose,
            }))
        })
}

fn ids(rows: &RecordBatch) -> Vec<i64> {
    let ids = rows.column_by_name("OBJECTID").unwrap();
    ids.as_primitive::<Int64Type>().values().to_vec()
}

/// Pages of 30, from the last to the first.
fn reversed() -> Vec<i64> {
    (91..=100)
        .chain(61..=90)
        .chain(31..=60)
        .chain(1..=30)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_decides_the_order_of_the_file() {
    let service = service().await;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("towns.parquet");
    let report = export(&service, &seen, None, false)
        .await
        .to(LocalFile::new(&path))
        .await
        .unwrap();
    assert_eq!(report.rows, 100);
    let file = Bytes::from(std::fs::read(&path).unwrap());
    assert_eq!(ids(&pages::read(&file)), reversed());
    // What the footer says of all rows does not depend on their order.
    let geo: serde_json::Value =
        serde_json::from_str(&pages::footer(&file, "geo").unwrap()).unwrap();
    assert_eq!(
        geo["columns"]["geometry"]["bbox"],
        serde_json::json!([0.0, 47.0, 99.0, 47.0])
    );

    let seen = seen.lock().unwrap();
    let [plan] = seen.plans.as_slice() else {
        panic!("{:?}", seen.plans);
    };
    assert_eq!((plan.rows, plan.pages, plan.page_size), (100, 4, 30));
    assert_eq!(plan.object_id.as_deref(), Some("OBJECTID"));
    assert_eq!(plan.source, service.layer_url("towns"));
    assert!(plan.query.contains("where=OBJECTID"), "{}", plan.query);
    assert_eq!(plan.destination.as_deref(), path.to_str());
    assert_eq!(plan.schema.file(), &seen.pages[0].batch.schema());
    let positions: Vec<u64> = seen.pages.iter().map(|page| page.position).collect();
    assert!(positions.is_sorted(), "{positions:?}");
    let page = &seen.pages[1];
    assert_eq!(page.facts.ids, (31..=60).collect::<Vec<i64>>());
    assert_eq!(page.batch.num_rows(), 30);
    assert_eq!(page.geometry.bbox().unwrap().xmax, 59.0);
    assert_eq!(page.misfits.iter().collect::<Vec<_>>(), [("POP", 1)]);
    assert!(page.bytes > 100);
    assert!(seen.finished && seen.dropped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_decides_the_order_of_a_table() {
    let service = service().await;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let table = export(&service, &seen, None, false)
        .await
        .into_table()
        .await
        .unwrap();
    assert_eq!(ids(&table.batch), reversed());
    assert_eq!(seen.lock().unwrap().plans[0].destination, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_fails_or_loses_rows_leaves_no_file() {
    let service = service().await;
    for (fail_at, lose, told) in [
        (Some(0), false, "no room"),
        (Some(2), false, "no room"),
        (None, true, "100 rows went in and 90 came back"),
    ] {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let folder = tempfile::tempdir().unwrap();
        let error = export(&service, &seen, fail_at, lose)
            .await
            .to(LocalFile::new(folder.path().join("towns.parquet")))
            .await
            .unwrap_err();
        let Error::Spool(source) = &error else {
            panic!("{error:?}");
        };
        assert_eq!(source.to_string(), told);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(seen.lock().unwrap().dropped);
        let table = export(&service, &seen, fail_at, lose)
            .await
            .into_table()
            .await;
        assert!(matches!(table, Err(Error::Spool(_))), "{table:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_panics_is_quoted() {
    let service = service().await;
    let client = ArcGisClient::builder().build().unwrap();
    let address = LayerAddress::parse(&service.layer_url("towns")).unwrap();
    let layer = Layer::open(Arc::new(client), address).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = LayerExport::new(layer)
        .with_lenient(true)
        .with_spool(|_: &SpoolPlan| -> Result<Box<dyn Spool>, Error> {
            panic!("out of {}", "tune")
        })
        .to(LocalFile::new(folder.path().join("towns.parquet")))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Panicked { message } if message == "out of tune"),
        "{error:?}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
