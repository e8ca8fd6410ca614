//! Positions as differences of whole numbers, many at a time.
//!
//! What takes most is finding where each number ends. The rest is done in loops of fixed length without branches,
//! which compilers turn into instructions that take several numbers at once.

use super::wire::HIGH;
use crate::decode::coordinate_grid::Axis;

/// So many positions are read at a time.
const MANY: usize = 16;

/// Positions that are farther away than this are left to whoever adds whole numbers: floats add steps exactly up to
/// 2^53, and those of one time stay below 2^32 together.
const FAR: u64 = 1 << 52;

/// Makes positions of x and y from pairs of differences, from the position `at` on, until `out` is full. Gives how many
/// it made, and how many bytes they took: fewer where a difference has more than four bytes, where fewer than eight bytes
/// are left, or where positions are far away.
pub(super) fn positions(
    bytes: &[u8],
    at: &mut [i64; 2],
    axes: [&Axis; 2],
    out: &mut [f64],
) -> (usize, usize) {
    let axes = axes.map(Axis::clone);
    let (mut made, mut taken) = (0, 0);
    for out in out.chunks_mut(2 * MANY) {
        if at.iter().any(|at| at.unsigned_abs() >= FAR) {
            break;
        }
        let wanted = out.len() / 2;
        let mut steps = [[0; 2]; MANY];
        let rest = bytes.get(taken..).unwrap_or_default();
        let (read, length) = pairs(rest, steps.get_mut(..wanted).unwrap_or_default());
        if read == 0 {
            break;
        }
        for step in steps.as_flattened_mut() {
            *step = joined(*step);
        }
        let mut sum = at.map(|at| at as f64);
        let steps = steps.get(..read).unwrap_or_default();
        for (out, &step) in out.chunks_exact_mut(2).zip(steps) {
            let [x, y] = step.map(|step| f64::from(step as i32));
            sum = [sum[0] + x, sum[1] + y];
            out.copy_from_slice(&[axes[0].scaled(sum[0]), axes[1].scaled(sum[1])]);
        }
        *at = sum.map(|sum| sum as i64);
        made += read;
        taken += length;
        if read < wanted {
            break;
        }
    }
    (made, taken)
}

/// Finds pairs of numbers of at most four bytes each, as they stand there. Gives how many there are, and how many bytes
/// they take.
#[inline(always)]
fn pairs(bytes: &[u8], pairs: &mut [[u32; 2]]) -> (usize, usize) {
    let mut at = 0;
    let mut read = 0;
    for pair in pairs {
        let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) else {
            break;
        };
        let word = u64::from_le_bytes(*word);
        // The high bits side by side.
        let place = ((word & HIGH).wrapping_mul(0x0002_0408_1020_4081) >> 56) as u8;
        let found = &PLACES[usize::from(place)];
        if found.length == 0 {
            break;
        }
        *pair = [
            word as u32 & found.x,
            (word >> (found.start & 63)) as u32 & found.y,
        ];
        read += 1;
        at += found.length;
    }
    (read, at)
}

/// Where two numbers stand in eight bytes.
#[derive(Clone, Copy)]
struct Place {
    /// The bits of the first, seven in each of its bytes.
    x: u32,
    /// Those of the second, from its first byte on.
    y: u32,
    /// Where that is, in bits.
    start: u32,
    /// How many bytes both take; 0 if one of them has more than four.
    length: usize,
}

/// By the high bits of the bytes, which tell whether a number goes on behind them.
static PLACES: [Place; 256] = places();

const fn places() -> [Place; 256] {
    let mut places = [Place {
        x: 0,
        y: 0,
        start: 0,
        length: 0,
    }; 256];
    let mut goes_on = 0;
    while goes_on < places.len() {
        let first = (goes_on as u32).trailing_ones() + 1;
        let second = (goes_on as u32 >> first).trailing_ones() + 1;
        if first <= 4 && second <= 4 {
            places[goes_on] = Place {
                x: 0x7f7f_7f7f >> (8 * (4 - first)),
                y: 0x7f7f_7f7f >> (8 * (4 - second)),
                start: 8 * first,
                length: (first + second) as usize,
            };
        }
        goes_on += 1;
    }
    places
}

/// The number, with its sign, of at most four bytes that have seven bits each.
#[inline(always)]
fn joined(bytes: u32) -> u32 {
    let pairs = (bytes & 0x007f_007f) | ((bytes & 0x7f00_7f00) >> 1);
    let number = (pairs & 0x3fff) | ((pairs & 0x3fff_0000) >> 2);
    (number >> 1) ^ (number & 1).wrapping_neg()
}

