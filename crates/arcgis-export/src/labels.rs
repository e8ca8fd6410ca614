//! The labels of codes: of a field's domain, of the domains that the row's subtype has, of the subtypes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use arcgis_layer::{CodedValue, Domain, Field, Subtypes};
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use serde_json::Value;

use crate::column_options::DomainValues;
use crate::columns::ColumnKind;

/// What a label takes, about, in bytes.
const LENGTH: usize = 16;

/// The labels of one column.
#[derive(Debug)]
pub(crate) struct Labels {
    pub(crate) how: DomainValues,
    kind: ColumnKind,
    own: Option<Codes>,
    subtypes: Option<OfSubtypes>,
    /// Each label once, in the order of the domains.
    pub(crate) names: Vec<Arc<str>>,
}

/// The labels in the rows of each subtype.
#[derive(Debug)]
struct OfSubtypes {
    /// The place of the column with the subtypes' codes.
    column: usize,
    kind: ColumnKind,
    /// By the subtype's code. `None` for a domain without codes, whose values stand for themselves.
    codes: HashMap<Code<'static>, Option<Codes>>,
}

/// A code as its column holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Code<'a> {
    Whole(i64),
    /// The bits of a float.
    Float(u64),
    Text(Cow<'a, str>),
}

/// Places of labels by code.
#[derive(Debug, Default)]
struct Codes(HashMap<Code<'static>, usize>);

impl Labels {
    /// The labels of a field; `None` if its values are no codes.
    ///
    /// `column` finds the place of a column and what it holds by the field's name.
    pub(crate) fn of(
        how: DomainValues,
        field: &Field,
        kind: ColumnKind,
        subtypes: Option<&Subtypes>,
        column: impl Fn(&str) -> Option<(usize, ColumnKind)>,
    ) -> Option<Self> {
        if how == DomainValues::Code || !has_codes(kind) {
            return None;
        }
        let mut names = Names::default();
        let mut own = match &field.domain {
            Some(Domain::CodedValue { values, .. }) => Some(names.codes(kind, values)),
            _ => None,
        };
        let mut of_subtypes = None;
        if let Some(subtypes) = subtypes {
            if subtypes.field == field.name {
                let codes = own.get_or_insert_default();
                for subtype in &subtypes.types {
                    if let Some(code) = Code::of(kind, &subtype.code) {
                        codes.0.insert(code, names.place(&subtype.name));
                    }
                }
            } else if let Some((column, kind_of_subtypes)) = column(&subtypes.field) {
                let mut codes = HashMap::new();
                for subtype in &subtypes.types {
                    let domain = match subtype.domains.get(&field.name) {
                        None | Some(Domain::Inherited) => continue,
                        Some(Domain::CodedValue { values, .. }) => Some(names.codes(kind, values)),
                        Some(_) => None,
                    };
                    if let Some(code) = Code::of(kind_of_subtypes, &subtype.code) {
                        codes.insert(code, domain);
                    }
                }
                if codes.values().any(Option::is_some) || (own.is_some() && !codes.is_empty()) {
                    of_subtypes = Some(OfSubtypes {
                        column,
                        kind: kind_of_subtypes,
                        codes,
                    });
                }
            }
        }
        if own.is_none() && of_subtypes.is_none() {
            return None;
        }
        Some(Self {
            how,
            kind,
            own,
            subtypes: of_subtypes,
            names: names.all,
        })
    }

    /// The place of the column whose values say which domain holds, if there is one.
    pub(crate) fn subtype_column(&self) -> Option<usize> {
        Some(self.subtypes.as_ref()?.column)
    }

    /// The labels of codes; `unlisted` is told of rows with a code that no domain lists.
    pub(crate) fn of_rows(
        &self,
        codes: &dyn Array,
        subtypes: Option<&dyn Array>,
        mut unlisted: impl FnMut(usize),
    ) -> ArrayRef {
        let mut labels = StringBuilder::with_capacity(codes.len(), LENGTH * codes.len());
        for row in 0..codes.len() {
            let Some(code) = Code::at(self.kind, codes, row) else {
                labels.append_null();
                continue;
            };
            let of_subtype = self
                .subtypes
                .as_ref()
                .zip(subtypes)
                .and_then(|(own, column)| {
                    let subtype = Code::at(own.kind, column, row)?;
                    own.codes.get(&subtype)
                });
            let domain = match of_subtype {
                Some(domain) => domain.as_ref(),
                None => self.own.as_ref(),
            };
            let place = domain.map(|domain| domain.0.get(&code));
            match place.map(|place| place.and_then(|place| self.names.get(*place))) {
                Some(Some(label)) => labels.append_value(label),
                Some(None) => {
                    unlisted(row);
                    self.append_itself(&code, &mut labels);
                }
                // Without a domain of codes the value stands for itself.
                None => self.append_itself(&code, &mut labels),
            }
        }
        Arc::new(labels.finish())
    }

    /// What stands among labels for a value without one.
    fn append_itself(&self, code: &Code<'_>, labels: &mut StringBuilder) {
        if self.how == DomainValues::Both {
            // The code is beside it.
            labels.append_null();
            return;
        }
        // Writing to memory does not fail.
        let _ = match code {
            Code::Whole(number) => write!(labels, "{number}"),
            Code::Float(bits) if self.kind == ColumnKind::Float32 => {
                write!(labels, "{}", f64::from_bits(*bits) as f32)
            }
            Code::Float(bits) => write!(labels, "{}", f64::from_bits(*bits)),
            Code::Text(text) => labels.write_str(text),
        };
        labels.append_value("");
    }
}

/// Whether values of a column can be codes.
fn has_codes(kind: ColumnKind) -> bool {
    matches!(
        kind,
        ColumnKind::Int16
            | ColumnKind::Int32
            | ColumnKind::Int64
            | ColumnKind::Float32
            | ColumnKind::Float64
            | ColumnKind::Text
    )
}

/// Labels in the order in which they come, each once.
#[derive(Default)]
struct Names {
    all: Vec<Arc<str>>,
    places: HashMap<Arc<str>, usize>,
}

impl Names {
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let name: Arc<str> = Arc::from(name);
        self.all.push(Arc::clone(&name));
        self.places.insert(name, self.all.len() - 1);
        self.all.len() - 1
    }

    fn codes(&mut self, kind: ColumnKind, values: &[CodedValue]) -> Codes {
        let mut codes = Codes::default();
        for value in values {
            if let Some(code) = Code::of(kind, &value.code) {
                let place = self.place(&value.name);
                // Of a code that is listed twice the first name counts, as for the service.
                codes.0.entry(code).or_insert(place);
            }
        }
        codes
    }
}

