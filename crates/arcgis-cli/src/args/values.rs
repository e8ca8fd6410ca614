//! Values of options, as text: the same on the command line, in the environment and in files.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use arcgis_rest::export::{
    Compression, ParseCompressionError, RowOrder, SpatialReferenceCodes, Timestamp, resolve_crs,
};
use arcgis_rest::http::StoreKind;
use arcgis_rest::layer::{
    DistanceUnit, FormatChoice, SpatialRelation, SqlFormat, Strategy, TimeFilter,
};

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

/// A distance with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Distance(pub(crate) f64, pub(crate) DistanceUnit);

impl FromStr for Distance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let end = text.find(|c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E');
        let (number, unit) = text.split_at(end.unwrap_or(text.len()));
        let unit = match unit.to_ascii_lowercase().as_str() {
            "m" => DistanceUnit::Meter,
            "km" => DistanceUnit::Kilometer,
            "ft" => DistanceUnit::Foot,
            "mi" => DistanceUnit::StatuteMile,
            "nmi" => DistanceUnit::NauticalMile,
            _ => return Err("a unit is needed, as in 500m, 5km, 300ft, 3mi or 2nmi".to_owned()),
        };
        Ok(Self(parse_distance(number)?, unit))
    }
}

pub(crate) fn parse_sql_format(text: &str) -> Result<SqlFormat, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "standard" => Ok(SqlFormat::Standard),
        "native" => Ok(SqlFormat::Native),
        _ => Err("it is neither standard nor native".to_owned()),
    }
}

pub(crate) fn parse_relation(text: &str) -> Result<SpatialRelation, String> {
    let text = text.trim();
    Ok(match text.to_ascii_lowercase().as_str() {
        "intersects" => SpatialRelation::Intersects,
        "contains" => SpatialRelation::Contains,
        "crosses" => SpatialRelation::Crosses,
        "envelope-intersects" => SpatialRelation::EnvelopeIntersects,
        "index-intersects" => SpatialRelation::IndexIntersects,
        "overlaps" => SpatialRelation::Overlaps,
        "touches" => SpatialRelation::Touches,
        "within" => SpatialRelation::Within,
        pattern if pattern.len() == 9 && pattern.bytes().all(|byte| b"tf*012".contains(&byte)) => {
            SpatialRelation::Pattern(text.to_ascii_uppercase())
        }
        _ => {
            return Err(
                "it is none of intersects, contains, within, crosses, overlaps, touches, \
                 envelope-intersects and index-intersects, and no pattern of nine letters out of T, F, *, 0, 1, 2"
                    .to_owned(),
            );
        }
    })
}

/// A moment as RFC 3339 has it; a date alone is its midnight in UTC.
pub(crate) fn parse_moment(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    moment(text, "T00:00:00Z").ok_or_else(|| {
        "a moment is needed, such as 2024-05-01T12:00:00Z, or a date such as 2024-05-01".to_owned()
    })
}

