use std::collections::HashSet;

use serde_json::Value as Json;

use crate::answer::EsriError;
use crate::geometry::Envelope;
use crate::parameters::Parameters;
use crate::projection::{Projection, SpatialReference};
use crate::spatial;
use crate::sql::{self, Condition};
use crate::table::{StoredRow, Table};

use super::Outcome;

/// Which rows a query is about.
#[derive(Debug)]
pub(super) struct Filter {
    condition: Option<Condition>,
    ids: Option<(usize, HashSet<i64>)>,
    place: Option<(Envelope, Relation)>,
}

#[derive(Debug, Clone, Copy)]
enum Relation {
    Intersects,
    EnvelopeIntersects,
}

impl Filter {
    pub(super) fn parse(table: &Table, parameters: &Parameters) -> Outcome<Self> {
        let condition = match parameters.filled("where") {
            None => None,
            Some(sql) => {
                let bad = |sql::SqlError(text)| {
                    EsriError::new(400, "Unable to perform query.")
                        .with_detail(format!("'{text}' parameter is invalid"))
                };
                Some(sql::parse(sql, &table.layer.fields).map_err(bad)?)
            }
        };
        let ids = parameters
            .filled("objectIds")
            .map(|text| object_ids(table, text))
            .transpose()?;
        let place = parameters
            .filled("geometry")
            .map(|text| place(table, parameters, text))
            .transpose()?;
        if condition.is_none() && ids.is_none() && place.is_none() {
            return Err(EsriError::parameter("'where' clause cannot be empty"));
        }
        let condition = condition.filter(|condition| !condition.is_always_true());
        Ok(Self {
            condition,
            ids,
            place,
        })
    }

    /// Where the rows are, in the order in which they are held.
    pub(super) fn find(&self, rows: &[StoredRow]) -> Vec<usize> {
        let matching = |row: &StoredRow| {
            let id_fits = self.ids.as_ref().is_none_or(|(at, ids)| matches!(row.values.get(*at), Some(crate::value::Value::Int(id)) if ids.contains(id)));
            id_fits
                && self
                    .condition
                    .as_ref()
                    .is_none_or(|condition| condition.holds(&row.values))
                && self.place.as_ref().is_none_or(|(envelope, relation)| {
                    row.geometry
                        .as_ref()
                        .is_some_and(|geometry| match relation {
                            Relation::Intersects => spatial::intersects(geometry, envelope),
                            Relation::EnvelopeIntersects => {
                                spatial::envelope_intersects(geometry, envelope)
                            }
                        })
                })
        };
        if self.ids.is_none() && self.condition.is_none() && self.place.is_none() {
            return (0..rows.len()).collect();
        }
        rows.iter()
            .enumerate()
            .filter(|(_, row)| matching(row))
            .map(|(at, _)| at)
            .collect()
    }
}

fn object_ids(table: &Table, text: &str) -> Outcome<(usize, HashSet<i64>)> {
    let field = table
        .object_id
        .ok_or_else(|| EsriError::invalid("objectIds"))?;
    let ids = text
        .split(',')
        .map(|id| {
            id.trim()
                .parse()
                .map_err(|_| EsriError::invalid("objectIds"))
        })
        .collect::<Outcome<_>>()?;
    Ok((field, ids))
}

fn place(table: &Table, parameters: &Parameters, text: &str) -> Outcome<(Envelope, Relation)> {
    let kind = parameters
        .filled("geometryType")
        .unwrap_or("esriGeometryEnvelope");
    if kind != "esriGeometryEnvelope" {
        return Err(EsriError::invalid("geometryType"));
    }
    let relation = match parameters
        .filled("spatialRel")
        .unwrap_or("esriSpatialRelIntersects")
    {
        "esriSpatialRelIntersects" => Relation::Intersects,
        "esriSpatialRelEnvelopeIntersects" | "esriSpatialRelIndexIntersects" => {
            Relation::EnvelopeIntersects
        }
        _ => return Err(EsriError::invalid("spatialRel")),
    };
    let invalid = || EsriError::invalid("geometry");
    let mut reference = None;
    let sides: Vec<f64> = if text.starts_with('{') {
        let json: Json = serde_json::from_str(text).map_err(|_| invalid())?;
        reference = json
            .get("spatialReference")
            .and_then(SpatialReference::from_json);
        ["xmin", "ymin", "xmax", "ymax"]
            .iter()
            .filter_map(|side| json.get(side)?.as_f64())
            .collect()
    } else {
        text.split(',')
            .map(|side| side.trim().parse().map_err(|_| invalid()))
            .collect::<Outcome<_>>()?
    };
    let [xmin, ymin, xmax, ymax] = sides.as_slice() else {
        return Err(invalid());
    };
    let envelope = Envelope {
        xmin: *xmin,
        ymin: *ymin,
        xmax: *xmax,
        ymax: *ymax,
    };
    if !(envelope.xmin <= envelope.xmax && envelope.ymin <= envelope.ymax) {
        return Err(invalid());
    }
    // The envelope's own reference wins over inSR; without either the coordinates are the layer's.
    let stated = parameters
        .filled("inSR")
        .map(|text| SpatialReference::parse(text).ok_or_else(|| EsriError::invalid("inSR")))
        .transpose()?;
    let from = reference
        .or(stated)
        .unwrap_or(table.layer.spatial_reference);
    let projection = Projection::between(from, table.layer.spatial_reference)
        .ok_or_else(|| EsriError::invalid("inSR"))?;
    Ok((projection.apply_to_envelope(envelope), relation))
}
