//! The map as a PNG.

mod density;
mod features;
mod frame;
mod scale;
mod text;
mod theme;

use tiny_skia::{Color, Paint, Pixmap, PixmapPaint, Rect, Transform};

use crate::crs::Crs;
use crate::error::Error;
use crate::placement::{Placement, Room, View};
use crate::preview::Preview;

pub(crate) use scale::grouped;
use text::{Anchor, Letters, Look};
use theme::Theme;

/// The width for which sizes are given; all else is larger or smaller in proportion.
const DRAWN_FOR: f32 = 1600.0;

const LEAST_WIDTH: u32 = 200;
const MOST_WIDTH: u32 = 8000;

/// How a picture is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct PngOptions {
    width: u32,
    dark: bool,
}

impl Default for PngOptions {
    fn default() -> Self {
        Self {
            width: 1600,
            dark: false,
        }
    }
}

impl PngOptions {
    /// Sets the width in pixels, 200 to 8,000; the height follows from the shape of the extent. Default: 1,600.
    pub fn with_width(mut self, pixels: u32) -> Self {
        self.width = pixels;
        self
    }

    /// Whether colours are light on dark. Default: no.
    pub fn with_dark(mut self, dark: bool) -> Self {
        self.dark = dark;
        self
    }
}

/// A picture while it is drawn: the page, and what its parts are drawn with.
struct Sheet {
    page: Pixmap,
    letters: Letters,
    theme: Theme,
    /// Pixels for each of the sizes that are given here.
    zoom: f32,
}

impl Preview {
    /// Draws all geometry on a map with title, grid, scale and legend, as a PNG.
    ///
    /// Degrees are drawn as wide as they are at the middle of the map, all else with equal scales. Behind maps of a
    /// good part of the world lies the outline of the land.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use arcgis_preview::arrow_array::{ArrayRef, BinaryArray, RecordBatch};
    /// use arcgis_preview::arrow_schema::{DataType, Field, Schema};
    /// use arcgis_preview::{GeometryColumn, PngOptions, PreviewBuilder, PreviewOptions};
    ///
    /// let extension = ("ARROW:extension:name".to_owned(), "geoarrow.wkb".to_owned());
    /// let field = Field::new("geometry", DataType::Binary, true).with_metadata([extension].into());
    /// let schema = Arc::new(Schema::new(vec![field]));
    /// // POINT (0 0)
    /// let point = [[1, 1, 0, 0, 0].as_slice(), &[0; 16]].concat();
    /// let column: ArrayRef = Arc::new(BinaryArray::from_vec(vec![&point]));
    /// let batch = RecordBatch::try_new(schema.clone(), vec![column])?;
    ///
    /// let geometry = GeometryColumn::of_schema(&schema);
    /// let mut builder = PreviewBuilder::new(schema, geometry, PreviewOptions::new("Null Island"))?;
    /// builder.push(&batch)?;
    /// let png = builder.finish()?.png(&PngOptions::default())?;
    /// assert!(png.starts_with(b"\x89PNG"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoGeometry`] if there is no geometry column, [`Error::Size`], and [`Error::Picture`], for which no
    /// cause is known.
    pub fn png(&self, options: &PngOptions) -> Result<Vec<u8>, Error> {
        let sheet = self.draw(options)?;
        sheet
            .page
            .encode_png()
            .map_err(|error| Error::Picture(error.into()))
    }

    fn draw(&self, options: &PngOptions) -> Result<Sheet, Error> {
        let Some(crs) = &self.crs else {
            return Err(Error::NoGeometry);
        };
        if !(LEAST_WIDTH..=MOST_WIDTH).contains(&options.width) {
            return Err(Error::Size {
                width: options.width,
                least: LEAST_WIDTH,
                most: MOST_WIDTH,
            });
        }
        let theme = if options.dark {
            Theme::dark()
        } else {
            Theme::light()
        };
        let zoom = options.width as f32 / DRAWN_FOR;
        let placement = Placement::new(&self.sketch, crs);
        let mut extent = placement.extent();
        if extent.is_empty() {
            extent.add([0.0, 0.0]);
        }
        let (left, top, right, bottom) = (122.0, 148.0, 44.0, 142.0);
        let width = (DRAWN_FOR - left - right) * zoom;
        let room = Room {
            width: f64::from(width.round()),
            height: (f64::from(width * 0.3), f64::from(width * 0.78)),
            pixel_aspect: 1.0,
        };
        let (view, height) = View::new(&extent, crs, room);
        let size = [width.round() as u32, (height.round() as u32).max(1)];

        let all = size[1] + ((top + bottom) * zoom).round() as u32;
        let mut sheet = Sheet {
            page: pixmap(options.width, all)?,
            letters: Letters::new()?,
            theme,
            zoom,
        };
        sheet.page.fill(theme.page);
        let mut map = pixmap(size[0], size[1])?;
        frame::ground(&mut map, &view, crs, &theme, zoom);
        let legend = features::draw(&mut map, &placement, &view, &theme, zoom);
        let corner = [(left * zoom).round(), (top * zoom).round()];
        let paint = PixmapPaint::default();
        sheet.page.draw_pixmap(
            corner[0] as i32,
            corner[1] as i32,
            map.as_ref(),
            &paint,
            Transform::identity(),
            None,
        );
        let size = size.map(|side| side as f32);
        sheet.margin(corner, size, &view, crs);
        sheet.heading(self, corner[0] + size[0]);
        sheet.footing(self, [corner[0], corner[1] + size[1]], size[0], &legend);
        let right = corner[0] + size[0];
        sheet.scale_bar([right, corner[1] + size[1] + 76.0 * zoom], &view, crs);
        Ok(sheet)
    }
}

