use super::SqlError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or keyword, as written; `"quoted"` names lose their quotes.
    Word(String),
    Int(i64),
    Number(f64),
    Text(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 14] = [
    "<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ",", "-", "+", "*", "/",
];

pub(super) fn tokens(sql: &str) -> Result<Vec<Token>, SqlError> {
    let mut found = Vec::new();
    let mut rest = sql.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '\'' => {
                let (text, after) = quoted(rest, '\'')?;
                (Token::Text(text), after)
            }
            '"' => {
                let (name, after) = quoted(rest, '"')?;
                (Token::Word(name), after)
            }
            '0'..='9' | '.' => number(rest)?,
            _ if first.is_alphabetic() || first == '_' => {
                let end = rest
                    .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '#')))
                    .unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                (Token::Word(word.to_owned()), after)
            }
            _ => SYMBOLS
                .iter()
                .find_map(|symbol| {
                    rest.strip_prefix(symbol)
                        .map(|after| (Token::Symbol(symbol), after))
                })
                .ok_or_else(|| SqlError(format!("unexpected character '{first}'")))?,
        };
        found.push(token);
        rest = after.trim_start();
    }
    Ok(found)
}

/// A quoted run, where a doubled quote stands for one.
fn quoted(text: &str, quote: char) -> Result<(String, &str), SqlError> {
    let mut out = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != quote {
            out.push(character);
        } else if characters.next_if(|(_, next)| *next == quote).is_some() {
            out.push(quote);
        } else {
            return Ok((out, text.get(at + 1..).unwrap_or_default()));
        }
    }
    Err(SqlError("a quoted text has no end".to_owned()))
}

fn number(text: &str) -> Result<(Token, &str), SqlError> {
    let digits = |from: usize| {
        text.get(from..).map_or(0, |rest| {
            rest.bytes().take_while(u8::is_ascii_digit).count()
        })
    };
    let byte = |at: usize| text.as_bytes().get(at).copied();
    let mut end = digits(0);
    let mut whole = true;
    if byte(end) == Some(b'.') {
        whole = false;
        end += 1 + digits(end + 1);
    }
    if matches!(byte(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(byte(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            whole = false;
            end += 1 + sign + exponent;
        }
    }
    let (number, after) = text.split_at(end);
    let bad = || SqlError(format!("'{number}' is no number"));
    let token = match number.parse() {
        Ok(value) if whole => Token::Int(value),
        _ => Token::Number(number.parse().map_err(|_| bad())?),
    };
    Ok((token, after))
}
