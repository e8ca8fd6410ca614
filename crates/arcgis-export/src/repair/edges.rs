//! How the edges of a polygon meet.

use std::collections::BTreeSet;

use robust::{Coord, orient2d};
use rstar::primitives::{GeomWithData, Line};
use rstar::{AABB, RTree};

use super::Ring;

/// Rings of fewer positions cannot cross so often that it would matter: half their square is less than [`MOST_CROSSINGS`].
const FEW_POSITIONS: usize = 600;

/// Crossings take memory, of which the overlay has some hundred bytes for each.
const MOST_CROSSINGS: usize = 200_000;

/// Pairs of edges that are looked at: about a second's worth. Of a coastline's edges each meets a few others' rectangles.
const MOST_PAIRS: usize = 50_000_000;

/// What was found.
pub(super) enum Meeting {
    /// Edges meet in points that they share as neighbours, or where rings touch each other.
    Apart,
    /// Edges cross, or lie on one another, or a ring touches itself.
    Crossing {
        /// The places of rings that do that by themselves.
        selves: Vec<usize>,
    },
    /// Edges cross so often that it is a tangle, and no picture of anything.
    Tangle,
}

/// An edge with the ring that it is of, and its place there.
type Edge = GeomWithData<Line<[f64; 2]>, (usize, usize)>;

/// How two edges meet.
#[derive(PartialEq, Eq)]
enum Contact {
    None,
    /// In one point that is the end of one of them.
    Touch,
    /// In a point inside of both, or along a line.
    Cross,
}

/// Looks at all edges, each with those whose rectangle meets its own.
pub(super) fn meeting(rings: &[Ring]) -> Meeting {
    let mut edges: Vec<Edge> = Vec::new();
    for (place, ring) in rings.iter().enumerate() {
        let ends = ring.positions.iter().cycle().skip(1);
        for (at, (from, to)) in ring.positions.iter().zip(ends).enumerate() {
            edges.push(Edge::new(Line::new(*from, *to), (place, at)));
        }
    }
    let few = edges.len() <= FEW_POSITIONS;
    let tree = RTree::bulk_load(edges);
    let mut selves = BTreeSet::new();
    let mut crossing = false;
    let (mut pairs, mut crossings) = (0, 0);
    for edge in &tree {
        let (from, to) = (edge.geom().from, edge.geom().to);
        let around = AABB::from_corners(from, to);
        for other in tree.locate_in_envelope_intersecting(&around) {
            // Each pair once.
            if other.data <= edge.data {
                continue;
            }
            pairs += 1;
            let contact = contact([from, to], [other.geom().from, other.geom().to]);
            if contact == Contact::None {
                continue;
            }
            crossings += usize::from(contact == Contact::Cross);
            let ((ring, at), (of, place)) = (edge.data, other.data);
            if ring != of {
                crossing |= contact == Contact::Cross;
                continue;
            }
            let count = rings.get(ring).map_or(0, |ring| ring.positions.len());
            let neighbours = place == at + 1 || (at == 0 && place + 1 == count);
            if !neighbours || contact == Contact::Cross {
                selves.insert(ring);
            }
        }
        if pairs > MOST_PAIRS || crossings > MOST_CROSSINGS {
            return Meeting::Tangle;
        }
        // One ring says enough; of several each is wanted.
        if few && rings.len() == 1 && !selves.is_empty() {
            break;
        }
    }
    if crossing || !selves.is_empty() {
        Meeting::Crossing {
            selves: selves.into_iter().collect(),
        }
    } else {
        Meeting::Apart
    }
}

fn contact([a, b]: [[f64; 2]; 2], [c, d]: [[f64; 2]; 2]) -> Contact {
    let side = |from: [f64; 2], to: [f64; 2], of: [f64; 2]| {
        let coord = |[x, y]: [f64; 2]| Coord { x, y };
        let side = orient2d(coord(from), coord(to), coord(of));
        if side > 0.0 {
            1
        } else if side < 0.0 {
            -1
        } else {
            0
        }
    };
    let (of_c, of_d) = (side(a, b, c), side(a, b, d));
    if of_c == 0 && of_d == 0 {
        return along_one_line([a, b], [c, d]);
    }
    let (of_a, of_b) = (side(c, d, a), side(c, d, b));
    if of_c * of_d > 0 || of_a * of_b > 0 {
        Contact::None
    } else if of_c * of_d < 0 && of_a * of_b < 0 {
        Contact::Cross
    } else {
        Contact::Touch
    }
}

/// Two edges on one line, compared along the axis on which it is longer.
fn along_one_line([a, b]: [[f64; 2]; 2], [c, d]: [[f64; 2]; 2]) -> Contact {
    let axis = usize::from((b[0] - a[0]).abs() < (b[1] - a[1]).abs());
    let span = |p: [f64; 2], q: [f64; 2]| {
        let [p, q] = [p, q].map(|end| if axis == 0 { end[0] } else { end[1] });
        (p.min(q), p.max(q))
    };
    let (one, other) = (span(a, b), span(c, d));
    let (least, most) = (one.0.max(other.0), one.1.min(other.1));
    if least > most {
        Contact::None
    } else if least == most {
        Contact::Touch
    } else {
        Contact::Cross
    }
}
