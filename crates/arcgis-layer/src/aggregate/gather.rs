//! All groups, also where one answer does not hold them.

use std::collections::HashSet;

use futures_util::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use serde_json::Value;

use super::answer::{Answer, read};
use super::{Group, Spec};
use crate::error::{Error, QueryError};
use crate::field::FieldType;
use crate::filter::{Comparison, Condition, identifier};
use crate::layer::{Layer, unsupported};
use crate::literal::Literal;
use crate::query::ResolvedQuery;

/// The groups so far, each once.
#[derive(Default)]
struct Found {
    groups: Vec<Group>,
    keys: HashSet<String>,
    rows: u64,
}

impl Found {
    /// Adds the groups that are new; says how many were.
    fn add(&mut self, groups: Vec<Group>) -> usize {
        let before = self.groups.len();
        for group in groups {
            if self
                .keys
                .insert(Value::from(group.values.clone()).to_string())
            {
                self.groups.push(group);
            }
        }
        self.groups.len() - before
    }
}

impl Layer {
    pub(super) async fn gather(
        &self,
        query: &ResolvedQuery,
        spec: &Spec,
    ) -> Result<Vec<Group>, Error> {
        self.request_of_all(query, "statistics")?;
        self.check_having(query, spec).await?;
        let proven = spec.counts_rows && spec.having.is_none();
        let (mut found, whole) = self.paged(query, spec).await?;
        let adds_up = !proven || found.rows == self.count(query).await?;
        if whole && adds_up {
            return Ok(found.groups);
        }
        // The pages do not hold all of them: ranges of values leave nothing to the server but their order.
        if self.info().advanced.order_by == Some(false) {
            return Err(unsupported(
                "statistics",
                format!(
                    "there are more groups than the {} that the server gives at once, and it neither pages nor orders them; refine the query",
                    found.groups.len()
                ),
            ));
        }
        found = Found::default();
        self.in_ranges(query, spec, 0, &mut found).await?;
        if proven {
            let rows = self.count(query).await?;
            if found.rows != rows {
                return Err(self.unusable(format!(
                    "the {} groups have {} rows, where the layer counts {rows}",
                    found.groups.len(),
                    found.rows
                )));
            }
        }
        Ok(found.groups)
    }

    /// Asks for groups that cannot be, to find out whether the server reads the condition at all: it would not be seen in
    /// groups that come without it.
    async fn check_having(&self, query: &ResolvedQuery, spec: &Spec) -> Result<(), Error> {
        let Some(having) = &spec.having else {
            return Ok(());
        };
        let impossible = Spec {
            having: Some(format!("({having}) AND COUNT({}) < 0", spec.counted)),
            ..spec.clone()
        };
        match self.groups_of(query, &impossible, None, 0).await {
            Ok(answer) if answer.groups.is_empty() => Ok(()),
            Ok(answer) => Err(unsupported(
                "having",
                format!(
                    "the server ignores it: it gives {} groups with fewer than no rows; leave it out, and choose among all groups",
                    answer.groups.len()
                ),
            )),
            // The condition itself may be what it refuses, and then it refuses it again.
            Err(error) => {
                tracing::debug!(layer = %self.address(), %error, "whether having counts is not known");
                Ok(())
            }
        }
    }

    /// One answer, or pages of them where the layer does that; and whether that is certainly all as far as it says.
    async fn paged(&self, query: &ResolvedQuery, spec: &Spec) -> Result<(Found, bool), Error> {
        let mut found = Found::default();
        let first = self.groups_of(query, spec, None, 0).await?;
        let mut more = self.is_cut(&first);
        found.rows = first.rows;
        let mut offset = first.groups.len();
        found.add(first.groups);
        if self.info().advanced.pagination_on_aggregates != Some(true) {
            return Ok((found, !more));
        }
        while more {
            let page = self.groups_of(query, spec, Some(offset), 0).await?;
            let count = page.groups.len();
            more = self.is_cut(&page);
            offset += count;
            found.rows = found.rows.saturating_add(page.rows);
            // A group that comes again comes of an offset that was ignored, or of pages without order.
            if found.add(page.groups) < count || (count == 0 && more) {
                return Ok((found, false));
            }
        }
        Ok((found, true))
    }

    /// Whether there may be more groups than the answer holds.
    fn is_cut(&self, answer: &Answer) -> bool {
        let most = self.info().max_record_count.unwrap_or(u32::MAX);
        answer.exceeded || (!answer.groups.is_empty() && answer.groups.len() >= most as usize)
    }

