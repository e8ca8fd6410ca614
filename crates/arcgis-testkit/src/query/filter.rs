use std::collections::{BTreeSet, HashSet};

use serde_json::Value as Json;

use crate::answer::EsriError;
use crate::parameters::Parameters;
use crate::quirk::Ability;
use crate::sql::{self, Condition, IdBounds};
use crate::store::{Rows, StoredRow};
use crate::table::Table;
use crate::value::Value;

use super::found::Found;
use super::place::Place;
use super::{Outcome, field_index};

/// Which rows a query is about.
#[derive(Debug)]
pub(super) struct Filter {
    object_id: Option<usize>,
    condition: Option<Condition>,
    ids: Option<(usize, BTreeSet<i64>)>,
    unique: Option<(Vec<usize>, HashSet<Vec<String>>)>,
    place: Option<Place>,
    time: Option<TimeWindow>,
}

/// The fields where a row's time begins and ends, and the window that it has to meet: milliseconds, both ends included.
#[derive(Debug)]
struct TimeWindow {
    fields: (usize, Option<usize>),
    from: i64,
    to: i64,
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
                let knows_shape =
                    table.can(Ability::ShapeIsNull) && table.layer.geometry_type().is_some();
                let parse = if knows_shape {
                    sql::parse_with_shape
                } else {
                    sql::parse
                };
                Some(parse(sql, &table.layer.fields).map_err(bad)?)
            }
        };
        let asks_hashes = table
            .object_id
            .filter(|_| table.has_hashed_ids())
            .zip(condition.as_ref())
            .is_some_and(|(field, condition)| condition.mentions(field));
        if asks_hashes {
            return Err(EsriError::invalid("where").with_detail("The field holds hash values."));
        }
        let ids = parameters
            .filled("objectIds")
            .map(|text| object_ids(table, text))
            .transpose()?;
        let unique = parameters
            .filled("uniqueIds")
            .map(|text| unique_ids(table, text))
            .transpose()?;
        let place = parameters
            .filled("geometry")
            .map(|text| Place::parse(table, parameters, text))
            .transpose()?;
        let time = parameters
            .filled("time")
            .map(|text| time_window(table, text))
            .transpose()?;
        let is_bounded = ids.is_some() || unique.is_some() || place.is_some() || time.is_some();
        if condition.is_none() && !is_bounded {
            return Err(EsriError::parameter("'where' clause cannot be empty"));
        }
        let condition = condition.filter(|condition| !condition.is_always_true());
        Ok(Self {
            object_id: table.object_id,
            condition,
            ids,
            unique,
            place,
            time,
        })
    }

    /// Where the rows are, in the order in which they are held.
    pub(super) fn find(&self, rows: &Rows) -> Found {
        let needs_no_row = self.unique.is_none() && self.place.is_none() && self.time.is_none();
        if needs_no_row && self.ids.is_none() && self.condition.is_none() {
            return Found::all(rows.len());
        }
        let bounds = self.bounds();
        let ranges: Option<Vec<_>> = bounds
            .ranges
            .iter()
            .map(|&(low, high)| rows.between(low, high))
            .collect();
        let candidates = match ranges {
            Some(mut ranges) => {
                ranges.retain(|range| !range.is_empty());
                if needs_no_row && bounds.exact {
                    return Found::ranges(ranges);
                }
                ranges
            }
            None => std::iter::once(0..rows.len()).collect(),
        };
        let found = candidates
            .into_iter()
            .flatten()
            .filter(|&at| rows.get(at).is_some_and(|row| self.takes(&row)));
        Found::Each(found.collect())
    }

    fn bounds(&self) -> IdBounds {
        let of_condition = match (&self.condition, self.object_id) {
            (None, _) => IdBounds::all(),
            (Some(condition), Some(field)) => condition.id_bounds(field),
            (Some(_), None) => IdBounds::unknown(),
        };
        match &self.ids {
            None => of_condition,
            Some((_, ids)) => of_condition.and(&IdBounds::of_ids(ids.iter().copied())),
        }
    }

    fn takes(&self, row: &StoredRow) -> bool {
        self.ids.as_ref().is_none_or(
            |(at, ids)| matches!(row.values.get(*at), Some(Value::Int(id)) if ids.contains(id)),
        ) && self
            .condition
            .as_ref()
            .is_none_or(|condition| condition.holds(&row.values))
            && self
                .unique
                .as_ref()
                .is_none_or(|(fields, wanted)| wanted.contains(&unique_id(row, fields)))
            && self.time.as_ref().is_none_or(|window| window.takes(row))
            && self.place.as_ref().is_none_or(|place| {
                row.geometry
                    .as_ref()
                    .is_some_and(|geometry| place.takes(geometry))
            })
    }
}

