//! SQL literals and conditions for `where`.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

/// A value as SQL text, quoted and escaped, in the standard SQL that every service takes
/// (<https://developers.arcgis.com/rest/services-reference/enterprise/query-feature-service-layer/>).
///
/// ```
/// use arcgis_layer::Literal;
///
/// let condition = format!("OWNER = {} AND DEPTH > {}", Literal::from("O'Brien"), Literal::from(12));
/// assert_eq!(condition, "OWNER = 'O''Brien' AND DEPTH > 12");
/// let day = jiff::civil::date(2018, 6, 5);
/// assert_eq!(Literal::from(day).to_string(), "DATE '2018-06-05'");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Literal<'a> {
    /// Text: `'O''Brien'`.
    Text(std::borrow::Cow<'a, str>),
    /// A whole number.
    Integer(i64),
    /// Another number, without exponent. What is not finite has no literal and is written `NULL`.
    Float(f64),
    /// A calendar date: `DATE '2018-06-05'`.
    Date(Date),
    /// A date and time: `TIMESTAMP '2018-06-05 14:35:00'`, with milliseconds where there are any. Servers
    /// read it in the zone of the layer's `dateFieldsTimeReference`, in UTC where there is none.
    Timestamp(DateTime),
    /// A time of day: `TIME '14:35:00'`.
    Time(Time),
    /// A moment. In a [`Condition`](crate::Condition) it is written in the zone of the layer; alone, in UTC.
    Moment(Timestamp),
    /// A moment with an offset from UTC, for fields of type `TimestampOffset`:
    /// `TIMESTAMP '2018-06-05 14:35:00 -08:00'`.
    OffsetTimestamp(Timestamp, Offset),
    /// Nothing: `NULL`.
    Null,
}

impl Literal<'_> {
    /// A moment, in UTC.
    #[must_use]
    pub fn utc(moment: Timestamp) -> Self {
        Self::Timestamp(moment.to_zoned(TimeZone::UTC).datetime())
    }
}

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(number) if number.is_finite() => write!(f, "{number}"),
            Self::Float(_) => f.write_str("NULL"),
            Self::Date(date) => write!(f, "DATE '{}'", Day(*date)),
            Self::Timestamp(moment) => write!(
                f,
                "TIMESTAMP '{} {}'",
                Day(moment.date()),
                TimeOfDay(moment.time())
            ),
            Self::Time(time) => write!(f, "TIME '{}'", TimeOfDay(*time)),
            Self::Moment(moment) => Self::utc(*moment).fmt(f),
            Self::OffsetTimestamp(moment, offset) => {
                let local = offset.to_datetime(*moment);
                let minutes = offset.seconds().div_euclid(60);
                let sign = if minutes < 0 { '-' } else { '+' };
                let minutes = minutes.unsigned_abs();
                write!(
                    f,
                    "TIMESTAMP '{} {} {sign}{:02}:{:02}'",
                    Day(local.date()),
                    TimeOfDay(local.time()),
                    minutes / 60,
                    minutes % 60
                )
            }
            Self::Null => f.write_str("NULL"),
        }
    }
}

/// A GUID as services write it, in braces and upper case; `None` for a text that is none.
pub(crate) fn guid(text: &str) -> Option<String> {
    let text = text.trim();
    let bare = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
        .unwrap_or(text);
    let groups = bare.split('-').map(str::len);
    let fits = groups.eq([8, 4, 4, 4, 12])
        && bare
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    fits.then(|| format!("{{{}}}", bare.to_ascii_uppercase()))
}

struct Day(Date);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(date) = self;
        write!(
            f,
            "{:04}-{:02}-{:02}",
            date.year(),
            date.month(),
            date.day()
        )
    }
}

struct TimeOfDay(Time);

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time) = self;
        write!(
            f,
            "{:02}:{:02}:{:02}",
            time.hour(),
            time.minute(),
            time.second()
        )?;
        match time.millisecond() {
            0 => Ok(()),
            millis => write!(f, ".{millis:03}"),
        }
    }
}

impl<'a> From<&'a str> for Literal<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Literal<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

