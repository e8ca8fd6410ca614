//! The assembly of rings into polygons, against plain geometry in whole numbers.
//!
//! A case makes up rings. Either they are rectangles within each other, whose nesting is known from how they were made,
//! and the documented rules have to give just the polygons that come. Or they are any rings at all, touching and crossing
//! as they like: then no ring may get lost or turned into another, shells and holes have to run their ways, and neither
//! the order of the rings nor others far away may change what becomes of them.

use arcgis_layer::{Dimensions, GeometryLayout, GeometryType, Layout, SpatialReference};

use super::messages::{Axes, Feature, FeatureResult, Geometry, Transform};
use super::pbf::decode;
use super::recorder::{Shape, columns};
use super::shape::{Position, directions_fit, either_way, rings_of};
use super::source::Source;

type Ring = Vec<[i64; 2]>;

/// Assembles made-up rings.
pub fn rings(data: &[u8]) {
    let mut source = Source::new(data);
    if source.flag() {
        nested(&mut source);
    } else {
        any(&mut source);
    }
}

/// What the library makes of rings; `None` if they overlap too much.
fn assembled(rings: &[Ring]) -> Option<Shape> {
    let mut geometry = Geometry::default();
    for ring in rings {
        geometry.lengths.push(u32::try_from(ring.len()).unwrap());
        let mut last = [0, 0];
        for position in ring {
            geometry
                .coords
                .extend([position[0] - last[0], position[1] - last[1]]);
            last = *position;
        }
    }
    let one = Axes {
        x: 1.0,
        y: 1.0,
        ..Axes::default()
    };
    let page = FeatureResult {
        geometry_type: 3,
        transform: Some(Transform {
            origin: 1,
            scale: Some(one),
            translate: None,
        }),
        features: vec![Feature {
            geometry: Some(geometry),
            ..Feature::default()
        }],
        ..FeatureResult::default()
    };
    match decode(&page.encoded(), &layout()) {
        Ok((mut rows, _)) => rows.remove(0).geometry,
        Err(error) if error.to_string().contains("overlap so much") => None,
        Err(error) => panic!("{error}"),
    }
}

fn layout() -> Layout {
    columns(&[]).with_geometry(GeometryLayout {
        kind: GeometryType::Polygon,
        dims: Dimensions::Xy,
        spatial_reference: SpatialReference::default(),
    })
}

type Key = Vec<[u64; 4]>;

fn key(ring: &[[i64; 2]]) -> Key {
    let positions: Vec<Position> = ring
        .iter()
        .map(|[x, y]| [*x as f64, *y as f64, f64::NAN, f64::NAN])
        .collect();
    either_way(&positions, Dimensions::Xy)
}

/// The polygons of a shape: each ring the same whichever way it runs.
fn polygons(shape: &Shape) -> Vec<Vec<Key>> {
    let rings: Vec<Key> = rings_of(shape)
        .iter()
        .map(|ring| either_way(ring, Dimensions::Xy))
        .collect();
    let mut from = 0;
    shape
        .part_ends
        .iter()
        .map(|&end| rings[std::mem::replace(&mut from, end)..end].to_vec())
        .collect()
}

/// A rectangle within others.
struct Nested {
    ring: Ring,
    counter_clockwise: bool,
    parent: Option<usize>,
}

fn nested(source: &mut Source<'_>) {
    let mut made = Vec::new();
    let side = 3_i64.pow(12);
    for at in 0..1 + source.below(3) as i64 {
        let x = at * 2 * side;
        fill(source, [x, 0, x + side, side], None, &mut made);
    }
    // In any order.
    let mut order: Vec<usize> = (0..made.len()).collect();
    for place in (1..order.len()).rev() {
        order.swap(place, usize::from(source.byte()) % (place + 1));
    }
    let mut outermost_is_mixed = vec![false; made.len()];
    let root = |mut place: usize| {
        while let Some(parent) = made[place].parent {
            place = parent;
        }
        place
    };
    for (place, ring) in made.iter().enumerate() {
        let root = root(place);
        outermost_is_mixed[root] |= ring.counter_clockwise != made[root].counter_clockwise;
    }
    // Parents come before what is in them.
    let mut shells: Vec<bool> = Vec::new();
    for (place, ring) in made.iter().enumerate() {
        let same = |other: usize| made[other].counter_clockwise == ring.counter_clockwise;
        shells.push(match ring.parent {
            None => true,
            Some(parent) => {
                let root = root(place);
                !shells[parent] || (outermost_is_mixed[root] && same(root) && same(parent))
            }
        });
    }
    let wanted: Vec<Vec<Key>> = order
        .iter()
        .filter(|&&place| shells[place])
        .map(|&shell| {
            let holes = order
                .iter()
                .filter(|&&place| !shells[place] && made[place].parent == Some(shell));
            std::iter::once(&shell)
                .chain(holes)
                .map(|&place| key(&made[place].ring))
                .collect()
        })
        .collect();
    let given: Vec<Ring> = order
        .iter()
        .map(|&place| made[place].ring.clone())
        .collect();
    let shape = assembled(&given).expect("rectangles do not overlap");
    assert_eq!(polygons(&shape), wanted, "{given:?}");
    directions_fit(&shape);
}

