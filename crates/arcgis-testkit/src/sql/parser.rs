use super::SqlError;
use super::condition::{Comparison, Condition, Operand};
use super::literal;
use super::token::{Token, tokens};
use crate::field::{Field, FieldType};
use crate::value::Value;

/// Deeper nesting than this is refused: the parser and the evaluation recurse.
const DEEPEST: usize = 100;

const KEYWORDS: [&str; 13] = [
    "AND",
    "OR",
    "NOT",
    "IN",
    "BETWEEN",
    "LIKE",
    "IS",
    "NULL",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "UPPER",
    "LOWER",
];

/// Reads a `where` for a layer with these fields. Field names count without regard to case.
pub(crate) fn parse(sql: &str, fields: &[Field]) -> Result<Condition, SqlError> {
    read(sql, fields, false)
}

/// As [`parse`], where `SHAPE IS [NOT] NULL` asks for the value behind those of the fields.
pub(crate) fn parse_with_shape(sql: &str, fields: &[Field]) -> Result<Condition, SqlError> {
    read(sql, fields, true)
}

fn read(sql: &str, fields: &[Field], knows_shape: bool) -> Result<Condition, SqlError> {
    let mut parser = Parser {
        knows_shape,
        tokens: tokens(sql)?,
        at: 0,
        depth: 0,
        fields,
    };
    if parser.tokens.is_empty() {
        return Err(SqlError("the clause is empty".to_owned()));
    }
    let condition = parser.disjunction()?;
    match parser.tokens.get(parser.at) {
        None => Ok(simplified(condition)),
        Some(token) => Err(SqlError(format!("unexpected {}", shown(token)))),
    }
}

/// `1=1` needs no look at the rows.
fn simplified(condition: Condition) -> Condition {
    match &condition {
        Condition::Compare(Operand::Constant(_), _, Operand::Constant(_)) => {
            Condition::Known(condition.holds(&[]))
        }
        _ => condition,
    }
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    fields: &'a [Field],
    knows_shape: bool,
}

/// What an operand can be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Date,
    DateOnly,
    TimeOnly,
    Moment,
    Null,
}

struct Typed {
    operand: Operand,
    kind: Kind,
}

