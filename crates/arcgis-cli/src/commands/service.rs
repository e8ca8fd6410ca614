//! `arcgis export` of all layers of a service, a folder of services or a server.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arcgis_rest::export::{
    FileFormat, Folder, LayerOutcome, LayerStatus, LocalFolder, Pattern, PlannedAction, Report,
    ServiceExport, ServiceIndex, ServicePlan, ServiceReport,
};
use arcgis_rest::layer::Query;
use serde_json::{Map, Value, json};

use super::export::How;
use crate::args::{ExportArgs, OutSr, OutputArgs};
use crate::exit::{Ending, Exit, Failure, note, one_line};
use crate::facts::{Facts, bytes, count, counted, time};
use crate::listing::Listing;
use crate::output::{PendingReport, Sent};
use crate::service_progress::ServiceProgress;
use crate::target::Target;
use crate::verdict::judge;

/// What is to be done with a service.
pub(super) struct Whole<'a> {
    pub(super) args: &'a ExportArgs,
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
        let folder = self.args.out.as_deref();
        match folder {
            Some(folder) if !self.args.plan => self.carry_out(export, folder).await,
            _ => self.plan(export, folder).await,
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
        if let Some(folder) = &args.attachments {
            export = export.with_attachments(folder);
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

    async fn plan(self, export: ServiceExport, folder: Option<&Path>) -> Result<()> {
        let folder = folder.map(|path| Arc::new(LocalFolder::new(path)) as Arc<dyn Folder>);
        let plan = export.plan(folder).await?;
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

    async fn carry_out(self, export: ServiceExport, folder: &Path) -> Result<()> {
        let report = PendingReport::of(&self.args.file)?;
        let started = std::time::Instant::now();
        let progress = Arc::new(ServiceProgress::new(self.output));
        let watching = Arc::clone(&progress);
        let result = export
            .with_observer(move |event| watching.observe(event))
            .to(LocalFolder::new(folder))
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
        for pattern in &done.idle {
            note(&format!("{pattern} stands for no layer"));
        }
        for unread in &done.index.unread {
            note(&format!(
                "{} could not be read: {}",
                unread.url, unread.problem
            ));
        }
        if !self.output.quiet {
            let mut facts = facts(&done);
            facts.add("Requests", count(stats.requests));
            facts.add("Received", bytes(stats.bytes));
            facts.add("Time", time(started.elapsed()));
            let mut out = anstream::stderr().lock();
            // Nobody is left to tell that standard error is closed.
            let _ = facts.write(&mut out);
        }
        let said = said(&done, folder, stats.into());
        if let Some(report) = report {
            report.write(&said)?;
        }
        if self.output.json {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{said:#}")?;
            out.flush()?;
        }
        verdict(&done, self.output.json)
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

/// What came of an export, with errors that their causes can be told of.
struct Done {
    index: ServiceIndex,
    came: Vec<Came>,
    idle: Vec<Pattern>,
}

/// What came of a layer.
enum Came {
    Exported(Box<Report>),
    Kept,
    Failed(anyhow::Error),
    NotTried,
    LeftOut,
}

impl From<ServiceReport> for Done {
    fn from(report: ServiceReport) -> Self {
        let outcomes = report.outcomes.into_iter();
        Self {
            index: report.index,
            came: outcomes
                .map(|outcome| match outcome {
                    LayerOutcome::Exported(report) => Came::Exported(report),
                    LayerOutcome::Kept => Came::Kept,
                    LayerOutcome::Failed(error) => Came::Failed(error.into()),
                    LayerOutcome::NotTried => Came::NotTried,
                    _ => Came::LeftOut,
                })
                .collect(),
            idle: report.idle,
        }
    }
}

impl Done {
    fn failures(&self) -> impl Iterator<Item = (&str, &anyhow::Error)> {
        let layers = self.index.layers.iter().zip(&self.came);
        layers.filter_map(|(layer, came)| match came {
            Came::Failed(error) => Some((&*layer.name, error)),
            _ => None,
        })
    }

    fn number(&self, of_kind: fn(&Came) -> bool) -> u64 {
        self.came.iter().filter(|came| of_kind(came)).count() as u64
    }
}

fn facts(done: &Done) -> Facts {
    let mut facts = Facts::default();
    let mut layers = Vec::new();
    for (number, what) in [
        (
            done.number(|came| matches!(came, Came::Exported(_))),
            "exported",
        ),
        (done.number(|came| matches!(came, Came::Kept)), "unchanged"),
        (
            done.number(|came| matches!(came, Came::Failed(_))),
            "failed",
        ),
        (
            done.number(|came| matches!(came, Came::NotTried)),
            "not tried",
        ),
        (
            done.number(|came| matches!(came, Came::LeftOut)),
            "left out",
        ),
    ] {
        if number > 0 {
            layers.push(format!("{} {what}", count(number)));
        }
    }
    facts.add("Layers", layers.join(", "));
    let there: Vec<_> = done.index.of_status(LayerStatus::Done).collect();
    facts.add(
        "Rows",
        count(there.iter().filter_map(|layer| layer.rows).sum()),
    );
    let attachments = there.iter().filter_map(|layer| layer.attachments.as_ref());
    let files: u64 = attachments.map(|attachments| attachments.files).sum();
    if files > 0 {
        facts.add("Attachments", count(files));
    }
    facts.add(
        "Files",
        bytes(there.iter().filter_map(|layer| layer.bytes).sum()),
    );
    facts
}

/// The index with the report or the error of each layer.
fn said(done: &Done, folder: &Path, client: Sent) -> Value {
    let mut said = json!(done.index);
    let layers = said.get_mut("layers").and_then(Value::as_array_mut);
    for (layer, came) in layers.into_iter().flatten().zip(&done.came) {
        let Some(layer) = layer.as_object_mut() else {
            continue;
        };
        let (name, value) = match came {
            Came::Exported(report) => ("report", json!(report)),
            Came::Failed(error) => ("error", json!(Ending::of(error))),
            Came::Kept => ("kept", json!(true)),
            _ => continue,
        };
        layer.insert(name.to_owned(), value);
    }
    let more = Map::from_iter([
        ("output".to_owned(), json!(folder.display().to_string())),
        (
            "idle".to_owned(),
            done.idle.iter().map(ToString::to_string).collect(),
        ),
        ("client".to_owned(), json!(client)),
    ]);
    if let Some(members) = said.as_object_mut() {
        members.extend(more);
    }
    said
}

/// Rows that are lost are the worst that can be, then what was not written, then what did not come.
const WORST_FIRST: [Exit; 6] = [
    Exit::Rows,
    Exit::Output,
    Exit::Service,
    Exit::Access,
    Exit::Usage,
    Exit::Other,
];

fn verdict(done: &Done, printed: bool) -> Result<()> {
    let mut codes: Vec<Exit> = done.failures().map(|(_, error)| judge(error).0).collect();
    let failed = codes.len() as u64;
    let unread = done.index.unread.len() as u64;
    codes.extend((unread > 0).then_some(Exit::Service));
    let Some(worst) = WORST_FIRST.into_iter().find(|code| codes.contains(code)) else {
        return Ok(());
    };
    let mut what = Vec::new();
    if failed > 0 {
        let mut names: Vec<&str> = done.failures().map(|(name, _)| name).collect();
        let more = names.len().saturating_sub(5);
        names.truncate(5);
        let mut names = names.join(", ");
        if more > 0 {
            names.push_str(&format!(" and {more} more"));
        }
        what.push(format!(
            "{} could not be exported ({names})",
            counted(failed, "layer")
        ));
    }
    if unread > 0 {
        what.push(format!(
            "{} could not be read",
            counted(unread, "service or folder")
        ));
    }
    let left = done.number(|came| matches!(came, Came::NotTried));
    if left > 0 {
        what.push(format!("{} had no turn", counted(left, "layer")));
    }
    let mut failure = Failure::new(
        worst,
        one_line(&format!("{}; all else is in its place", what.join(", "))),
    )
    .with_hint("index.json says why; the same command with --resume does what is left");
    if printed {
        failure = failure.within_result();
    }
    Err(failure.into())
}
