//! The command line: what can be said, and what of it is wrong before anything is done.
//!
//! Values that may hold a secret (addresses, headers, proxies) stay text here: clap quotes what it cannot parse.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use arcgis_rest::export::{Compression, SpatialReferenceCodes, resolve_crs};
use arcgis_rest::layer::{Bbox, FormatChoice, Query};
use clap::{ArgAction, Args, Parser, Subcommand};

/// Whole layers out of ArcGIS services into GeoParquet: every row, once, with proof.
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
        "Without an option for it, the credential comes from ARCGIS_TOKEN, ARCGIS_API_KEY, or ARCGIS_USER \
         with ARCGIS_PASSWORD, and belongs to ARCGIS_PORTAL (ArcGIS Online by default): all of them from \
         the environment, or else all from a file .env in the working folder. A token in a pasted address \
         belongs to that address."
    };
}

const FROM_ENVIRONMENT: &str = from_environment!();

const EXPORT_NOTES: &str = concat!(
    from_environment!(),
    "

Examples:
  arcgis export demo:places places.parquet
  arcgis export https://host/arcgis/rest/services/Wells/FeatureServer/0 wells.parquet \\
      --where \"DEPTH > 100\" --bbox 5,47,15,55 --fields NAME,DEPTH
  arcgis export <layer> out.parquet --user me --password-stdin --portal https://host/portal < secret"
);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Export a layer to a GeoParquet file
    #[command(after_help = EXPORT_NOTES)]
    Export(Box<ExportArgs>),
    /// Show a layer's fields, geometry, CRS, limits and count; list the layers of a service or folder
    #[command(after_help = FROM_ENVIRONMENT)]
    Info(InfoArgs),
    /// Count the rows of a layer
    #[command(after_help = FROM_ENVIRONMENT)]
    Count(CountArgs),
    /// Write a saved answer (Esri JSON or PBF) as the GeoParquet file that an export would write
    Convert(ConvertArgs),
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

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The layer: …/FeatureServer/0 or …/MapServer/3, as pasted; or demo:places, demo:rivers, demo:countries
    pub(crate) layer: String,

    /// The file to write
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) columns: ColumnArgs,

    #[command(flatten)]
    pub(crate) fetch: FetchArgs,

    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// Fail with exit code 5, and write nothing, if rows came or went on the server during the export
    #[arg(long, help_heading = "Output")]
    pub(crate) fail_on_drift: bool,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
}

/// Which rows.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rows and columns")]
pub(crate) struct FilterArgs {
    /// Only rows for which this SQL condition holds
    #[arg(
        long = "where",
        value_name = "SQL",
        allow_hyphen_values = true,
        value_parser = parse_condition
    )]
    pub(crate) where_clause: Option<String>,

    /// Only rows that touch this rectangle, in degrees (WGS 84)
    #[arg(
        long,
        value_name = "XMIN,YMIN,XMAX,YMAX",
        allow_hyphen_values = true,
        value_parser = Query::parse_bbox
    )]
    pub(crate) bbox: Option<Bbox>,

    /// A further parameter of the layer's query operation; may be repeated
    #[arg(long = "param", value_name = "KEY=VALUE", allow_hyphen_values = true)]
    pub(crate) params: Vec<String>,
}

/// Which columns, and how their geometry is made.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rows and columns")]
pub(crate) struct ColumnArgs {
    /// Only these fields, in this order, with commas between them
    #[arg(long, value_name = "NAMES", value_parser = parse_names)]
    pub(crate) fields: Vec<String>,

    /// All fields but these, with commas between them
    #[arg(long, value_name = "NAMES", value_parser = parse_names)]
    pub(crate) exclude_fields: Vec<String>,

    /// Attributes only
    #[arg(long)]
    pub(crate) no_geometry: bool,

    /// At most this many rows, the first in the order of the object id
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "ROWS",
        value_parser = parse_positive::<NonZeroU64>
    )]
    pub(crate) limit: Option<NonZeroU64>,

    /// Coordinates in this reference system, made by the server; native is the layer's own
    #[arg(long, value_name = "WKID|native", default_value = "native")]
    pub(crate) out_sr: OutSr,

    /// Let the server simplify geometry by up to this distance, in units of the output's CRS
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "DISTANCE",
        value_parser = parse_distance
    )]
    pub(crate) max_allowable_offset: Option<f64>,
}