impl Parser<'_> {
    fn disjunction(&mut self) -> Result<Condition, SqlError> {
        let mut any = vec![self.conjunction()?];
        while self.take_word("OR") {
            any.push(self.conjunction()?);
        }
        Ok(if any.len() == 1 {
            any.remove(0)
        } else {
            Condition::Or(any)
        })
    }

    fn conjunction(&mut self) -> Result<Condition, SqlError> {
        let mut all = vec![self.negation()?];
        while self.take_word("AND") {
            all.push(self.negation()?);
        }
        Ok(if all.len() == 1 {
            all.remove(0)
        } else {
            Condition::And(all)
        })
    }

    fn negation(&mut self) -> Result<Condition, SqlError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(SqlError("the clause is nested too deeply".to_owned()));
        }
        let condition = if self.take_word("NOT") {
            Condition::Not(Box::new(self.negation()?))
        } else if self.opens_a_condition() {
            self.take_symbol("(");
            let inner = self.disjunction()?;
            self.expect_symbol(")")?;
            inner
        } else {
            self.predicate()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    /// Whether the parenthesis here holds a condition rather than one side of a comparison: then no operator follows it.
    fn opens_a_condition(&self) -> bool {
        if self.tokens.get(self.at) != Some(&Token::Symbol("(")) {
            return false;
        }
        let mut depth = 0_usize;
        for (ahead, token) in self.tokens.iter().enumerate().skip(self.at) {
            match token {
                Token::Symbol("(") => depth += 1,
                Token::Symbol(")") => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return match self.tokens.get(ahead + 1) {
                    None | Some(Token::Symbol(")")) => true,
                    Some(Token::Word(word)) => ["AND", "OR"]
                        .iter()
                        .any(|keyword| word.eq_ignore_ascii_case(keyword)),
                    Some(_) => false,
                };
            }
        }
        true
    }

    fn predicate(&mut self) -> Result<Condition, SqlError> {
        let left = self.operand()?;
        if self.take_word("IS") {
            let negated = self.take_word("NOT");
            if !self.take_word("NULL") {
                return Err(self.unexpected());
            }
            return Ok(negate_if(negated, Condition::IsNull(left.operand)));
        }
        let negated = self.take_word("NOT");
        if self.take_word("IN") {
            self.expect_symbol("(")?;
            let mut list = Vec::new();
            loop {
                let candidate = self.operand()?;
                list.push(comparable(&left, candidate)?);
                if !self.take_symbol(",") {
                    break;
                }
            }
            self.expect_symbol(")")?;
            return Ok(negate_if(
                negated,
                Condition::In(self.moment_if_needed(left), list),
            ));
        }
        if self.take_word("BETWEEN") {
            let low = self.operand()?;
            let low = comparable(&left, low)?;
            if !self.take_word("AND") {
                return Err(self.unexpected());
            }
            let high = self.operand()?;
            let high = comparable(&left, high)?;
            return Ok(negate_if(
                negated,
                Condition::Between(self.moment_if_needed(left), low, high),
            ));
        }
        if self.take_word("LIKE") {
            if left.kind != Kind::Text {
                return Err(SqlError("LIKE needs a text field".to_owned()));
            }
            let Some(Token::Text(pattern)) = self.next() else {
                return Err(self.unexpected());
            };
            return Ok(negate_if(
                negated,
                Condition::Like(left.operand, pattern.chars().collect()),
            ));
        }
        if negated {
            return Err(self.unexpected());
        }
        let comparison = match self.next() {
            Some(Token::Symbol("=")) => Comparison::Equal,
            Some(Token::Symbol("<>" | "!=")) => Comparison::NotEqual,
            Some(Token::Symbol("<")) => Comparison::Less,
            Some(Token::Symbol("<=")) => Comparison::LessOrEqual,
            Some(Token::Symbol(">")) => Comparison::Greater,
            Some(Token::Symbol(">=")) => Comparison::GreaterOrEqual,
            Some(_) => {
                self.at -= 1;
                return Err(self.unexpected());
            }
            None => return Err(self.unexpected()),
        };
        let right = self.operand()?;
        // A constant may stand on the left: then the field's type decides about it.
        if matches!(left.operand, Operand::Constant(_)) {
            let left = comparable(&right, left)?;
            return Ok(Condition::Compare(
                left,
                comparison,
                self.moment_if_needed(right),
            ));
        }
        let right = comparable(&left, right)?;
        Ok(Condition::Compare(
            self.moment_if_needed(left),
            comparison,
            right,
        ))
    }

    fn operand(&mut self) -> Result<Typed, SqlError> {
        let constant = |value, kind| {
            Ok(Typed {
                operand: Operand::Constant(value),
                kind,
            })
        };
        match self.next() {
            Some(Token::Int(value)) => constant(Value::Int(value), Kind::Number),
            Some(Token::Number(value)) => constant(Value::Double(value), Kind::Number),
            Some(Token::Text(text)) => constant(Value::Text(text), Kind::Text),
            Some(Token::Symbol("-")) => match self.next() {
                Some(Token::Int(value)) => constant(Value::Int(-value), Kind::Number),
                // The one whole number whose magnitude has no room in 64 signed bits.
                Some(Token::Number(9_223_372_036_854_775_808.0)) => {
                    constant(Value::Int(i64::MIN), Kind::Number)
                }
                Some(Token::Number(value)) => constant(Value::Double(-value), Kind::Number),
                _ => Err(self.unexpected()),
            },
            Some(Token::Symbol("(")) => {
                self.depth += 1;
                if self.depth > DEEPEST {
                    return Err(SqlError("the clause is nested too deeply".to_owned()));
                }
                let inner = self.operand()?;
                self.depth -= 1;
                self.expect_symbol(")")?;
                Ok(inner)
            }
            Some(Token::Word(word)) => self.word(&word),
            Some(Token::Symbol(_)) => {
                self.at -= 1;
                Err(self.unexpected())
            }
            None => Err(self.unexpected()),
        }
    }

    fn word(&mut self, word: &str) -> Result<Typed, SqlError> {
        let keyword = word.to_ascii_uppercase();
        let text_follows = match self.tokens.get(self.at) {
            Some(Token::Text(text)) => Some(text.clone()),
            _ => None,
        };
        match (keyword.as_str(), text_follows) {
            ("NULL", None) => {
                return Ok(Typed {
                    operand: Operand::Constant(Value::Null),
                    kind: Kind::Null,
                });
            }
            ("DATE" | "TIMESTAMP", Some(text)) => {
                self.at += 1;
                let millis =
                    literal::timestamp(&text).ok_or_else(|| literal::bad(&keyword, &text))?;
                return Ok(Typed {
                    operand: Operand::Constant(Value::Int(millis)),
                    kind: Kind::Date,
                });
            }
            ("TIME", Some(text)) => {
                self.at += 1;
                literal::time(&text).ok_or_else(|| literal::bad(&keyword, &text))?;
                return Ok(Typed {
                    operand: Operand::Constant(Value::Text(text)),
                    kind: Kind::TimeOnly,
                });
            }
            ("UPPER" | "LOWER", None) if self.take_symbol("(") => {
                let inner = self.operand()?;
                self.expect_symbol(")")?;
                if inner.kind != Kind::Text {
                    return Err(SqlError(format!("{keyword} needs text")));
                }
                let operand = Box::new(inner.operand);
                let operand = if keyword == "UPPER" {
                    Operand::Upper(operand)
                } else {
                    Operand::Lower(operand)
                };
                return Ok(Typed {
                    operand,
                    kind: Kind::Text,
                });
            }
            _ => {}
        }
        if self.knows_shape && self.is_shape(word) && self.sees_word("IS") {
            return Ok(Typed {
                operand: Operand::Field(self.fields.len()),
                kind: Kind::Null,
            });
        }
        let Some((at, field)) = self
            .fields
            .iter()
            .enumerate()
            .find(|(_, field)| field.name().eq_ignore_ascii_case(word))
        else {
            let known = KEYWORDS.contains(&keyword.as_str());
            return Err(SqlError(if known {
                format!("unexpected {keyword}")
            } else {
                format!("Invalid field: {word}")
            }));
        };
        let kind = match field.kind() {
            kind if kind.is_numeric() => Kind::Number,
            FieldType::Date => Kind::Date,
            FieldType::DateOnly => Kind::DateOnly,
            FieldType::TimeOnly => Kind::TimeOnly,
            FieldType::TimestampOffset => Kind::Moment,
            _ => Kind::Text,
        };
        Ok(Typed {
            operand: Operand::Field(at),
            kind,
        })
    }

    fn moment_if_needed(&self, typed: Typed) -> Operand {
        match typed.operand {
            Operand::Field(at) if typed.kind == Kind::Moment => Operand::Moment(at),
            operand => operand,
        }
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += usize::from(token.is_some());
        token
    }

    /// Whether the word names the geometry: by its field, or as `SHAPE`.
    fn is_shape(&self, word: &str) -> bool {
        let mut fields = self
            .fields
            .iter()
            .filter(|field| field.name().eq_ignore_ascii_case(word));
        match fields.next() {
            Some(field) => field.kind() == FieldType::Geometry,
            None => word.eq_ignore_ascii_case("SHAPE"),
        }
    }

    fn sees_word(&self, keyword: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    fn take_word(&mut self, keyword: &str) -> bool {
        let here = self.sees_word(keyword);
        self.at += usize::from(here);
        here
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let here =
            matches!(self.tokens.get(self.at), Some(Token::Symbol(found)) if *found == symbol);
        self.at += usize::from(here);
        here
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<(), SqlError> {
        if self.take_symbol(symbol) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn unexpected(&self) -> SqlError {
        SqlError(self.tokens.get(self.at).map_or_else(
            || "the clause ends too early".to_owned(),
            |token| format!("unexpected {}", shown(token)),
        ))
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(word) => word.clone(),
        Token::Int(value) => value.to_string(),
        Token::Number(value) => value.to_string(),
        Token::Text(text) => format!("'{text}'"),
        Token::Symbol(symbol) => (*symbol).to_owned(),
    }
}

fn negate_if(negated: bool, condition: Condition) -> Condition {
    if negated {
        Condition::Not(Box::new(condition))
    } else {
        condition
    }
}

/// Makes `right` comparable with `left`, or says why it is not.
fn comparable(left: &Typed, right: Typed) -> Result<Operand, SqlError> {
    let constant_text = match &right.operand {
        Operand::Constant(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    match (left.kind, right.kind, constant_text) {
        (_, Kind::Null, _) | (Kind::Null, _, _) => Ok(right.operand),
        (Kind::Date | Kind::Moment, Kind::Text, Some(text)) => {
            let millis = literal::timestamp(&text).ok_or_else(|| literal::bad("date", &text))?;
            Ok(Operand::Constant(Value::Int(millis)))
        }
        // Days are held as text that sorts as the days do; the literal's time of day does not count.
        (Kind::DateOnly, Kind::Date, _) => match right.operand {
            Operand::Constant(Value::Int(millis)) => {
                Ok(Operand::Constant(Value::Text(day_text(millis))))
            }
            operand => Ok(operand),
        },
        (Kind::DateOnly | Kind::TimeOnly, Kind::Text, Some(_)) => Ok(right.operand),
        (Kind::Moment, Kind::Date, _) => Ok(right.operand),
        (Kind::Moment, Kind::Moment, _) => match right.operand {
            Operand::Field(at) => Ok(Operand::Moment(at)),
            operand => Ok(operand),
        },
        (a, b, _) if a == b => Ok(right.operand),
        (a, b, _) => Err(SqlError(format!("{a:?} cannot be compared with {b:?}"))),
    }
}

/// `YYYY-MM-DD` of a moment, by the inverse of [`literal::date`].
pub(super) fn day_text(millis: i64) -> String {
    let days = millis.div_euclid(86_400_000) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
