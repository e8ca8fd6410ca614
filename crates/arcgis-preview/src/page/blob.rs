//! The bytes of a page: arrays one behind the other, each where scripts can look at it without copying.

use serde_json::{Value, json};

/// Arrays begin at multiples of this, as the widest numbers need it.
const ALIGNMENT: usize = 8;

/// Bytes that grow.
#[derive(Debug, Default)]
pub(super) struct Blob {
    bytes: Vec<u8>,
}

impl Blob {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds an array; gives where it is and how many members it has, as the page is told.
    pub(super) fn add(&mut self, array: &Array) -> Value {
        let padding = self.bytes.len().next_multiple_of(ALIGNMENT);
        self.bytes.resize(padding, 0);
        let at = self.bytes.len();
        let (kind, length) = array.write(&mut self.bytes);
        json!({ "type": kind, "at": at, "length": length })
    }
}

/// An array of numbers, as scripts know them.
#[derive(Debug)]
pub(super) enum Array {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    U64(Vec<u64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Array {
    /// The narrowest array for numbers that count something, all less than `limit`.
    pub(super) fn of_codes(codes: Vec<u32>, limit: usize) -> Self {
        // The conversions cannot cut: the limit says so.
        if limit <= 1 << 8 {
            Self::U8(codes.into_iter().map(|code| code as u8).collect())
        } else if limit <= 1 << 16 {
            Self::U16(codes.into_iter().map(|code| code as u16).collect())
        } else {
            Self::U32(codes)
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> (&'static str, usize) {
        fn all<T: Copy, const N: usize>(
            values: &[T],
            bytes: impl Fn(T) -> [u8; N],
            out: &mut Vec<u8>,
        ) -> usize {
            out.reserve(values.len() * N);
            for value in values {
                out.extend_from_slice(&bytes(*value));
            }
            values.len()
        }
        match self {
            Self::U8(values) => ("Uint8Array", all(values, u8::to_le_bytes, out)),
            Self::U16(values) => ("Uint16Array", all(values, u16::to_le_bytes, out)),
            Self::U32(values) => ("Uint32Array", all(values, u32::to_le_bytes, out)),
            Self::I32(values) => ("Int32Array", all(values, i32::to_le_bytes, out)),
            Self::I64(values) => ("BigInt64Array", all(values, i64::to_le_bytes, out)),
            Self::U64(values) => ("BigUint64Array", all(values, u64::to_le_bytes, out)),
            Self::F32(values) => ("Float32Array", all(values, f32::to_le_bytes, out)),
            Self::F64(values) => ("Float64Array", all(values, f64::to_le_bytes, out)),
        }
    }
}
