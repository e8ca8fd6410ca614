//! What surrounds the features: the ground, the grid, its labels, and the scale.

use tiny_skia::{FillRule, PathBuilder, Pixmap, Stroke, Transform};

use super::scale::{self, Axis};
use super::text::Anchor;
use super::theme::Theme;
use super::{Sheet, rectangle, solid};
use crate::crs::Crs;
use crate::land;
use crate::placement::View;

/// Pixels between grid lines, about, in the sizes that are given here.
const BETWEEN: f32 = 200.0;

/// Water, land and grid.
pub(super) fn ground(map: &mut Pixmap, view: &View, crs: &Crs, theme: &Theme, zoom: f32) {
    if land::is_of_use(&view.extent, crs) {
        map.fill(theme.water);
        let mut path = PathBuilder::new();
        land::each_ring(&view.extent, crs, |ring| {
            for (at, position) in ring.iter().enumerate() {
                let [x, y] = view.pixel(*position);
                if at == 0 {
                    path.move_to(x, y);
                } else {
                    path.line_to(x, y);
                }
            }
            path.close();
        });
        if let Some(path) = path.finish() {
            // Lakes are rings within rings.
            let even = FillRule::EvenOdd;
            map.fill_path(&path, &solid(theme.land), even, Transform::identity(), None);
            let stroke = Stroke {
                width: 1.3 * zoom,
                ..Stroke::default()
            };
            map.stroke_path(
                &path,
                &solid(theme.coast),
                &stroke,
                Transform::identity(),
                None,
            );
        }
    } else {
        map.fill(theme.land);
    }
    let [width, height] = [map.width() as f32, map.height() as f32];
    let line = zoom.max(0.7) * 1.2;
    let (xs, _, ys, _) = grid(view, crs, [width, height], zoom);
    for x in xs {
        let [x, _] = view.pixel([x, view.extent.ymin]);
        rectangle(map, [x - line / 2.0, 0.0], [line, height], theme.grid);
    }
    for y in ys {
        let [_, y] = view.pixel([view.extent.xmin, y]);
        rectangle(map, [0.0, y - line / 2.0], [width, line], theme.grid);
    }
}

/// The grid lines: those northwards with their step, and those eastwards with theirs.
fn grid(
    view: &View,
    crs: &Crs,
    [width, height]: [f32; 2],
    zoom: f32,
) -> (Vec<f64>, f64, Vec<f64>, f64) {
    let extent = &view.extent;
    let wanted = |side: f32| f64::from((side / (BETWEEN * zoom)).clamp(2.0, 9.0));
    let (xs, across) = scale::ticks(extent.xmin, extent.xmax, wanted(width), crs);
    let (ys, up) = scale::ticks(extent.ymin, extent.ymax, wanted(height), crs);
    (xs, across, ys, up)
}

impl Sheet {
    /// The border of the map, the labels of the grid, and the scale.
    pub(super) fn margin(&mut self, corner: [f32; 2], size: [f32; 2], view: &View, crs: &Crs) {
        let (zoom, theme) = (self.zoom, self.theme);
        let [left, top] = corner;
        let (right, bottom) = (left + size[0], top + size[1]);
        let line = (1.6 * zoom).max(1.0);
        for (at, side) in [
            ([left, top], [size[0], line]),
            ([left, bottom - line], [size[0], line]),
            ([left, top], [line, size[1]]),
            ([right - line, top], [line, size[1]]),
        ] {
            rectangle(&mut self.page, at, side, theme.frame);
        }
        let look = self.look(18.0, theme.quiet);
        let (xs, across, ys, up) = grid(view, crs, size, zoom);
        let mut taken = f32::MIN;
        for x in xs {
            let text = scale::label(x, across, Axis::East, crs);
            let [at, _] = view.pixel([x, view.extent.ymin]);
            let half = self.letters.width(&text, look.size) / 2.0;
            let middle = (left + at).min(right - half).max(left + half);
            // Where there is no room, the label goes, not its line.
            if middle - half > taken {
                self.write([middle, bottom + 28.0 * zoom], Anchor::Middle, look, &text);
                taken = middle + half + 14.0 * zoom;
            }
        }
        let room = left - 18.0 * zoom;
        for y in ys {
            let text = scale::label(y, up, Axis::North, crs);
            let [_, at] = view.pixel([view.extent.xmin, y]);
            let width = self.letters.width(&text, look.size);
            let size = if width > room {
                look.size * room / width
            } else {
                look.size
            };
            let at = (top + at + size * 0.35).clamp(top + size, bottom - size * 0.2);
            let look = super::Look { size, ..look };
            self.write([left - 12.0 * zoom, at], Anchor::Right, look, &text);
        }
    }

    /// The bar of the scale, which ends at `right` and lies around the height `y`.
    pub(super) fn scale_bar(&mut self, [right, y]: [f32; 2], view: &View, crs: &Crs) {
        let (zoom, theme) = (self.zoom, self.theme);
        let Some((length, text)) = scale::bar(view, crs, f64::from(260.0 * zoom)) else {
            return;
        };
        let length = length as f32;
        let look = self.look(19.0, theme.text);
        let (start, base, line) = (right - length, y - 6.0 * zoom, 3.0 * zoom);
        rectangle(&mut self.page, [start, base], [length, line], theme.text);
        for end in [start, start + length - line] {
            let height = 8.0 * zoom;
            rectangle(
                &mut self.page,
                [end, base - height],
                [line, height],
                theme.text,
            );
        }
        self.write([start - 14.0 * zoom, y], Anchor::Right, look, &text);
    }
}
