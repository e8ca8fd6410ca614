//! Which columns: names as people write them, found in the metadata.

use super::attributes;
use crate::error::QueryError;
use crate::field::{Field, FieldType};
use crate::metadata::LayerInfo;

/// The fields that are asked for, less the excluded ones; all attributes by default.
pub(super) fn select(
    info: &LayerInfo,
    asked: Option<&[String]>,
    excluded: &[String],
) -> Result<Vec<Field>, QueryError> {
    let mut out = Vec::new();
    for excluded in names(info, excluded) {
        out.push(find(info, excluded)?.name.clone());
    }
    let asked = asked.map(|asked| names(info, asked));
    let mut selected: Vec<Field> = Vec::new();
    match asked {
        Some(asked) if !asked.contains(&"*") => {
            for name in asked {
                let field = find(info, name)?;
                if !selected.iter().any(|known| known.name == field.name) {
                    selected.push(field.clone());
                }
            }
        }
        // Names beside the star are checked all the same.
        Some(asked) => {
            for name in asked.into_iter().filter(|&name| name != "*") {
                find(info, name)?;
            }
            selected.extend(attributes(info).cloned());
        }
        None => selected.extend(attributes(info).cloned()),
    }
    selected.retain(|field| !out.contains(&field.name));
    Ok(selected)
}

/// Each name, trimmed; a text with commas is a list, unless a field has that very name.
fn names<'a>(info: &LayerInfo, texts: &'a [String]) -> Vec<&'a str> {
    texts
        .iter()
        .flat_map(|text| {
            let whole = info.field(text.trim()).is_some();
            let parts = if whole { 1 } else { usize::MAX };
            text.splitn(parts, ',')
        })
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect()
}

pub(crate) fn find<'a>(info: &'a LayerInfo, name: &str) -> Result<&'a Field, QueryError> {
    match info.field(name) {
        Some(field) if field.field_type.is_attribute() => Ok(field),
        Some(field) => Err(QueryError::Unsupported {
            option: "fields",
            problem: if field.field_type == FieldType::Geometry {
                format!(
                    "{} is the geometry, which comes beside the fields unless it is left out",
                    field.name
                )
            } else {
                format!(
                    "{} holds rasters, which are not served as values",
                    field.name
                )
            },
        }),
        None => Err(QueryError::UnknownField {
            name: name.to_owned(),
            suggestion: suggestion(info, name),
        }),
    }
}

/// The field that was perhaps meant: by its alias, without the table's name, or with a slip.
fn suggestion(info: &LayerInfo, name: &str) -> Option<String> {
    let wanted = name.to_lowercase();
    let exact = attributes(info).find(|field| {
        let known = field.name.to_lowercase();
        known == wanted
            || known.rsplit('.').next() == Some(&wanted)
            || field
                .alias
                .as_ref()
                .is_some_and(|alias| alias.to_lowercase() == wanted)
    });
    if let Some(field) = exact {
        return Some(field.name.clone());
    }
    let most = (wanted.chars().count() / 3).max(1);
    attributes(info)
        .map(|field| (slips(&wanted, &field.name.to_lowercase()), field))
        .filter(|&(slips, _)| slips <= most)
        .min_by_key(|&(slips, _)| slips)
        .map(|(_, field)| field.name.clone())
}

/// How many letters have to be changed, added, dropped or swapped with their neighbour.
fn slips(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) =
        (a.chars().take(64).collect(), b.chars().take(64).collect());
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in b.iter().enumerate() {
            let mut best = (at(&last, j) + usize::from(letter != other))
                .min(at(&last, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped =
                i > 0 && j > 0 && a.get(i - 1) == Some(other) && b.get(j - 1) == Some(letter);
            if swapped {
                best = best.min(at(&before_last, j - 1) + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    at(&last, b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (a, b, count) in [
            ("name", "name", 0),
            ("nmae", "name", 1),
            ("nam", "name", 1),
            ("names", "name", 1),
            ("kitten", "sitting", 3),
            ("", "ab", 2),
            ("ab", "", 2),
        ] {
            assert_eq!(slips(a, b), count, "{a} {b}");
        }
    }
}
