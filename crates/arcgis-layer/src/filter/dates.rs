//! Date literals in conditions that come as SQL.

use jiff::civil::{Date, Time};

use crate::error::QueryError;
use crate::field::FieldType;
use crate::metadata::LayerInfo;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// A name or keyword; a quoted name without its quotes.
    Word(&'a str),
    /// A text literal, between its quotes.
    Text(&'a str),
    /// Anything else: operators, parentheses, numbers.
    Other(&'a str),
}

/// The parts of a condition. Quotes are taken to be balanced.
fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => {
                let inner = rest.get(1..).unwrap_or_default();
                let mut end = inner.len();
                let mut at = 0;
                while let Some(quote) = inner.get(at..).and_then(|tail| tail.find(first)) {
                    let quote = at + quote;
                    if inner
                        .get(quote + 1..)
                        .is_some_and(|tail| tail.starts_with(first))
                    {
                        at = quote + 2;
                    } else {
                        end = quote;
                        break;
                    }
                }
                let text = inner.get(..end).unwrap_or_default();
                tokens.push(if first == '\'' {
                    Token::Text(text)
                } else {
                    Token::Word(text)
                });
                (end + 2).min(rest.len())
            }
            letter if letter.is_whitespace() => letter.len_utf8(),
            letter if letter.is_alphabetic() || letter == '_' => {
                let end = rest
                    .find(|letter: char| {
                        !(letter.is_alphanumeric() || matches!(letter, '_' | '.' | '$' | '#'))
                    })
                    .unwrap_or(rest.len());
                tokens.push(Token::Word(rest.get(..end).unwrap_or_default()));
                end
            }
            '<' | '>' | '=' | '!' => {
                let end = rest
                    .find(|letter| !matches!(letter, '<' | '>' | '=' | '!'))
                    .unwrap_or(rest.len());
                tokens.push(Token::Other(rest.get(..end).unwrap_or_default()));
                end
            }
            other => {
                let end = other.len_utf8();
                tokens.push(Token::Other(rest.get(..end).unwrap_or_default()));
                end
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    tokens
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keyword {
    Date,
    Timestamp,
    Time,
}

impl Keyword {
    fn parse(word: &str) -> Option<Self> {
        [Self::Date, Self::Timestamp, Self::Time]
            .into_iter()
            .find(|keyword| keyword.name().eq_ignore_ascii_case(word))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Date => "DATE",
            Self::Timestamp => "TIMESTAMP",
            Self::Time => "TIME",
        }
    }
}

fn date(text: &str) -> bool {
    // All digits, and a day that there is.
    text.len() == 10 && text.parse::<Date>().is_ok()
}

fn time(text: &str) -> bool {
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    whole.len() == 8
        && whole.parse::<Time>().is_ok()
        && !whole.ends_with(":60")
        && fraction.is_none_or(|digits| {
            (1..=9).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
        })
}

fn offset(text: &str) -> bool {
    let Some(digits) = text.strip_prefix(['+', '-']) else {
        return false;
    };
    digits.split_once(':').is_some_and(|(hours, minutes)| {
        let number = |part: &str, most: u8| {
            part.len() == 2 && part.parse::<u8>().is_ok_and(|number| number <= most)
        };
        number(hours, 14) && number(minutes, 59)
    })
}

/// Whether a text is what belongs behind the keyword; with or without an offset, where that is not decided.
fn suits(keyword: Keyword, text: &str, with_offset: Option<bool>) -> bool {
    match keyword {
        Keyword::Date => date(text),
        Keyword::Time => time(text),
        Keyword::Timestamp => {
            let parts: Vec<&str> = text.split(' ').collect();
            match parts.as_slice() {
                [day, at] => with_offset != Some(true) && date(day) && time(at),
                [day, at, zone] => {
                    with_offset != Some(false) && date(day) && time(at) && offset(zone)
                }
                _ => false,
            }
        }
    }
}

fn form(keyword: Keyword, with_offset: bool) -> &'static str {
    match keyword {
        Keyword::Date => "DATE '2018-06-05'",
        Keyword::Time => "TIME '14:35:00'",
        Keyword::Timestamp if with_offset => "TIMESTAMP '2018-06-05 14:35:00 -08:00'",
        Keyword::Timestamp => "TIMESTAMP '2018-06-05 14:35:00'",
    }
}

fn wrong<T>(literal: &str, wanted: &str) -> Result<T, QueryError> {
    let literal: String = literal.chars().take(60).collect();
    Err(QueryError::Unsupported {
        option: "where",
        problem: format!("{literal} is no date as services read it; write it like {wanted}"),
    })
}

/// Checks the literals that have a keyword.
pub(crate) fn check_keywords(sql: &str) -> Result<(), QueryError> {
    for pair in tokens(sql).windows(2) {
        if let [Token::Word(word), Token::Text(text)] = *pair {
            if let Some(keyword) = Keyword::parse(word) {
                if !suits(keyword, text, None) {
                    return wrong(&format!("{word} '{text}'"), form(keyword, false));
                }
            }
        }
    }
    Ok(())
}

/// Checks what each field of a date type is compared with.
pub(super) fn check_strictly(info: &LayerInfo, sql: &str) -> Result<(), QueryError> {
    let tokens = tokens(sql);
    let mut at = 0;
    while let Some(&token) = tokens.get(at) {
        at += 1;
        let Token::Word(name) = token else { continue };
        let Some(field) = info.field(name) else {
            continue;
        };
        let allowed: &[Keyword] = match field.field_type {
            FieldType::Date => &[Keyword::Date, Keyword::Timestamp],
            FieldType::DateOnly => &[Keyword::Date],
            FieldType::TimeOnly => &[Keyword::Time],
            FieldType::TimestampOffset => &[Keyword::Timestamp],
            _ => continue,
        };
        let with_offset = field.field_type == FieldType::TimestampOffset;
        let word_at = |at: usize, wanted: &str| matches!(tokens.get(at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        if word_at(at, "NOT") {
            at += 1;
        }
        // How many values follow, and where they begin.
        let list = match tokens.get(at) {
            Some(Token::Other("=" | "<>" | "!=" | "<" | "<=" | ">" | ">=")) => {
                at += 1;
                false
            }
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("BETWEEN") => {
                at += 1;
                false
            }
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("IN") => {
                at += 2;
                true
            }
            _ => continue,
        };
        let mut more = true;
        while more {
            at = value(&tokens, at, allowed, with_offset)?;
            let between = !list && word_at(at, "AND") && is_value(&tokens, at + 1);
            let comma = list && tokens.get(at) == Some(&Token::Other(","));
            more = between || comma;
            at += usize::from(more);
        }
    }
    Ok(())
}

/// Whether a literal stands there, so that an `AND` before it is that of `BETWEEN`.
fn is_value(tokens: &[Token<'_>], at: usize) -> bool {
    match (tokens.get(at), tokens.get(at + 1)) {
        (Some(Token::Text(_)), _) => true,
        (Some(Token::Word(word)), Some(Token::Text(_))) => Keyword::parse(word).is_some(),
        _ => false,
    }
}

/// Checks one value; gives the place behind it.
fn value(
    tokens: &[Token<'_>],
    at: usize,
    allowed: &[Keyword],
    with_offset: bool,
) -> Result<usize, QueryError> {
    let wanted = || {
        let forms: Vec<&str> = allowed
            .iter()
            .map(|&keyword| form(keyword, with_offset))
            .collect();
        forms.join(" or ")
    };
    match (tokens.get(at), tokens.get(at + 1)) {
        (Some(Token::Text(text)), _) => wrong(&format!("'{text}'"), &wanted()),
        (Some(Token::Word(word)), Some(Token::Text(text))) => match Keyword::parse(word) {
            Some(keyword)
                if !allowed.contains(&keyword) || !suits(keyword, text, Some(with_offset)) =>
            {
                wrong(&format!("{word} '{text}'"), &wanted())
            }
            _ => Ok(at + 2),
        },
        // A function, a field, a sum: the server knows better.
        _ => Ok(at + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> LayerInfo {
        LayerInfo::from_json(
            br#"{"fields": [
                {"name": "D", "type": "esriFieldTypeDate"}, {"name": "DO", "type": "esriFieldTypeDateOnly"},
                {"name": "T", "type": "esriFieldTypeTimeOnly"}, {"name": "TZ", "type": "esriFieldTypeTimestampOffset"},
                {"name": "note", "type": "esriFieldTypeString"}]}"#,
        )
        .unwrap()
    }

    #[test]
    fn t89_literals_are_checked_field_by_field() {
        let info = info();
        for good in [
            "D = DATE '2018-06-05'",
            "D >= TIMESTAMP '2018-06-05 14:35:00'",
            "d < date '2018-06-05'",
            "D = DATE'2018-06-05'",
            "D = TIMESTAMP '2018-06-05 14:35:00.250'",
            "DO = DATE '2018-06-05'",
            "T <> TIME '14:35:00'",
            "TZ = TIMESTAMP '2018-06-05 14:35:00 -08:00'",
            "TZ = TIMESTAMP '2018-06-05 14:35:00 +05:30'",
            "D BETWEEN DATE '2018-06-05' AND DATE '2018-06-06' AND note = 'x'",
            "D NOT IN (DATE '2018-06-05', TIMESTAMP '2018-06-05 00:00:00')",
            "note = 'd = ''x'''",
            "note = 'D = ''06/05/2018'''",
            "D > CURRENT_TIMESTAMP - INTERVAL '1' DAY",
            "D IS NULL AND note = '06/05/2018'",
            "note = '06/05/2018' AND D > DATE '2018-06-05'",
        ] {
            info.check_date_literals(good).unwrap();
        }
        for bad in [
            "D = '2018-06-05'",
            "D = '06/05/2018'",
            "d = '2018-06-05'",
            "D = DATE '06/05/2018'",
            "D = DATE '2018-6-5'",
            "D = DATE '2018-06-05 14:35:00'",
            "D = TIMESTAMP '2018-06-05'",
            "D = TIMESTAMP '2018-06-05 14:35:00 -08:00'",
            "D = TIME '14:35:00'",
            "DO = TIMESTAMP '2018-06-05 14:35:00'",
            "T = TIME '2:35 PM'",
            "T = TIME '25:00:00'",
            "T = TIME '10:61:00'",
            "TZ = TIMESTAMP '2018-06-05 14:35:00'",
            "D = DATE '2020-13-01'",
            "D = DATE '2020-01-32'",
            "D = DATE '2021-02-29'",
            "D BETWEEN DATE '2018-06-05' AND '2018-06-06'",
            "D NOT BETWEEN '2018-06-05' AND DATE '2018-06-06'",
            "D IN (DATE '2018-06-05', '2018-06-06')",
            "note = 'x' OR D NOT IN ('2018-06-06')",
        ] {
            assert!(info.check_date_literals(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn t89_keywords_alone_are_checked_without_fields() {
        for good in [
            "D = '06/05/2018'",
            "X = DATE '2018-06-05'",
            "X = TIMESTAMP '2018-06-05 14:35:00 -08:00'",
            "note = 'DATE ''2018-6-5'''",
        ] {
            check_keywords(good).unwrap();
        }
        for bad in [
            "X = DATE '2018-6-5'",
            "X = timestamp '2018-06-05'",
            "X = TIME '2:35 PM'",
        ] {
            let error = check_keywords(bad).unwrap_err().to_string();
            assert!(error.contains("write it like"), "{error}");
        }
    }
}
