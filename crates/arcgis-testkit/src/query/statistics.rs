use std::collections::HashMap;

use serde_json::{Value as Json, json};

use crate::answer::{Answer, EsriError};
use crate::parameters::Parameters;
use crate::table::{Rows, Table};
use crate::value::{Value, write_text};

use super::filter::Filter;
use super::{Outcome, compare_by, field_index, order_terms, whole_number};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Count,
    Sum,
    Min,
    Max,
    Average,
    Deviation,
    Variance,
}

struct Statistic {
    kind: Kind,
    field: usize,
    name: String,
}

pub(super) fn answer(
    table: &Table,
    rows: &Rows,
    filter: &Filter,
    parameters: &Parameters,
) -> Outcome<Answer> {
    let statistics = parse(
        table,
        parameters.filled("outStatistics").unwrap_or_default(),
    )?;
    let groups: Vec<usize> = match parameters.filled("groupByFieldsForStatistics") {
        None => Vec::new(),
        Some(text) => text
            .split(',')
            .map(|name| field_index(table, name.trim(), "groupByFieldsForStatistics"))
            .collect::<Outcome<_>>()?,
    };

    let mut members: Vec<Vec<usize>> = Vec::new();
    let mut known: HashMap<Vec<u8>, usize> = HashMap::new();
    for at in filter.find(&rows.rows) {
        let mut key = Vec::new();
        if let Some(row) = rows.rows.get(at) {
            for value in groups.iter().filter_map(|&field| row.values.get(field)) {
                value.write_json(false, &mut key);
                key.push(b',');
            }
        }
        let group = *known.entry(key).or_insert_with(|| {
            members.push(Vec::new());
            members.len() - 1
        });
        if let Some(group) = members.get_mut(group) {
            group.push(at);
        }
    }
    // Without groups there is always one row, even about no rows.
    if groups.is_empty() && members.is_empty() {
        members.push(Vec::new());
    }

    let value = |at: usize, field: usize| {
        rows.rows
            .get(at)
            .and_then(|row| row.values.get(field))
            .unwrap_or(&Value::Null)
    };
    let mut lines: Vec<Vec<Value>> = members
        .iter()
        .map(|group| {
            let keys = groups.iter().map(|&field| {
                group
                    .first()
                    .map_or(Value::Null, |&at| value(at, field).clone())
            });
            let results = statistics.iter().map(|statistic| {
                let values: Vec<&Value> = group
                    .iter()
                    .map(|&at| value(at, statistic.field))
                    .filter(|value| !value.is_null())
                    .collect();
                compute(statistic.kind, &values)
            });
            keys.chain(results).collect()
        })
        .collect();

    let field = |at: &usize| table.layer.fields.get(*at);
    let mut columns: Vec<Json> = groups
        .iter()
        .filter_map(field)
        .map(|field| json!(field.definition()))
        .collect();
    columns.extend(statistics.iter().map(|statistic| {
        let kind = match (statistic.kind, field(&statistic.field)) {
            (Kind::Count, _) => "esriFieldTypeInteger",
            (Kind::Min | Kind::Max, Some(field)) => field.kind().esri_name(),
            _ => "esriFieldTypeDouble",
        };
        json!({"name": statistic.name, "type": kind, "alias": statistic.name})
    }));
    let names: Vec<&str> = columns
        .iter()
        .filter_map(|column| column.get("name")?.as_str())
        .collect();

    if let Some(text) = parameters.filled("orderByFields") {
        let position = |name: &str| {
            names
                .iter()
                .position(|known| known.eq_ignore_ascii_case(name))
                .ok_or_else(|| EsriError::invalid("orderByFields"))
        };
        let terms = order_terms(text, position)?;
        lines.sort_by(|a, b| compare_by(&terms, a, b));
    }
    let offset = whole_number(parameters, "resultOffset")?.unwrap_or(0);
    let wanted = whole_number(parameters, "resultRecordCount")?
        .filter(|rows| *rows > 0)
        .unwrap_or(usize::MAX);
    let length = wanted.min(table.layer.max_record_count);
    let exceeded = lines.len().saturating_sub(offset) > length;

    let mut body = Vec::new();
    body.extend_from_slice(
        format!("{{\"displayFieldName\":\"\",\"fields\":{},", json!(columns)).as_bytes(),
    );
    if exceeded {
        body.extend_from_slice(b"\"exceededTransferLimit\":true,");
    }
    body.extend_from_slice(b"\"features\":[");
    let mut written = 0;
    for line in lines.iter().skip(offset).take(length) {
        body.extend_from_slice(if written > 0 {
            b",{\"attributes\":{"
        } else {
            b"{\"attributes\":{"
        });
        for (at, (name, value)) in names.iter().zip(line).enumerate() {
            if at > 0 {
                body.push(b',');
            }
            write_text(name, &mut body);
            body.push(b':');
            value.write_json(false, &mut body);
        }
        body.extend_from_slice(b"}}");
        written += 1;
    }
    body.extend_from_slice(b"]}");
    let mut answer = Answer::json(body);
    answer.rows = Some(written);
    Ok(answer)
}

