//! `queryRelatedRecords`.

use serde_json::json;

use super::page::{self, Geometries, Page};
use super::{Format, Outcome, compare_by, esri_json, field_index, flag, order_terms, whole_number};
use crate::answer::{Answer, EsriError};
use crate::catalog::Served;
use crate::parameters::Parameters;
use crate::quirk::Ability;
use crate::sql;
use crate::table::Table;
use crate::value::Value;

/// The parameters that are understood.
pub(crate) const PARAMETERS: &[&str] = &[
    "f",
    "token",
    "objectIds",
    "relationshipId",
    "outFields",
    "definitionExpression",
    "returnGeometry",
    "maxAllowableOffset",
    "geometryPrecision",
    "outSR",
    "returnZ",
    "returnM",
    "returnCountOnly",
    "orderByFields",
    "resultOffset",
    "resultRecordCount",
];

pub(crate) fn answer(service: &Served, table: &Table, parameters: &Parameters) -> Outcome<Answer> {
    if !table.is_queryable() {
        return Err(EsriError::unsupported());
    }
    let invalid = EsriError::invalid;
    let wanted = whole_number(parameters, "relationshipId")?;
    let relationship = table
        .layer
        .options
        .relationships
        .iter()
        .find(|relationship| Some(relationship.id as usize) == wanted)
        .ok_or_else(|| invalid("relationshipId"))?;
    let other = service
        .table(relationship.related)
        .ok_or_else(|| invalid("relationshipId"))?;
    let key = field_index(table, &relationship.key, "relationshipId")?;
    let foreign = field_index(other, &relationship.foreign_key, "relationshipId")?;
    let id_field = table.object_id.ok_or_else(|| invalid("objectIds"))?;
    let ids: Vec<i64> = parameters
        .filled("objectIds")
        .ok_or_else(|| invalid("objectIds"))?
        .split(',')
        .map(|id| id.trim().parse().map_err(|_| invalid("objectIds")))
        .collect::<Outcome<_>>()?;
    let condition = parameters
        .filled("definitionExpression")
        .map(|text| sql::parse(text, &other.layer.fields))
        .transpose()
        .map_err(|_| invalid("definitionExpression"))?;
    let pages = parameters.filled("resultOffset").is_some()
        || parameters.filled("resultRecordCount").is_some();
    if pages && !other.can(Ability::Pagination) {
        return Err(EsriError::new(400, "Pagination is not supported."));
    }

    let (own, others) = (table.read(), other.read());
    let key_of = |id: i64| -> Option<Value> {
        let at = (0..own.len()).find(|&at| own.id(at, id_field) == Some(id))?;
        own.get(at)?.values.get(key).cloned()
    };
    let terms = parameters
        .filled("orderByFields")
        .map(|text| order_terms(text, |name| field_index(other, name, "orderByFields")))
        .transpose()?
        .unwrap_or_default();
    let groups: Vec<(i64, Vec<_>)> = ids
        .into_iter()
        .filter_map(|id| Some((id, key_of(id).filter(|value| !value.is_null())?)))
        .map(|(id, value)| {
            let mut rows: Vec<_> = others
                .iter()
                .filter(|row| row.values.get(foreign) == Some(&value))
                .filter(|row| {
                    condition
                        .as_ref()
                        .is_none_or(|condition| condition.holds(&row.values))
                })
                .collect();
            rows.sort_by(|a, b| compare_by(&terms, &a.values, &b.values));
            (id, rows)
        })
        .filter(|(_, rows)| !rows.is_empty())
        .collect();

    if flag(parameters, "returnCountOnly", false)? {
        let groups: Vec<_> = groups
            .iter()
            .map(|(id, rows)| json!({"objectId": id, "count": rows.len()}))
            .collect();
        return Ok(Answer::json(
            json!({"relatedRecordGroups": groups}).to_string(),
        ));
    }

    let fields = page::out_fields(other, parameters)?;
    let geometries = if flag(parameters, "returnGeometry", true)? {
        Geometries::parse(other, parameters, Format::Json)?
    } else {
        None
    };
    // Offset and length count the records of all groups together.
    let mut skip = whole_number(parameters, "resultOffset")?.unwrap_or(0);
    let cap = other.layer.max_record_count;
    let mut left = whole_number(parameters, "resultRecordCount")?
        .filter(|rows| *rows > 0)
        .map_or(cap, |wanted| wanted.min(cap));
    let mut exceeded = false;
    let mut written = Vec::new();
    let mut records = 0;
    let mut header = Vec::new();
    for (id, rows) in groups {
        let skipped = skip.min(rows.len());
        skip -= skipped;
        let taken = (rows.len() - skipped).min(left);
        exceeded |= rows.len() - skipped > taken;
        left -= taken;
        if taken == 0 {
            continue;
        }
        records += taken;
        let rows = rows.into_iter().skip(skipped).take(taken).collect();
        let page = Page::of(other, rows, fields.clone(), geometries);
        let (features, _, _) = esri_json::features(&page);
        header = esri_json::header(&page, taken, false);
        written.push(format!(
            r#"{{"objectId":{id},"relatedRecords":{}}}"#,
            String::from_utf8_lossy(&features)
        ));
    }
    let mut body = String::from("{");
    if !header.is_empty() {
        body.push_str(&String::from_utf8_lossy(&header));
        body.push(',');
    }
    body.push_str(&format!(r#""relatedRecordGroups":[{}]"#, written.join(",")));
    body.push_str(if exceeded {
        r#","exceededTransferLimit":true}"#
    } else {
        "}"
    });
    let mut answer = Answer::json(body);
    answer.rows = Some(records);
    Ok(answer)
}
