//! Many points: how many lie at each pixel, told by colour.

use tiny_skia::{Pixmap, PremultipliedColorU8};

use super::theme::Theme;

/// How many points are at each pixel, spread a little so that one alone is seen.
pub(super) struct Density {
    width: usize,
    height: usize,
    counts: Vec<f32>,
    /// Offsets and weights of the pixels around a point.
    radius: f32,
}

impl Density {
    pub(super) fn new(width: u32, height: u32, radius: f32) -> Self {
        let (width, height) = (width as usize, height as usize);
        Self {
            width,
            height,
            counts: vec![0.0; width * height],
            radius,
        }
    }

    pub(super) fn add(&mut self, [x, y]: [f32; 2], count: u32) {
        let reach = self.radius + 1.0;
        let (left, top) = ((x - reach).floor() as i64, (y - reach).floor() as i64);
        let (right, bottom) = ((x + reach).ceil() as i64, (y + reach).ceil() as i64);
        for row in top.max(0)..=bottom.min(self.height as i64 - 1) {
            for column in left.max(0)..=right.min(self.width as i64 - 1) {
                let (dx, dy) = (column as f32 + 0.5 - x, row as f32 + 0.5 - y);
                let cover = (self.radius + 0.5 - dx.hypot(dy)).clamp(0.0, 1.0);
                let at = row as usize * self.width + column as usize;
                if let Some(sum) = self.counts.get_mut(at) {
                    *sum += cover * count as f32;
                }
            }
        }
    }

    /// Lays the colours over the map.
    pub(super) fn draw(self, map: &mut Pixmap, theme: &Theme) {
        let mut taken: Vec<f32> = self
            .counts
            .iter()
            .copied()
            .filter(|count| *count >= 1.0)
            .collect();
        let most = if taken.is_empty() {
            1.0
        } else {
            // A few places with very many points leave colours for all others.
            let at = (taken.len() - 1) * 998 / 1000;
            *taken.select_nth_unstable_by(at, f32::total_cmp).1
        };
        let full = most.max(4.0).ln_1p();
        let base = 1.0_f32.ln_1p();
        for (pixel, count) in map.pixels_mut().iter_mut().zip(&self.counts) {
            if *count <= 0.0 {
                continue;
            }
            let shade = (count.max(1.0).ln_1p() - base) / (full - base);
            let alpha = count.min(1.0) * 0.95;
            let [red, green, blue] = theme.shade(shade);
            let mix = |over: f32, under: u8| {
                (over * alpha + f32::from(under) * (1.0 - alpha))
                    .round()
                    .clamp(0.0, 255.0) as u8
            };
            let mixed = PremultipliedColorU8::from_rgba(
                mix(red, pixel.red()),
                mix(green, pixel.green()),
                mix(blue, pixel.blue()),
                255,
            );
            // The map is opaque, so that this is always a colour.
            if let Some(mixed) = mixed {
                *pixel = mixed;
            }
        }
    }
}
