//! Work on many files that mostly waits, on several threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::Error;

/// How many are worked on at once.
const AT_ONCE: usize = 8;

/// Does something with each, on several threads. Where the system has no more of them to give, fewer do.
pub(crate) fn side_by_side<T: Sync>(
    all: &[T],
    each: impl Fn(&T) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let next = AtomicUsize::new(0);
    let do_some = || -> Result<(), Error> {
        while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            each(one)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..AT_ONCE.min(all.len()))
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, do_some).ok())
            .collect();
        let mut result = do_some();
        for other in others {
            result = result.and(
                other
                    .join()
                    .unwrap_or_else(|panic| Err(Error::of_panic(panic))),
            );
        }
        result
    })
}
