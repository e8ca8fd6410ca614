use std::f64::consts::TAU;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::{RingAssembler, Stopped};

type Xy = [f64; 2];

/// The parts that rings become: each a list of rings, each a list of positions.
fn assemble(rings: &[Vec<Xy>]) -> (Vec<Vec<Vec<Xy>>>, usize) {
    let mut coords: Vec<f64> = Vec::new();
    let mut ring_ends = Vec::new();
    for ring in rings {
        coords.extend(ring.iter().flatten());
        ring_ends.push(coords.len() / 2);
    }
    let mut part_ends = Vec::new();
    let dropped = RingAssembler::default()
        .assemble(2, &mut coords, &mut ring_ends, &mut part_ends, None)
        .unwrap();
    let positions: Vec<Xy> = coords.chunks(2).map(|xy| [xy[0], xy[1]]).collect();
    let (mut position, mut ring) = (0, 0);
    let mut parts = Vec::new();
    for &part_end in &part_ends {
        let mut part = Vec::new();
        for &ring_end in &ring_ends[ring..part_end] {
            part.push(positions[position..ring_end].to_vec());
            position = ring_end;
        }
        ring = part_end;
        parts.push(part);
    }
    assert_eq!(position, positions.len());
    assert_eq!(ring, ring_ends.len());
    (parts, dropped)
}

/// The shoelace formula, for rings near the origin.
fn area(ring: &[Xy]) -> f64 {
    ring.windows(2)
        .map(|edge| (edge[0][0] * edge[1][1] - edge[1][0] * edge[0][1]) / 2.0)
        .sum()
}

/// A square by its least corner, counter-clockwise and closed.
fn square(x: f64, y: f64, side: f64) -> Vec<Xy> {
    vec![
        [x, y],
        [x + side, y],
        [x + side, y + side],
        [x, y + side],
        [x, y],
    ]
}

fn clockwise(mut ring: Vec<Xy>) -> Vec<Xy> {
    ring.reverse();
    ring
}

/// The areas of each part's rings; shells must be positive, holes negative.
fn areas(rings: &[Vec<Xy>]) -> Vec<Vec<f64>> {
    let (parts, _) = assemble(rings);
    for part in &parts {
        for (place, ring) in part.iter().enumerate() {
            assert_eq!(ring.first(), ring.last(), "closed");
            assert_eq!(area(ring) > 0.0, place == 0, "direction");
        }
    }
    parts
        .iter()
        .map(|part| part.iter().map(|ring| area(ring).abs()).collect())
        .collect()
}

#[test]
fn one_ring_is_closed_and_turned() {
    let shell = square(0.0, 0.0, 2.0);
    let open = shell[..4].to_vec();
    for ring in [
        shell.clone(),
        clockwise(shell),
        open.clone(),
        clockwise(open),
    ] {
        assert_eq!(areas(&[ring]), [[4.0]]);
    }
}

#[test]
fn a_hole_is_in_its_shell_whatever_the_directions() {
    let (shell, hole) = (square(0.0, 0.0, 10.0), square(2.0, 2.0, 3.0));
    for shell in [shell.clone(), clockwise(shell)] {
        for hole in [hole.clone(), clockwise(hole.clone())] {
            assert_eq!(areas(&[shell.clone(), hole.clone()]), [[100.0, 9.0]]);
            // koop #378: the hole comes first.
            assert_eq!(areas(&[hole, shell.clone()]), [[100.0, 9.0]]);
        }
    }
}

#[test]
fn t9_two_shells_with_their_holes_swapped() {
    let rings = [
        clockwise(square(0.0, 0.0, 10.0)),
        clockwise(square(20.0, 0.0, 8.0)),
        square(22.0, 2.0, 2.0),
        square(2.0, 2.0, 3.0),
        square(6.0, 6.0, 1.0),
    ];
    assert_eq!(areas(&rings), [vec![100.0, 9.0, 1.0], vec![64.0, 4.0]]);
    // The order of the parts is the order of the shells.
    let turned: Vec<_> = rings.iter().rev().cloned().collect();
    assert_eq!(areas(&turned), [vec![64.0, 4.0], vec![100.0, 1.0, 9.0]]);
}

