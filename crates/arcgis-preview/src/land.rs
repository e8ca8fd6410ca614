//! The outline of the land, which lies behind maps of a good part of the world.

use crate::crs::Crs;
use crate::outline::Extent;

/// See `data/README.md`.
const LAND: &[u8] = include_bytes!("../data/land.bin");

const EAST_STEPS: f64 = 160.0;
const NORTH_STEPS: f64 = 320.0;

/// The outline is too rough for less, in degrees.
const LEAST_DEGREES: f64 = 12.0;

/// The radius of Web Mercator's globe, in metres.
const RADIUS: f64 = 6_378_137.0;

/// Whether the outline of the land helps on a map of this extent.
pub(crate) fn is_of_use(extent: &Extent, crs: &Crs) -> bool {
    let around = match crs.period() {
        Some(period) => extent.width().max(extent.height()) / period * 360.0,
        None => return false,
    };
    around >= LEAST_DEGREES
}

/// Calls `take` with each ring, in the coordinates of `crs`, as often as the map shows it: a map may show the same
/// place in the west and in the east.
pub(crate) fn each_ring(extent: &Extent, crs: &Crs, mut take: impl FnMut(&[[f64; 2]])) {
    let Some(period) = crs.period() else {
        return;
    };
    let mut positions = Vec::new();
    for ring in Rings(LAND) {
        for turn in -2..=2 {
            let moved = f64::from(turn) * period;
            positions.clear();
            let mut around = Extent::EMPTY;
            for [lon, lat] in ring.clone() {
                let [x, y] = project([lon, lat], crs);
                around.add([x + moved, y]);
                positions.push([x + moved, y]);
            }
            if around.xmax >= extent.xmin && around.xmin <= extent.xmax {
                take(&positions);
            }
        }
    }
}

fn project([lon, lat]: [f64; 2], crs: &Crs) -> [f64; 2] {
    if !crs.is_web_mercator() {
        return [lon, lat];
    }
    let lat = lat.clamp(-85.06, 85.06).to_radians();
    [lon.to_radians() * RADIUS, lat.tan().asinh() * RADIUS]
}

/// The rings of the data.
struct Rings(&'static [u8]);

impl Iterator for Rings {
    type Item = Ring;

    fn next(&mut self) -> Option<Ring> {
        let (count, rest) = self.0.split_first_chunk()?;
        let bytes = usize::from(u16::from_le_bytes(*count)) * 4;
        let (ring, rest) = rest.split_at_checked(bytes)?;
        self.0 = rest;
        Some(Ring(ring))
    }
}

/// The positions of a ring, in degrees.
#[derive(Clone)]
struct Ring(&'static [u8]);

impl Iterator for Ring {
    type Item = [f64; 2];

    fn next(&mut self) -> Option<[f64; 2]> {
        let (x, rest) = self.0.split_first_chunk()?;
        let (y, rest) = rest.split_first_chunk()?;
        self.0 = rest;
        let (x, y) = (i16::from_le_bytes(*x), i16::from_le_bytes(*y));
        Some([f64::from(x) / EAST_STEPS, f64::from(y) / NORTH_STEPS])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_land_is_whole_and_where_it_belongs() {
        let world = Extent {
            xmin: -180.0,
            ymin: -90.0,
            xmax: 180.0,
            ymax: 90.0,
        };
        let (mut rings, mut positions) = (0, 0);
        let mut reach = Extent::EMPTY;
        // Berlin is on land, the middle of the Atlantic is not.
        let (mut berlin, mut atlantic) = (false, false);
        each_ring(&world, &Crs::crs84(), |ring| {
            rings += 1;
            positions += ring.len();
            ring.iter().for_each(|position| reach.add(*position));
            berlin ^= is_inside(ring, [13.4, 52.5]);
            atlantic ^= is_inside(ring, [-35.0, 30.0]);
        });
        assert!(rings > 120 && positions > 5_000, "{rings} {positions}");
        assert!(reach.ymin >= -90.0 && reach.ymax < 84.0, "{reach:?}");
        assert!(berlin && !atlantic);
    }

    fn is_inside(ring: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
        ring.windows(2).fold(false, |inside, pair| {
            let ([ax, ay], [bx, by]) = (pair[0], pair[1]);
            let crosses = (ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax;
            inside ^ crosses
        })
    }
}
