//! Rust source without its comments and literals, as tokens: enough to find a word in the code.

/// A token: a word, a number, or a piece of punctuation.
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    /// Counted from one.
    pub(crate) line: usize,
}

/// Splits source into tokens. Comments are left out; a text or character literal is one token `""`.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let bytes = source.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut start = 0;
    while start < bytes.len() {
        let here = line;
        let byte = at(start);
        let end = match (byte, at(start + 1)) {
            (b'/', b'/') => find(bytes, start, b"\n").unwrap_or(bytes.len()),
            (b'/', b'*') => comment(bytes, start),
            (b'"', _) => quoted(bytes, start + 1, b'"'),
            (b'r' | b'b' | b'c', _) if literal(bytes, start).is_some() => {
                literal(bytes, start).unwrap_or(start + 1)
            }
            (b'\'', next) => {
                // A quote after one character makes it a literal, else it is a lifetime.
                let width = source
                    .get(start + 1..)
                    .and_then(|rest| rest.chars().next())
                    .map_or(1, char::len_utf8);
                if next == b'\\' {
                    quoted(bytes, start + 1, b'\'')
                } else if at(start + 1 + width) == b'\'' {
                    start + width + 2
                } else {
                    start + 1
                }
            }
            _ if word(byte) => {
                let mut end = start;
                while word(at(end)) {
                    end += 1;
                }
                end
            }
            _ if byte.is_ascii_whitespace() => start + 1,
            (b'&', b'&') | (b'|', b'|') | (b'=', b'>' | b'=') | (b'.', b'.') => {
                // `..=` is one token, lest its last character be taken for an assignment.
                start + 2 + usize::from(byte == b'.' && at(start + 2) == b'=')
            }
            (b'!' | b'<' | b'>', b'=') => start + 2,
            _ => start + 1,
        }
        .clamp(start + 1, bytes.len());
        line += bytes
            .get(start..end)
            .map_or(0, |all| all.iter().filter(|one| **one == b'\n').count());
        let text = source.get(start..end).unwrap_or("");
        let hidden = byte.is_ascii_whitespace() || text.starts_with("//") || text.starts_with("/*");
        if !hidden {
            let literal = text.len() > 1
                && (text.ends_with('"') || text.ends_with('\'') || text.ends_with('#'));
            tokens.push(Token {
                text: if literal { "\"\"" } else { text },
                line: here,
            });
        }
        start = end;
    }
    tokens
}

/// The lines on which a condition joins `let` with `&&`: a let-chain, stable only since Rust 1.88.
pub(crate) fn let_chains(source: &str) -> Vec<usize> {
    let tokens = tokens(source);
    let mut lines = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if token.text != "if" && token.text != "while" {
            continue;
        }
        let mut depth = 0_i32;
        let mut pattern = false;
        let (mut lets, mut joined) = (false, false);
        for token in tokens.iter().skip(index + 1) {
            match token.text {
                "{" if depth == 0 && !pattern => break,
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                "let" if depth == 0 => {
                    lets = true;
                    pattern = true;
                }
                "=" if depth == 0 => pattern = false,
                "&&" if depth == 0 && !pattern => joined = true,
                "=>" | ";" if depth == 0 => break,
                _ => {}
            }
            if depth < 0 {
                break;
            }
        }
        if lets && joined {
            lines.push(token.line);
        }
    }
    lines
}

fn word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    bytes
        .get(from..)?
        .windows(what.len())
        .position(|window| window == what)
        .map(|position| from + position)
}

/// The end of a block comment, which may hold others.
fn comment(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => {
                depth += 1;
                at += 2;
            }
            Some(b"*/") => {
                depth = depth.saturating_sub(1);
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

/// The end of a literal whose closing quote is the next one without a backslash.
fn quoted(bytes: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            _ if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// The end of a literal with a prefix (`b"…"`, `r#"…"#`, `br"…"`, `c"…"`, `b'…'`), if one starts here.
fn literal(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    let mut raw = false;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'b' | b'c' if at < start + 2 => at += 1,
            b'r' if !raw => {
                raw = true;
                at += 1;
            }
            _ => break,
        }
    }
    if raw {
        let hashes = bytes
            .get(at..)?
            .iter()
            .take_while(|one| **one == b'#')
            .count();
        if bytes.get(at + hashes) != Some(&b'"') {
            return None;
        }
        let mut close = vec![b'"'];
        close.resize(hashes + 1, b'#');
        return Some(
            find(bytes, at + hashes + 1, &close).map_or(bytes.len(), |end| end + close.len()),
        );
    }
    match bytes.get(at) {
        Some(b'"') => Some(quoted(bytes, at + 1, b'"')),
        Some(b'\'') if bytes.get(start) == Some(&b'b') => Some(quoted(bytes, at + 1, b'\'')),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn let_chains_are_found() {
        for chain in [
            "if let Some(a) = b && c {}",
            "if c && let Some(a) = b {}",
            "while let Some(Point { x, .. }) = next()\n && x > 0 {}",
            "else if let Point { x: 1..=5 } = p && q {}",
            "match a { Some(b) if let Some(c) = b && d => {} }",
        ] {
            assert_eq!(let_chains(chain), [1], "{chain}");
        }
    }

    #[test]
    fn what_only_looks_like_a_let_chain_is_not() {
        for other in [
            "if let Some(a) = b { if c && d {} }",
            "if let Point { x, y } = p { let z = x && y; }",
            "if let Some(true) = (a && b).then(|| c && d) {}",
            "if let Some(a) = all.find(|one| { one.b && one.c }) {}",
            "// if let Some(a) = b && c {}",
            "let s = \"if let Some(a) = b && c {\"; let c = '\"';",
            "let s = r#\"\"if let Some(a) = b && c {\"#;",
            "if a && b { let c = d; }",
            "match a { Some(&&b) if b => {} _ => {} }",
            "fn f<'a>(x: &'a str) { if let &&b = c {} }",
        ] {
            assert!(let_chains(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn lines_are_counted_through_literals_and_comments() {
        let source = "/* a\n/* b */ \n*/ let a = \"\n\\\"\n\"; // c\nword";
        let last = tokens(source)
            .pop()
            .map(|token| (token.text.to_owned(), token.line));
        assert_eq!(last, Some(("word".to_owned(), 6)));
    }
}
