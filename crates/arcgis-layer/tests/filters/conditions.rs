//! Conditions made of fields and values.

use arcgis_layer::{Comparison, Condition, LayerInfo, Literal};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{info, layer, moment, refused, sql};

#[test]
fn values_suit_the_type_of_their_field() {
    use Condition as C;
    for (condition, wanted) in [
        (C::equal("name", "O'Brien"), "NAME = 'O''Brien'"),
        (
            C::equal("objectid", i64::MAX),
            "OBJECTID = 9223372036854775807",
        ),
        (C::less("DEPTH", 1.5), "DEPTH < 1.5"),
        (C::equal("NAME", Literal::Null), "NAME IS NULL"),
        (
            C::compare("NAME", Comparison::NotEqual, None::<i64>),
            "NAME IS NOT NULL",
        ),
        (C::between("COUNT_", 1, 9), "COUNT_ BETWEEN 1 AND 9"),
        (C::one_of("COUNT_", [3, 1]), "COUNT_ IN (3,1)"),
        (
            C::one_of("COUNT_", [Some(3), None]),
            "COUNT_ IN (3) OR COUNT_ IS NULL",
        ),
        (C::one_of("COUNT_", [0_i64; 0]), "1=0"),
        (
            C::starts_with("NAME", "50%_!"),
            "NAME LIKE '50!%!_!!%' ESCAPE '!'",
        ),
        (C::contains("NAME", "it's"), "NAME LIKE '%it''s%'"),
        (C::ends_with("NAME", "x").negate(), "NOT (NAME LIKE '%x')"),
        (C::equal("odd \"name", "x"), "\"odd \"\"name\" = 'x'"),
        (C::is_null("db.wells.owner"), "db.wells.OWNER IS NULL"),
        (
            C::equal("GUID", "0b6a2f3c-11a1-4d5e-9a53-0123456789ab"),
            "GUID = '{0B6A2F3C-11A1-4D5E-9A53-0123456789AB}'",
        ),
        (
            C::equal("DAY", jiff::civil::date(2018, 6, 5)),
            "DAY = DATE '2018-06-05'",
        ),
        (
            C::equal("CLOCK", jiff::civil::time(14, 35, 0, 0)),
            "CLOCK = TIME '14:35:00'",
        ),
        (
            C::equal("STAMP", moment("2018-06-05T22:35:00Z")),
            "STAMP = TIMESTAMP '2018-06-05 22:35:00 +00:00'",
        ),
        (C::all([]), "1=1"),
        (C::any([]), "1=0"),
        (
            C::equal("COUNT_", 1).or("A = 2").and(C::is_null("NAME")),
            "((COUNT_ = 1) OR (A = 2)) AND (NAME IS NULL)",
        ),
    ] {
        assert_eq!(sql(condition), wanted);
    }
    for (condition, what) in [
        (C::equal("Ghost", 1), "no field Ghost"),
        (C::equal("NAME", 1), "does not suit"),
        (C::equal("DEPTH", "1 OR 1=1"), "does not suit"),
        (C::equal("DEPTH", f64::NAN), "no literal"),
        (C::less("NAME", Literal::Null), "less or greater"),
        (C::between("COUNT_", 1, Literal::Null), "IS NULL"),
        (C::contains("DEPTH", "1"), "no text"),
        (C::equal("GUID", "x' OR '1'='1"), "no GUID"),
        (
            C::equal("DAY", moment("2018-06-05T22:35:00Z")),
            "does not suit",
        ),
        (C::equal("NAME", "a\0b"), "zero byte"),
        (C::sql("A = 1) OR (B = 2"), "parenthesis"),
        (C::sql("A = 1 -- x"), "comment"),
    ] {
        let problem = refused(condition);
        assert!(problem.contains(what), "{problem}");
    }
}

