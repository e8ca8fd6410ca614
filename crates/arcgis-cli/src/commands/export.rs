//! `arcgis export`: a layer into a file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use arcgis_rest::export::{ExportEvent, LayerExport, Report, WriterOptions};
use arcgis_rest::layer::{FetchOptions, Query};

use crate::args::{ExportArgs, FetchArgs, OutputArgs};
use crate::output::{Outputs, Said};
use crate::pasted::Pasted;
use crate::progress::{BETWEEN_LINES, Progress};
use crate::refusal::Asked;
use crate::settings::{Settings, key};
use crate::summary;
use crate::target::Target;

pub(crate) async fn run(
    args: &ExportArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    let (mut filter, mut columns) = (args.filter.clone(), args.columns.clone());
    Pasted::of(&args.layer).into_export(&mut filter, &mut columns, output.quiet)?;
    let query = columns.shape(filter.query()?);
    Outputs::check_names(&args.out, &args.file)?;
    let concurrency = settings.get(&key::CONCURRENCY, args.fetch.concurrency)?;
    let target = Target::new(
        &args.layer,
        &args.connection,
        &args.credentials,
        Some(concurrency.value),
        settings,
    )
    .await?;
    target.check_layer()?;
    let how = How {
        fetch: args.fetch.options(settings)?,
        writer: args.file.writer(settings)?,
    };
    let outputs = Outputs::check(&args.out, &args.file)?;

    let counted = Arc::<AtomicBool>::default();
    let result = fetch(args, output, &target, query, &how, &outputs, &counted).await;
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
        summary::print(&report, how.writer.compression, Some(stats));
    }
    outputs.write_report(&said)?;
    if output.json {
        said.print()?;
    }
    Ok(())
}

/// How rows are fetched and written.
struct How {
    fetch: FetchOptions,
    writer: WriterOptions,
}

impl FetchArgs {
    fn options(&self, settings: &Settings) -> Result<FetchOptions> {
        let mut options = FetchOptions::default()
            .with_concurrency(settings.get(&key::CONCURRENCY, self.concurrency)?.value)
            .with_format(settings.get(&key::FORMAT, self.format)?.value);
        if let Some(rows) = settings.find(&key::PAGE_SIZE, self.page_size)? {
            options = options.with_page_size(rows.value);
        }
        Ok(options)
    }
}

/// The export itself. `counted` is set once the server has said how many rows there are.
async fn fetch(
    args: &ExportArgs,
    output: OutputArgs,
    target: &Target,
    query: Query,
    how: &How,
    outputs: &Outputs,
    counted: &Arc<AtomicBool>,
) -> Result<Report> {
    let layer = target.open().await?;
    let progress = Arc::new(Progress::new(output, &layer.info().name));
    let watching = Arc::clone(&progress);
    let counting = Arc::clone(counted);
    let export = LayerExport::new(layer)
        .with_query(query)
        .with_fetch(how.fetch.clone())
        .with_writer(how.writer.clone())
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
