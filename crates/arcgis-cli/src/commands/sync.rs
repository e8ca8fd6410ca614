//! `arcgis sync`: an earlier export brought up to date.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
#[cfg(feature = "cloud")]
use arcgis_rest::export::StoredObject;
use arcgis_rest::export::{Sync, SyncPlace, SyncReport, WriterOptions};
use arcgis_rest::layer::{FetchOptions, Query, ResourceAddress};
use serde::Serialize;

use super::attachments;
use super::service_sync::WholeFolder;
use crate::args::{OutputArgs, SyncArgs, SyncFetchArgs};
use crate::exit::{Failure, one_line};
use crate::facts::counted;
use crate::folder_place::{self, is_folder};
use crate::output::Sent;
use crate::pasted::Pasted;
use crate::place::{address, shown};
use crate::progress::Progress;
use crate::refusal::Asked;
use crate::settings::{Settings, key};
use crate::target::Target;

pub(crate) async fn run(
    args: &SyncArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    let (mut filter, mut columns) = (args.filter.clone(), args.columns.clone());
    Pasted::of(&args.layer).into_export(&mut filter, &mut columns, output.quiet)?;
    let query = columns.shape(filter.query()?);
    let folder = Some(&*args.file).filter(|file| is_folder(file));
    let folder = folder.map(|to| folder_place::folder("FOLDER", to));
    let folder = folder.transpose()?;
    let attachments = attachments::place(args.attachments.as_deref())?;
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
    .with_whole("arcgis sync <service> <folder>/");
    if target.is_demo() {
        return Err(Failure::usage(
            "the demo service ends with the command: nobody edits it, and what it exported has another source",
        )
        .with_hint("arcgis serve keeps one running: export and sync from the address that it prints")
        .into());
    }
    let is_layer = matches!(target.address, ResourceAddress::Layer(_));
    let folder = folder.filter(|_| !is_layer);
    let given = args.service.first_given();
    let given = given.or(args.attachments.is_some().then_some("--attachments"));
    if let Some(option) = given.filter(|_| folder.is_none()) {
        return Err(Failure::usage(format!(
            "{option}: it is for a folder with all layers of a service, a folder or a server"
        ))
        .with_hint("arcgis sync <service> <folder>/")
        .into());
    }
    let (fetch, sorting) = (args.fetch.options(settings)?, args.fetch.sorting(settings)?);
    if let Some(folder) = folder {
        let whole = WholeFolder {
            args,
            output,
            target: &target,
            folder,
            attachments,
            // Without any the query is the files' own.
            query: Some(query).filter(|query| *query != Query::new()),
            fetch,
            sorting,
        };
        return whole.run().await;
    }
    target.check_layer()?;
    let place = place(&args.file)?;
    let layer = target.open().await?;
    let progress = Arc::new(Progress::new(output, &layer.info().name));
    let watching = Arc::clone(&progress);
    let mut sync = Sync::new(layer, place)
        .with_fetch(fetch)
        .with_sorting(sorting)
        .with_full(args.full)
        .with_fail_on_drift(args.fail_on_drift)
        .with_observer(move |event| watching.observe(event));
    if let Some(margin) = args.margin {
        sync = sync.with_margin(margin);
    }
    // Without any the query is the file's own.
    if query != Query::new() {
        sync = sync.with_query(query);
    }
    let result = progress.over(sync.run()).await;
    // The bar leaves the screen before anything else is said.
    drop(progress);
    let report = result.map_err(|error| {
        let asked = Asked {
            filter: &filter,
            columns: Some(&columns),
        };
        asked.explain(error.into(), false)
    })?;
    let client = target.client.stats().into();
    print(
        &Said {
            report: &report,
            client,
        },
        output,
    )
}

/// The file, or the folder of a dataset in several files, that an argument names. Nothing is sent.
fn place(file: &Path) -> Result<SyncPlace> {
    let Some(address) = address(file) else {
        if file.join("index.json").is_file() && !file.join("_index.json").exists() {
            let file = file.display();
            return Err(
                Failure::usage(format!("{file} is a folder with the layers of a service"))
                    .with_hint(format!("arcgis sync <service> {file}"))
                    .into(),
            );
        }
        return Ok(file.into());
    };
    #[cfg(feature = "cloud")]
    if is_folder(file) {
        return Ok(folder_place::stored(address)?.into());
    }
    #[cfg(feature = "cloud")]
    if StoredObject::is_address(address) {
        let object = StoredObject::at(address).map_err(|error| {
            Failure::usage(crate::spelling::message(&anyhow::Error::from(error)))
        })?;
        return Ok(object.into());
    }
    let shown = shown(Path::new(address));
    Err(
        Failure::usage(format!("{shown}: nothing is brought up to date there"))
            .with_hint(if cfg!(feature = "cloud") {
                "give the name of a file, s3://bucket/path, gs://bucket/path or az://container/path; a / behind it stands for a dataset in several files"
            } else {
                "give the name of a file: this arcgis was built without the feature cloud"
            })
            .into(),
    )
}

impl SyncFetchArgs {
    fn options(&self, settings: &Settings) -> Result<FetchOptions> {
        let options = self.pace.options(settings)?;
        Ok(options.with_allow_skips(self.allow_skips))
    }

    fn sorting(&self, settings: &Settings) -> Result<WriterOptions> {
        let memory = settings.get(&key::MEMORY, self.memory)?;
        let options = WriterOptions::default().with_sort_memory(memory.value);
        Ok(match settings.find(&key::SPILL, self.spill.clone())? {
            Some(folder) => options.with_sort_folder(folder.value),
            None => options,
        })
    }
}

/// What is said as JSON: the report, and what the client sent.
#[derive(Debug, Serialize)]
struct Said<'a> {
    #[serde(flatten)]
    report: &'a SyncReport,
    client: Sent,
}

fn print(said: &Said<'_>, output: OutputArgs) -> Result<()> {
    let mut out = anstream::stdout().lock();
    if output.json {
        writeln!(out, "{}", serde_json::to_string_pretty(said)?)?;
        return Ok(out.flush()?);
    }
    let report = said.report;
    if !output.quiet {
        let done = if report.written {
            format!(
                "{} added, {} changed, {} deleted: {} now has {}",
                counted(report.added_rows, "row"),
                report.changed_rows,
                report.deleted_rows,
                report.output,
                counted(report.rows, "row"),
            )
        } else {
            format!(
                "nothing has changed: {} is left as it is, with {}",
                report.output,
                counted(report.rows, "row"),
            )
        };
        writeln!(out, "{}", one_line(&done))?;
        let how = format!(
            "by {}, with {} fetched",
            way(report),
            counted(report.fetched_rows, "row")
        );
        writeln!(out, "{}", one_line(&how))?;
    }
    Ok(out.flush()?)
}

fn way(report: &SyncReport) -> String {
    let name = report.way.name();
    match &report.reason {
        Some(reason) if !reason.is_empty() => format!("{name} ({reason})"),
        _ => name.to_owned(),
    }
}
