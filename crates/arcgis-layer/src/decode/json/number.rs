//! Numbers: whole ones exact, others correctly rounded.

/// A number of the text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// Written without point and exponent, and within 64 bits.
    Int(i64),
    /// Any other, and `-0`, which has a sign only as a float.
    Float(f64),
}

impl Number {
    #[inline]
    pub(super) fn to_f64(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

/// Powers of ten that a float holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Reads the number at `start`, and gives the place behind it. `None` if there is none.
#[inline]
pub(super) fn read(text: &str, start: usize) -> Option<(Number, usize)> {
    let bytes = text.as_bytes();
    let negative = match bytes.get(start)? {
        b'-' => true,
        b'+' => false,
        _ => return digits(text, start, start, false),
    };
    digits(text, start, start + 1, negative)
}

#[inline]
fn digits(text: &str, start: usize, first: usize, negative: bool) -> Option<(Number, usize)> {
    let bytes = text.as_bytes();
    let (mantissa, mut end) = run(bytes, first, 0);
    let mut count = end - first;
    let mut mantissa = mantissa;
    let mut exponent: i64 = 0;
    let mut whole = true;
    if bytes.get(end) == Some(&b'.') {
        whole = false;
        let (longer, behind) = run(bytes, end + 1, mantissa);
        let fraction = behind - end - 1;
        mantissa = longer;
        count += fraction;
        exponent = -i64::try_from(fraction).unwrap_or(i64::MAX);
        end = behind;
    }
    if count == 0 {
        return word(text, first, negative);
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = bytes.get(end + 1);
        let from = end + 1 + usize::from(matches!(sign, Some(b'+' | b'-')));
        let (power, behind) = run(bytes, from, 0);
        // Nothing is read as a number whose exponent is missing.
        if behind == from {
            return None;
        }
        whole = false;
        // What does not fit is left to the slow way below.
        let power = if behind - from > 4 {
            i64::from(u16::MAX)
        } else {
            i64::try_from(power).unwrap_or(i64::MAX)
        };
        exponent += if sign == Some(&b'-') { -power } else { power };
        end = behind;
    }
    let number = if whole {
        integer(text.get(start..end)?, mantissa, count, negative)?
    } else {
        Number::Float(float(
            text.get(start..end)?,
            mantissa,
            count,
            exponent,
            negative,
        )?)
    };
    Some((number, end))
}

#[inline]
fn integer(token: &str, mantissa: u64, count: usize, negative: bool) -> Option<Number> {
    if count > 18 {
        return match token.parse() {
            Ok(number) => Some(Number::Int(number)),
            Err(_) => token.parse().ok().map(Number::Float),
        };
    }
    if mantissa == 0 && negative {
        return Some(Number::Float(-0.0));
    }
    let number = mantissa as i64;
    Some(Number::Int(if negative { -number } else { number }))
}

/// Clinger's fast path: a mantissa below 2^53 and a power of ten up to 10^22 are both exact, so that
/// one multiplication or division rounds once, and right.
#[inline]
fn float(token: &str, mantissa: u64, count: usize, exponent: i64, negative: bool) -> Option<f64> {
    if count <= 19 && mantissa <= 1 << 53 {
        if let Some(ten) = usize::try_from(exponent.unsigned_abs())
            .ok()
            .and_then(|power| TENS.get(power))
        {
            let mantissa = mantissa as f64;
            let number = if exponent < 0 {
                mantissa / ten
            } else {
                mantissa * ten
            };
            return Some(if negative { -number } else { number });
        }
    }
    token.parse().ok()
}

/// Appends the digits from `at` on to a mantissa (beyond 19 digits it means nothing), and gives the place behind them.
#[inline]
fn run(bytes: &[u8], mut at: usize, mut mantissa: u64) -> (u64, usize) {
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let Some(eight) = eight_digits(u64::from_le_bytes(*word)) else {
            break;
        };
        mantissa = mantissa.wrapping_mul(100_000_000).wrapping_add(eight);
        at += 8;
    }
    while let Some(&byte) = bytes.get(at) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (mantissa, at)
}

/// The value of eight ASCII digits, the first in the lowest byte; `None` if one is something else.
#[inline]
fn eight_digits(word: u64) -> Option<u64> {
    let values = word.wrapping_sub(0x3030_3030_3030_3030);
    // A byte above '9' overflows into its high bit when 0x46 is added, one below '0' when 0x30 is taken away.
    if (word.wrapping_add(0x4646_4646_4646_4646) | values) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    // Neighbours are joined: digits to pairs, pairs to fours, fours to eight.
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    Some((fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff)
}

/// `NaN` and `Infinity`, which JSON does not know and servers send.
#[cold]
fn word(text: &str, at: usize, negative: bool) -> Option<(Number, usize)> {
    for (word, number) in [
        ("nan", f64::NAN),
        ("infinity", f64::INFINITY),
        ("inf", f64::INFINITY),
    ] {
        let end = at + word.len();
        if text
            .get(at..end)
            .is_some_and(|found| found.eq_ignore_ascii_case(word))
        {
            return Some((Number::Float(if negative { -number } else { number }), end));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        let (number, end) = read(text, 0).unwrap();
        assert_eq!(end, text.len(), "{text}");
        number
    }

    #[test]
    fn t23_whole_numbers_are_exact_to_64_bits() {
        for whole in [
            0,
            7,
            -7,
            12_345_678,
            123_456_789,
            9_007_199_254_740_993,
            i64::MAX,
            i64::MIN,
        ] {
            assert_eq!(number(&whole.to_string()), Number::Int(whole));
        }
        assert_eq!(
            number("9223372036854775808"),
            Number::Float(9_223_372_036_854_775_808.0)
        );
        assert_eq!(number("00012"), Number::Int(12));
        assert_eq!(number("0000000000000000000000012"), Number::Int(12));
    }

    #[test]
    fn the_sign_of_zero_is_kept() {
        let Number::Float(zero) = number("-0") else {
            panic!("no float");
        };
        assert!(zero == 0.0 && zero.is_sign_negative());
    }

    #[test]
    fn floats_are_rounded_as_the_standard_library_does() {
        for text in [
            "1.5",
            "-13197923.779060846",
            "5990167.221820091",
            "0.1",
            "1e6",
            "1E+6",
            "1.7976931348623157e308",
            "4.9e-324",
            "2.2250738585072011e-308",
            "9007199254740993.0",
            "1e22",
            "1e23",
            "123456789012345678901234567890.5",
            "1e400",
            "1e-400",
            "1e99999999999999999999",
            "0.000000000000000000000000000001",
            "5.",
            ".5",
        ] {
            let Number::Float(found) = number(text) else {
                panic!("{text} is no float");
            };
            let expected: f64 = text.parse().unwrap();
            assert_eq!(found.to_bits(), expected.to_bits(), "{text}");
        }
    }

    #[test]
    fn words_stand_for_numbers() {
        assert!(number("NaN").to_f64().is_nan());
        assert_eq!(number("Infinity"), Number::Float(f64::INFINITY));
        assert_eq!(number("-Infinity"), Number::Float(f64::NEG_INFINITY));
        for text in ["", "-", "x", "nul", "1e", "1e+", "."] {
            assert_eq!(read(text, 0), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_float_comes_back(bits: u64) {
            let float = f64::from_bits(bits);
            prop_assume!(float.is_finite());
            for text in [format!("{float:e}"), format!("{float}"), format!("{float:?}")] {
                prop_assert_eq!(number(&text).to_f64(), float);
            }
        }

        #[test]
        fn any_decimal_is_read_as_the_standard_library_does(text in "-?[0-9]{1,22}\\.[0-9]{0,22}([eE][+-]?[0-9]{1,3})?") {
            let expected: f64 = text.parse().unwrap();
            prop_assert_eq!(number(&text).to_f64().to_bits(), expected.to_bits());
        }

        #[test]
        fn any_integer_comes_back(whole: i64) {
            prop_assert_eq!(number(&whole.to_string()).to_f64(), whole as f64);
        }
    }
}
