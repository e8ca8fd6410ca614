//! Answers with centroids, envelopes or positions on a grid, as answers with plain geometry.

use serde_json::{Map, Value, json};

use super::{GeometryForm, Position};
use crate::decode::DecodeError;
use crate::geometry::Dimensions;
use crate::metadata::document::Document;

/// The answer of `url` (without secrets) with what was asked for as its geometry. `declared` says that the layer can do that.
pub(crate) fn as_plain(
    form: &GeometryForm,
    dims: Dimensions,
    declared: bool,
    url: &str,
    body: &[u8],
) -> Result<Vec<u8>, DecodeError> {
    let mut top = Document::parse(url, body)?.into_members();
    let transform = top.remove("transform").filter(|value| !value.is_null());
    let features = top.get_mut("features").and_then(Value::as_array_mut);
    // An answer that lacks them is for the decoder to refuse.
    let features = features.map(Vec::as_mut_slice).unwrap_or_default();
    match form {
        GeometryForm::Quantized(_) => {
            let mut placed = features
                .iter_mut()
                .filter_map(|feature| feature.get_mut("geometry"))
                .filter(|geometry| !geometry.is_null())
                .peekable();
            if placed.peek().is_some() {
                let transform = transform.ok_or_else(|| {
                    malformed("the server did not move the positions onto the grid")
                })?;
                let grid = Grid::read(&transform, dims)?;
                for geometry in placed {
                    grid.restore(geometry)?;
                }
            }
        }
        GeometryForm::Centroid => {
            stand_in(features, "centroid", declared, Value::clone)?;
        }
        GeometryForm::Envelope => {
            stand_in(features, "envelope", declared, ring)?;
        }
    }
    if !form.is_geometry() {
        // What they say is of the geometry that did not come.
        for name in ["hasZ", "hasM", "geometryType"] {
            top.remove(name);
        }
    }
    Ok(Value::Object(top).to_string().into_bytes())
}

/// Puts a member of each feature in the place of its geometry.
fn stand_in(
    features: &mut [Value],
    name: &str,
    declared: bool,
    shape: impl Fn(&Value) -> Value,
) -> Result<(), DecodeError> {
    let mut found = false;
    for feature in &mut *features {
        let Some(feature) = feature.as_object_mut() else {
            continue;
        };
        let member = feature.remove(name);
        found |= member.is_some();
        let geometry = member.as_ref().map_or(Value::Null, &shape);
        feature.insert("geometry".to_owned(), geometry);
    }
    if !found && !declared && !features.is_empty() {
        return Err(malformed(format!(
            "no feature has a {name}: the server does not know the parameter"
        )));
    }
    Ok(())
}

/// The ring around a rectangle; null for one without sides.
fn ring(envelope: &Value) -> Value {
    let side = |name: &str| envelope.get(name).and_then(Value::as_f64);
    match (side("xmin"), side("ymin"), side("xmax"), side("ymax")) {
        (Some(xmin), Some(ymin), Some(xmax), Some(ymax)) => json!({
            "rings": [[[xmin, ymin], [xmin, ymax], [xmax, ymax], [xmax, ymin], [xmin, ymin]]],
        }),
        _ => Value::Null,
    }
}

/// What whole numbers mean: `scale` and `translate` are of x, y, z and m; x and y are differences from the position before
/// within a part, z and m are as they are.
struct Grid {
    scale: Vec<f64>,
    translate: Vec<f64>,
    /// The factor of each place in a position, and what is added: x and y first.
    ordinates: Vec<usize>,
}

impl Grid {
    fn read(transform: &Value, dims: Dimensions) -> Result<Self, DecodeError> {
        let numbers = |name: &str| -> Vec<f64> {
            let list = transform.get(name).and_then(Value::as_array);
            list.into_iter()
                .flatten()
                .map(|value| value.as_f64().unwrap_or(f64::NAN))
                .collect()
        };
        let (mut scale, translate) = (numbers("scale"), numbers("translate"));
        let is_grid = scale.len() >= 2
            && translate.len() >= 2
            && scale
                .iter()
                .take(2)
                .all(|step| step.is_finite() && *step != 0.0)
            && translate.iter().take(2).all(|start| start.is_finite());
        if !is_grid {
            return Err(malformed("the transform is no grid"));
        }
        let downwards = match transform.get("originPosition").and_then(Value::as_str) {
            Some("lowerLeft") => false,
            // The default.
            Some("upperLeft") | None => true,
            Some(other) => return Err(malformed(format!("{other} is no origin of a grid"))),
        };
        if let (Some(step), true) = (scale.get_mut(1), downwards) {
            *step = -*step;
        }
        let mut ordinates = vec![0, 1];
        if dims.has_z() {
            ordinates.push(2);
        }
        if dims.has_m() {
            // Grids of positions with m alone name it in the third place or in the fourth.
            ordinates.push(if scale.len() > 3 { 3 } else { ordinates.len() });
        }
        Ok(Self {
            scale,
            translate,
            ordinates,
        })
    }

