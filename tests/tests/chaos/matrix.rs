//! The table of all cells.

use std::collections::BTreeMap;
use std::fmt;

use crate::cell::Ending;
use crate::ways::Way;

/// How all cells ended: a line for each trouble, a column for each way, a sign for each shape and format.
#[derive(Debug, Default)]
pub(crate) struct Matrix {
    lines: Vec<String>,
    cells: BTreeMap<(usize, usize), String>,
    pub(crate) run: usize,
    pub(crate) failures: Vec<String>,
}

impl Matrix {
    /// Enters a cell.
    pub(crate) fn enter(
        &mut self,
        trouble: &str,
        way: Way,
        what: &str,
        ended: Result<Ending, String>,
    ) {
        let known = self.lines.iter().position(|line| line == trouble);
        let line = known.unwrap_or_else(|| {
            self.lines.push(trouble.to_owned());
            self.lines.len() - 1
        });
        let column = Way::ALL.iter().position(|other| *other == way).unwrap();
        let sign = match &ended {
            Ok(Ending::Equal) => '=',
            Ok(Ending::Drift) => 'd',
            Ok(Ending::Service) => '4',
            Ok(Ending::Rows) => '5',
            Err(_) => '!',
        };
        self.cells.entry((line, column)).or_default().push(sign);
        self.run += 1;
        if let Err(problem) = ended {
            let way = way.title();
            self.failures
                .push(format!("{trouble}, {way}, {what}: {problem}"));
        }
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wide = self.lines.iter().map(|line| line.chars().count()).max();
        let wide = wide.unwrap_or_default();
        write!(f, "{:wide$}", "")?;
        for way in Way::ALL {
            write!(f, " | {}", way.title())?;
        }
        writeln!(f)?;
        for (line, name) in self.lines.iter().enumerate() {
            write!(f, "{name:wide$}")?;
            for (column, way) in Way::ALL.iter().enumerate() {
                let cell = self.cells.get(&(line, column)).map_or("", String::as_str);
                let width = way.title().len();
                write!(f, " | {cell:width$}")?;
            }
            writeln!(f)?;
        }
        write!(
            f,
            "{} cells, {} not as they have to be; = equal, d drift, 4 service, 5 rows named",
            self.run,
            self.failures.len()
        )
    }
}