/// How rows are fetched.
#[derive(Debug, Args)]
#[command(next_help_heading = "Fetching")]
pub(crate) struct FetchArgs {
    /// Rows per request [default: the most that the server allows]
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "ROWS",
        value_parser = parse_positive::<NonZeroU32>
    )]
    pub(crate) page_size: Option<NonZeroU32>,

    /// The format to ask for: auto takes PBF where the layer has it and JSON where PBF does not hold up
    #[arg(long, value_name = "auto|json|pbf", default_value = "auto", value_parser = parse_format)]
    pub(crate) format: FormatChoice,

    /// Requests under way at once, at most
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "REQUESTS",
        default_value = "4",
        value_parser = parse_positive::<NonZeroUsize>
    )]
    pub(crate) concurrency: NonZeroUsize,
}

/// How the file is written; the same for an export and a conversion.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct FileArgs {
    /// Compression: zstd, zstd:<level 1 to 22>, snappy or none
    #[arg(long, value_name = "CODEC", default_value = "zstd:3")]
    pub(crate) compression: Compression,

    /// Rows per row group, at most
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "ROWS",
        default_value = "100000",
        value_parser = parse_positive::<NonZeroUsize>
    )]
    pub(crate) row_group_rows: NonZeroUsize,

    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Write null where a value does not fit its column, and count it, in place of failing
    #[arg(long)]
    pub(crate) lenient: bool,

    /// Write the report of what was done, or of why it failed, as JSON to this file too
    #[arg(long, value_name = "FILE.json")]
    pub(crate) report: Option<PathBuf>,
}

/// How the service is reached.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Time for one request, such as 90, 90s or 2m
    #[arg(long, allow_negative_numbers = true, value_name = "TIME", default_value = "60s", value_parser = parse_time)]
    pub(crate) timeout: Duration,

    /// How often a failed request is sent again
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "TIMES",
        default_value = "4",
        value_parser = parse_times
    )]
    pub(crate) retries: u32,

    /// Trust the certificate authorities in this PEM file too; may be repeated
    #[arg(long, value_name = "FILE.pem")]
    pub(crate) cacert: Vec<PathBuf>,

    /// Do not check certificates: anyone on the way can read and change everything
    #[arg(long)]
    pub(crate) insecure: bool,

    /// The proxy, such as http://host:3128 [default: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, which do
    /// not count for addresses on this machine]
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,

    /// The User-Agent header [default: arcgis-rs and its version]
    #[arg(long, value_name = "TEXT")]
    pub(crate) user_agent: Option<String>,

    /// A further header on every request; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,
}

/// Who is asking. A secret is never an argument.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Credentials")]
pub(crate) struct CredentialArgs {
    /// A file with a token or API key; it goes to the layer's own server, or to --portal's
    #[arg(long, value_name = "FILE", conflicts_with = "user")]
    pub(crate) token_file: Option<PathBuf>,

    /// Sign in as this user
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    pub(crate) user: Option<String>,

    /// Read the password from standard input
    #[arg(long, requires = "user")]
    pub(crate) password_stdin: bool,

    /// Where the credential belongs, such as https://host/portal, or https://host/arcgis for a
    /// stand-alone server; --user without it means ArcGIS Online
    #[arg(long, value_name = "URL")]
    pub(crate) portal: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// A layer, a service, a folder or the root of all services; or demo:, demo:places, demo:rivers, demo:countries
    pub(crate) url: String,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CountArgs {
    /// The layer: …/FeatureServer/0 or …/MapServer/3, as pasted; or demo:places, demo:rivers, demo:countries
    pub(crate) url: String,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,

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

    /// The file to write
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

/// The reference system of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutSr {
    /// As the layer has it.
    Native,
    /// By its well-known id.
    Wkid(u32),
}

impl FromStr for OutSr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("native") {
            return Ok(Self::Native);
        }
        match text.parse() {
            Ok(wkid) if wkid > 0 => {
                // What the file could not name would be coordinates that nobody can place.
                resolve_crs(&SpatialReferenceCodes {
                    wkid: Some(i64::from(wkid)),
                    ..SpatialReferenceCodes::default()
                })
                .map_err(|unknown| unknown.to_string())?;
                Ok(Self::Wkid(wkid))
            }
            _ => Err("a well-known id such as 4326 or 3857 is needed, or native".to_owned()),
        }
    }
}

