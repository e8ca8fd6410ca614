//! `arcgis export`: a layer into a file.

use std::sync::Arc;

use anyhow::Result;
use arcgis_rest::export::{ExportEvent, LayerExport, WriterOptions};
use arcgis_rest::layer::{FetchOptions, Layer};

use crate::args::{ExportArgs, OutputArgs};
use crate::output::{Outputs, Said};
use crate::progress::{BETWEEN_LINES, Progress};
use crate::summary;
use crate::target::Target;

pub(crate) async fn run(args: &ExportArgs, output: OutputArgs) -> Result<()> {
    let query = args.columns.shape(args.filter.query()?);
    let outputs = Outputs::check(&args.out, &args.file)?;
    let target = Target::new(
        &args.layer,
        &args.connection,
        &args.credentials,
        Some(args.fetch.concurrency),
    )
    .await?;
    let mut fetch = FetchOptions::default()
        .with_concurrency(args.fetch.concurrency)
        .with_format(args.fetch.format);
    if let Some(rows) = args.fetch.page_size {
        fetch = fetch.with_page_size(rows);
    }
    let writer = WriterOptions::default()
        .with_compression(args.file.compression)
        .with_row_group_rows(args.file.row_group_rows);

    let layer = Layer::open(target.transport(), target.layer().await?).await?;
    let progress = Arc::new(Progress::new(output, &layer.info().name));
    let watching = Arc::clone(&progress);
    let export = LayerExport::new(layer)
        .with_query(query)
        .with_fetch(fetch)
        .with_writer(writer)
        .with_lenient(args.file.lenient)
        .with_fail_on_drift(args.fail_on_drift)
        .with_observer(move |event| {
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
    let report = result?;

    let stats = target.client.stats();
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
