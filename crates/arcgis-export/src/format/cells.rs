//! The values of a batch, one after the other, for formats that are written by rows.

#[cfg(feature = "geopackage")]
use std::collections::HashSet;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, TimestampMicrosecondType, TimestampMillisecondType,
};
use arrow_array::{
    Array, BinaryArray, FixedSizeBinaryArray, PrimitiveArray, RecordBatch, StringArray,
};
use arrow_schema::{ArrowError, DataType, Field, SchemaRef, TimeUnit};

use crate::schema::ExportSchema;

/// One value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    Integer(i64),
    Float(f32),
    Double(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Uuid(&'a [u8]),
    /// Days since 1970.
    Date(i32),
    /// Milliseconds since midnight.
    Time(i32),
    Moment {
        microseconds: i128,
        utc: bool,
    },
}

impl Cell<'_> {
    /// The number, if it is none that every format can hold.
    pub(crate) fn not_finite(self) -> Option<f64> {
        let number = match self {
            Self::Float(number) => f64::from(number),
            Self::Double(number) => number,
            _ => return None,
        };
        (!number.is_finite()).then_some(number)
    }
}

/// What a column holds, once for all rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellKind {
    Int16,
    Int32,
    Int64,
    Float,
    Double,
    Text,
    Bytes,
    Uuid,
    Date,
    Time,
    Moment { utc: bool },
}

/// The attributes of a schema, and where the geometry stands.
#[derive(Debug, Clone)]
pub(crate) struct Attributes {
    pub(crate) columns: Vec<Attribute>,
    pub(crate) geometry: Option<usize>,
    /// The place, among `columns`, of what identifies rows.
    pub(crate) object_id: Option<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) kind: CellKind,
    pub(crate) nullable: bool,
    pub(crate) alias: Option<String>,
    /// Most characters of a text, where the layer declares it.
    pub(crate) length: Option<u64>,
    place: usize,
}

impl Attributes {
    /// # Errors
    ///
    /// A type that has no values of this kind.
    pub(crate) fn of(schema: &ExportSchema) -> Result<Self, ArrowError> {
        let (geometry, covering) = (schema.geometry_name(), schema.covering_name());
        let mut columns = Vec::new();
        let mut at = None;
        for (place, field) in schema.file().fields().iter().enumerate() {
            let name = field.name().as_str();
            if Some(name) == geometry {
                at = Some(place);
            } else if Some(name) != covering {
                columns.push(Attribute::new(field, place)?);
            }
        }
        let object_id = columns
            .iter()
            .position(|column| !column.nullable && column.kind == CellKind::Int64);
        Ok(Self {
            columns,
            geometry: at,
            object_id,
        })
    }

    /// The same with names that differ in more than case, among themselves and from `others`: those that come later get a
    /// number.
    #[cfg(feature = "geopackage")]
    pub(crate) fn told_apart<'a>(mut self, others: impl Iterator<Item = &'a str>) -> Self {
        let mut taken: HashSet<String> = others.map(str::to_lowercase).collect();
        let mut twice = Vec::new();
        for (place, column) in self.columns.iter().enumerate() {
            if !taken.insert(column.name.to_lowercase()) {
                twice.push(place);
            }
        }
        // Behind all that keep their names.
        for place in twice {
            let Some(column) = self.columns.get_mut(place) else {
                continue;
            };
            let mut number = 0_usize;
            let mut name = column.name.clone();
            while !taken.insert(name.to_lowercase()) {
                number += 1;
                name = format!("{}_{number}", column.name);
            }
            column.name = name;
        }
        self
    }

    /// A name for one more column: this one, or with a number behind it. Case does not tell names apart.
    pub(crate) fn free_name(&self, wanted: &str) -> String {
        let taken = |name: &str| {
            let name = name.to_lowercase();
            let mut columns = self.columns.iter();
            columns.any(|column| column.name.to_lowercase() == name)
        };
        let mut name = wanted.to_owned();
        let mut number = 0_usize;
        while taken(&name) {
            number += 1;
            name = format!("{wanted}_{number}");
        }
        name
    }

    /// The values of a batch.
    pub(crate) fn cells<'a>(&self, batch: &'a RecordBatch) -> Result<Cells<'a>, ArrowError> {
        let columns = self.columns.iter();
        Ok(Cells {
            columns: columns
                .map(|column| {
                    let array = batch.columns().get(column.place);
                    let reader = array.and_then(|array| Reader::of(array.as_ref()));
                    reader.ok_or_else(|| other(batch.schema(), column.place))
                })
                .collect::<Result<_, _>>()?,
            geometry: match self.geometry {
                Some(place) => Some(
                    batch
                        .columns()
                        .get(place)
                        .and_then(|array| array.as_binary_opt())
                        .ok_or_else(|| other(batch.schema(), place))?,
                ),
                None => None,
            },
        })
    }
}

