//! The wire format of protocol buffers.

/// A message that grows member by member. Members that are 0, false or empty are left out, as version 3 of the language
/// says; those of a `oneof` are always written.
#[derive(Debug, Default, Clone)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes there are.
    pub(super) fn length(&self) -> usize {
        self.0.len()
    }

    /// Adds the members of another message.
    pub(super) fn append(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    fn varint(&mut self, mut number: u64) {
        loop {
            let low = (number % 128) as u8;
            number /= 128;
            if number == 0 {
                self.0.push(low);
                return;
            }
            self.0.push(low + 128);
        }
    }

    fn tag(&mut self, member: u32, wire_type: u32) {
        self.varint(u64::from(member * 8 + wire_type));
    }

    pub(super) fn uint(&mut self, member: u32, number: u64) {
        if number != 0 {
            self.one_uint(member, number);
        }
    }

    pub(super) fn one_uint(&mut self, member: u32, number: u64) {
        self.tag(member, 0);
        self.varint(number);
    }

    pub(super) fn one_sint(&mut self, member: u32, number: i64) {
        self.one_uint(member, zigzag(number));
    }

    pub(super) fn flag(&mut self, member: u32, flag: bool) {
        self.uint(member, u64::from(flag));
    }

    pub(super) fn double(&mut self, member: u32, number: f64) {
        if number != 0.0 {
            self.one_double(member, number);
        }
    }

    pub(super) fn one_double(&mut self, member: u32, number: f64) {
        self.tag(member, 1);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn one_float(&mut self, member: u32, number: f32) {
        self.tag(member, 5);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn text(&mut self, member: u32, text: &str) {
        if !text.is_empty() {
            self.one_text(member, text);
        }
    }

    pub(super) fn one_text(&mut self, member: u32, text: &str) {
        self.bytes(member, text.as_bytes());
    }

    pub(super) fn message(&mut self, member: u32, message: &Self) {
        self.bytes(member, &message.0);
    }

    fn bytes(&mut self, member: u32, bytes: &[u8]) {
        self.tag(member, 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn packed_uint(&mut self, member: u32, numbers: impl IntoIterator<Item = u64>) {
        let mut list = Self::default();
        for number in numbers {
            list.varint(number);
        }
        if !list.is_empty() {
            self.message(member, &list);
        }
    }

    pub(super) fn packed_sint(&mut self, member: u32, numbers: impl IntoIterator<Item = i64>) {
        self.packed_uint(member, numbers.into_iter().map(zigzag));
    }
}

/// Small numbers of either sign become small numbers without one: 0, -1, 1, -2 become 0, 1, 2, 3.
fn zigzag(number: i64) -> u64 {
    let doubled = number.unsigned_abs().wrapping_mul(2);
    if number < 0 {
        doubled.wrapping_sub(1)
    } else {
        doubled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of <https://protobuf.dev/programming-guides/encoding/>.
    #[test]
    fn members_are_written_as_the_encoding_guide_says() {
        let mut message = Message::default();
        message.uint(1, 150);
        message.text(2, "testing");
        let mut outer = Message::default();
        outer.message(3, &message);
        outer.packed_uint(6, [3, 270, 86942]);
        outer.uint(7, 0);
        assert_eq!(
            outer.into_bytes(),
            b"\x1a\x0c\x08\x96\x01\x12\x07testing\x32\x06\x03\x8e\x02\x9e\xa7\x05"
        );
        for (number, encoded) in [
            (0, 0),
            (-1, 1),
            (1, 2),
            (-2, 3),
            (i64::MAX, u64::MAX - 1),
            (i64::MIN, u64::MAX),
        ] {
            assert_eq!(zigzag(number), encoded);
        }
    }
}
