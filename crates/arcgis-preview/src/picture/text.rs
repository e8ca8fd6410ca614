//! Letters, drawn as shapes.

use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider as _};
use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Stroke, Transform};

use crate::error::Error;

const ROBOTO: &[u8] = include_bytes!("../../data/roboto.ttf");

/// Stands for letters that the font does not have.
const UNKNOWN: char = '□';

/// Where a text is, of the point that is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Anchor {
    Left,
    Middle,
    Right,
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// The height of letters, in pixels.
    pub(super) size: f32,
    pub(super) colour: Color,
    pub(super) bold: bool,
}

pub(super) struct Letters {
    font: FontRef<'static>,
}

impl Letters {
    pub(super) fn new() -> Result<Self, Error> {
        let font = FontRef::new(ROBOTO).map_err(|error| Error::Picture(error.into()))?;
        Ok(Self { font })
    }

    fn glyphs(&self, text: &str, size: f32) -> impl Iterator<Item = (GlyphId, f32)> {
        let letters = self.font.charmap();
        let metrics = self
            .font
            .glyph_metrics(Size::new(size), LocationRef::default());
        text.chars().filter_map(move |letter| {
            let glyph = letters.map(letter).or_else(|| letters.map(UNKNOWN))?;
            Some((glyph, metrics.advance_width(glyph).unwrap_or(0.0)))
        })
    }

    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        self.glyphs(text, size).map(|(_, width)| width).sum()
    }

    /// As much of the text as has room, with an ellipsis if it is not all.
    pub(super) fn fit(&self, text: &str, size: f32, room: f32) -> String {
        if self.width(text, size) <= room {
            return text.to_owned();
        }
        let ellipsis = self.width("…", size);
        let mut width = ellipsis;
        let mut short = String::new();
        for letter in text.chars() {
            width += self.width(letter.encode_utf8(&mut [0; 4]), size);
            if width > room {
                break;
            }
            short.push(letter);
        }
        short.push('…');
        short
    }

    /// Draws a text whose base line is at `y`.
    pub(super) fn draw(
        &self,
        page: &mut Pixmap,
        [x, y]: [f32; 2],
        anchor: Anchor,
        look: Look,
        text: &str,
    ) {
        let outlines = self.font.outline_glyphs();
        let width = self.width(text, look.size);
        let mut x = match anchor {
            Anchor::Left => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::Right => x - width,
        };
        let mut shapes = Shapes {
            path: PathBuilder::new(),
            x,
            y,
        };
        for (glyph, width) in self.glyphs(text, look.size) {
            shapes.x = x;
            if let Some(outline) = outlines.get(glyph) {
                let size = DrawSettings::unhinted(Size::new(look.size), LocationRef::default());
                // A letter that cannot be drawn is missing, and no more.
                let _ = outline.draw(size, &mut shapes);
            }
            x += width;
        }
        let Some(path) = shapes.path.finish() else {
            return;
        };
        let mut paint = Paint::default();
        paint.set_color(look.colour);
        page.fill_path(
            &path,
            &paint,
            FillRule::Winding,
            Transform::identity(),
            None,
        );
        if look.bold {
            let stroke = Stroke {
                width: look.size * 0.035,
                ..Stroke::default()
            };
            page.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
        }
    }
}

/// The shapes of letters, turned upside down: pictures count from the top.
struct Shapes {
    path: PathBuilder,
    x: f32,
    y: f32,
}

impl OutlinePen for Shapes {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.x + x, self.y - y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.x + x, self.y - y);
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        self.path
            .quad_to(self.x + cx, self.y - cy, self.x + x, self.y - y);
    }

    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        self.path.cubic_to(
            self.x + ax,
            self.y - ay,
            self.x + bx,
            self.y - by,
            self.x + x,
            self.y - y,
        );
    }

    fn close(&mut self) {
        self.path.close();
    }
}
