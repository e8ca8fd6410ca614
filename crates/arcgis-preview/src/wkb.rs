//! Well-known binary: ISO's with Z and M, PostGIS's with flags and SRID. Only x and y are looked at.
//!
//! Nothing is taken at its word: no more is made room for than there are bytes.

use crate::error::GeometryProblem;
use crate::outline::{Outline, PartKind};

/// Collections within collections that are followed.
const DEEPEST: u32 = 32;

const HAS_Z: u32 = 0x8000_0000;
const HAS_M: u32 = 0x4000_0000;
const HAS_SRID: u32 = 0x2000_0000;

const POINT: u32 = 1;
const LINE_STRING: u32 = 2;
const POLYGON: u32 = 3;
const MULTI_POINT: u32 = 4;
const MULTI_LINE_STRING: u32 = 5;
const MULTI_POLYGON: u32 = 6;
const COLLECTION: u32 = 7;

/// Reads a geometry into `outline`, behind what is there.
pub(crate) fn read(wkb: &[u8], outline: &mut Outline) -> Result<(), GeometryProblem> {
    geometry(&mut Bytes(wkb), None, DEEPEST, outline)
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], GeometryProblem> {
        let (first, rest) = self.0.split_first_chunk().ok_or(GeometryProblem::Short)?;
        self.0 = rest;
        Ok(*first)
    }
}

/// How a part of the geometry is written.
#[derive(Clone, Copy)]
struct Form {
    is_little: bool,
    /// Bytes of a position.
    size: usize,
}

impl Form {
    fn number(self, bytes: &mut Bytes<'_>) -> Result<u32, GeometryProblem> {
        let raw = bytes.take()?;
        Ok(if self.is_little {
            u32::from_le_bytes(raw)
        } else {
            u32::from_be_bytes(raw)
        })
    }

    fn ordinate(self, raw: [u8; 8]) -> f64 {
        if self.is_little {
            f64::from_le_bytes(raw)
        } else {
            f64::from_be_bytes(raw)
        }
    }

    fn positions(
        self,
        count: usize,
        bytes: &mut Bytes<'_>,
        outline: &mut Outline,
    ) -> Result<(), GeometryProblem> {
        let size = count.checked_mul(self.size).ok_or(GeometryProblem::Short)?;
        let (here, rest) = bytes
            .0
            .split_at_checked(size)
            .ok_or(GeometryProblem::Short)?;
        bytes.0 = rest;
        for position in here.chunks_exact(self.size) {
            let mut position = Bytes(position);
            let (x, y) = (position.take()?, position.take()?);
            outline.push(self.ordinate(x), self.ordinate(y));
        }
        Ok(())
    }

    fn run(
        self,
        kind: PartKind,
        bytes: &mut Bytes<'_>,
        outline: &mut Outline,
    ) -> Result<(), GeometryProblem> {
        let count = self.number(bytes)?;
        let count = usize::try_from(count).map_err(|_| GeometryProblem::Short)?;
        self.positions(count, bytes, outline)?;
        outline.end(kind);
        Ok(())
    }
}

