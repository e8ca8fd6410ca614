//! Dates and times as ISO 8601.

use std::fmt;

/// Days since 1970, as `2024-02-29`.
pub(crate) struct IsoDate(pub(crate) i64);

/// Milliseconds since midnight, as `13:05:00` or `13:05:00.250`.
pub(crate) struct IsoTime(pub(crate) i64);

/// A moment or a wall-clock time, as `2024-02-29T13:05:00.250Z`. Fractions stand there where they are not 0,
/// in milliseconds if these suffice.
pub(crate) struct IsoMoment {
    pub(crate) microseconds: i128,
    pub(crate) utc: bool,
    /// Write milliseconds even where they are 0.
    pub(crate) milliseconds: bool,
}

const DAY: i128 = 86_400_000_000;

impl fmt::Display for IsoDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0);
        match year {
            0..=9999 => write!(f, "{year:04}-{month:02}-{day:02}"),
            _ => write!(f, "{year:+07}-{month:02}-{day:02}"),
        }
    }
}

impl fmt::Display for IsoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        clock(f, i128::from(self.0) * 1_000, false)
    }
}

impl fmt::Display for IsoMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.microseconds.div_euclid(DAY);
        // 64 bits of milliseconds are fewer than 2^38 days.
        write!(f, "{}T", IsoDate(i64::try_from(days).unwrap_or(i64::MAX)))?;
        clock(f, self.microseconds.rem_euclid(DAY), self.milliseconds)?;
        if self.utc {
            f.write_str("Z")?;
        }
        Ok(())
    }
}

fn clock(f: &mut fmt::Formatter<'_>, microseconds: i128, milliseconds: bool) -> fmt::Result {
    let seconds = microseconds / 1_000_000;
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    write!(f, "{hours:02}:{minutes:02}:{rest:02}")?;
    let fraction = microseconds % 1_000_000;
    if fraction % 1_000 != 0 {
        write!(f, ".{fraction:06}")
    } else if fraction != 0 || milliseconds {
        write!(f, ".{:03}", fraction / 1_000)
    } else {
        Ok(())
    }
}

/// Year, month and day of a number of days since 1970, in the Gregorian calendar before its time too.
fn civil(days: i64) -> (i64, i64, i64) {
    // Eras of 400 years, counted from 1 March of the year 0: so the leap day is the last of its year.
    let days = i128::from(days) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    let small = |number: i128| i64::try_from(number).unwrap_or(i64::MAX);
    (small(year), small(month), small(day))
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Date, date};
    use proptest::prelude::*;

    use super::*;

    fn moment(microseconds: i128, utc: bool) -> String {
        IsoMoment {
            microseconds,
            utc,
            milliseconds: false,
        }
        .to_string()
    }

    #[test]
    fn moments_are_exact() {
        assert_eq!(moment(0, true), "1970-01-01T00:00:00Z");
        assert_eq!(moment(-1, false), "1969-12-31T23:59:59.999999");
        assert_eq!(
            moment(1_709_211_900_250_000, true),
            "2024-02-29T13:05:00.250Z"
        );
        // What 64 bits of milliseconds can say.
        let far = moment(i128::from(i64::MIN) * 1_000, true);
        assert_eq!(far, "-292275055-05-16T16:47:04.192Z");
        assert_eq!(IsoTime(86_399_999).to_string(), "23:59:59.999");
        assert_eq!(
            IsoMoment {
                microseconds: 0,
                utc: true,
                milliseconds: true
            }
            .to_string(),
            "1970-01-01T00:00:00.000Z"
        );
    }

    proptest! {
        #[test]
        fn dates_are_those_of_jiff(days in -4_371_000_i64..2_932_000) {
            let expected: Date = date(1970, 1, 1) + jiff::Span::new().days(days);
            prop_assert_eq!(IsoDate(days).to_string(), expected.to_string());
        }
    }
}