/// How many numbers of variable length end in some bytes: each in its only byte below 128.
pub(super) fn count(bytes: &[u8]) -> usize {
    let mut count = 0;
    // In each byte of a word a count of its own, up to 255.
    for block in bytes.chunks(255 * 8) {
        let words = block.chunks_exact(8);
        let last = words.remainder();
        let mut counts = 0;
        for word in words {
            let word = word
                .first_chunk()
                .map_or(u64::MAX, |word| u64::from_le_bytes(*word));
            counts += (!word & HIGH) >> 7;
        }
        let pairs = (counts & 0x00ff_00ff_00ff_00ff) + ((counts >> 8) & 0x00ff_00ff_00ff_00ff);
        count += (pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48) as usize;
        count += last.iter().filter(|&&byte| byte < 0x80).count();
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::pbf::wire::{unzigzag, varint};

    fn encoded(out: &mut Vec<u8>, step: i64) {
        let mut number = (step << 1 ^ step >> 63) as u64;
        while number >= 0x80 {
            out.push(number as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
    }

    /// One number after the other, added as whole numbers.
    fn one_by_one(bytes: &[u8], at: &mut [i64; 2], axes: [&Axis; 2], out: &mut [f64]) -> usize {
        let mut rest = bytes;
        for out in out.chunks_exact_mut(2) {
            for (out, (at, axis)) in out.iter_mut().zip(at.iter_mut().zip(axes)) {
                let (number, length) = varint(rest).unwrap();
                rest = &rest[length..];
                *at += unzigzag(number);
                *out = axis.at(*at);
            }
        }
        bytes.len() - rest.len()
    }

    #[test]
    fn positions_are_the_same_as_one_by_one() {
        let x = Axis::new(1e-4, -20_037_700.0);
        let y = Axis::new(-1e-4, 30_241_100.0);
        for (bits, count) in [
            (3, 40),
            (9, 100),
            (20, 64),
            (27, 1_000),
            (28, 16),
            (1, 1),
            (7, 17),
        ] {
            let mut bytes = Vec::new();
            let mut random = 0x9e37_79b9_7f4a_7c15_u64;
            for _ in 0..2 * count {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let step = (random >> 33) as i64 % (1 << bits) - (1 << (bits - 1));
                encoded(&mut bytes, step);
            }
            // Whatever follows.
            bytes.extend([0xff; 8]);
            for start in [[0, 0], [-400_000_000_000, 1 << 51]] {
                let (mut at, mut expected_at) = (start, start);
                let mut out = vec![0.0; 2 * count];
                let mut expected = out.clone();
                let length = one_by_one(&bytes, &mut expected_at, [&x, &y], &mut expected);
                let read = positions(&bytes, &mut at, [&x, &y], &mut out);
                assert_eq!((read, at), ((count, length), expected_at), "{bits}");
                assert_eq!(out, expected);
            }
        }
    }

    #[test]
    fn what_is_not_short_is_left() {
        let axis = Axis::new(1.0, 0.0);
        let mut bytes = Vec::new();
        for step in [1, -1, 100, 1 << 40, 2, 2] {
            encoded(&mut bytes, step);
        }
        bytes.extend([0; 8]);
        let mut out = [0.0; 6];
        let mut at = [5, 5];
        assert_eq!(positions(&bytes, &mut at, [&axis; 2], &mut out), (1, 2));
        assert_eq!((at, out[0], out[1]), ([6, 4], 6.0, 4.0));
        // Too few bytes, and too far away.
        assert_eq!(positions(&[2; 7], &mut at, [&axis; 2], &mut out), (0, 0));
        at = [i64::MIN, 0];
        assert_eq!(positions(&bytes, &mut at, [&axis; 2], &mut out), (0, 0));
        assert_eq!(
            positions(&[0xff; 16], &mut [0, 0], [&axis; 2], &mut out),
            (0, 0)
        );
    }

    #[test]
    fn ends_are_counted() {
        for length in [0, 1, 7, 8, 9, 300, 2_039, 2_040, 2_041, 10_000] {
            for every in [1, 2, 3, 7, 256] {
                let bytes: Vec<u8> = (0..length)
                    .map(|place: usize| {
                        if place.is_multiple_of(every) {
                            0x7f
                        } else {
                            0x80
                        }
                    })
                    .collect();
                assert_eq!(count(&bytes), length.div_ceil(every), "{length} {every}");
            }
        }
    }
}
