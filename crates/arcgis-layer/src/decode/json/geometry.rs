//! Geometry in Esri JSON, read into flat buffers.

use super::scanner::{Scalar, Scanner};
use crate::decode::geometry_buffer::{CURVES, GeometryBuffer, MULTIPATCH, refuse};
use crate::decode::{DecodeContext, DecodeError};
use crate::geometry::{Dimensions, GeometryType};
use crate::layout::GeometryLayout;

/// `hasZ` and `hasM`, as far as they are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flags {
    pub(super) z: Option<bool>,
    pub(super) m: Option<bool>,
}

impl Flags {
    pub(super) fn said(self) -> bool {
        self.z.is_some() || self.m.is_some()
    }

    /// Whether the third of three numbers is an m: if m is said to be there and z is not. `None` if
    /// the flags know of neither.
    fn third_is_m(self) -> Option<bool> {
        match (self.z.unwrap_or(false), self.m.unwrap_or(false)) {
            (true, _) => Some(false),
            (false, true) => Some(true),
            (false, false) => None,
        }
    }
}

/// What a geometry member held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `null`, `{}`, or an object without coordinates.
    Null,
    /// A geometry, now in the reader's buffers.
    Of(GeometryType),
}

/// Reads one geometry after the other into the same buffers.
#[derive(Debug, Default)]
pub(super) struct GeometryReader<'a> {
    /// The geometry that was read last.
    pub(super) buffer: GeometryBuffer,
    scratch: String,
    /// The reference that the geometry itself names, as JSON.
    pub(super) spatial_reference: Option<&'a str>,
}

/// The members that hold coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Points,
    Paths,
    Rings,
}

