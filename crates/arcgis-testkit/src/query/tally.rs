use serde_json::Value as Json;

use crate::value::Value;

/// What is computed of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Count,
    Sum,
    Min,
    Max,
    Average,
    Deviation,
    Variance,
    /// The share of values below, interpolated between values (continuous) or one of them.
    Percentile {
        share: f64,
        continuous: bool,
    },
}

impl Kind {
    pub(super) fn parse(statistic: &Json, word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "count" => Self::Count,
            "sum" => Self::Sum,
            "min" => Self::Min,
            "max" => Self::Max,
            "avg" => Self::Average,
            "stddev" => Self::Deviation,
            "var" => Self::Variance,
            word @ ("percentile_cont" | "percentile_disc") => {
                let parameters = statistic.get("statisticParameters");
                let share = parameters.map_or(Some(0.5), |parameters| {
                    parameters.get("value").map_or(Some(0.5), Json::as_f64)
                });
                let descending = parameters
                    .and_then(|parameters| parameters.get("orderBy")?.as_str())
                    .is_some_and(|order| order.eq_ignore_ascii_case("desc"));
                let share = share.filter(|share| (0.0..=1.0).contains(share))?;
                Self::Percentile {
                    share: if descending { 1.0 - share } else { share },
                    continuous: word == "percentile_cont",
                }
            }
            _ => return None,
        })
    }

    pub(super) fn sql_name(self) -> &'static str {
        match self {
            Self::Count => "COUNT",
            Self::Sum => "SUM",
            Self::Min => "MIN",
            Self::Max => "MAX",
            Self::Average => "AVG",
            Self::Deviation => "STDDEV",
            Self::Variance => "VAR",
            Self::Percentile {
                continuous: true, ..
            } => "PERCENTILE_CONT",
            Self::Percentile { .. } => "PERCENTILE_DISC",
        }
    }
}

/// A statistic in the making: values are added one by one, and nulls count for nothing.
#[derive(Debug)]
pub(super) struct Tally {
    kind: Kind,
    count: u64,
    whole: Option<i64>,
    sum: f64,
    mean: f64,
    /// The sum of squared distances from the mean (Welford).
    spread: f64,
    extreme: Value,
    values: Vec<f64>,
}

impl Tally {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            count: 0,
            whole: Some(0),
            sum: 0.0,
            mean: 0.0,
            spread: 0.0,
            extreme: Value::Null,
            values: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, value: &Value) {
        if value.is_null() {
            return;
        }
        self.count += 1;
        match self.kind {
            Kind::Count => return,
            Kind::Min | Kind::Max => {
                let order = value.order(&self.extreme);
                let better = if self.kind == Kind::Min {
                    order.is_lt()
                } else {
                    order.is_gt()
                };
                if self.count == 1 || better {
                    self.extreme = value.clone();
                }
                return;
            }
            _ => {}
        }
        let Some(number) = value.as_f64() else { return };
        self.whole = self.whole.and_then(|sum| match value {
            Value::Int(number) => sum.checked_add(*number),
            _ => None,
        });
        self.sum += number;
        let distance = number - self.mean;
        self.mean += distance / self.count as f64;
        self.spread += distance * (number - self.mean);
        if matches!(self.kind, Kind::Percentile { .. }) {
            self.values.push(number);
        }
    }

    /// Of no values only the count is known; variance and deviation are those of a sample.
    pub(super) fn result(mut self) -> Value {
        let variance = self.spread / (self.count as f64 - 1.0);
        match self.kind {
            Kind::Count => Value::Int(i64::try_from(self.count).unwrap_or(i64::MAX)),
            _ if self.count == 0 => Value::Null,
            Kind::Sum => self.whole.map_or(Value::Double(self.sum), Value::Int),
            Kind::Min | Kind::Max => self.extreme,
            Kind::Average => Value::Double(self.sum / self.count as f64),
            Kind::Deviation | Kind::Variance if self.count < 2 => Value::Null,
            Kind::Deviation => Value::Double(variance.sqrt()),
            Kind::Variance => Value::Double(variance),
            Kind::Percentile { share, continuous } => {
                self.values.sort_by(f64::total_cmp);
                percentile(&self.values, share, continuous).map_or(Value::Null, Value::Double)
            }
        }
    }
}

/// As SQL defines `PERCENTILE_CONT` and `PERCENTILE_DISC` of sorted values.
fn percentile(values: &[f64], share: f64, continuous: bool) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    if !continuous {
        let rank = (share * values.len() as f64).ceil() as usize;
        return values.get(rank.saturating_sub(1)).copied();
    }
    let place = share * last as f64;
    let (below, above) = (
        values.get(place.floor() as usize)?,
        values.get(place.ceil() as usize)?,
    );
    Some(below + (above - below) * place.fract())
}
