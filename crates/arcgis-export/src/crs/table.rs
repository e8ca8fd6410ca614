//! The reader of the packed table of reference systems.
//!
//! Layout; every number is a little-endian `u32`:
//!
//! - [`MAGIC`];
//! - length and text of the versions (JSON);
//! - number of aliases, then for each, in ascending order: wkid, key;
//! - number of chunks, then for each chunk: its first key, its length
//!   unpacked, its length packed;
//! - the chunks, one after the other, each a Zstandard frame of: number of entries, for each entry
//!   its key and the length of its text, then the texts.
//!
//! A key is the authority in the highest byte and the code in the others ([`key`]).
//!
//! This file needs nothing else of this crate, since the task that makes the table checks it with
//! this same reader.

use std::fmt;

/// How a packed table begins.
pub(crate) const MAGIC: &[u8; 8] = b"ARCCRS\x00\x01";

/// Who gave a reference system its code.
///
/// ArcGIS sends bare numbers: most are EPSG's, the others Esri's own. The ranges overlap (Esri has
/// 37001, 53009, 54030 and 102003, EPSG has 2000 to 32766 and 900913), so only a table can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Authority {
    /// The EPSG dataset of the IOGP.
    Epsg,
    /// Esri's projection engine.
    Esri,
}

impl Authority {
    /// The name as PROJ and PROJJSON write it: `EPSG` or `ESRI`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Epsg => "EPSG",
            Self::Esri => "ESRI",
        }
    }

    /// The authority of a name, whatever its case (Esri writes itself `Esri`).
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Epsg, Self::Esri]
            .into_iter()
            .find(|authority| authority.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The number under which a reference system is sorted. Codes above 24 bits have none of their own.
pub(crate) fn key(authority: Authority, code: u32) -> u32 {
    let high = match authority {
        Authority::Epsg => 0,
        Authority::Esri => 1 << 24,
    };
    high | code
}

fn unkey(key: u32) -> (Authority, u32) {
    let authority = if key >> 24 == 0 {
        Authority::Epsg
    } else {
        Authority::Esri
    };
    (authority, key & 0x00ff_ffff)
}

/// A packed table over its bytes. Reading never panics, whatever the bytes.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    versions: &'a str,
    aliases: Vec<(u32, u32)>,
    chunks: Vec<Chunk<'a>>,
}

#[derive(Debug)]
struct Chunk<'a> {
    first: u32,
    unpacked: usize,
    data: &'a [u8],
}

impl<'a> Table<'a> {
    /// Reads the index; nothing is unpacked yet. `None` for bytes that are no such table.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let length = size(&mut rest)?;
        let versions = std::str::from_utf8(take(&mut rest, length)?).ok()?;
        let count = size(&mut rest)?;
        let mut aliases = Vec::new();
        for _ in 0..count {
            aliases.push((number(&mut rest)?, number(&mut rest)?));
        }
        let count = size(&mut rest)?;
        let mut index = Vec::new();
        for _ in 0..count {
            index.push((number(&mut rest)?, size(&mut rest)?, size(&mut rest)?));
        }
        let mut chunks = Vec::with_capacity(index.len());
        for (first, unpacked, packed) in index {
            chunks.push(Chunk {
                first,
                unpacked,
                data: take(&mut rest, packed)?,
            });
        }
        Some(Self {
            versions,
            aliases,
            chunks,
        })
    }

    /// The versions of PROJ and of the databases that the table was made from, as JSON.
    pub(crate) fn versions(&self) -> &'a str {
        self.versions
    }

    /// What a wkid that was replaced means today.
    pub(crate) fn alias(&self, wkid: u32) -> Option<(Authority, u32)> {
        let at = self
            .aliases
            .binary_search_by_key(&wkid, |&(wkid, _)| wkid)
            .ok()?;
        self.aliases.get(at).map(|&(_, key)| unkey(key))
    }

    /// The PROJJSON of one reference system. Unpacks one chunk.
    pub(crate) fn find(&self, authority: Authority, code: u32) -> Option<String> {
        if code >> 24 != 0 {
            return None;
        }
        let wanted = key(authority, code);
        let at = self.chunks.partition_point(|chunk| chunk.first <= wanted);
        let plain = self.chunks.get(at.checked_sub(1)?)?.unpack()?;
        entries(&plain)?
            .find(|&(key, _)| key == wanted)
            .and_then(|(_, text)| String::from_utf8(text.to_vec()).ok())
    }

    /// Visits every reference system, in the order of the table; `None` for a damaged chunk.
    // For the tests and for the task that makes the table.
    #[allow(dead_code)]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(Authority, u32, &[u8])) -> Option<()> {
        for chunk in &self.chunks {
            for (key, text) in entries(&chunk.unpack()?)? {
                let (authority, code) = unkey(key);
                visit(authority, code, text);
            }
        }
        Some(())
    }
}

impl Chunk<'_> {
    fn unpack(&self) -> Option<Vec<u8>> {
        zstd::bulk::decompress(self.data, self.unpacked).ok()
    }
}

/// The keys and texts of an unpacked chunk.
fn entries(plain: &[u8]) -> Option<impl Iterator<Item = (u32, &[u8])>> {
    let mut rest = plain;
    let count = size(&mut rest)?;
    let mut heads = take(&mut rest, count.checked_mul(8)?)?;
    Some(std::iter::from_fn(move || {
        let key = number(&mut heads)?;
        let length = size(&mut heads)?;
        Some((key, take(&mut rest, length)?))
    }))
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (head, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    Some(u32::from_le_bytes(*head))
}

fn size(rest: &mut &[u8]) -> Option<usize> {
    number(rest).and_then(|number| usize::try_from(number).ok())
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}
