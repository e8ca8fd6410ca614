//! `quantizationParameters`: positions as whole numbers on a grid, in JSON.

use serde_json::{Value as Json, json};

use crate::answer::EsriError;
use crate::geometry::{Geometry, Vertex};
use crate::parameters::Parameters;

use super::Outcome;

/// The step of z and m, and what they begin with.
const ORDINATE: (f64, f64) = (1e-3, -1_000.0);

/// The corner from which positions are counted where the client names no extent.
const CORNER: (f64, f64) = (-30_000_000.0, 30_000_000.0);

/// The grid that a client asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    /// The width; the layer's own resolution in the mode `edit`.
    step: f64,
    /// Positions that fall together become one.
    view: bool,
    upwards: bool,
    origin: (f64, f64),
}

impl Grid {
    pub(super) fn parse(parameters: &Parameters) -> Outcome<Option<Self>> {
        let Some(text) = parameters.filled("quantizationParameters") else {
            return Ok(None);
        };
        let invalid = || EsriError::invalid("quantizationParameters");
        let asked: Json = serde_json::from_str(text).map_err(|_| invalid())?;
        let asked = asked.as_object().ok_or_else(invalid)?;
        let text = |name: &str| asked.get(name).and_then(Json::as_str);
        let view = match text("mode") {
            Some("view") | None => true,
            Some("edit") => false,
            Some(_) => return Err(invalid()),
        };
        let upwards = match text("originPosition") {
            Some("upperLeft") | None => false,
            Some("lowerLeft") => true,
            Some(_) => return Err(invalid()),
        };
        let tolerance = asked.get("tolerance").and_then(Json::as_f64);
        let step = match tolerance {
            _ if !view => 1e-9,
            Some(step) if step > 0.0 => step,
            Some(_) => return Err(invalid()),
            None => 1.0,
        };
        let side = |name: &str| asked.get("extent")?.get(name)?.as_f64();
        let origin = (
            side("xmin").unwrap_or(CORNER.0),
            side(if upwards { "ymin" } else { "ymax" }).unwrap_or(if upwards {
                -CORNER.1
            } else {
                CORNER.1
            }),
        );
        Ok(Some(Self {
            step,
            view,
            upwards,
            origin,
        }))
    }

    pub(super) fn transform(&self, has_z: bool, has_m: bool) -> Json {
        let mut scale = vec![self.step, self.step];
        let mut translate = vec![self.origin.0, self.origin.1];
        if has_z || has_m {
            scale.push(ORDINATE.0);
            translate.push(ORDINATE.1);
        }
        if has_m {
            scale.push(ORDINATE.0);
            translate.push(ORDINATE.1);
        }
        json!({
            "originPosition": if self.upwards { "lowerLeft" } else { "upperLeft" },
            "scale": scale,
            "translate": translate,
        })
    }

    pub(super) fn esri_json(&self, geometry: &Geometry, has_z: bool, has_m: bool) -> Json {
        let mut written = match geometry {
            Geometry::Point(vertex) => {
                let (x, y) = self.place(vertex);
                let mut point = json!({"x": x, "y": y});
                for (wanted, name, value) in [(has_z, "z", vertex.z), (has_m, "m", vertex.m)] {
                    if wanted {
                        point[name] = ordinate(value);
                    }
                }
                return point;
            }
            Geometry::Multipoint(points) => json!({"points": self.part(points, has_z, has_m)}),
            Geometry::Polyline(paths) => json!({"paths": self.parts(paths, has_z, has_m)}),
            Geometry::Polygon(rings) => json!({"rings": self.parts(rings, has_z, has_m)}),
        };
        for (has, name) in [(has_z, "hasZ"), (has_m, "hasM")] {
            if has {
                written[name] = true.into();
            }
        }
        written
    }

    fn parts(&self, parts: &[Vec<Vertex>], has_z: bool, has_m: bool) -> Json {
        parts
            .iter()
            .map(|part| self.part(part, has_z, has_m))
            .collect()
    }

    /// Differences from the position before; z and m as they are.
    fn part(&self, part: &[Vertex], has_z: bool, has_m: bool) -> Json {
        let mut before = (0, 0);
        let mut rows = Vec::with_capacity(part.len());
        for (at, vertex) in part.iter().enumerate() {
            let (x, y) = self.place(vertex);
            if self.view && at > 0 && (x, y) == before {
                continue;
            }
            let mut row = vec![json!(x - before.0), json!(y - before.1)];
            before = (x, y);
            for (wanted, value) in [(has_z, vertex.z), (has_m, vertex.m)] {
                if wanted {
                    row.push(ordinate(value));
                }
            }
            rows.push(Json::Array(row));
        }
        Json::Array(rows)
    }

    fn place(&self, vertex: &Vertex) -> (i64, i64) {
        let x = (vertex.x - self.origin.0) / self.step;
        let y = (vertex.y - self.origin.1) / self.step;
        let y = if self.upwards { y } else { -y };
        (x.round() as i64, y.round() as i64)
    }
}

fn ordinate(value: f64) -> Json {
    if value.is_finite() {
        json!(((value - ORDINATE.1) / ORDINATE.0).round() as i64)
    } else {
        Json::Null
    }
}
