//! Large geometries in parts that are together the same.

use geo_types::Coord;

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

/// The polygon, halved until no part has more positions than `most`, or cannot be halved any more.
pub(super) fn polygon(rings: &[Vec<Coord<f64>>], most: usize) -> Vec<Vec<Vec<Coord<f64>>>> {
    let mut done = Vec::new();
    let mut open = vec![rings.to_vec()];
    while let Some(part) = open.pop() {
        let positions = count(&part);
        if positions <= most {
            done.push(part);
            continue;
        }
        match halved(&part) {
            Some(halves) if halves.iter().all(|half| count(half) < positions) => {
                open.extend(halves);
            }
            _ => done.push(part),
        }
    }
    done
}

fn count(rings: &[Vec<Coord<f64>>]) -> usize {
    rings.iter().map(Vec::len).sum()
}

/// Both sides of a line, in the direction and at the place where the larger side is least.
fn halved(rings: &[Vec<Coord<f64>>]) -> Option<[Vec<Vec<Coord<f64>>>; 2]> {
    let turned: Vec<Vec<Coord<f64>>> = rings.iter().map(|ring| flipped(ring)).collect();
    let larger = |halves: &[Vec<Vec<Coord<f64>>>; 2]| halves.iter().map(|half| count(half)).max();
    let upright = halved_across(rings).into_iter();
    // For the other direction, x and y change places: the direction of rings turns, which the pairing does not
    // depend on.
    let lying = halved_across(&turned)
        .into_iter()
        .map(|halves| halves.map(|half| half.iter().map(|ring| flipped(ring)).collect::<Vec<_>>()));
    upright.chain(lying).min_by_key(larger)
}

