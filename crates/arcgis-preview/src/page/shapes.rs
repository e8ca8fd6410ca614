//! The geometry of the rows that a page shows, on a fine grid, each position as the step from the one before.

use serde_json::{Value, json};

use super::blob::{Array, Blob};
use crate::crs::Crs;
use crate::error::Error;
use crate::geometry_column::GeometryColumn;
use crate::land;
use crate::longitude;
use crate::outline::{Extent, Outline, PartKind, doubled_area};
use crate::placement::Cut;
use crate::sample::Kept;

/// Cells along the longer side of the extent: a cell of the whole world is 15 cm.
const CELLS: f64 = 268_435_456.0;

/// Positions that a page holds, about.
const MOST_POSITIONS: usize = 3_000_000;

/// Lines and rings of so many positions are not thinned.
const FEW: usize = 12;

/// Where the grid is.
#[derive(Debug, Clone, Copy)]
struct Grid {
    x: f64,
    y: f64,
    cell: f64,
}

/// What geometry is read with.
pub(super) struct Source<'a> {
    pub(super) kept: &'a [Kept],
    pub(super) place: usize,
    pub(super) geometry: &'a GeometryColumn,
    pub(super) crs: &'a Crs,
    pub(super) cut: Option<Cut>,
}

impl Source<'_> {
    /// Adds the geometry; gives where it is, and whether it was thinned.
    pub(super) fn add(&self, extent: &Extent, blob: &mut Blob) -> Result<Value, Error> {
        let side = extent.width().max(extent.height());
        let reach = extent.reach().max(f64::MIN_POSITIVE);
        let grid = Grid {
            x: extent.xmin,
            y: extent.ymin,
            cell: (side / CELLS).max(reach * 1e-15),
        };
        let mut least = 0.0;
        let steps = loop {
            if let Some(steps) = self.steps(grid, least)? {
                break steps;
            }
            // Too many: none nearer to the one before than this.
            least = (least * 2.0).max(side / 65_536.0);
        };
        let mut said = steps.add(blob);
        if let Some(said) = said.as_object_mut() {
            said.insert("x".to_owned(), json!(grid.x));
            said.insert("y".to_owned(), json!(grid.y));
            said.insert("cell".to_owned(), json!(grid.cell));
            said.insert("thinned".to_owned(), json!(least));
            said.insert("land".to_owned(), self.land(extent, grid, blob));
        }
        Ok(said)
    }

    /// All geometry; None if that is too much, and less the farther positions have to be from each other.
    fn steps(&self, grid: Grid, least: f64) -> Result<Option<Steps>, Error> {
        let mut outline = Outline::default();
        let mut steps = Steps::default();
        for kept in self.kept {
            let column = kept.batch.column(self.place);
            for (row, number) in kept.numbers.iter().enumerate() {
                self.geometry
                    .read(column, row, &mut outline)
                    .map_err(|problem| Error::Geometry {
                        row: number + 1,
                        problem,
                    })?;
                if let Some(period) = self.crs.period() {
                    longitude::unwrap(&mut outline, period);
                    self.arrange(&mut outline);
                }
                steps.feature(&outline, grid, least);
                if steps.positions > MOST_POSITIONS && steps.can_thin && least < f64::MAX {
                    return Ok(None);
                }
            }
        }
        Ok(Some(steps))
    }

    /// Moves what lies on the far side of the antimeridian.
    fn arrange(&self, outline: &mut Outline) {
        let Some(cut) = self.cut else { return };
        let mut of_shell = 0.0;
        outline.change(|kind, positions| {
            if kind == PartKind::Points {
                for [x, _] in positions {
                    *x += cut.shift(*x);
                }
                return;
            }
            if kind != PartKind::Hole {
                let mut extent = Extent::EMPTY;
                for position in positions.iter() {
                    extent.add(*position);
                }
                of_shell = cut.shift(extent.middle()[0]);
            }
            for [x, _] in positions {
                *x += of_shell;
            }
        });
    }

    /// The outline of the land around the map, if it is of use.
    fn land(&self, extent: &Extent, grid: Grid, blob: &mut Blob) -> Value {
        if !land::is_of_use(extent, self.crs) {
            return Value::Null;
        }
        let around = Extent {
            xmin: extent.xmin - extent.width(),
            xmax: extent.xmax + extent.width(),
            ..*extent
        };
        let mut steps = Steps::default();
        let mut outline = Outline::default();
        land::each_ring(&around, self.crs, |ring| {
            outline.clear();
            for [x, y] in ring {
                outline.push(*x, *y);
            }
            outline.end(PartKind::Shell);
            steps.feature(&outline, grid, 0.0);
        });
        steps.add(blob)
    }
}

/// Features as steps.
#[derive(Debug, Default)]
struct Steps {
    bytes: Vec<u8>,
    features: usize,
    parts: usize,
    positions: usize,
    /// Some part has enough positions to be thinned.
    can_thin: bool,
    last: [i64; 2],
}

impl Steps {
    fn add(self, blob: &mut Blob) -> Value {
        json!({
            "features": self.features,
            "parts": self.parts,
            "positions": self.positions,
            "steps": blob.add(&Array::U8(self.bytes)),
        })
    }

    fn feature(&mut self, outline: &Outline, grid: Grid, least: f64) {
        self.features += 1;
        number(outline.parts().count() as u64, &mut self.bytes);
        let mut thin = Vec::new();
        for (kind, positions) in outline.parts() {
            thin.clear();
            thinned(kind, positions, least, &mut thin);
            let area = doubled_area(&thin);
            let turns = match kind {
                PartKind::Shell => area < 0.0,
                PartKind::Hole => area > 0.0,
                PartKind::Points | PartKind::Line => false,
            };
            if turns {
                thin.reverse();
            }
            let code = match kind {
                PartKind::Points => 0,
                PartKind::Line => 1,
                PartKind::Shell => 2,
                PartKind::Hole => 3,
            };
            number((thin.len() as u64) << 2 | code, &mut self.bytes);
            self.parts += 1;
            self.positions += thin.len();
            self.can_thin |= kind != PartKind::Points && thin.len() > FEW;
            for [x, y] in &thin {
                // Conversions end at the limits of i64, far outside of the grid.
                let cell = [
                    ((x - grid.x) / grid.cell).round() as i64,
                    ((y - grid.y) / grid.cell).round() as i64,
                ];
                for (to, from) in cell.into_iter().zip(self.last) {
                    let step = to.saturating_sub(from);
                    number(((step << 1) ^ (step >> 63)) as u64, &mut self.bytes);
                }
                self.last = cell;
            }
        }
    }
}

/// The positions without those that are nearer than `least` to the one before, but for the first and the last.
fn thinned(kind: PartKind, positions: &[[f64; 2]], least: f64, out: &mut Vec<[f64; 2]>) {
    if least == 0.0 || kind == PartKind::Points || positions.len() <= FEW {
        out.extend_from_slice(positions);
        return;
    }
    for (at, position) in positions.iter().enumerate() {
        let is_near = out
            .last()
            .is_some_and(|[x, y]| (position[0] - x).hypot(position[1] - y) < least);
        if !is_near || at + 1 == positions.len() {
            out.push(*position);
        }
    }
    if out.len() < 4 && kind != PartKind::Line {
        // A ring stays one.
        out.clear();
        let step = positions.len() / 4;
        out.extend(positions.iter().step_by(step.max(1)).take(4));
        out.extend(positions.last());
    }
}

/// A number in groups of seven bits, the lowest first.
fn number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