fn geometry(
    bytes: &mut Bytes<'_>,
    wanted: Option<u32>,
    depth: u32,
    outline: &mut Outline,
) -> Result<(), GeometryProblem> {
    let is_little = match bytes.take()? {
        [0] => false,
        [1] => true,
        [other] => return Err(GeometryProblem::ByteOrder(other)),
    };
    let plain = Form { is_little, size: 0 };
    let code = plain.number(bytes)?;
    if code & HAS_SRID != 0 {
        plain.number(bytes)?;
    }
    let iso = code & !(HAS_Z | HAS_M | HAS_SRID);
    let kind = iso % 1000;
    let more = match iso / 1000 {
        0 => usize::from(code & HAS_Z != 0) + usize::from(code & HAS_M != 0),
        1 | 2 => 1,
        3 => 2,
        _ => return Err(GeometryProblem::Type(code)),
    };
    if wanted.is_some_and(|wanted| wanted != kind) {
        return Err(GeometryProblem::Part);
    }
    let form = Form {
        is_little,
        size: (2 + more) * 8,
    };
    match kind {
        POINT => {
            form.positions(1, bytes, outline)?;
            outline.end(PartKind::Points);
        }
        LINE_STRING => form.run(PartKind::Line, bytes, outline)?,
        POLYGON => {
            for ring in 0..form.number(bytes)? {
                let kind = if ring == 0 {
                    PartKind::Shell
                } else {
                    PartKind::Hole
                };
                form.run(kind, bytes, outline)?;
            }
        }
        MULTI_POINT | MULTI_LINE_STRING | MULTI_POLYGON | COLLECTION => {
            let depth = depth.checked_sub(1).ok_or(GeometryProblem::Depth)?;
            let inner = match kind {
                MULTI_POINT => Some(POINT),
                MULTI_LINE_STRING => Some(LINE_STRING),
                MULTI_POLYGON => Some(POLYGON),
                _ => None,
            };
            for _ in 0..form.number(bytes)? {
                geometry(bytes, inner, depth, outline)?;
            }
        }
        _ => return Err(GeometryProblem::Type(code)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(wkb: &[u8]) -> Result<Outline, GeometryProblem> {
        let mut outline = Outline::default();
        read(wkb, &mut outline)?;
        Ok(outline)
    }

    fn hex(text: &str) -> Vec<u8> {
        let digits: String = text.split_whitespace().collect();
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect()
    }

    const ONE: &str = "000000000000F03F";
    const TWO: &str = "0000000000000040";

    #[test]
    fn points_of_every_dialect_are_the_same() {
        for wkb in [
            format!("01 01000000 {ONE} {TWO}"),
            // Z, M and both, as ISO writes them.
            format!("01 E9030000 {ONE} {TWO} {ONE}"),
            format!("01 D1070000 {ONE} {TWO} {ONE}"),
            format!("01 B90B0000 {ONE} {TWO} {ONE} {ONE}"),
            // Z and an SRID, as PostGIS does.
            format!("01 010000A0 E6100000 {ONE} {TWO} {ONE}"),
            "00 00000001 3FF0000000000000 4000000000000000".to_owned(),
        ] {
            let outline = outline(&hex(&wkb)).unwrap();
            let parts: Vec<_> = outline.parts().collect();
            assert_eq!(parts, [(PartKind::Points, &[[1.0, 2.0]][..])], "{wkb}");
        }
    }

    #[test]
    fn an_empty_point_is_nowhere() {
        let nan = "000000000000F87F";
        assert!(
            outline(&hex(&format!("01 01000000 {nan} {nan}")))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn what_is_cut_or_counts_too_much_is_refused() {
        let whole = hex(&format!("01 02000000 02000000 {ONE} {TWO} {TWO} {ONE}"));
        assert!(outline(&whole).is_ok());
        for end in 0..whole.len() {
            assert_eq!(outline(&whole[..end]).unwrap_err(), GeometryProblem::Short);
        }
        for huge in [
            "01 02000000 FFFFFFFF",
            "01 03000000 FFFFFFFF",
            "01 06000000 FFFFFFFF",
        ] {
            assert_eq!(outline(&hex(huge)).unwrap_err(), GeometryProblem::Short);
        }
    }

    #[test]
    fn types_that_are_not_drawn_are_named() {
        for code in [0u32, 8, 16, 4001, 17] {
            let mut wkb = vec![1];
            wkb.extend(code.to_le_bytes());
            assert_eq!(outline(&wkb).unwrap_err(), GeometryProblem::Type(code));
        }
        assert_eq!(outline(&[7]).unwrap_err(), GeometryProblem::ByteOrder(7));
        let other = hex(&format!("01 05000000 01000000 01 01000000 {ONE} {TWO}"));
        assert_eq!(outline(&other).unwrap_err(), GeometryProblem::Part);
    }

    #[test]
    fn collections_end_somewhere() {
        let mut wkb = Vec::new();
        for _ in 0..100_000 {
            wkb.extend(hex("01 07000000 01000000"));
        }
        assert_eq!(outline(&wkb).unwrap_err(), GeometryProblem::Depth);
    }
}
