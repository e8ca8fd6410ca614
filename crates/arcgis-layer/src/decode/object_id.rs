//! Object ids, in the forms that servers give them.

/// The id that a number is, if it is a whole one and exact.
pub(super) fn from_float(number: f64) -> Result<i64, String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        Ok(number as i64)
    } else {
        Err(format!("it is {number}"))
    }
}

/// The id that a text's digits say.
pub(super) fn from_text(text: &str) -> Result<i64, String> {
    let text = text.trim();
    text.parse()
        .map_err(|_| format!("it is '{}'", text.chars().take(60).collect::<String>()))
}
