//! What is inside of rings, as polygons.

use i_overlay::core::fill_rule::FillRule;
use i_overlay::core::overlay_rule::OverlayRule;
use i_overlay::float::overlay::{FloatOverlay, OverlayOptions};

use super::Ring;

/// A shell, counter-clockwise, and its holes, clockwise, none closed.
pub(super) type Shape = Vec<Vec<[f64; 2]>>;

/// The polygons that rings make, each shell with the holes behind it; `selves` are the places of those that
/// cross themselves.
pub(super) fn whole(rings: &[Ring], selves: &[usize]) -> Vec<Shape> {
    let mut parts: Vec<Shape> = Vec::new();
    let mut rest = rings.iter().enumerate().peekable();
    while let Some((place, shell)) = rest.next() {
        let shells = lobes(place, shell, selves);
        let mut holes = Shape::new();
        while let Some((place, hole)) = rest.next_if(|(_, ring)| ring.is_hole) {
            holes.extend(lobes(place, hole, selves));
        }
        if holes.is_empty() {
            parts.push(shells);
        } else {
            let cut = FloatOverlay::with_subj_and_clip_custom(
                &shells,
                &holes,
                options(),
                Default::default(),
            )
            .overlay(OverlayRule::Difference, FillRule::NonZero);
            parts.extend(oriented(cut));
        }
    }
    // What is a hole in one part may be filled by another: an island in a lake.
    let all: Shape = parts.into_iter().flatten().collect();
    overlay(&all, FillRule::NonZero)
}

/// What lies inside a ring, as rings of which shells are counter-clockwise.
fn lobes(place: usize, ring: &Ring, selves: &[usize]) -> Shape {
    if selves.contains(&place) {
        let lobes = overlay(&vec![ring.positions.clone()], FillRule::EvenOdd);
        return lobes.into_iter().flatten().collect();
    }
    let mut positions = ring.positions.clone();
    if area(&positions) < 0.0 {
        positions.reverse();
    }
    vec![positions]
}

fn overlay(rings: &Shape, rule: FillRule) -> Vec<Shape> {
    oriented(
        FloatOverlay::with_subj_custom(rings, options(), Default::default())
            .overlay(OverlayRule::Subject, rule),
    )
}

/// Shells counter-clockwise and holes clockwise: what is laid over one another next goes by it, and versions of the overlay
/// left holes that touch their shell the other way round.
fn oriented(mut shapes: Vec<Shape>) -> Vec<Shape> {
    for shape in &mut shapes {
        for (place, ring) in shape.iter_mut().enumerate() {
            if (area(ring) < 0.0) == (place == 0) {
                ring.reverse();
            }
        }
    }
    shapes
}

/// Valid by the OGC's rules, with vertices on straight lines kept.
fn options() -> OverlayOptions<f64> {
    let mut options = OverlayOptions::ogc();
    options.preserve_input_collinear = true;
    options.preserve_output_collinear = true;
    options
}

/// The area, negative if the ring is clockwise.
pub(super) fn area(ring: &[[f64; 2]]) -> f64 {
    // From the first position on, so that small rings far from the origin keep their digits.
    let [x0, y0] = ring.first().copied().unwrap_or_default();
    let ends = ring.iter().cycle().skip(1);
    let doubled: f64 = ring
        .iter()
        .zip(ends)
        .map(|([x, y], [to_x, to_y])| (x - x0) * (to_y - y0) - (to_x - x0) * (y - y0))
        .sum();
    doubled / 2.0
}
