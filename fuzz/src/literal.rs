//! Conditions, against a reader of SQL.
//!
//! A case makes up a condition out of fields, comparisons and values. What it is written as is cut into words again,
//! as SQL has them, and has to be just the words that were meant: no value can become part of the SQL around it. Text
//! that is taken as SQL has to stay within the parentheses that are put around it.

use arcgis_layer::{Condition, LayerInfo, Literal, Query};

use super::source::Source;

mod words;

use words::{Word, words};

const INFO: &[u8] = br#"{"type":"Table","objectIdField":"OID","fields":[
    {"name":"OID","type":"esriFieldTypeOID"},
    {"name":"NAME","type":"esriFieldTypeString"},
    {"name":"odd \" name","type":"esriFieldTypeString"},
    {"name":"db.owner.N","type":"esriFieldTypeInteger"},
    {"name":"D","type":"esriFieldTypeDouble"},
    {"name":"DAY","type":"esriFieldTypeDate"},
    {"name":"G","type":"esriFieldTypeGUID"},
    {"name":"X","type":"esriFieldTypeNew"}]}"#;

/// Writes any condition.
pub fn literal(data: &[u8]) {
    let info = LayerInfo::from_json(INFO).unwrap();
    let mut source = Source::new(data);
    if source.flag() {
        let text = String::from_utf8_lossy(source.rest()).into_owned();
        sql(&info, &text);
        return;
    }
    let (condition, meant) = condition(&mut source, 0);
    if let Ok(text) = condition.to_sql(&info) {
        assert_eq!(words(&text).as_ref(), Some(&meant), "{text}");
        sql(&info, &text);
    }
}

/// Text that is taken as SQL.
fn sql(info: &LayerInfo, text: &str) {
    let _ = info.check_date_literals(text);
    let _ = Query::new().with_where(text).resolve(info);
    let both = Condition::sql(text).and(Condition::sql("NAME = 'end'"));
    let Ok(both) = both.to_sql(info) else { return };
    let found = words(&both).unwrap_or_else(|| panic!("{both} is no SQL"));
    // The first parenthesis closes before AND, and not earlier.
    let mut depth = 0_usize;
    let mut closed = Vec::new();
    for (place, word) in found.iter().enumerate() {
        match word {
            Word::Sign('(') => depth += 1,
            Word::Sign(')') => {
                depth = depth.checked_sub(1).unwrap();
                if depth == 0 {
                    closed.push(place);
                }
            }
            _ => {}
        }
    }
    assert_eq!(depth, 0, "{both}");
    assert_eq!(closed.len(), 2, "{both}");
    assert_eq!(found[closed[0] + 1], Word::Name("AND".to_owned()), "{both}");
}

const FIELDS: [&str; 8] = [
    "OID",
    "NAME",
    "odd \" name",
    "db.owner.N",
    "D",
    "DAY",
    "G",
    "X",
];

/// A condition, and the words that it means.
fn condition(source: &mut Source<'_>, depth: usize) -> (Condition, Vec<Word>) {
    let kind = source.below(if depth < 4 { 10 } else { 7 });
    let field = FIELDS[source.below(FIELDS.len())];
    let mut meant = named(field);
    match kind {
        0..=2 => {
            let (value, words) = value(source, field);
            let (condition, sign) = match kind {
                0 => (Condition::equal(field, value), "="),
                1 => (Condition::less(field, value), "<"),
                _ => (Condition::at_least(field, value), ">="),
            };
            meant.extend(signs(sign));
            meant.extend(words);
            (condition, meant)
        }
        3 => {
            let (first, last) = (value(source, field), value(source, field));
            meant.push(name("BETWEEN"));
            meant.extend(first.1);
            meant.push(name("AND"));
            meant.extend(last.1);
            (Condition::between(field, first.0, last.0), meant)
        }
        4 => {
            let count = 1 + source.below(4);
            let values: Vec<_> = (0..count).map(|_| value(source, field)).collect();
            meant.extend([name("IN"), Word::Sign('(')]);
            for (place, (_, words)) in values.iter().enumerate() {
                if place > 0 {
                    meant.push(Word::Sign(','));
                }
                meant.extend(words.iter().cloned());
            }
            meant.push(Word::Sign(')'));
            (
                Condition::one_of(field, values.into_iter().map(|value| value.0)),
                meant,
            )
        }
        5 => {
            let text = source.text(30);
            let escaped: String = text
                .chars()
                .flat_map(|letter| {
                    let mark = matches!(letter, '%' | '_' | '!').then_some('!');
                    mark.into_iter().chain([letter])
                })
                .collect();
            let (condition, pattern) = match source.below(3) {
                0 => (Condition::starts_with(field, &text), format!("{escaped}%")),
                1 => (Condition::ends_with(field, &text), format!("%{escaped}")),
                _ => (Condition::contains(field, &text), format!("%{escaped}%")),
            };
            meant.extend([name("LIKE"), Word::Text(pattern.clone())]);
            if pattern.contains('!') {
                meant.extend([name("ESCAPE"), Word::Text("!".to_owned())]);
            }
            (condition, meant)
        }
        6 => {
            meant.extend([name("IS"), name("NULL")]);
            (Condition::is_null(field), meant)
        }
        7 | 8 => {
            let (left, right) = (condition(source, depth + 1), condition(source, depth + 1));
            let (condition, word) = match kind {
                7 => (left.0.and(right.0), "AND"),
                _ => (left.0.or(right.0), "OR"),
            };
            let mut meant = within(left.1);
            meant.push(name(word));
            meant.extend(within(right.1));
            (condition, meant)
        }
        _ => {
            let (inner, words) = condition(source, depth + 1);
            let mut meant = vec![name("NOT")];
            meant.extend(within(words));
            (inner.negate(), meant)
        }
    }
}

fn name(text: &str) -> Word {
    Word::Name(text.to_owned())
}

/// A field as it is named.
fn named(field: &str) -> Vec<Word> {
    if field.contains('"') {
        vec![Word::Quoted(field.to_owned())]
    } else {
        vec![name(field)]
    }
}

fn signs(text: &str) -> Vec<Word> {
    text.chars().map(Word::Sign).collect()
}

fn within(words: Vec<Word>) -> Vec<Word> {
    let mut all = vec![Word::Sign('(')];
    all.extend(words);
    all.push(Word::Sign(')'));
    all
}

/// A value, and the words that it means.
fn value(source: &mut Source<'_>, field: &str) -> (Literal<'static>, Vec<Word>) {
    match source.below(4) {
        0 => {
            let number = source.whole();
            (number.into(), vec![Word::Number(number.to_string())])
        }
        1 => {
            let number = f64::from_bits(source.bits());
            let literal = Literal::from(number);
            let text = literal.to_string();
            if number.is_finite() {
                assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits());
                assert!(!text.contains(['e', 'E']));
            }
            (literal, vec![Word::Number(text)])
        }
        2 if field == "G" => {
            let digits: String = (0..32)
                .map(|_| char::from(b"0123456789abcdef"[source.below(16)]))
                .collect();
            let guid = [
                &digits[..8],
                &digits[8..12],
                &digits[12..16],
                &digits[16..20],
                &digits[20..],
            ]
            .join("-");
            let word = Word::Text(format!("{{{}}}", guid.to_ascii_uppercase()));
            (guid.into(), vec![word])
        }
        _ => {
            let text = source.text(40);
            (text.clone().into(), vec![Word::Text(text)])
        }
    }
}
