//! SQL cut into words, as ISO 9075 has them.

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// A key word, or a name that is written plainly.
    Name(String),
    /// A name between quotes.
    Quoted(String),
    /// A text literal, as the text that it means.
    Text(String),
    /// Digits, with a sign and a point where there are any.
    Number(String),
    /// Any other sign.
    Sign(char),
}

/// The words of a text; `None` if a quote is not closed, or there is a comment.
pub(super) fn words(text: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(&letter) = letters.peek() {
        match letter {
            '\'' | '"' => {
                letters.next();
                let mut inner = String::new();
                loop {
                    let next = letters.next()?;
                    if next != letter {
                        inner.push(next);
                    } else if letters.peek() == Some(&letter) {
                        letters.next();
                        inner.push(letter);
                    } else {
                        break;
                    }
                }
                words.push(if letter == '\'' {
                    Word::Text(inner)
                } else {
                    Word::Quoted(inner)
                });
            }
            _ if letter.is_alphabetic() || letter == '_' => {
                let mut name = String::new();
                while let Some(&next) = letters.peek() {
                    if !(next.is_alphanumeric() || matches!(next, '_' | '.' | '$' | '#')) {
                        break;
                    }
                    name.push(next);
                    letters.next();
                }
                words.push(Word::Name(name));
            }
            '-' | '0'..='9' => {
                let mut number = String::from(letter);
                letters.next();
                while let Some(&next) = letters.peek() {
                    if !(next.is_ascii_digit() || next == '.') {
                        break;
                    }
                    number.push(next);
                    letters.next();
                }
                if number == "-" {
                    if letters.peek() == Some(&'-') {
                        return None;
                    }
                    words.push(Word::Sign('-'));
                } else {
                    words.push(Word::Number(number));
                }
            }
            _ => {
                letters.next();
                if letter == '/' && letters.peek() == Some(&'*') {
                    return None;
                }
                if !letter.is_whitespace() {
                    words.push(Word::Sign(letter));
                }
            }
        }
    }
    Some(words)
}
