//! Values that a format has no place for.

use std::collections::BTreeMap;

use crate::error::Error;

use super::FileFormat;

/// What is done about them: an error, or null and a count.
#[derive(Debug)]
pub(crate) struct Unfit {
    format: FileFormat,
    lenient: bool,
    counts: BTreeMap<String, u64>,
}

impl Unfit {
    pub(crate) fn new(format: FileFormat, lenient: bool) -> Self {
        Self {
            format,
            lenient,
            counts: BTreeMap::new(),
        }
    }

    /// A value that is to become null.
    pub(crate) fn null(&mut self, column: &str, value: f64) -> Result<(), Error> {
        if !self.lenient {
            return Err(Error::Unfit {
                format: self.format,
                column: column.to_owned(),
                value: value.to_string(),
            });
        }
        *self.counts.entry(column.to_owned()).or_default() += 1;
        Ok(())
    }

    /// How many became null, by column.
    pub(crate) fn counts(self) -> BTreeMap<String, u64> {
        self.counts
    }
}
