//! Statistics that the server computes over the rows of a query.

use serde_json::{Value, json};

use crate::error::QueryError;
use crate::metadata::LayerInfo;

/// What a server can compute over the values of a field; nulls do not count.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum StatisticType {
    /// How many values there are.
    Count,
    /// Their sum.
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// Their mean.
    Avg,
    /// Their standard deviation.
    StdDev,
    /// Their variance.
    Var,
    /// The value below which so large a part of them lies, from 0 to 1, between two of them if need be.
    PercentileContinuous(f64),
    /// The same, as one of the values.
    PercentileDiscrete(f64),
}

impl StatisticType {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
            Self::StdDev => "stddev",
            Self::Var => "var",
            Self::PercentileContinuous(_) => "PERCENTILE_CONT",
            Self::PercentileDiscrete(_) => "PERCENTILE_DISC",
        }
    }

    fn percentile(self) -> Option<f64> {
        match self {
            Self::PercentileContinuous(part) | Self::PercentileDiscrete(part) => Some(part),
            _ => None,
        }
    }
}

/// One statistic over one field.
///
/// ```
/// use arcgis_layer::{Statistic, StatisticType};
///
/// let deepest = Statistic::new(StatisticType::Max, "DEPTH");
/// assert_eq!(deepest.field(), "DEPTH");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Statistic {
    kind: StatisticType,
    field: String,
}

impl Statistic {
    /// A statistic over a field.
    #[must_use]
    pub fn new(kind: StatisticType, field: impl Into<String>) -> Self {
        Self {
            kind,
            field: field.into(),
        }
    }

    /// What is computed.
    #[must_use]
    pub fn kind(&self) -> StatisticType {
        self.kind
    }

    /// The field.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Checks it against the layer; gives the field in the server's case.
    pub(crate) fn check<'a>(
        &'a self,
        info: &'a LayerInfo,
        object_id: Option<&str>,
    ) -> Result<&'a str, QueryError> {
        let refuse = |problem: String| {
            Err(QueryError::Unsupported {
                option: "statistics",
                problem,
            })
        };
        if let Some(part) = self.kind.percentile() {
            if !(0.0..=1.0).contains(&part) {
                return refuse(format!("a percentile is from 0 to 1, which {part} is not"));
            }
            if info.advanced.percentile == Some(false) {
                return refuse(
                    "the layer computes no percentiles (supportsPercentileStatistics)".to_owned(),
                );
            }
        }
        // The object id need not be among the fields.
        if object_id == Some(&self.field) && info.field(&self.field).is_none() {
            return Ok(&self.field);
        }
        crate::query::field(info, &self.field).map(|field| field.name.as_str())
    }

    /// One entry of `outStatistics`, over the field in the server's own case. The name of the result is
    /// short and plain: some databases cut long names and change their case.
    pub(crate) fn to_json(&self, place: usize, field: &str) -> Value {
        let mut entry = json!({
            "statisticType": self.kind.name(),
            "onStatisticField": field,
            "outStatisticFieldName": Self::result_name(place),
        });
        if let (Some(part), Value::Object(members)) = (self.kind.percentile(), &mut entry) {
            members.insert("statisticParameters".to_owned(), json!({ "value": part }));
        }
        entry
    }

    pub(crate) fn result_name(place: usize) -> String {
        format!("stat_{place}")
    }
}