    /// The groups in the order of the field at `depth`, from its last value on; those before it have one value each.
    fn in_ranges<'a>(
        &'a self,
        query: &'a ResolvedQuery,
        spec: &'a Spec,
        depth: usize,
        found: &'a mut Found,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let Some(name) = spec.group_by.get(depth) else {
                // One value in each field: one group.
                let answer = self.groups_of(query, spec, None, 0).await?;
                found.rows = found.rows.saturating_add(answer.rows);
                found.add(answer.groups);
                return Ok(());
            };
            let column = identifier(name);
            if self.info().field(name).is_none_or(|field| field.nullable) {
                self.within(
                    query.refined(&format!("{column} IS NULL")),
                    spec,
                    depth,
                    found,
                )
                .await?;
            }
            let mut rest = query.refined(&format!("{column} IS NOT NULL"));
            loop {
                let answer = self.groups_of(&rest, spec, None, depth).await?;
                if !self.is_cut(&answer) {
                    found.rows = found.rows.saturating_add(answer.rows);
                    found.add(answer.groups);
                    return Ok(());
                }
                let values: Vec<&Value> = answer
                    .groups
                    .iter()
                    .filter_map(|group| group.values.get(depth))
                    .collect();
                let (Some(first), Some(last)) = (values.first().copied(), values.last().copied())
                else {
                    return Err(
                        self.unusable("it has no groups, and says that there are more".to_owned())
                    );
                };
                // The last value may have more groups, which did not fit in: it comes again.
                let done = values.iter().rev().find(|value| **value != last).copied();
                let key = match done {
                    Some(value) => {
                        let to = self.compared(name, Comparison::LessOrEqual, value)?;
                        // What the answer holds up to there is counted anew, so that ranges do not overlap.
                        let upto = self
                            .groups_of(&rest.refined(&to), spec, None, depth)
                            .await?;
                        if self.is_cut(&upto) {
                            return Err(self.unusable(format!(
                                "the groups do not come in the order of {name}"
                            )));
                        }
                        found.rows = found.rows.saturating_add(upto.rows);
                        found.add(upto.groups);
                        value
                    }
                    None => {
                        let only = self.compared(name, Comparison::Equal, first)?;
                        self.within(rest.refined(&only), spec, depth, found).await?;
                        first
                    }
                };
                let behind = self.compared(name, Comparison::Greater, key)?;
                let next = query.refined(&behind);
                if next == rest {
                    return Err(
                        self.unusable(format!("the groups do not come in the order of {name}"))
                    );
                }
                rest = next;
            }
        }
        .boxed()
    }

    /// The groups of rows that have one value in the field at `depth`.
    async fn within(
        &self,
        query: ResolvedQuery,
        spec: &Spec,
        depth: usize,
        found: &mut Found,
    ) -> Result<(), Error> {
        self.in_ranges(&query, spec, depth + 1, found).await
    }

    fn compared(
        &self,
        field: &str,
        comparison: Comparison,
        value: &Value,
    ) -> Result<String, QueryError> {
        let info = self.info();
        let is_date = info
            .field(field)
            .is_some_and(|field| field.field_type == FieldType::Date);
        let literal = match value {
            Value::Number(number) => match number.as_i64() {
                Some(whole) if is_date => match Timestamp::from_millisecond(whole) {
                    Ok(moment) => Literal::Moment(moment),
                    Err(_) => Literal::Integer(whole),
                },
                Some(whole) => Literal::Integer(whole),
                None => Literal::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => match info.field(field).map(|field| &field.field_type) {
                Some(FieldType::DateOnly) => match text.parse() {
                    Ok(date) => Literal::Date(date),
                    Err(_) => Literal::from(text.clone()),
                },
                Some(FieldType::TimeOnly) => match text.parse() {
                    Ok(time) => Literal::Time(time),
                    Err(_) => Literal::from(text.clone()),
                },
                _ => Literal::from(text.clone()),
            },
            other => Literal::from(other.to_string()),
        };
        Condition::compare(field, comparison, literal).to_sql(info)
    }

    /// One answer, in the order of the fields from the one at `depth` on.
    async fn groups_of(
        &self,
        query: &ResolvedQuery,
        spec: &Spec,
        offset: Option<usize>,
        depth: usize,
    ) -> Result<Answer, Error> {
        let fields = spec.group_by.join(",");
        let mut request = query
            .filter_request(self.address())
            .with_param("returnGeometry", "false");
        if spec.distinct {
            request = request
                .with_param("returnDistinctValues", "true")
                .with_param("outFields", fields);
        } else {
            let statistics = Value::Array(spec.statistics.clone()).to_string();
            request = request
                .with_param("outStatistics", statistics)
                .with_param("groupByFieldsForStatistics", fields);
        }
        if let Some(having) = &spec.having {
            request = request.with_param("havingClause", having.clone());
        }
        if self.info().advanced.order_by != Some(false) {
            let order: Vec<String> = spec
                .group_by
                .iter()
                .skip(depth)
                .map(|name| format!("{name} ASC"))
                .collect();
            if !order.is_empty() {
                request = request.with_param("orderByFields", order.join(","));
            }
        }
        if let Some(offset) = offset {
            request = request.with_param("resultOffset", offset.to_string());
            if let Some(most) = self.info().max_record_count {
                request = request.with_param("resultRecordCount", most.to_string());
            }
        }
        self.ask(request, |top| read(top, spec)).await
    }
}
