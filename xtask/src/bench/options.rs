//! What of the comparison is run.

use anyhow::{Context as _, Result, bail, ensure};

use super::contestant::CONTESTANTS;
use super::data::LAYERS;

pub(crate) const USAGE: &str = "\
  bench [<option> …]    how fast whole layers are exported, beside others; writes docs/benchmarks.md
      --rounds N            runs of each contestant, interleaved; their medians count (3)
      --data A,B            only these of points, polygons, lines, table, growth and decoding
      --only A,B            only these contestants, by the names in the table or parts of them
      --scale F             the data so many times as large, such as 0.01 to try it out (1)";

/// What was asked for.
pub(super) struct Options {
    pub(super) rounds: usize,
    pub(super) scale: f64,
    data: Vec<String>,
    only: Vec<String>,
}

/// Parts of a run that are no layers.
const PARTS: [&str; 2] = ["growth", "decoding"];

impl Options {
    pub(super) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self {
            rounds: 3,
            scale: 1.0,
            data: Vec::new(),
            only: Vec::new(),
        };
        let mut arguments = arguments.iter();
        while let Some(&name) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .with_context(|| format!("{name} needs a value"))
            };
            match name {
                "--rounds" => options.rounds = value()?.parse()?,
                "--scale" => options.scale = value()?.parse()?,
                "--data" => options.data = list(value()?),
                "--only" => options.only = list(value()?),
                _ => bail!("bench has no option {name}\n\n{USAGE}"),
            }
        }
        ensure!(options.rounds > 0, "--rounds 0 measures nothing");
        ensure!(
            options.scale > 0.0 && options.scale <= 100.0,
            "--scale is a number above 0 and up to 100"
        );
        for name in &options.data {
            let known =
                LAYERS.iter().any(|layer| layer.name == name) || PARTS.contains(&name.as_str());
            ensure!(known, "--data {name}: there is no such part\n\n{USAGE}");
        }
        for name in &options.only {
            let known = CONTESTANTS
                .iter()
                .any(|contestant| contestant.name.contains(name.as_str()));
            ensure!(
                known,
                "--only {name}: there is no such contestant\n\n{USAGE}"
            );
        }
        Ok(options)
    }

    pub(super) fn has_layer(&self, layer: &str) -> bool {
        self.data.is_empty() || self.data.iter().any(|name| name == layer)
    }

    pub(super) fn has_part(&self, part: &str) -> bool {
        self.has_layer(part) && (self.only.is_empty() || !self.data.is_empty())
    }

    pub(super) fn has_contestant(&self, contestant: &str) -> bool {
        self.only.is_empty()
            || self
                .only
                .iter()
                .any(|name| contestant.contains(name.as_str()))
    }

    /// Whether the results may stand on the page.
    pub(super) fn is_whole(&self) -> bool {
        self.data.is_empty() && self.only.is_empty() && self.rounds >= 3 && self.scale >= 1.0
    }
}

fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::to_owned).collect()
}