impl<'a> GeometryReader<'a> {
    /// Passes the value of a `geometry` member. `page` is what the answer said so far of z and m.
    pub(super) fn read(
        &mut self,
        scanner: &mut Scanner<'a>,
        context: &DecodeContext<'_>,
        layout: &GeometryLayout,
        page: Flags,
        row: usize,
    ) -> Result<Shape, DecodeError> {
        self.buffer.begin(layout.dims);
        self.spatial_reference = None;
        if scanner.null()? {
            return Ok(Shape::Null);
        }
        let mut own = Flags::default();
        let mut list: Option<(List, Scanner<'a>, bool)> = None;
        // x, y, z, m and xmin, ymin, xmax, ymax
        let mut point = [None; 4];
        let mut corners = [None; 4];
        let mut more = scanner.open(b'{')?;
        while more {
            let key = scanner.key()?;
            match key.decode(&mut self.scratch) {
                "rings" => self.list(List::Rings, scanner, &mut list, own, page, row)?,
                "paths" => self.list(List::Paths, scanner, &mut list, own, page, row)?,
                "points" => self.list(List::Points, scanner, &mut list, own, page, row)?,
                "x" => point[0] = Some(self.ordinate(scanner)?),
                "y" => point[1] = Some(self.ordinate(scanner)?),
                "z" => point[2] = Some(self.ordinate(scanner)?),
                "m" => point[3] = Some(self.ordinate(scanner)?),
                "xmin" => corners[0] = Some(self.ordinate(scanner)?),
                "ymin" => corners[1] = Some(self.ordinate(scanner)?),
                "xmax" => corners[2] = Some(self.ordinate(scanner)?),
                "ymax" => corners[3] = Some(self.ordinate(scanner)?),
                "curveRings" | "curvePaths" => {
                    if !scanner.null()? {
                        return Err(refuse(row, CURVES));
                    }
                }
                "hasZ" => own.z = Some(scanner.flag()?),
                "hasM" => own.m = Some(scanner.flag()?),
                "spatialReference" => self.spatial_reference = Some(scanner.raw()?),
                _ => scanner.skip()?,
            }
            more = scanner.more(b'{')?;
        }
        let kind = if let Some((list, mut start, as_m)) = list {
            // Flags may follow the coordinates that they are about.
            let third_is_m = self.third_is_m(own, page);
            if third_is_m != as_m && layout.dims != Dimensions::Xy {
                self.buffer.begin(layout.dims);
                self.coordinates(list, &mut start, third_is_m, row)?;
            }
            match list {
                List::Points => GeometryType::Multipoint,
                List::Paths => GeometryType::Polyline,
                List::Rings => {
                    self.buffer.assemble(row, context)?;
                    GeometryType::Polygon
                }
            }
        } else if let [Some(x), Some(y), z, m] = point {
            self.buffer
                .position([x, y, z.unwrap_or(f64::NAN), m.unwrap_or(f64::NAN)]);
            GeometryType::Point
        } else if let [Some(xmin), Some(ymin), Some(xmax), Some(ymax)] = corners {
            self.buffer.envelope([xmin, ymin, xmax, ymax]);
            GeometryType::Polygon
        } else if point.iter().chain(&corners).any(Option::is_some) {
            return Err(refuse(row, "the geometry has only some of its coordinates"));
        } else {
            return Ok(Shape::Null);
        };
        if layout.kind == GeometryType::Multipatch {
            return Err(refuse(row, MULTIPATCH));
        }
        Ok(Shape::Of(kind))
    }

    /// What the geometry says of itself comes first, then what the answer says, then what the layer says.
    fn third_is_m(&self, own: Flags, page: Flags) -> bool {
        own.third_is_m()
            .or(if own.said() { None } else { page.third_is_m() })
            .unwrap_or(self.buffer.dims() == Dimensions::Xym)
    }

    fn list(
        &mut self,
        list: List,
        scanner: &mut Scanner<'a>,
        found: &mut Option<(List, Scanner<'a>, bool)>,
        own: Flags,
        page: Flags,
        row: usize,
    ) -> Result<(), DecodeError> {
        if scanner.null()? {
            return Ok(());
        }
        if found.is_some() {
            return scanner.skip();
        }
        let third_is_m = self.third_is_m(own, page);
        *found = Some((list, *scanner, third_is_m));
        self.coordinates(list, scanner, third_is_m, row)
    }

    fn coordinates(
        &mut self,
        list: List,
        scanner: &mut Scanner<'a>,
        third_is_m: bool,
        row: usize,
    ) -> Result<(), DecodeError> {
        if list == List::Points {
            return self.positions(scanner, third_is_m, row);
        }
        let mut more = scanner.open(b'[')?;
        while more {
            self.positions(scanner, third_is_m, row)?;
            if list == List::Paths {
                self.buffer.end_path();
            } else {
                self.buffer.end_ring();
            }
            more = scanner.more(b'[')?;
        }
        Ok(())
    }

    fn positions(
        &mut self,
        scanner: &mut Scanner<'a>,
        third_is_m: bool,
        row: usize,
    ) -> Result<(), DecodeError> {
        let mut outer = scanner.open(b'[')?;
        while outer {
            match scanner.peek()? {
                b'[' => {}
                b'{' => return Err(refuse(row, CURVES)),
                _ => return Err(scanner.error("a position is no array")),
            }
            let mut numbers = [f64::NAN; 4];
            let mut count = 0;
            let mut more = scanner.open(b'[')?;
            while more {
                let number = self.ordinate(scanner)?;
                if let Some(place) = numbers.get_mut(count) {
                    *place = number;
                }
                count += 1;
                more = scanner.more(b'[')?;
            }
            if count < 2 {
                return Err(refuse(row, "a position has fewer than two numbers"));
            }
            if count == 3 && third_is_m {
                numbers.swap(2, 3);
            }
            if !self.buffer.position(numbers) {
                self.buffer.leave_out();
            }
            outer = scanner.more(b'[')?;
        }
        Ok(())
    }

    /// One number of a position; NaN for null and for text that says so.
    #[inline]
    fn ordinate(&mut self, scanner: &mut Scanner<'a>) -> Result<f64, DecodeError> {
        match scanner.peek()? {
            b'0'..=b'9' | b'-' => return Ok(scanner.number()?.to_f64()),
            _ => {}
        }
        let start = *scanner;
        match scanner.scalar()? {
            Scalar::Null => Ok(f64::NAN),
            Scalar::Number(number) => Ok(number.to_f64()),
            Scalar::Text(text) => {
                // The scratch may be in use for the member's key.
                let mut scratch = String::new();
                let text = text.decode(&mut scratch).trim();
                if text.is_empty() || text.eq_ignore_ascii_case("null") {
                    return Ok(f64::NAN);
                }
                text.parse()
                    .map_err(|_| start.error("a coordinate is no number"))
            }
            Scalar::Bool(_) => Err(start.error("a coordinate is no number")),
        }
    }
}
