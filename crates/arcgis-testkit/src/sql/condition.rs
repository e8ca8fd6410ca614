use std::cmp::Ordering;

use crate::value::Value;

/// A condition that has been checked against a layer's fields.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    Known(bool),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Operand, Comparison, Operand),
    In(Operand, Vec<Operand>),
    Between(Operand, Operand, Operand),
    Like(Operand, Vec<char>),
    IsNull(Operand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Field(usize),
    /// A field of ISO 8601 texts with offsets, compared by the moment that they name.
    Moment(usize),
    Constant(Value),
    Upper(Box<Operand>),
    Lower(Box<Operand>),
}

impl Condition {
    /// Whether the condition holds for the row: unknown counts as no.
    pub(crate) fn holds(&self, row: &[Value]) -> bool {
        self.judge(row) == Some(true)
    }

    /// Whether it holds for every row, without a look at any.
    pub(crate) fn is_always_true(&self) -> bool {
        matches!(self, Self::Known(true))
    }

    /// Whether it asks about this field.
    pub(crate) fn mentions(&self, field: usize) -> bool {
        match self {
            Self::Known(_) => false,
            Self::And(conditions) | Self::Or(conditions) => {
                conditions.iter().any(|condition| condition.mentions(field))
            }
            Self::Not(condition) => condition.mentions(field),
            Self::Compare(a, _, b) => a.mentions(field) || b.mentions(field),
            Self::In(operand, list) => {
                operand.mentions(field) || list.iter().any(|operand| operand.mentions(field))
            }
            Self::Between(a, b, c) => [a, b, c].iter().any(|operand| operand.mentions(field)),
            Self::Like(operand, _) | Self::IsNull(operand) => operand.mentions(field),
        }
    }

    /// SQL's three-valued logic: None is unknown.
    fn judge(&self, row: &[Value]) -> Option<bool> {
        match self {
            Self::Known(known) => Some(*known),
            Self::And(all) => {
                let mut known = Some(true);
                for condition in all {
                    match condition.judge(row) {
                        Some(false) => return Some(false),
                        None => known = None,
                        Some(true) => {}
                    }
                }
                known
            }
            Self::Or(any) => {
                let mut known = Some(false);
                for condition in any {
                    match condition.judge(row) {
                        Some(true) => return Some(true),
                        None => known = None,
                        Some(false) => {}
                    }
                }
                known
            }
            Self::Not(condition) => condition.judge(row).map(|holds| !holds),
            Self::Compare(left, comparison, right) => left
                .compare(right, row)
                .map(|order| comparison.accepts(order)),
            Self::In(operand, list) => {
                let mut known = Some(false);
                for candidate in list {
                    match operand.compare(candidate, row) {
                        Some(Ordering::Equal) => return Some(true),
                        None => known = None,
                        Some(_) => {}
                    }
                }
                known
            }
            Self::Between(operand, low, high) => {
                let above = operand.compare(low, row).map(Ordering::is_ge);
                let below = operand.compare(high, row).map(Ordering::is_le);
                match (above, below) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                }
            }
            Self::Like(operand, pattern) => match operand.value(row) {
                Value::Text(text) => Some(like(&text.chars().collect::<Vec<_>>(), pattern)),
                _ => None,
            },
            Self::IsNull(operand) => Some(operand.value(row).is_null()),
        }
    }
}

impl Comparison {
    /// The same comparison with its sides exchanged.
    pub(super) fn flipped(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }

    pub(super) fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Operand {
    fn mentions(&self, field: usize) -> bool {
        match self {
            Self::Field(at) | Self::Moment(at) => *at == field,
            Self::Constant(_) => false,
            Self::Upper(inner) | Self::Lower(inner) => inner.mentions(field),
        }
    }

    fn value(&self, row: &[Value]) -> Value {
        match self {
            Self::Field(at) => row.get(*at).cloned().unwrap_or(Value::Null),
            Self::Moment(at) => match row.get(*at) {
                Some(Value::Text(text)) => {
                    super::literal::timestamp(text).map_or(Value::Null, Value::Int)
                }
                _ => Value::Null,
            },
            Self::Constant(value) => value.clone(),
            Self::Upper(inner) => change_case(inner.value(row), |text| text.to_uppercase()),
            Self::Lower(inner) => change_case(inner.value(row), |text| text.to_lowercase()),
        }
    }

    fn compare(&self, other: &Self, row: &[Value]) -> Option<Ordering> {
        // Most conditions compare a field with a constant: those need no copies.
        if let (Self::Field(at), Self::Constant(constant)) = (self, other) {
            return compare(row.get(*at)?, constant);
        }
        compare(&self.value(row), &other.value(row))
    }
}

fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn change_case(value: Value, change: impl Fn(&str) -> String) -> Value {
    match value {
        Value::Text(text) => Value::Text(change(&text)),
        other => other,
    }
}

/// `%` stands for any run, `_` for one character. Linear in the product of both lengths, whatever the pattern.
fn like(text: &[char], pattern: &[char]) -> bool {
    let (mut at, mut want) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(want) {
            Some('%') => {
                want += 1;
                retry = Some((want, at));
            }
            Some(&expected) if expected == '_' || text.get(at) == Some(&expected) => {
                at += 1;
                want += 1;
            }
            _ => match retry {
                Some((after, from)) => {
                    want = after;
                    at = from + 1;
                    retry = Some((after, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern
        .get(want..)
        .unwrap_or_default()
        .iter()
        .all(|rest| *rest == '%')
}