fn parse(table: &Table, text: &str) -> Outcome<Vec<Statistic>> {
    let invalid = || EsriError::invalid("outStatistics");
    let list: Vec<Json> = serde_json::from_str(text).map_err(|_| invalid())?;
    if list.is_empty() {
        return Err(invalid());
    }
    list.iter()
        .map(|statistic| {
            let member = |name: &str| statistic.get(name).and_then(Json::as_str);
            let word = member("statisticType").ok_or_else(invalid)?;
            let field = field_index(
                table,
                member("onStatisticField").ok_or_else(invalid)?,
                "outStatistics",
            )?;
            let kind = match word.to_ascii_lowercase().as_str() {
                "count" => Kind::Count,
                "sum" => Kind::Sum,
                "min" => Kind::Min,
                "max" => Kind::Max,
                "avg" => Kind::Average,
                "stddev" => Kind::Deviation,
                "var" => Kind::Variance,
                _ => return Err(invalid()),
            };
            let numeric = table
                .layer
                .fields
                .get(field)
                .is_some_and(|field| field.kind().is_numeric());
            if !numeric && !matches!(kind, Kind::Count | Kind::Min | Kind::Max) {
                return Err(invalid());
            }
            let name = member("outStatisticFieldName").map_or_else(
                || {
                    format!(
                        "{}_{}",
                        word.to_ascii_uppercase(),
                        table
                            .layer
                            .fields
                            .get(field)
                            .map_or("", |field| field.name())
                    )
                },
                str::to_owned,
            );
            Ok(Statistic { kind, field, name })
        })
        .collect()
}

/// Nulls have been left out. Of no values only the count is known; variance and deviation are those of a sample.
fn compute(kind: Kind, values: &[&Value]) -> Value {
    let numbers = || values.iter().filter_map(|value| value.as_f64());
    let count = values.len() as f64;
    let variance = || {
        let mean = numbers().sum::<f64>() / count;
        numbers().map(|number| (number - mean).powi(2)).sum::<f64>() / (count - 1.0)
    };
    match kind {
        Kind::Count => Value::Int(i64::try_from(values.len()).unwrap_or(i64::MAX)),
        _ if values.is_empty() => Value::Null,
        Kind::Sum => {
            let whole = values.iter().try_fold(0_i64, |sum, value| match value {
                Value::Int(number) => sum.checked_add(*number),
                _ => None,
            });
            whole.map_or_else(|| Value::Double(numbers().sum()), Value::Int)
        }
        Kind::Min => values
            .iter()
            .min_by(|a, b| a.order(b))
            .map_or(Value::Null, |value| (*value).clone()),
        Kind::Max => values
            .iter()
            .max_by(|a, b| a.order(b))
            .map_or(Value::Null, |value| (*value).clone()),
        Kind::Average => Value::Double(numbers().sum::<f64>() / count),
        Kind::Deviation | Kind::Variance if values.len() < 2 => Value::Null,
        Kind::Deviation => Value::Double(variance().sqrt()),
        Kind::Variance => Value::Double(variance()),
    }
}
