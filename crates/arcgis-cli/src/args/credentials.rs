//! Options that say who is asking. A secret is never an argument.

use std::path::PathBuf;

use arcgis_rest::http::StoreKind;
use clap::{ArgGroup, Args};

use super::connection::ConnectionArgs;
use super::values::{parse_name, parse_port, parse_store, parse_text};

/// Who is asking.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Credentials")]
pub(crate) struct CredentialArgs {
    /// The profile of arcgis login to use [default: the one whose portal the address belongs to]
    #[arg(long, value_name = "NAME", value_parser = parse_name, conflicts_with_all = ["token_file", "user", "portal"])]
    pub(crate) profile: Option<String>,

    /// A file with a token or API key; it goes to the layer's own server, or to --portal's
    #[arg(long, value_name = "FILE", conflicts_with = "user")]
    pub(crate) token_file: Option<PathBuf>,

    /// Sign in as this user; the password is asked for
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// Read the password from standard input
    #[arg(long, requires = "user")]
    pub(crate) password_stdin: bool,

    /// Where the credential belongs, such as https://host/portal, or https://host/arcgis for a
    /// stand-alone server; --user without it means ArcGIS Online
    #[arg(long, value_name = "URL")]
    pub(crate) portal: Option<String>,
}

/// `arcgis login`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("kind").args(["user", "app", "token_file"]))]
pub(crate) struct LoginArgs {
    /// The portal, such as https://host/portal, or https://host/arcgis for a stand-alone server
    /// [default: the profile's, else ArcGIS Online]
    #[arg(long, value_name = "URL")]
    pub(crate) portal: Option<String>,

    /// The name to keep the login under [default: the one that the portal has, else default]
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub(crate) profile: Option<String>,

    /// The application to sign in through, registered at the portal with the redirect address
    /// http://127.0.0.1:8765/
    #[arg(long, value_name = "ID", conflicts_with_all = ["user", "token_file"], value_parser = parse_text)]
    pub(crate) client_id: Option<String>,

    /// Sign in with the password of this user, which is kept; for accounts of the portal's own
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// Sign in as the application itself, with its secret, which is kept
    #[arg(long)]
    pub(crate) app: bool,

    /// Keep the token or API key in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Read the password or the application's secret from standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,

    /// Where the login is kept [default: the system keyring if one answers, else a file]
    #[arg(long, value_name = "keyring|file", value_parser = parse_store)]
    pub(crate) store: Option<StoreKind>,

    #[command(flatten)]
    pub(crate) browser: BrowserArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// How a user signs in on the portal's page.
#[derive(Debug, Args)]
#[command(next_help_heading = "Browser")]
pub(crate) struct BrowserArgs {
    /// Only print the address of the portal's page; the browser still has to be on this machine
    #[arg(long, conflicts_with_all = ["user", "app", "token_file"])]
    pub(crate) no_browser: bool,

    /// Let the portal show a code, and read it from standard input: for a browser on another machine
    /// [default: in an SSH session]
    #[arg(long, conflicts_with_all = ["user", "app", "token_file", "no_browser"])]
    pub(crate) paste: bool,

    /// The port of the redirect address; 0 takes any that is free [default: 8765]
    #[arg(long, value_name = "PORT", value_parser = parse_port, conflicts_with_all = ["user", "app", "token_file", "paste"])]
    pub(crate) port: Option<u16>,

    /// Sign in without PKCE, for ArcGIS Enterprise before 10.9.1
    #[arg(long, conflicts_with_all = ["user", "app", "token_file"])]
    pub(crate) no_pkce: bool,
}

/// `arcgis logout`
#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    /// The profile to log out of [default: the one of --portal, else the only one]
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub(crate) profile: Option<String>,

    /// The portal to log out of
    #[arg(long, value_name = "URL")]
    pub(crate) portal: Option<String>,

    /// Log out of every profile
    #[arg(long, conflicts_with_all = ["profile", "portal"])]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// `arcgis whoami` and `arcgis token`
#[derive(Debug, Args)]
pub(crate) struct WhoArgs {
    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// `arcgis config`
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Show what is in force with this profile
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub(crate) profile: Option<String>,
}
