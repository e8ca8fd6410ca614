//! Against the formulas of the curves: how far lines leave them.

use proptest::prelude::*;

use super::*;

/// All positions, both ends included.
fn line(curve: &Curve, start: At, tolerance: f64) -> Vec<At> {
    let mut positions = vec![start];
    let mut last = 0.0;
    curve.between(start, tolerance, |at, along| {
        assert!(along > last && along < 1.0);
        last = along;
        positions.push(at);
    });
    positions.push(curve.end());
    positions
}

/// How far a place is from a segment.
fn off(at: At, a: At, b: At) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length = dx * dx + dy * dy;
    let along = if length == 0.0 {
        0.0
    } else {
        (((at[0] - a[0]) * dx + (at[1] - a[1]) * dy) / length).clamp(0.0, 1.0)
    };
    distance(at, [a[0] + dx * along, a[1] + dy * along])
}

/// The most that any of the places is from the line.
fn most_off(places: impl Iterator<Item = At>, line: &[At]) -> f64 {
    places
        .map(|at| {
            line.windows(2)
                .map(|pair| off(at, pair[0], pair[1]))
                .fold(f64::INFINITY, f64::min)
        })
        .fold(0.0, f64::max)
}

fn signed_area(line: &[At]) -> f64 {
    line.windows(2)
        .map(|pair| pair[0][0] * pair[1][1] - pair[1][0] * pair[0][1])
        .sum::<f64>()
        / 2.0
}

#[test]
fn a_half_circle_by_the_position_on_it() {
    let curve = Curve::Circle {
        end: [-1.0, 0.0],
        on: [0.0, 1.0],
    };
    let half = line(&curve, [1.0, 0.0], TOLERANCE);
    assert_eq!((half[0], half[half.len() - 1]), ([1.0, 0.0], [-1.0, 0.0]));
    assert!(
        half.iter()
            .all(|at| (at[0].hypot(at[1]) - 1.0).abs() < 1e-12)
    );
    assert!(half.iter().all(|at| at[1] > -1e-12), "over the top");
    // The other way round is below.
    let below = Curve::Circle {
        end: [-1.0, 0.0],
        on: [0.0, -1.0],
    };
    assert!(
        line(&below, [1.0, 0.0], TOLERANCE)
            .iter()
            .all(|at| at[1] < 1e-12)
    );
}

#[test]
fn full_circles_and_ellipses_run_the_way_they_say() {
    // As long as the formula has it, but for the tolerance: the area of n sides is n/2·r²·sin(2π/n).
    let circle = Curve::Circle {
        end: [3.0, 5.0],
        on: [7.0, 5.0],
    };
    let positions = line(&circle, [3.0, 5.0], TOLERANCE);
    assert_eq!(positions.len(), 224, "223 steps");
    assert!((signed_area(&positions).abs() - 4.0 * std::f64::consts::PI).abs() < 2e-3);
    for (clockwise, sign) in [(false, 1.0), (true, -1.0)] {
        let ellipse = Curve::Arc {
            end: [10.0, 0.0],
            centre: [0.0, 0.0],
            minor: false,
            clockwise,
            ellipse: Some(Ellipse {
                rotation: 0.0,
                semi_major: 10.0,
                ratio: 0.5,
            }),
        };
        let area = signed_area(&line(&ellipse, [10.0, 0.0], TOLERANCE));
        // π·a·b
        assert!(
            (area - sign * 50.0 * std::f64::consts::PI).abs() < 0.03,
            "{area}"
        );
    }
}

#[test]
fn arcs_take_the_side_that_their_direction_says() {
    // A quarter and the other three quarters of one circle.
    for (clockwise, minor, length) in [(false, true, 1.0), (true, false, 3.0)] {
        let curve = Curve::Arc {
            end: [0.0, 1.0],
            centre: [0.0, 0.0],
            minor,
            clockwise,
            ellipse: None,
        };
        let line = line(&curve, [1.0, 0.0], TOLERANCE);
        let sum: f64 = line.windows(2).map(|pair| distance(pair[0], pair[1])).sum();
        assert!(
            (sum - length * std::f64::consts::FRAC_PI_2).abs() < 1e-3,
            "{sum}"
        );
    }
}

