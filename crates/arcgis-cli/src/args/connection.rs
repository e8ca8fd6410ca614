//! Options for the way to a service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::{parse_address, parse_rate, parse_time, parse_times};

/// How the service is reached.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Time for one request, such as 90, 90s or 2m [default: 60s]
    #[arg(long, allow_negative_numbers = true, value_name = "TIME", value_parser = parse_time)]
    pub(crate) timeout: Option<Duration>,

    /// How often a failed request is sent again [default: 4]
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "TIMES",
        value_parser = parse_times
    )]
    pub(crate) retries: Option<u32>,

    /// Requests per second at each server, at most, such as 5 or 0.5 [default: no limit]
    #[arg(long, allow_negative_numbers = true, value_name = "REQUESTS", value_parser = parse_rate)]
    pub(crate) rate: Option<f64>,

    /// Trust the certificate authorities in this PEM file too; may be repeated
    #[arg(long, value_name = "FILE.pem")]
    pub(crate) cacert: Vec<PathBuf>,

    /// Do not check certificates: anyone on the way can read and change everything
    #[arg(long)]
    pub(crate) insecure: bool,

    /// Show this client certificate, with its chain, to servers that ask for one
    #[arg(long, value_name = "FILE.pem")]
    pub(crate) client_cert: Option<PathBuf>,

    /// The key of the client certificate [default: in the same file]
    #[arg(long, value_name = "FILE.pem")]
    pub(crate) client_key: Option<PathBuf>,

    /// Sign in at the web tier of the address's server by HTTP basic authentication; the password is
    /// ARCGIS_BASIC_PASSWORD, or asked for
    #[arg(long, value_name = "NAME")]
    pub(crate) basic_user: Option<String>,

    /// Connect to this address for this host, as curl does; may be repeated
    #[arg(long, value_name = "HOST:ADDRESS[:PORT]", value_parser = parse_address)]
    pub(crate) resolve: Vec<(String, SocketAddr)>,

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
