//! Conditions that are put together from parts, checked against a layer, and cannot be broken out of.

mod dates;
mod render;
mod zone;

use jiff::tz::TimeZone;

use crate::error::QueryError;
use crate::literal::Literal;
use crate::metadata::LayerInfo;

pub(crate) use dates::check_keywords;
pub(crate) use render::identifier;

/// A list is cut into parts of this many values: more in one `IN` are refused by Oracle.
const LONGEST_LIST: usize = 1000;

/// How a field is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A condition for `where`, out of SQL or out of fields and values.
///
/// What is built of fields and values is checked against the layer: names count whatever their case and are quoted
/// where they have to be, values have to suit the type of the field, and moments are written in the time zone that
/// the layer reads dates in. No value, whatever it is, can become part of the SQL around it.
///
/// SQL that comes as text is taken as it stands, but for quotes and parentheses, which have to be balanced.
///
/// ```
/// use arcgis_layer::{Condition, LayerInfo};
///
/// let info = LayerInfo::from_json(br#"{
///     "type": "Table", "fields": [
///         {"name": "OWNER", "type": "esriFieldTypeString"},
///         {"name": "DRILLED", "type": "esriFieldTypeDate"}
///     ],
///     "dateFieldsTimeReference": {"timeZoneIANA": "America/New_York", "respectsDaylightSaving": true}
/// }"#)?;
/// let since: jiff::Timestamp = "2024-07-01T12:00:00Z".parse().unwrap();
/// let condition = Condition::equal("owner", "O'Brien").or(Condition::at_least("drilled", since));
/// assert_eq!(
///     condition.to_sql(&info)?,
///     "(OWNER = 'O''Brien') OR (DRILLED >= TIMESTAMP '2024-07-01 08:00:00')"
/// );
/// assert!(Condition::equal("Ghost", 1).to_sql(&info).is_err());
/// # Ok::<(), arcgis_layer::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Sql(String),
    Compare(String, Comparison, Literal<'static>),
    Between(String, Literal<'static>, Literal<'static>),
    In(String, Vec<Literal<'static>>),
    Like(String, String),
    IsNull(String),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

impl Condition {
    /// SQL as it stands.
    #[must_use]
    pub fn sql(text: impl Into<String>) -> Self {
        Self(Node::Sql(text.into()))
    }

    /// A field compared with a value. With [`Literal::Null`] only equality makes sense: it becomes `IS NULL`.
    #[must_use]
    pub fn compare(
        field: impl Into<String>,
        comparison: Comparison,
        value: impl Into<Literal<'static>>,
    ) -> Self {
        Self(Node::Compare(field.into(), comparison, value.into()))
    }

    /// `field = value`
    #[must_use]
    pub fn equal(field: impl Into<String>, value: impl Into<Literal<'static>>) -> Self {
        Self::compare(field, Comparison::Equal, value)
    }

    /// `field < value`
    #[must_use]
    pub fn less(field: impl Into<String>, value: impl Into<Literal<'static>>) -> Self {
        Self::compare(field, Comparison::Less, value)
    }

    /// `field > value`
    #[must_use]
    pub fn greater(field: impl Into<String>, value: impl Into<Literal<'static>>) -> Self {
        Self::compare(field, Comparison::Greater, value)
    }

    /// `field >= value`
    #[must_use]
    pub fn at_least(field: impl Into<String>, value: impl Into<Literal<'static>>) -> Self {
        Self::compare(field, Comparison::GreaterOrEqual, value)
    }

    /// `field <= value`
    #[must_use]
    pub fn at_most(field: impl Into<String>, value: impl Into<Literal<'static>>) -> Self {
        Self::compare(field, Comparison::LessOrEqual, value)
    }

    /// From `first` to `last`, both included.
    #[must_use]
    pub fn between(
        field: impl Into<String>,
        first: impl Into<Literal<'static>>,
        last: impl Into<Literal<'static>>,
    ) -> Self {
        Self(Node::Between(field.into(), first.into(), last.into()))
    }

    /// One of the values; none of them fits no row. Long lists are cut into several of a thousand, and a
    /// [`Literal::Null`] among the values means the rows without a value.
    #[must_use]
    pub fn one_of<I>(field: impl Into<String>, values: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Literal<'static>>,
    {
        Self(Node::In(
            field.into(),
            values.into_iter().map(Into::into).collect(),
        ))
    }

    /// Text that begins so: `LIKE 'x%'`, in which `%` and `_` of the text stand for themselves.
    #[must_use]
    pub fn starts_with(field: impl Into<String>, text: &str) -> Self {
        Self(Node::Like(field.into(), format!("{}%", escaped(text))))
    }

    /// Text that ends so.
    #[must_use]
    pub fn ends_with(field: impl Into<String>, text: &str) -> Self {
        Self(Node::Like(field.into(), format!("%{}", escaped(text))))
    }

    /// Text that has this in it.
    #[must_use]
    pub fn contains(field: impl Into<String>, text: &str) -> Self {
        Self(Node::Like(field.into(), format!("%{}%", escaped(text))))
    }

    /// Rows without a value.
    #[must_use]
    pub fn is_null(field: impl Into<String>) -> Self {
        Self(Node::IsNull(field.into()))
    }

    /// All of the conditions; none at all fit every row.
    #[must_use]
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self(Node::All(conditions.into_iter().collect()))
    }

    /// Any of the conditions; none at all fit no row.
    #[must_use]
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self(Node::Any(conditions.into_iter().collect()))
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: impl Into<Self>) -> Self {
        Self::all([self, other.into()])
    }

    /// Either.
    #[must_use]
    pub fn or(self, other: impl Into<Self>) -> Self {
        Self::any([self, other.into()])
    }

    /// The rows for which it is false. Where it is neither true nor false, as with nulls, it stays so.
    #[must_use]
    pub fn negate(self) -> Self {
        Self(Node::Not(Box::new(self)))
    }

    /// The SQL, for this layer.
    ///
    /// # Errors
    ///
    /// [`QueryError::UnknownField`] for a field that the layer does not have, [`QueryError::Unsupported`] for a value that
    /// does not suit its field, a moment that the layer's time zone cannot express, and SQL whose quotes or
    /// parentheses are not balanced.
    pub fn to_sql(&self, info: &LayerInfo) -> Result<String, QueryError> {
        render::Renderer::new(info).condition(self)
    }
}

impl<T: Into<String>> From<T> for Condition {
    fn from(text: T) -> Self {
        Self::sql(text)
    }
}

/// The escape character in `LIKE`: it has no meaning in any database's texts, as the backslash has in some.
const ESCAPE: char = '!';

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | ESCAPE) {
            out.push(ESCAPE);
        }
        out.push(letter);
    }
    out
}

