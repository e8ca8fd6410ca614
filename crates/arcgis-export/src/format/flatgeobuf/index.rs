//! The packed R-tree of a FlatGeobuf file.
//!
//! Rows are not sorted here: whoever wants them near each other sorts them on the Hilbert curve before. The
//! tree is right in any order, and its leaves stand in that of the features.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};

use crate::format::scratch::{Scratch, rewound};
use crate::format::shape::Bounds;

/// Children of a node.
pub(crate) const NODE_SIZE: u16 = 16;

/// A node: what it is around, and where its feature, or its first child, is.
#[derive(Debug, Clone, Copy)]
struct Node {
    bounds: Bounds,
    offset: u64,
}

impl Node {
    fn write(self, out: &mut impl Write) -> io::Result<()> {
        let Bounds {
            xmin,
            ymin,
            xmax,
            ymax,
        } = self.bounds;
        for side in [xmin, ymin, xmax, ymax] {
            out.write_all(&side.to_le_bytes())?;
        }
        out.write_all(&self.offset.to_le_bytes())
    }

    fn read(input: &mut impl Read) -> io::Result<Self> {
        let mut number = || -> io::Result<[u8; 8]> {
            let mut bytes = [0; 8];
            input.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        let mut side = || number().map(f64::from_le_bytes);
        let (xmin, ymin, xmax, ymax) = (side()?, side()?, side()?, side()?);
        Ok(Self {
            bounds: Bounds {
                xmin,
                ymin,
                xmax,
                ymax,
            },
            offset: u64::from_le_bytes(number()?),
        })
    }
}

/// The leaves, on disk: a tree of any size takes no memory.
#[derive(Debug)]
pub(crate) struct Leaves {
    nodes: BufWriter<File>,
    count: u64,
    bounds: Bounds,
}

impl Leaves {
    pub(crate) fn new(scratch: &Scratch) -> io::Result<Self> {
        Ok(Self {
            nodes: BufWriter::new(scratch.file()?),
            count: 0,
            bounds: Bounds::NONE,
        })
    }

    /// Adds a feature by its place among the features, in bytes. One without bounds is around nothing: no
    /// rectangle meets it.
    pub(crate) fn push(&mut self, bounds: Option<Bounds>, offset: u64) -> io::Result<()> {
        let bounds = bounds.unwrap_or(Bounds::NONE);
        self.bounds.join(&bounds);
        self.count += 1;
        Node { bounds, offset }.write(&mut self.nodes)
    }

    /// Around all features.
    pub(crate) fn bounds(&self) -> Option<Bounds> {
        (self.bounds.xmin <= self.bounds.xmax).then_some(self.bounds)
    }

    /// Writes the tree, its root first.
    pub(crate) fn write(self, scratch: &Scratch, out: &mut impl Write) -> io::Result<()> {
        let sizes = level_sizes(self.count);
        let leaves = self
            .nodes
            .into_inner()
            .map_err(|error| error.into_error())?;
        let mut levels = vec![rewound(leaves)?];
        for (level, size) in sizes.iter().enumerate().take(sizes.len() - 1) {
            let above: u64 = sizes.iter().skip(level + 1).sum();
            if let Some(children) = levels.pop() {
                let (children, parents) = parents(children, *size, above, scratch)?;
                levels.extend([children, parents]);
            }
        }
        for level in levels.into_iter().rev() {
            io::copy(&mut BufReader::new(level), out)?;
        }
        Ok(())
    }
}

/// How many nodes there are in each level, from the leaves to the root, which is never a leaf.
fn level_sizes(leaves: u64) -> Vec<u64> {
    let mut sizes = vec![leaves];
    let mut size = leaves;
    loop {
        size = size.div_ceil(NODE_SIZE.into());
        sizes.push(size);
        if size <= 1 {
            return sizes;
        }
    }
}

/// Makes the level above a level whose first node has the place `first` in the tree.
fn parents(children: File, count: u64, first: u64, scratch: &Scratch) -> io::Result<(File, File)> {
    let mut input = BufReader::new(children);
    let mut output = BufWriter::new(scratch.file()?);
    let mut place = 0;
    while place < count {
        let mut bounds = Bounds::NONE;
        let offset = first + place;
        for _ in 0..u64::from(NODE_SIZE).min(count - place) {
            bounds.join(&Node::read(&mut input)?.bounds);
            place += 1;
        }
        Node { bounds, offset }.write(&mut output)?;
    }
    let output = output.into_inner().map_err(|error| error.into_error())?;
    Ok((rewound(input.into_inner())?, rewound(output)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE_BYTES: usize = 40;

    /// Every feature that a search finds, as the reference reader goes through the tree.
    fn search(tree: &[u8], count: u64, query: &Bounds) -> Vec<u64> {
        let sizes = level_sizes(count);
        let total: u64 = sizes.iter().sum();
        assert_eq!(tree.len() as u64, total * NODE_BYTES as u64);
        let first_leaf = total - count;
        let mut starts: Vec<u64> = sizes
            .iter()
            .rev()
            .scan(0, |start, size| {
                *start += size;
                Some(*start - size)
            })
            .collect();
        starts.push(total);
        let mut found = Vec::new();
        let mut waiting = vec![0_u64];
        while let Some(first) = waiting.pop() {
            let end = starts.iter().copied().find(|start| *start > first).unwrap();
            for place in first..end.min(first + u64::from(NODE_SIZE)) {
                let at = place as usize * NODE_BYTES;
                let node = Node::read(&mut &tree[at..at + NODE_BYTES]).unwrap();
                let b = node.bounds;
                if b.xmax < query.xmin
                    || b.ymax < query.ymin
                    || b.xmin > query.xmax
                    || b.ymin > query.ymax
                {
                    continue;
                }
                if place >= first_leaf {
                    found.push(node.offset);
                } else {
                    waiting.push(node.offset);
                }
            }
        }
        found.sort_unstable();
        found
    }

    #[test]
    fn a_search_finds_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::in_folder(folder.path());
        for count in [1_u64, 2, 16, 17, 256, 257, 5_000] {
            let mut leaves = Leaves::new(&scratch).unwrap();
            let place = |row: u64| {
                let (x, y) = ((row * 7919 % 1000) as f64, (row * 104_729 % 1000) as f64);
                // Every tenth has no geometry.
                (!row.is_multiple_of(10)).then_some(Bounds {
                    xmin: x,
                    ymin: y,
                    xmax: x + 3.0,
                    ymax: y + 2.0,
                })
            };
            for row in 0..count {
                leaves.push(place(row), row * 100).unwrap();
            }
            let mut tree = Vec::new();
            leaves.write(&scratch, &mut tree).unwrap();
            for query in [
                (0.0, 0.0, 1000.0, 1000.0),
                (250.0, 250.0, 300.0, 280.0),
                (-5.0, -5.0, -1.0, -1.0),
            ] {
                let (xmin, ymin, xmax, ymax) = query;
                let query = Bounds {
                    xmin,
                    ymin,
                    xmax,
                    ymax,
                };
                let expected: Vec<u64> = (0..count)
                    .filter(|row| {
                        place(*row).is_some_and(|b| {
                            b.xmax >= xmin && b.xmin <= xmax && b.ymax >= ymin && b.ymin <= ymax
                        })
                    })
                    .map(|row| row * 100)
                    .collect();
                assert_eq!(search(&tree, count, &query), expected, "{count}");
            }
        }
    }
}
