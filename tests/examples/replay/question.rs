//! What a client asks for.
//!
//! Only what the contestants ask is understood. Anything else is refused: a condition that was not looked
//! at would give rows that nobody asked for.

use std::collections::HashMap;
use std::ops::Range;

/// The parameters of a request.
pub(crate) struct Question(HashMap<String, String>);

impl Question {
    pub(crate) fn new(encoded: &[u8]) -> Self {
        let pairs = url::form_urlencoded::parse(encoded);
        Self(
            pairs
                .map(|(name, value)| (name.to_lowercase(), value.into_owned()))
                .collect(),
        )
    }

    /// A parameter that is there and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let value = self.0.get(&name.to_lowercase())?.trim();
        (!value.is_empty()).then_some(value)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.text(name)?.parse().ok()
    }

    /// The rows that the conditions leave, in order; counted from 0, while object ids are from 1.
    pub(crate) fn rows(&self, all: usize) -> Result<Vec<Range<usize>>, String> {
        if let Some(geometry) = self.text("geometry") {
            return Err(format!("no filter by geometry: {geometry}"));
        }
        if let Some(order) = self.text("orderByFields") {
            let order = order.to_lowercase();
            if order != "objectid" && order != "objectid asc" {
                return Err(format!("no order by {order}"));
            }
        }
        let mut rows = match self.text("where") {
            None => Vec::from([Range { start: 0, end: all }]),
            Some(condition) => matching(condition, all)?,
        };
        if let Some(ids) = self.text("objectIds") {
            let ids = list(ids, all)?;
            rows = ids
                .into_iter()
                .filter(|id| {
                    rows.iter()
                        .any(|range| range.start <= id.start && id.end <= range.end)
                })
                .collect();
        }
        Ok(rows)
    }
}

/// The rows for `1=1`, or for comparisons of the object id with AND between them.
fn matching(condition: &str, all: usize) -> Result<Vec<Range<usize>>, String> {
    let unknown = || format!("no such condition: {condition}");
    let lower = condition.to_lowercase().replace(['(', ')'], " ");
    let mut spaced = String::new();
    let mut last = ' ';
    for letter in lower.chars() {
        let sign = |letter: char| matches!(letter, '<' | '>' | '=');
        if sign(letter) != sign(last) {
            spaced.push(' ');
        }
        spaced.push(letter);
        last = letter;
    }
    let mut words = spaced.split_whitespace().peekable();
    let (mut first, mut end) = (1, all + 1);
    while let Some(word) = words.next() {
        let operator = words.next().ok_or_else(unknown)?;
        match (word, operator) {
            ("1", "=") if words.next() == Some("1") => {}
            ("objectid", "is") => {
                if (words.next(), words.next()) != (Some("not"), Some("null")) {
                    return Err(unknown());
                }
            }
            ("objectid", "in") => {
                let rest: String = words.collect();
                return list(&rest, all);
            }
            ("objectid", "between") => {
                first = first.max(whole(words.next()).ok_or_else(unknown)?);
                if words.next() != Some("and") {
                    return Err(unknown());
                }
                end = end.min(whole(words.next()).ok_or_else(unknown)? + 1);
            }
            ("objectid", comparison) => {
                let number = whole(words.next()).ok_or_else(unknown)?;
                match comparison {
                    ">" => first = first.max(number + 1),
                    ">=" => first = first.max(number),
                    "<" => end = end.min(number),
                    "<=" => end = end.min(number + 1),
                    "=" => {
                        first = first.max(number);
                        end = end.min(number + 1);
                    }
                    _ => return Err(unknown()),
                }
            }
            _ => return Err(unknown()),
        }
        match words.next() {
            None | Some("and") => {}
            Some(_) => return Err(unknown()),
        }
    }
    if first >= end {
        return Ok(Vec::new());
    }
    let one = first - 1..end - 1;
    Ok(vec![one])
}

fn whole(word: Option<&str>) -> Option<usize> {
    let number: i64 = word?.parse().ok()?;
    Some(usize::try_from(number).unwrap_or(0))
}

/// The rows with the ids of a list; ids that follow on each other are one range.
fn list(ids: &str, all: usize) -> Result<Vec<Range<usize>>, String> {
    let mut wanted = Vec::new();
    for id in ids.split(',') {
        let id: usize = id.trim().parse().map_err(|_| format!("no id: {id}"))?;
        if (1..=all).contains(&id) {
            wanted.push(id - 1);
        }
    }
    wanted.sort_unstable();
    wanted.dedup();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for row in wanted {
        match ranges.last_mut() {
            Some(range) if range.end == row => range.end += 1,
            _ => ranges.push(row..row + 1),
        }
    }
    Ok(ranges)
}

/// The part of some rows that is behind the first `skip` of them and has at most `most`.
pub(crate) fn part(rows: &[Range<usize>], mut skip: usize, mut most: usize) -> Vec<Range<usize>> {
    let mut part = Vec::new();
    for range in rows {
        let start = range.start + skip.min(range.len());
        skip -= start - range.start;
        let end = range.end.min(start + most);
        if start < end {
            most -= end - start;
            part.push(start..end);
        }
    }
    part
}
