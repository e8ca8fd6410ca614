//! In which order rows stand in a file.

use std::fmt;
use std::str::FromStr;

/// In which order rows stand in a file.
///
/// ```
/// use arcgis_export::RowOrder;
///
/// assert_eq!("hilbert".parse(), Ok(RowOrder::default()));
/// assert_eq!(RowOrder::Id.to_string(), "id");
/// assert!("zip".parse::<RowOrder>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RowOrder {
    /// Along a Hilbert curve through the extent of all rows, by the centre of each row's bounding box: rows that
    /// are near each other stand near each other, so that readers of a part of the map skip most row groups.
    /// Rows of one place stand by their object id; rows without a place stand last. Where there is no geometry at
    /// all, as [`RowOrder::Id`]. The default.
    #[default]
    Hilbert,
    /// By object id, if the file has it; else as [`RowOrder::None`].
    Id,
    /// As pages come: mostly by object id, but in no order where rows are asked for by rectangles.
    None,
}

impl RowOrder {
    const ALL: [Self; 3] = [Self::Hilbert, Self::Id, Self::None];

    /// A short name: `hilbert`, `id` or `none`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hilbert => "hilbert",
            Self::Id => "id",
            Self::None => "none",
        }
    }
}

impl fmt::Display for RowOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RowOrder {
    type Err = ParseRowOrderError;

    fn from_str(text: &str) -> Result<Self, ParseRowOrderError> {
        Self::ALL
            .into_iter()
            .find(|order| order.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| ParseRowOrderError(text.to_owned()))
    }
}

/// A text that names no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no order: give hilbert, id or none")]
pub struct ParseRowOrderError(String);
