//! What a server makes of many rows: statistics, groups, distinct values and their counts.

mod answer;
mod gather;

use serde_json::Value;

use crate::error::Error;
use crate::layer::{Layer, missing, unsupported};
use crate::metadata::document::Members;
use crate::query::{self, ResolvedQuery};
use crate::statistics::{Statistic, StatisticType};

/// Statistics for each group of rows.
///
/// ```
/// use arcgis_layer::{Aggregation, Statistic, StatisticType};
///
/// let depths = Aggregation::by(["OWNER"])
///     .with_statistics([Statistic::new(StatisticType::Avg, "DEPTH")])
///     .with_having("COUNT(OBJECTID) > 10");
/// # let _ = depths;
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use]
pub struct Aggregation {
    group_by: Vec<String>,
    statistics: Vec<Statistic>,
    having: Option<String>,
}

impl Aggregation {
    /// Groups of rows with equal values in these fields.
    pub fn by<I>(fields: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self {
            group_by: fields.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// What is computed for each group.
    pub fn with_statistics(mut self, statistics: impl IntoIterator<Item = Statistic>) -> Self {
        self.statistics = statistics.into_iter().collect();
        self
    }

    /// Only groups that meet a condition in SQL, such as `COUNT(OBJECTID) > 10`. One request more finds out whether the
    /// server reads it; from one that ignores it, groups are refused.
    pub fn with_having(mut self, condition: impl Into<String>) -> Self {
        self.having = Some(condition.into());
        self
    }
}

/// One group of rows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Group {
    /// The values of the fields that it is grouped by, in their order; dates are milliseconds since 1970 UTC.
    pub values: Vec<Value>,
    /// The statistics, in their order; null where there is nothing to compute one from.
    pub statistics: Vec<Value>,
}

/// A value, or several together, and how many rows have it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ValueCount {
    /// The values, one for each field.
    pub values: Vec<Value>,
    /// How many rows.
    pub rows: u64,
}

/// An aggregation that fits its layer, names in the server's case.
#[derive(Clone)]
struct Spec {
    group_by: Vec<String>,
    /// `outStatistics`, the hidden count at the end included.
    statistics: Vec<Value>,
    /// How many of them are the caller's.
    wanted: usize,
    having: Option<String>,
    /// The field of which the last statistic counts values.
    counted: String,
    /// Whether the last statistic counts rows, which add up to all.
    counts_rows: bool,
    /// Whether values are asked for with `returnDistinctValues`, where statistics are not to be had.
    distinct: bool,
}

impl Layer {
    /// Statistics over the rows that the query selects, whatever its limit: one value for each, in
    /// order, null where there is nothing to compute it from.
    ///
    /// # Errors
    ///
    /// As [`Layer::count`]; [`Error::Query`] for an unknown field, if the layer says that it cannot, and for a filter whose
    /// geometry takes several requests.
    pub async fn statistics(
        &self,
        query: &ResolvedQuery,
        statistics: &[Statistic],
    ) -> Result<Vec<Value>, Error> {
        if statistics.is_empty() {
            return Ok(Vec::new());
        }
        let spec = self.spec(
            query,
            &Aggregation::default().with_statistics(statistics.to_vec()),
        )?;
        let request = self
            .request_of_all(query, "statistics")?
            .with_param("outStatistics", Value::Array(spec.statistics).to_string())
            .with_param("returnGeometry", "false");
        self.ask(request, |top| {
            let features = top
                .get("features")
                .and_then(Value::as_array)
                .ok_or_else(|| missing(top, "features", "a list"))?;
            let row = features
                .first()
                .and_then(Members::of)
                .and_then(|feature| feature.object("attributes"));
            match row {
                Some(row) => answer::statistics(row, statistics.len()),
                None => Ok(vec![Value::Null; statistics.len()]),
            }
        })
        .await
    }

    /// The groups of the rows that the query selects, whatever its limit, and the statistics of each.
    ///
    /// All of them, however many there are: they are asked for in pages where the layer does that, else in ranges of
    /// the values that they are grouped by. Where the layer has object ids and there is no `having`, the rows of all
    /// groups are added up and have to be as many as the query selects.
    ///
    /// # Errors
    ///
    /// As [`Layer::statistics`]; [`Error::Answer`] if the groups do not add up to the rows, and [`Error::Query`] if there
    /// are more groups than the server gives at once and no way to the others.
    pub async fn aggregate(
        &self,
        query: &ResolvedQuery,
        aggregation: &Aggregation,
    ) -> Result<Vec<Group>, Error> {
        if aggregation.group_by.is_empty() {
            if aggregation.having.is_some() {
                return Err(unsupported(
                    "having",
                    "there are no groups without group-by fields",
                ));
            }
            let statistics = self.statistics(query, &aggregation.statistics).await?;
            return Ok(vec![Group {
                values: Vec::new(),
                statistics,
            }]);
        }
        let spec = self.spec(query, aggregation)?;
        self.gather(query, &spec).await
    }

