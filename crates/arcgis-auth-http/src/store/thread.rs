//! Calls that block, away from the event loop.

use std::io;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

/// Runs `work` on a thread of its own, and gives up on it after `limit`. The thread goes on then,
/// and where the caller is dropped: what was begun is not left half done.
///
/// A thread of its own, since a keyring may wait for its user for as long as it likes, and the end
/// of a runtime waits for the threads of its pool.
pub(super) async fn off_the_loop<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (tell, told) = oneshot::channel();
    std::thread::Builder::new()
        .name("arcgis-store".to_owned())
        .spawn(move || {
            // Nobody may be waiting any more.
            let _ = tell.send(work());
        })?;
    match timeout(limit, told).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err(io::Error::other("it stopped before its work was done")),
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no answer within {} seconds", limit.as_secs()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_hangs_is_given_up_and_one_that_panics_is_told() {
        let done = off_the_loop(Duration::from_secs(5), || 7).await;
        assert_eq!(done.unwrap(), 7);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let hung = off_the_loop(Duration::from_millis(20), move || held.recv()).await;
        assert_eq!(hung.unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(release);
        let lost = off_the_loop(Duration::from_secs(5), || {
            std::panic::resume_unwind(Box::new(()))
        });
        let lost: io::Result<()> = lost.await;
        assert_eq!(lost.unwrap_err().kind(), io::ErrorKind::Other);
    }
}