fn other(schema: SchemaRef, place: usize) -> ArrowError {
    let found = schema
        .fields()
        .get(place)
        .map_or("no column".to_owned(), |field| field.to_string());
    ArrowError::SchemaError(format!("a column is not of its type: {found}"))
}

impl Attribute {
    fn new(field: &Field, place: usize) -> Result<Self, ArrowError> {
        let kind = CellKind::of(field.data_type()).ok_or_else(|| {
            ArrowError::NotYetImplemented(format!("values of the type {}", field.data_type()))
        })?;
        let metadata = field.metadata();
        Ok(Self {
            name: field.name().clone(),
            kind,
            nullable: field.is_nullable(),
            alias: metadata.get("esri:alias").cloned(),
            length: metadata
                .get("esri:length")
                .and_then(|length| length.parse().ok())
                .filter(|length| *length > 0),
            place,
        })
    }
}

impl CellKind {
    fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Int16 => Self::Int16,
            DataType::Int32 => Self::Int32,
            DataType::Int64 => Self::Int64,
            DataType::Float32 => Self::Float,
            DataType::Float64 => Self::Double,
            DataType::Utf8 => Self::Text,
            DataType::Binary => Self::Bytes,
            DataType::FixedSizeBinary(16) => Self::Uuid,
            DataType::Date32 => Self::Date,
            DataType::Time32(TimeUnit::Millisecond) => Self::Time,
            DataType::Timestamp(TimeUnit::Millisecond | TimeUnit::Microsecond, zone) => {
                Self::Moment {
                    utc: zone.is_some(),
                }
            }
            DataType::Dictionary(key, value)
                if **value == DataType::Utf8
                    && matches!(**key, DataType::Int8 | DataType::Int16 | DataType::Int32) =>
            {
                Self::Text
            }
            _ => return None,
        })
    }
}

/// The values of one batch.
pub(crate) struct Cells<'a> {
    columns: Vec<Reader<'a>>,
    geometry: Option<&'a BinaryArray>,
}

impl<'a> Cells<'a> {
    /// The attributes of a row, in order.
    pub(crate) fn row(&self, row: usize) -> impl Iterator<Item = Cell<'a>> + '_ {
        self.columns.iter().map(move |column| column.cell(row))
    }

    pub(crate) fn cell(&self, column: usize, row: usize) -> Cell<'a> {
        self.columns
            .get(column)
            .map_or(Cell::Null, |column| column.cell(row))
    }

    /// The geometry of a row as WKB.
    pub(crate) fn geometry(&self, row: usize) -> Option<&'a [u8]> {
        let geometry = self.geometry?;
        (row < geometry.len() && geometry.is_valid(row)).then(|| geometry.value(row))
    }
}

