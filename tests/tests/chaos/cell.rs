//! One cell: one trouble, one way, one shape, one format.

use std::error::Error as StdError;
use std::num::NonZeroUsize;
use std::time::Duration;

use arcgis_export::{Error, LayerExport};
use arcgis_layer::{FetchOptions, FormatChoice, Layer, LayerAddress};
use arcgis_testkit::Testkit;
use arcgis_tests::{Bench, ParquetFile, patient_client};
use arrow_array::RecordBatch;
use arrow_array::types::Int64Type;
use arrow_select::filter::filter_record_batch;

use crate::layers::{self, Shape};
use crate::troubles::{Expected, Trouble};
use crate::ways::Way;

/// The format that pages are asked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Pbf,
}

impl Form {
    pub(crate) const ALL: [Self; 2] = [Self::Json, Self::Pbf];

    fn choice(self) -> FormatChoice {
        match self {
            Self::Json => FormatChoice::Json,
            Self::Pbf => FormatChoice::Pbf,
        }
    }
}

/// How a cell ended, as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Equal,
    Drift,
    Service,
    Rows,
}

/// Exports the layer with the trouble in its way.
async fn export(
    shape: Shape,
    form: Form,
    way: Way,
    base: i64,
    trouble: &Trouble,
) -> (Bench, Result<(arcgis_export::Report, ParquetFile), Error>) {
    let layer = trouble
        .quirks
        .iter()
        .fold(way.force(layers::layer(shape, base)), |layer, quirk| {
            layer.with_quirk(*quirk)
        });
    let mut service = Testkit::builder().layer(layer);
    for fault in &trouble.faults {
        service = service.fault(fault.clone());
    }
    let timeout = trouble.timeout.unwrap_or(Duration::from_secs(20));
    let bench = Bench::with_client(service, |_| patient_client().timeout(timeout)).await;
    let outcome = async {
        let address = LayerAddress::parse(&bench.service.layer_url("t"))?;
        let layer = Layer::open(std::sync::Arc::new(bench.client.clone()), address).await?;
        let fetch = FetchOptions::default()
            .with_concurrency(NonZeroUsize::new(2).unwrap())
            .with_format(form.choice());
        bench.write(LayerExport::new(layer).with_fetch(fetch)).await
    }
    .await;
    (bench, outcome)
}

/// The file of an export that nothing disturbs, checked against the formulas.
pub(crate) async fn undisturbed(shape: Shape, form: Form, way: Way, base: i64) -> RecordBatch {
    let nothing = Trouble::nothing();
    let (_, outcome) = export(shape, form, way, base, &nothing).await;
    let (report, file) =
        outcome.unwrap_or_else(|error| panic!("{shape:?} {form:?} {way:?}: {error}"));
    assert_eq!(report.fetch.unwrap().retries, 0);
    layers::assert_undisturbed(&file, shape, base, true);
    file.batch
}

/// Runs a cell.
///
/// # Errors
///
/// What is not as it has to be.
pub(crate) async fn run(
    shape: Shape,
    form: Form,
    way: Way,
    base: i64,
    trouble: &Trouble,
    straight: &RecordBatch,
) -> Result<Ending, String> {
    let (bench, outcome) = export(shape, form, way, base, trouble).await;
    let fired = bench.service.faults_fired();
    if let Some(silent) = fired.iter().position(|times| *times == 0) {
        return Err(format!("fault {silent} did not fire"));
    }
    match (&trouble.expected, outcome) {
        (Expected::Equal | Expected::Drift { .. }, Err(error)) => {
            Err(format!("failed: {}", chain(&error)))
        }
        (Expected::Service(_) | Expected::Rows { .. }, Ok((report, _))) => {
            Err(format!("{} rows in place of an error", report.rows))
        }
        (Expected::Equal, Ok((report, file))) => {
            let strategy = report.fetch.as_ref().map(|fetch| fetch.strategy.clone());
            if strategy.as_deref() != Some(way.reported()) {
                return Err(format!("delivered by {strategy:?}"));
            }
            if file.batch != *straight {
                return Err(format!(
                    "other rows: {} of {}",
                    file.rows(),
                    straight.num_rows()
                ));
            }
            Ok(Ending::Equal)
        }
        (Expected::Drift { deleted, inserted }, Ok((report, file))) => {
            let proof = report.proof.ok_or("no proof")?;
            if (&proof.deleted_ids, &proof.inserted_ids) != (deleted, inserted) {
                return Err(format!(
                    "drift told as {:?} gone and {:?} new",
                    proof.deleted_ids, proof.inserted_ids
                ));
            }
            // Rows that stayed are exact; one that went may still have come before it did.
            let stays = |id: i64| !deleted.contains(&id) && !inserted.contains(&id);
            if only(&file.batch, stays) != only(straight, stays) {
                return Err("the rows that stayed differ".to_owned());
            }
            Ok(Ending::Drift)
        }
        (Expected::Service(says), Err(error)) => {
            let told = chain(&error);
            if matches!(error, Error::Layer(arcgis_layer::Error::Incomplete(_))) {
                return Err(format!("taken for lost rows: {told}"));
            }
            if !told.contains(says) {
                return Err(format!("does not say {says}: {told}"));
            }
            left_nothing(&bench)?;
            Ok(Ending::Service)
        }
        (Expected::Rows { missing }, Err(error)) => {
            let Error::Layer(arcgis_layer::Error::Incomplete(incomplete)) = &error else {
                return Err(format!("not told as lost rows: {}", chain(&error)));
            };
            let named: Vec<i64> = incomplete.missing.iter().collect();
            if named != *missing {
                return Err(format!("names {named:?}"));
            }
            left_nothing(&bench)?;
            Ok(Ending::Rows)
        }
    }
}

fn left_nothing(bench: &Bench) -> Result<(), String> {
    let files = bench.files();
    if files.is_empty() {
        Ok(())
    } else {
        Err(format!("left {files:?}"))
    }
}

/// The rows whose object id is one of those.
fn only(batch: &RecordBatch, keep: impl Fn(i64) -> bool) -> RecordBatch {
    use arrow_array::BooleanArray;
    use arrow_array::cast::AsArray;
    let ids = batch.column_by_name("OBJECTID").unwrap();
    let ids = ids.as_primitive::<Int64Type>();
    let mask: BooleanArray = ids.iter().map(|id| Some(keep(id.unwrap()))).collect();
    filter_record_batch(batch, &mask).unwrap()
}

/// An error with all that it came from.
fn chain(error: &dyn StdError) -> String {
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        told = format!("{told}: {error}");
        next = error.source();
    }
    told
}
