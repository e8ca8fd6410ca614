//! A terminal window as SVG: still where nothing moves, else playing its frames over and over.

use std::fmt::Write as _;

use crate::screen::{Cell, Colour, Style};

/// What the terminal showed for some time.
pub(crate) struct Frame {
    pub(crate) rows: Vec<Vec<Cell>>,
    /// In milliseconds.
    pub(crate) lasts: u64,
}

const SIZE: f64 = 14.0;
const ADVANCE: f64 = 8.4;
const LEADING: f64 = 20.0;
const MARGIN: f64 = 18.0;
const BAR: f64 = 36.0;

const BACKGROUND: &str = "#16191f";
const TEXT: &str = "#d7dae0";

/// The theme's 16 colours.
const THEME: [&str; 16] = [
    "#2b303b", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d7dae0",
    "#6b7280", "#ff8b93", "#b5e08f", "#ffd98a", "#82c6ff", "#dd9cf0", "#79d3de", "#ffffff",
];

/// Draws a window with `title` that shows `frames`; the last of them is what a still picture shows.
pub(crate) fn draw(title: &str, columns: usize, frames: &[Frame]) -> String {
    let height = frames
        .iter()
        .map(|frame| frame.rows.len())
        .max()
        .unwrap_or(0);
    let width = number(columns) * ADVANCE + 2.0 * MARGIN;
    let full = BAR + number(height) * LEADING + MARGIN;
    let mut svg = String::new();
    // Writing to a text cannot fail.
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {full:.0}\" \
         width=\"{width:.0}\" height=\"{full:.0}\" role=\"img\" aria-label=\"{}\">",
        escape(title)
    );
    let _ = writeln!(svg, "<title>{}</title>", escape(title));
    svg.push_str(&style(frames));
    let _ = writeln!(
        svg,
        "<rect width=\"{width:.0}\" height=\"{full:.0}\" rx=\"9\" fill=\"{BACKGROUND}\"/>"
    );
    for (index, colour) in ["#ff5f57", "#febc2e", "#28c840"].iter().enumerate() {
        let x = MARGIN + 4.0 + number(index) * 20.0;
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.0}\" cy=\"18\" r=\"6\" fill=\"{colour}\"/>"
        );
    }
    let last = frames.len().saturating_sub(1);
    for (index, frame) in frames.iter().enumerate() {
        let hidden = if index == last {
            ""
        } else {
            " visibility=\"hidden\""
        };
        let _ = writeln!(svg, "<g id=\"f{index}\"{hidden}>");
        for (line, row) in frame.rows.iter().enumerate() {
            draw_row(&mut svg, row, BAR + number(line) * LEADING);
        }
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn style(frames: &[Frame]) -> String {
    let mut css = format!(
        "<style>\ntext{{font:{SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,\
         'DejaVu Sans Mono','Liberation Mono',monospace;white-space:pre;fill:{TEXT}}}\n"
    );
    let total: u64 = frames.iter().map(|frame| frame.lasts).sum();
    if frames.len() > 1 {
        css.push_str("@media (prefers-reduced-motion:no-preference){\n");
        let mut from = 0;
        for (index, frame) in frames.iter().enumerate() {
            let (begin, end) = (percent(from, total), percent(from + frame.lasts, total));
            let _ = writeln!(
                css,
                "#f{index}{{animation:k{index} {total}ms step-end infinite}}"
            );
            let _ = write!(css, "@keyframes k{index}{{");
            if from > 0 {
                css.push_str("0%{visibility:hidden}");
            }
            let _ = write!(css, "{begin}%{{visibility:visible}}");
            if from + frame.lasts < total {
                let _ = write!(css, "{end}%{{visibility:hidden}}");
            }
            css.push_str("}\n");
            from += frame.lasts;
        }
        css.push_str("}\n");
    }
    css.push_str("</style>\n");
    css
}

fn percent(part: u64, whole: u64) -> String {
    // Thousandths of a percent, in integers: the same text on every machine.
    let thousandths = part * 100_000 / whole.max(1);
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}

/// One row; neighbours that look the same are one text. The width is pinned, so that a viewer's
/// own font cannot push what follows out of its column.
fn draw_row(svg: &mut String, row: &[Cell], top: f64) {
    let mut column = 0;
    for run in row.chunk_by(|a, b| a.style == b.style) {
        let start = column;
        column += run.len();
        let x = MARGIN + number(start) * ADVANCE;
        let width = number(run.len()) * ADVANCE;
        let style = run.first().map(|cell| cell.style).unwrap_or_default();
        if style.background != Colour::Default {
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{LEADING}\" fill=\"{}\"/>",
                colour(style.background)
            );
        }
        let text: String = run.iter().map(|cell| cell.character).collect();
        if text.trim().is_empty() {
            continue;
        }
        let y = top + 14.5;
        let _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
             xml:space=\"preserve\"{}>{}</text>",
            look(style),
            escape(&text)
        );
    }
}

fn look(style: Style) -> String {
    let mut attributes = String::new();
    if style.colour != Colour::Default {
        let _ = write!(attributes, " style=\"fill:{}\"", colour(style.colour));
    }
    for (set, text) in [
        (style.bold, " font-weight=\"bold\""),
        (style.dim, " opacity=\".6\""),
        (style.italic, " font-style=\"italic\""),
        (style.underline, " text-decoration=\"underline\""),
    ] {
        if set {
            attributes.push_str(text);
        }
    }
    attributes
}

fn colour(colour: Colour) -> String {
    match colour {
        Colour::Default => TEXT.to_owned(),
        Colour::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
        Colour::Palette(index) => match THEME.get(usize::from(index)) {
            Some(named) => (*named).to_owned(),
            // A cube of 6 × 6 × 6 colours, then 24 greys, as xterm defines them.
            None if index < 232 => {
                let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
                let cube = index - 16;
                let (red, green, blue) = (cube / 36, cube / 6 % 6, cube % 6);
                format!("#{:02x}{:02x}{:02x}", level(red), level(green), level(blue))
            }
            None => format!("#{0:02x}{0:02x}{0:02x}", 8 + 10 * (index - 232)),
        },
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A count as a length; no count here is anywhere near what a `f64` cannot hold.
#[allow(clippy::cast_precision_loss)]
fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_palette_is_that_of_xterm() {
        assert_eq!(colour(Colour::Palette(16)), "#000000");
        assert_eq!(colour(Colour::Palette(208)), "#ff8700");
        assert_eq!(colour(Colour::Palette(231)), "#ffffff");
        assert_eq!(colour(Colour::Palette(255)), "#eeeeee");
    }
}
