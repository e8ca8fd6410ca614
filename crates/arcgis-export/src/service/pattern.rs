//! Patterns with `*` and `?`, for names of services and layers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A pattern: `*` stands for any text, slashes too, `?` for one character, and all else for itself, whatever its
/// case.
///
/// ```
/// use arcgis_export::Pattern;
///
/// let wells: Pattern = "water/*wells".parse()?;
/// assert!(wells.matches("Water/Supply/Deep Wells"));
/// assert!(!wells.matches("Water/Wells 2020"));
/// assert!("".parse::<Pattern>().is_err());
/// # Ok::<(), arcgis_export::ParsePatternError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    folded: Vec<char>,
}

impl Pattern {
    /// Whether the pattern stands for all of `text`. The time goes with the product of both lengths at most.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = folded(text).collect();
        let (mut at, mut place) = (0, 0);
        // Where the last star stands, and where the text stands that comes behind what it covers.
        let mut star: Option<(usize, usize)> = None;
        while let Some(wanted) = text.get(place) {
            match self.folded.get(at) {
                Some('*') => {
                    star = Some((at, place));
                    at += 1;
                    continue;
                }
                Some(known) if *known == '?' || known == wanted => {
                    at += 1;
                    place += 1;
                    continue;
                }
                _ => {}
            }
            // The last star covers one character more: an earlier one need not.
            let Some((before, covered)) = star else {
                return false;
            };
            star = Some((before, covered + 1));
            at = before + 1;
            place = covered + 1;
        }
        let rest = self.folded.get(at..).unwrap_or_default();
        rest.iter().all(|known| *known == '*')
    }

    pub(super) fn has_slash(&self) -> bool {
        self.folded.contains(&'/')
    }

    /// Whether the pattern stands for some text that begins so.
    pub(super) fn may_match_below(&self, prefix: &str) -> bool {
        // The places in the pattern that some reading of the text so far has come to.
        let mut places = vec![false; self.folded.len() + 1];
        places
            .first_mut()
            .into_iter()
            .for_each(|first| *first = true);
        self.pass_stars(&mut places);
        for c in folded(prefix) {
            let mut next = vec![false; places.len()];
            for (at, known) in self.folded.iter().enumerate() {
                if !places.get(at).copied().unwrap_or_default() {
                    continue;
                }
                let to = match known {
                    '*' => at,
                    '?' => at + 1,
                    known if *known == c => at + 1,
                    _ => continue,
                };
                next.get_mut(to).into_iter().for_each(|place| *place = true);
            }
            self.pass_stars(&mut next);
            places = next;
        }
        places.contains(&true)
    }

    /// A star may stand for nothing.
    fn pass_stars(&self, places: &mut [bool]) {
        for (at, known) in self.folded.iter().enumerate() {
            if *known == '*' && places.get(at).copied().unwrap_or_default() {
                places
                    .get_mut(at + 1)
                    .into_iter()
                    .for_each(|place| *place = true);
            }
        }
    }
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A pattern of nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a pattern is needed, such as Water/* or *wells*")]
pub struct ParsePatternError;

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl TryFrom<String> for Pattern {
    type Error = ParsePatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Pattern {
    type Err = ParsePatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ParsePatternError);
        }
        Ok(Self {
            text: text.to_owned(),
            folded: folded(text).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_what_they_should() {
        for (pattern, text, stands) in [
            ("*", "", true),
            ("*", "a/b", true),
            ("?", "", false),
            ("?", "é", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("A*c", "aXXc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "ab", false),
            ("*aab", "aaaab", true),
            ("straße", "STRASSE", false),
            ("GRÖSSE", "größe", false),
            ("größe", "GRÖßE", true),
            ("1", "1", true),
            ("1", "11", false),
            ("**", "x", true),
            ("a**b", "ab", true),
        ] {
            let parsed: Pattern = pattern.parse().unwrap();
            assert_eq!(parsed.matches(text), stands, "{pattern} and {text}");
            assert_eq!(parsed.to_string(), pattern);
        }
    }

    #[test]
    fn what_may_lie_below_is_known() {
        for (pattern, prefix, may) in [
            ("Water/*", "water/wells/", true),
            ("Water/Wells/3", "water/wells/", true),
            ("Water/Wells", "water/wells/", false),
            ("Fire/*", "water/wells/", false),
            ("*/MapServer/*", "water/wells/", true),
            ("Wa?er/W*s/x", "water/wells/", true),
            ("W", "", true),
        ] {
            let parsed: Pattern = pattern.parse().unwrap();
            assert_eq!(parsed.may_match_below(prefix), may, "{pattern}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern: Pattern = "*a".repeat(200).parse().unwrap();
        assert!(!pattern.matches(&"b".repeat(20_000)));
        assert!(pattern.matches(&("ab".repeat(10_000) + "a")));
    }
}
