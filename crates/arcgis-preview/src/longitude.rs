//! Maps that go round the world: geometry that crosses the line where coordinates start again, and where to cut
//! the map open.

use crate::outline::{Extent, Outline, PartKind};

/// Parts of the world that are told apart when the widest empty one is looked for: half a degree.
const SECTORS: usize = 720;

/// Makes lines and rings go on across the antimeridian in place of coming back around the world: a part that jumps
/// by more than half the way around is taken to go the short way. A ring that runs around a pole stays as it is,
/// and so does a line that would go around the world. Holes stay with their shell.
pub(crate) fn unwrap(outline: &mut Outline, period: f64) {
    let mut shell: Option<f64> = None;
    outline.change(|kind, positions| {
        match kind {
            PartKind::Points => return,
            PartKind::Line | PartKind::Shell | PartKind::Hole => {}
        }
        let jumps = positions.windows(2).any(|pair| match pair {
            [a, b] => (b[0] - a[0]).abs() > period / 2.0,
            _ => false,
        });
        if jumps && goes_short(kind, positions, period) {
            let mut last: Option<f64> = None;
            for [x, _] in positions.iter_mut() {
                if let Some(last) = last {
                    *x += ((last - *x) / period).round() * period;
                }
                last = Some(*x);
            }
        }
        let middle = middle(positions);
        match (kind, shell) {
            (PartKind::Hole, Some(shell)) => {
                let turns = ((shell - middle) / period).round();
                if turns != 0.0 {
                    for [x, _] in positions {
                        *x += turns * period;
                    }
                }
            }
            (PartKind::Shell, _) => shell = Some(middle),
            _ => {}
        }
    });
}

/// Whether the short way across the antimeridian brings a ring back to its start, and keeps a line in one world.
fn goes_short(kind: PartKind, positions: &[[f64; 2]], period: f64) -> bool {
    let (mut x, mut least, mut most) = (0.0, 0.0_f64, 0.0_f64);
    for pair in positions.windows(2) {
        if let [a, b] = pair {
            let step = b[0] - a[0];
            x += step - (step / period).round() * period;
            least = least.min(x);
            most = most.max(x);
        }
    }
    let comes_back = kind == PartKind::Line || x.abs() < period / 2.0;
    comes_back && most - least <= period
}

fn middle(positions: &[[f64; 2]]) -> f64 {
    let mut extent = Extent::EMPTY;
    for position in positions {
        extent.add(*position);
    }
    extent.middle()[0]
}

/// Which parts of the world, from west to east, hold anything.
#[derive(Debug)]
pub(crate) struct Sectors {
    taken: Vec<bool>,
    period: f64,
}

impl Sectors {
    pub(crate) fn new(period: f64) -> Self {
        Self {
            taken: vec![false; SECTORS],
            period,
        }
    }

    /// Marks all from one x to another.
    pub(crate) fn take(&mut self, from: f64, to: f64) {
        if to - from >= self.period {
            self.taken.fill(true);
            return;
        }
        let sectors = SECTORS as f64;
        let sector = |x: f64| {
            let turn = (x / self.period + 0.5).rem_euclid(1.0);
            // Less than the number of sectors.
            ((turn * sectors) as usize).min(SECTORS - 1)
        };
        let (first, last) = (sector(from), sector(to));
        let steps = (last + SECTORS - first) % SECTORS;
        for step in 0..=steps {
            if let Some(taken) = self.taken.get_mut((first + step) % SECTORS) {
                *taken = true;
            }
        }
    }

    /// Where the map had best begin in the west: behind the widest part that holds nothing, where that makes the
    /// map much narrower than one from `width`, its width as coordinates have it.
    pub(crate) fn west(&self, width: f64) -> Option<f64> {
        let (mut start, mut longest) = (0, 0);
        let mut run = 0;
        // Twice around, so that what is empty across the seam is seen in one.
        for at in 0..SECTORS * 2 {
            if self.taken.get(at % SECTORS).copied().unwrap_or(true) {
                run = 0;
            } else {
                run += 1;
                if run > longest {
                    (start, longest) = (at + 1, run);
                }
            }
        }
        if longest >= SECTORS {
            return None;
        }
        let sector = self.period / SECTORS as f64;
        let narrow = self.period - longest as f64 * sector;
        if narrow > width * 0.75 {
            return None;
        }
        Some((start % SECTORS) as f64 * sector - self.period / 2.0)
    }
}

/// By how much a part with this middle is moved, so that it lies behind `west`.
pub(crate) fn shift(middle: f64, west: f64, period: f64) -> f64 {
    -((middle - west) / period).floor() * period
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xs(kind: PartKind, positions: &[[f64; 2]]) -> Vec<f64> {
        let mut outline = Outline::default();
        for [x, y] in positions {
            outline.push(*x, *y);
        }
        outline.end(kind);
        unwrap(&mut outline, 360.0);
        outline.positions.iter().map(|[x, _]| *x).collect()
    }

    #[test]
    fn what_crosses_the_antimeridian_goes_on() {
        let ring = [
            [170.0, 0.0],
            [-170.0, 0.0],
            [-170.0, 9.0],
            [170.0, 9.0],
            [170.0, 0.0],
        ];
        assert_eq!(
            xs(PartKind::Shell, &ring),
            [170.0, 190.0, 190.0, 170.0, 170.0]
        );
        assert_eq!(
            xs(PartKind::Line, &[[-179.0, 0.0], [179.0, 0.0]]),
            [-179.0, -181.0]
        );
    }

    #[test]
    fn a_ring_around_the_pole_stays() {
        // As Natural Earth has Antarctica: along both edges of the map.
        let ring = [
            [-180.0, -90.0],
            [-180.0, -80.0],
            [0.0, -70.0],
            [180.0, -80.0],
            [180.0, -90.0],
            [-180.0, -90.0],
        ];
        let kept: Vec<f64> = ring.iter().map(|[x, _]| *x).collect();
        assert_eq!(xs(PartKind::Shell, &ring), kept);
    }

    #[test]
    fn holes_stay_with_their_shell() {
        let mut outline = Outline::default();
        for x in [170.0, -160.0, -160.0, 170.0] {
            outline.push(x, 0.0);
        }
        outline.end(PartKind::Shell);
        for x in [-175.0, -170.0, -175.0] {
            outline.push(x, 0.0);
        }
        outline.end(PartKind::Hole);
        unwrap(&mut outline, 360.0);
        let xs: Vec<f64> = outline.positions.iter().map(|[x, _]| *x).collect();
        assert_eq!(xs, [170.0, 200.0, 200.0, 170.0, 185.0, 190.0, 185.0]);
    }

    #[test]
    fn the_map_is_cut_where_there_is_nothing() {
        // Fiji, on both sides of the line.
        let mut sectors = Sectors::new(360.0);
        sectors.take(177.3, 179.9);
        sectors.take(-179.9, -178.2);
        let west = sectors.west(359.8).unwrap();
        assert!((west - 177.0).abs() <= 0.5, "{west}");
        assert_eq!(shift(178.0, west, 360.0), 0.0);
        assert_eq!(shift(-179.0, west, 360.0), 360.0);
        // The whole world is cut nowhere else, nor is a place on one side.
        let mut world = Sectors::new(360.0);
        world.take(-180.0, 180.0);
        assert_eq!(world.west(360.0), None);
        let mut place = Sectors::new(360.0);
        place.take(5.0, 15.0);
        assert_eq!(place.west(10.0), None);
    }
}
