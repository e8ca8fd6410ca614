//! The features themselves.

use tiny_skia::{FillRule, LineCap, LineJoin, PathBuilder, Pixmap, Stroke, Transform};

use super::density::Density;
use super::theme::Theme;
use super::{Sheet, rectangle, solid};
use crate::outline::PartKind;
use crate::placement::{Placement, View};

/// More points than this are shaded by how many there are.
const MOST_DISCS: usize = 2500;

/// Vertices that are drawn at once.
const MOST_AT_ONCE: usize = 100_000;

/// How the features were drawn.
pub(super) struct Legend {
    /// Points were shaded by how many there are.
    pub(super) is_density: bool,
}

/// Draws polygons, lines and points, in this order.
pub(super) fn draw(
    map: &mut Pixmap,
    placement: &Placement<'_>,
    view: &View,
    theme: &Theme,
    zoom: f32,
) -> Legend {
    let crowd = Crowd::of(placement, view);
    let area = f64::from(map.width()) * f64::from(map.height());
    areas(map, placement, view, theme, crowd.border_width(zoom));
    lines(map, placement, view, theme, crowd.line_width(area, zoom));
    let (mut points, mut specks) = (0, 0);
    placement.each_dot(|is_point, _, _| *(if is_point { &mut points } else { &mut specks }) += 1);
    if specks > 0 {
        dust(map, placement, view, theme, specks, zoom);
    }
    if points == 0 {
        return Legend { is_density: false };
    }
    if points > MOST_DISCS {
        // From 3.2 pixels for some thousands to 1.1 for a million.
        let radius = (3.2 - ((points as f32 / MOST_DISCS as f32).log10() * 0.8)).clamp(1.1, 3.2);
        let mut density = Density::new(map.width(), map.height(), radius * zoom.max(0.6));
        placement.each_dot(|is_point, position, count| {
            if is_point {
                density.add(view.pixel(position), count);
            }
        });
        density.draw(map, theme);
        return Legend { is_density: true };
    }
    discs(map, placement, view, theme, disc_radius(points) * zoom);
    Legend { is_density: false }
}

/// The radius of one of so many points: large where there are few.
fn disc_radius(points: usize) -> f32 {
    (13.0 - (points as f32).log10() * 2.6).clamp(4.2, 11.0)
}

/// How much of the map lines and borders take.
struct Crowd {
    rings: f64,
    border: f64,
    line: f64,
}

impl Crowd {
    fn of(placement: &Placement<'_>, view: &View) -> Self {
        let (mut rings, mut border, mut line) = (0.0, 0.0, 0.0);
        placement.each_path(|kind, positions| {
            let length: f64 = positions
                .windows(2)
                .map(|pair| match pair {
                    [a, b] => {
                        let ([ax, ay], [bx, by]) = (view.pixel(*a), view.pixel(*b));
                        f64::from((bx - ax).hypot(by - ay))
                    }
                    _ => 0.0,
                })
                .sum();
            if kind == PartKind::Line {
                line += length;
            } else {
                rings += 1.0;
                border += length;
            }
        });
        Self {
            rings,
            border,
            line,
        }
    }

    /// Thin borders around small polygons, which would be nothing but border; where there are few, to be seen is more.
    fn border_width(&self, zoom: f32) -> f32 {
        let rings = self.rings.max(1.0);
        let around = (self.border / rings) as f32 / zoom;
        let least = (2.6 - rings.log10() as f32 * 0.55).clamp(0.25, 1.8);
        (around / 90.0).clamp(least, 1.8) * zoom
    }

    /// Thin lines where there are many.
    fn line_width(&self, area: f64, zoom: f32) -> f32 {
        let cover = (self.line * f64::from(zoom) / area.max(1.0)) as f32;
        (2.6 - 9.0 * cover).clamp(0.6, 2.6) * zoom
    }
}

/// Paths that are drawn when there are enough of them.
struct Stack<D> {
    path: PathBuilder,
    vertices: usize,
    draw: D,
}

impl<D: FnMut(&tiny_skia::Path)> Stack<D> {
    fn new(draw: D) -> Self {
        Self {
            path: PathBuilder::new(),
            vertices: 0,
            draw,
        }
    }

    /// Adds a path; `is_start` says that all before it may be drawn without it.
    fn add(&mut self, view: &View, positions: &[[f64; 2]], is_ring: bool, is_start: bool) {
        if is_start && self.vertices > MOST_AT_ONCE {
            self.flush();
        }
        let mut last = [f32::NAN; 2];
        for (at, position) in positions.iter().enumerate() {
            let [x, y] = view.pixel(*position);
            if at == 0 {
                self.path.move_to(x, y);
            } else if (x - last[0]).abs() + (y - last[1]).abs() < 0.3 && at + 1 < positions.len() {
                continue;
            } else {
                self.path.line_to(x, y);
            }
            last = [x, y];
            self.vertices += 1;
        }
        if is_ring {
            self.path.close();
        }
    }

    fn flush(&mut self) {
        let path = std::mem::replace(&mut self.path, PathBuilder::new());
        self.vertices = 0;
        if let Some(path) = path.finish() {
            (self.draw)(&path);
        }
    }
}

