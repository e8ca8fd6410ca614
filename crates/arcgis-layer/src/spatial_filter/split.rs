//! Large geometries in parts that are together the same.

use geo_types::Coord;

use super::seam::{Cut, Seams};

/// The rings of a polygon, closed.
pub(super) type Polygon = Vec<Vec<Coord<f64>>>;

/// Where cuts are tried, in hundredths of the positions.
const PLACES: [usize; 5] = [50, 48, 53, 34, 67];

/// Twice the area; negative for a clockwise ring.
pub(super) fn signed_area(ring: &[Coord<f64>]) -> f64 {
    // Relative to the first position, so that large coordinates do not eat up the digits.
    let origin = ring.first().copied().unwrap_or_default();
    ring.windows(2)
        .map(|pair| match *pair {
            [a, b] => (a.x - origin.x) * (b.y - origin.y) - (b.x - origin.x) * (a.y - origin.y),
            _ => 0.0,
        })
        .sum()
}

/// Lines in groups of so many positions at most; a long line is cut at positions, which both sides keep.
pub(super) fn lines(lines: &[Vec<Coord<f64>>], most: usize) -> Vec<Vec<Vec<Coord<f64>>>> {
    let most = most.max(2);
    let mut groups = Vec::new();
    let mut group = Vec::new();
    let mut held = 0;
    for line in lines {
        let mut from = 0;
        while from + 1 < line.len() {
            let to = (from + most).min(line.len());
            let piece = line.get(from..to).unwrap_or_default().to_vec();
            if held + piece.len() > most && !group.is_empty() {
                groups.push(std::mem::take(&mut group));
                held = 0;
            }
            held += piece.len();
            group.push(piece);
            from = to - 1;
        }
    }
    if !group.is_empty() {
        groups.push(group);
    }
    groups
}

/// The polygon, halved until no part has more positions than `most`, or cannot be halved any more. Parts have a few more
/// where others meet them, and overlap there by less than anybody sees.
pub(super) fn polygon(rings: &[Vec<Coord<f64>>], most: usize) -> Vec<Polygon> {
    let mut done = Vec::new();
    let mut open = vec![rings.to_vec()];
    let mut seams = Seams::default();
    while let Some(part) = open.pop() {
        let positions = count(&part);
        if positions <= most {
            done.push(part);
            continue;
        }
        match halved(&part) {
            Some(halved) if halved.parts.iter().all(|half| count(half) < positions) => {
                seams.add(halved.upright, halved.cut);
                open.extend(halved.parts);
            }
            _ => done.push(part),
        }
    }
    seams.close(&mut done);
    done
}

fn count(rings: &[Vec<Coord<f64>>]) -> usize {
    rings.iter().map(Vec::len).sum()
}

/// Both sides of a cut.
struct Halved {
    parts: [Polygon; 2],
    cut: Cut,
    /// Whether it is a cut along `x = …`; along `y = …` otherwise.
    upright: bool,
}

/// Both sides of a line, in the direction and at the place where the larger side is least.
fn halved(rings: &[Vec<Coord<f64>>]) -> Option<Halved> {
    let turned: Polygon = rings.iter().map(|ring| flipped(ring)).collect();
    let larger = |halved: &Halved| halved.parts.iter().map(|half| count(half)).max();
    let upright = halved_across(rings).into_iter();
    // For the other direction, x and y change places: the direction of rings turns, which the pairing does not
    // depend on.
    let lying = halved_across(&turned).into_iter().map(|halved| Halved {
        parts: halved
            .parts
            .map(|half| half.iter().map(|ring| flipped(ring)).collect()),
        upright: false,
        ..halved
    });
    upright.chain(lying).min_by_key(larger)
}