    /// The distinct combinations of values of these fields, null among them, in the server's order.
    ///
    /// # Errors
    ///
    /// As [`Layer::aggregate`].
    pub async fn distinct<I>(
        &self,
        query: &ResolvedQuery,
        fields: I,
    ) -> Result<Vec<Vec<Value>>, Error>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let aggregation = Aggregation::by(fields);
        if aggregation.group_by.is_empty() {
            return Err(unsupported("distinct", "it takes at least one field"));
        }
        let groups = self.aggregate(query, &aggregation).await?;
        Ok(groups.into_iter().map(|group| group.values).collect())
    }

    /// The distinct values of one field, null among them, in the server's order.
    ///
    /// # Errors
    ///
    /// As [`Layer::aggregate`].
    pub async fn unique_values(
        &self,
        query: &ResolvedQuery,
        field: &str,
    ) -> Result<Vec<Value>, Error> {
        let rows = self.distinct(query, [field]).await?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// How many rows have each value of a field, null among them; the most frequent first.
    ///
    /// # Errors
    ///
    /// As [`Layer::aggregate`].
    pub async fn value_counts(
        &self,
        query: &ResolvedQuery,
        field: &str,
    ) -> Result<Vec<ValueCount>, Error> {
        let mut counts = self.counts(query, &[field]).await?;
        counts.sort_by_key(|count| std::cmp::Reverse(count.rows));
        Ok(counts)
    }

    /// How many rows have each combination of values of two fields: in the order of the first, and the most frequent first
    /// within it.
    ///
    /// # Errors
    ///
    /// As [`Layer::aggregate`].
    pub async fn nested_counts(
        &self,
        query: &ResolvedQuery,
        outer: &str,
        inner: &str,
    ) -> Result<Vec<ValueCount>, Error> {
        let mut counts = self.counts(query, &[outer, inner]).await?;
        counts.sort_by(|a, b| {
            answer::order(a.values.first(), b.values.first()).then(b.rows.cmp(&a.rows))
        });
        Ok(counts)
    }

    async fn counts(&self, query: &ResolvedQuery, by: &[&str]) -> Result<Vec<ValueCount>, Error> {
        // Nulls do not count, but each row has an id.
        let counted = query.object_id().or(by.last().copied()).unwrap_or_default();
        let aggregation = Aggregation::by(by.iter().copied())
            .with_statistics([Statistic::new(StatisticType::Count, counted)]);
        let groups = self.aggregate(query, &aggregation).await?;
        let count = |group: Group| {
            let rows = group
                .statistics
                .first()
                .and_then(crate::metadata::document::integer)
                .and_then(|rows| u64::try_from(rows).ok());
            match rows {
                Some(rows) => Ok(ValueCount {
                    values: group.values,
                    rows,
                }),
                None => Err(self.unusable("a count is no number".to_owned())),
            }
        };
        groups.into_iter().map(count).collect()
    }

    /// Checks an aggregation against the layer.
    fn spec(&self, query: &ResolvedQuery, aggregation: &Aggregation) -> Result<Spec, Error> {
        let info = self.info();
        let distinct = info.advanced.statistics == Some(false);
        if distinct {
            if !aggregation.statistics.is_empty() {
                return Err(unsupported("statistics", "the layer does not compute them"));
            }
            if info.advanced.distinct == Some(false) {
                return Err(unsupported(
                    "distinct",
                    "the layer has neither statistics nor distinct values",
                ));
            }
        }
        let having = match &aggregation.having {
            Some(_) if info.advanced.having == Some(false) || distinct => {
                return Err(unsupported(
                    "having",
                    "the layer does not take it (supportsHavingClause)",
                ));
            }
            Some(text) => Some(query::checked(text)?),
            None => None,
        };
        let mut group_by: Vec<String> = Vec::new();
        for name in &aggregation.group_by {
            let field = query::field(info, name)?;
            if group_by.contains(&field.name) {
                return Err(unsupported(
                    "group_by",
                    format!("{} is named twice", field.name),
                ));
            }
            group_by.push(field.name.clone());
        }
        let object_id = query.object_id();
        let mut statistics = Vec::new();
        for (place, statistic) in aggregation.statistics.iter().enumerate() {
            let field = statistic.check(info, object_id)?;
            statistics.push(statistic.to_json(place, field));
        }
        let wanted = statistics.len();
        let mut counts_rows = false;
        let first = group_by.first().map(String::as_str);
        let counted = object_id.or(first).unwrap_or_default().to_owned();
        if first.is_some() && !distinct {
            // Groups take a statistic, and this one proves that none is missing.
            counts_rows = object_id.is_some();
            let count = Statistic::new(StatisticType::Count, &counted);
            statistics.push(count.to_json(wanted, &counted));
        }
        Ok(Spec {
            group_by,
            statistics,
            wanted,
            having,
            counted,
            counts_rows,
            distinct,
        })
    }
}
