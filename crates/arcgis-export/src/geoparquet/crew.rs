//! Several threads at the columns of a batch, and at their pages.

use std::sync::{Mutex, PoisonError};
use std::thread;

use parquet::errors::ParquetError;

use crate::error::Error;

use super::pages::Pages;

/// Pages of one column that may wait at a time: batches bring about two.
const PAGES: usize = 4;

/// Does pieces of work, the last first, on several threads, of which this is one, and compresses the pages that come of
/// it. Where the system has no more threads to give, fewer do.
pub(super) fn side_by_side<T: Send>(
    threads: usize,
    pages: &Pages,
    work: Vec<T>,
    each: impl Fn(T) -> Result<(), ParquetError> + Sync,
) -> Result<(), Error> {
    let packer = pages.packer();
    packer.expect(work.len());
    let threads = threads.min(at_work(work.len(), pages.are_packed()));
    let work = Mutex::new(work);
    let do_some = || -> Result<(), ParquetError> {
        loop {
            if packer.pack_one()? {
                continue;
            }
            // A statement of its own: nobody else can take a piece while it is held.
            let piece = work.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match piece {
                Some(piece) => {
                    let _column = packer.column();
                    each(piece)?;
                }
                None if packer.pack_next()? => {}
                None => return Ok(()),
            }
        }
    };
    thread::scope(|scope| {
        let started: Vec<_> = (1..threads)
            .map_while(|_| {
                thread::Builder::new()
                    .name("arcgis-columns".to_owned())
                    .spawn_scoped(scope, do_some)
                    .ok()
            })
            .collect();
        let mut result = do_some().map_err(Error::write);
        for other in started {
            let ended = match other.join() {
                Ok(ended) => ended.map_err(Error::write),
                Err(panic) => Err(Error::of_panic(panic)),
            };
            result = result.and(ended);
        }
        result
    })
}

/// How many threads may have something to do.
fn at_work(pieces: usize, are_packed: bool) -> usize {
    match are_packed && pieces > 0 {
        true => pieces + PAGES,
        false => pieces,
    }
}

#[cfg(test)]
mod tests {
    use parquet::basic::ZstdLevel;

    use super::super::packer::Packer;
    use super::*;

    #[test]
    fn nobody_waits_for_pages_that_cannot_come() {
        assert_eq!(at_work(3, false), 3);
        assert_eq!(at_work(3, true), 7);
        assert_eq!(at_work(0, true), 0);
    }

    #[test]
    fn what_fails_in_a_thread_fails_here() {
        let packer = Packer::new(ZstdLevel::default());
        let pages = Pages::new(Box::new(tempfile::tempfile), packer, vec![0]);
        let broken = |piece: u32| {
            if piece == 3 {
                return Err(ParquetError::General("broken".to_owned()));
            }
            Ok(())
        };
        for threads in [1, 2, 8] {
            let error = side_by_side(threads, &pages, (0..100).collect(), broken).unwrap_err();
            assert!(matches!(error, Error::Write(_)), "{error}");
        }
        let panics = |piece: u32| panic!("piece {piece}");
        // Of a single piece: who has none waits for its pages, and must not wait for ever.
        for pieces in [1, 100] {
            let work = || side_by_side(2, &pages, (0..pieces).collect(), panics);
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            assert!(ended.is_err() || ended.is_ok_and(|result| result.is_err()));
        }
    }
}
