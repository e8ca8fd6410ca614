#![allow(clippy::unwrap_used)]

use arcgis_layer::{Dimensions, GeometryRef, GeometryType};

use super::Repair;

/// Parts of rings of positions, closed.
type Parts = Vec<Vec<Vec<Vec<f64>>>>;

fn mend(dims: Dimensions, parts: &[&[&[&[f64]]]]) -> Option<Parts> {
    let (mut coords, mut ring_ends, mut part_ends) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        for ring in *part {
            coords.extend(ring.iter().flat_map(|position| position.iter().copied()));
            ring_ends.push(coords.len() / dims.size());
        }
        part_ends.push(ring_ends.len());
    }
    let geometry = GeometryRef {
        kind: GeometryType::Polygon,
        dims,
        coords: &coords,
        ring_ends: &ring_ends,
        part_ends: &part_ends,
    };
    let mut repair = Repair::default();
    let mended = repair.mend(&geometry)?;
    let positions: Vec<Vec<f64>> = mended
        .coords
        .chunks_exact(dims.size())
        .map(<[f64]>::to_vec)
        .collect();
    let (mut ring, mut position) = (0, 0);
    let parts = mended.part_ends.iter().map(|&part_end| {
        let rings = mended.ring_ends[ring..part_end].iter().map(|&ring_end| {
            let of_ring = positions[position..ring_end].to_vec();
            position = ring_end;
            of_ring
        });
        let rings = rings.collect();
        ring = part_end;
        rings
    });
    Some(parts.collect())
}

fn area(parts: &Parts) -> f64 {
    let ring = |ring: &Vec<Vec<f64>>| -> f64 {
        ring.windows(2)
            .map(|edge| edge[0][0] * edge[1][1] - edge[1][0] * edge[0][1])
            .sum::<f64>()
            / 2.0
    };
    parts.iter().flatten().map(ring).sum()
}

const SQUARE: &[&[f64]] = &[&[0., 0.], &[4., 0.], &[4., 4.], &[0., 4.], &[0., 0.]];

#[test]
fn what_is_valid_stays() {
    let hole: &[&[f64]] = &[&[1., 1.], &[1., 2.], &[2., 2.], &[2., 1.], &[1., 1.]];
    // A hole that touches its shell in one point, and two shells that do.
    let touching: &[&[f64]] = &[&[0., 0.], &[1., 2.], &[2., 1.], &[0., 0.]];
    // An island in a lake, and one that touches its shore.
    let lake: &[&[f64]] = &[&[1., 1.], &[1., 3.], &[3., 3.], &[3., 1.], &[1., 1.]];
    let island: &[&[f64]] = &[&[1.5, 1.5], &[2., 1.5], &[2., 2.], &[1.5, 1.5]];
    let ashore: &[&[f64]] = &[&[1., 2.], &[2., 1.5], &[2., 2.], &[1., 2.]];
    let beyond: &[&[f64]] = &[&[4., 4.], &[6., 4.], &[6., 6.], &[4., 4.]];
    for parts in [
        &[&[SQUARE][..]][..],
        &[&[SQUARE, hole]],
        &[&[SQUARE, touching]],
        &[&[SQUARE], &[beyond]],
        &[&[SQUARE, lake], &[island]],
        &[&[SQUARE, lake], &[ashore]],
    ] {
        assert_eq!(mend(Dimensions::Xy, parts), None, "{parts:?}");
    }
}

