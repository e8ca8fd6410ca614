//! Numbers in text: the shortest that reads back as the same number.

use std::fmt::Write as _;

/// Appends a finite number: as digits where these are few, else with an exponent.
pub(crate) fn push_double(out: &mut String, number: f64) {
    let size = number.abs();
    // Writing to a string does not fail.
    let _ = if size == 0.0 || (1e-7..1e17).contains(&size) {
        write!(out, "{number}")
    } else {
        write!(out, "{number:e}")
    };
}

/// The same of a number of 32 bits.
pub(crate) fn push_float(out: &mut String, number: f32) {
    let size = number.abs();
    let _ = if size == 0.0 || (1e-7..1e9).contains(&size) {
        write!(out, "{number}")
    } else {
        write!(out, "{number:e}")
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn double(number: f64) -> String {
        let mut text = String::new();
        push_double(&mut text, number);
        text
    }

    #[test]
    fn numbers_are_short() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (31.25, "31.25"),
            (-1_000_000.0, "-1000000"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e300, "1e300"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(double(number), expected);
        }
    }

    proptest! {
        #[test]
        fn numbers_read_back(bits: u64) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            let text = double(number);
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits);
            prop_assert_eq!(
                serde_json::from_str::<serde_json::Value>(&text).unwrap().as_f64(),
                Some(number)
            );
        }

        #[test]
        fn small_numbers_read_back(bits: u32) {
            let number = f32::from_bits(bits);
            prop_assume!(number.is_finite());
            let mut text = String::new();
            push_float(&mut text, number);
            prop_assert_eq!(text.parse::<f32>().unwrap().to_bits(), bits);
        }
    }
}
