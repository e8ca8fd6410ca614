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
    let (whole, end) = run(bytes, first, 0);
    let whole_digits = end - first;
    match bytes.get(end) {
        Some(b'.') => {
            let (mantissa, behind) = run(bytes, end + 1, whole);
            let places = behind - end - 1;
            let count = whole_digits + places;
            if count == 0 {
                return word(text, first, negative);
            }
            if let Some(b'e' | b'E') = bytes.get(behind) {
                return with_exponent(text, start, behind);
            }
            let number = match decimal(mantissa, places) {
                Some(number) if count <= 19 => number,
                _ => return slow(text, start, behind),
            };
            let number = if negative { -number } else { number };
            Some((Number::Float(number), behind))
        }
        _ if whole_digits == 0 => word(text, first, negative),
        Some(b'e' | b'E') => with_exponent(text, start, end),
        _ if whole_digits > 18 => match text.get(start..end)?.parse() {
            Ok(number) => Some((Number::Int(number), end)),
            Err(_) => slow(text, start, end),
        },
        _ if whole == 0 && negative => Some((Number::Float(-0.0), end)),
        _ => {
            let number = whole as i64;
            Some((Number::Int(if negative { -number } else { number }), end))
        }
    }
}

/// A number whose exponent begins at `at`, as the standard library reads it. `None` where the exponent is missing.
#[cold]
fn with_exponent(text: &str, start: usize, at: usize) -> Option<(Number, usize)> {
    let bytes = text.as_bytes();
    let from = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
    let (_, end) = run(bytes, from, 0);
    (end > from).then(|| slow(text, start, end))?
}

/// A number of many digits, or one just below the middle between two floats.
#[cold]
fn slow(text: &str, start: usize, end: usize) -> Option<(Number, usize)> {
    let number = text.get(start..end)?.parse().ok()?;
    Some((Number::Float(number), end))
}

/// The float next to `mantissa` / 10^`places`, or `None` where that is not certain.
///
/// Clinger's fast path: a mantissa below 2^53 and a power of ten up to 10^22 are both exact, so that one division
/// rounds once, and right. Other fractions are multiplied by the inverse of a power of five.
#[inline]
fn decimal(mantissa: u64, places: usize) -> Option<f64> {
    match TENS.get(places) {
        Some(ten) if mantissa <= 1 << 53 => Some(mantissa as f64 / ten),
        _ => fraction(mantissa, places),
    }
}

/// As [`decimal`], for long fractions.
///
/// 2^s / 5^n, rounded down to 64 bits, is too small by less than 1, so that the upper half of its product with a
/// mantissa of 64 bits is too small by more than 0 and less than 2. That leaves only one in a thousand undecided: those
/// just below the middle between two floats, among them those that lie on it.
#[inline]
fn fraction(mantissa: u64, places: usize) -> Option<f64> {
    let &Inverse { digits, scale } = INVERSES.get(places.checked_sub(1)?)?;
    let zeros = mantissa.leading_zeros();
    let mantissa = mantissa.checked_shl(zeros)?;
    let product = u128::from(mantissa) * u128::from(digits);
    let upper = (product >> 64) as u64;
    // 53 bits are kept: of 64, or of 63.
    let dropped = 10 + (upper >> 63) as u32;
    let rest = upper & ((1 << dropped) - 1);
    let half = 1 << (dropped - 1);
    if rest + 1 == half {
        return None;
    }
    let kept = (upper >> dropped) + u64::from(rest >= half);
    let two = f64::from_bits(u64::from(scale + dropped - zeros) << 52);
    Some(kept as f64 * two)
}

/// 1 / 5^n: 64 bits, the first of them 1, and by which power of two they are to be multiplied.
#[derive(Clone, Copy)]
struct Inverse {
    digits: u64,
    /// Of the product's upper half by 10^-n, as a float has its exponent.
    scale: u32,
}