/// Puts a rectangle into a place, perhaps, and others into that.
fn fill(
    source: &mut Source<'_>,
    [x0, y0, x1, y1]: [i64; 4],
    parent: Option<usize>,
    made: &mut Vec<Nested>,
) {
    if source.is_empty() || made.len() >= 60 || x1 - x0 < 9 || y1 - y0 < 9 {
        return;
    }
    let choice = source.byte();
    // Touching its place's sides, or not. The upper one never, so that it is smaller than what is around it.
    let margin = |touches: u8| if choice & touches == 0 { 1 } else { 0 };
    let (left, low) = (x0 + margin(1), y0 + margin(2));
    let (right, high) = (x1 - margin(4), y1 - 1);
    let mut ring = vec![[left, low], [right, low], [right, high], [left, high]];
    let turn = usize::from(choice >> 3) % 4;
    ring.rotate_left(turn);
    let counter_clockwise = choice & 32 == 0;
    if !counter_clockwise {
        ring.reverse();
    }
    if choice & 64 != 0 {
        ring.push(ring[0]);
    }
    let own = made.len();
    made.push(Nested {
        ring,
        counter_clockwise,
        parent,
    });
    // One, two or three columns side by side, which may share edges.
    let columns = 1 + i64::from(choice >> 7) + i64::from(source.byte() % 2);
    let width = (right - left) / columns;
    for column in 0..columns {
        let from = left + column * width;
        fill(source, [from, low, from + width, high], Some(own), made);
    }
}

fn any(source: &mut Source<'_>) {
    let mut rings: Vec<Ring> = Vec::new();
    let grid = 2 + source.below(30) as i64;
    while !source.is_empty() && rings.len() < 30 {
        let length = 1 + source.below(9);
        let ring = (0..length)
            .map(|_| {
                [
                    i64::from(source.byte()) % grid,
                    i64::from(source.byte()) % grid,
                ]
            })
            .collect();
        rings.push(ring);
    }
    let Some(shape) = assembled(&rings) else {
        return;
    };
    directions_fit(&shape);
    let mut kept: Vec<Key> = rings
        .iter()
        .filter(|ring| !is_flat(ring))
        .map(|ring| key(ring))
        .collect();
    let mut found: Vec<Key> = polygons(&shape).concat();
    kept.sort();
    found.sort();
    assert_eq!(kept, found);
    let mut areas: Vec<i64> = rings.iter().map(|ring| area(ring).abs()).collect();
    areas.sort_unstable();
    areas.dedup();
    // Of rings of one size that cross each other either may be the one around a third.
    if areas.len() < rings.len() {
        return;
    }
    let sorted = |shape: &Shape| {
        let mut polygons = polygons(shape);
        for polygon in &mut polygons {
            polygon[1..].sort();
        }
        polygons.sort();
        polygons
    };
    let wanted = sorted(&shape);
    let mut backwards = rings.clone();
    backwards.reverse();
    if let Some(shape) = assembled(&backwards) {
        assert_eq!(sorted(&shape), wanted, "in another order: {rings:?}");
    }
    // Enough of them that an index is used where each was compared with each.
    let far: Vec<Ring> = (0..14)
        .map(|at| {
            let x = 1_000 + 10 * at;
            vec![[x, 0], [x + 1, 0], [x + 1, 1], [x, 1], [x, 0]]
        })
        .collect();
    let mut more = rings.clone();
    more.extend(far.iter().cloned());
    if let Some(shape) = assembled(&more) {
        let far: Vec<Key> = far.iter().map(|ring| key(ring)).collect();
        let mut polygons = sorted(&shape);
        polygons.retain(|polygon| !far.contains(&polygon[0]));
        assert_eq!(polygons, wanted, "with others far away: {rings:?}");
    }
}

/// Twice the area.
fn area(ring: &[[i64; 2]]) -> i64 {
    crosses(ring).sum()
}

fn is_flat(ring: &[[i64; 2]]) -> bool {
    crosses(ring).all(|cross| cross == 0)
}

fn crosses(ring: &[[i64; 2]]) -> impl Iterator<Item = i64> + '_ {
    let [x0, y0] = ring[0];
    ring.windows(2).map(move |pair| {
        (pair[0][0] - x0) * (pair[1][1] - y0) - (pair[1][0] - x0) * (pair[0][1] - y0)
    })
}