#[test]
fn what_is_no_curve_is_a_line() {
    for curve in [
        Curve::Circle {
            end: [2.0, 2.0],
            on: [1.0, 1.0],
        },
        Curve::Circle {
            end: [2.0, 2.0],
            on: [0.0, 0.0],
        },
        Curve::Arc {
            end: [2.0, 2.0],
            centre: [0.0, 0.0],
            minor: true,
            clockwise: true,
            ellipse: Some(Ellipse {
                rotation: f64::NAN,
                semi_major: 1.0,
                ratio: 0.0,
            }),
        },
        Curve::Bezier {
            end: [2.0, 2.0],
            first: [0.0, 0.0],
            second: [2.0, 2.0],
        },
    ] {
        let positions = line(&curve, [0.0, 0.0], TOLERANCE);
        assert!(positions.iter().all(|at| (at[0] - at[1]).abs() < 1e-12));
    }
    let nowhere = Curve::Bezier {
        end: [0.0, 0.0],
        first: [0.0, 0.0],
        second: [0.0, 0.0],
    };
    assert_eq!(line(&nowhere, [0.0, 0.0], TOLERANCE).len(), 2);
}

proptest! {
    #[test]
    fn arcs_of_circles_keep_to_the_tolerance(
        centre in prop::array::uniform2(-1e6_f64..1e6),
        radius in 1e-3_f64..1e5,
        from in 0.0..TAU,
        sweep in 0.01_f64..6.2,
        left in any::<bool>(),
        tolerance in 1e-5_f64..1e-2,
    ) {
        let sweep = if left { sweep } else { -sweep };
        let at = |angle: f64| [centre[0] + radius * angle.cos(), centre[1] + radius * angle.sin()];
        let curve = Curve::Circle { end: at(from + sweep), on: at(from + sweep * 0.4) };
        let positions = line(&curve, at(from), tolerance);
        let truth = (0..=500).map(|i| at(from + sweep * f64::from(i) / 500.0));
        // Beside the tolerance, what the digits of such coordinates hold, which short arcs of three positions enlarge.
        let digits = 1e-9 * (radius + 1.0) + 1e-8 / sweep.abs();
        let most = most_off(truth, &positions);
        prop_assert!(most <= tolerance * radius * 1.001 + digits, "{most} of {}", tolerance * radius);
    }

    #[test]
    fn arcs_of_ellipses_keep_to_the_tolerance(
        centre in prop::array::uniform2(-1e3_f64..1e3),
        semi_major in 0.1_f64..1e3,
        ratio in 0.05_f64..1.0,
        rotation in 0.0..TAU,
        from in 0.0..TAU,
        sweep in 0.05_f64..6.2,
        clockwise in any::<bool>(),
    ) {
        let sweep = if clockwise { -sweep } else { sweep };
        let at = |angle: f64| {
            let (x, y) = (semi_major * angle.cos(), semi_major * ratio * angle.sin());
            [
                centre[0] + x * rotation.cos() - y * rotation.sin(),
                centre[1] + x * rotation.sin() + y * rotation.cos(),
            ]
        };
        let curve = Curve::Arc {
            end: at(from + sweep),
            centre,
            minor: sweep.abs() <= std::f64::consts::PI,
            clockwise,
            ellipse: Some(Ellipse { rotation, semi_major, ratio }),
        };
        let positions = line(&curve, at(from), TOLERANCE);
        let truth = (0..=500).map(|i| at(from + sweep * f64::from(i) / 500.0));
        let most = most_off(truth, &positions);
        prop_assert!(most <= TOLERANCE * semi_major * 1.001 + 1e-7, "{most}");
    }

    #[test]
    fn bezier_curves_keep_to_the_tolerance(p in prop::array::uniform4(prop::array::uniform2(-1e3_f64..1e3))) {
        let [start, first, second, end] = p;
        let curve = Curve::Bezier { end, first, second };
        let positions = line(&curve, start, TOLERANCE);
        // By de Casteljau's construction.
        let mix = |a: At, b: At, t: f64| [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
        let at = |t: f64| {
            let (a, b, c) = (mix(start, first, t), mix(first, second, t), mix(second, end, t));
            mix(mix(a, b, t), mix(b, c, t), t)
        };
        let size = distance(start, first) + distance(first, second) + distance(second, end);
        let most = most_off((0..=500).map(|i| at(f64::from(i) / 500.0)), &positions);
        prop_assert!(most <= TOLERANCE * size * 1.001 + 1e-9, "{most} of {}", TOLERANCE * size);
    }
}
