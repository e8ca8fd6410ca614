//! Geometry, from whole numbers into flat buffers.

use super::features::{Features, geometry_type};
use super::steps;
use super::wire::{Message, malformed, short_varint, unzigzag, varint};
use crate::decode::geometry_buffer::{GeometryBuffer, MULTIPATCH, refuse};
use crate::decode::{CoordinateGrid, DecodeContext, DecodeError};
use crate::geometry::{Dimensions, GeometryType};
use crate::layout::GeometryLayout;

/// What the geometries of an answer have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    geometry_type: i32,
    has_z: bool,
    has_m: bool,
    transform: Option<CoordinateGrid>,
    /// There are x and y alone, and they are finite for any number of steps.
    plane: bool,
}

impl Grid {
    pub(super) fn of(features: &Features<'_>) -> Self {
        Self {
            geometry_type: features.geometry_type,
            has_z: features.has_z,
            has_m: features.has_m,
            transform: features.transform,
            plane: !features.has_z
                && !features.has_m
                && features.transform.is_some_and(|transform| {
                    transform.problem(false, false).is_none() && transform.is_bounded()
                }),
        }
    }

    /// How many numbers a position has, whoever wants them.
    fn stride(&self) -> usize {
        2 + usize::from(self.has_z) + usize::from(self.has_m)
    }
}

/// Reads one geometry after the other into the same buffers.
#[derive(Debug, Default)]
pub(super) struct GeometryReader {
    /// The geometry that was read last.
    pub(super) buffer: GeometryBuffer,
    /// How many positions each part has.
    lengths: Vec<usize>,
    /// The coordinates, where they come in several pieces.
    joined: Vec<u8>,
}

impl GeometryReader {
    /// Reads a geometry message. Its kind is what it says itself, else what the answer says, else what the layer
    /// says: 0, a point, is also what is said by saying nothing.
    pub(super) fn read(
        &mut self,
        mut message: Message<'_>,
        context: &DecodeContext<'_>,
        layout: &GeometryLayout,
        grid: &Grid,
        row: usize,
    ) -> Result<GeometryType, DecodeError> {
        self.buffer.begin(layout.dims);
        self.lengths.clear();
        self.joined.clear();
        if self.plain_point(&message, layout, grid) {
            return Ok(GeometryType::Point);
        }
        let at = message.at();
        let mut own = 0;
        let mut coords: Option<Message<'_>> = None;
        while let Some(member) = message.next()? {
            match member.number {
                1 => own = member.choice()?,
                2 => {
                    let mut numbers = member.numbers()?;
                    while let Some(length) = numbers.next()? {
                        // What is too long for this machine is certainly longer than the coordinates.
                        let length = usize::try_from(length).unwrap_or(usize::MAX);
                        self.lengths.push(length);
                    }
                }
                3 => match (coords, member.message()) {
                    (None, Ok(packed)) => coords = Some(packed),
                    (_, Ok(packed)) => {
                        self.join(coords, at)?;
                        self.join(Some(packed), at)?;
                        coords = Some(Message::default());
                    }
                    (_, Err(_)) => {
                        self.join(coords, at)?;
                        self.join_number(member.varint()?);
                        coords = Some(Message::default());
                    }
                },
                // 4 numbers the parts.
                _ => {}
            }
        }
        let kind = match (own, grid.geometry_type) {
            (0, 0) => Some(layout.kind),
            (0, declared) => geometry_type(declared),
            (own, _) => geometry_type(own),
        };
        let joined = std::mem::take(&mut self.joined);
        let (bytes, at) = match coords {
            Some(packed) if joined.is_empty() => (packed.bytes(), packed.at()),
            _ => (joined.as_slice(), at),
        };
        let result = self.place(kind, bytes, at, grid, row);
        self.joined = joined;
        let kind = result?;
        if kind == GeometryType::Polygon {
            self.buffer.assemble(row, context)?;
        }
        Ok(kind)
    }

    /// Reads a point of x and y in the form that nearly all have: coordinates, and perhaps a length of one byte. Where
    /// it has another, nothing is read.
    #[inline]
    fn plain_point(&mut self, message: &Message<'_>, layout: &GeometryLayout, grid: &Grid) -> bool {
        let of_points = grid.geometry_type == 0 && layout.kind == GeometryType::Point;
        let (true, true, Dimensions::Xy, Some(transform)) =
            (of_points, grid.plane, layout.dims, &grid.transform)
        else {
            return false;
        };
        let ([0x1a, length, bytes @ ..] | [0x12, 1, ..=0x7f, 0x1a, length, bytes @ ..]) =
            message.bytes()
        else {
            return false;
        };
        if usize::from(*length) != bytes.len() {
            return false;
        }
        let mut coordinates = Coordinates { bytes, at: 0 };
        let (Ok(x), Ok(y), []) = (coordinates.next(), coordinates.next(), coordinates.bytes) else {
            return false;
        };
        self.buffer
            .position([transform.x.at(x), transform.y.at(y), f64::NAN, f64::NAN])
    }

    /// Adds a piece of coordinates to those before it.
    fn join(&mut self, piece: Option<Message<'_>>, at: usize) -> Result<(), DecodeError> {
        let bytes = piece.map_or(&[][..], |piece| piece.bytes());
        if bytes.last().is_some_and(|&last| last >= 0x80) {
            return Err(malformed(at, "a list ends inside a number"));
        }
        self.joined.extend_from_slice(bytes);
        Ok(())
    }