#[test]
fn long_lists_are_cut() {
    let text = sql(Condition::one_of("COUNT_", 0..2500_i64));
    let lists: Vec<&str> = text.split(" OR ").collect();
    assert_eq!(lists.len(), 3);
    let ids: Vec<i64> = lists
        .iter()
        .flat_map(|list| {
            let inner = list
                .strip_prefix("COUNT_ IN (")
                .unwrap()
                .strip_suffix(')')
                .unwrap();
            assert!(inner.split(',').count() <= 1000);
            inner
                .split(',')
                .map(|id| id.parse::<i64>().unwrap())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(ids, (0..2500).collect::<Vec<_>>());
}

#[test]
fn moments_are_written_in_the_zone_of_the_layer() {
    let winter = moment("2024-01-15T12:00:00Z");
    let summer = moment("2024-07-15T12:00:00.250Z");
    let text = |info: &LayerInfo, field: &str, moment: Timestamp| {
        Condition::at_least(field, moment).to_sql(info)
    };
    let new_york = layer();
    assert_eq!(
        text(&new_york, "WHEN_", winter).unwrap(),
        "WHEN_ >= TIMESTAMP '2024-01-15 07:00:00'"
    );
    assert_eq!(
        text(&new_york, "WHEN_", summer).unwrap(),
        "WHEN_ >= TIMESTAMP '2024-07-15 08:00:00.250'"
    );
    // Fields of editor tracking are in UTC.
    assert_eq!(
        text(&new_york, "edited", winter).unwrap(),
        "EDITED >= TIMESTAMP '2024-01-15 12:00:00'"
    );
    let zone = |zone: Value| info(|document| document["dateFieldsTimeReference"] = zone);
    let standard =
        zone(json!({"timeZoneIANA": "America/New_York", "respectsDaylightSaving": false}));
    assert_eq!(
        text(&standard, "WHEN_", summer).unwrap(),
        "WHEN_ >= TIMESTAMP '2024-07-15 07:00:00.250'"
    );
    let windows =
        zone(json!({"timeZone": "Pacific Standard Time", "respectsDaylightSaving": true}));
    assert_eq!(
        text(&windows, "WHEN_", winter).unwrap(),
        "WHEN_ >= TIMESTAMP '2024-01-15 04:00:00'"
    );
    let none = info(|document| document["dateFieldsTimeReference"] = Value::Null);
    assert_eq!(
        text(&none, "WHEN_", winter).unwrap(),
        "WHEN_ >= TIMESTAMP '2024-01-15 12:00:00'"
    );
    let odd = zone(json!({"timeZone": "Atlantis Standard Time"}));
    assert!(
        text(&odd, "WHEN_", winter)
            .unwrap_err()
            .to_string()
            .contains("Atlantis")
    );
    let unknown = info(|document| document["datesInUnknownTimezone"] = json!(true));
    assert!(text(&unknown, "WHEN_", winter).is_err());
}

#[test]
fn hours_that_clocks_skip_or_show_twice_are_refused() {
    // In New York clocks went from 2:00 to 3:00 on 10 March 2024, and from 2:00 back to 1:00 on 3 November.
    let local = |month, day, hour| jiff::civil::date(2024, month, day).at(hour, 30, 0, 0);
    let of = |value: Literal<'static>| Condition::at_least("WHEN_", value).to_sql(&layer());
    assert!(
        of(local(3, 10, 2).into())
            .unwrap_err()
            .to_string()
            .contains("never show")
    );
    assert!(
        of(local(11, 3, 1).into())
            .unwrap_err()
            .to_string()
            .contains("twice")
    );
    for twice in ["2024-11-03T05:30:00Z", "2024-11-03T06:30:00Z"] {
        assert!(
            of(moment(twice).into())
                .unwrap_err()
                .to_string()
                .contains("twice")
        );
    }
    for (good, wanted) in [
        (Literal::from(local(3, 10, 3)), "2024-03-10 03:30:00"),
        (moment("2024-03-10T06:30:00Z").into(), "2024-03-10 01:30:00"),
        (moment("2024-03-10T07:30:00Z").into(), "2024-03-10 03:30:00"),
        (moment("2024-11-03T04:30:00Z").into(), "2024-11-03 00:30:00"),
        (moment("2024-11-03T07:30:00Z").into(), "2024-11-03 02:30:00"),
    ] {
        assert_eq!(of(good).unwrap(), format!("WHEN_ >= TIMESTAMP '{wanted}'"));
    }
}

/// The text literals of a condition, read as SQL has them: an oracle of its own.
fn literals(sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut letters = sql.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\'' {
            continue;
        }
        let mut text = String::new();
        loop {
            match letters.next() {
                Some('\'') if letters.peek() == Some(&'\'') => {
                    letters.next();
                    text.push('\'');
                }
                Some('\'') => break,
                Some(other) => text.push(other),
                None => panic!("{sql} does not end"),
            }
        }
        found.push(text);
    }
    found
}

/// What is outside the literals.
fn around(sql: &str) -> String {
    let mut outside = String::new();
    let mut inside = false;
    for letter in sql.chars() {
        if letter == '\'' {
            inside = !inside;
        } else if !inside {
            outside.push(letter);
        }
    }
    outside
}

proptest! {
    #[test]
    fn t50_no_text_breaks_out_of_its_literal(
        text in prop_oneof!["[^\0]*", "['%_!\\\\\"();\\- ]{0,12}", "'( OR |--|;|/\\*|')*'?"],
    ) {
        let condition = sql(Condition::equal("NAME", text.clone()).and(Condition::equal("COUNT_", 1)));
        prop_assert_eq!(literals(&condition), vec![text.clone()]);
        prop_assert_eq!(around(&condition), "(NAME = ) AND (COUNT_ = 1)");

        let like = sql(Condition::contains("NAME", &text));
        let found = literals(&like);
        let escape = around(&like).contains("ESCAPE");
        prop_assert_eq!(around(&like), if escape { "NAME LIKE  ESCAPE " } else { "NAME LIKE " });
        // A reader of LIKE patterns: what is not escaped is a wildcard.
        let pattern = found[0].strip_prefix('%').unwrap().strip_suffix('%').unwrap();
        let mut read = String::new();
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            if escape && letter == '!' {
                read.push(letters.next().unwrap());
            } else {
                prop_assert!(!matches!(letter, '%' | '_'));
                read.push(letter);
            }
        }
        prop_assert_eq!(read, text);
    }
}
