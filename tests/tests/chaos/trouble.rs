//! Something that goes wrong, and what has to come of it.

use std::time::Duration;

use arcgis_layer::Strategy;
use arcgis_testkit::{Ability, Fault, Quirk};

/// What has to come of an export.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expected {
    /// The file that comes when nothing goes wrong.
    Equal,
    /// The file that comes when nothing goes wrong; or exit code 5, and the message has this. Which of both is up to the
    /// rows that the server picks for each answer.
    EqualOrCount(&'static str),
    /// The file without these rows (by their keys), which the report names if ids are listed, and counts if not.
    Drift {
        deleted: Vec<i64>,
        inserted: Vec<i64>,
    },
    /// The file, but that the value of this row (by its key) may be this one, and a report that tells of an edit.
    Edited(i64, f64),
    /// The file, but that these rows (by their keys) have this value: they were edited meanwhile and fetched again.
    Refetched(Vec<i64>, f64),
    /// The service cannot be had: exit code 4, and the message has this.
    Service(&'static str),
    /// The client is not let in any more: exit code 3.
    Access,
    /// Rows are lost or doubled: exit code 5, and these (by their ids) are named.
    Rows(Vec<i64>),
    /// Rows are lost or doubled: exit code 5, and the message has this. There are no ids to name.
    Count(&'static str),
}

impl Expected {
    /// Whether there has to be a file.
    pub(crate) fn is_a_file(&self) -> bool {
        matches!(
            self,
            Self::Equal | Self::Drift { .. } | Self::Edited(..) | Self::Refetched(..)
        )
    }
}

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) name: String,
    pub(crate) quirks: Vec<Quirk>,
    pub(crate) lacks: Vec<Ability>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) expected: Expected,
    /// Which way brings most rows, if not the one that was taken first.
    pub(crate) turns_to: Option<Strategy>,
    /// Whether nothing of it is to be seen this way, since nothing is asked for that it is about.
    pub(crate) is_silent: bool,
    /// Whether coordinates lie on another grid than without it.
    pub(crate) other_grid: bool,
    /// The client's limit for one exchange, where it matters.
    pub(crate) timeout: Option<Duration>,
    /// How often the client tries again.
    pub(crate) retries: u32,
    /// Whether one page is asked for after the other, so that it is known what came before something happens.
    pub(crate) one_by_one: bool,
    /// The longest URL that the server takes.
    pub(crate) longest_url: Option<usize>,
    /// Whether a token is needed.
    pub(crate) secured: bool,
    /// Whether the layer says which rows were edited when.
    pub(crate) tracked: bool,
    /// Whether the metadata is at another origin, where a redirect leads.
    pub(crate) moved: bool,
}

impl Trouble {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            quirks: Vec::new(),
            lacks: Vec::new(),
            faults: Vec::new(),
            expected: Expected::Equal,
            turns_to: None,
            is_silent: false,
            other_grid: false,
            timeout: None,
            retries: 6,
            one_by_one: false,
            longest_url: None,
            secured: false,
            tracked: false,
            moved: false,
        }
    }

    pub(crate) fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    pub(crate) fn quirk(mut self, quirk: Quirk) -> Self {
        self.quirks.push(quirk);
        self
    }

    pub(crate) fn tracked(mut self) -> Self {
        self.tracked = true;
        self
    }

    pub(crate) fn lacks(mut self, ability: Ability) -> Self {
        self.lacks.push(ability);
        self
    }

    pub(crate) fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    pub(crate) fn expect(mut self, expected: Expected) -> Self {
        self.expected = expected;
        self
    }

    /// Expects something else where `here` holds.
    pub(crate) fn expect_if(self, here: bool, expected: Expected) -> Self {
        if here { self.expect(expected) } else { self }
    }

    pub(crate) fn silent_if(mut self, silent: bool) -> Self {
        self.is_silent = silent;
        self
    }

    pub(crate) fn turns_if(mut self, turns: bool, strategy: Strategy) -> Self {
        if turns {
            self.turns_to = Some(strategy);
        }
        self
    }
}
