//! Lists of ids.

use serde_json::{Value as Json, json};

use super::filter::Filter;
use super::found::Found;
use super::{Format, Outcome, PageDamage, page, whole_number};
use crate::answer::{Answer, EsriError};
use crate::parameters::Parameters;
use crate::pbf;
use crate::quirk::Quirk;
use crate::store::Rows;
use crate::table::Table;

pub(super) fn object_ids(
    table: &Table,
    rows: &Rows,
    filter: &Filter,
    parameters: &Parameters,
    request: u64,
    format: Format,
    damage: PageDamage,
) -> Outcome<Answer> {
    let named = table
        .object_id
        .and_then(|at| Some((at, table.layer.fields.get(at)?)));
    let Some((at, field)) = named else {
        return Err(EsriError::invalid("returnIdsOnly"));
    };
    let mut found = filter.find(rows);
    page::order(table, rows, &mut found, parameters, request)?;
    let (listed, more) = listed(table, &found, parameters)?;
    let mut ids: Vec<i64> = listed
        .into_iter()
        .filter_map(|row| rows.id(row, at))
        .collect();
    if let Some(lost) = damage.lose_id.filter(|lost| *lost < ids.len()) {
        ids.remove(lost);
    }
    if format == Format::Pbf {
        let body = pbf::ids(field.name(), &ids);
        return Ok(Answer::new(200, pbf::CONTENT_TYPE, body));
    }
    let mut body = format!(
        r#"{{"objectIdFieldName":{},"objectIds":"#,
        json!(field.name())
    );
    if ids.is_empty() {
        // No rows are null, not an empty list.
        body.push_str("null");
    } else {
        body.push('[');
        for (position, id) in ids.iter().enumerate() {
            if position > 0 {
                body.push(',');
            }
            body.push_str(&id.to_string());
        }
        body.push(']');
    }
    body.push_str(if more {
        r#","exceededTransferLimit":true}"#
    } else {
        "}"
    });
    Ok(Answer::json(body))
}

pub(super) fn unique_ids(
    table: &Table,
    rows: &Rows,
    filter: &Filter,
    parameters: &Parameters,
    request: u64,
) -> Outcome<Answer> {
    let fields = &table.unique_fields;
    if fields.is_empty() {
        return Err(EsriError::invalid("returnUniqueIdsOnly"));
    }
    let mut found = filter.find(rows);
    page::order(table, rows, &mut found, parameters, request)?;
    let (listed, more) = listed(table, &found, parameters)?;
    let ids: Vec<Json> = listed
        .into_iter()
        .filter_map(|at| rows.get(at))
        .map(|row| {
            let values: Vec<Json> = fields
                .iter()
                .filter_map(|&at| row.values.get(at))
                .map(|value| {
                    let mut text = Vec::new();
                    value.write_json(false, &mut text);
                    serde_json::from_slice(&text).unwrap_or(Json::Null)
                })
                .collect();
            match <[Json; 1]>::try_from(values) {
                Ok([only]) => only,
                Err(several) => Json::Array(several),
            }
        })
        .collect();
    let names: Vec<&str> = fields
        .iter()
        .filter_map(|&at| table.layer.fields.get(at))
        .map(crate::field::Field::name)
        .collect();
    let names = if let [only] = names.as_slice() {
        json!(only)
    } else {
        json!(names)
    };
    let mut body = json!({"uniqueIdFieldNames": names, "uniqueIds": ids});
    if let (true, Some(object)) = (more, body.as_object_mut()) {
        object.insert("exceededTransferLimit".to_owned(), json!(true));
    }
    Ok(Answer::json(body.to_string()))
}

/// The rows whose ids are listed, and whether the answer says that more follow.
fn listed(table: &Table, found: &Found, parameters: &Parameters) -> Outcome<(Vec<usize>, bool)> {
    let silent = table.quirk(|quirk| match quirk {
        Quirk::IdsCap(ids) if ids < found.len() => Some(ids),
        _ => None,
    });
    if let Some(most) = silent {
        return Ok((found.page(0, most), false));
    }
    let Some(cap) = table.layer.options.id_cap else {
        return Ok((found.iter().collect(), false));
    };
    let offset = whole_number(parameters, "resultOffset")?.unwrap_or(0);
    let wanted = whole_number(parameters, "resultRecordCount")?.filter(|ids| *ids > 0);
    let length = wanted.map_or(cap, |wanted| wanted.min(cap));
    let more = found.len() > offset.saturating_add(length);
    Ok((found.page(offset, length), more))
}
