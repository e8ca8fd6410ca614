//! Geometry in Esri JSON, read into flat buffers.

use super::number::Number;
use super::scanner::{Scalar, Scanner};
use crate::curves::{Curve, Ellipse, TOLERANCE};
use crate::decode::geometry_buffer::{GeometryBuffer, MULTIPATCH, refuse};
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
    /// Positions that were made of curves.
    made: usize,
}

/// The most positions that the curves of one page may become.
const MOST_MADE: usize = 16_000_000;

/// What the list of a curve holds: positions, then numbers.
#[derive(Debug, Default)]
struct CurveList {
    positions: [[f64; 4]; 3],
    numbers: [f64; 5],
    position_count: usize,
    number_count: usize,
}

/// Passes a point written without white space, its members in their usual order, as nearly all are.
#[inline]
fn plain_point(scanner: &mut Scanner<'_>) -> Option<[f64; 4]> {
    let mut ahead = *scanner;
    let mut ordinate = |key: &[u8; 5]| match ahead.exactly(key) {
        true => ahead.digits().map(Number::to_f64),
        false => None,
    };
    let x = ordinate(b"{\"x\":")?;
    let y = ordinate(b",\"y\":")?;
    let z = ordinate(b",\"z\":").unwrap_or(f64::NAN);
    let m = ordinate(b",\"m\":").unwrap_or(f64::NAN);
    if !ahead.exactly(b"}") {
        return None;
    }
    *scanner = ahead;
    Some([x, y, z, m])
}