#[test]
fn an_island_in_a_hole_is_a_part() {
    let right = [
        clockwise(square(0.0, 0.0, 10.0)),
        square(1.0, 1.0, 8.0),
        clockwise(square(2.0, 2.0, 6.0)),
        square(3.0, 3.0, 4.0),
        clockwise(square(4.0, 4.0, 2.0)),
    ];
    let expected = [vec![100.0, 64.0], vec![36.0, 16.0], vec![4.0]];
    assert_eq!(areas(&right), expected);
    let reversed: Vec<_> = right.iter().cloned().map(clockwise).collect();
    assert_eq!(areas(&reversed), expected);
    let all_clockwise: Vec<_> = right
        .iter()
        .cloned()
        .map(|ring| {
            if area(&ring) > 0.0 {
                clockwise(ring)
            } else {
                ring
            }
        })
        .collect();
    assert_eq!(areas(&all_clockwise), expected);
}

#[test]
fn an_orphan_hole_is_a_shell() {
    assert_eq!(
        areas(&[clockwise(square(0.0, 0.0, 2.0)), square(5.0, 0.0, 1.0)]),
        [[4.0], [1.0]]
    );
}

#[test]
fn a_shell_in_a_shell_is_one_of_its_own_where_directions_mean_something() {
    let rings = [
        clockwise(square(0.0, 0.0, 10.0)),
        square(1.0, 1.0, 2.0),
        clockwise(square(5.0, 5.0, 3.0)),
    ];
    assert_eq!(areas(&rings), [vec![100.0, 4.0], vec![9.0]]);
}

#[test]
fn rings_may_touch() {
    let shell = clockwise(square(0.0, 0.0, 10.0));
    // With a corner, with an edge, with three corners, and with one another.
    for hole in [
        vec![[0.0, 0.0], [3.0, 1.0], [1.0, 3.0], [0.0, 0.0]],
        vec![[0.0, 2.0], [2.0, 2.0], [2.0, 4.0], [0.0, 4.0], [0.0, 2.0]],
        vec![[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 0.0]],
    ] {
        let expected = [vec![100.0, area(&hole)]];
        assert_eq!(areas(&[hole.clone(), shell.clone()]), expected);
        assert_eq!(areas(&[shell.clone(), clockwise(hole)]), expected);
    }
    let holes = [
        square(1.0, 1.0, 2.0),
        square(3.0, 3.0, 2.0),
        square(3.0, 1.0, 2.0),
    ];
    assert_eq!(
        areas(&[&[shell][..], &holes[..]].concat()),
        [[100.0, 4.0, 4.0, 4.0]]
    );
    // Shells side by side.
    let neighbours = [
        square(0.0, 0.0, 2.0),
        square(2.0, 0.0, 2.0),
        square(1.0, 2.0, 2.0),
    ];
    assert_eq!(areas(&neighbours), [[4.0], [4.0], [4.0]]);
}

#[test]
fn the_same_ring_twice_stays_twice() {
    let ring = clockwise(square(0.0, 0.0, 2.0));
    let mut other_start = ring[..4].to_vec();
    other_start.rotate_left(1);
    assert_eq!(areas(&[ring, other_start]), [[4.0], [4.0]]);
}

#[test]
fn rings_without_area_are_dropped_and_counted() {
    let shell = square(0.0, 0.0, 2.0);
    for nothing in [
        vec![[1.0, 1.0]],
        vec![[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]],
        vec![[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]],
        vec![[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [0.0, 0.0]],
    ] {
        let (parts, dropped) = assemble(&[nothing.clone(), shell.clone()]);
        assert_eq!((parts, dropped), (vec![vec![shell.clone()]], 1));
        assert_eq!(assemble(&[nothing]), (vec![], 1));
    }
    // Two loops whose areas cancel out are no such ring.
    let bow_tie = vec![[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0], [0.0, 0.0]];
    assert_eq!(
        assemble(std::slice::from_ref(&bow_tie)),
        (vec![vec![bow_tie.clone()]], 0)
    );
}

#[test]
fn z_and_m_move_with_their_position() {
    let mut coords: Vec<f64> = Vec::new();
    for (place, [x, y]) in clockwise(square(0.0, 0.0, 2.0))[..4].iter().enumerate() {
        coords.extend([*x, *y, 10.0 + place as f64, 20.0 + place as f64]);
    }
    let mut ring_ends = vec![4];
    let mut part_ends = Vec::new();
    RingAssembler::default()
        .assemble(4, &mut coords, &mut ring_ends, &mut part_ends, None)
        .unwrap();
    assert_eq!(
        coords,
        [
            0.0, 0.0, 10.0, 20.0, 2.0, 0.0, 13.0, 23.0, 2.0, 2.0, 12.0, 22.0, 0.0, 2.0, 11.0, 21.0,
            0.0, 0.0, 10.0, 20.0
        ]
    );
    assert_eq!((ring_ends, part_ends), (vec![5], vec![1]));
}

#[test]
fn no_rings_are_no_parts() {
    assert_eq!(assemble(&[]), (vec![], 0));
}

#[test]
fn ten_thousand_rings_are_quick() {
    // 5,000 shells with a hole each, all holes first.
    let cell = |place: usize| ((place % 100) as f64 * 4.0, (place / 100) as f64 * 4.0);
    let holes = (0..5_000).map(|place| {
        let (x, y) = cell(place);
        square(x + 1.0, y + 1.0, 1.0)
    });
    let shells = (0..5_000).map(|place| {
        let (x, y) = cell(place);
        clockwise(square(x, y, 3.0))
    });
    let rings: Vec<_> = holes.chain(shells).collect();
    let areas = areas(&rings);
    assert_eq!(areas, vec![vec![9.0, 1.0]; 5_000]);
}

#[test]
fn many_holes_in_one_long_shell_are_quick() {
    // A lake land: a shell of 100,000 positions with 10,000 holes.
    let shell: Vec<Xy> = (0..100_000)
        .map(|place| {
            let turn = -TAU * f64::from(place) / 100_000.0;
            let radius = 1_000.0 + 10.0 * (f64::from(place) * 0.1).sin();
            [radius * turn.cos(), radius * turn.sin()]
        })
        .collect();
    let holes = (0..10_000).map(|place| {
        square(
            f64::from(place % 100) * 12.0 - 600.0,
            f64::from(place / 100) * 12.0 - 600.0,
            5.0,
        )
    });
    let rings: Vec<_> = std::iter::once(shell).chain(holes).collect();
    let (parts, _) = assemble(&rings);
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].len(), 10_001);
}

