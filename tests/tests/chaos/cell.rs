//! One cell: one trouble, one way, one shape, one format.

use std::error::Error as StdError;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arcgis_auth_http::arcgis_auth_core::{Credentials, Error as AuthError, Portal};
use arcgis_export::{Error, LayerExport, Report, RowOrder, WriterOptions};
use arcgis_layer::{Error as LayerError, FetchOptions, FormatChoice, Layer, LayerAddress, Query};
use arcgis_testkit::{Fault, FaultKind, RequestKind, Security, Testkit};
use arcgis_tests::{Bench, ParquetFile, patient_client};
use arrow_array::RecordBatch;

use crate::layers::{self, Shape};
use crate::rows;
use crate::trouble::{Expected, Trouble};
use crate::ways::{Ids, Way};

const USER: &str = "user";
const PASSWORD: &str = "password";

/// The format that pages are asked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// Equal, by the way that was taken first.
    Equal,
    /// Equal, by another way for the most part.
    Turned,
    /// Equal, and the trouble is not to be seen this way.
    Silent,
    Drift,
    Access,
    Service,
    Rows,
}

/// What was exported, and the services that were asked.
struct Exported {
    bench: Bench,
    elsewhere: Option<Testkit>,
    outcome: Result<(Report, ParquetFile), Error>,
}

async fn export(shape: Shape, form: Form, way: Way, trouble: &Trouble) -> Exported {
    let mut layer = way.force(layers::layer(shape, layers::ROWS));
    for quirk in &trouble.quirks {
        layer = layer.with_quirk(*quirk);
    }
    for ability in &trouble.lacks {
        layer = layer.without(*ability);
    }
    if trouble.tracked {
        layer = layer.with_edit_tracking();
    }
    let mut service = Testkit::builder().layer(layer.clone());
    for fault in &trouble.faults {
        service = service.fault(fault.clone());
    }
    if let Some(bytes) = trouble.longest_url {
        service = service.longest_url(bytes);
    }
    if trouble.secured {
        service = service.security(Security::token(USER, PASSWORD));
    }
    let timeout = trouble.timeout.unwrap_or(Duration::from_secs(20));
    let bench = Bench::with_client(service, |service| {
        let client = patient_client().timeout(timeout).retries(trouble.retries);
        if trouble.secured {
            let portal = Portal::parse(&service.root_url()).unwrap();
            client.credentials(Credentials::user_password(USER, PASSWORD, portal).unwrap())
        } else {
            client
        }
    })
    .await;
    let mut elsewhere = None;
    if trouble.moved {
        let other = Testkit::builder().layer(layer).start().await.unwrap();
        let to = format!("{}?f=json", other.layer_url("t"));
        let redirect = FaultKind::Redirect(to);
        bench
            .service
            .add_fault(Fault::on(RequestKind::Layer, 1, redirect));
        elsewhere = Some(other);
    }
    let at_once = if trouble.one_by_one { 1 } else { 2 };
    let outcome = async {
        let address = LayerAddress::parse(&bench.service.layer_url("t"))?;
        let layer = Layer::open(Arc::new(bench.client.clone()), address).await?;
        let mut fetch = FetchOptions::default()
            .with_concurrency(NonZeroUsize::new(at_once).unwrap())
            .with_format(form.choice());
        if let Some(strategy) = way.choice() {
            fetch = fetch.with_strategy(strategy);
        }
        let mut export = LayerExport::new(layer).with_fetch(fetch);
        // As the engine gives them; only what waits until all are there can drop rows that come again.
        let mut order = RowOrder::None;
        if trouble.tracked {
            export = export.with_query(Query::new().with_fields(layers::FIELDS));
            order = RowOrder::Id;
        }
        let writer = WriterOptions::default().with_order(order);
        bench.write(export.with_writer(writer)).await
    }
    .await;
    Exported {
        bench,
        elsewhere,
        outcome,
    }
}

/// The most requests for a cell: what could go on without end shows itself whatever the machine is busy with.
const MOST_REQUESTS: usize = 3000;

/// The most that there were so far.
static REQUESTS: AtomicUsize = AtomicUsize::new(0);

/// The most requests of all cells that were run.
pub(crate) fn most_requests() -> usize {
    REQUESTS.load(Ordering::Relaxed)
}

