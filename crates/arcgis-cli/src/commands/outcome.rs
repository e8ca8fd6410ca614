//! What came of all layers of a service, for people and as JSON, and the exit code of the worst.

use anyhow::Result;
use arcgis_rest::export::{
    LayerOutcome, LayerStatus, Pattern, Report, ServiceIndex, ServiceReport, SyncReport,
};
use serde_json::{Map, Value, json};

use crate::exit::{Ending, Exit, Failure, note, one_line};
use crate::facts::{Facts, bytes, count, counted};
use crate::output::Sent;
use crate::verdict::judge;

/// What was done with layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Export,
    Sync,
}

/// What came of an export, with errors that their causes can be told of.
pub(super) struct Done {
    pub(super) index: ServiceIndex,
    came: Vec<Came>,
    idle: Vec<Pattern>,
}

/// What came of a layer.
pub(super) enum Came {
    Exported(Box<Report>),
    Kept,
    Synced(Box<SyncReport>),
    Gone,
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
                    LayerOutcome::Synced(report) => Came::Synced(report),
                    LayerOutcome::Gone => Came::Gone,
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

    /// Rows added, changed and deleted, and in how many layers.
    pub(super) fn changes(&self) -> ([u64; 3], u64) {
        let (mut rows, mut layers) = ([0; 3], 0);
        for came in &self.came {
            let changed = match came {
                Came::Synced(report) if report.written => {
                    [report.added_rows, report.changed_rows, report.deleted_rows]
                }
                Came::Exported(report) => [report.rows, 0, 0],
                _ => continue,
            };
            layers += 1;
            for (all, more) in rows.iter_mut().zip(changed) {
                *all += more;
            }
        }
        (rows, layers)
    }

    /// Layers that were to be brought up to date or exported.
    pub(super) fn wanted(&self) -> u64 {
        self.number(|came| !matches!(came, Came::LeftOut | Came::Gone))
    }

    /// Says what was not as it was thought to be.
    pub(super) fn note(&self) {
        for pattern in &self.idle {
            note(&format!("{pattern} stands for no layer"));
        }
        for unread in &self.index.unread {
            note(&format!(
                "{} could not be read: {}",
                unread.url, unread.problem
            ));
        }
        for layer in self.index.of_status(LayerStatus::Gone) {
            note(&format!(
                "{}/{} is gone from the service; its file stays: {}",
                layer.service,
                layer.name,
                layer.file.as_deref().unwrap_or_default()
            ));
        }
    }

    fn number(&self, of_kind: fn(&Came) -> bool) -> u64 {
        self.came.iter().filter(|came| of_kind(came)).count() as u64
    }
}

pub(super) fn facts(done: &Done) -> Facts {
    let mut facts = Facts::default();
    let mut layers = Vec::new();
    for (number, what) in [
        (
            done.number(|came| matches!(came, Came::Exported(_))),
            "exported",
        ),
        (
            done.number(|came| matches!(came, Came::Synced(report) if report.written)),
            "brought up to date",
        ),
        (done.number(is_unchanged), "unchanged"),
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
        (done.number(|came| matches!(came, Came::Gone)), "gone"),
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

fn is_unchanged(came: &Came) -> bool {
    match came {
        Came::Kept => true,
        Came::Synced(report) => !report.written,
        _ => false,
    }
}

/// The index with the report or the error of each layer.
pub(super) fn said(done: &Done, folder: String, client: Sent) -> Value {
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
            Came::Synced(report) => ("sync", json!(report)),
            _ => continue,
        };
        layer.insert(name.to_owned(), value);
    }
    let more = Map::from_iter([
        ("output".to_owned(), json!(folder)),
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

pub(super) fn verdict(done: &Done, verb: Verb, printed: bool) -> Result<()> {
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
            "{} could not be {} ({names})",
            counted(failed, "layer"),
            match verb {
                Verb::Export => "exported",
                Verb::Sync => "brought up to date",
            }
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
    .with_hint(match verb {
        Verb::Export => "index.json says why; the same command with --resume does what is left",
        Verb::Sync => "index.json says why; files of layers that failed are as they were",
    });
    if printed {
        failure = failure.within_result();
    }
    Err(failure.into())
}
