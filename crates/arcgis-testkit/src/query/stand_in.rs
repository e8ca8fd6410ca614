//! `returnCentroid` and `returnEnvelope`: what a feature has beside its geometry, or in place of it.

use serde_json::{Value as Json, json};

use crate::answer::EsriError;
use crate::geometry::{Geometry, GeometryType, Vertex};
use crate::parameters::Parameters;
use crate::table::Table;

use super::page::Geometries;
use super::{Format, Outcome, flag};

/// What is asked for of them, in which reference.
#[derive(Debug, Clone, Copy)]
pub(super) struct StandIns {
    pub(super) geometries: Geometries,
    centroid: bool,
    envelope: bool,
}

impl StandIns {
    /// None if nothing is asked for, or nothing can be had.
    pub(super) fn parse(
        table: &Table,
        parameters: &Parameters,
        format: Format,
    ) -> Outcome<Option<Self>> {
        let centroid = flag(parameters, "returnCentroid", false)?;
        let envelope = flag(parameters, "returnEnvelope", false)?;
        if !(centroid || envelope) {
            return Ok(None);
        }
        let Some(geometries) = Geometries::parse(table, parameters, format)? else {
            return Ok(None);
        };
        if centroid && geometries.kind != GeometryType::Polygon {
            return Err(EsriError::parameter(
                "'returnCentroid' is supported for polygons only",
            ));
        }
        Ok(Some(Self {
            geometries,
            centroid,
            envelope,
        }))
    }

    /// The members that a feature has of them.
    pub(super) fn members(&self, geometry: &Geometry) -> Vec<(&'static str, Json)> {
        let geometry = self.geometries.prepare(geometry);
        let mut members = Vec::new();
        if self.centroid {
            let at = centroid(&geometry);
            members.extend(at.map(|(x, y)| ("centroid", json!({"x": x, "y": y}))));
        }
        if self.envelope {
            members.extend(envelope(&geometry).map(|rectangle| ("envelope", rectangle)));
        }
        members
    }
}

fn envelope(geometry: &Geometry) -> Option<Json> {
    let mut vertices = geometry.vertices();
    let first = vertices.next()?;
    let start = (first.x, first.y, first.x, first.y);
    let (xmin, ymin, xmax, ymax) = vertices.fold(start, |(a, b, c, d), vertex| {
        (
            a.min(vertex.x),
            b.min(vertex.y),
            c.max(vertex.x),
            d.max(vertex.y),
        )
    });
    Some(json!({"xmin": xmin, "ymin": ymin, "xmax": xmax, "ymax": ymax}))
}

/// The centre of gravity of the rings: those the other way round are holes.
fn centroid(geometry: &Geometry) -> Option<(f64, f64)> {
    let first = geometry.vertices().next()?;
    let (mut area, mut x, mut y) = (0.0, 0.0, 0.0);
    for ring in geometry.parts() {
        for pair in ring.windows(2) {
            let [a, b] = pair else { continue };
            // Near to the first vertex, so that nothing is lost of numbers that are large.
            let near = |vertex: &Vertex| (vertex.x - first.x, vertex.y - first.y);
            let ((ax, ay), (bx, by)) = (near(a), near(b));
            let cross = ax * by - bx * ay;
            area += cross;
            x += (ax + bx) * cross;
            y += (ay + by) * cross;
        }
    }
    if area == 0.0 {
        return Some((first.x, first.y));
    }
    Some((first.x + x / (3.0 * area), first.y + y / (3.0 * area)))
}
