//! The command line: what can be said, and what of it is wrong before anything is done.
//!
//! Values that may hold a secret (addresses, headers, proxies) stay text here: clap quotes what it cannot parse.

mod connection;
mod credentials;
mod export;
mod form;
mod format;
mod geoparquet;
mod inspect;
mod installation;
mod notes;
mod order;
mod overview;
mod pace;
mod partition;
mod preview;
mod query;
mod service;
mod sync;
mod types;
pub(crate) mod values;

use std::path::PathBuf;

use clap::{ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub(crate) use connection::ConnectionArgs;
pub(crate) use credentials::{
    BrowserArgs, ConfigArgs, CredentialArgs, LoginArgs, LogoutArgs, WhoArgs,
};
pub(crate) use export::{ExportArgs, FetchArgs, FileArgs};
pub(crate) use form::FormArgs;
pub(crate) use format::FormatArgs;
pub(crate) use geoparquet::GeoParquetArgs;
pub(crate) use inspect::{
    CountArgs, CrawlArgs, ExtentArgs, FEW, HeadArgs, IdsArgs, NamedStatistic, RelatedArgs,
    SampleArgs, SelectionArgs, StatsArgs, TableArgs, ValuesArgs, parse_statistic,
};
pub(crate) use installation::{CompletionsArgs, ManualArgs};
pub(crate) use order::OrderArgs;
pub(crate) use pace::PaceArgs;
pub(crate) use partition::PartitionArgs;
pub(crate) use preview::{LookArgs, PreviewArgs};
pub(crate) use query::{ColumnArgs, FilterArgs};
pub(crate) use service::ServiceArgs;
pub(crate) use sync::{SyncArgs, SyncFetchArgs};
pub(crate) use types::TypeArgs;
pub(crate) use values::OutSr;

/// Whole layers out of ArcGIS services into GeoParquet, Arrow and other files: every row, once, with proof.
#[derive(Debug, Parser)]
#[command(
    name = "arcgis",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = notes::EXIT_CODES
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Cli {
    /// What was typed, or what is to be said in place of doing it: the help, the version, or what is wrong.
    pub(crate) fn of_process() -> Result<Self, clap::Error> {
        let mut command = overview::grouped(Self::command());
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Export a layer to a file, or a whole service to a folder
    #[command(after_help = notes::EXPORT)]
    Export(Box<ExportArgs>),
    /// Bring an earlier export up to date, by what has changed since
    #[command(after_help = notes::SYNC)]
    Sync(Box<SyncArgs>),
    /// Show a layer's fields, CRS and count, or what a service holds
    #[command(after_help = notes::INFO)]
    Info(InfoArgs),
    /// List every layer and table of a server, and count their rows
    #[command(after_help = notes::CRAWL)]
    Crawl(CrawlArgs),
    /// Count the rows of a layer
    #[command(after_help = notes::COUNT)]
    Count(Box<CountArgs>),
    /// Print the object ids of a layer's rows, one on each line
    #[command(after_help = notes::IDS)]
    Ids(Box<IdsArgs>),
    /// Print the rectangle around a layer's rows: xmin,ymin,xmax,ymax
    #[command(after_help = notes::EXTENT)]
    Extent(Box<ExtentArgs>),
    /// Show which values a field has, and how many rows have each
    #[command(after_help = notes::VALUES)]
    Values(Box<ValuesArgs>),
    /// Compute statistics over fields, of all rows or of groups
    #[command(after_help = notes::STATS)]
    Stats(Box<StatsArgs>),
    /// Show the first rows of a layer
    #[command(
        after_help = notes::HEAD,
        mut_arg("limit", |arg| arg.help("So many rows [default: 10]"))
    )]
    Head(Box<HeadArgs>),
    /// Show rows of a layer that are chosen at random
    #[command(
        after_help = notes::SAMPLE,
        mut_arg("limit", |arg| arg.help("So many rows [default: 10]"))
    )]
    Sample(Box<SampleArgs>),
    /// Show the rows of another layer that belong to rows of a layer
    #[command(after_help = notes::RELATED)]
    Related(Box<RelatedArgs>),
    /// Look at a file or a layer: in the terminal, as a picture or page
    #[command(after_help = notes::PREVIEW)]
    Preview(Box<PreviewArgs>),
    /// Turn a saved answer (Esri JSON or PBF) into a file
    #[command(after_help = notes::CONVERT)]
    Convert(ConvertArgs),
    /// Sign in at a portal and keep the login
    #[command(after_help = notes::LOGIN)]
    Login(Box<LoginArgs>),
    /// Forget a login, and tell the portal to end it
    #[command(after_help = notes::LOGOUT)]
    Logout(LogoutArgs),
    /// Say who is signed in, and where
    #[command(after_help = notes::WHOAMI)]
    Whoami(WhoArgs),
    /// Print a valid token, for scripts
    #[command(after_help = notes::TOKEN)]
    Token(WhoArgs),
    /// Show what is set, and where
    #[command(after_help = notes::CONFIG)]
    Config(ConfigArgs),
    /// Print what makes a shell complete commands and options
    #[command(after_help = notes::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Write the manual: a page for each command, as man reads them
    #[command(after_help = notes::MANUAL)]
    Manual(ManualArgs),
    /// Serve the demo layers on this machine until Ctrl-C
    #[cfg(feature = "demo")]
    #[command(after_help = notes::SERVE)]
    Serve(ServeArgs),
}

