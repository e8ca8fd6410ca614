//! `arcgis export`: a layer into a file.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use arcgis_rest::export::{
    ExportEvent, FileFormat, Folder, LayerExport, Report, Resume, RowOrder, WriterOptions,
};
use arcgis_rest::layer::{FetchOptions, Layer, Query, ResourceAddress};

use super::attachments;
use super::service::Whole;
use crate::args::{ColumnArgs, ExportArgs, FetchArgs, FilterArgs, OutSr, OutputArgs};
use crate::connection::bare;
use crate::exit::{Failure, note};
use crate::facts::counted;
use crate::folder_place;
use crate::output::{Kept, Outputs, Said};
use crate::pasted::Pasted;
use crate::place::{STANDARD_OUTPUT, Way, address, shown, waits_here};
use crate::progress::{Progress, above};
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
    let (folder, partitions) = (args.folder(), args.partition.partitions());
    let attachments = attachments::place(args.attachments.as_deref())?;
    let format = match &args.out {
        Some(out) if folder.is_none() || partitions.is_some() => {
            Outputs::check_names(out, &args.file, output)?
        }
        _ => args.file.format.written_as.unwrap_or_default(),
    };
    check_partitions(args, format)?;
    columns.check_format(format)?;
    let concurrency = args.fetch.pace.concurrency(settings)?;
    let target = Target::new(
        &args.layer,
        &args.connection,
        &args.credentials,
        Some(concurrency),
        settings,
    )
    .await?
    .with_shown_requests(args.requests.show_requests)
    .with_whole("arcgis export <service> <folder>/");
    if let (Some(option), false) = (
        args.partition.given(),
        matches!(target.address, ResourceAddress::Layer(_)),
    ) {
        return Err(Failure::usage(format!(
            "{option}: it cuts the rows of one layer into files, and {} is no layer",
            target.address
        ))
        .with_hint(
            "arcgis info <url> lists the layers of a service; each is exported by itself then",
        )
        .into());
    }
    let is_whole = !matches!(target.address, ResourceAddress::Layer(_))
        && (folder.is_some() || (args.plan && args.out.is_none()));
    if let Some(option) = args.service.first_given().filter(|_| !is_whole) {
        return Err(Failure::usage(format!(
            "{option}: it is for all layers of a service, a folder or a server, into a folder"
        ))
        .with_hint("arcgis export <service> <folder>/")
        .into());
    }
    if !is_whole {
        target.check_layer()?;
    }
    let how = How {
        fetch: args.fetch.options(settings)?,
        writer: args.fetch.spilling(
            args.file.writer(settings, format, args.out.as_deref())?,
            args.out.as_deref().is_some_and(waits_here),
            settings,
        )?,
        resume: args.fetch.resume(settings)?,
    };
    if is_whole {
        let whole = Whole {
            args,
            folder: folder
                .map(|to| folder_place::folder("OUT", to))
                .transpose()?,
            attachments,
            output,
            target: &target,
            query,
            how,
            format,
        };
        return whole.run().await;
    }
    match &args.out {
        Some(out) if !args.plan => {
            let job = Job {
                args,
                output,
                settings,
                target: &target,
                query,
                how: &how,
                attachments,
                seen: Arc::default(),
            };
            job.run(out, &filter, &columns).await
        }
        _ => plan(output, &target, query, &how)
            .await
            .map_err(|error| asked(&filter, &columns).explain(error, false)),
    }
}

/// Several files go into a folder, on this machine or in a bucket, and are GeoParquet.
fn check_partitions(args: &ExportArgs, format: FileFormat) -> Result<()> {
    let Some(option) = args.partition.given() else {
        return match args.partition.limit() {
            None => Ok(()),
            Some(limit) => Err(Failure::usage(format!(
                "{limit}: it is for the files of --partition-by or --partition spatial"
            ))
            .into()),
        };
    };
    let fits = |out: &Path| match address(out) {
        Some(address) => folder_place::is_bucket(address),
        None => out != Path::new(STANDARD_OUTPUT),
    };
    if !args.out.as_deref().is_none_or(fits) {
        let places = if cfg!(feature = "cloud") {
            "give a folder on this machine, s3://bucket/path/, gs://bucket/path/ or az://container/path/"
        } else {
            "give a folder on this machine: this arcgis was built without the feature cloud"
        };
        return Err(Failure::usage(format!(
            "{option}: the files go into a folder, and {} is none",
            shown(args.out.as_deref().unwrap_or(Path::new(STANDARD_OUTPUT)))
        ))
        .with_hint(places)
        .into());
    }
    if format != FileFormat::GeoParquet {
        return Err(
            Failure::usage(format!("{option}: the files are GeoParquet, not {format}")).into(),
        );
    }
    Ok(())
}

/// Shows what would be done.
async fn plan(output: OutputArgs, target: &Target, query: Query, how: &How) -> Result<()> {
    let layer = target.open().await?;
    let plan = LayerExport::new(layer)
        .with_query(query)
        .with_fetch(how.fetch.clone())
        .plan()
        .await?;
    let text = if output.json {
        serde_json::to_string_pretty(&plan.summary())?
    } else {
        plan.to_string()
    };
    let mut out = std::io::stdout().lock();
    // What a service says must not steer the terminal.
    for line in text.lines() {
        writeln!(out, "{}", clean(line))?;
    }
    Ok(out.flush()?)
}

fn clean(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).collect()
}

fn asked<'a>(filter: &'a FilterArgs, columns: &'a ColumnArgs) -> Asked<'a> {
    Asked {
        filter,
        columns: Some(columns),
    }
}

/// How rows are fetched and written.
#[derive(Clone)]
pub(super) struct How {
    pub(super) fetch: FetchOptions,
    pub(super) writer: WriterOptions,
    pub(super) resume: Option<Resume>,
}

