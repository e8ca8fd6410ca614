//! The command `arcgis`: whole layers out of ArcGIS services into GeoParquet, verified.

mod args;
mod browser;
mod columns;
mod commands;
mod connection;
#[cfg(feature = "demo")]
mod demo;
mod exit;
mod facts;
mod folder_place;
mod identity;
mod interrupt;
mod layer_card;
mod listing;
mod log;
mod logins;
mod output;
mod pasted;
mod place;
mod profile;
mod progress;
mod query;
mod refusal;
mod rows;
mod secret_input;
mod selection;
mod service_progress;
mod settings;
mod shape;
mod shown;
mod spelling;
mod summary;
mod target;
mod verdict;
mod whereabouts;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use args::{Cli, Command};
use exit::{Ending, Exit, Failure};
use folder_place::is_folder;
use settings::Settings;

fn main() -> ExitCode {
    let cli = match Cli::of_process() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; a closed terminal has nobody to tell.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            // Where the arguments cannot be read, whether JSON is wanted is read off them as they are.
            if exit == Exit::Usage && std::env::args_os().any(|arg| arg == "--json") {
                Ending::of_arguments(&error).print_json();
            }
            let _ = error.print();
            return exit.into();
        }
    };
    log::start(cli.output);
    let json = cli.output.json;
    exit::conclude(run(cli), json).into()
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime could not be started")?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = command(&cli) => result,
            signal = interrupt::arrived() => interrupted(&cli.command, signal),
        }
    });
    // What is still under way stops; the unfinished file was removed when its job was dropped.
    runtime.shutdown_timeout(Duration::from_secs(5));
    result
}

/// What being told to stop means: the end of serving, and a failure of everything else. An export that is to
/// go on later has said itself what it keeps.
fn interrupted(command: &Command, signal: &str) -> anyhow::Result<()> {
    match command {
        #[cfg(feature = "demo")]
        Command::Serve(_) => Ok(()),
        // Layers that are through stay, and the index says which they are.
        Command::Export(args) if args.fetch.resume || args.folder().is_some() => {
            Err(Failure::new(Exit::Other, signal).into())
        }
        // What may be left elsewhere was said by whoever could not take it back.
        Command::Export(args) if args.out.as_deref().is_some_and(is_elsewhere) => {
            Err(Failure::new(Exit::Other, signal).into())
        }
        Command::Sync(args) if is_folder(&args.file) || is_elsewhere(&args.file) => {
            Err(Failure::new(Exit::Other, signal).into())
        }
        _ => Err(Failure::new(Exit::Other, format!("{signal}; nothing was left behind")).into()),
    }
}

/// Whether a place is not on this machine.
fn is_elsewhere(place: &Path) -> bool {
    place::address(place).is_some()
}

async fn command(cli: &Cli) -> anyhow::Result<()> {
    let mut settings = Settings::load()?;
    let settings = &mut settings;
    match &cli.command {
        Command::Export(args) => commands::export::run(args, cli.output, settings).await,
        Command::Sync(args) => commands::sync::run(args, cli.output, settings).await,
        Command::Info(args) => commands::info::run(args, cli.output, settings).await,
        Command::Count(args) => commands::count::run(args, cli.output, settings).await,
        Command::Crawl(args) => commands::crawl::run(args, cli.output, settings).await,
        Command::Ids(args) => commands::ids::run(args, cli.output, settings).await,
        Command::Extent(args) => commands::extent::run(args, cli.output, settings).await,
        Command::Values(args) => commands::values::run(args, cli.output, settings).await,
        Command::Stats(args) => commands::stats::run(args, cli.output, settings).await,
        Command::Head(args) => commands::head::run(args, cli.output, settings).await,
        Command::Sample(args) => commands::head::sample(args, cli.output, settings).await,
        Command::Preview(args) => commands::preview::run(args, cli.output, settings).await,
        Command::Related(args) => commands::related::run(args, cli.output, settings).await,
        Command::Convert(args) => commands::convert::run(args, cli.output, settings).await,
        Command::Login(args) => commands::login::run(args, cli.output, settings).await,
        Command::Logout(args) => commands::logout::run(args, cli.output, settings).await,
        Command::Whoami(args) => commands::whoami::run(args, cli.output, settings).await,
        Command::Token(args) => commands::token::run(args, cli.output, settings).await,
        Command::Config(args) => commands::config::run(args, cli.output, settings),
        Command::Completions(args) => commands::completions::run(args),
        Command::Manual(args) => commands::manual::run(args, cli.output),
        #[cfg(feature = "demo")]
        Command::Serve(args) => commands::serve::run(args, cli.output).await,
    }
}