/// What all commands know.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct OutputArgs {
    /// Print the result, or the error, as JSON on standard output
    #[arg(long, global = true, help_heading = "Messages")]
    pub(crate) json: bool,

    /// Say more on standard error: decisions, retries and sign-in; twice for every request
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Messages")]
    pub(crate) verbose: u8,

    /// Print nothing but results, warnings and errors
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Messages"
    )]
    pub(crate) quiet: bool,
}

/// What is shown of requests.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Messages")]
pub(crate) struct RequestArgs {
    /// Show each request to the layer on standard error, as a curl command without its secrets
    #[arg(long)]
    pub(crate) show_requests: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// A layer, a service, a folder or the root of all services; an item of a portal or a map, by its page or id; or
    /// demo:, demo:places, demo:rivers, demo:countries
    pub(crate) url: String,

    #[command(flatten)]
    pub(crate) requests: RequestArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// The saved answer of a layer's query operation with f=json or f=pbf; - for standard input
    #[arg(value_name = "RESPONSE")]
    pub(crate) response: PathBuf,

    /// The file to write: .parquet, .arrow, .arrows, .geojson, .geojsonl, .csv, .fgb or .gpkg; - for standard output;
    /// s3://bucket/path, gs://…, az://…, or an https:// address that takes a PUT
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,

    #[command(flatten)]
    pub(crate) file: FileArgs,
}

#[cfg(feature = "demo")]
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The port on 127.0.0.1; 0 for any that is free
    #[arg(long, default_value = "6080")]
    pub(crate) port: u16,

    /// Let everyone in: no token security
    #[arg(long, conflicts_with = "user")]
    pub(crate) open: bool,

    /// The user who may sign in [default: demo]
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// Read the user's password from standard input [default: a new one, printed]
    #[arg(long, requires = "user")]
    pub(crate) password_stdin: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_setting_is_an_option_that_tells_its_default() {
        let cli = Cli::command();
        for key in crate::settings::key::ALL {
            let options = cli
                .get_subcommands()
                .flat_map(clap::Command::get_arguments)
                .filter(|option| option.get_long() == Some(key.name));
            let told: Vec<String> = options
                // The demo service has a port of its own.
                .filter(|option| option.get_default_values().is_empty())
                .map(|option| {
                    option
                        .get_help()
                        .map(ToString::to_string)
                        .unwrap_or_default()
                })
                .collect();
            assert!(!told.is_empty(), "--{} is no option", key.name);
            for help in told {
                if let Some(default) = key.default {
                    // Some have another one in some formats, which is said behind it.
                    let told = [']', ' '].map(|end| format!("[default: {default}{end}"));
                    assert!(told.iter().any(|told| help.contains(told)), "{help}");
                }
            }
        }
    }

    #[test]
    fn rectangles_may_start_with_a_minus() {
        let cli =
            Cli::try_parse_from(["arcgis", "count", "x", "--bbox", "-10.5,-40,5,50e0"]).unwrap();
        let Command::Count(args) = cli.command else {
            panic!("another command");
        };
        let bbox = args.selection.filter.bbox.unwrap();
        assert_eq!(
            (bbox.xmin, bbox.ymin, bbox.xmax, bbox.ymax),
            (-10.5, -40.0, 5.0, 50.0)
        );
        for bad in [
            "1,2,3",
            "1,2,3,4,5",
            "1,2,x,4",
            "1,2,nan,4",
            "",
            "5,0,1,1",
            "0,0,700000,80",
        ] {
            let error = Cli::try_parse_from(["arcgis", "count", "x", "--bbox", bad]).unwrap_err();
            assert_eq!(
                error.kind(),
                clap::error::ErrorKind::ValueValidation,
                "{bad}"
            );
        }
    }
}
