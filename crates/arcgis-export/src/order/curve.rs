//! The Hilbert curve: a line through all cells of a square, on which neighbours mostly stay neighbours.

/// How far along the curve a cell of a square of 2^32 by 2^32 lies.
///
/// Each step takes one bit of both axes, the highest first; the state is in which of four ways the curve runs
/// through the quarter that it is in.
pub(crate) fn distance(x: u32, y: u32) -> u64 {
    // For each state and quarter (x in the higher bit): which quarter of the curve it is, and the state within it.
    const STEPS: [[(u64, usize); 4]; 4] = [
        // Up, right, down: begins lower left, ends lower right.
        [(0, 1), (1, 0), (3, 2), (2, 0)],
        // Right, up, left: begins lower left, ends upper left.
        [(0, 0), (3, 3), (1, 1), (2, 1)],
        // Left, down, right: begins upper right, ends lower right.
        [(2, 2), (1, 2), (3, 0), (0, 3)],
        // Down, left, up: begins upper right, ends upper left.
        [(2, 3), (3, 1), (1, 3), (0, 2)],
    ];
    let mut distance = 0;
    let mut state = 0;
    for bit in (0..u32::BITS).rev() {
        let quarter = ((x >> bit) & 1) << 1 | ((y >> bit) & 1);
        let (step, next) = STEPS
            .get(state)
            .and_then(|steps| steps.get(quarter as usize))
            .copied()
            .unwrap_or_default();
        distance = distance << 2 | step;
        state = next;
    }
    distance
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook's way: find the quarter, turn the square, go on.
    fn by_turning(mut x: u32, mut y: u32, order: u32) -> u64 {
        let mut distance = 0_u64;
        let mask = u32::MAX >> (32 - order);
        for bit in (0..order).rev() {
            let (right, upper) = ((x >> bit) & 1, (y >> bit) & 1);
            distance += u64::from((3 * right) ^ upper) << (2 * bit);
            if upper == 0 {
                if right == 1 {
                    (x, y) = (!x & mask, !y & mask);
                }
                (x, y) = (y, x);
            }
        }
        distance
    }

    #[test]
    fn it_is_the_curve_of_the_textbook() {
        let mut number = 1_u64;
        for _ in 0..10_000 {
            number = number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let (x, y) = ((number >> 32) as u32, number.swap_bytes() as u32);
            assert_eq!(distance(x, y), by_turning(x, y, 32), "{x} {y}");
        }
    }

    #[test]
    fn neighbours_on_the_curve_are_neighbours_in_the_square() {
        // The highest bits alone: a square of 64 by 64.
        let mut cells: Vec<(u64, i32, i32)> = (0..64_u32)
            .flat_map(|x| (0..64).map(move |y| (x, y)))
            .map(|(x, y)| (distance(x << 26, y << 26), x as i32, y as i32))
            .collect();
        cells.sort_unstable();
        for (cell, next) in cells.iter().zip(&cells[1..]) {
            assert_eq!((cell.1 - next.1).abs() + (cell.2 - next.2).abs(), 1);
        }
        assert_eq!(distance(0, 0), 0);
        assert_eq!(distance(u32::MAX, 0), u64::MAX);
    }
}
