//! The grid on which coordinates are sent as whole numbers.

use super::writer::Message;
use crate::geometry::{Geometry, Vertex};
use crate::projection::SpatialReference;
use crate::query::page::Geometries;

/// What z and m begin with, and how far apart their steps are.
const ORDINATE: (f64, f64) = (-100_000.0, 1e-4);

/// The grid of an answer: without `quantizationParameters` it is that of the spatial reference, whose origin and
/// resolution are Esri's defaults.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    origin: (f64, f64),
    step: f64,
    /// Rows count upwards, from the lower left; else downwards, from the upper left.
    upwards: bool,
    has_z: bool,
    has_m: bool,
}

impl Grid {
    pub(super) fn new(geometries: &Geometries, upwards: bool) -> Self {
        let (origin, step) = default_grid(geometries.spatial_reference);
        Self {
            origin,
            step,
            upwards,
            has_z: geometries.has_z,
            has_m: geometries.has_m,
        }
    }

    pub(super) fn transform(&self) -> Message {
        let ordinate = |has: bool, value: f64| if has { value } else { 0.0 };
        let mut scale = Message::default();
        scale.double(1, self.step);
        scale.double(2, self.step);
        scale.double(3, ordinate(self.has_m, ORDINATE.1));
        scale.double(4, ordinate(self.has_z, ORDINATE.1));
        let mut translate = Message::default();
        translate.double(1, self.origin.0);
        translate.double(2, self.origin.1);
        translate.double(3, ordinate(self.has_m, ORDINATE.0));
        translate.double(4, ordinate(self.has_z, ORDINATE.0));
        let mut transform = Message::default();
        transform.flag(1, self.upwards);
        transform.message(2, &scale);
        transform.message(3, &translate);
        transform
    }

    /// A geometry on the grid. What is no place on it is left out.
    pub(super) fn geometry(&self, geometry: &Geometry) -> Message {
        let placed = |vertex: &&Vertex| vertex.x.is_finite() && vertex.y.is_finite();
        let mut lengths = Vec::new();
        let mut coords = Vec::new();
        for part in geometry.parts() {
            let mut before = (0, 0);
            let start = coords.len();
            for vertex in part.iter().filter(placed) {
                let (x, y) = self.place(vertex);
                // Differences within a part; z and m as they are.
                coords.push(x.wrapping_sub(before.0));
                coords.push(y.wrapping_sub(before.1));
                before = (x, y);
                if self.has_z {
                    coords.push(ordinate(vertex.z));
                }
                if self.has_m {
                    coords.push(ordinate(vertex.m));
                }
            }
            let size = 2 + usize::from(self.has_z) + usize::from(self.has_m);
            lengths.push(((coords.len() - start) / size) as u64);
        }
        // Services leave the length of plain points out.
        if matches!(geometry, Geometry::Point(_)) && !self.has_z && !self.has_m {
            lengths.clear();
        }
        let mut message = Message::default();
        message.packed_uint(2, lengths);
        message.packed_sint(3, coords);
        message
    }

    fn place(&self, vertex: &Vertex) -> (i64, i64) {
        let x = (vertex.x - self.origin.0) / self.step;
        let y = (vertex.y - self.origin.1) / self.step;
        let y = if self.upwards { y } else { -y };
        (x.round() as i64, y.round() as i64)
    }
}

/// What is missing is 0.
fn ordinate(value: f64) -> i64 {
    if value.is_finite() {
        ((value - ORDINATE.0) / ORDINATE.1).round() as i64
    } else {
        0
    }
}

fn default_grid(reference: SpatialReference) -> ((f64, f64), f64) {
    match reference.latest_wkid() {
        // Degrees: WGS 84, NAD 27, NAD 83, ETRS 89.
        4326 | 4267 | 4269 | 4258 => ((-400.0, -400.0), 1e-9),
        27_700 => ((-5_220_400.0, -15_524_400.0), 1e-4),
        _ => ((-20_037_700.0, -30_241_100.0), 1e-4),
    }
}