/// The file of an export that nothing disturbs, checked against the formulas.
pub(crate) async fn undisturbed(shape: Shape, form: Form, way: Way) -> RecordBatch {
    let exported = export(shape, form, way, &Trouble::new("nothing")).await;
    let (report, file) = exported
        .outcome
        .unwrap_or_else(|error| panic!("{shape:?} {form:?} {way:?}: {}", chain(&error)));
    assert_eq!(report.fetch.unwrap().retries, 0);
    layers::assert_formulas(&file, shape, layers::ROWS, way.ids() == Ids::Own);
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
    trouble: &Trouble,
    straight: &RecordBatch,
) -> Result<Ending, String> {
    let exported = export(shape, form, way, trouble).await;
    let requests = exported.bench.service.requests().len();
    REQUESTS.fetch_max(requests, Ordering::Relaxed);
    if requests > MOST_REQUESTS {
        return Err(format!("{requests} requests for {} rows", layers::ROWS));
    }
    let outcome = exported.outcome.as_ref().map_err(chain);
    let told = match &outcome {
        Ok((report, _)) => {
            let fetch = report.fetch.as_ref().ok_or("no report of the fetch")?;
            format!(
                "{} rows, {:?}, doubts {:?}",
                report.rows,
                fetch.delivered.iter().collect::<Vec<_>>(),
                fetch.doubts.iter().collect::<Vec<_>>()
            )
        }
        Err(told) => told.clone(),
    };
    let ended =
        judge(way, trouble, straight, &exported).map_err(|why| format!("{why} [{told}]"))?;
    has_fired(trouble, &exported).map_err(|why| format!("{why} [{told}]"))?;
    Ok(ended)
}

/// Whether all of it has happened, by the service's own counters; or nothing, if it is not to be seen this way.
fn has_fired(trouble: &Trouble, exported: &Exported) -> Result<(), String> {
    let service = &exported.bench.service;
    let mut fired = service.faults_fired();
    fired.extend(service.layer("t").unwrap().quirks_fired());
    if trouble.longest_url.is_some() {
        let requests = service.requests();
        let too_long = |request: &&arcgis_testkit::Request| {
            request
                .answered()
                .is_some_and(|answer| answer.status == 414)
        };
        fired.push(requests.iter().filter(too_long).count() as u64);
    }
    if let Some(elsewhere) = &exported.elsewhere {
        fired.push(elsewhere.requests_of(RequestKind::Layer).len() as u64);
    }
    let as_it_has_to_be = |times: &u64| (*times == 0) == trouble.is_silent;
    if fired.iter().all(as_it_has_to_be) {
        Ok(())
    } else {
        Err(format!("fired {fired:?} times"))
    }
}

