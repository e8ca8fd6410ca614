use std::collections::HashMap;

use serde_json::{Value as Json, json};

use crate::answer::{Answer, EsriError};
use crate::field::Field;
use crate::parameters::Parameters;
use crate::quirk::Quirk;
use crate::sql::{self, Condition};
use crate::store::Rows;
use crate::table::Table;
use crate::value::{Value, write_text};

use super::filter::Filter;
use super::found::Found;
use super::tally::{Kind, Tally};
use super::{Outcome, compare_by, field_index, order_terms, whole_number};

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
    let found = filter.find(rows);
    let mut lines = match of_ids_alone(table, rows, &found, &statistics, &groups) {
        Some(line) => vec![line],
        None => gather(rows, &found, &statistics, &groups),
    };

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

    let having = parameters
        .filled("havingClause")
        .or_else(|| parameters.filled("having"));
    if let Some(text) = having.filter(|_| !table.has_quirk(Quirk::IgnoresHaving)) {
        let having = Having::parse(table, text, &statistics, &columns)?;
        lines.retain(|line| having.0.holds(line));
    }
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

/// What the group has to fulfil: a condition about the columns of the answer.
struct Having(Condition);

impl Having {
    /// `SUM(POP) > 1000`: the functions stand for the columns that the answer has of them.
    fn parse(
        table: &Table,
        text: &str,
        statistics: &[Statistic],
        columns: &[Json],
    ) -> Outcome<Self> {
        let invalid = || EsriError::invalid("havingClause");
        let fields: Vec<Field> = columns
            .iter()
            .map(Field::from_esri_json)
            .collect::<Option<_>>()
            .ok_or_else(invalid)?;
        let mut clause = text.to_owned();
        for statistic in statistics {
            let field = table.layer.fields.get(statistic.field);
            let call = format!(
                "{}({})",
                statistic.kind.sql_name(),
                field.map_or("", |field| field.name())
            );
            let wanted = call.to_ascii_uppercase();
            let mut from = 0;
            // The search goes on behind what was put in.
            while let Some(at) = clause
                .get(from..)
                .and_then(|rest| rest.to_ascii_uppercase().find(&wanted))
            {
                let at = from + at;
                clause.replace_range(at..at + call.len(), &statistic.name);
                from = at + statistic.name.len();
            }
        }
        sql::parse(&clause, &fields)
            .map(Self)
            .map_err(|_| invalid())
    }
}

/// The smallest and the greatest id and their number can be told of ranges without a look at the rows.
fn of_ids_alone(
    table: &Table,
    rows: &Rows,
    found: &Found,
    statistics: &[Statistic],
    groups: &[usize],
) -> Option<Vec<Value>> {
    let id = table.object_id?;
    let of_ids = |statistic: &Statistic| {
        statistic.field == id && matches!(statistic.kind, Kind::Count | Kind::Min | Kind::Max)
    };
    if !groups.is_empty() || !rows.in_id_order || !statistics.iter().all(of_ids) {
        return None;
    }
    let Found::Ranges { .. } = found else {
        return None;
    };
    let count = found.len();
    let at = |position: usize| {
        let row = found.page(position, 1).first().copied()?;
        rows.id(row, id).map(Value::Int)
    };
    let line = statistics.iter().map(|statistic| match statistic.kind {
        Kind::Count => Value::Int(i64::try_from(count).unwrap_or(i64::MAX)),
        Kind::Min => at(0).unwrap_or(Value::Null),
        _ => at(count.wrapping_sub(1)).unwrap_or(Value::Null),
    });
    Some(line.collect())
}

/// One line for each group, in the order in which they are met: its keys and its results.
fn gather(
    rows: &Rows,
    found: &Found,
    statistics: &[Statistic],
    groups: &[usize],
) -> Vec<Vec<Value>> {
    let tallies = || -> Vec<Tally> {
        statistics
            .iter()
            .map(|statistic| Tally::new(statistic.kind))
            .collect()
    };
    let mut members: Vec<(Vec<Value>, Vec<Tally>)> = Vec::new();
    let mut known: HashMap<Vec<u8>, usize> = HashMap::new();
    for row in found.iter().filter_map(|at| rows.get(at)) {
        let keys = || groups.iter().filter_map(|&field| row.values.get(field));
        let mut key = Vec::new();
        for value in keys() {
            value.write_json(false, &mut key);
            key.push(b',');
        }
        let group = *known.entry(key).or_insert_with(|| {
            members.push((keys().cloned().collect(), tallies()));
            members.len() - 1
        });
        let tallies = members
            .get_mut(group)
            .into_iter()
            .flat_map(|(_, tallies)| tallies);
        for (tally, statistic) in tallies.zip(statistics) {
            if let Some(value) = row.values.get(statistic.field) {
                tally.add(value);
            }
        }
    }
    // Without groups there is always one row, even about no rows.
    if groups.is_empty() && members.is_empty() {
        members.push((Vec::new(), tallies()));
    }
    members
        .into_iter()
        .map(|(mut line, tallies)| {
            line.extend(tallies.into_iter().map(Tally::result));
            line
        })
        .collect()
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
            let kind = Kind::parse(statistic, word).ok_or_else(invalid)?;
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
