//! Curves that arrive all the same, as lines.

use arcgis_layer::{Dimensions, GeometryType};

use proptest::prelude::*;

use crate::recorder::{Shape, decode, located};

fn read(geometry: &str, kind: GeometryType, dims: Dimensions) -> Shape {
    let body = format!(r#"{{"features":[{{"geometry":{geometry}}}]}}"#);
    let (mut rows, _) = decode(&body, &located(kind, dims));
    rows.remove(0).geometry.unwrap()
}

#[test]
fn a_ring_of_a_line_and_an_arc() {
    // A half disc: its straight side, and the arc over [0, 5].
    let shape = read(
        r#"{"hasZ":false,"curveRings":[[[5,0],[-5,0],{"c":[[5,0],[0,5]]}]]}"#,
        GeometryType::Polygon,
        Dimensions::Xy,
    );
    assert_eq!(shape.kind, GeometryType::Polygon);
    let positions: Vec<(f64, f64)> = shape.coords.chunks(2).map(|at| (at[0], at[1])).collect();
    let (first, last) = (positions[0], positions[positions.len() - 1]);
    assert_eq!(first, last, "closed");
    assert!(positions.contains(&(5.0, 0.0)) && positions.contains(&(-5.0, 0.0)));
    assert!(positions.len() > 100);
    let area: f64 = positions
        .windows(2)
        .map(|pair| pair[0].0 * pair[1].1 - pair[1].0 * pair[0].1)
        .sum::<f64>()
        / 2.0;
    // Half of π·25, counter-clockwise as all shells.
    assert!((area - 12.5 * std::f64::consts::PI).abs() < 0.01, "{area}");
}

#[test]
fn heights_change_evenly_along_a_curve() {
    let shape = read(
        r#"{"hasZ":true,"hasM":true,"curvePaths":[[[0,0,10,1],{"b":[[4,0,30,3],[1,2],[3,2]]},[5,0,30,4]]]}"#,
        GeometryType::Polyline,
        Dimensions::Xyzm,
    );
    let positions: Vec<&[f64]> = shape.coords.chunks(4).collect();
    assert_eq!(positions[0], [0.0, 0.0, 10.0, 1.0]);
    assert_eq!(positions[positions.len() - 1], [5.0, 0.0, 30.0, 4.0]);
    assert_eq!(positions[positions.len() - 2], [4.0, 0.0, 30.0, 3.0]);
    for pair in positions[..positions.len() - 1].windows(2) {
        assert!(pair[0][2] < pair[1][2] && pair[0][3] < pair[1][3]);
    }
    // Halfway: the curve's own middle, and the middle of both ends in z.
    let middle = positions
        .iter()
        .find(|at| (at[0] - 2.0).abs() < 0.1)
        .unwrap();
    assert!((middle[1] - 1.5).abs() < 0.01 && (middle[2] - 20.0).abs() < 1.0);
}

#[test]
fn arcs_of_ellipses_take_numbers_and_truth_values() {
    for flags in ["0,1", "false,true"] {
        let shape = read(
            &format!(r#"{{"curveRings":[[[10,0],{{"a":[[10,0],[0,0],{flags},0,10,0.5]}}]]}}"#),
            GeometryType::Polygon,
            Dimensions::Xy,
        );
        for at in shape.coords.chunks(2) {
            let on = (at[0] / 10.0).powi(2) + (at[1] / 5.0).powi(2);
            assert!((on - 1.0).abs() < 1e-9);
        }
    }
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        -10.0_f64..10.0,
        Just(0.0),
        Just(1e308),
        Just(-1e308),
        Just(5e-324),
        -1e15_f64..1e15,
    ]
}

proptest! {
    #[test]
    fn no_numbers_are_too_odd_for_a_curve(
        letter in prop::sample::select(vec!["c", "a", "b"]),
        at in prop::collection::vec(number(), 10),
        flags in prop::collection::vec(0..2_u8, 2),
        shape in prop::collection::vec(number(), 0..4),
    ) {
        let pair = |i: usize| format!("[{:e},{:e}]", at[2 * i], at[2 * i + 1]);
        let more: String = flags
            .iter()
            .map(|flag| format!(",{flag}"))
            .chain(shape.iter().map(|number| format!(",{number:e}")))
            .collect();
        let list = match letter {
            "b" => format!("{},{},{}", pair(1), pair(2), pair(3)),
            "a" => format!("{},{}{more}", pair(1), pair(2)),
            _ => format!("{},{}", pair(1), pair(2)),
        };
        let geometry = format!(r#"{{"curvePaths":[[{},{{"{letter}":[{list}]}},{}]]}}"#, pair(0), pair(4));
        let shape = read(&geometry, GeometryType::Polyline, Dimensions::Xy);
        prop_assert!(shape.coords.iter().all(|number| number.is_finite()));
        prop_assert!(shape.coords.len() < 2 * 4200);
        prop_assert_eq!(&shape.coords[..2], &at[..2]);
    }
}