#[test]
fn what_would_take_forever_is_refused() {
    // A comb of slanting teeth, whose every edge is as high and nearly as wide as the whole, and small rings all over it.
    let comb: Vec<Xy> = (0..10_000)
        .map(|place| {
            let (along, tip) = (f64::from(place) * 0.04, f64::from(place % 2));
            [along + tip * 1_000.0, tip * 1_000.0]
        })
        .chain([[1_400.0, 2_000.0], [-1.0, 2_000.0]])
        .collect();
    let small = (0..10_000).map(|place| {
        square(
            f64::from(place % 400) + 500.0,
            f64::from(place / 400) * 20.0 + 400.0,
            0.001,
        )
    });
    let rings: Vec<_> = std::iter::once(comb).chain(small).collect();
    let mut coords: Vec<f64> = Vec::new();
    let mut ring_ends = Vec::new();
    for ring in &rings {
        coords.extend(ring.iter().flatten());
        ring_ends.push(coords.len() / 2);
    }
    // All 10,000 edges for each of 10,000 rings would be 2,000 for each position.
    let assemble = |cancelled: bool| {
        RingAssembler::default().assemble(
            2,
            &mut coords.clone(),
            &mut ring_ends.clone(),
            &mut Vec::new(),
            Some(&AtomicBool::new(cancelled)),
        )
    };
    // Refused means that the bound on edges was met: that, and no clock, is what keeps the time linear.
    let refused = assemble(false).unwrap_err();
    assert_eq!(refused, Stopped::Tangled { rings: 10_001 });
    assert!(refused.to_string().contains("10001 rings"));
    assert_eq!(assemble(true), Err(Stopped::Cancelled));
}

#[test]
fn a_raster_as_one_polygon_is_not_refused() {
    // A chessboard of 50,000 fields, none of which touches another with an edge.
    let rings: Vec<_> = (0..100_000)
        .filter(|place| (place % 316 + place / 316) % 2 == 0)
        .map(|place| square(f64::from(place % 316), f64::from(place / 316), 1.0))
        .collect();
    let (parts, dropped) = assemble(&rings);
    assert_eq!((parts.len(), dropped), (rings.len(), 0));
}

/// One level line meets all of a row, and an upright one all of a column.
#[test]
fn rows_of_rings_are_quick_in_every_direction() {
    let square = |x: i32, y: i32| square(f64::from(x), f64::from(y), 1.0);
    let row: Vec<_> = (0..20_000).map(|place| square(3 * place, 0)).collect();
    let column: Vec<_> = (0..20_000).map(|place| square(0, 3 * place)).collect();
    let cross: Vec<_> = row.iter().cloned().chain(column[1..].to_vec()).collect();
    for rings in [row, column, cross] {
        let (parts, dropped) = assemble(&rings);
        assert_eq!((parts.len(), dropped), (rings.len(), 0));
    }
}