/// The halves at some lines `x = …`, near the middle of the positions and further off.
fn halved_across(rings: &[Vec<Coord<f64>>]) -> Vec<[Vec<Vec<Coord<f64>>>; 2]> {
    let mut xs: Vec<f64> = rings.iter().flatten().map(|at| at.x).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
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
        let line = left + (right - left) / 2.0;
        if !(left < line && line < right) {
            continue;
        }
        if let [Some(left), Some(right)] = [side(rings, line, false), side(rings, line, true)] {
            found.push([left, right]);
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
fn side(rings: &[Vec<Coord<f64>>], line: f64, right: bool) -> Option<Vec<Vec<Coord<f64>>>> {
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
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    /// Whether a point is in the rings, by the even-odd rule.
    fn contains(rings: &[Vec<Coord<f64>>], x: f64, y: f64) -> bool {
        let mut inside = false;
        for pair in rings.iter().flat_map(|ring| ring.windows(2)) {
            let (a, b) = (pair[0], pair[1]);
            if (a.y > y) != (b.y > y) && x < (b.x - a.x) * (y - a.y) / (b.y - a.y) + a.x {
                inside = !inside;
            }
        }
        inside
    }

    /// A star with so many positions, around a point, with a hole.
    fn star(positions: usize, spikes: &[f64], cx: f64, cy: f64) -> Vec<Vec<Coord<f64>>> {
        let ring = |scale: f64, turn: f64| -> Vec<Coord<f64>> {
            let mut ring: Vec<Coord<f64>> = (0..positions)
                .map(|i| {
                    let angle = turn * i as f64 / positions as f64 * std::f64::consts::TAU;
                    let radius = scale * spikes[i % spikes.len()];
                    Coord {
                        x: cx + radius * angle.cos(),
                        y: cy + radius * angle.sin(),
                    }
                })
                .collect();
            ring.push(ring[0]);
            ring
        };
        vec![ring(10.0, -1.0), ring(0.3, 1.0)]
    }

    proptest! {
        // The same cases each time.
        #![proptest_config(ProptestConfig {
            rng_seed: RngSeed::Fixed(5),
            ..ProptestConfig::with_cases(64)
        })]
        #[test]
        fn parts_are_together_the_same_and_do_not_overlap(
            spikes in prop::collection::vec(0.2_f64..3.0, 3..40),
            positions in 200_usize..900,
            most in 64_usize..200,
            points in prop::collection::vec((-35.0_f64..35.0, -35.0_f64..35.0), 80),
            (cx, cy) in (-1e3_f64..1e3, -1e3_f64..1e3),
        ) {
            let rings = star(positions, &spikes, cx, cy);
            let parts = polygon(&rings, most);
            let area = |rings: &[Vec<Coord<f64>>]| -> f64 { rings.iter().map(|ring| signed_area(ring)).sum() };
            let sum: f64 = parts.iter().map(|part| area(part)).sum();
            let whole = area(&rings);
            prop_assert!((sum - whole).abs() <= 1e-9 * whole.abs().max(1.0), "{sum} {whole}");
            for part in &parts {
                for ring in part {
                    prop_assert_eq!(ring.first(), ring.last());
                }
            }
            for (dx, dy) in points {
                let (x, y) = (cx + dx, cy + dy);
                let holds = parts.iter().filter(|part| contains(part, x, y)).count();
                prop_assert_eq!(holds, usize::from(contains(&rings, x, y)));
            }
        }
    }

    #[test]
    fn parts_are_as_small_as_asked_for() {
        let wobbly: Vec<f64> = (0..97)
            .map(|i| 1.0 + 0.02 * f64::from(i * 31 % 97) / 97.0)
            .collect();
        for most in [64, 100, 1000] {
            let rings = star(5000, &wobbly, 7.4e5, 2.1e5);
            let parts = polygon(&rings, most);
            assert!(parts.iter().all(|part| count(part) <= most));
            assert!(parts.len() < 4 * 10_000 / most, "{}", parts.len());
        }
        // So jagged that each cut adds more than it takes off: it stays in larger parts, and ends.
        assert!(!polygon(&star(600, &[0.2, 3.0], 0.0, 0.0), 64).is_empty());
    }

    #[test]
    fn a_comb_is_cut_into_teeth_without_bridges() {
        // Cut across the teeth, a cut that only clips would join them along the line.
        let mut ring = Vec::new();
        for tooth in 0..100 {
            let x = f64::from(tooth);
            for (dx, y) in [(0.0, 0.0), (0.25, 10.0), (0.5, 0.5)] {
                ring.push(Coord { x: x + dx, y });
            }
        }
        ring.push(Coord { x: 100.0, y: -1.0 });
        ring.push(Coord { x: 0.0, y: -1.0 });
        ring.push(ring[0]);
        let turned: Vec<Coord<f64>> = flipped(&ring);
        for ring in [ring, turned] {
            let parts = polygon(std::slice::from_ref(&ring), 64);
            let sum: f64 = parts.iter().flatten().map(|ring| signed_area(ring)).sum();
            assert!((sum - signed_area(&ring)).abs() < 1e-9);
            assert!(parts.iter().all(|part| count(part) <= 64));
            assert!(parts.len() > 3);
        }
    }

    #[test]
    fn lines_keep_each_edge_once() {
        let line = |from: i32, to: i32| -> Vec<Coord<f64>> {
            (from..to)
                .map(|x| Coord {
                    x: f64::from(x),
                    y: 0.0,
                })
                .collect()
        };
        let given = vec![line(0, 10), line(100, 103), line(200, 202)];
        let groups = lines(&given, 4);
        assert!(groups.iter().all(|group| count(group) <= 4));
        let edges = |lines: &[Vec<Coord<f64>>]| -> Vec<(f64, f64)> {
            lines
                .iter()
                .flat_map(|line| line.windows(2).map(|pair| (pair[0].x, pair[1].x)))
                .collect()
        };
        let all: Vec<Vec<Coord<f64>>> = groups.into_iter().flatten().collect();
        assert_eq!(edges(&all), edges(&given));
    }
}