/// The moment that a text names, at this time of the day if it is a date alone.
fn moment(text: &str, of_day: &str) -> Option<Timestamp> {
    if is_date(text) {
        return format!("{text}{of_day}").parse().ok();
    }
    text.parse().ok()
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// A moment, a day, or what is from one to another: both ends are of it.
pub(crate) fn parse_span(text: &str) -> Result<TimeFilter, String> {
    const END_OF_DAY: &str = "T23:59:59.999Z";
    let problem = || {
        "a moment (2024-05-01T12:00:00Z), a date (2024-05-01) or a span is needed, such as 2024-05-01/2024-05-31, \
         2024-05-01/.. or ../2024-05-31"
            .to_owned()
    };
    let text = text.trim();
    let Some((from, to)) = text.split_once('/') else {
        let from = moment(text, "T00:00:00Z").ok_or_else(problem)?;
        if !is_date(text) {
            return Ok(TimeFilter::at(from));
        }
        return Ok(TimeFilter::between(
            from,
            moment(text, END_OF_DAY).ok_or_else(problem)?,
        ));
    };
    let end = |text: &str, of_day: &str| match text.trim() {
        ".." => Ok(None),
        text => moment(text, of_day).map(Some).ok_or_else(problem),
    };
    match (end(from, "T00:00:00Z")?, end(to, END_OF_DAY)?) {
        (Some(from), Some(to)) if from > to => Err("it ends before it begins".to_owned()),
        (Some(from), Some(to)) => Ok(TimeFilter::between(from, to)),
        (Some(from), None) => Ok(TimeFilter::since(from)),
        (None, Some(to)) => Ok(TimeFilter::until(to)),
        (None, None) => Err(problem()),
    }
}

pub(crate) fn parse_object_id(text: &str) -> Result<i64, String> {
    text.trim()
        .parse()
        .map_err(|_| "an object id is a whole number".to_owned())
}

pub(crate) fn parse_strategy(text: &str) -> Result<Strategy, String> {
    text.trim().parse().map_err(|_| {
        "it is none of single, offset, id-ranges, id-lists, key-set and areas".to_owned()
    })
}

pub(crate) fn parse_format(text: &str) -> Result<FormatChoice, String> {
    text.parse()
        .map_err(|_| "it is none of auto, json and pbf".to_owned())
}

/// A number from 1 on.
pub(crate) fn parse_positive<T: FromStr>(text: &str) -> Result<T, String> {
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

/// A number of bytes, at least a million of them.
pub(crate) fn parse_bytes(text: &str) -> Result<NonZeroUsize, String> {
    let text = text.trim();
    let end = text.find(|c: char| c.is_ascii_alphabetic());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err("a number of bytes is needed, such as 512M, 2G or 64MB".to_owned()),
    };
    let number: usize = parse_positive(number)?;
    let bytes = number
        .checked_mul(unit)
        .and_then(NonZeroUsize::new)
        .ok_or("it is too large")?;
    if bytes.get() < 1_000_000 {
        return Err("it must be at least 1M".to_owned());
    }
    Ok(bytes)
}

pub(crate) fn parse_order(text: &str) -> Result<RowOrder, String> {
    text.trim()
        .parse()
        .map_err(|_| "it is none of hilbert, id and none".to_owned())
}

/// A number from 0 on.
pub(crate) fn parse_times(text: &str) -> Result<u32, String> {
    let text = text.trim();
    text.parse().map_err(|_| {
        if text.starts_with('-') {
            "it must be at least 0; 0 is for never".to_owned()
        } else {
            "a whole number is needed".to_owned()
        }
    })
}

pub(crate) fn parse_distance(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(distance) if distance.is_finite() && distance > 0.0 => Ok(distance),
        Ok(_) => Err("it must be above 0".to_owned()),
        Err(_) => Err("a number is needed".to_owned()),
    }
}

/// Requests per second.
pub(crate) fn parse_rate(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        Ok(_) => Err("it must be above 0".to_owned()),
        Err(_) => Err("a number of requests per second is needed, such as 5 or 0.5".to_owned()),
    }
}

pub(crate) fn parse_condition(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it is empty; leave the option out for all rows".to_owned());
    }
    Ok(text.to_owned())
}

pub(crate) fn parse_names(text: &str) -> Result<String, String> {
    if text.split(',').all(|name| name.trim().is_empty()) {
        return Err("it names no field; leave the option out for all fields".to_owned());
    }
    Ok(text.to_owned())
}

pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    time(text, &[("m", 60), ("s", 1), ("", 1)], 86_400)
        .ok_or_else(|| "a time of at least one second is needed, such as 90, 90s or 2m".to_owned())
}

/// A time for a whole export, up to a year.
pub(crate) fn parse_budget(text: &str) -> Result<Duration, String> {
    let units = [("h", 3_600), ("m", 60), ("s", 1), ("", 1)];
    time(text, &units, 366 * 86_400)
        .ok_or_else(|| "a time of at least one second is needed, such as 90s, 30m or 8h".to_owned())
}

fn time(text: &str, units: &[(&str, u64)], most: u64) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = units
        .iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, unit)))?;
    let seconds = number.parse::<u64>().ok()?.checked_mul(*unit)?;
    (1..=most)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds))
}

/// A text that is not empty.
pub(crate) fn parse_text(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(text.trim().to_owned())
}

/// The name of a profile.
pub(crate) fn parse_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
        return Err(
            "the name of a profile is up to 64 letters, digits, hyphens, underscores and dots"
                .to_owned(),
        );
    }
    Ok(name.to_owned())
}

pub(crate) fn parse_path(text: &str) -> Result<PathBuf, String> {
    parse_text(text).map(PathBuf::from)
}

pub(crate) fn parse_port(text: &str) -> Result<u16, String> {
    text.trim()
        .parse()
        .map_err(|_| "a port from 1 to 65535 is needed, or 0 for any that is free".to_owned())
}

pub(crate) fn parse_compression(text: &str) -> Result<Compression, String> {
    text.parse()
        .map_err(|error: ParseCompressionError| error.to_string())
}

pub(crate) fn parse_store(text: &str) -> Result<StoreKind, String> {
    text.parse().map_err(|error| format!("{error}"))
}