/// The work is counted and not timed, so that it is the same on any machine and in any build.
#[test]
fn work_grows_little_faster_than_rings() {
    let looked_at = |rings: &[Vec<Xy>]| {
        let mut coords: Vec<f64> = Vec::new();
        let mut ring_ends = Vec::new();
        for ring in rings {
            coords.extend(ring.iter().flatten());
            ring_ends.push(coords.len() / 2);
        }
        let mut assembler = RingAssembler::default();
        assembler
            .assemble(2, &mut coords, &mut ring_ends, &mut Vec::new(), None)
            .unwrap();
        assert_eq!(ring_ends.len(), rings.len());
        assembler.looked_at
    };
    let grid = |count: usize| -> Vec<Vec<Xy>> {
        let side = count.isqrt();
        let corner = |place: usize| ((place % side) as f64 * 4.0, (place / side) as f64 * 4.0);
        (0..count)
            .map(corner)
            .flat_map(|(x, y)| [clockwise(square(x, y, 3.0)), square(x + 1.0, y + 1.0, 1.0)])
            .collect()
    };
    let holes = |count: usize| -> Vec<Vec<Xy>> {
        let shell = clockwise(square(-1.0, -1.0, 4.0 * count as f64));
        let hole = |place: usize| square(place as f64 * 2.0, place as f64 * 2.0, 1.0);
        std::iter::once(shell).chain((0..count).map(hole)).collect()
    };
    let row = |count: usize| -> Vec<Vec<Xy>> {
        (0..count)
            .map(|place| square(place as f64 * 3.0, 0.0, 2.0))
            .collect()
    };
    // With the rings for rows, with their square root more for grids; with the square it would be 64 times.
    for (what, most, rings) in [
        ("a grid", 24.0, &grid as &dyn Fn(usize) -> Vec<Vec<Xy>>),
        ("holes", 12.0, &holes),
        ("a row", 12.0, &row),
    ] {
        let [few, many] = [2_000, 16_000].map(|count| looked_at(&rings(count)));
        let growth = many as f64 / few as f64;
        println!("{what}: {few} edges, of eight times the rings {many}");
        assert!(growth < most, "{what}: {few}, then {many}");
    }
}

/// Squares in squares: `children` side by side in each, `depth` levels deep.
fn nested(
    x: f64,
    y: f64,
    side: f64,
    level: usize,
    shape: &[usize],
    out: &mut Vec<(Vec<Xy>, usize)>,
) {
    out.push((square(x, y, side), level));
    let Some((&children, deeper)) = shape.split_first() else {
        return;
    };
    let step = side / (children as f64 + 1.0);
    for child in 0..children {
        let child_x = x + step * (child as f64 + 0.25);
        nested(child_x, y + step * 0.25, step * 0.5, level + 1, deeper, out);
    }
}

proptest! {
    #[test]
    fn nesting_is_found_in_any_order(
        shape in prop::collection::vec(0usize..5, 0..5),
        reversed: bool,
        alike: bool,
        seed: u64,
    ) {
        let mut rings = Vec::new();
        nested(0.0, 0.0, 4096.0, 0, &shape, &mut rings);
        // A shuffle that the seed gives, and every ring from another corner on.
        rings.sort_by_key(|(ring, _)| ((ring[0][0] + 7.0 * ring[0][1]).to_bits() ^ seed).wrapping_mul(seed | 1));
        let expected: usize = rings.iter().filter(|(_, level)| level % 2 == 0).count();
        let total: f64 = rings
            .iter()
            .map(|(ring, level)| if level % 2 == 0 { area(ring) } else { -area(ring) })
            .sum();
        let input: Vec<Vec<Xy>> = rings
            .into_iter()
            .enumerate()
            .map(|(place, (mut ring, level))| {
                ring.pop();
                ring.rotate_left(place % 4);
                if reversed != (!alike && level % 2 == 1) { clockwise(ring) } else { ring }
            })
            .collect();
        let found = areas(&input);
        prop_assert_eq!(found.len(), expected);
        let sum: f64 = found.iter().map(|part| part[0] - part[1..].iter().sum::<f64>()).sum();
        prop_assert!((sum - total).abs() < 1e-6 * total.abs().max(1.0));
    }

    #[test]
    fn any_numbers_are_survived(
        rings in prop::collection::vec(
            prop::collection::vec(prop::array::uniform2(prop_oneof![
                (-3i32..3).prop_map(f64::from),
                any::<f64>().prop_filter("finite", |number| number.is_finite()),
            ]), 0..9),
            0..40,
        ),
    ) {
        let rings: Vec<_> = rings.into_iter().filter(|ring| !ring.is_empty()).collect();
        let (parts, dropped) = assemble(&rings);
        let kept: usize = parts.iter().map(Vec::len).sum();
        prop_assert_eq!(kept + dropped, rings.len());
    }
}
