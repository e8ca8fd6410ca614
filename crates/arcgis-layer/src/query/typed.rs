//! Parameters that a caller writes as text although there is a method for them: they get its checks.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{Query, SqlFormat, unsupported};
use crate::error::QueryError;

impl Query {
    /// The same query with such parameters as what they mean.
    pub(super) fn typed(&self) -> Result<Cow<'_, Self>, QueryError> {
        if self.params.is_empty() {
            return Ok(Cow::Borrowed(self));
        }
        let mut query = self.clone();
        let mut others = Vec::new();
        for (name, value) in std::mem::take(&mut query.params) {
            if !query.take(&name, value.trim())? {
                others.push((name, value));
            }
        }
        query.params = others;
        Ok(Cow::Owned(query))
    }

    /// Whether the parameter is one of them. Empty values say nothing.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, QueryError> {
        let refused = |expected: &str| unsupported("param", format!("{name}: {expected}"));
        let json = || serde_json::from_str(value).ok();
        let beside = match name.to_ascii_lowercase().as_str() {
            "sqlformat" => {
                let format = match value.to_ascii_lowercase().as_str() {
                    "" | "none" => return Ok(true),
                    "standard" => SqlFormat::Standard,
                    "native" => SqlFormat::Native,
                    _ => return refused("it is none, standard or native"),
                };
                self.sql_format.replace(format).is_some()
            }
            _ if value.is_empty() => false,
            "historicmoment" => {
                let moment = value
                    .parse()
                    .ok()
                    .and_then(|number| Timestamp::from_millisecond(number).ok());
                let Some(moment) = moment else {
                    return refused("milliseconds since 1970 are needed");
                };
                self.historic_moment.replace(moment).is_some()
            }
            "gdbversion" => self.gdb_version.replace(value.to_owned()).is_some(),
            "fulltext" => match json() {
                Some(expressions) => self.full_text.replace(expressions).is_some(),
                None => return refused("it is no JSON"),
            },
            "parametervalues" => match json() {
                Some(values) => self.parameter_values.replace(values).is_some(),
                None => return refused("it is no JSON"),
            },
            "cachehint" => match value.to_ascii_lowercase().as_str() {
                "true" => std::mem::replace(&mut self.cache_hint, true),
                "false" => return Ok(true),
                _ => return refused("it is true or false"),
            },
            "datumtransformation" => self
                .datum_transformation
                .replace(value.to_owned())
                .is_some(),
            "geometryprecision" => match value.parse() {
                Ok(digits) => self.geometry_precision.replace(digits).is_some(),
                Err(_) => return refused("a number of digits is needed"),
            },
            "lod" => match value.parse() {
                Ok(level) => self.level_of_detail.replace(level).is_some(),
                Err(_) => return refused("a level is needed, a number from 1 to 12"),
            },
            "multipatchoption" if value.eq_ignore_ascii_case("xyFootprint") => {
                std::mem::replace(&mut self.multipatch_footprint, true)
            }
            "multipatchoption" => {
                return refused(
                    "footprints (xyFootprint) are what can be read; multipatches themselves cannot",
                );
            }
            _ => return Ok(false),
        };
        if beside {
            return refused("it is given twice, here and by its own option");
        }
        Ok(true)
    }
}