fn judge(
    way: Way,
    trouble: &Trouble,
    straight: &RecordBatch,
    exported: &Exported,
) -> Result<Ending, String> {
    let bench = &exported.bench;
    let (report, file) = match (&trouble.expected, &exported.outcome) {
        (Expected::EqualOrCount(_), Ok((report, file))) => (report, file),
        (expected, Err(error)) if expected.is_a_file() => {
            return Err(format!("failed: {}", chain(error)));
        }
        (expected, Ok((report, file))) if expected.is_a_file() => (report, file),
        (_, Ok(_)) => return Err("no error".to_owned()),
        (expected, Err(error)) => {
            is_told(expected, error)?;
            let files = bench.files();
            if !files.is_empty() {
                return Err(format!("left {files:?}"));
            }
            return Ok(match expected {
                Expected::Access => Ending::Access,
                Expected::Service(_) => Ending::Service,
                _ => Ending::Rows,
            });
        }
    };
    let fetch = report.fetch.as_ref().ok_or("no report of the fetch")?;
    let turned = trouble.turns_to.unwrap_or(way.strategy());
    // What is wrong may show before the first row.
    if ![way.strategy().name(), turned.name()].contains(&fetch.strategy.as_str()) {
        return Err(format!("begun by {}", fetch.strategy));
    }
    if fetch.delivered.most() != Some(turned) {
        return Err("delivered by another way".to_owned());
    }
    let (mut got, mut wanted) = (file.batch.clone(), straight.clone());
    if !way.is_in_order() {
        (got, wanted) = (rows::by_key(&got), rows::by_key(&wanted));
    }
    if let Expected::Edited(edited, value) = &trouble.expected {
        let proof = report.proof.as_ref().ok_or("no proof")?;
        let told = proof.edited || proof.level == "fingerprints-twice";
        let before = rows::value_of(&wanted, *edited);
        let now = rows::value_of(&got, *edited);
        // Which of both it is depends on what came first: the page, or the edit.
        if !told || before == Some(*value) || (now != before && now != Some(*value)) {
            return Err(format!("{before:?} became {now:?}, told as {proof:?}"));
        }
        let others = |key: i64| key != *edited;
        rows::same(
            &rows::only(&got, others),
            &rows::only(&wanted, others),
            false,
        )?;
        return Ok(Ending::Drift);
    }
    if let Expected::Refetched(edited, value) = &trouble.expected {
        let proof = report.proof.as_ref().ok_or("no proof")?;
        let told = (proof.refetched_rows, proof.updated_rows, proof.edited);
        let now = edited.iter().map(|key| rows::value_of(&got, *key));
        let now: Vec<_> = now.collect();
        if told != (edited.len() as u64, 0, false) || now.iter().any(|now| *now != Some(*value)) {
            return Err(format!("now {now:?}, told as {proof:?}"));
        }
        let others = |key: i64| !edited.contains(&key);
        rows::same(
            &rows::only(&got, others),
            &rows::only(&wanted, others),
            false,
        )?;
        return Ok(Ending::Drift);
    }
    let Expected::Drift { deleted, inserted } = &trouble.expected else {
        rows::same(&got, &wanted, trouble.other_grid)?;
        return Ok(match (trouble.is_silent, trouble.turns_to) {
            (true, _) => Ending::Silent,
            (false, Some(_)) => Ending::Turned,
            (false, None) => Ending::Equal,
        });
    };
    let proof = report.proof.as_ref().ok_or("no proof")?;
    let change = inserted.len() as i64 - deleted.len() as i64;
    let told = if way.is_listed() {
        let numbers = (proof.deleted_rows, proof.inserted_rows);
        numbers == (deleted.len() as u64, inserted.len() as u64)
    } else {
        proof.count_change == change
    };
    if !told {
        return Err(format!("drift told as {proof:?}"));
    }
    // Rows that stayed are exact; one that went may still have come before it did.
    let stays = |key: i64| !deleted.contains(&key) && !inserted.contains(&key);
    rows::same(&rows::only(&got, stays), &rows::only(&wanted, stays), false)?;
    Ok(Ending::Drift)
}

/// Whether an error is the one that has to come, and says what it has to.
fn is_told(expected: &Expected, error: &Error) -> Result<(), String> {
    let told = chain(error);
    let (fits, says) = match (expected, error) {
        (Expected::Rows(missing), Error::Layer(LayerError::Incomplete(incomplete))) => {
            let named: Vec<i64> = incomplete.missing.iter().collect();
            if named != *missing {
                return Err(format!("names {named:?}"));
            }
            (true, "")
        }
        (
            Expected::Count(says) | Expected::EqualOrCount(says),
            Error::Layer(LayerError::Incomplete(_)),
        ) => (true, *says),
        (
            Expected::Access,
            Error::Layer(LayerError::Service(
                AuthError::Unauthorized(_)
                | AuthError::Mint { .. }
                | AuthError::InvalidCredentials { .. },
            )),
        ) => (true, ""),
        (
            Expected::Service(says),
            Error::Layer(
                LayerError::Service(
                    AuthError::Service(_) | AuthError::Transport(_) | AuthError::Forbidden(_),
                )
                | LayerError::Answer { .. },
            ),
        ) => (true, *says),
        _ => (false, ""),
    };
    if !fits {
        return Err(format!("another error: {error:?}"));
    }
    if told.contains(says) {
        Ok(())
    } else {
        Err(format!("does not say {says}"))
    }
}

/// An error with all that it came from.
fn chain(error: &Error) -> String {
    let mut told = error.to_string();
    let mut next = StdError::source(error);
    while let Some(error) = next {
        told = format!("{told}: {error}");
        next = error.source();
    }
    told
}
