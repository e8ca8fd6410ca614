//! What can be set, and what it is called in each place: the one list of it.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use arcgis_rest::export::{Compression, RowOrder};
use arcgis_rest::http::StoreKind;
use arcgis_rest::layer::FormatChoice;

use crate::args::values::{
    parse_address, parse_bytes, parse_compression, parse_format, parse_name, parse_order,
    parse_path, parse_port, parse_positive, parse_rate, parse_store, parse_text, parse_time,
    parse_times,
};

/// Something that can be set, and how its text is read.
#[derive(Debug)]
pub(crate) struct Key<T: 'static> {
    pub(crate) facts: Facts,
    pub(crate) parse: fn(&str) -> Result<T, String>,
}

/// What is known of a key without its type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// The key in the configuration file, and the option behind `--`.
    pub(crate) name: &'static str,
    /// What counts where nothing is set; none for what is worked out.
    pub(crate) default: Option<&'static str>,
    pub(crate) reach: Reach,
    /// Whether there may be several values, in one array of the configuration file.
    pub(crate) many: bool,
    /// Whether a text can be read as a value.
    pub(crate) check: fn(&str) -> Result<(), String>,
}

/// Where a key may be set besides the arguments and the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// In a `.env` file and everywhere in the configuration file.
    Everywhere,
    /// As [`Reach::Everywhere`], but not in a `.env` file: it says who is trusted on the way or where a
    /// secret goes, and the working folder may be someone else's.
    Trusted,
    /// As [`Reach::Trusted`], but not in a profile.
    TopOnly,
}

impl Facts {
    /// The variable of the environment and of a `.env` file.
    pub(crate) fn variable(&self) -> String {
        let name = self.name.replace('-', "_").to_ascii_uppercase();
        format!("ARCGIS_{name}")
    }
}

/// A key with one value.
macro_rules! key {
    ($name:literal, $default:expr, $reach:expr, $parse:expr) => {
        key!($name, $default, $reach, $parse, false)
    };
    ($name:literal, $default:expr, $reach:expr, $parse:expr, $many:literal) => {
        Key {
            facts: Facts {
                name: $name,
                default: $default,
                reach: $reach,
                many: $many,
                check: |text| $parse(text).map(drop),
            },
            parse: $parse,
        }
    };
}

use Reach::{Everywhere, TopOnly, Trusted};

pub(crate) const PROFILE: Key<String> = key!("profile", None, TopOnly, parse_name);
pub(crate) const PORTAL: Key<String> = key!("portal", None, Trusted, parse_text);
pub(crate) const CLIENT_ID: Key<String> = key!("client-id", None, Trusted, parse_text);
pub(crate) const PORT: Key<u16> = key!("port", Some("8765"), Trusted, parse_port);
pub(crate) const STORE: Key<StoreKind> = key!("store", None, Trusted, parse_store);

pub(crate) const TIMEOUT: Key<Duration> = key!("timeout", Some("60s"), Everywhere, parse_time);
pub(crate) const RETRIES: Key<u32> = key!("retries", Some("4"), Everywhere, parse_times);
pub(crate) const RATE: Key<f64> = key!("rate", None, Everywhere, parse_rate);
pub(crate) const CACERT: Key<PathBuf> = key!("cacert", None, Trusted, parse_path, true);
pub(crate) const CLIENT_CERT: Key<PathBuf> = key!("client-cert", None, Trusted, parse_path);
pub(crate) const CLIENT_KEY: Key<PathBuf> = key!("client-key", None, Trusted, parse_path);
pub(crate) const RESOLVE: Key<(String, SocketAddr)> =
    key!("resolve", None, Trusted, parse_address, true);
pub(crate) const PROXY: Key<String> = key!("proxy", None, Trusted, parse_text);
pub(crate) const USER_AGENT: Key<String> = key!("user-agent", None, Everywhere, parse_text);

pub(crate) const CONCURRENCY: Key<NonZeroUsize> = key!(
    "concurrency",
    Some("4"),
    Everywhere,
    parse_positive::<NonZeroUsize>
);
pub(crate) const PAGE_SIZE: Key<NonZeroU32> =
    key!("page-size", None, Everywhere, parse_positive::<NonZeroU32>);
pub(crate) const FORMAT: Key<FormatChoice> = key!("format", Some("auto"), Everywhere, parse_format);

pub(crate) const SPILL: Key<PathBuf> = key!("spill", None, Trusted, parse_path);

pub(crate) const COMPRESSION: Key<Compression> =
    key!("compression", Some("zstd:3"), Everywhere, parse_compression);
pub(crate) const ROW_GROUP_ROWS: Key<NonZeroUsize> = key!(
    "row-group-rows",
    Some("100000"),
    Everywhere,
    parse_positive::<NonZeroUsize>
);
pub(crate) const ROW_GROUP_SIZE: Key<NonZeroUsize> =
    key!("row-group-size", Some("128M"), Everywhere, parse_bytes);

pub(crate) const ORDER: Key<RowOrder> = key!("order", None, Everywhere, parse_order);
pub(crate) const MEMORY: Key<NonZeroUsize> = key!("memory", Some("64M"), Everywhere, parse_bytes);

/// All of them, in the order in which they are shown.
pub(crate) const ALL: [Facts; 23] = [
    PROFILE.facts,
    PORTAL.facts,
    CLIENT_ID.facts,
    PORT.facts,
    STORE.facts,
    TIMEOUT.facts,
    RETRIES.facts,
    RATE.facts,
    CACERT.facts,
    CLIENT_CERT.facts,
    CLIENT_KEY.facts,
    RESOLVE.facts,
    PROXY.facts,
    USER_AGENT.facts,
    CONCURRENCY.facts,
    PAGE_SIZE.facts,
    FORMAT.facts,
    SPILL.facts,
    COMPRESSION.facts,
    ROW_GROUP_ROWS.facts,
    ROW_GROUP_SIZE.facts,
    ORDER.facts,
    MEMORY.facts,
];

/// The key of that name.
pub(crate) fn named(name: &str) -> Option<Facts> {
    ALL.into_iter().find(|key| key.name == name)
}
