//! Dates and times in text, exactly or not at all.

use jiff::civil::{Date, DateTime, Time, date};
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;

use crate::schema::DateZone;

const DAY: i64 = 86_400_000;

/// No moment in text is longer, in bytes: with nanoseconds and an offset it has some 40.
const LONGEST: usize = 64;

/// The parts of an ISO 8601 text. A leap second is no moment that a timestamp can hold.
fn pieces(text: &str) -> Option<(Date, Option<Time>, Option<Offset>)> {
    if text.contains(":60") {
        return None;
    }
    let pieces = Pieces::parse(text).ok()?;
    if pieces.time_zone_annotation().is_some() {
        return None;
    }
    let offset = match pieces.offset() {
        Some(_) => Some(pieces.to_numeric_offset()?),
        None => None,
    };
    Some((pieces.date(), pieces.time(), offset))
}

/// Microseconds between 1970 and a wall-clock time; `None` for anything finer.
fn microseconds(moment: DateTime) -> Option<i64> {
    let since = moment.duration_since(date(1970, 1, 1).at(0, 0, 0, 0));
    if since.subsec_nanos() % 1_000 != 0 {
        return None;
    }
    i64::try_from(since.as_micros()).ok()
}

/// Milliseconds since 1970 of a date, with or without time and offset; without offset in UTC.
/// Rounded down.
pub(crate) fn milliseconds(text: &str, dates: DateZone) -> Option<i64> {
    let (date, time, offset) = pieces(text)?;
    let moment = date.to_datetime(time.unwrap_or_default());
    let shift = match (offset, dates) {
        (None, _) => 0,
        // Of no known zone, yet with an offset: the text and the metadata contradict each other.
        (Some(offset), DateZone::Unknown) if offset != Offset::UTC => return None,
        (Some(offset), _) => i64::from(offset.seconds()) * 1_000,
    };
    Some(microseconds(moment)?.div_euclid(1_000) - shift)
}

/// Days since 1970 of a date without time; midnight counts as none.
pub(crate) fn days(text: &str) -> Option<i32> {
    let (day, time, _) = pieces(text.trim())?;
    if time.is_some_and(|time| time != Time::midnight()) {
        return None;
    }
    let since = day.duration_since(date(1970, 1, 1));
    i32::try_from(since.as_secs() / 86_400).ok()
}

/// Days since 1970 of a midnight UTC in milliseconds.
pub(crate) fn days_of_milliseconds(milliseconds: i64) -> Option<i32> {
    if milliseconds % DAY != 0 {
        return None;
    }
    i32::try_from(milliseconds / DAY).ok()
}

/// A time as nearly all are written, with a colon behind its hours and nothing behind its seconds. By itself each would
/// first be taken for a date, and the error that this gives thrown away.
fn usual_time(text: &str) -> Option<Time> {
    const DATE: &[u8] = b"1970-01-01T";
    if text.as_bytes().get(2) != Some(&b':') {
        return None;
    }
    let mut joined = [0; LONGEST];
    let (date, rest) = joined.split_at_mut_checked(DATE.len())?;
    date.copy_from_slice(DATE);
    rest.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
    let dated = joined.get(..DATE.len() + text.len())?;
    match pieces(std::str::from_utf8(dated).ok()?)? {
        (_, time, None) => time,
        _ => None,
    }
}

/// Milliseconds since midnight; `None` for anything finer.
pub(crate) fn time_of_day(text: &str) -> Option<i32> {
    let text = text.trim();
    if text.contains(":60") || text.len() < 5 {
        return None;
    }
    let time = match usual_time(text) {
        Some(time) => time,
        None => text.parse().ok()?,
    };
    let since = time.duration_since(Time::midnight());
    if since.subsec_nanos() % 1_000_000 != 0 {
        return None;
    }
    i32::try_from(since.as_millis()).ok()
}

