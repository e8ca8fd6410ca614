//! Statistics that the server computes over the rows of a query.

use serde_json::{Value, json};

/// What a server can compute over the values of a field; nulls do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
}

impl StatisticType {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
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
#[derive(Debug, Clone, PartialEq, Eq)]
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

    /// One entry of `outStatistics`, over the field in the server's own case. The name of the result is
    /// short and plain: some databases cut long names and change their case.
    pub(crate) fn to_json(&self, place: usize, field: &str) -> Value {
        json!({
            "statisticType": self.kind.name(),
            "onStatisticField": field,
            "outStatisticFieldName": Self::result_name(place),
        })
    }

    pub(crate) fn result_name(place: usize) -> String {
        format!("stat_{place}")
    }
}