/// A host and the address to take for it: port 0 stands for the port of the URL.
pub(crate) fn parse_address(text: &str) -> Result<(String, SocketAddr), String> {
    let problem = || {
        "a host and its address are needed, such as gis.example.com:10.1.2.3 or gis.example.com:10.1.2.3:6443"
            .to_owned()
    };
    let (host, address) = text.trim().split_once(':').ok_or_else(problem)?;
    let bare = address.trim_start_matches('[').trim_end_matches(']');
    let address = match (address.parse(), bare.parse::<IpAddr>()) {
        (Ok(address), _) => address,
        (Err(_), Ok(ip)) => SocketAddr::new(ip, 0),
        _ => return Err(problem()),
    };
    if host.is_empty() {
        return Err(problem());
    }
    Ok((host.to_owned(), address))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

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
    fn budgets_may_be_hours() {
        assert_eq!(parse_budget("8h").unwrap(), Duration::from_secs(28_800));
        assert_eq!(parse_budget("48h").unwrap(), Duration::from_secs(172_800));
        assert_eq!(parse_budget("90").unwrap(), Duration::from_secs(90));
        for bad in [
            "",
            "h",
            "0h",
            "-1h",
            "9999999h",
            "1d",
            "99999999999999999999h",
        ] {
            assert!(parse_budget(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_of_time_are_inclusive() {
        let sent = |text: &str| parse_span(text).map(|span| span.to_string());
        // 2024-05-01T00:00:00Z is 1,714,521,600 seconds after 1970.
        assert_eq!(sent("2024-05-01T00:00:00Z").unwrap(), "1714521600000");
        assert_eq!(sent("2024-05-01").unwrap(), "1714521600000,1714607999999");
        assert_eq!(
            sent("2024-05-01/2024-05-02").unwrap(),
            "1714521600000,1714694399999"
        );
        assert_eq!(
            sent("2024-05-01T02:00:00+02:00/..").unwrap(),
            "1714521600000,null"
        );
        assert_eq!(sent("../2024-05-01").unwrap(), "null,1714607999999");
        for bad in [
            "",
            "2024",
            "../..",
            "2024-05-02/2024-05-01",
            "/",
            "2024-13-01",
            "a/b",
        ] {
            assert!(sent(bad).is_err(), "{bad}");
        }
        assert_eq!(
            parse_moment("2024-05-01").unwrap().as_second(),
            1_714_521_600
        );
        assert!(parse_moment("yesterday").is_err());
    }

    #[test]
    fn distances_have_units() {
        assert_eq!("500m".parse(), Ok(Distance(500.0, DistanceUnit::Meter)));
        assert_eq!("1e3 m".parse(), Ok(Distance(1000.0, DistanceUnit::Meter)));
        assert_eq!("2.5KM".parse(), Ok(Distance(2.5, DistanceUnit::Kilometer)));
        for bad in ["", "5", "km", "-5km", "5 parsecs", "nanm"] {
            assert!(bad.parse::<Distance>().is_err(), "{bad}");
        }
        assert_eq!(parse_relation("Within"), Ok(SpatialRelation::Within));
        assert_eq!(
            parse_relation("t*f**f***").unwrap(),
            SpatialRelation::Pattern("T*F**F***".to_owned())
        );
        assert!(parse_relation("near").is_err() && parse_relation("t*f").is_err());
    }

    #[test]
    fn bytes_have_units() {
        for (text, bytes) in [
            ("1000000", Some(1_000_000)),
            ("64M", Some(64 << 20)),
            ("64 mib", Some(64 << 20)),
            ("2G", Some(2 << 30)),
            ("64MB", Some(64_000_000)),
            ("2048k", Some(2 << 20)),
            ("1kb", None),
            ("0", None),
            ("-1G", None),
            ("1.5G", None),
            ("64 parsecs", None),
            ("99999999999999G", None),
            ("", None),
        ] {
            let parsed = parse_bytes(text).ok().map(NonZeroUsize::get);
            assert_eq!(parsed, bytes, "{text}");
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

    #[test]
    fn hosts_are_given_their_addresses() {
        let parsed = |text: &str| parse_address(text).map(|(host, at)| format!("{host} {at}"));
        assert_eq!(
            parsed("h.example:10.1.2.3").unwrap(),
            "h.example 10.1.2.3:0"
        );
        assert_eq!(
            parsed("h.example:10.1.2.3:6443").unwrap(),
            "h.example 10.1.2.3:6443"
        );
        assert_eq!(parsed("h:[::1]:8443").unwrap(), "h [::1]:8443");
        assert_eq!(parsed("h:[::1]").unwrap(), "h [::1]:0");
        for bad in [
            "",
            "h",
            ":10.1.2.3",
            "h:",
            "h:other.example",
            "h:10.1.2.3:x",
        ] {
            assert!(parse_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_of_profiles_fit_into_files_and_keyrings() {
        assert_eq!(parse_name(" gis.example-1_a ").unwrap(), "gis.example-1_a");
        for bad in ["", "a b", "a/b", "ü", "a\nb", &"x".repeat(65)] {
            assert!(parse_name(bad).is_err(), "{bad}");
        }
    }
}