impl FetchArgs {
    fn options(&self, settings: &Settings) -> Result<FetchOptions> {
        let options = self.pace.options(settings)?;
        let options = options
            .with_format(settings.get(&key::FORMAT, self.format)?.value)
            .with_allow_skips(self.allow_skips)
            .with_snapshot(!self.no_snapshot);
        Ok(match self.strategy {
            Some(strategy) => options.with_strategy(strategy),
            None => options,
        })
    }

    /// The same with the folder for rows that are sorted on disk, and for a file that waits to be sent.
    fn spilling(
        &self,
        writer: WriterOptions,
        file_waits: bool,
        settings: &Settings,
    ) -> Result<WriterOptions> {
        let sorts = writer.order.is_none_or(|order| order == RowOrder::Hilbert);
        if self.spill.is_some() && !sorts && !self.resume && !file_waits {
            return Err(Failure::usage(
                "--spill: nothing is kept there without --resume where rows are not sorted",
            )
            .into());
        }
        Ok(match settings.find(&key::SPILL, self.spill.clone())? {
            Some(folder) => writer.with_sort_folder(folder.value),
            None => writer,
        })
    }

    fn resume(&self, settings: &Settings) -> Result<Option<Resume>> {
        if !self.resume {
            return Ok(None);
        }
        let folder = settings.find(&key::SPILL, self.spill.clone())?;
        Ok(Some(match folder {
            Some(folder) => Resume::in_folder(folder.value),
            None => Resume::new(),
        }))
    }
}

/// What has been seen of an export.
#[derive(Debug, Default)]
struct Seen {
    /// The server has said how many rows there are.
    counted: AtomicBool,
    kept: Mutex<Option<Kept>>,
}

/// The export itself.
struct Job<'a> {
    args: &'a ExportArgs,
    output: OutputArgs,
    settings: &'a Settings,
    target: &'a Target,
    query: Query,
    how: &'a How,
    attachments: Option<Arc<dyn Folder>>,
    seen: Arc<Seen>,
}

impl Job<'_> {
    async fn run(self, out: &Path, filter: &FilterArgs, columns: &ColumnArgs) -> Result<()> {
        let (output, target) = (self.output, self.target);
        let seen = Arc::clone(&self.seen);
        let connection = Some(&self.args.connection);
        let way = Way {
            client: &|url| bare(connection, self.settings, url),
            folder: self.how.writer.sort_folder.as_deref(),
        };
        let outputs = match self.args.partition.partitions() {
            Some(_) => Outputs::check_folder(out, &self.args.file).await?,
            None => Outputs::check(out, &self.args.file, way).await?,
        };
        let (query, folder) = (self.query.clone(), self.attachments.clone());
        let result = self.fetch(&outputs).await;
        let stats = target.client.stats();
        let (report, layer) = match result {
            Ok(done) => done,
            Err(error) => {
                let counted = seen.counted.load(Ordering::Relaxed);
                let error = asked(filter, columns).explain(error, counted);
                let source = target.address.to_string();
                let kept = seen.kept.lock().unwrap_or_else(PoisonError::into_inner);
                outputs.write_failure(&error, &source, Some(stats.into()), kept.as_ref());
                return Err(error);
            }
        };
        if !output.quiet {
            summary::print(&report, Some(stats));
        }
        let got = match folder {
            Some(folder) => Some(attachments::get(layer, query, folder, output).await?),
            None => None,
        };
        let said = Said {
            report: &report,
            attachments: got.as_ref(),
            client: Some(target.client.stats().into()),
        };
        outputs.write_report(&said)?;
        if output.json {
            said.print()?;
        }
        match &got {
            Some(got) => attachments::verdict(got, output.json),
            None => Ok(()),
        }
    }

    async fn fetch(self, outputs: &Outputs) -> Result<(Report, Layer)> {
        let layer = self.target.open().await?;
        if let Some(folder) = &self.attachments {
            attachments::check(&layer, folder).await?;
        }
        let opened = layer.clone();
        let progress = Arc::new(Progress::new(self.output, &layer.info().name));
        let (watching, seen) = (Arc::clone(&progress), self.seen);
        let mut export = LayerExport::new(layer)
            .with_query(self.query)
            .with_fetch(self.how.fetch.clone())
            .with_writer(self.how.writer.clone())
            .with_columns(self.args.file.types.options())
            .with_format(outputs.format)
            .with_lenient(self.args.file.lenient)
            .with_own_coordinates(self.args.columns.out_sr == Some(OutSr::Native))
            .with_fail_on_drift(self.args.fail_on_drift)
            .with_observer(move |event| {
                seen.observe(event);
                watching.observe(event);
            });
        if let Some(resume) = &self.how.resume {
            export = export.with_resume(resume.clone());
        }
        if let Some(partitions) = self.args.partition.partitions() {
            export = export.with_partitions(partitions);
        }
        let result = progress.over(export.to(outputs.place.clone())).await;
        // The bar leaves the screen before anything else is said.
        drop(progress);
        Ok((result?, opened))
    }
}

impl Seen {
    fn observe(&self, event: &ExportEvent) {
        match event {
            ExportEvent::Planned { .. } => self.counted.store(true, Ordering::Relaxed),
            ExportEvent::Kept { folder, rows } => {
                let rows = *rows;
                // Said here: an export that is given up has nobody else to say it.
                above(|| {
                    note(&format!(
                        "{} are kept in {}: the same command goes on behind them",
                        counted(rows, "row"),
                        folder.display()
                    ));
                });
                let folder = folder.display().to_string();
                *self.kept.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(Kept { folder, rows });
            }
            _ => {}
        }
    }
}