// What should come out follows from the drawing; the areas are reckoned by hand.
#[test]
fn what_is_not_valid_is_mended() {
    let bow: &[&[f64]] = &[&[0., 0.], &[4., 4.], &[4., 0.], &[0., 4.], &[0., 0.]];
    let mended = mend(Dimensions::Xy, &[&[bow]]).unwrap();
    assert_eq!((mended.len(), area(&mended)), (2, 8.0));

    // A spike has no area.
    let spike: &[&[f64]] = &[
        &[0., 0.],
        &[4., 0.],
        &[8., 0.],
        &[4., 0.],
        &[4., 4.],
        &[0., 4.],
        &[0., 0.],
    ];
    let mended = mend(Dimensions::Xy, &[&[spike]]).unwrap();
    assert_eq!((mended.len(), area(&mended)), (1, 16.0));

    // Two shells that overlap in one square unit, and two that share an edge.
    let over: &[&[f64]] = &[&[3., 3.], &[6., 3.], &[6., 6.], &[3., 6.], &[3., 3.]];
    let mended = mend(Dimensions::Xy, &[&[SQUARE], &[over]]).unwrap();
    assert_eq!((mended.len(), area(&mended)), (1, 24.0));
    let beside: &[&[f64]] = &[&[4., 0.], &[6., 0.], &[6., 4.], &[4., 4.], &[4., 0.]];
    let mended = mend(Dimensions::Xy, &[&[SQUARE], &[beside]]).unwrap();
    assert_eq!((mended.len(), area(&mended)), (1, 24.0));

    // A hole half outside, one that lies elsewhere, and one inside another.
    let across: &[&[f64]] = &[&[3., 1.], &[3., 2.], &[6., 2.], &[6., 1.], &[3., 1.]];
    let mended = mend(Dimensions::Xy, &[&[SQUARE, across]]).unwrap();
    assert_eq!((mended.len(), area(&mended)), (1, 15.0));
    let elsewhere: &[&[f64]] = &[&[7., 7.], &[7., 8.], &[8., 8.], &[8., 7.], &[7., 7.]];
    let mended = mend(Dimensions::Xy, &[&[SQUARE, elsewhere]]).unwrap();
    assert_eq!((mended.len(), area(&mended)), (1, 16.0));
    let outer: &[&[f64]] = &[&[1., 1.], &[1., 3.], &[3., 3.], &[3., 1.], &[1., 1.]];
    let inner: &[&[f64]] = &[&[1.5, 1.5], &[1.5, 2.], &[2., 2.], &[2., 1.5], &[1.5, 1.5]];
    let mended = mend(Dimensions::Xy, &[&[SQUARE, outer, inner]]).unwrap();
    assert_eq!((mended.len(), area(&mended)), (1, 12.0));

    // A hole that touches its shell twice cuts it in two.
    let cut: &[&[f64]] = &[&[0., 0.], &[1., 3.], &[4., 4.], &[3., 1.], &[0., 0.]];
    let mended = mend(Dimensions::Xy, &[&[SQUARE, cut]]).unwrap();
    assert_eq!((mended.len(), area(&mended)), (2, 8.0));

    // A ring that touches itself in a vertex, around what should be a hole.
    let inverted: &[&[f64]] = &[
        &[0., 0.],
        &[4., 0.],
        &[4., 4.],
        &[0., 4.],
        &[0., 0.],
        &[1., 2.],
        &[2., 1.],
        &[0., 0.],
    ];
    let mended = mend(Dimensions::Xy, &[&[inverted]]).unwrap();
    assert_eq!((mended.len(), mended[0].len(), area(&mended)), (1, 2, 14.5));
}

#[test]
fn vertices_stay_where_they_are_with_their_heights() {
    // Numbers that no grid has.
    let (x, y) = (0.1 + 0.2, 47.123_456_789_012_345);
    let bow: &[&[f64]] = &[
        &[x, y, 1.],
        &[x + 4., y + 4., 2.],
        &[x + 4., y, 3.],
        &[x, y + 4., 4.],
        &[x, y, 1.],
    ];
    let mended = mend(Dimensions::Xyz, &[&[bow]]).unwrap();
    let all: Vec<&Vec<f64>> = mended.iter().flatten().flatten().collect();
    for corner in &bow[..4] {
        assert!(
            all.iter().any(|position| position.as_slice() == *corner),
            "{corner:?}"
        );
    }
    let crossing = all
        .iter()
        .find(|position| (position[0] - x - 2.).abs() < 1e-6);
    let crossing = crossing.unwrap();
    assert!((crossing[1] - y - 2.).abs() < 1e-7);
    assert!((1.0..=4.0).contains(&crossing[2]));
}

#[test]
fn nothing_is_left_of_nothing() {
    let line: &[&[f64]] = &[&[0., 0.], &[4., 0.], &[0., 0.]];
    assert_eq!(mend(Dimensions::Xy, &[&[line]]), None);
    let far: &[&[f64]] = &[
        &[-1e308, 0.],
        &[1e308, 1.],
        &[1e308, 0.],
        &[-1e308, 1.],
        &[-1e308, 0.],
    ];
    assert_eq!(mend(Dimensions::Xy, &[&[far]]), None);
}

/// So many positions all over a square, joined in their order.
fn scribble(positions: usize) -> Vec<Vec<f64>> {
    let mut state = 7_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as f64 / f64::from(1 << 31)
    };
    let mut ring: Vec<Vec<f64>> = (0..positions).map(|_| vec![next(), next()]).collect();
    ring.push(ring[0].clone());
    ring
}

#[test]
fn a_tangle_stays_as_it_is_and_takes_no_time() {
    let mut repair = Repair::default();
    let mut tried = |positions: usize| {
        let coords = scribble(positions).concat();
        let began = std::time::Instant::now();
        let is_mended = repair
            .mend(&GeometryRef {
                kind: GeometryType::Polygon,
                dims: Dimensions::Xy,
                coords: &coords,
                ring_ends: &[positions + 1],
                part_ends: &[1],
            })
            .is_some();
        (is_mended, repair.is_tangle(), began.elapsed())
    };
    // Some hundred thousand crossings at most.
    assert_eq!((tried(200).0, tried(600).1), (true, false));
    let (is_mended, is_tangle, took) = tried(20_000);
    assert!(!is_mended && is_tangle);
    // Forty million crossings would take gigabytes.
    assert!(took.as_secs() < 30, "{took:?}");
    // The next one is judged by itself.
    assert_eq!((tried(50).0, tried(50).1), (true, false));
}
