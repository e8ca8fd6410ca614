//! The table of all cells.

use std::collections::BTreeMap;
use std::fmt;

use crate::cell::{Ending, Form, most_requests};
use crate::layers::Shape;
use crate::ways::Way;

/// How all cells ended: a line for each trouble, a column for each way, in it a sign for each shape and format.
#[derive(Debug, Default)]
pub(crate) struct Matrix {
    /// In the order in which they are to be shown.
    names: Vec<String>,
    lines: BTreeMap<String, Line>,
    pub(crate) failures: Vec<String>,
}

/// A sign for each way and each shape and format.
type Line = BTreeMap<(usize, usize), char>;

/// The place of a shape and a format within a column.
const PLACES: usize = Shape::ALL.len() * Form::ALL.len();

impl Matrix {
    /// Gives a trouble its line, if it has none yet.
    pub(crate) fn name(&mut self, trouble: &str) {
        if !self.names.iter().any(|name| name == trouble) {
            self.names.push(trouble.to_owned());
        }
    }

    /// Enters a cell.
    pub(crate) fn enter(
        &mut self,
        trouble: String,
        way: Way,
        (shape, form): (Shape, Form),
        ended: Result<Ending, String>,
    ) {
        let sign = match &ended {
            Ok(Ending::Equal) => '=',
            Ok(Ending::Turned) => '~',
            Ok(Ending::Silent) => '-',
            Ok(Ending::Drift) => 'd',
            Ok(Ending::Access) => '3',
            Ok(Ending::Service) => '4',
            Ok(Ending::Rows) => '5',
            Err(_) => '!',
        };
        if let Err(problem) = ended {
            self.failures.push(format!(
                "{trouble} | {way:?} | {shape:?} {form:?} | {problem}"
            ));
        }
        let column = Way::ALL.iter().position(|other| *other == way).unwrap();
        let shape = Shape::ALL.iter().position(|other| *other == shape).unwrap();
        let form = Form::ALL.iter().position(|other| *other == form).unwrap();
        let place = shape * Form::ALL.len() + form;
        let line = self.lines.entry(trouble).or_default();
        line.insert((column, place), sign);
    }

    /// How many cells were run.
    pub(crate) fn run(&self) -> usize {
        self.lines.values().map(BTreeMap::len).sum()
    }

    fn of(&self, sign: char) -> usize {
        let signs = self.lines.values().flat_map(BTreeMap::values);
        signs.filter(|other| **other == sign).count()
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wide = self.names.iter().map(|name| name.chars().count()).max();
        let wide = wide.unwrap_or_default();
        let width = |way: &Way| way.title().len().max(PLACES);
        write!(f, "{:wide$}", "")?;
        for way in &Way::ALL {
            write!(f, " | {:width$}", way.title(), width = width(way))?;
        }
        writeln!(f)?;
        for (name, line) in self
            .names
            .iter()
            .filter_map(|name| self.lines.get_key_value(name))
        {
            write!(f, "{name:wide$}")?;
            for (column, way) in Way::ALL.iter().enumerate() {
                let sign = |place| line.get(&(column, place)).copied().unwrap_or(' ');
                let cell: String = (0..PLACES).map(sign).collect();
                write!(f, " | {cell:width$}", width = width(way))?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "In each cell: points, polygons, tables; of each JSON, PBF. = equal, ~ equal by another way than the first, \
             - equal, since nothing is asked for that it is about, d drift told and all else equal, \
             3 not let in, 4 service, 5 rows named, ! not as it has to be"
        )?;
        write!(f, "{} cells:", self.run())?;
        for sign in ['=', '~', '-', 'd', '3', '4', '5', '!'] {
            write!(f, " {} {sign}", self.of(sign))?;
        }
        write!(f, "; at most {} requests for one", most_requests())
    }
}
