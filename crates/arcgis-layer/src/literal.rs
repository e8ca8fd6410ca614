//! SQL literals and conditions for `where`.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, tz::TimeZone};

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
        }
    }
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

from!(i64 => Integer, i32 => Integer, u32 => Integer, f64 => Float, Date => Date, DateTime => Timestamp, Time => Time);

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
        let early = Timestamp::from_millisecond(-1).unwrap();
        assert_eq!(
            Literal::utc(early).to_string(),
            "TIMESTAMP '1969-12-31 23:59:59.999'"
        );
    }
}