macro_rules! from {
    ($($source:ty => $variant:ident),* $(,)?) => {$(
        impl From<$source> for Literal<'_> {
            fn from(value: $source) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

from!(
    i64 => Integer, i32 => Integer, u32 => Integer, f64 => Float,
    Date => Date, DateTime => Timestamp, Time => Time, Timestamp => Moment,
);

impl From<Zoned> for Literal<'_> {
    fn from(moment: Zoned) -> Self {
        Self::OffsetTimestamp(moment.timestamp(), moment.offset())
    }
}

impl<'a, T: Into<Literal<'a>>> From<Option<T>> for Literal<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The rows whose object id lies from `first` to `last`, both included.
///
/// ```
/// assert_eq!(arcgis_layer::object_id_range("FID", 1, 1000), "FID >= 1 AND FID <= 1000");
/// ```
#[must_use]
pub fn object_id_range(field: &str, first: i64, last: i64) -> String {
    format!("{field} >= {first} AND {field} <= {last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t50_quotes_are_doubled() {
        assert_eq!(Literal::from("O'Brien").to_string(), "'O''Brien'");
        assert_eq!(Literal::from("").to_string(), "''");
        assert_eq!(Literal::from("'").to_string(), "''''");
        assert_eq!(
            Literal::from("x' OR '1'='1").to_string(),
            "'x'' OR ''1''=''1'"
        );
    }

    #[test]
    fn numbers_have_no_exponent() {
        // Koop refuses `population > 1e6`.
        assert_eq!(Literal::from(1e21).to_string(), "1000000000000000000000");
        assert_eq!(Literal::from(0.000_000_1).to_string(), "0.0000001");
        assert_eq!(Literal::from(-2.5).to_string(), "-2.5");
        assert_eq!(Literal::from(i64::MIN).to_string(), "-9223372036854775808");
        assert_eq!(Literal::from(f64::NAN).to_string(), "NULL");
    }

    #[test]
    fn t89_dates_are_padded_and_carry_their_keyword() {
        let moment = jiff::civil::date(2018, 6, 5).at(14, 35, 0, 0);
        assert_eq!(
            Literal::from(moment).to_string(),
            "TIMESTAMP '2018-06-05 14:35:00'"
        );
        let fraction = jiff::civil::date(301, 12, 31).at(23, 59, 59, 7_000_000);
        assert_eq!(
            Literal::from(fraction).to_string(),
            "TIMESTAMP '0301-12-31 23:59:59.007'"
        );
        assert_eq!(
            Literal::from(jiff::civil::time(2, 5, 0, 0)).to_string(),
            "TIME '02:05:00'"
        );
        // 1705320000000 is 2024-01-15 12:00 UTC (T59).
        let utc = Timestamp::from_millisecond(1_705_320_000_000).unwrap();
        assert_eq!(
            Literal::utc(utc).to_string(),
            "TIMESTAMP '2024-01-15 12:00:00'"
        );
        assert_eq!(
            Literal::from(utc).to_string(),
            Literal::utc(utc).to_string()
        );
        for (offset, text) in [
            (Offset::constant(-8), "2024-01-15 04:00:00 -08:00"),
            (
                Offset::from_seconds(19_800).unwrap(),
                "2024-01-15 17:30:00 +05:30",
            ),
            (
                Offset::from_seconds(-12_600).unwrap(),
                "2024-01-15 08:30:00 -03:30",
            ),
            (Offset::UTC, "2024-01-15 12:00:00 +00:00"),
        ] {
            assert_eq!(
                Literal::OffsetTimestamp(utc, offset).to_string(),
                format!("TIMESTAMP '{text}'")
            );
        }
        let early = Timestamp::from_millisecond(-1).unwrap();
        assert_eq!(
            Literal::utc(early).to_string(),
            "TIMESTAMP '1969-12-31 23:59:59.999'"
        );
    }

    #[test]
    fn guids_are_braced_and_upper_case() {
        let wanted = "{0B6A2F3C-11A1-4D5E-9A53-0123456789AB}";
        for text in [
            "0b6a2f3c-11a1-4d5e-9a53-0123456789ab",
            "{0b6a2f3c-11a1-4d5e-9a53-0123456789ab}",
            wanted,
        ] {
            assert_eq!(guid(text).as_deref(), Some(wanted));
        }
        for bad in [
            "",
            "{}",
            "0b6a2f3c-11a1-4d5e-9a53-0123456789a",
            "0b6a2f3c-11a1-4d5e-9a53-0123456789ab}",
            "0b6a2f3c11a14d5e9a530123456789ab",
            "0b6a2f3c-11a1-4d5e-9a53-0123456789g'",
        ] {
            assert_eq!(guid(bad), None, "{bad}");
        }
    }
}
