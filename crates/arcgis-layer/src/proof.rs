//! What is known about an export's completeness.

use std::fmt;

/// Rows that should be there and are not, or that came more than once.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Incomplete {
    /// How many rows the layer had for this query.
    pub expected: u64,
    /// How many different rows came.
    pub received: u64,
    /// Ids that were there at the start and at the end and did not come.
    pub missing: crate::ids::IdSet,
    /// Ids that came more than once.
    pub doubled: crate::ids::IdSet,
    /// What was seen, where there are no ids to name.
    pub detail: Option<String>,
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} rows arrived", self.received, self.expected)?;
        for (what, ids) in [("missing", &self.missing), ("doubled", &self.doubled)] {
            if !ids.is_empty() {
                write!(f, "; {what}: object ids {}", Some10(ids))?;
            }
        }
        if let Some(detail) = &self.detail {
            write!(f, "; {detail}")?;
        }
        Ok(())
    }
}

struct Some10<'a>(&'a crate::ids::IdSet);

impl fmt::Display for Some10<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, id) in self.0.iter().take(10).enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{id}")?;
        }
        if self.0.len() > 10 {
            write!(f, " and {} more", self.0.len() - 10)?;
        }
        Ok(())
    }
}
