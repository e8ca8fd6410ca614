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
mod order;
mod partition;
mod preview;
mod query;
mod service;
mod sync;
mod types;
pub(crate) mod values;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

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
    after_help = EXIT_CODES
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  anything not named here
  2  usage: an option, an address, a field or a condition that does not fit
  3  authentication or permission
  4  the service or the network
  5  rows lost or doubled
  6  the output could not be written";

/// One paragraph: clap breaks its lines.
macro_rules! from_environment {
    () => {
        "Without an option for it, the credential comes from ARCGIS_TOKEN, ARCGIS_API_KEY, ARCGIS_USER with \
         ARCGIS_PASSWORD, or ARCGIS_CLIENT_ID with ARCGIS_CLIENT_SECRET, and belongs to ARCGIS_PORTAL \
         (ArcGIS Online by default): all of them from the environment, or else all from a file .env in the \
         working folder. Else it is the login of the profile (arcgis login) whose portal the address \
         belongs to. A token in a pasted address belongs to that address."
    };
}

const FROM_ENVIRONMENT: &str = from_environment!();

const LOGIN_NOTES: &str = "\
Users sign in on the portal's own page, whatever that takes. That needs an application: someone of the \
organisation registers one (Content, New item, Application) with the redirect address \
http://127.0.0.1:8765/, and its client id is given once.

Examples:
  arcgis login --portal https://org.maps.arcgis.com --client-id <id>
  arcgis login --portal https://host/portal --user me
  arcgis login --portal https://host/portal --app --client-id <id> --password-stdin < secret";

const FROM_ENVIRONMENT_OR_PROFILE: &str = "\
Without an option for it, the credential comes from the environment, or else from a file .env in the working \
folder. Else it is the login of the profile that ARCGIS_PROFILE or the configuration names, or of the only one.";

const TOKEN_NOTES: &str = "\
The token is what its portal takes; it is a secret. Without an option for it, the credential comes from the \
environment, .env or a profile, as with arcgis whoami.

