//! A table for people: a head, and rows that are aligned with it.

use std::io::{self, Write};

use crate::exit::one_line;

/// Wider cells are cut in the middle of the table, never in its last column.
const WIDEST: usize = 48;

/// Rows of text under a head.
#[derive(Debug)]
pub(crate) struct Columns {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Columns {
    /// A table without rows.
    pub(crate) fn new<H: AsRef<str>>(head: impl IntoIterator<Item = H>) -> Self {
        Self {
            head: line(head),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Text of a service is kept from ending the line or steering the terminal.
    pub(crate) fn row<C: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(line(cells));
    }

    /// Writes the table, two spaces from the left. Columns that are empty all the way are left out.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let lengths = |place: usize| {
            self.rows
                .iter()
                .filter_map(move |row| row.get(place))
                .map(|cell| cell.chars().count())
        };
        let shown: Vec<usize> = (0..self.head.len())
            .filter(|place| lengths(*place).any(|length| length > 0))
            .collect();
        let widths: Vec<usize> = self
            .head
            .iter()
            .enumerate()
            .map(|(place, name)| {
                let widest = lengths(place).max().unwrap_or(0).min(WIDEST);
                widest.max(name.chars().count())
            })
            .collect();
        let dim = anstyle::Style::new().dimmed();
        for (number, row) in std::iter::once(&self.head).chain(&self.rows).enumerate() {
            let mut line = String::new();
            for place in &shown {
                let (Some(cell), Some(width)) = (row.get(*place), widths.get(*place)) else {
                    continue;
                };
                line.push_str("  ");
                if Some(place) == shown.last() {
                    line.push_str(cell);
                } else {
                    line.push_str(&padded(cell, *width));
                }
            }
            let line = line.trim_end();
            if number == 0 {
                writeln!(out, "{dim}{line}{dim:#}")?;
            } else {
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    }
}

fn line<C: AsRef<str>>(cells: impl IntoIterator<Item = C>) -> Vec<String> {
    cells
        .into_iter()
        .map(|cell| one_line(cell.as_ref()))
        .collect()
}

/// `cell` in as many letters as `width`.
fn padded(cell: &str, width: usize) -> String {
    let letters = cell.chars().count();
    if letters > width {
        let cut: String = cell.chars().take(width.saturating_sub(1)).collect();
        return format!("{cut}…");
    }
    format!("{cell}{}", " ".repeat(width - letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let mut table = Columns::new(["Name", "Alias", "Domain"]);
        table.row(["a", "", "x"]);
        table.row(["größer", "", "y\tz"]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let plain = anstream::adapter::strip_bytes(&out).into_vec();
        assert_eq!(
            String::from_utf8(plain).unwrap(),
            "  Name    Domain\n  a       x\n  größer  y z\n"
        );
        assert_eq!(padded("abcdef", 4), "abc…");
    }
}