impl LayerInfo {
    /// The zone in which servers read the dates in a condition (`dateFieldsTimeReference`): UTC where the layer
    /// names none. `None` where it names one that is not known here.
    ///
    /// Layers that do not respect daylight saving keep to standard time all year round.
    #[must_use]
    pub fn time_zone(&self) -> Option<TimeZone> {
        zone::of(self)
    }

    /// Checks the date literals of a condition strictly: a field of a date type may be compared only with a literal
    /// of that type, with its keyword and all digits, such as `DATE '2018-06-05'`. What is inside other
    /// texts does not count, and values that are no literal pass.
    ///
    /// [`Query::resolve`](crate::Query::resolve) is not so strict: servers take bare texts as dates in ways of
    /// their own. It checks the literals that have a keyword.
    ///
    /// # Errors
    ///
    /// [`QueryError::Unsupported`], which says how the literal should be written.
    ///
    /// ```
    /// # use arcgis_layer::LayerInfo;
    /// let info = LayerInfo::from_json(br#"{"fields": [{"name": "D", "type": "esriFieldTypeDate"}]}"#)?;
    /// assert!(info.check_date_literals("D >= DATE '2018-06-05'").is_ok());
    /// assert!(info.check_date_literals("D >= '06/05/2018'").is_err());
    /// # Ok::<(), arcgis_layer::Error>(())
    /// ```
    pub fn check_date_literals(&self, condition: &str) -> Result<(), QueryError> {
        dates::check_strictly(self, condition)
    }
}