    fn restore(&self, geometry: &mut Value) -> Result<(), DecodeError> {
        let Some(members) = geometry.as_object_mut() else {
            return Err(malformed("a geometry is no object"));
        };
        for (name, value) in members.iter_mut() {
            match (name.as_str(), value) {
                ("points", Value::Array(part)) => self.part(part)?,
                ("paths" | "rings", Value::Array(parts)) => {
                    for part in parts {
                        self.part(part.as_array_mut().ok_or_else(no_position)?)?;
                    }
                }
                ("curvePaths" | "curveRings", _) => {
                    return Err(malformed("curves have no place on a grid"));
                }
                _ => {}
            }
        }
        self.point(members)
    }

    /// Text and null, which mean that there is no place, stay.
    fn point(&self, members: &mut Map<String, Value>) -> Result<(), DecodeError> {
        let names = [("x", 0), ("y", 1), ("z", 2), ("m", 3)];
        for (name, place) in names {
            let Some(value) = members.get_mut(name) else {
                continue;
            };
            let place = match place {
                3 => self.ordinates.last().copied().unwrap_or(3),
                place => place,
            };
            if let Some(steps) = value.as_f64() {
                *value = self.ordinate(place, steps)?;
            }
        }
        Ok(())
    }

    fn part(&self, part: &mut [Value]) -> Result<(), DecodeError> {
        let mut at = [0.0; 2];
        for position in part {
            let position: &mut Position = position.as_array_mut().ok_or_else(no_position)?;
            for (place, value) in position.iter_mut().enumerate() {
                let Some(mut steps) = value.as_f64() else {
                    if place < 2 {
                        return Err(no_position());
                    }
                    continue;
                };
                if let Some(before) = at.get_mut(place) {
                    *before += steps;
                    steps = *before;
                }
                let ordinate = self.ordinates.get(place).copied().unwrap_or(place);
                *value = self.ordinate(ordinate, steps)?;
            }
        }
        Ok(())
    }

    /// What is beyond the grid is as it is.
    fn ordinate(&self, place: usize, steps: f64) -> Result<Value, DecodeError> {
        let (Some(step), Some(start)) = (self.scale.get(place), self.translate.get(place)) else {
            return Ok(steps.into());
        };
        let value = start + steps * step;
        if value.is_finite() {
            Ok(value.into())
        } else {
            Err(malformed("a position has no end"))
        }
    }
}

fn no_position() -> DecodeError {
    malformed("a position is no list of numbers")
}