/// The halves at some lines `x = …`, near the middle of the positions and further off.
fn halved_across(rings: &[Vec<Coord<f64>>]) -> Vec<Halved> {
    let mut xs: Vec<f64> = rings.iter().flatten().map(|at| at.x).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let (Some(&least), Some(&most)) = (xs.first(), xs.last()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for part in PLACES {
        // Always between two positions: no position is on the line.
        let at = xs.len() * part / 100;
        let (Some(&left), Some(&right)) = (
            at.checked_sub(1).and_then(|before| xs.get(before)),
            xs.get(at),
        ) else {
            continue;
        };
        let Some(cut) = Cut::between(left, right, least, most) else {
            continue;
        };
        if let [Some(left), Some(right)] =
            [side(rings, cut.high, false), side(rings, cut.low, true)]
        {
            found.push(Halved {
                parts: [left, right],
                cut,
                upright: true,
            });
        }
    }
    found
}

fn flipped(ring: &[Coord<f64>]) -> Vec<Coord<f64>> {
    ring.iter().map(|at| Coord { x: at.y, y: at.x }).collect()
}

/// The part of the boundary on one side of the line, from where it comes to where it goes.
struct Chain {
    positions: Vec<Coord<f64>>,
    enters: f64,
    leaves: f64,
}

/// What of a polygon is left (or right) of the line `x = line`, on which no position is. `None` if the
/// boundary does not cross the line as that of a polygon does.
fn side(rings: &[Vec<Coord<f64>>], line: f64, right: bool) -> Option<Polygon> {
    let inside = |at: &Coord<f64>| (at.x > line) == right;
    let mut whole = Vec::new();
    let mut chains: Vec<Chain> = Vec::new();
    for ring in rings {
        if ring.iter().all(inside) {
            whole.push(ring.clone());
            continue;
        }
        if !ring.iter().any(inside) {
            continue;
        }
        // Begin outside, so that each chain is seen from its start.
        let open = ring.get(..ring.len() - 1)?;
        let start = open.iter().position(|at| !inside(at))?;
        let mut current: Option<Chain> = None;
        for step in 0..open.len() {
            let from = open.get((start + step) % open.len())?;
            let to = open.get((start + step + 1) % open.len())?;
            match (inside(from), inside(to)) {
                (false, true) => {
                    let y = crossing(from, to, line);
                    current = Some(Chain {
                        positions: vec![Coord { x: line, y }, *to],
                        enters: y,
                        leaves: y,
                    });
                }
                (true, true) => current.as_mut()?.positions.push(*to),
                (true, false) => {
                    let mut chain = current.take()?;
                    let y = crossing(from, to, line);
                    chain.positions.push(Coord { x: line, y });
                    chain.leaves = y;
                    chains.push(chain);
                }
                (false, false) => {}
            }
        }
        if current.is_some() {
            return None;
        }
    }
    // Along the line, inside and outside take turns: the ends belong together in pairs.
    let mut ends: Vec<(f64, usize, bool)> = Vec::with_capacity(chains.len() * 2);
    for (index, chain) in chains.iter().enumerate() {
        ends.push((chain.enters, index, true));
        ends.push((chain.leaves, index, false));
    }
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Where two ends meet in one point, nothing says which comes first.
    if ends
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.0 == b.0))
    {
        return None;
    }
    let mut next: Vec<Option<usize>> = vec![None; chains.len()];
    for pair in ends.chunks(2) {
        match *pair {
            [(_, leaving, false), (_, entering, true)]
            | [(_, entering, true), (_, leaving, false)] => {
                *next.get_mut(leaving)? = Some(entering);
            }
            // Two that both come or both go: the rings lie across each other.
            _ => return None,
        }
    }
    let mut joined = whole;
    let mut used = vec![false; chains.len()];
    for first in 0..chains.len() {
        if *used.get(first)? {
            continue;
        }
        let mut ring = Vec::new();
        let mut at = first;
        while !std::mem::replace(used.get_mut(at)?, true) {
            ring.extend_from_slice(&chains.get(at)?.positions);
            at = (*next.get(at)?)?;
        }
        if at != first {
            return None;
        }
        ring.push(*ring.first()?);
        joined.push(ring);
    }
    Some(joined)
}

/// Where the edge crosses the line; the same for both directions of the edge.
fn crossing(from: &Coord<f64>, to: &Coord<f64>, line: f64) -> f64 {
    let (a, b) = if from.x < to.x {
        (from, to)
    } else {
        (to, from)
    };
    let along = (line - a.x) / (b.x - a.x);
    let y = a.y + along * (b.y - a.y);
    y.clamp(a.y.min(b.y), a.y.max(b.y))
}

#[cfg(test)]
mod tests;
