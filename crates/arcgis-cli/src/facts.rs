//! Names and values in two aligned columns, and other things for people to read.

use std::io::{self, Write};
use std::time::Duration;

use crate::exit::one_line;

/// What is known, in the order in which it is shown.
#[derive(Debug, Default)]
pub(crate) struct Facts(Vec<(&'static str, String)>);

impl Facts {
    /// Adds a fact. Text of a service is kept from ending the line or steering the terminal.
    pub(crate) fn add(&mut self, name: &'static str, value: impl AsRef<str>) {
        self.0.push((name, one_line(value.as_ref())));
    }

    /// Adds a fact, if there is one.
    pub(crate) fn add_some(&mut self, name: &'static str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value.filter(|value| !value.as_ref().trim().is_empty()) {
            self.add(name, value);
        }
    }

    /// Writes one line for each.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let dim = anstyle::Style::new().dimmed();
        for (name, value) in &self.0 {
            writeln!(out, "  {dim}{name:<width$}{dim:#}  {value}")?;
        }
        Ok(())
    }
}

/// A number with commas between its thousands.
pub(crate) fn count(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}

/// A number of things, such as `1 row` and `7,322 rows`.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {thing}{ending}", count(number))
}

/// A number of bytes in kB, MB and so on.
pub(crate) fn bytes(number: u64) -> String {
    indicatif::DecimalBytes(number).to_string()
}

/// A time as people say it: `1.84 s`, `2 min 5 s`, `1 h 2 min`.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{:.2} s", time.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A coordinate to the sixth decimal, which is 11 cm in degrees, without zeros at its end.
pub(crate) fn coordinate(value: f64) -> String {
    let text = format!("{value:.6}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    match short {
        "-0" => "0".to_owned(),
        short => short.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_exact() {
        assert_eq!(count(7_322), "7,322");
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(0, "page"), "0 pages");
        assert_eq!(time(Duration::from_millis(1_839)), "1.84 s");
        assert_eq!(time(Duration::from_secs(125)), "2 min 5 s");
        assert_eq!(time(Duration::from_secs(3_725)), "1 h 2 min");
        assert_eq!(coordinate(-179.5899789), "-179.589979");
        assert_eq!(coordinate(-90.0), "-90");
        assert_eq!(coordinate(100.0), "100");
        assert_eq!(coordinate(-0.000_000_1), "0");
    }

    #[test]
    fn names_are_aligned_and_values_keep_to_their_line() {
        let mut facts = Facts::default();
        facts.add("Rows", "7,322");
        facts.add("Geometry", "Point\n\u{1b}[31mred");
        facts.add_some("Empty", Some(" "));
        let mut out = Vec::new();
        facts.write(&mut out).unwrap();
        let plain = anstream::adapter::strip_bytes(&out).into_vec();
        assert_eq!(
            String::from_utf8(plain).unwrap(),
            "  Rows      7,322\n  Geometry  Point [31mred\n"
        );
    }
}
