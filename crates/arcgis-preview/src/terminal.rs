//! The map as text: dots of braille, eight to a character.

use std::fmt::Write as _;

use crate::land;
use crate::outline::PartKind;
use crate::placement::{Placement, Room, View};
use crate::preview::Preview;

/// Dots of a character.
const ACROSS: usize = 2;
const DOWN: usize = 4;

/// The bits of the dots of a character, by row and column: see the Unicode block Braille Patterns.
const BITS: [[u8; ACROSS]; DOWN] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

const EMPTY: char = '\u{2800}';

/// From few features in a character to many, in the palette of 256 colours.
const SHADES: [u8; 6] = [37, 43, 79, 156, 220, 209];

/// The outline of the land.
const COAST: u8 = 240;

/// The pole, in degrees.
const SOUTH: f64 = -89.9;

/// The room of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct TerminalOptions {
    /// Characters across.
    pub columns: u16,
    /// Characters down, at most.
    pub lines: u16,
    /// Whether colours are used (escape sequences, 256 colours).
    pub colour: bool,
}

impl Preview {
    /// Draws all geometry as lines of text, each with an end of line; None if there is none to draw.
    #[must_use]
    pub fn terminal(&self, options: TerminalOptions) -> Option<String> {
        let crs = self.crs.as_ref()?;
        if self.sketch.is_empty() {
            return None;
        }
        let columns = usize::from(options.columns.clamp(10, 400));
        let lines = usize::from(options.lines.clamp(3, 200));
        let placement = Placement::new(&self.sketch, crs);
        let room = Room {
            width: (columns * ACROSS) as f64,
            height: ((lines * DOWN / 3) as f64, (lines * DOWN) as f64),
            // Characters are about twice as high as wide, and so dots are square.
            pixel_aspect: 1.0,
        };
        let (view, height) = View::new(&placement.extent(), crs, room);
        let lines = (height.ceil() as usize).div_ceil(DOWN).clamp(1, lines);
        let mut canvas = Canvas::new(columns, lines);
        // Without colours it could not be told from the features.
        if options.colour && land::is_of_use(&view.extent, crs) {
            // The land has no coast along the pole, where its outline closes.
            let pole = |pair: &[[f64; 2]]| {
                crs.is_degrees() && pair.iter().all(|[_, latitude]| *latitude <= SOUTH)
            };
            land::each_ring(&view.extent, crs, |ring| {
                for pair in ring.windows(2).filter(|pair| !pole(pair)) {
                    canvas.path(&view, pair, Ink::Coast);
                }
            });
        }
        placement.each_path(|kind, positions| {
            canvas.path(&view, positions, Ink::Feature);
            if let (true, [first, .., last]) = (kind != PartKind::Line, positions) {
                canvas.path(&view, &[*last, *first], Ink::Feature);
            }
        });
        placement.each_dot(|_, position, count| {
            let [x, y] = view.pixel(position);
            canvas.dot(x.floor() as i64, y.floor() as i64, Ink::Feature);
            canvas.count(x.floor() as i64, y.floor() as i64, count);
        });
        Some(canvas.text(options.colour))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Ink {
    Coast,
    Feature,
}

#[derive(Debug, Clone, Copy, Default)]
struct Character {
    coast: u8,
    feature: u8,
    count: u32,
}

struct Canvas {
    columns: usize,
    lines: usize,
    characters: Vec<Character>,
}

impl Canvas {
    fn new(columns: usize, lines: usize) -> Self {
        Self {
            columns,
            lines,
            characters: vec![Character::default(); columns * lines],
        }
    }

    fn at(&mut self, x: i64, y: i64) -> Option<(&mut Character, u8)> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        let (column, line) = (x / ACROSS, y / DOWN);
        if column >= self.columns || line >= self.lines {
            return None;
        }
        let bit = *BITS.get(y % DOWN)?.get(x % ACROSS)?;
        let character = self.characters.get_mut(line * self.columns + column)?;
        Some((character, bit))
    }

    fn dot(&mut self, x: i64, y: i64, ink: Ink) {
        if let Some((character, bit)) = self.at(x, y) {
            match ink {
                Ink::Coast => character.coast |= bit,
                Ink::Feature => character.feature |= bit,
            }
        }
    }

    fn count(&mut self, x: i64, y: i64, count: u32) {
        if let Some((character, _)) = self.at(x, y) {
            character.count = character.count.saturating_add(count);
        }
    }

    fn path(&mut self, view: &View, positions: &[[f64; 2]], ink: Ink) {
        let (width, height) = ((self.columns * ACROSS) as f32, (self.lines * DOWN) as f32);
        for pair in positions.windows(2) {
            let [from, to] = pair else { continue };
            if ink == Ink::Coast && from[1].max(to[1]) <= SOUTH {
                continue;
            }
            let ([ax, ay], [bx, by]) = (view.pixel(*from), view.pixel(*to));
            let is_outside =
                ax.max(bx) < 0.0 || ay.max(by) < 0.0 || ax.min(bx) > width || ay.min(by) > height;
            if is_outside {
                continue;
            }
            // Pixels are at most a million away, and what is drawn lies within them.
            let far = (bx - ax).abs().max((by - ay).abs());
            let steps = far.ceil().clamp(1.0, 10_000.0);
            let mut at = 0.0;
            while at <= steps {
                let part = at / steps;
                let (x, y) = (ax + (bx - ax) * part, ay + (by - ay) * part);
                self.dot(x.floor() as i64, y.floor() as i64, ink);
                at += 1.0;
            }
        }
    }

    fn text(&self, colour: bool) -> String {
        let most = self
            .characters
            .iter()
            .map(|one| one.count)
            .max()
            .unwrap_or(0);
        let full = f64::from(most.max(2)).ln();
        let mut out = String::new();
        for line in self.characters.chunks(self.columns) {
            let end = line
                .iter()
                .rposition(|one| one.feature | one.coast != 0)
                .map_or(0, |at| at + 1);
            let mut ink = None;
            for one in line.iter().take(end) {
                let (bits, wanted) = if one.feature == 0 {
                    (one.coast, COAST)
                } else {
                    let part = f64::from(one.count.max(1)).ln() / full;
                    let shade = (part * (SHADES.len() - 1) as f64).round() as usize;
                    (one.feature, SHADES.get(shade).copied().unwrap_or(COAST))
                };
                if colour && bits != 0 && ink != Some(wanted) {
                    let _ = write!(out, "\u{1b}[38;5;{wanted}m");
                    ink = Some(wanted);
                }
                let letter = char::from_u32(EMPTY as u32 + u32::from(bits)).unwrap_or(EMPTY);
                // A blank that every font has.
                out.push(if bits == 0 { ' ' } else { letter });
            }
            if ink.is_some() {
                out.push_str("\u{1b}[0m");
            }
            out.push('\n');
        }
        out
    }
}
