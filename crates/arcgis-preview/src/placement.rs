//! Where everything lies on a flat map: parts on the far side of the antimeridian come where the map goes on.

use crate::crs::{Crs, Unit};
use crate::longitude::{Sectors, shift};
use crate::outline::{Extent, PartKind};
use crate::sketch::{Cell, Sketch};

/// The sketch as it lies on the map.
#[derive(Debug)]
pub(crate) struct Placement<'a> {
    sketch: &'a Sketch,
    cut: Option<Cut>,
    extent: Extent,
}

/// Where the map begins in the west, and how far it is around the world.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cut {
    pub(crate) west: f64,
    pub(crate) period: f64,
}

impl Cut {
    /// By how much a part with this middle is moved.
    pub(crate) fn shift(self, middle: f64) -> f64 {
        shift(middle, self.west, self.period)
    }
}

impl<'a> Placement<'a> {
    pub(crate) fn new(sketch: &'a Sketch, crs: &Crs) -> Self {
        let whole = sketch.extent();
        let cut = crs.period().and_then(|period| {
            if whole.width() <= period / 2.0 {
                return None;
            }
            let west = sectors(sketch, period).west(whole.width())?;
            Some(Cut { west, period })
        });
        let mut placement = Self {
            sketch,
            cut,
            extent: whole,
        };
        if cut.is_some() {
            let mut extent = Extent::EMPTY;
            placement.each_dot(|_, position, _| extent.add(position));
            placement.each_path(|_, positions| {
                for position in positions {
                    extent.add(*position);
                }
            });
            placement.extent = extent;
        }
        placement
    }

    /// Around everything as it lies.
    pub(crate) fn extent(&self) -> Extent {
        self.extent
    }

    pub(crate) fn cut(&self) -> Option<Cut> {
        self.cut
    }

    /// Calls `take` with each point and each speck: whether it is a point, where, and how many lie there.
    pub(crate) fn each_dot(&self, mut take: impl FnMut(bool, [f64; 2], u32)) {
        let points = self.sketch.points().iter().map(|dot| (true, dot));
        let specks = self.sketch.specks().iter().map(|dot| (false, dot));
        for (is_point, dot) in points.chain(specks) {
            let [x, y] = self.sketch.position(dot.cell);
            let moved = self.cut.map_or(0.0, |cut| cut.shift(x));
            take(is_point, [x + moved, y], dot.count);
        }
    }

    /// Calls `take` with each line and ring.
    pub(crate) fn each_path(&self, mut take: impl FnMut(PartKind, &[[f64; 2]])) {
        let mut positions = Vec::new();
        let mut of_shell = 0.0;
        for (kind, cells) in self.sketch.paths() {
            let moved = match self.cut {
                None => 0.0,
                // A hole goes where its shell went.
                Some(_) if kind == PartKind::Hole => of_shell,
                Some(cut) => cut.shift(self.middle(cells)),
            };
            of_shell = moved;
            positions.clear();
            positions.extend(cells.iter().map(|cell| {
                let [x, y] = self.sketch.position(*cell);
                [x + moved, y]
            }));
            take(kind, &positions);
        }
    }

    fn middle(&self, cells: &[Cell]) -> f64 {
        let (west, east) = span(cells);
        let [west, _] = self.sketch.position([west, 0]);
        let [east, _] = self.sketch.position([east, 0]);
        west / 2.0 + east / 2.0
    }
}

fn span(cells: &[Cell]) -> (i32, i32) {
    cells
        .iter()
        .fold((i32::MAX, i32::MIN), |(least, most), [x, _]| {
            (least.min(*x), most.max(*x))
        })
}

fn sectors(sketch: &Sketch, period: f64) -> Sectors {
    let mut sectors = Sectors::new(period);
    for dot in sketch.points().iter().chain(sketch.specks()) {
        let [x, _] = sketch.position(dot.cell);
        sectors.take(x, x);
    }
    for (_, cells) in sketch.paths() {
        let (west, east) = span(cells);
        let [west, _] = sketch.position([west, 0]);
        let [east, _] = sketch.position([east, 0]);
        sectors.take(west, east);
    }
    sectors
}

/// A piece of the map, and the pixels that it is drawn on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) extent: Extent,
    /// How much narrower a step to the east is drawn than one to the north.
    squeeze: f64,
    /// Pixels for each unit northwards.
    scale: f64,
}

/// What the pixels of a view may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) width: f64,
    /// The least and the most height.
    pub(crate) height: (f64, f64),
    /// Pixels for each unit to the right, for each downwards; not 1 where "pixels" are not square.
    pub(crate) pixel_aspect: f64,
}