enum Reader<'a> {
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    Float(&'a PrimitiveArray<Float32Type>),
    Double(&'a PrimitiveArray<Float64Type>),
    Text(&'a StringArray),
    Bytes(&'a BinaryArray),
    Uuid(&'a FixedSizeBinaryArray),
    Date(&'a PrimitiveArray<Date32Type>),
    Time(&'a PrimitiveArray<Time32MillisecondType>),
    Milliseconds(&'a PrimitiveArray<TimestampMillisecondType>, bool),
    Microseconds(&'a PrimitiveArray<TimestampMicrosecondType>, bool),
    Words(Vec<Option<usize>>, &'a StringArray),
}

impl<'a> Reader<'a> {
    fn of(array: &'a dyn Array) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Int16 => Self::Int16(array.as_primitive_opt()?),
            DataType::Int32 => Self::Int32(array.as_primitive_opt()?),
            DataType::Int64 => Self::Int64(array.as_primitive_opt()?),
            DataType::Float32 => Self::Float(array.as_primitive_opt()?),
            DataType::Float64 => Self::Double(array.as_primitive_opt()?),
            DataType::Utf8 => Self::Text(array.as_string_opt()?),
            DataType::Binary => Self::Bytes(array.as_binary_opt()?),
            DataType::FixedSizeBinary(16) => Self::Uuid(array.as_fixed_size_binary_opt()?),
            DataType::Date32 => Self::Date(array.as_primitive_opt()?),
            DataType::Time32(TimeUnit::Millisecond) => Self::Time(array.as_primitive_opt()?),
            DataType::Timestamp(TimeUnit::Millisecond, zone) => {
                Self::Milliseconds(array.as_primitive_opt()?, zone.is_some())
            }
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                Self::Microseconds(array.as_primitive_opt()?, zone.is_some())
            }
            DataType::Dictionary(key, _) => match **key {
                DataType::Int8 => words::<Int8Type>(array)?,
                DataType::Int16 => words::<Int16Type>(array)?,
                DataType::Int32 => words::<Int32Type>(array)?,
                _ => return None,
            },
            _ => return None,
        })
    }

    fn is_null(&self, row: usize) -> bool {
        let array: &dyn Array = match self {
            Self::Int16(array) => *array,
            Self::Int32(array) => *array,
            Self::Int64(array) => *array,
            Self::Float(array) => *array,
            Self::Double(array) => *array,
            Self::Text(array) => *array,
            Self::Bytes(array) => *array,
            Self::Uuid(array) => *array,
            Self::Date(array) => *array,
            Self::Time(array) => *array,
            Self::Milliseconds(array, _) => *array,
            Self::Microseconds(array, _) => *array,
            Self::Words(keys, _) => return !matches!(keys.get(row), Some(Some(_))),
        };
        row >= array.len() || array.is_null(row)
    }

    fn cell(&self, row: usize) -> Cell<'a> {
        if self.is_null(row) {
            return Cell::Null;
        }
        match self {
            Self::Int16(array) => Cell::Integer(array.value(row).into()),
            Self::Int32(array) => Cell::Integer(array.value(row).into()),
            Self::Int64(array) => Cell::Integer(array.value(row)),
            Self::Float(array) => Cell::Float(array.value(row)),
            Self::Double(array) => Cell::Double(array.value(row)),
            Self::Text(array) => Cell::Text(array.value(row)),
            Self::Bytes(array) => Cell::Bytes(array.value(row)),
            Self::Uuid(array) => Cell::Uuid(array.value(row)),
            Self::Date(array) => Cell::Date(array.value(row)),
            Self::Time(array) => Cell::Time(array.value(row)),
            Self::Milliseconds(array, utc) => Cell::Moment {
                microseconds: i128::from(array.value(row)) * 1_000,
                utc: *utc,
            },
            Self::Microseconds(array, utc) => Cell::Moment {
                microseconds: array.value(row).into(),
                utc: *utc,
            },
            Self::Words(keys, words) => match keys.get(row) {
                Some(Some(key)) if *key < words.len() && words.is_valid(*key) => {
                    Cell::Text(words.value(*key))
                }
                _ => Cell::Null,
            },
        }
    }
}

fn words<K: ArrowDictionaryKeyType>(array: &dyn Array) -> Option<Reader<'_>> {
    let dictionary = array.as_dictionary_opt::<K>()?;
    let keys = (0..dictionary.len())
        .map(|row| dictionary.key(row))
        .collect();
    Some(Reader::Words(keys, dictionary.values().as_string_opt()?))
}

/// The text of a UUID: `123e4567-e89b-12d3-a456-426614174000`.
pub(crate) fn uuid(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