impl Sheet {
    fn look(&self, size: f32, colour: Color) -> Look {
        Look {
            size: size * self.zoom,
            colour,
            bold: false,
        }
    }

    fn write(&mut self, at: [f32; 2], anchor: Anchor, look: Look, text: &str) {
        self.letters.draw(&mut self.page, at, anchor, look, text);
    }

    /// The title, and what there is.
    fn heading(&mut self, preview: &Preview, right: f32) {
        let (zoom, theme) = (self.zoom, self.theme);
        let left = 44.0 * zoom;
        let title = Look {
            bold: true,
            ..self.look(42.0, theme.text)
        };
        let text = clean(preview.title());
        let text = self.letters.fit(&text, title.size * 1.02, right - left);
        self.write([left, 74.0 * zoom], Anchor::Left, title, &text);
        let crs = preview.crs.as_ref().map_or_else(String::new, Crs::label);
        let text = format!("{}  ·  CRS {crs}", preview.counted());
        let look = self.look(23.0, theme.quiet);
        let text = self.letters.fit(&clean(&text), look.size, right - left);
        self.write([left, 114.0 * zoom], Anchor::Left, look, &text);
    }

    /// The legend and the extent, below the map that begins at `left` and ends at `below`.
    fn footing(
        &mut self,
        preview: &Preview,
        [left, below]: [f32; 2],
        width: f32,
        legend: &features::Legend,
    ) {
        let (zoom, theme) = (self.zoom, self.theme);
        let y = below + 76.0 * zoom;
        let look = self.look(21.0, theme.text);
        let mut x = left;
        let kinds = preview.kinds;
        for (count, symbol, name) in [
            (kinds.points, features::Symbol::Point, "point"),
            (kinds.lines, features::Symbol::Line, "line"),
            (kinds.polygons, features::Symbol::Polygon, "polygon"),
        ] {
            if count == 0 {
                continue;
            }
            let is_ramp =
                count == kinds.points && symbol == features::Symbol::Point && legend.is_density;
            x += symbol.draw(self, [x, y - 7.0 * zoom], is_ramp);
            let mut text = counted(count, name);
            if is_ramp {
                text += ", few to many";
            }
            self.write([x, y], Anchor::Left, look, &text);
            x += self.letters.width(&text, look.size) + 34.0 * zoom;
        }
        if kinds.none > 0 {
            let text = format!("{} without geometry", counted(kinds.none, "row"));
            let look = self.look(21.0, theme.quiet);
            self.write([x, y], Anchor::Left, look, &text);
        }
        if let Some(extent) = preview.extent() {
            let digits = if preview.crs.as_ref().is_some_and(Crs::is_degrees) {
                4
            } else {
                1
            };
            let [west, south, east, north] = [extent.xmin, extent.ymin, extent.xmax, extent.ymax]
                .map(|side| short(side, digits));
            let text = format!("Extent  {west}, {south}  to  {east}, {north}");
            let look = self.look(18.0, theme.quiet);
            let text = self.letters.fit(&text, look.size, width);
            self.write([left, y + 36.0 * zoom], Anchor::Left, look, &text);
        }
    }
}

impl Preview {
    /// What there is, in words.
    pub(crate) fn counted(&self) -> String {
        let kinds = self.kinds;
        let all = [
            (kinds.points, "point"),
            (kinds.lines, "line"),
            (kinds.polygons, "polygon"),
        ];
        let mut present = all.into_iter().filter(|(count, _)| *count > 0);
        match (present.next(), present.next()) {
            (Some((count, name)), None) if count == self.rows => counted(count, name),
            _ => counted(self.rows, "row"),
        }
    }
}

/// A number of things, such as `1 point` and `7,322 points`.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {thing}{ending}", grouped(count as f64, 0))
}

/// A coordinate without zeros at its end.
pub(crate) fn short(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    match text {
        "-0" => "0".to_owned(),
        text => text.replace('-', "−"),
    }
}

/// Text without what does not belong into one line.
fn clean(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

fn pixmap(width: u32, height: u32) -> Result<Pixmap, Error> {
    Pixmap::new(width, height).ok_or_else(|| Error::Picture("there is no memory for it".into()))
}

fn solid(colour: Color) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color(colour);
    paint
}

fn rectangle(page: &mut Pixmap, [x, y]: [f32; 2], [width, height]: [f32; 2], colour: Color) {
    if let Some(rectangle) = Rect::from_xywh(x, y, width, height) {
        page.fill_rect(rectangle, &solid(colour), Transform::identity(), None);
    }
}
