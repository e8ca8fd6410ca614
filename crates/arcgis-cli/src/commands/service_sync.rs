//! `arcgis sync` of a folder with the layers of a service.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::Result;
use arcgis_rest::export::{Folder, ServiceSync, WriterOptions};
use arcgis_rest::layer::{FetchOptions, Query};

use super::outcome::{Done, Verb, facts, said, verdict};
use crate::args::{OutputArgs, SyncArgs};
use crate::exit::one_line;
use crate::facts::{bytes, count, counted, time};
use crate::service_progress::ServiceProgress;
use crate::target::Target;

/// What is to be brought up to date.
pub(super) struct WholeFolder<'a> {
    pub(super) args: &'a SyncArgs,
    pub(super) output: OutputArgs,
    pub(super) target: &'a Target,
    pub(super) folder: Arc<dyn Folder>,
    pub(super) attachments: Option<Arc<dyn Folder>>,
    /// The query, if one is given again.
    pub(super) query: Option<Query>,
    pub(super) fetch: FetchOptions,
    pub(super) sorting: WriterOptions,
}

impl WholeFolder<'_> {
    pub(super) async fn run(self) -> Result<()> {
        let (args, output) = (self.args, self.output);
        let mut sync = ServiceSync::new(self.target.transport(), self.target.address.clone())
            .with_fetch(self.fetch)
            .with_sorting(self.sorting)
            .with_full(args.full)
            .with_stac(args.service.stac)
            .with_fail_on_drift(args.fail_on_drift);
        if args.service.selects() {
            sync = sync.with_selection(args.service.selection());
        }
        if let Some(layers) = args.service.layers_at_once {
            sync = sync.with_layers_at_once(layers);
        }
        if let Some(margin) = args.margin {
            sync = sync.with_margin(margin);
        }
        if let Some(query) = self.query {
            sync = sync.with_query(query);
        }
        if let Some(folder) = self.attachments {
            sync = sync.with_attachments_in(folder);
        }
        let started = std::time::Instant::now();
        let progress = Arc::new(ServiceProgress::new(output, "bring up to date"));
        let watching = Arc::clone(&progress);
        let result = sync
            .with_observer(move |event| watching.observe(event))
            .of(Arc::clone(&self.folder))
            .await;
        // The bar leaves the screen before anything else is said.
        drop(progress);
        let done = Done::from(result?);
        done.note();
        let stats = self.target.client.stats();
        if !output.quiet {
            let mut facts = facts(&done);
            facts.add("Requests", count(stats.requests));
            facts.add("Received", bytes(stats.bytes));
            facts.add("Time", time(started.elapsed()));
            // Nobody is left to tell that standard error is closed.
            let _ = facts.write(&mut anstream::stderr().lock());
        }
        let verdict = verdict(&done, Verb::Sync, output.json);
        let mut out = anstream::stdout().lock();
        if output.json {
            let said = said(&done, self.folder.name(), stats.into());
            writeln!(out, "{said:#}")?;
        } else if !output.quiet && verdict.is_ok() {
            let ([added, changed, deleted], layers) = done.changes();
            let line = format!(
                "{} added, {} changed, {} deleted in {layers} of {}: {}",
                counted(added, "row"),
                count(changed),
                count(deleted),
                counted(done.wanted(), "layer"),
                self.folder.name()
            );
            writeln!(out, "{}", one_line(&line))?;
        }
        out.flush()?;
        verdict
    }
}