impl TimeWindow {
    fn takes(&self, row: &StoredRow) -> bool {
        let moment = |field: usize| match row.values.get(field) {
            Some(Value::Int(moment)) => Some(*moment),
            _ => None,
        };
        let Some(start) = moment(self.fields.0) else {
            return false;
        };
        let end = self.fields.1.and_then(moment).unwrap_or(start);
        start <= self.to && end >= self.from
    }
}

/// `t`, or `t1,t2` with `null` for an open end.
fn time_window(table: &Table, text: &str) -> Outcome<TimeWindow> {
    let invalid = || EsriError::invalid("time");
    let (start, end) = table
        .layer
        .options
        .time_fields
        .as_ref()
        .ok_or_else(invalid)?;
    let field = |name: &String| field_index(table, name, "time");
    let fields = (field(start)?, end.as_ref().map(field).transpose()?);
    let moment = |text: &str, open: i64| match text.trim() {
        "null" => Ok(open),
        text => text.parse().map_err(|_| invalid()),
    };
    let (from, to) = match text.split_once(',') {
        Some((from, to)) => (moment(from, i64::MIN)?, moment(to, i64::MAX)?),
        None => (moment(text, i64::MIN)?, moment(text, i64::MAX)?),
    };
    Ok(TimeWindow { fields, from, to })
}

fn object_ids(table: &Table, text: &str) -> Outcome<(usize, BTreeSet<i64>)> {
    let invalid = || EsriError::invalid("objectIds");
    let field = table.object_id.ok_or_else(invalid)?;
    let ids = text
        .split(',')
        .map(|id| id.trim().parse().map_err(|_| invalid()))
        .collect::<Outcome<_>>()?;
    Ok((field, ids))
}

/// `a,b` for a simple id; for a composite one a list of lists, `["a",1],["b",2]`.
fn unique_ids(table: &Table, text: &str) -> Outcome<(Vec<usize>, HashSet<Vec<String>>)> {
    let invalid = || EsriError::invalid("uniqueIds");
    let fields = table.unique_fields.clone();
    let as_text = |json: &Json| match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let wanted = match fields.len() {
        0 => return Err(invalid()),
        1 => text
            .split(',')
            .map(|id| vec![id.trim().trim_matches('"').to_owned()])
            .collect(),
        _ => {
            let lists: Vec<Vec<Json>> =
                serde_json::from_str(&format!("[{text}]")).map_err(|_| invalid())?;
            lists
                .iter()
                .map(|id| id.iter().map(as_text).collect())
                .collect()
        }
    };
    Ok((fields, wanted))
}

/// The values that tell the row apart, as text.
fn unique_id(row: &StoredRow, fields: &[usize]) -> Vec<String> {
    fields
        .iter()
        .map(|&at| match row.values.get(at) {
            Some(Value::Text(text)) => text.clone(),
            Some(other) => {
                let mut text = Vec::new();
                other.write_json(false, &mut text);
                String::from_utf8_lossy(&text).into_owned()
            }
            None => String::new(),
        })
        .collect()
}