fn areas(map: &mut Pixmap, placement: &Placement<'_>, view: &View, theme: &Theme, width: f32) {
    let (fill, border) = (solid(theme.area), solid(theme.border));
    let stroke = Stroke {
        width,
        line_join: LineJoin::Round,
        ..Stroke::default()
    };
    let mut stack = Stack::new(|path: &tiny_skia::Path| {
        // Shells run one way and holes the other, so that polygons may lie over each other.
        map.fill_path(path, &fill, FillRule::Winding, Transform::identity(), None);
        map.stroke_path(path, &border, &stroke, Transform::identity(), None);
    });
    placement.each_path(|kind, positions| {
        if kind != PartKind::Line {
            stack.add(view, positions, true, kind == PartKind::Shell);
        }
    });
    stack.flush();
}

fn lines(map: &mut Pixmap, placement: &Placement<'_>, view: &View, theme: &Theme, width: f32) {
    let paint = solid(theme.line);
    let stroke = Stroke {
        width,
        line_cap: LineCap::Round,
        line_join: LineJoin::Round,
        ..Stroke::default()
    };
    let mut stack = Stack::new(|path: &tiny_skia::Path| {
        map.stroke_path(path, &paint, &stroke, Transform::identity(), None);
    });
    placement.each_path(|kind, positions| {
        if kind == PartKind::Line {
            stack.add(view, positions, false, true);
        }
    });
    stack.flush();
}

/// Polygons and lines that are too small to be drawn: a dot for each, larger where there are few.
fn dust(
    map: &mut Pixmap,
    placement: &Placement<'_>,
    view: &View,
    theme: &Theme,
    count: usize,
    zoom: f32,
) {
    let side = (6.0 - (count as f32).log10() * 1.1).clamp(1.6, 5.0) * zoom.max(0.6);
    placement.each_dot(|is_point, position, _| {
        if !is_point {
            let [x, y] = view.pixel(position);
            rectangle(
                map,
                [x - side / 2.0, y - side / 2.0],
                [side, side],
                theme.border,
            );
        }
    });
}

fn discs(map: &mut Pixmap, placement: &Placement<'_>, view: &View, theme: &Theme, radius: f32) {
    let (fill, rim) = (solid(theme.point), solid(theme.rim));
    let stroke = Stroke {
        width: (radius * 0.24).max(0.8),
        ..Stroke::default()
    };
    placement.each_dot(|is_point, position, _| {
        let [x, y] = view.pixel(position);
        if let (true, Some(disc)) = (is_point, PathBuilder::from_circle(x, y, radius)) {
            map.fill_path(&disc, &fill, FillRule::Winding, Transform::identity(), None);
            map.stroke_path(&disc, &rim, &stroke, Transform::identity(), None);
        }
    });
}

/// What stands for a kind of feature in the legend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Symbol {
    Point,
    Line,
    Polygon,
}

impl Symbol {
    /// Draws the symbol around the height `y`, from `x` on; gives how much room it takes.
    pub(super) fn draw(self, sheet: &mut Sheet, [x, y]: [f32; 2], is_ramp: bool) -> f32 {
        let (zoom, theme) = (sheet.zoom, sheet.theme);
        let page = &mut sheet.page;
        if is_ramp {
            let (width, height) = (150.0 * zoom, 16.0 * zoom);
            let steps = width.max(1.0) as u16;
            for step in 0..steps {
                let at = f32::from(step) / f32::from(steps);
                let [red, green, blue] = theme.shade(at).map(|channel| channel / 255.0);
                if let Some(colour) = tiny_skia::Color::from_rgba(red, green, blue, 1.0) {
                    rectangle(
                        page,
                        [x + f32::from(step), y - height / 2.0],
                        [1.0, height],
                        colour,
                    );
                }
            }
            return width + 16.0 * zoom;
        }
        match self {
            Self::Point => {
                if let Some(disc) = PathBuilder::from_circle(x + 9.0 * zoom, y, 8.0 * zoom) {
                    let paint = solid(theme.point);
                    page.fill_path(
                        &disc,
                        &paint,
                        FillRule::Winding,
                        Transform::identity(),
                        None,
                    );
                }
                28.0 * zoom
            }
            Self::Line => {
                rectangle(
                    page,
                    [x, y - 2.0 * zoom],
                    [34.0 * zoom, 4.0 * zoom],
                    theme.line,
                );
                46.0 * zoom
            }
            Self::Polygon => {
                let (width, height) = (30.0 * zoom, 20.0 * zoom);
                rectangle(page, [x, y - height / 2.0], [width, height], theme.area);
                let line = 2.0 * zoom;
                for (at, side) in [
                    ([x, y - height / 2.0], [width, line]),
                    ([x, y + height / 2.0 - line], [width, line]),
                    ([x, y - height / 2.0], [line, height]),
                    ([x + width - line, y - height / 2.0], [line, height]),
                ] {
                    rectangle(page, at, side, theme.border);
                }
                42.0 * zoom
            }
        }
    }
}
