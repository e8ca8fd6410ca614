//! Filters that the author of a map service has prepared.

use serde_json::{Value, json};

use super::{Query, unsupported};
use crate::address::ServiceKind;
use crate::error::QueryError;
use crate::metadata::LayerInfo;

/// A value of a range that a map service's author has named, or all between two.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeValue {
    name: String,
    from: f64,
    to: Option<f64>,
}

impl RangeValue {
    /// Rows of that value.
    #[must_use]
    pub fn at(name: impl Into<String>, value: f64) -> Self {
        Self {
            name: name.into(),
            from: value,
            to: None,
        }
    }

    /// Rows between two values, both included.
    #[must_use]
    pub fn between(name: impl Into<String>, from: f64, to: f64) -> Self {
        Self {
            name: name.into(),
            from,
            to: Some(to),
        }
    }

    fn to_json(&self) -> Result<Value, QueryError> {
        let ends = [self.from, self.to.unwrap_or(self.from)];
        if self.name.trim().is_empty() {
            return unsupported("range", "a range has a name");
        }
        if !ends.iter().all(|end| end.is_finite()) {
            return unsupported("range", "its ends must be numbers");
        }
        if ends[0] > ends[1] {
            return unsupported("range", "it ends before it begins");
        }
        Ok(match self.to {
            Some(to) => json!({"name": self.name, "value": [self.from, to]}),
            None => json!({"name": self.name, "value": self.from}),
        })
    }
}

impl Query {
    /// Only rows in a range that the author of a map service has set up for the layer (`rangeValues`); one after the other,
    /// for several ranges. Refused for feature services, which do not know it and would give all rows.
    pub fn with_range(mut self, range: RangeValue) -> Self {
        self.ranges.push(range);
        self
    }

    /// Values for the parameters of filters that the author of a map service has set up for the layer (`parameterValues`), as
    /// the JSON of that parameter. Refused for feature services likewise.
    pub fn with_parameter_values(mut self, values: Value) -> Self {
        self.parameter_values = Some(values);
        self
    }

    /// Their parameters.
    pub(super) fn prepared_filters(
        &self,
        info: &LayerInfo,
    ) -> Result<Vec<(&'static str, String)>, QueryError> {
        let given = [
            ("range", !self.ranges.is_empty()),
            ("parameter_values", self.parameter_values.is_some()),
        ];
        if info.service == Some(ServiceKind::FeatureServer) {
            if let Some((option, _)) = given.into_iter().find(|(_, given)| *given) {
                return unsupported(
                    option,
                    "feature services do not know it and would give all rows; it is for layers of map services",
                );
            }
        }
        let mut params = Vec::new();
        if !self.ranges.is_empty() {
            let ranges: Result<Vec<Value>, QueryError> =
                self.ranges.iter().map(RangeValue::to_json).collect();
            params.push(("rangeValues", Value::Array(ranges?).to_string()));
        }
        match &self.parameter_values {
            Some(values) if !(values.is_object() || values.is_array()) => {
                return unsupported(
                    "parameter_values",
                    "it is an object or a list with the names of parameters and their values",
                );
            }
            Some(values) => params.push(("parameterValues", values.to_string())),
            None => {}
        }
        Ok(params)
    }
}