impl View {
    /// The view of an extent, with some air around it, that fills the room; and its height.
    pub(crate) fn new(extent: &Extent, crs: &Crs, room: Room) -> (Self, f64) {
        let [x, y] = extent.middle();
        let squeeze = match crs.unit() {
            Unit::Degrees => y.clamp(-84.0, 84.0).to_radians().cos(),
            _ => 1.0,
        } * room.pixel_aspect;
        let least = match crs.unit() {
            Unit::Degrees => 0.02,
            Unit::Length(metres) => 2000.0 / metres,
            Unit::Unknown => 1.0,
        };
        let (mut width, mut height) = (extent.width(), extent.height());
        // A single place: something around it, at least what numbers can tell apart.
        if width.max(height) < least * 1e-4 {
            let around = least.max(extent.reach() * 1e-5);
            (width, height) = (around / squeeze, around);
        }
        let air = 1.09;
        // A whole world has no need of air at its sides: it begins again there.
        let across = match crs.period() {
            Some(period) if width <= period && width * air > period => period,
            _ => width * air,
        };
        let scale = (room.width / (across * squeeze)).min(room.height.1 / (height * air));
        let pixels = (height * air * scale).clamp(room.height.0, room.height.1);
        let (half_width, half_height) = (room.width / squeeze / scale / 2.0, pixels / scale / 2.0);
        let mut shown = Extent {
            xmin: x - half_width,
            ymin: y - half_height,
            xmax: x + half_width,
            ymax: y + half_height,
        };
        if crs.unit() == Unit::Degrees {
            // There is nothing beyond the poles: rather a lower picture.
            shown.ymin = shown.ymin.max(extent.ymin.min(-90.0));
            shown.ymax = shown.ymax.min(extent.ymax.max(90.0));
        }
        let pixels = (shown.height() * scale).max(1.0);
        (
            Self {
                extent: shown,
                squeeze,
                scale,
            },
            pixels,
        )
    }

    /// The pixel of a position: from the left, and from the top.
    pub(crate) fn pixel(&self, [x, y]: [f64; 2]) -> [f32; 2] {
        let across = (x - self.extent.xmin) * self.squeeze * self.scale;
        let down = (self.extent.ymax - y) * self.scale;
        // Far outside is far outside.
        [across.clamp(-1e6, 1e6) as f32, down.clamp(-1e6, 1e6) as f32]
    }

    /// Pixels for each unit to the east.
    pub(crate) fn pixels_per_unit(&self) -> f64 {
        self.squeeze * self.scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outline::Outline;

    fn sketch_of(points: &[[f64; 2]]) -> Sketch {
        let mut sketch = Sketch::default();
        for [x, y] in points {
            let mut outline = Outline::default();
            outline.push(*x, *y);
            outline.end(PartKind::Points);
            sketch.add(&outline);
        }
        sketch
    }

    #[test]
    fn places_on_both_sides_of_the_antimeridian_lie_together() {
        let sketch = sketch_of(&[[178.0, -17.0], [-179.0, -18.0], [179.5, -16.0]]);
        let placement = Placement::new(&sketch, &Crs::crs84());
        let extent = placement.extent();
        assert!(
            (extent.xmin - 178.0).abs() < 0.1 && (extent.xmax - 181.0).abs() < 0.1,
            "{extent:?}"
        );
        // In metres there is no such line.
        let flat = Placement::new(&sketch, &Crs::unknown());
        assert_eq!(flat.extent().xmin, -179.0);
    }

    #[test]
    fn degrees_are_narrower_away_from_the_equator() {
        let room = Room {
            width: 1000.0,
            height: (100.0, 1000.0),
            pixel_aspect: 1.0,
        };
        let extent = Extent {
            xmin: 0.0,
            ymin: 59.0,
            xmax: 2.0,
            ymax: 61.0,
        };
        let (view, _) = View::new(&extent, &Crs::crs84(), room);
        let [west, south] = view.pixel([0.0, 59.0]);
        let [east, north] = view.pixel([2.0, 61.0]);
        // cos 60° is a half.
        assert!(((east - west) / (south - north) - 0.5).abs() < 1e-3);
        let (flat, _) = View::new(&extent, &Crs::unknown(), room);
        let [west, south] = flat.pixel([0.0, 59.0]);
        let [east, north] = flat.pixel([2.0, 61.0]);
        assert!(((east - west) / (south - north) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn a_single_place_has_something_around_it() {
        let room = Room {
            width: 1000.0,
            height: (100.0, 500.0),
            pixel_aspect: 1.0,
        };
        for place in [[0.0, 0.0], [31.25, 30.05], [5e6, 6e6], [1e15, -1e15]] {
            let mut extent = Extent::EMPTY;
            extent.add(place);
            for crs in [Crs::crs84(), Crs::unknown()] {
                let (view, height) = View::new(&extent, &crs, room);
                let [x, _] = view.pixel(place);
                assert!((x - 500.0).abs() < 1.0, "{place:?} {x}");
                assert!(height.is_finite() && height >= 1.0);
            }
        }
    }
}