/// Of 5^1 and so on, as far as their powers have 64 bits; no sum of digits that fits 64 bits is longer but by zeros in front.
const INVERSES: [Inverse; 27] = inverses();

const fn inverses() -> [Inverse; 27] {
    let mut inverses = [Inverse {
        digits: 0,
        scale: 0,
    }; 27];
    let mut five: u128 = 1;
    let mut n = 0;
    while n < inverses.len() {
        five *= 5;
        // 2^(bits + 63) / 5^n, in two steps of long division.
        let bits = 128 - five.leading_zeros();
        let high = (1_u128 << bits) / five;
        let mut rest = (1_u128 << bits) % five;
        let mut digits = high as u64;
        let mut bit = 0;
        while bit < 63 {
            rest <<= 1;
            digits <<= 1;
            if rest >= five {
                rest -= five;
                digits |= 1;
            }
            bit += 1;
        }
        // The product's upper half is 2^(bits + 63 - 64) times too large, and 5^n is not yet 10^n.
        inverses[n] = Inverse {
            digits,
            scale: 1023 + 1 - bits - (n as u32 + 1),
        };
        n += 1;
    }
    inverses
}

/// Appends the digits from `at` on to a mantissa (beyond 19 digits it means nothing), and gives the place behind them.
#[inline(always)]
fn run(bytes: &[u8], mut at: usize, mut mantissa: u64) -> (u64, usize) {
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let values = u64::from_le_bytes(*word) ^ (ONES * b'0' as u64);
        // Above 9 the high bit is there or comes by adding; what is carried only reaches bytes behind such a one.
        let others = (values.wrapping_add(ONES * 0x76) | values) & (ONES * 0x80);
        let count = others.trailing_zeros() / 8;
        if count == 0 {
            return (mantissa, at);
        }
        if count == 8 {
            mantissa = mantissa
                .wrapping_mul(100_000_000)
                .wrapping_add(eight_digits(values));
            at += 8;
            continue;
        }
        // Zeros in front in place of what is no digit behind.
        let digits = (values << (56 - 8 * count)) << 8;
        let ten = WHOLE_TENS.get(count as usize).copied().unwrap_or(1);
        let mantissa = mantissa
            .wrapping_mul(ten)
            .wrapping_add(eight_digits(digits));
        return (mantissa, at + count as usize);
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

const ONES: u64 = 0x0101_0101_0101_0101;

const WHOLE_TENS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// The number that eight digits are, one in each byte, the first in the lowest.
#[inline(always)]
fn eight_digits(values: u64) -> u64 {
    // Neighbours are joined: digits to pairs, pairs to fours, fours to eight.
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff
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
            "0.0000000000000000012345678901234567",
            "-0.00000000000000000000",
            "0.00000000000000000000e-5",
            "9007199254740993.5",
            "9007199254740992.5",
            "18014398509481985.0",
            "9223372036854775.807",
            "1844674407370955161.5",
            "9.999999999999999999",
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

        /// Where the way over inverses of powers of five is taken, and just beside the middle between two floats.
        #[test]
        fn any_long_fraction_is_read_as_the_standard_library_does(
            float in 1e-6_f64..1e19,
            places in 0_usize..20,
            more in -2_i64..3,
        ) {
            let middle = (float + f64::from_bits(float.to_bits() + 1)) / 2.0;
            for start in [float, middle] {
                let written = format!("{start:.places$}");
                let mut digits: Vec<u8> = written.bytes().collect();
                if let Some(last) = digits.last_mut() {
                    *last = (i64::from(*last) + more).clamp(48, 57) as u8;
                }
                let text = String::from_utf8(digits).unwrap() + if places == 0 { ".0" } else { "" };
                let expected: f64 = text.parse().unwrap();
                prop_assert_eq!(number(&text).to_f64().to_bits(), expected.to_bits(), "{}", text);
            }
        }

        #[test]
        fn any_integer_comes_back(whole: i64) {
            prop_assert_eq!(number(&whole.to_string()).to_f64(), whole as f64);
        }
    }
}