/// Passes a position written without white space, and the comma behind it; tells whether there was one.
#[inline]
fn plain_position(scanner: &mut Scanner<'_>, third_is_m: bool) -> Option<([f64; 4], bool)> {
    let mut ahead = *scanner;
    let mut ordinate = |before: &[u8; 1]| match ahead.exactly(before) {
        true => ahead.digits().map(Number::to_f64),
        false => None,
    };
    let x = ordinate(b"[")?;
    let y = ordinate(b",")?;
    let mut position = [x, y, f64::NAN, f64::NAN];
    if !ahead.exactly(b"]") {
        let mut ordinate = || match ahead.exactly(b",") {
            true => ahead.digits().map(Number::to_f64),
            false => None,
        };
        let third = ordinate()?;
        position = match ordinate() {
            Some(fourth) => [x, y, third, fourth],
            None if third_is_m => [x, y, f64::NAN, third],
            None => [x, y, third, f64::NAN],
        };
        if !ahead.exactly(b"]") {
            return None;
        }
    }
    let more = ahead.exactly(b",");
    *scanner = ahead;
    Some((position, more))
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
        if let Some(position) = plain_point(scanner) {
            if layout.kind == GeometryType::Multipatch {
                return Err(refuse(row, MULTIPATCH));
            }
            self.buffer.position(position);
            return Ok(Shape::Of(GeometryType::Point));
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
                "rings" | "curveRings" => {
                    self.list(List::Rings, scanner, &mut list, own, page, row)?
                }
                "paths" | "curvePaths" => {
                    self.list(List::Paths, scanner, &mut list, own, page, row)?
                }
                "points" => self.list(List::Points, scanner, &mut list, own, page, row)?,
                "x" => point[0] = Some(self.ordinate(scanner)?),
                "y" => point[1] = Some(self.ordinate(scanner)?),
                "z" => point[2] = Some(self.ordinate(scanner)?),
                "m" => point[3] = Some(self.ordinate(scanner)?),
                "xmin" => corners[0] = Some(self.ordinate(scanner)?),
                "ymin" => corners[1] = Some(self.ordinate(scanner)?),
                "xmax" => corners[2] = Some(self.ordinate(scanner)?),
                "ymax" => corners[3] = Some(self.ordinate(scanner)?),
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
        let mut last: Option<[f64; 4]> = None;
        while outer {
            if let Some((position, more)) = plain_position(scanner, third_is_m) {
                if self.buffer.position(position) {
                    last = Some(position);
                } else {
                    self.buffer.leave_out();
                }
                if more {
                    continue;
                }
                outer = scanner.more(b'[')?;
                continue;
            }
            match scanner.peek()? {
                b'[' => {
                    let position = self.numbers(scanner, third_is_m, row)?;
                    if self.buffer.position(position) {
                        last = Some(position);
                    } else {
                        self.buffer.leave_out();
                    }
                }
                b'{' => {
                    let Some(start) = last else {
                        return Err(refuse(row, "a curve begins nowhere"));
                    };
                    last = Some(self.curve(scanner, start, third_is_m, row)?);
                }
                _ => return Err(scanner.error("a position is no array")),
            }
            outer = scanner.more(b'[')?;
        }
        Ok(())
    }

    /// One position: x, y, z, m.
    #[inline]
    fn numbers(
        &mut self,
        scanner: &mut Scanner<'a>,
        third_is_m: bool,
        row: usize,
    ) -> Result<[f64; 4], DecodeError> {
        let mut numbers = [f64::NAN; 4];
        let mut count = 0;
        let mut more = scanner.open(b'[')?;
        while more {
            let number = match scanner.byte() {
                b'0'..=b'9' | b'-' => scanner.number()?.to_f64(),
                _ => self.ordinate(scanner)?,
            };
            if let Some(place) = numbers.get_mut(count) {
                *place = number;
            }
            count += 1;
            more = scanner.exactly(b",") || scanner.more(b'[')?;
        }
        if count < 2 {
            return Err(refuse(row, "a position has fewer than two numbers"));
        }
        if count == 3 && third_is_m {
            numbers.swap(2, 3);
        }
        Ok(numbers)
    }

    /// A curve from `start` on, as positions; gives its end.
    fn curve(
        &mut self,
        scanner: &mut Scanner<'a>,
        start: [f64; 4],
        third_is_m: bool,
        row: usize,
    ) -> Result<[f64; 4], DecodeError> {
        let mut found = None;
        let mut more = scanner.open(b'{')?;
        while more {
            let key = scanner.key()?;
            let letter = match key.decode(&mut self.scratch) {
                "c" => 'c',
                "a" => 'a',
                "b" => 'b',
                other => {
                    let problem = format!(
                        "{} is no kind of curve",
                        other.chars().take(20).collect::<String>()
                    );
                    return Err(refuse(row, problem));
                }
            };
            found = Some((letter, self.curve_list(scanner, third_is_m, row)?));
            more = scanner.more(b'{')?;
        }
        let known = found.and_then(|(letter, list)| Some((list.to_curve(letter)?, list.positions)));
        let Some((curve, [end, ..])) = known else {
            return Err(refuse(row, "a curve lacks some of its numbers"));
        };
        let from = [start[0], start[1]];
        let (buffer, made) = (&mut self.buffer, &mut self.made);
        curve.between(from, TOLERANCE, |[x, y], along| {
            *made += 1;
            if *made <= MOST_MADE {
                // What is known of z and m at both ends changes evenly between them.
                let z = start[2] + (end[2] - start[2]) * along;
                let m = start[3] + (end[3] - start[3]) * along;
                buffer.position([x, y, z, m]);
            }
        });
        if self.made > MOST_MADE {
            return Err(refuse(
                row,
                format!("the curves of the page become more than {MOST_MADE} positions"),
            ));
        }
        self.buffer.position(end);
        Ok(end)
    }

    fn curve_list(
        &mut self,
        scanner: &mut Scanner<'a>,
        third_is_m: bool,
        row: usize,
    ) -> Result<CurveList, DecodeError> {
        let mut list = CurveList::default();
        let mut more = scanner.open(b'[')?;
        while more {
            match scanner.peek()? {
                b'[' => {
                    let position = self.numbers(scanner, third_is_m, row)?;
                    let finite = position.iter().take(2).all(|number| number.is_finite());
                    match list.positions.get_mut(list.position_count) {
                        Some(place) if finite => *place = position,
                        _ => return Err(refuse(row, "a curve has positions that are none")),
                    }
                    list.position_count += 1;
                }
                b't' | b'f' => {
                    let flag = if scanner.flag()? { 1.0 } else { 0.0 };
                    list.push(flag);
                }
                _ => {
                    let number = self.ordinate(scanner)?;
                    list.push(number);
                }
            }
            more = scanner.more(b'[')?;
        }
        Ok(list)
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

impl CurveList {
    fn push(&mut self, number: f64) {
        if let Some(place) = self.numbers.get_mut(self.number_count) {
            *place = number;
        }
        self.number_count += 1;
    }

    fn to_curve(&self, letter: char) -> Option<Curve> {
        let [end, second, third] = self.positions.map(|[x, y, ..]| [x, y]);
        match (letter, self.position_count) {
            ('c', 2..) => Some(Curve::Circle { end, on: second }),
            ('b', 3) => Some(Curve::Bezier {
                end,
                first: second,
                second: third,
            }),
            ('a', 2..) if self.number_count >= 2 => {
                let [minor, clockwise, rotation, semi_major, ratio] = self.numbers;
                Some(Curve::Arc {
                    end,
                    centre: second,
                    minor: minor != 0.0,
                    clockwise: clockwise != 0.0,
                    ellipse: (self.number_count >= 5).then_some(Ellipse {
                        rotation,
                        semi_major,
                        ratio,
                    }),
                })
            }
            _ => None,
        }
    }
}
