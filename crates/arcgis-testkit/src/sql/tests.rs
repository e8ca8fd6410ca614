use super::literal;
use super::parser::{day_text, parse};
use crate::field::{Field, FieldType};
use crate::value::Value;

fn fields() -> Vec<Field> {
    vec![
        Field::new("OBJECTID", FieldType::Oid),
        Field::new("NAME", FieldType::String),
        Field::new("POP", FieldType::Integer),
        Field::new("AREA", FieldType::Double),
        Field::new("SEEN", FieldType::Date),
        Field::new("DAY", FieldType::DateOnly),
        Field::new("MOMENT", FieldType::TimestampOffset),
        Field::new("CLOCK", FieldType::TimeOnly),
    ]
}

fn row() -> Vec<Value> {
    vec![
        7.into(),
        "O'Brien's Head".into(),
        1200.into(),
        Value::Null,
        1_705_320_000_000_i64.into(),
        "2024-01-15".into(),
        "2024-01-15T17:30:00+05:30".into(),
        "14:35:00".into(),
    ]
}

fn holds(sql: &str) -> bool {
    match parse(sql, &fields()) {
        Ok(condition) => condition.holds(&row()),
        Err(error) => panic!("{sql}: {error:?}"),
    }
}

#[test]
fn conditions_hold_as_in_sql() {
    for sql in [
        "1=1",
        "objectid = 7",
        "OBJECTID<>8 AND OBJECTID != 9",
        "POP >= 1200 and pop <= 1.2e3 AND POP > -5",
        "NAME = 'O''Brien''s Head'",
        "NAME LIKE 'O''B%' AND NAME LIKE '%Head' AND NAME LIKE '_''%' AND name LIKE '%rien%'",
        "NAME NOT LIKE 'X%'",
        "UPPER(NAME) = 'O''BRIEN''S HEAD' AND LOWER(name) LIKE 'o%'",
        "OBJECTID IN (1, 7, 9)",
        "OBJECTID NOT IN (1,2)",
        "POP BETWEEN 1000 AND 1200",
        "NOT POP BETWEEN 1 AND 2",
        "POP NOT BETWEEN 1 AND 2",
        "AREA IS NULL AND POP IS NOT NULL",
        "(POP = 1 OR POP = 1200) AND NOT (NAME = 'x')",
        "((OBJECTID) = (7))",
        "7 = OBJECTID",
        "SEEN = TIMESTAMP '2024-01-15 12:00:00'",
        "SEEN > DATE '2024-01-15' AND SEEN < date '2024-01-16'",
        "SEEN >= '2024-01-15 12:00:00'",
        "DAY = DATE '2024-01-15' AND DAY > '2023-12-31'",
        "MOMENT = TIMESTAMP '2024-01-15 12:00:00' AND MOMENT < TIMESTAMP '2024-01-15 12:00:01 +00:00'",
        "CLOCK > TIME '14:00:00'",
        "\"POP\" = 1200",
        "AREA = 1 OR POP = 1200",
    ] {
        assert!(holds(sql), "{sql}");
    }
}

#[test]
fn unknown_is_not_found_either_way() {
    for sql in [
        "AREA = 1",
        "NOT AREA = 1",
        "AREA <> 1",
        "AREA IN (1, 2)",
        "AREA NOT IN (1)",
        "POP NOT IN (1, NULL)",
        "POP = NULL",
        "1=2",
    ] {
        assert!(!holds(sql), "{sql}");
    }
    assert!(!holds(
        "A_B LIKE '%'"
            .replace("A_B", "NAME")
            .replace("'%'", "'%x'")
            .as_str()
    ));
}

#[test]
fn and_binds_tighter_than_or() {
    assert!(holds("OBJECTID = 7 OR OBJECTID = 8 AND POP = 0"));
    assert!(!holds("(OBJECTID = 7 OR OBJECTID = 8) AND POP = 0"));
}

#[test]
fn what_is_no_condition_is_refused() {
    let deep = format!("{}1=1{}", "(".repeat(5000), ")".repeat(5000));
    for sql in [
        "",
        "nosuch = 1",
        "POP =",
        "POP = 1 AND",
        "POP = 'x'",
        "NAME = 5",
        "NAME = 'open",
        "(POP = 1",
        "POP = 1)",
        "POP IN ()",
        "POP LIKE '1%'",
        "SEEN = DATE 'x'",
        "POP 1",
        "POP NOT 1",
        "; DROP TABLE x",
        "POP = 1 POP = 2",
        ")",
        deep.as_str(),
    ] {
        assert!(parse(sql, &fields()).is_err(), "{sql}");
    }
}

#[test]
fn whole_numbers_keep_all_their_64_bits() {
    let fields = [Field::new("BIG", FieldType::BigInteger)];
    let matches = |sql: &str, value: i64| parse(sql, &fields).unwrap().holds(&[value.into()]);
    assert!(matches("BIG = 9007199254740993", 9_007_199_254_740_993));
    assert!(!matches("BIG = 9007199254740993", 9_007_199_254_740_992));
    assert!(matches("BIG = -9223372036854775808", i64::MIN));
}

#[test]
fn a_day_is_the_inverse_of_its_text() {
    for day in [
        "1600-02-29",
        "1969-12-31",
        "1970-01-01",
        "2000-02-29",
        "2024-01-15",
        "9999-12-31",
    ] {
        assert_eq!(day_text(literal::date(day).unwrap() * 86_400_000), day);
    }
}
