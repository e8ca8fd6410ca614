//! The map as text.

use arcgis_preview::TerminalOptions;

use crate::bench::{batch, frame, point, preview, preview_of};

const SMALL: TerminalOptions = TerminalOptions {
    columns: 24,
    lines: 12,
    colour: false,
};

#[test]
fn a_frame_is_a_frame() {
    let text = preview(&[frame().into()], "null").terminal(SMALL).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines.len() <= 12 && lines.iter().all(|line| line.chars().count() <= 24),
        "{text}"
    );
    // Two squares: the outer one fills the height, and its middle is a hole with nothing in it.
    let widest = lines
        .iter()
        .map(|line| line.trim_end().chars().count())
        .max()
        .unwrap();
    assert!(widest >= 22, "{text}");
    let middle = lines[lines.len() / 2];
    let marks = middle.chars().filter(|letter| *letter != ' ').count();
    assert_eq!(marks, 4, "{text}");
}

#[test]
fn colours_are_there_when_they_are_asked_for() {
    let points: Vec<_> = (0..500)
        .map(|n| point(f64::from(n % 7), f64::from(n % 11)))
        .collect();
    let made = preview(&points, "null");
    let plain = made.terminal(SMALL).unwrap();
    assert!(!plain.contains('\u{1b}'));
    let coloured = made
        .terminal(TerminalOptions {
            colour: true,
            ..SMALL
        })
        .unwrap();
    assert!(coloured.contains("\u{1b}[38;5;") && coloured.contains("\u{1b}[0m"));
    let nothing = preview_of(&batch(&[None], "null"));
    assert_eq!(nothing.terminal(SMALL), None);
}