fn malformed(problem: impl Into<String>) -> DecodeError {
    DecodeError::Malformed {
        offset: 0,
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Quantization;
    use super::*;

    fn plain(form: GeometryForm, dims: Dimensions, answer: &Value) -> Result<Value, DecodeError> {
        let body = as_plain(&form, dims, false, "u", answer.to_string().as_bytes())?;
        Ok(serde_json::from_slice(&body).unwrap())
    }

    fn quantized(dims: Dimensions, transform: &Value, geometry: &Value) -> Value {
        let answer = json!({"transform": transform, "features": [{"geometry": geometry}]});
        let form = GeometryForm::Quantized(Quantization::view(2.0));
        plain(form, dims, &answer).unwrap()["features"][0]["geometry"].take()
    }

    #[test]
    fn grids_count_from_the_corner_that_they_name() {
        let line = json!({"paths": [[[1, 2], [1, 0], [0, -1]], [[5, 5]]]});
        let grid = |origin: &str| json!({"originPosition": origin, "scale": [2.0, 2.0], "translate": [100.0, 50.0]});
        assert_eq!(
            quantized(Dimensions::Xy, &grid("upperLeft"), &line),
            json!({"paths": [[[102.0, 46.0], [104.0, 46.0], [104.0, 48.0]], [[110.0, 40.0]]]})
        );
        assert_eq!(
            quantized(Dimensions::Xy, &grid("lowerLeft"), &line),
            json!({"paths": [[[102.0, 54.0], [104.0, 54.0], [104.0, 52.0]], [[110.0, 60.0]]]})
        );
        let point = json!({"x": 3, "y": 4});
        assert_eq!(
            quantized(Dimensions::Xy, &grid("upperLeft"), &point),
            json!({"x": 106.0, "y": 42.0})
        );
        let nowhere = json!({"x": "NaN", "y": "NaN"});
        assert_eq!(
            quantized(Dimensions::Xy, &grid("upperLeft"), &nowhere),
            nowhere
        );
    }

    #[test]
    fn heights_and_measures_are_no_differences() {
        let grid = json!({"scale": [1.0, 1.0, 0.5, 0.1], "translate": [0.0, 0.0, 10.0, -1.0]});
        let all = json!({"points": [[1, 1, 2, 10], [1, 1, 4, null]]});
        assert_eq!(
            quantized(Dimensions::Xyzm, &grid, &all),
            json!({"points": [[1.0, -1.0, 11.0, 0.0], [2.0, -2.0, 12.0, null]]})
        );
        let measured = json!({"points": [[1, 1, 10], [1, 1, 20]]});
        assert_eq!(
            quantized(Dimensions::Xym, &grid, &measured),
            json!({"points": [[1.0, -1.0, 0.0], [2.0, -2.0, 1.0]]})
        );
        let flat = json!({"scale": [1.0, 1.0], "translate": [0.0, 0.0]});
        assert_eq!(
            quantized(
                Dimensions::Xyz,
                &flat,
                &json!({"points": [[1, 1, 7.5], [1, 1, 7.5]]})
            ),
            json!({"points": [[1.0, -1.0, 7.5], [2.0, -2.0, 7.5]]})
        );
    }

    #[test]
    fn what_the_server_did_not_do_is_an_error() {
        let form = || GeometryForm::Quantized(Quantization::edit());
        let geometry = json!({"x": 1, "y": 1});
        for transform in [
            Value::Null,
            json!({"scale": [0.0, 1.0], "translate": [0.0, 0.0]}),
            json!({"scale": [1.0], "translate": [0.0, 0.0]}),
            json!({"scale": [1.0, 1.0], "translate": [0.0, 0.0], "originPosition": "centre"}),
        ] {
            let answer = json!({"transform": transform, "features": [{"geometry": geometry}]});
            assert!(
                plain(form(), Dimensions::Xy, &answer).is_err(),
                "{transform}"
            );
        }
        let none = json!({"features": [{"attributes": {}}]});
        assert!(plain(form(), Dimensions::Xy, &none).is_ok());
        for form in [GeometryForm::Centroid, GeometryForm::Envelope] {
            assert!(plain(form.clone(), Dimensions::Xy, &none).is_err());
            let body = none.to_string();
            assert!(as_plain(&form, Dimensions::Xy, true, "u", body.as_bytes()).is_ok());
            assert!(plain(form, Dimensions::Xy, &json!({"features": []})).is_ok());
        }
    }

    #[test]
    fn centroids_and_envelopes_become_the_geometry() {
        let answer = json!({"hasZ": true, "features": [
            {"centroid": {"x": 1.5, "y": 2}, "envelope": {"xmin": 0, "ymin": 1, "xmax": 3, "ymax": 3}},
            {"attributes": {"ID": 9_007_199_254_740_993_i64}},
        ]});
        let centroids = plain(GeometryForm::Centroid, Dimensions::Xy, &answer).unwrap();
        assert_eq!(
            centroids["features"][0]["geometry"],
            json!({"x": 1.5, "y": 2})
        );
        assert_eq!(centroids["features"][1]["geometry"], Value::Null);
        assert_eq!(
            centroids["features"][1]["attributes"]["ID"],
            json!(9_007_199_254_740_993_i64)
        );
        assert!(centroids.get("hasZ").is_none());
        let envelopes = plain(GeometryForm::Envelope, Dimensions::Xy, &answer).unwrap();
        assert_eq!(
            envelopes["features"][0]["geometry"]["rings"][0],
            json!([[0.0, 1.0], [0.0, 3.0], [3.0, 3.0], [3.0, 1.0], [0.0, 1.0]])
        );
    }
}