impl Code<'static> {
    /// A code that metadata lists, as a column of a kind would hold it.
    fn of(kind: ColumnKind, code: &Value) -> Option<Self> {
        match kind {
            ColumnKind::Text => Some(Self::Text(Cow::Owned(match code {
                Value::String(text) => text.clone(),
                number => number.to_string(),
            }))),
            ColumnKind::Float32 | ColumnKind::Float64 => {
                let number = match code {
                    Value::String(text) => text.trim().parse().ok()?,
                    number => number.as_f64()?,
                };
                Some(Self::float(kind, number))
            }
            _ => {
                let whole = match code {
                    Value::String(text) => text.trim().parse().ok(),
                    number => number.as_i64().or_else(|| {
                        let number = number.as_f64()?;
                        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
                    }),
                };
                whole.map(Self::Whole)
            }
        }
    }
}

impl<'a> Code<'a> {
    fn float(kind: ColumnKind, number: f64) -> Self {
        let number = match kind {
            ColumnKind::Float32 => f64::from(number as f32),
            _ => number,
        };
        // The sum makes a negative zero positive.
        Self::Float((number + 0.0).to_bits())
    }

    /// The code in a row of a column; `None` for null.
    fn at(kind: ColumnKind, column: &'a dyn Array, row: usize) -> Option<Self> {
        if row >= column.len() || column.is_null(row) {
            return None;
        }
        Some(match kind {
            ColumnKind::Int16 => {
                Self::Whole(column.as_primitive_opt::<Int16Type>()?.value(row).into())
            }
            ColumnKind::Int32 => {
                Self::Whole(column.as_primitive_opt::<Int32Type>()?.value(row).into())
            }
            ColumnKind::Int64 => Self::Whole(column.as_primitive_opt::<Int64Type>()?.value(row)),
            ColumnKind::Float32 => {
                let number = column.as_primitive_opt::<Float32Type>()?.value(row);
                Self::float(kind, number.into())
            }
            ColumnKind::Float64 => {
                Self::float(kind, column.as_primitive_opt::<Float64Type>()?.value(row))
            }
            ColumnKind::Text => {
                Self::Text(Cow::Borrowed(column.as_string_opt::<i32>()?.value(row)))
            }
            _ => return None,
        })
    }
}
