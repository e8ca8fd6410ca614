//! Dates and times as text.

use super::SqlError;

/// Milliseconds since 1970 of `YYYY-MM-DD[( |T)HH:MM[:SS[.fff]]][ ](Z|±HH:MM)`; without an offset the time is UTC.
pub(crate) fn timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    let days = date(text.get(..10)?)?;
    let rest = text.get(10..)?.trim_start_matches(['T', 't', ' ']);
    let (clock, offset) = split_offset(rest)?;
    let clock = if clock.is_empty() { 0 } else { time(clock)? };
    Some(days * 86_400_000 + clock - offset)
}

/// Days since 1970 of `YYYY-MM-DD`.
pub(crate) fn date(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return None;
    }
    let (year, month, day) = (
        digits(text.get(..4)?)?,
        digits(text.get(5..7)?)?,
        digits(text.get(8..)?)?,
    );
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let longest = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=longest).contains(&day) {
        return None;
    }
    // Days from civil (Howard Hinnant): years begin in March, so that the leap day is a year's last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Milliseconds of `HH:MM[:SS[.fff…]]`.
pub(crate) fn time(text: &str) -> Option<i64> {
    let mut parts = text.trim().splitn(3, ':');
    let (hours, minutes) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let (seconds, millis) = match parts.next() {
        None => (0, 0),
        Some(seconds) => match seconds.split_once('.') {
            None => (digits(seconds)?, 0),
            Some((seconds, fraction)) => {
                digits(fraction)?;
                let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
                (digits(seconds)?, digits(&thousandths)?)
            }
        },
    };
    (hours < 24 && minutes < 60 && seconds < 60)
        .then_some(((hours * 60 + minutes) * 60 + seconds) * 1000 + millis)
}

fn split_offset(text: &str) -> Option<(&str, i64)> {
    let text = text.trim();
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock.trim_end(), 0));
    }
    let Some(at) = text.rfind(['+', '-']) else {
        return Some((text, 0));
    };
    let (clock, offset) = text.split_at(at);
    let millis = time(offset.get(1..)?)?;
    Some((
        clock.trim_end(),
        if offset.starts_with('-') {
            -millis
        } else {
            millis
        },
    ))
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

pub(super) fn bad(keyword: &str, text: &str) -> SqlError {
    SqlError(format!("'{text}' is no {keyword} literal"))
}

#[cfg(test)]
mod tests {
    use super::{date, time, timestamp};

    #[test]
    fn timestamps_are_milliseconds_of_utc() {
        assert_eq!(timestamp("1970-01-01"), Some(0));
        assert_eq!(timestamp("1969-12-31"), Some(-86_400_000));
        assert_eq!(timestamp("2024-01-15 12:00:00"), Some(1_705_320_000_000));
        assert_eq!(
            timestamp("2024-01-15T12:00:00.250Z"),
            Some(1_705_320_000_250)
        );
        assert_eq!(
            timestamp("2024-01-15 17:30:00 +05:30"),
            Some(1_705_320_000_000)
        );
        assert_eq!(
            timestamp("2024-01-15 04:00 -08:00"),
            Some(1_705_320_000_000)
        );
        assert_eq!(date("2000-02-29"), Some(11_016));
        assert_eq!(time("14:35:00"), Some(52_500_000));
        for bad in [
            "06/05/2018",
            "2018-6-5",
            "2020-13-01",
            "2020-01-32",
            "1900-02-29",
            "2020-01-01 25:00:00",
            "2020-01-01 10:61:00",
            "",
        ] {
            assert_eq!(timestamp(bad), None, "{bad}");
        }
    }
}
