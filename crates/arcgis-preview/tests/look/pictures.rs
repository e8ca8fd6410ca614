//! Facts about pixels.

use std::time::Instant;

use arcgis_preview::{Error, PngOptions};
use geo_types::{Geometry, LineString, Polygon};

use crate::bench::{Picture, batch, frame, point, preview, preview_of, ring};

/// A picture that is drawn soon.
fn small() -> PngOptions {
    PngOptions::default().with_width(400)
}

/// The red of points on light ground, and whatever it is mixed with at its rim.
fn is_point([red, green, blue]: [u8; 3]) -> bool {
    red > 180 && green < 110 && blue < 140
}

/// The blue of polygons, inside and at the border.
fn is_area([red, green, blue]: [u8; 3]) -> bool {
    blue > red && blue - red > 40 && green > red
}

/// The frame of the map, by the one colour that nothing else has.
fn map_of(picture: &Picture) -> (usize, usize, usize, usize) {
    let frame = picture.region(|pixel| pixel == [0xb6, 0xc2, 0xcc]).unwrap();
    (frame.left, frame.top, frame.right, frame.bottom)
}

#[test]
fn one_point_is_seen_in_the_middle() {
    for (x, y, crs) in [
        (31.25, 30.05, "\"EPSG:4326\""),
        (500_000.0, 5_000_000.0, "null"),
    ] {
        let picture = Picture::of(&preview(&[point(x, y)], crs), &small());
        assert_eq!(picture.width, 400);
        let (left, top, right, bottom) = map_of(&picture);
        let region = picture.region(is_point).unwrap();
        assert!(region.count > 10, "{region:?}");
        // The legend has one too, below the map.
        let in_map = (top..bottom)
            .flat_map(|y| (left..right).map(move |x| (x, y)))
            .filter(|(x, y)| is_point(picture.at(*x, *y)));
        let (sum, count) = in_map.fold(((0, 0), 0), |((xs, ys), n), (x, y)| {
            ((xs + x, ys + y), n + 1)
        });
        let middle = (sum.0 / count, sum.1 / count);
        println!("{x} {y}: {middle:?} in {left} {top} {right} {bottom}");
        assert!(middle.0.abs_diff((left + right) / 2) <= 2, "{middle:?}");
        assert!(middle.1.abs_diff((top + bottom) / 2) <= 2, "{middle:?}");
    }
}

#[test]
fn points_lie_where_their_coordinates_say() {
    // Three corners of a square, in metres: no fourth.
    let corners = [point(0.0, 0.0), point(100.0, 0.0), point(0.0, 100.0)];
    let picture = Picture::of(&preview(&corners, "null"), &small());
    let (left, top, right, bottom) = map_of(&picture);
    let side = (bottom - top) as f64 / 1.09;
    let (middle_x, middle_y) = ((left + right) as f64 / 2.0, (top + bottom) as f64 / 2.0);
    let place = |x: f64, y: f64| {
        let across = middle_x + (x / 100.0 - 0.5) * side;
        let down = middle_y - (y / 100.0 - 0.5) * side;
        (across.round() as usize, down.round() as usize)
    };
    for (x, y, there) in [
        (0.0, 0.0, true),
        (100.0, 0.0, true),
        (0.0, 100.0, true),
        (100.0, 100.0, false),
    ] {
        let (across, down) = place(x, y);
        assert_eq!(
            is_point(picture.at(across, down)),
            there,
            "{x} {y}: {:?}",
            picture.at(across, down)
        );
    }
}

#[test]
fn holes_are_empty_and_other_polygons_may_fill_them() {
    let whole = Picture::of(&preview(&[frame().into()], "null"), &small());
    let (left, top, right, bottom) = map_of(&whole);
    let (x, y) = ((left + right) / 2, (top + bottom) / 2);
    assert!(!is_area(whole.at(x, y)), "{:?}", whole.at(x, y));
    // A third of the width to the left is the polygon.
    let third = (bottom - top) / 3;
    assert!(is_area(whole.at(x - third, y)));
    let lake = Polygon::new(ring(30.0, 30.0, 60.0, 60.0), Vec::new());
    let filled = Picture::of(&preview(&[frame().into(), lake.into()], "null"), &small());
    assert!(is_area(filled.at(x, y)));
    // Polygons one over the other do not undo each other.
    let twice = Picture::of(
        &preview(&[frame().into(), frame().into()], "null"),
        &small(),
    );
    assert!(is_area(twice.at(x - third, y)));
}

