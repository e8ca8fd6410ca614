//! Which column holds the geometry, and how it is written there.

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, Schema};
use serde_json::Value;

use crate::crs::Crs;
use crate::error::{Error, GeometryProblem};
use crate::native::NativeKind;
use crate::outline::Outline;
use crate::wkb;

/// Where Arrow keeps what a column is beyond its type.
const EXTENSION_NAME: &str = "ARROW:extension:name";
const EXTENSION_METADATA: &str = "ARROW:extension:metadata";

/// The column that holds the geometry.
#[derive(Debug, Clone, PartialEq)]
pub struct GeometryColumn {
    name: String,
    encoding: Encoding,
    crs: Crs,
    /// Columns that repeat what the geometry says, such as its bounding boxes.
    coverings: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Wkb,
    Native(NativeKind),
}

impl GeometryColumn {
    /// The first column whose Arrow extension says that it is geometry: `geoarrow.wkb`, `geoarrow.point` and so on.
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// use arcgis_preview::GeometryColumn;
    /// use arcgis_preview::arrow_schema::{DataType, Field, Schema};
    ///
    /// let extension = HashMap::from([
    ///     ("ARROW:extension:name".to_owned(), "geoarrow.wkb".to_owned()),
    ///     ("ARROW:extension:metadata".to_owned(), r#"{"crs": "EPSG:3857"}"#.to_owned()),
    /// ]);
    /// let schema = Schema::new(vec![
    ///     Field::new("name", DataType::Utf8, true),
    ///     Field::new("shape", DataType::Binary, true).with_metadata(extension),
    /// ]);
    /// let geometry = GeometryColumn::of_schema(&schema).unwrap();
    /// assert_eq!(geometry.name(), "shape");
    /// assert_eq!(geometry.crs().id(), Some("EPSG:3857"));
    /// ```
    #[must_use]
    pub fn of_schema(schema: &Schema) -> Option<Self> {
        schema
            .fields()
            .iter()
            .find_map(|field| Self::of_field(field))
    }

    fn of_field(field: &Field) -> Option<Self> {
        let extension = field.metadata().get(EXTENSION_NAME)?;
        let kind = extension
            .strip_prefix("geoarrow.")
            .or_else(|| (extension == "ogc.wkb").then_some("wkb"))?;
        let encoding = Encoding::of(kind, field.data_type())?;
        let metadata = field.metadata().get(EXTENSION_METADATA);
        let metadata: Option<Value> = metadata.and_then(|text| serde_json::from_str(text).ok());
        let crs = metadata.as_ref().and_then(|metadata| metadata.get("crs"));
        Some(Self {
            name: field.name().clone(),
            encoding,
            crs: crs.map_or_else(Crs::unknown, Crs::read),
            coverings: Vec::new(),
        })
    }

    /// The column that the footer `geo` of a GeoParquet file names as its primary one.
    pub(crate) fn of_footer(footer: &str, schema: &Schema) -> Result<Self, Error> {
        let wrong = |problem: &str| Error::Footer {
            problem: problem.to_owned(),
        };
        let footer: Value =
            serde_json::from_str(footer).map_err(|error| wrong(&format!("is no JSON: {error}")))?;
        let name = footer
            .get("primary_column")
            .and_then(Value::as_str)
            .ok_or_else(|| wrong("names no primary column"))?;
        let column = footer
            .get("columns")
            .and_then(|columns| columns.get(name))
            .ok_or_else(|| wrong("does not describe its primary column"))?;
        let field = schema
            .field_with_name(name)
            .map_err(|_| wrong("names a primary column that the file does not have"))?;
        let encoding = column
            .get("encoding")
            .and_then(Value::as_str)
            .ok_or_else(|| wrong("does not say how its primary column is encoded"))?;
        let encoding = Encoding::of(&encoding.to_ascii_lowercase(), field.data_type())
            .ok_or_else(|| wrong("describes another type than that of its primary column"))?;
        let crs = match column.get("crs") {
            // The standard's default.
            None => Crs::crs84(),
            Some(crs) => Crs::read(crs),
        };
        let bbox = column
            .get("covering")
            .and_then(|covering| covering.get("bbox"));
        let covering = bbox
            .and_then(|bbox| bbox.get("xmin")?.get(0)?.as_str())
            .map(str::to_owned);
        Ok(Self {
            name: name.to_owned(),
            encoding,
            crs,
            coverings: covering.into_iter().collect(),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its reference system.
    #[must_use]
    pub fn crs(&self) -> &Crs {
        &self.crs
    }

    /// Whether a column is geometry, or repeats what the geometry says.
    pub(crate) fn covers(&self, field: &Field) -> bool {
        *field.name() == self.name || self.coverings.contains(field.name())
    }

    /// Reads the geometry of a row; what was there goes. Whether there is one.
    pub(crate) fn read(
        &self,
        column: &ArrayRef,
        row: usize,
        outline: &mut Outline,
    ) -> Result<bool, GeometryProblem> {
        outline.clear();
        if column.is_null(row) {
            return Ok(false);
        }
        match self.encoding {
            Encoding::Native(kind) => kind.read(column, row, outline)?,
            Encoding::Wkb => {
                let bytes = bytes(column, row).ok_or(GeometryProblem::Column)?;
                wkb::read(bytes, outline)?;
            }
        }
        Ok(true)
    }
}

impl Encoding {
    fn of(name: &str, data_type: &DataType) -> Option<Self> {
        if name == "wkb" {
            let is_binary = matches!(
                data_type,
                DataType::Binary | DataType::LargeBinary | DataType::BinaryView
            );
            return is_binary.then_some(Self::Wkb);
        }
        let kind = NativeKind::from_name(name)?;
        kind.fits(data_type).then_some(Self::Native(kind))
    }
}

/// The bytes of a value, whichever way they are kept.
pub(crate) fn bytes(column: &ArrayRef, row: usize) -> Option<&[u8]> {
    match column.data_type() {
        DataType::Binary => Some(column.as_binary::<i32>().value(row)),
        DataType::LargeBinary => Some(column.as_binary::<i64>().value(row)),
        DataType::BinaryView => Some(column.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => Some(column.as_fixed_size_binary().value(row)),
        _ => None,
    }
}