fn parse_format(text: &str) -> Result<FormatChoice, String> {
    text.parse()
        .map_err(|_| "it is none of auto, json and pbf".to_owned())
}

/// A number from 1 on.
fn parse_positive<T: FromStr>(text: &str) -> Result<T, String> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().map_err(|_| {
        match (
            is_number,
            text.starts_with('-') || digits.bytes().all(|byte| byte == b'0'),
        ) {
            (false, _) => "a whole number is needed".to_owned(),
            (true, true) => "it must be at least 1".to_owned(),
            (true, false) => "it is too large".to_owned(),
        }
    })
}

/// A number from 0 on.
fn parse_times(text: &str) -> Result<u32, String> {
    let text = text.trim();
    text.parse().map_err(|_| {
        if text.starts_with('-') {
            "it must be at least 0; 0 is for never".to_owned()
        } else {
            "a whole number is needed".to_owned()
        }
    })
}

fn parse_distance(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(distance) if distance.is_finite() && distance > 0.0 => Ok(distance),
        Ok(_) => Err("it must be above 0".to_owned()),
        Err(_) => Err("a number is needed".to_owned()),
    }
}

fn parse_condition(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it is empty; leave the option out for all rows".to_owned());
    }
    Ok(text.to_owned())
}

fn parse_names(text: &str) -> Result<String, String> {
    if text.split(',').all(|name| name.trim().is_empty()) {
        return Err("it names no field; leave the option out for all fields".to_owned());
    }
    Ok(text.to_owned())
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let problem = || "a time of at least one second is needed, such as 90, 90s or 2m".to_owned();
    let (number, unit) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let seconds = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .filter(|seconds| (1..=86_400).contains(seconds))
        .ok_or_else(problem)?;
    Ok(Duration::from_secs(seconds))
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
    fn rectangles_may_start_with_a_minus() {
        let cli =
            Cli::try_parse_from(["arcgis", "count", "x", "--bbox", "-10.5,-40,5,50e0"]).unwrap();
        let Command::Count(args) = cli.command else {
            panic!("another command");
        };
        let bbox = args.filter.bbox.unwrap();
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

    #[test]
    fn times_have_units() {
        assert_eq!(parse_time("90").unwrap(), Duration::from_secs(90));
        assert_eq!(parse_time("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(parse_time("2m").unwrap(), Duration::from_secs(120));
        for bad in ["", "0", "-1", "m", "1h", "99999999999999999999m", "1.5"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_are_refused_in_words() {
        let said = |text: &str| parse_positive::<NonZeroU32>(text).unwrap_err();
        assert_eq!(parse_positive("7"), Ok(7_u64));
        assert_eq!(said("0"), "it must be at least 1");
        assert_eq!(said("-5"), "it must be at least 1");
        assert_eq!(said("99999999999"), "it is too large");
        assert_eq!(said("many"), "a whole number is needed");
        assert_eq!(said(""), "a whole number is needed");
        assert_eq!(parse_times("0"), Ok(0));
        assert!(parse_times("-1").unwrap_err().contains("at least 0"));
        assert!(parse_distance("nan").is_err() && parse_distance("0").is_err());
        assert!(parse_names(" , ").is_err() && parse_condition(" ").is_err());
    }

    #[test]
    fn reference_systems_are_codes_or_native() {
        assert_eq!("native".parse(), Ok(OutSr::Native));
        assert_eq!("3857".parse(), Ok(OutSr::Wkid(3857)));
        assert!("EPSG:3857".parse::<OutSr>().is_err());
        assert!("0".parse::<OutSr>().is_err());
        // No reference system, and one of heights.
        for code in ["999999", "5703"] {
            let error = code.parse::<OutSr>().unwrap_err();
            assert!(error.contains(code), "{error}");
        }
    }
}
