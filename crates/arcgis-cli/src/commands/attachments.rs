//! The attachments of the rows that were exported.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arcgis_rest::export::{AttachmentExport, AttachmentReport, Folder};
use arcgis_rest::layer::{Layer, Query};

use crate::args::OutputArgs;
use crate::exit::{Exit, Failure, note};
use crate::facts::{Facts, bytes, count, counted};
use crate::folder_place;
use crate::spelling;
use crate::verdict::judge;

/// Problems that are told one by one.
const MOST_TOLD: usize = 5;

/// Where they go, if they are wanted.
pub(super) fn place(given: Option<&Path>) -> Result<Option<Arc<dyn Folder>>> {
    let place = given.map(|to| folder_place::folder("--attachments", to));
    place.transpose()
}

/// Refuses a layer whose rows have none, and a bucket that takes none, before any row is asked for.
pub(super) async fn check(layer: &Layer, folder: &Arc<dyn Folder>) -> Result<()> {
    let info = layer.info();
    if !info.has_attachments {
        return Err(Failure::usage("--attachments: the layer's rows have none").into());
    }
    if info.object_id_field.is_none() {
        let problem = "--attachments: the layer's rows have no object ids to ask for them by";
        return Err(Failure::usage(problem).into());
    }
    if folder.local_path("").is_none() {
        let folder = Arc::clone(folder);
        tokio::task::spawn_blocking(move || folder.open())
            .await
            .context("the folder was not tried")??;
    }
    Ok(())
}

/// Gets them. The rows are in their place by then, and an error says so.
pub(super) async fn get(
    layer: Layer,
    query: Query,
    folder: Arc<dyn Folder>,
    output: OutputArgs,
) -> Result<AttachmentReport> {
    let export = AttachmentExport::new(layer).with_query(query);
    let got = export.into_folder(folder).await.map_err(|error| {
        let error = anyhow::Error::from(error);
        let (exit, hint) = judge(&error);
        let problem = format!(
            "the rows are whole and in their place, and their attachments are not: {}",
            spelling::message(&error)
        );
        let failure = Failure::new(exit, problem);
        match hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    })?;
    for problem in got.problems.iter().take(MOST_TOLD) {
        note(problem);
    }
    if !output.quiet {
        let mut facts = Facts::default();
        let mut files = counted(got.files, "file");
        if got.kept > 0 {
            files.push_str(&format!(", {} of them there before", count(got.kept)));
        }
        facts.add(
            "Attachments",
            format!("{files}, {} → {}", bytes(got.bytes), got.folder),
        );
        // Nobody is left to tell that standard error is closed.
        let _ = facts.write(&mut anstream::stderr().lock());
    }
    Ok(got)
}

/// Fails if some of them are missing.
pub(super) fn verdict(got: &AttachmentReport, printed: bool) -> Result<()> {
    if got.failed == 0 {
        return Ok(());
    }
    let problem = format!(
        "{} could not be had; the rows are whole and in their place",
        counted(got.failed, "attachment")
    );
    let failure = Failure::new(Exit::Service, problem)
        .with_hint("attachments.jsonl says which; the same command with --overwrite gets those that are missing");
    Err(match printed {
        true => failure.within_result(),
        false => failure,
    }
    .into())
}
