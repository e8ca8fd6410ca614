//! Colours.

use tiny_skia::Color;

/// The colours of a picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Theme {
    pub(super) page: Color,
    pub(super) text: Color,
    pub(super) quiet: Color,
    pub(super) water: Color,
    pub(super) land: Color,
    pub(super) coast: Color,
    pub(super) grid: Color,
    pub(super) frame: Color,
    pub(super) area: Color,
    pub(super) border: Color,
    pub(super) line: Color,
    pub(super) point: Color,
    pub(super) rim: Color,
    /// From few points to many.
    pub(super) ramp: [[u8; 3]; 5],
}

impl Theme {
    pub(super) fn light() -> Self {
        Self {
            page: rgba(0xffffff, 255),
            text: rgba(0x16212e, 255),
            quiet: rgba(0x5d6f80, 255),
            water: rgba(0xe9f0f5, 255),
            land: rgba(0xfaf8f3, 255),
            coast: rgba(0xc9d2d9, 255),
            grid: rgba(0x16212e, 22),
            frame: rgba(0xb6c2cc, 255),
            area: rgba(0x2b7fc4, 92),
            border: rgba(0x15538c, 225),
            line: rgba(0x15609f, 235),
            point: rgba(0xd1345b, 235),
            rim: rgba(0xffffff, 235),
            ramp: [
                [0xf7, 0x8c, 0x3d],
                [0xe8, 0x5d, 0x4a],
                [0xbe, 0x2f, 0x62],
                [0x7a, 0x16, 0x6b],
                [0x2c, 0x0a, 0x4a],
            ],
        }
    }

    pub(super) fn dark() -> Self {
        Self {
            page: rgba(0x0d141b, 255),
            text: rgba(0xe8eef4, 255),
            quiet: rgba(0x92a3b3, 255),
            water: rgba(0x121c26, 255),
            land: rgba(0x1e2b37, 255),
            coast: rgba(0x3a4b5a, 255),
            grid: rgba(0xffffff, 20),
            frame: rgba(0x3a4b5a, 255),
            area: rgba(0x4ba3e3, 92),
            border: rgba(0x9fd0f5, 215),
            line: rgba(0x6cbcf4, 235),
            point: rgba(0xff6b8b, 235),
            rim: rgba(0x0d141b, 235),
            ramp: [
                [0x7b, 0x4b, 0xc9],
                [0xc2, 0x48, 0xb5],
                [0xf5, 0x66, 0x7a],
                [0xfd, 0xae, 0x5a],
                [0xff, 0xf3, 0xb8],
            ],
        }
    }

    /// The colour of the ramp, from 0 to 1.
    pub(super) fn shade(&self, at: f32) -> [f32; 3] {
        let steps = self.ramp.len() - 1;
        let place = at.clamp(0.0, 1.0) * steps as f32;
        let first = (place.floor() as usize).min(steps - 1);
        let part = place - first as f32;
        let (Some(from), Some(to)) = (self.ramp.get(first), self.ramp.get(first + 1)) else {
            return [0.0; 3];
        };
        std::array::from_fn(|channel| {
            let value =
                |colour: &[u8; 3]| colour.get(channel).map_or(0.0, |value| f32::from(*value));
            value(from) + (value(to) - value(from)) * part
        })
    }
}

fn rgba(rgb: u32, alpha: u8) -> Color {
    let [_, red, green, blue] = rgb.to_be_bytes();
    Color::from_rgba8(red, green, blue, alpha)
}
