//! `where`, and how two of them become one.

use super::unsupported;
use crate::error::QueryError;
use crate::filter::check_keywords;

/// Every row. The parameter is required by servers, and this is the value that all of them take.
pub(super) const ALL: &str = "1=1";

fn is_all(condition: &str) -> bool {
    let bare = condition.chars().filter(|letter| !letter.is_whitespace());
    condition.trim().is_empty() || bare.eq(ALL.chars())
}

/// Both conditions. A condition that every row meets gives way.
pub(super) fn and(old: &str, new: &str) -> String {
    let (old, new) = (old.trim(), new.trim());
    match (is_all(old), is_all(new)) {
        (true, true) => ALL.to_owned(),
        (true, false) => new.to_owned(),
        (false, true) => old.to_owned(),
        (false, false) => format!("({old}) AND ({new})"),
    }
}

/// The condition, [`ALL`] for an empty one. Quotes and parentheses have to be balanced: only then do
/// the parentheses that [`and`] adds hold the condition together.
///
/// Comments, which would swallow them, are refused, and date literals are checked.
pub(crate) fn checked(condition: &str) -> Result<String, QueryError> {
    if is_all(condition) {
        return Ok(ALL.to_owned());
    }
    let mut depth = 0_usize;
    let mut quote = None;
    let mut before = ' ';
    for letter in condition.chars() {
        let pair = (std::mem::replace(&mut before, letter), letter);
        if quote.is_none() && matches!(pair, ('-', '-') | ('/', '*')) {
            return unsupported("where", "a comment in it would hide what follows");
        }
        match (quote, letter) {
            // A doubled quote ends and begins the literal: the same in the end.
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(') => depth += 1,
            (None, ')') => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => {
                    return unsupported("where", "it closes a parenthesis that it did not open");
                }
            },
            (None, _) => {}
        }
    }
    match (quote, depth) {
        (Some(open), _) => unsupported(
            "where",
            format!("a text in it does not end: {open} is missing (inside a text it is doubled)"),
        ),
        (None, 0) => {
            check_keywords(condition)?;
            Ok(condition.trim().to_owned())
        }
        (None, _) => unsupported("where", "a parenthesis in it does not close"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t50_conditions_are_joined_in_parentheses() {
        assert_eq!(and("A=1 OR B=2", "C=3"), "(A=1 OR B=2) AND (C=3)");
        for all in ["1=1", " 1 = 1 ", "", "  "] {
            assert_eq!(and(all, "C=3"), "C=3");
            assert_eq!(and("C=3", all), "C=3");
            assert_eq!(and(all, all), "1=1");
            assert_eq!(checked(all).unwrap(), "1=1");
        }
        // Not the condition that every row meets.
        assert_eq!(and("11=1", "A=1"), "(11=1) AND (A=1)");
    }

    #[test]
    fn what_would_break_out_of_the_parentheses_is_refused() {
        for good in [
            "A = 'O''Brien)'",
            "\"odd ' name\" = 1",
            "(A=1) OR (B IN (1,2))",
            "A = '--' AND B = '/*'",
        ] {
            assert_eq!(checked(good).unwrap(), good);
        }
        for bad in [
            "A=1) OR (B=2",
            "A = 'O'Brien'",
            "(A=1",
            "A=1)",
            "A = '",
            "A=1 --",
            "A=1 /* x",
        ] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }
}
