//! `arcgis stats`: what a server computes over the values of fields.

use std::io::Write;

use anyhow::Result;
use arcgis_rest::layer::{Aggregation, Field, FieldType, Group, LayerInfo, StatisticType};
use serde_json::{Map, Value, json};

use crate::args::{NamedStatistic, OutputArgs, StatsArgs, parse_statistic};
use crate::exit::Failure;
use crate::listing::{Listing, text_of};
use crate::settings::Settings;

/// A statistic over a field.
struct Asked {
    field: Field,
    statistic: NamedStatistic,
}

impl Asked {
    /// What the result is a value of, as far as it is one of the field's.
    fn kind(&self) -> Option<&FieldType> {
        use StatisticType::{Max, Min, PercentileContinuous, PercentileDiscrete};
        matches!(
            self.statistic.kind,
            Min | Max | PercentileContinuous(_) | PercentileDiscrete(_)
        )
        .then_some(&self.field.field_type)
    }
}

pub(crate) async fn run(
    args: &StatsArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    let selection = args.selection.open(output, settings).await?;
    let info = selection.layer.info();
    let query = selection.query.clone().without_geometry().resolve(info)?;
    let group_by: Vec<&str> = args
        .group_by
        .iter()
        .flat_map(|names| names.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    let asked = asked(args, info)?;
    let mut aggregation = Aggregation::by(group_by.iter().copied()).with_statistics(
        asked
            .iter()
            .map(|asked| asked.statistic.over(&asked.field.name)),
    );
    if let Some(having) = &args.having {
        aggregation = aggregation.with_having(having);
    }
    let groups = selection.layer.aggregate(&query, &aggregation).await;
    let groups = groups.map_err(|error| selection.explain(error))?;
    let by: Vec<&Field> = group_by
        .iter()
        .filter_map(|name| info.field(name))
        .collect();

    let mut out = anstream::stdout().lock();
    if output.json {
        let mut said = json!({ "layer": selection.url() });
        if by.is_empty() {
            said["statistics"] = json!(groups.first().map(|group| by_field(&asked, group)));
        } else {
            let listed = groups.iter().map(|group| {
                let values = by
                    .iter()
                    .zip(&group.values)
                    .map(|(field, value)| (field.name.clone(), value.clone()));
                json!({
                    "values": values.collect::<Map<_, _>>(),
                    "statistics": by_field(&asked, group),
                })
            });
            said["groups"] = listed.collect();
        }
        writeln!(out, "{said:#}")?;
        return Ok(out.flush()?);
    }
    let table = if by.is_empty() {
        let statistics = groups.into_iter().next().map(|group| group.statistics);
        of_fields(&asked, &statistics.unwrap_or_default())
    } else {
        of_groups(&asked, &by, &groups)
    };
    if args.table.csv {
        table.write_csv(&mut out)?;
    } else {
        table.write(&mut out)?;
    }
    Ok(out.flush()?)
}

/// Each statistic of each field.
fn asked(args: &StatsArgs, info: &LayerInfo) -> Result<Vec<Asked>> {
    let mut fields: Vec<Field> = Vec::new();
    for name in &args.fields {
        let field = info.field(name).cloned();
        // A name that is none is refused with the names that there are.
        fields.push(field.unwrap_or_else(|| Field::new(name, FieldType::String)));
    }
    if args.fields.is_empty() {
        let of_worth = |field: &&Field| {
            (is_number(&field.field_type) || field.field_type == FieldType::Date)
                && !args.group_by.iter().any(|names| {
                    let mut names = names.split(',');
                    names.any(|name| name.trim().eq_ignore_ascii_case(&field.name))
                })
        };
        fields = info.fields.iter().filter(of_worth).cloned().collect();
    }
    if fields.is_empty() {
        return Err(
            Failure::usage("the layer has no fields with numbers or dates")
                .with_hint("name the fields: arcgis stats <layer> NAME")
                .into(),
        );
    }
    let mut all = Vec::new();
    for field in fields {
        let statistics = if args.of.is_empty() {
            usual(&field.field_type)?
        } else {
            args.of.clone()
        };
        all.extend(statistics.into_iter().map(|statistic| Asked {
            field: field.clone(),
            statistic,
        }));
    }
    Ok(all)
}

/// What is of use with a type.
fn usual(kind: &FieldType) -> Result<Vec<NamedStatistic>> {
    let names: &[&str] = if is_number(kind) {
        &["count", "min", "max", "avg", "stddev", "sum"]
    } else {
        &["count", "min", "max"]
    };
    names
        .iter()
        .map(|name| parse_statistic(name).map_err(anyhow::Error::msg))
        .collect()
}

fn is_number(kind: &FieldType) -> bool {
    matches!(
        kind,
        FieldType::SmallInteger
            | FieldType::Integer
            | FieldType::BigInteger
            | FieldType::Single
            | FieldType::Double
    )
}

/// The statistics of a group: those of each field by their names.
fn by_field(asked: &[Asked], group: &Group) -> Value {
    let mut fields: Map<String, Value> = Map::new();
    for (asked, value) in asked.iter().zip(&group.statistics) {
        let of_field = fields
            .entry(asked.field.name.clone())
            .or_insert_with(|| json!({}));
        of_field[&asked.statistic.name] = value.clone();
    }
    Value::Object(fields)
}

/// A row for each field.
fn of_fields(asked: &[Asked], values: &[Value]) -> Listing {
    let mut names: Vec<&str> = Vec::new();
    let mut fields: Vec<&str> = Vec::new();
    for one in asked {
        for (list, name) in [
            (&mut names, one.statistic.name.as_str()),
            (&mut fields, one.field.name.as_str()),
        ] {
            if !list.contains(&name) {
                list.push(name);
            }
        }
    }
    let head = std::iter::once("Field").chain(names.iter().copied());
    let mut table = Listing::new(head.map(str::to_owned).collect());
    for field in fields {
        let mut cells = vec![field.to_owned()];
        cells.extend(names.iter().map(|name| {
            asked
                .iter()
                .zip(values)
                .find(|(one, _)| one.field.name == field && one.statistic.name == *name)
                .map(|(one, value)| text_of(value, one.kind()))
                .unwrap_or_default()
        }));
        table.row(cells);
    }
    table
}

/// A row for each group.
fn of_groups(asked: &[Asked], by: &[&Field], groups: &[Group]) -> Listing {
    let mut head: Vec<String> = by.iter().map(|field| field.name.clone()).collect();
    head.extend(
        asked
            .iter()
            .map(|one| format!("{}_{}", one.statistic.name, one.field.name)),
    );
    let mut table = Listing::new(head);
    for group in groups {
        let mut cells: Vec<String> = by
            .iter()
            .zip(&group.values)
            .map(|(field, value)| text_of(value, Some(&field.field_type)))
            .collect();
        let values = asked.iter().zip(&group.statistics);
        cells.extend(values.map(|(one, value)| text_of(value, one.kind())));
        table.row(cells);
    }
    table
}
