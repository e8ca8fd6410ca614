//! Numbers that look random and follow from a row and a place alone.

/// 64 even bits for a row and a place.
pub(crate) fn bits(row: u64, place: u64) -> u64 {
    let mut state = row
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(place.wrapping_mul(0xD1B5_4A32_D192_ED03));
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// A number from 0 to below `end`.
pub(crate) fn below(row: u64, place: u64, end: u64) -> u64 {
    bits(row, place) % end
}

/// A number from 0 to below 1.
pub(crate) fn unit(row: u64, place: u64) -> f64 {
    (bits(row, place) >> 11) as f64 / (1u64 << 53) as f64
}

/// A number between two others.
pub(crate) fn between(row: u64, place: u64, from: f64, to: f64) -> f64 {
    from + (to - from) * unit(row, place)
}