Example:
  curl -H @<(printf 'X-Esri-Authorization: Bearer %s' \"$(arcgis token)\") <url>";

const CONFIG_NOTES: &str = "\
Each value is looked for in the arguments, the environment, a file .env in the working folder and config.toml; \
the first place that has one counts.";

const COMPLETIONS_NOTES: &str = "\
Examples:
  arcgis completions bash > ~/.local/share/bash-completion/completions/arcgis
  arcgis completions zsh > \"${fpath[1]}/_arcgis\"
  arcgis completions fish > ~/.config/fish/completions/arcgis.fish
  arcgis completions powershell >> $PROFILE";

const MANUAL_NOTES: &str = "\
Example:
  arcgis manual ~/.local/share/man/man1 && man arcgis-export";

const EXPORT_NOTES: &str = concat!(
    from_environment!(),
    "

Examples:
  arcgis export demo:places places.parquet
  arcgis export https://host/arcgis/rest/services/Wells/FeatureServer/0 wells.parquet \\
      --where \"DEPTH > 100\" --bbox 5,47,15,55 --fields NAME,DEPTH
  arcgis export <layer> out.parquet --clip border.geojson --resume
  arcgis export https://host/arcgis/rest/services water/ --include \"Water/*\" --resume
  arcgis export <layer> --plan
  arcgis export <layer> out.parquet --user me --password-stdin --portal https://host/portal < secret"
);

const SYNC_NOTES: &str = concat!(
    "\
The file says what was asked for and how it was written; both stay so. Options for rows and columns are needed only \
where --clip was too large to be kept in the file, and have to be those of the export. Where no row differs the file \
is left alone. A layer whose columns have changed is refused with what changed: export it anew.

",
    from_environment!(),
    "

Example:
  arcgis export <layer> wells.parquet
  arcgis sync <layer> wells.parquet --json"
);

const CRAWL_NOTES: &str = concat!(
    "\
What does not answer is listed with its problem, and all else is listed all the same; then the exit code is 4. \
Where there is no way in at all, it is that of the reason.

",
    from_environment!()
);

const VALUES_NOTES: &str = concat!(
    "\
All values are listed, however many, the most frequent first. In a table dates are moments in UTC; in JSON they are \
milliseconds since 1970, as the server has them.

Examples:
  arcgis values <layer> STATUS
  arcgis values <layer> COUNTY STATUS --where \"YEAR > 2000\" --csv

",
    from_environment!()
);

const STATS_NOTES: &str = concat!(
    "\
Nulls do not count. In a table dates are moments in UTC; in JSON they are milliseconds since 1970, as the server \
has them.

Examples:
  arcgis stats <layer>
  arcgis stats <layer> POP --of count,max,p50,p90 --group-by COUNTY --having \"COUNT(OBJECTID) > 10\"

",
    from_environment!()
);

const RELATED_NOTES: &str = concat!(
    "\
The options for rows choose rows of the layer itself; without one, all of them are asked for. The first column, Of, is \
the object id of the row that the others belong to.

Example:
  arcgis related <layer> --object-ids 17,18 --relationship owners --fields NAME

",
    from_environment!()
);

const PREVIEW_NOTES: &str = concat!(
    "\
Of a layer all rows are fetched and proven, as for an export; --limit and --where take fewer. Of a file \
the geometry alone is read, but for a page.

Examples:
  arcgis preview demo:places
  arcgis preview wells.parquet --out wells.png
  arcgis preview <layer> --where \"DEPTH > 100\" --out wells.html

",
    from_environment!()
);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Export a layer to a file (GeoParquet, Arrow, GeoJSON, CSV, FlatGeobuf, GeoPackage), or a whole service or server
    /// to a folder
    #[command(after_help = EXPORT_NOTES)]
    Export(Box<ExportArgs>),
    /// Bring an earlier export up to date: ask for the rows that have changed, and replace the file
    #[command(after_help = SYNC_NOTES)]
    Sync(Box<SyncArgs>),
    /// Show a layer's fields, geometry, CRS, limits and count; list the layers of a service, folder, item or map
    #[command(after_help = FROM_ENVIRONMENT)]
    Info(InfoArgs),
    /// List every layer and table of a server, with what it is and how many rows it has
    #[command(after_help = CRAWL_NOTES)]
    Crawl(CrawlArgs),
    /// Count the rows of a layer
    #[command(after_help = FROM_ENVIRONMENT)]
    Count(Box<CountArgs>),
    /// Print the object ids of a layer's rows, one on each line
    #[command(after_help = FROM_ENVIRONMENT)]
    Ids(Box<IdsArgs>),
    /// Print the rectangle around the rows of a layer: xmin,ymin,xmax,ymax
    #[command(after_help = FROM_ENVIRONMENT)]
    Extent(Box<ExtentArgs>),
    /// Show which values a field has, and how many rows have each
    #[command(after_help = VALUES_NOTES)]
    Values(Box<ValuesArgs>),
    /// Compute statistics over fields, of all rows or of groups
    #[command(after_help = STATS_NOTES)]
    Stats(Box<StatsArgs>),
    /// Show the first rows of a layer
    #[command(
        after_help = FROM_ENVIRONMENT,
        mut_arg("limit", |arg| arg.help("So many rows [default: 10]"))
    )]
    Head(Box<HeadArgs>),
    /// Show rows of a layer that are chosen at random
    #[command(
        after_help = FROM_ENVIRONMENT,
        mut_arg("limit", |arg| arg.help("So many rows [default: 10]"))
    )]
    Sample(Box<SampleArgs>),
    /// Show the rows of another layer that belong to rows of a layer
    #[command(after_help = RELATED_NOTES)]
    Related(Box<RelatedArgs>),
    /// Look at a file or a layer: a map in the terminal, a picture, or a page with map, table and columns
    #[command(after_help = PREVIEW_NOTES)]
    Preview(Box<PreviewArgs>),
    /// Write a saved answer (Esri JSON or PBF) as the file that an export would write
    Convert(ConvertArgs),
    /// Sign in at a portal and keep the login
    #[command(after_help = LOGIN_NOTES)]
    Login(Box<LoginArgs>),
    /// Forget a login, and tell the portal to end it
    Logout(LogoutArgs),
    /// Say who is signed in, and where
    #[command(after_help = FROM_ENVIRONMENT_OR_PROFILE)]
    Whoami(WhoArgs),
    /// Print a valid token, for scripts
    #[command(after_help = TOKEN_NOTES)]
    Token(WhoArgs),
    /// Show what is set, and where
    #[command(after_help = CONFIG_NOTES)]
    Config(ConfigArgs),
    /// Print what makes a shell complete commands and options
    #[command(after_help = COMPLETIONS_NOTES)]
    Completions(CompletionsArgs),
    /// Write the manual: a page for each command, as man reads them
    #[command(after_help = MANUAL_NOTES)]
    Manual(ManualArgs),
    /// Serve the demo layers on this machine until Ctrl-C
    #[cfg(feature = "demo")]
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
    use clap::CommandFactory;

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
