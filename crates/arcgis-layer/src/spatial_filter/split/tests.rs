use std::f64::consts::TAU;

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
                let angle = turn * i as f64 / positions as f64 * TAU;
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
    fn parts_are_together_the_same(
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
        prop_assert!((sum - whole).abs() <= 1e-5 * whole.abs().max(1.0), "{sum} {whole}");
        for part in &parts {
            for ring in part {
                prop_assert_eq!(ring.first(), ring.last());
            }
        }
        for (dx, dy) in points {
            let (x, y) = (cx + dx, cy + dy);
            let holds = parts.iter().any(|part| contains(part, x, y));
            prop_assert_eq!(holds, contains(&rings, x, y));
        }
    }
}

proptest! {
    // Fewer, for each has thousands of points.
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(5),
        ..ProptestConfig::with_cases(12)
    })]

    /// Rows on a cut, and next to it by the last digit, are in one of the parts at least, although no arithmetic is exact
    /// there. What is within the last digit of the geometry's own border is for the server's tolerance.
    #[test]
    fn no_row_falls_between_two_parts(
        spikes in prop::collection::vec(0.2_f64..3.0, 3..40),
        positions in 200_usize..900,
        most in 64_usize..200,
        along in prop::collection::vec(0.0_f64..1.0, 6),
        (cx, cy) in (-1e6_f64..1e6, -1e6_f64..1e6),
    ) {
        let rings = star(positions, &spikes, cx, cy);
        let parts = polygon(&rings, most);
        for (from, to) in cut_edges(&parts, &rings) {
            for share in &along {
                let on = Coord {
                    x: from.x + share * (to.x - from.x),
                    y: from.y + share * (to.y - from.y),
                };
                if to_border(&rings, on) < 1e-7 {
                    continue;
                }
                let near = [0.0, -1e-13, 1e-13, on.x.next_up() - on.x, on.x.next_down() - on.x];
                for (dx, dy) in near.into_iter().zip(near.into_iter().skip(1)) {
                    for (x, y) in [(on.x + dx, on.y), (on.x, on.y + dx), (on.x + dx, on.y + dy)] {
                        let holds = parts.iter().any(|part| contains(part, x, y));
                        prop_assert!(holds || !contains(&rings, x, y), "{x} {y}");
                    }
                }
            }
        }
    }

    /// A server moves the positions into the layer's reference system, in which the straight edges of here are none.
    #[test]
    fn no_row_falls_between_two_parts_in_another_reference_system(
        (lobes, depth) in (2_u32..7, 0.0_f64..0.4),
        positions in 400_usize..900,
        most in 64_usize..128,
        (cx, cy) in (-60.0_f64..60.0, 30.0_f64..60.0),
    ) {
        // Like a country: short edges of its own, and cuts across all of it.
        let coast: Vec<f64> = (0..positions)
            .map(|at| 1.0 + depth * (f64::from(lobes) * at as f64 / positions as f64 * TAU).sin())
            .collect();
        let rings = star(positions, &coast, cx, cy);
        let moved = |rings: &Polygon| -> Polygon {
            rings.iter().map(|ring| ring.iter().map(|at| conic(*at)).collect()).collect()
        };
        let parts = polygon(&rings, most);
        let (there, parts_there) = (moved(&rings), parts.iter().map(moved).collect::<Vec<_>>());
        // By how much the geometry's own edges would bend, at most: so near to its border the parts may differ from it.
        let bend = rings.iter().flat_map(|ring| ring.windows(2)).map(|pair| bend(pair[0], pair[1]));
        let bend = bend.fold(0.0, f64::max);
        let mut looked_at = 0;
        for (from, to) in cut_edges(&parts, &rings) {
            let sag = bend_of(from, to);
            for share in [0.0, 0.2, 0.5, 0.8] {
                let on = conic(Coord { x: from.x + share * (to.x - from.x), y: from.y + share * (to.y - from.y) });
                for by in [-1.0, -0.5, -0.1, -0.01, 0.01, 0.1, 0.5, 1.0] {
                    for at in [Coord { x: on.x + by * sag, ..on }, Coord { y: on.y + by * sag, ..on }] {
                        if contains(&there, at.x, at.y) && to_border(&there, at) > 3.0 * bend {
                            looked_at += 1;
                            let holds = parts_there.iter().any(|part| contains(part, at.x, at.y));
                            prop_assert!(holds, "{at:?} is in no part, {sag} m");
                        }
                    }
                }
            }
        }
        prop_assert!(looked_at > 100);
    }
}

/// A conic map of a sphere, such as countries are drawn on, in metres.
fn conic(at: Coord<f64>) -> Coord<f64> {
    let n = 45_f64.to_radians().sin();
    let radius = 6_371_000.0 * (1.0 / n + (45_f64 - at.y).to_radians());
    let angle = n * at.x.to_radians();
    Coord {
        x: radius * angle.sin(),
        y: -radius * angle.cos(),
    }
}

/// How far the middle of an edge is from the middle of the straight one on the map.
fn bend(from: Coord<f64>, to: Coord<f64>) -> f64 {
    let (a, b) = (conic(from), conic(to));
    let middle = conic(Coord {
        x: f64::midpoint(from.x, to.x),
        y: f64::midpoint(from.y, to.y),
    });
    (middle.x - f64::midpoint(a.x, b.x)).hypot(middle.y - f64::midpoint(a.y, b.y))
}

/// The same of an edge ten times as long: one of which this is a piece.
fn bend_of(from: Coord<f64>, to: Coord<f64>) -> f64 {
    100.0 * bend(from, to)
}

/// The first edges of parts along cuts.
fn cut_edges(parts: &[Polygon], rings: &Polygon) -> Vec<(Coord<f64>, Coord<f64>)> {
    let own: std::collections::HashSet<[u64; 2]> = rings
        .iter()
        .flatten()
        .map(|at| [at.x.to_bits(), at.y.to_bits()])
        .collect();
    let is_own = |at: Coord<f64>| own.contains(&[at.x.to_bits(), at.y.to_bits()]);
    parts
        .iter()
        .flatten()
        .flat_map(|ring| ring.windows(2))
        .map(|pair| (pair[0], pair[1]))
        .filter(|(a, b)| !is_own(*a) && !is_own(*b) && (a.x == b.x || a.y == b.y))
        .take(60)
        .collect()
}

/// How far it is to the border.
fn to_border(rings: &Polygon, at: Coord<f64>) -> f64 {
    let mut least = f64::INFINITY;
    for pair in rings.iter().flat_map(|ring| ring.windows(2)) {
        let (a, b) = (pair[0], pair[1]);
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let length = dx * dx + dy * dy;
        let share = ((at.x - a.x) * dx + (at.y - a.y) * dy) / length;
        let share = if length > 0.0 {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        };
        least = least.min((at.x - a.x - share * dx).hypot(at.y - a.y - share * dy));
    }
    least
}

#[test]
fn parts_are_as_small_as_asked_for() {
    let wobbly: Vec<f64> = (0..97)
        .map(|i| 1.0 + 0.02 * f64::from(i * 31 % 97) / 97.0)
        .collect();
    for most in [64, 100, 1000] {
        let rings = star(5000, &wobbly, 7.4e5, 2.1e5);
        let parts = polygon(&rings, most);
        // Some more where others meet them.
        assert!(parts.iter().all(|part| count(part) <= most + 64));
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
        assert!((sum - signed_area(&ring)).abs() < 1e-4);
        assert!(parts.iter().all(|part| count(part) <= 64 + 64));
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
