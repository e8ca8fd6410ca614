//! Round numbers: the lines of the grid and what is written beside them, and the bar of the scale.

use crate::crs::{Crs, Unit};
use crate::placement::View;

/// Metres of a degree along the equator.
const DEGREE: f64 = 111_319.49;

/// Steps of degrees beyond one.
const DEGREES: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0];

/// Which way an axis runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Axis {
    East,
    North,
}

/// The places of grid lines from one end to the other: about as many as wanted.
pub(super) fn ticks(from: f64, to: f64, wanted: f64, crs: &Crs) -> (Vec<f64>, f64) {
    let rough = (to - from) / wanted.max(1.0);
    let step = if crs.is_degrees() && rough > 0.5 {
        let coarser = DEGREES.into_iter().find(|step| *step >= rough);
        coarser.unwrap_or(90.0)
    } else {
        round_up(rough)
    };
    let mut places = Vec::new();
    if !(step.is_finite() && step > 0.0) {
        return (places, 1.0);
    }
    let first = (from / step).ceil();
    let mut at = 0.0;
    while (first + at) * step <= to && places.len() < 40 {
        places.push((first + at) * step);
        at += 1.0;
    }
    (places, step)
}

/// The next of 1, 2 and 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10.0_f64.powf(value.log10().floor());
    let part = value / power;
    let round = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|round| part <= *round + 1e-9);
    round.unwrap_or(10.0) * power
}

/// What is written beside a grid line.
pub(super) fn label(value: f64, step: f64, axis: Axis, crs: &Crs) -> String {
    let digits = digits(step);
    if !crs.is_degrees() {
        return grouped(value, digits);
    }
    let (value, sides) = match axis {
        Axis::East => {
            // Maps go on behind the antimeridian.
            let around = (value + 180.0).rem_euclid(360.0) - 180.0;
            (around, ["E", "W"])
        }
        Axis::North => (value, ["N", "S"]),
    };
    let text = format!("{:.digits$}°", value.abs());
    let zero = value.abs() < step / 1e6;
    let middle = axis == Axis::East && (value.abs() - 180.0).abs() < step / 1e6;
    if zero || middle {
        return text;
    }
    let [positive, negative] = sides;
    format!("{text}{}", if value > 0.0 { positive } else { negative })
}

/// Decimals that a step needs.
fn digits(step: f64) -> usize {
    let digits = (-step.log10()).ceil();
    // 0.25 would need more, but no step is.
    digits.clamp(0.0, 9.0) as usize
}

/// A number with commas between its thousands.
pub(crate) fn grouped(value: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", value.abs());
    let (whole, rest) = text
        .split_once('.')
        .map_or((text.as_str(), ""), |parts| parts);
    let mut out = String::new();
    if value < 0.0 && text.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
        out.push('−');
    }
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    out
}

/// The bar of the scale: its length in pixels, and what it stands for. None where the unit is unknown.
pub(super) fn bar(view: &View, crs: &Crs, longest: f64) -> Option<(f64, String)> {
    let [_, latitude] = view.extent.middle();
    let mut note = String::new();
    let metres = match crs.unit() {
        Unit::Degrees => {
            if view.extent.height() > 20.0 {
                let side = if latitude < 0.0 { "S" } else { "N" };
                note = format!(" at {:.0}°{side}", latitude.abs());
            }
            DEGREE * latitude.clamp(-84.0, 84.0).to_radians().cos()
        }
        Unit::Length(metres) if crs.is_web_mercator() => {
            // Lengths grow away from the equator: by the cosine of the latitude.
            metres / (latitude / 6_378_137.0).cosh()
        }
        Unit::Length(metres) => metres,
        Unit::Unknown => return None,
    };
    let per_pixel = metres / view.pixels_per_unit();
    let most = per_pixel * longest;
    if !(most.is_finite() && most > 0.0) {
        return None;
    }
    let power = 10.0_f64.powf(most.log10().floor());
    let part = most / power;
    let round = [5.0, 2.0].into_iter().find(|round| part >= *round);
    let length = round.unwrap_or(1.0) * power;
    let text = if length >= 1000.0 {
        format!("{} km", grouped(length / 1000.0, 0))
    } else if length >= 1.0 {
        format!("{} m", grouped(length, 0))
    } else {
        format!("{} m", grouped(length, digits(length)))
    };
    Some((length / per_pixel, text + &note))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_lines_are_round() {
        let degrees = Crs::crs84();
        let (places, step) = ticks(-197.0, 197.0, 6.0, &degrees);
        assert_eq!(step, 90.0);
        assert_eq!(places, [-180.0, -90.0, 0.0, 90.0, 180.0]);
        let (places, step) = ticks(5.3, 5.9, 5.0, &degrees);
        assert_eq!((places.len(), step), (3, 0.2));
        assert_eq!(label(5.4, 0.2, Axis::East, &degrees), "5.4°E");
        assert_eq!(label(190.0, 10.0, Axis::East, &degrees), "170°W");
        assert_eq!(label(180.0, 10.0, Axis::East, &degrees), "180°");
        assert_eq!(label(0.0, 10.0, Axis::North, &degrees), "0°");
        assert_eq!(
            label(-2_500_000.0, 500_000.0, Axis::North, &Crs::unknown()),
            "−2,500,000"
        );
        assert_eq!(label(0.5, 0.1, Axis::North, &Crs::unknown()), "0.5");
    }
}