#[test]
fn rings_may_run_either_way() {
    let mut turned = ring(0.0, 0.0, 90.0, 90.0);
    turned.0.reverse();
    // Hole and shell the same way round, as some writers have them.
    let polygon = Polygon::new(
        ring(0.0, 0.0, 90.0, 90.0),
        vec![ring(30.0, 30.0, 60.0, 60.0)],
    );
    let other = Polygon::new(turned, polygon.interiors().to_vec());
    let [one, two] =
        [polygon, other].map(|polygon| preview(&[polygon.into()], "null").png(&small()).unwrap());
    assert!(one == two);
}

#[test]
fn lines_are_drawn_across_the_antimeridian_the_short_way() {
    let line = |xs: &[f64]| -> Geometry {
        let line: LineString = xs.iter().map(|x| (*x, -17.0)).collect();
        line.into()
    };
    let crossing = preview(&[line(&[177.0, 179.5, -178.0])], "\"EPSG:4326\"");
    // Five degrees, not the 355 of the way back: the map of it is a close one, without the land.
    let text = crossing
        .terminal(arcgis_preview::TerminalOptions {
            columns: 60,
            lines: 20,
            colour: false,
        })
        .unwrap();
    let same = preview(&[line(&[-3.0, -0.5, 2.0])], "\"EPSG:4326\"");
    let plain = same
        .terminal(arcgis_preview::TerminalOptions {
            columns: 60,
            lines: 20,
            colour: false,
        })
        .unwrap();
    assert_eq!(text, plain);
    let extent = crossing.extent().unwrap();
    assert_eq!((extent.xmin, extent.xmax), (-178.0, 179.5));
}

#[test]
fn a_picture_has_the_size_that_is_asked_for_or_is_refused() {
    let made = preview(&[frame().into()], "null");
    let narrow = Picture::of(&made, &small());
    assert_eq!(narrow.width, 400);
    for width in [0, 199, 8001] {
        let error = made
            .png(&PngOptions::default().with_width(width))
            .unwrap_err();
        assert!(matches!(error, Error::Size { .. }), "{error}");
    }
    let dark = Picture::of(&made, &small().with_dark(true));
    assert_eq!(dark.at(2, 2), [0x0d, 0x14, 0x1b]);
}

#[test]
fn nothing_to_draw_is_no_trouble() {
    let empty = preview_of(&batch(&[None, None], "\"EPSG:4326\""));
    assert_eq!(empty.extent(), None);
    let picture = Picture::of(&empty, &small());
    assert_eq!(picture.width, 400);
    assert_eq!(preview(&[], "null").rows(), 0);
}

#[test]
fn many_points_are_shaded_by_how_many_there_are() {
    // Evenly spread, and a crowd in the middle.
    let mut points: Vec<Geometry> = (0..10_000)
        .map(|n| point(f64::from(n % 100) * 10.0, f64::from(n / 100) * 10.0))
        .collect();
    points.extend((0..5_000).map(|n| {
        point(
            500.0 + f64::from(n % 50) / 50.0,
            500.0 + f64::from(n / 50) / 50.0,
        )
    }));
    let start = Instant::now();
    let picture = Picture::of(&preview(&points, "null"), &small());
    println!("15,000 points: {:?}", start.elapsed());
    let (left, top, right, bottom) = map_of(&picture);
    let (x, y) = ((left + right) / 2, (top + bottom) / 2);
    let brightness =
        |[red, green, blue]: [u8; 3]| u32::from(red) + u32::from(green) + u32::from(blue);
    let darkest_near = |x: usize, y: usize| {
        (y - 8..y + 8)
            .flat_map(|y| (x - 8..x + 8).map(move |x| (x, y)))
            .map(|(x, y)| brightness(picture.at(x, y)))
            .min()
            .unwrap()
    };
    let (crowd, few) = (
        darkest_near(x, y),
        darkest_near(x, top + (bottom - top) / 4),
    );
    assert!(crowd + 150 < few, "{crowd} {few}");
    assert!(few < 560, "{few}");
}
