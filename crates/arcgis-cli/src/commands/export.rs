//! `arcgis export`: a layer into a file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use arcgis_rest::export::{ExportEvent, LayerExport, Report, WriterOptions};
use arcgis_rest::layer::{FetchOptions, Query};

use crate::args::{ExportArgs, OutputArgs};
use crate::output::{Outputs, Said};
use crate::pasted::Pasted;
use crate::progress::{BETWEEN_LINES, Progress};
use crate::refusal::Asked;
use crate::summary;
use crate::target::Target;

pub(crate) async fn run(args: &ExportArgs, output: OutputArgs) -> Result<()> {
    let (mut filter, mut columns) = (args.filter.clone(), args.columns.clone());
    Pasted::of(&args.layer).into_export(&mut filter, &mut columns, output.quiet)?;
    let query = columns.shape(filter.query()?);
    Outputs::check_names(&args.out, &args.file)?;
    let target = Target::new(
        &args.layer,
        &args.connection,
        &args.credentials,
        Some(args.fetch.concurrency),
    )
    .await?;
    target.check_layer()?;
    let outputs = Outputs::check(&args.out, &args.file)?;

    let counted = Arc::<AtomicBool>::default();
    let result = fetch(args, output, &target, query, &outputs, &counted).await;
    let stats = target.client.stats();
    let report = match result {
        Ok(report) => report,
        Err(error) => {
            let asked = Asked {
                filter: &filter,
                columns: Some(&columns),
            };
            let error = asked.explain(error, counted.load(Ordering::Relaxed));
            let source = target.address.to_string();
            outputs.write_failure(&error, &source, Some(stats.into()));
            return Err(error);
        }
    };
    let said = Said {
        report: &report,
        client: Some(stats.into()),
    };
    if !output.quiet {
        summary::print(&report, &args.file, Some(stats));
    }
    outputs.write_report(&said)?;
    if output.json {
        said.print()?;
    }
    Ok(())
}

/// The export itself. `counted` is set once the server has said how many rows there are.
async fn fetch(
    args: &ExportArgs,
    output: OutputArgs,
    target: &Target,
    query: Query,
    outputs: &Outputs,
    counted: &Arc<AtomicBool>,
) -> Result<Report> {
    let mut fetch = FetchOptions::default()
        .with_concurrency(args.fetch.concurrency)
        .with_format(args.fetch.format);
    if let Some(rows) = args.fetch.page_size {
        fetch = fetch.with_page_size(rows);
    }
    let writer = WriterOptions::default()
        .with_compression(args.file.compression)
        .with_row_group_rows(args.file.row_group_rows);

    let layer = target.open().await?;
    let progress = Arc::new(Progress::new(output, &layer.info().name));
    let watching = Arc::clone(&progress);
    let counting = Arc::clone(counted);
    let export = LayerExport::new(layer)
        .with_query(query)
        .with_fetch(fetch)
        .with_writer(writer)
        .with_lenient(args.file.lenient)
        .with_fail_on_drift(args.fail_on_drift)
        .with_observer(move |event| {
            if matches!(event, ExportEvent::Planned { .. }) {
                counting.store(true, Ordering::Relaxed);
            }
            log(event);
            watching.observe(event);
        })
        .to(outputs.file.clone());
    let mut export = std::pin::pin!(export);
    let mut ticks = tokio::time::interval(BETWEEN_LINES);
    let result = loop {
        tokio::select! {
            result = &mut export => break result,
            _ = ticks.tick() => progress.tick(),
        }
    };
    // The bar leaves the screen before anything else is said.
    drop(progress);
    Ok(result?)
}

fn log(event: &ExportEvent) {
    match event {
        ExportEvent::Planned {
            rows,
            pages,
            page_size,
            strategy,
            reason,
            format,
            ..
        } => tracing::info!(rows, pages, page_size, %strategy, %reason, %format, "planned"),
        ExportEvent::Page { rows, bytes, .. } => tracing::debug!(rows, bytes, "page"),
        ExportEvent::Retried { times } => tracing::info!(times, "sent again"),
        ExportEvent::Noted(note) => tracing::info!(%note, "noted"),
        ExportEvent::RowGroup(group) => tracing::debug!(?group, "row group written"),
        ExportEvent::Verified(completion) => {
            tracing::info!(rows = completion.rows, proof = %completion.proof, drift = %completion.drift, "verified");
        }
        _ => {}
    }
}
