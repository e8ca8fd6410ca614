//! `arcgis export` of all layers of a service, a folder of services or a server.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::Result;
use arcgis_rest::export::{FileFormat, Folder, PlannedAction, ServiceExport, ServicePlan};
use arcgis_rest::layer::Query;

use super::export::How;
use super::outcome::{Done, Verb, facts, said, verdict};
use crate::args::{ExportArgs, OutSr, OutputArgs};
use crate::exit::{Exit, Failure, note};
use crate::facts::{bytes, count, counted, time};
use crate::listing::Listing;
use crate::output::PendingReport;
use crate::service_progress::ServiceProgress;
use crate::target::Target;

/// What is to be done with a service.
pub(super) struct Whole<'a> {
    pub(super) args: &'a ExportArgs,
    pub(super) folder: Option<Arc<dyn Folder>>,
    pub(super) attachments: Option<Arc<dyn Folder>>,
    pub(super) output: OutputArgs,
    pub(super) target: &'a Target,
    pub(super) query: Query,
    pub(super) how: How,
    pub(super) format: FileFormat,
}

impl Whole<'_> {
    pub(super) async fn run(self) -> Result<()> {
        if !self.args.filter.object_ids.is_empty() {
            let problem = "--object-ids: they are those of one layer, and this is a whole service";
            return Err(Failure::usage(problem).into());
        }
        let export = self.export();
        match &self.folder {
            Some(folder) if !self.args.plan => {
                let folder = Arc::clone(folder);
                self.carry_out(export, folder).await
            }
            _ => self.plan(export).await,
        }
    }

    fn export(&self) -> ServiceExport {
        let (args, how) = (self.args, self.how.clone());
        let mut export = ServiceExport::new(self.target.transport(), self.target.address.clone())
            .with_selection(args.service.selection())
            .with_format(self.format)
            .with_overwrite(args.file.overwrite)
            .with_stac(args.service.stac);
        if let Some(layers) = args.service.layers_at_once {
            export = export.with_layers_at_once(layers);
        }
        if let Some(folder) = &self.attachments {
            export = export.with_attachments_in(Arc::clone(folder));
        }
        if let Some(resume) = &how.resume {
            export = export.with_resume(resume.clone());
        }
        let (query, columns) = (self.query.clone(), args.file.types.options());
        let (lenient, fail_on_drift) = (args.file.lenient, args.fail_on_drift);
        let own_coordinates = args.columns.out_sr == Some(OutSr::Native);
        export.with_each_layer(move |export| {
            export
                .with_query(query.clone())
                .with_fetch(how.fetch.clone())
                .with_writer(how.writer.clone())
                .with_columns(columns)
                .with_lenient(lenient)
                .with_own_coordinates(own_coordinates)
                .with_fail_on_drift(fail_on_drift)
        })
    }

    async fn plan(self, export: ServiceExport) -> Result<()> {
        let plan = export.plan(self.folder).await?;
        let mut out = anstream::stdout().lock();
        if self.output.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&plan)?)?;
        } else {
            listing(&plan).write(&mut out)?;
            writeln!(
                out,
                "\n{} in {}, about {}",
                counted(plan.rows(), "row"),
                counted(of_action(&plan, PlannedAction::Export), "layer"),
                counted(plan.requests(), "request")
            )?;
        }
        out.flush()?;
        for pattern in &plan.idle {
            note(&format!("{pattern} stands for no layer"));
        }
        for unread in &plan.unread {
            note(&format!(
                "{} could not be read: {}",
                unread.url, unread.problem
            ));
        }
        let failed = of_action(&plan, PlannedAction::Fail) + plan.unread.len() as u64;
        if failed > 0 {
            let problem = format!("{} cannot be exported", counted(failed, "layer or service"));
            return Err(Failure::new(Exit::Service, problem).within_result().into());
        }
        Ok(())
    }

    async fn carry_out(self, export: ServiceExport, folder: Arc<dyn Folder>) -> Result<()> {
        let report = PendingReport::of(&self.args.file)?;
        let started = std::time::Instant::now();
        let progress = Arc::new(ServiceProgress::new(self.output, "export"));
        let watching = Arc::clone(&progress);
        let result = export
            .with_observer(move |event| watching.observe(event))
            .to(Arc::clone(&folder))
            .await;
        // The bar leaves the screen before anything else is said.
        drop(progress);
        let stats = self.target.client.stats();
        let done = match result {
            Ok(report) => Done::from(report),
            Err(error) => {
                let error = anyhow::Error::from(error);
                if let Some(report) = report {
                    let source = self.target.address.to_string();
                    report.write_failure(&error, &source, Some(stats.into()), None);
                }
                return Err(error);
            }
        };
        done.note();
        if !self.output.quiet {
            let mut facts = facts(&done);
            facts.add("Requests", count(stats.requests));
            facts.add("Received", bytes(stats.bytes));
            facts.add("Time", time(started.elapsed()));
            let mut out = anstream::stderr().lock();
            // Nobody is left to tell that standard error is closed.
            let _ = facts.write(&mut out);
        }
        let said = said(&done, folder.name(), stats.into());
        if let Some(report) = report {
            report.write(&said)?;
        }
        if self.output.json {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{said:#}")?;
            out.flush()?;
        }
        verdict(&done, Verb::Export, self.output.json)
    }
}

fn of_action(plan: &ServicePlan, action: PlannedAction) -> u64 {
    let of_it = plan.layers.iter().filter(|layer| layer.action == action);
    of_it.count() as u64
}

fn listing(plan: &ServicePlan) -> Listing {
    let head = [
        "Service",
        "Id",
        "Name",
        "Action",
        "Rows",
        "Requests",
        "How",
        "File or problem",
    ];
    let mut table = Listing::new(head.map(str::to_owned).into());
    for layer in &plan.layers {
        let action = match layer.action {
            PlannedAction::Export => "export",
            PlannedAction::Keep => "keep",
            PlannedAction::Skip => "leave out",
            _ => "fail",
        };
        let (rows, requests, how) = match &layer.plan {
            Some(plan) => (
                plan.rows.to_string(),
                plan.expected_requests.to_string(),
                format!("{}, {}", plan.strategy, plan.format),
            ),
            None => Default::default(),
        };
        let last = layer.problem.as_ref().or(layer.file.as_ref());
        let mut last = last.cloned().unwrap_or_default();
        if let Some(other) = &layer.related_to {
            last = format!("{last} (related to {other})");
        }
        table.row(vec![
            layer.service.clone(),
            layer.id.to_string(),
            layer.name.clone(),
            action.to_owned(),
            rows,
            requests,
            how,
            last,
        ]);
    }
    table
}