    /// Adds one number as it would stand in a packed list.
    fn join_number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.joined.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.joined.push(number as u8);
    }

    fn place(
        &mut self,
        kind: Option<GeometryType>,
        bytes: &[u8],
        at: usize,
        grid: &Grid,
        row: usize,
    ) -> Result<GeometryType, DecodeError> {
        let kind = match kind {
            Some(GeometryType::Multipatch) => return Err(refuse(row, MULTIPATCH)),
            Some(GeometryType::Envelope) => {
                return Err(refuse(row, "envelopes are not supported in this format"));
            }
            None => return Err(refuse(row, "the kind of geometry is not known")),
            Some(kind) => kind,
        };
        let point = kind == GeometryType::Point;
        if bytes.is_empty() && (point || self.lengths.iter().all(|&length| length == 0)) {
            return Ok(kind);
        }
        // Each number ends with its only byte below 128. This bounds what is allocated below.
        let count = steps::count(bytes);
        let stride = grid.stride();
        if point {
            // Some servers give one length, others none, or the number of coordinates.
            self.lengths.clear();
            self.lengths.push(1);
        }
        let positions = self
            .lengths
            .iter()
            .try_fold(0_usize, |sum, &length| sum.checked_add(length));
        if positions.and_then(|positions| positions.checked_mul(stride)) != Some(count) {
            return Err(malformed(
                at,
                format!(
                    "row {row} has {count} coordinates, which are not {stride} for each position of its parts"
                ),
            ));
        }
        let Some(transform) = grid.transform else {
            return Err(refuse(
                row,
                "the answer has no transform, without which its coordinates have no meaning",
            ));
        };
        let dims = self.buffer.dims();
        let z = grid.has_z && dims.has_z();
        let m = grid.has_m && dims.has_m();
        if let Some(problem) = transform.problem(z, m) {
            return Err(refuse(row, problem));
        }
        let mut coordinates = Coordinates { bytes, at };
        let lengths = std::mem::take(&mut self.lengths);
        let plane = grid.plane && dims == Dimensions::Xy;
        if !plane {
            self.buffer.reserve(positions.unwrap_or(0));
        }
        let result = lengths.iter().try_for_each(|&length| {
            if !plane || !self.plane_part(&mut coordinates, length, &transform) {
                self.part(&mut coordinates, length, grid, &transform, row)?;
            }
            match kind {
                GeometryType::Polyline => self.buffer.end_path(),
                GeometryType::Polygon => self.buffer.end_ring(),
                _ => {}
            }
            Ok(())
        });
        self.lengths = lengths;
        result.map(|()| kind)
    }

    /// One part of x and y alone. Where that is not possible nothing is read.
    fn plane_part(
        &mut self,
        coordinates: &mut Coordinates<'_>,
        length: usize,
        transform: &CoordinateGrid,
    ) -> bool {
        let mut ahead = *coordinates;
        let axes = [&transform.x, &transform.y];
        let mut at = [0_i64; 2];
        let read = self.buffer.plane(length, |mut out| {
            while !out.is_empty() {
                let (made, taken) = steps::positions(ahead.bytes, &mut at, axes, out);
                ahead.pass(taken);
                out = out.get_mut(2 * made..).unwrap_or_default();
                // The first of a part is far from 0, and has long numbers.
                let Some(next) = out.first_chunk_mut::<2>() else {
                    break;
                };
                for ((next, axis), at) in next.iter_mut().zip(axes).zip(&mut at) {
                    *at = at.checked_add(ahead.next().ok()?)?;
                    *next = axis.at(*at);
                }
                out = out.get_mut(2..).unwrap_or_default();
            }
            Some(())
        });
        if read {
            *coordinates = ahead;
        }
        read
    }

    /// One part: x and y are differences, the first to 0; z and m are not.
    fn part(
        &mut self,
        coordinates: &mut Coordinates<'_>,
        length: usize,
        grid: &Grid,
        transform: &CoordinateGrid,
        row: usize,
    ) -> Result<(), DecodeError> {
        let (mut x, mut y) = (0_i64, 0_i64);
        for _ in 0..length {
            let (dx, dy) = (coordinates.next()?, coordinates.next()?);
            let (Some(next_x), Some(next_y)) = (x.checked_add(dx), y.checked_add(dy)) else {
                return Err(malformed(
                    coordinates.at,
                    "the coordinates leave 64 bits behind",
                ));
            };
            (x, y) = (next_x, next_y);
            let mut z = f64::NAN;
            let mut m = f64::NAN;
            if grid.has_z {
                let steps = coordinates.next()?;
                if steps != 0 || !transform.z.begins_elsewhere() {
                    z = transform.z.at(steps);
                }
            }
            if grid.has_m {
                let steps = coordinates.next()?;
                // A missing one. That one measures exactly what the axis begins with cannot be told apart.
                if steps != 0 {
                    m = transform.m.at(steps);
                }
            }
            let position = [transform.x.at(x), transform.y.at(y), z, m];
            if !self.buffer.position(position) {
                return Err(refuse(row, "a coordinate is not finite"));
            }
        }
        Ok(())
    }
}

/// The numbers of a packed list of `sint64`.
#[derive(Debug, Clone, Copy)]
struct Coordinates<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Coordinates<'_> {
    #[inline]
    fn next(&mut self) -> Result<i64, DecodeError> {
        let (number, length) = match short_varint(self.bytes, 0) {
            Some(found) => found,
            None => varint(self.bytes).map_err(|problem| malformed(self.at, problem))?,
        };
        self.pass(length);
        Ok(unzigzag(number))
    }

    #[inline]
    fn pass(&mut self, length: usize) {
        self.bytes = self.bytes.get(length..).unwrap_or_default();
        self.at += length;
    }
}
