//! Rows by when they are.

use jiff::Timestamp;

use crate::error::QueryError;
use crate::metadata::LayerInfo;

pub(super) const TIMELESS: &str = "the layer says of no field that it is its time, so that servers would ignore it; use a condition on a date field";

/// A moment, or a span of time that may be open at an end.
///
/// ```
/// use arcgis_layer::TimeFilter;
///
/// let start: jiff::Timestamp = "2024-01-01T00:00:00Z".parse()?;
/// assert_eq!(TimeFilter::at(start).to_string(), "1704067200000");
/// assert_eq!(TimeFilter::since(start).to_string(), "1704067200000,null");
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeFilter {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    instant: bool,
}

impl TimeFilter {
    /// Rows of one moment.
    #[must_use]
    pub fn at(moment: Timestamp) -> Self {
        Self {
            from: Some(moment),
            to: Some(moment),
            instant: true,
        }
    }

    /// Rows from one moment to another.
    #[must_use]
    pub fn between(from: Timestamp, to: Timestamp) -> Self {
        Self {
            from: Some(from),
            to: Some(to),
            instant: false,
        }
    }

    /// Rows of that moment and later.
    #[must_use]
    pub fn since(from: Timestamp) -> Self {
        Self {
            from: Some(from),
            to: None,
            instant: false,
        }
    }

    /// Rows of that moment and earlier.
    #[must_use]
    pub fn until(to: Timestamp) -> Self {
        Self {
            from: None,
            to: Some(to),
            instant: false,
        }
    }

    pub(super) fn check(self, info: &LayerInfo) -> Result<(), QueryError> {
        let problem = if info.time_info.is_none() {
            TIMELESS
        } else if matches!((self.from, self.to), (Some(from), Some(to)) if from > to) {
            "it ends before it begins"
        } else {
            return Ok(());
        };
        super::unsupported("time", problem)
    }
}

impl std::fmt::Display for TimeFilter {
    /// The value of the parameter `time`: milliseconds since 1970 UTC.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bound = |moment: Option<Timestamp>| {
            moment.map_or_else(
                || "null".to_owned(),
                |moment| moment.as_millisecond().to_string(),
            )
        };
        if self.instant {
            return f.write_str(&bound(self.from));
        }
        write!(f, "{},{}", bound(self.from), bound(self.to))
    }
}
