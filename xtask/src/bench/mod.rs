//! `cargo xtask bench`: whole layers out of one service, by this project and by those that people use today.
//!
//! Everything lies in `target/bench`: the data, a Python and a Node environment with the contestants, what
//! they wrote, and the measurements. Only a whole run writes `docs/benchmarks.md`.

mod contestant;
mod data;
mod decoding;
mod environment;
mod floor;
mod growth;
mod machine;
mod measure;
mod options;
mod programs;
mod table;

use std::fs;

use anyhow::{Context as _, Result};

use crate::repository::Repository;
use contestant::CONTESTANTS;
use data::Service;
use environment::Environment;
use measure::{Measure, Run};
use options::Options;
pub(crate) use options::USAGE;
use programs::Programs;
use table::Series;

/// Runs the comparison, or the part of it that the arguments name.
pub(crate) fn run(repository: &Repository, arguments: &[&str]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let work = repository.target()?.join("bench");
    let out = work.join("out");
    fs::create_dir_all(&out)?;
    let programs = Programs::build(repository)?;
    let scripts = repository.root().join("xtask/scripts/bench");
    let environment = Environment::install(&work, &scripts, &options)?;
    let load_before = machine::load();
    let service = Service::start(&programs.replay, &work.join("data"), &options)?;
    let measure = Measure {
        python: environment.python.clone(),
        scripts: scripts.clone(),
        out,
        home: environment.home.clone(),
        service: service.id(),
    };
    let setting = Setting {
        programs: &programs,
        environment: &environment,
        service: &service,
        measure: &measure,
    };

    let mut series = Vec::new();
    for layer in data::LAYERS {
        if options.has_layer(layer.name) {
            series.extend(exports(&setting, &options, layer)?);
        }
    }
    drop(service);
    let growth = if options.has_part("growth") {
        growth::run(&programs, &measure, options.scale)?
    } else {
        Vec::new()
    };
    let decoding = if options.has_part("decoding") {
        decoding::run(&programs, &work, &scripts, &options)?
    } else {
        Vec::new()
    };

    let text = table::page(&table::Results {
        machine: machine::describe(load_before.as_deref()),
        versions: environment.versions(repository, &programs)?,
        series: &series,
        growth: &growth,
        decoding: &decoding,
        rounds: options.rounds,
    });
    println!("\n{text}");
    if options.is_whole() {
        let page = repository.root().join("docs/benchmarks.md");
        fs::write(&page, text).context("docs/benchmarks.md could not be written")?;
        println!("written to docs/benchmarks.md");
    }
    Ok(())
}

/// What all runs have in common.
struct Setting<'a> {
    programs: &'a Programs,
    environment: &'a Environment,
    service: &'a Service,
    measure: &'a Measure,
}

/// All contestants on one layer, in turn, and that as often as was asked.
fn exports(setting: &Setting<'_>, options: &Options, layer: &data::Layer) -> Result<Vec<Series>> {
    let url = setting.service.layer_url(layer);
    let wanted: Vec<_> = CONTESTANTS
        .iter()
        .filter(|contestant| options.has_contestant(contestant.name))
        .collect();
    let mut all: Vec<Series> = wanted
        .iter()
        .map(|contestant| Series::new(layer.name, contestant.name, contestant.is_floor()))
        .collect();
    for round in 0..options.rounds {
        // Nobody is always the first. The first round is in order, since floors take what an export wrote.
        for turn in 0..wanted.len() {
            let place = (turn + round) % wanted.len();
            let (Some(contestant), Some(series)) = (wanted.get(place), all.get_mut(place)) else {
                continue;
            };
            if series.has_failed() || (round > 0 && contestant.runs_once()) {
                continue;
            }
            let run = contestant.run(setting, layer, &url)?;
            println!(
                "{}, {}, round {}: {run}",
                layer.name,
                contestant.name,
                round + 1
            );
            if let (0, Run { failure: None, .. }) = (round, &run) {
                series.verdict = contestant.check(setting, layer)?;
            }
            series.runs.push(run);
        }
    }
    Ok(all)
}