/// Microseconds since 1970 UTC, and the offset from UTC in minutes.
pub(crate) fn instant_with_offset(text: &str) -> Option<(i64, i16)> {
    let text = text.trim();
    // ArcGIS writes a blank before the offset where ISO has none.
    let mut joined = [0; LONGEST];
    let text = match text.rsplit_once(' ') {
        Some((moment, offset)) if offset.starts_with(['+', '-', 'Z']) => {
            let (first, rest) = joined.split_at_mut_checked(moment.len())?;
            first.copy_from_slice(moment.as_bytes());
            rest.get_mut(..offset.len())?
                .copy_from_slice(offset.as_bytes());
            let bytes = joined.get(..moment.len() + offset.len())?;
            std::str::from_utf8(bytes).ok()?
        }
        _ => text,
    };
    let (date, time, offset) = pieces(text)?;
    let seconds = i64::from(offset?.seconds());
    let minutes = i16::try_from(seconds / 60).ok()?;
    if seconds % 60 != 0 {
        return None;
    }
    let local = microseconds(date.to_datetime(time?))?;
    Some((local - seconds * 1_000_000, minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Seconds since 1970 by GNU date: `date -u -d … +%s`.
    #[test]
    fn dates_in_text() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("1969-12-31T23:59:59.999Z", Some(-1)),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799_000)),
            ("1677-01-01", Some(-9_246_096_000_000)),
            ("2024-02-29 12:30:00", Some(1_709_209_800_000)),
            ("2024-02-29T12:30:00+05:30", Some(1_709_190_000_000)),
            ("1969-12-31T23:59:59.9999Z", Some(-1)),
            ("2023-02-29", None),
            ("2016-12-31T23:59:60Z", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(milliseconds(text, DateZone::Utc), expected, "{text}");
        }
        let local = "2024-02-29T12:30:00";
        assert_eq!(
            milliseconds(local, DateZone::Unknown),
            Some(1_709_209_800_000)
        );
        assert_eq!(
            milliseconds("2024-02-29T12:30:00+05:30", DateZone::Unknown),
            None
        );
    }

    #[test]
    fn days_and_times() {
        for (text, expected) in [
            ("1970-01-02", Some(1)),
            ("1969-12-31", Some(-1)),
            ("9999-12-31", Some(2_932_896)),
            ("0001-01-01", Some(-719_162)),
            ("2024-01-31T00:00:00", Some(19_753)),
            ("2024-01-31T00:00:01", None),
            ("31.01.2024", None),
        ] {
            assert_eq!(days(text), expected, "{text}");
        }
        assert_eq!(days_of_milliseconds(-86_400_000), Some(-1));
        assert_eq!(days_of_milliseconds(1), None);
        for (text, expected) in [
            ("00:00:00", Some(0)),
            ("23:59:59.999", Some(86_399_999)),
            ("12:30", Some(45_000_000)),
            ("12:30:00.0005", None),
            ("24:00:00", None),
            ("12:30:60", None),
            ("12", None),
        ] {
            assert_eq!(time_of_day(text), expected, "{text}");
        }
    }

    #[test]
    fn moments_keep_their_offset() {
        for (text, expected) in [
            (
                "2023-02-02T13:34:18-08:00",
                Some((1_675_373_658_000_000, -480)),
            ),
            (
                "2023-02-02 13:34:18.123456 +05:45",
                Some((1_675_324_158_123_456, 345)),
            ),
            (
                "2023-02-02 13:34:18.123456000 Z",
                Some((1_675_344_858_123_456, 0)),
            ),
            ("1970-01-01T00:00:00Z", Some((0, 0))),
            ("1970-01-01T00:00:00", None),
            ("1970-01-01T00:00:00.0000001Z", None),
        ] {
            assert_eq!(instant_with_offset(text), expected, "{text}");
        }
        for length in 1..200 {
            let text = format!("1970-01-01T00:00:00.{} +00:00", "0".repeat(length));
            // Nine digits are what a second is divided into.
            let expected = (length <= 9).then_some((0, 0));
            assert_eq!(instant_with_offset(&text), expected, "{text}");
        }
    }
}
