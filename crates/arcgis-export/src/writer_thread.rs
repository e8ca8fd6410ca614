//! The thread that encodes and writes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self as std_mpsc, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::destination::Canceller;
#[cfg(feature = "object-store")]
use crate::destination::Output;
use crate::error::Error;

/// Messages that wait: what bounds memory is the fetch window.
const WAITING: usize = 2;

/// The longest wait for a thread that nobody wants a result of any more. One batch is the most that it may
/// still be at work on, so it takes longer only where the output itself does not go on, as a pipe that
/// nobody reads.
const PATIENCE: Duration = Duration::from_secs(10);

/// A thread of its own, so that it takes none of the runtime's for the hours of an export. Dropped, it waits
/// until the thread has ended, and with it all that the thread had open.
pub(crate) struct WriterThread<M, T> {
    messages: Option<mpsc::Sender<M>>,
    done: Option<oneshot::Receiver<Result<T, Error>>>,
    /// Closed when the thread ends.
    alive: std_mpsc::Receiver<()>,
    thread: Option<JoinHandle<()>>,
    given_up: GivenUp,
    patience: Duration,
}

/// What the thread receives: messages until the other side is gone.
pub(crate) struct Inbox<M> {
    messages: mpsc::Receiver<M>,
    given_up: GivenUp,
}

/// Whether nobody waits for a result any more: asked by work that takes long.
#[derive(Debug, Clone, Default)]
pub(crate) struct GivenUp(Arc<Said>);

#[derive(Debug, Default)]
struct Said {
    is_given_up: AtomicBool,
    /// Outputs that end then.
    outputs: Mutex<Vec<Canceller>>,
}

impl GivenUp {
    pub(crate) fn give_up(&self) {
        self.0.is_given_up.store(true, Ordering::SeqCst);
        self.end_outputs();
    }

    /// Lets an output end with it, also where it waits for something by itself.
    #[cfg(feature = "object-store")]
    pub(crate) fn ends(&self, output: &mut dyn Output) {
        self.outputs().extend(output.canceller());
        if self.0.is_given_up.load(Ordering::SeqCst) {
            self.end_outputs();
        }
    }

    fn outputs(&self) -> MutexGuard<'_, Vec<Canceller>> {
        let outputs = self.0.outputs.lock();
        outputs.unwrap_or_else(PoisonError::into_inner)
    }

    fn end_outputs(&self) {
        let outputs = std::mem::take(&mut *self.outputs());
        outputs.into_iter().for_each(Canceller::cancel);
    }

    /// # Errors
    ///
    /// [`Error::WriterStopped`] if so.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.0.is_given_up.load(Ordering::SeqCst) {
            return Err(Error::WriterStopped);
        }
        Ok(())
    }
}

impl<M> Inbox<M> {
    pub(crate) fn next(&mut self) -> Option<M> {
        self.messages.blocking_recv()
    }

    pub(crate) fn given_up(&self) -> GivenUp {
        self.given_up.clone()
    }
}

impl<M: Send + 'static, T: Send + 'static> WriterThread<M, T> {
    pub(crate) fn start(
        work: impl FnOnce(Inbox<M>) -> Result<T, Error> + Send + 'static,
    ) -> Result<Self, Error> {
        let (messages, inbox) = mpsc::channel(WAITING);
        let (finished, done) = oneshot::channel();
        let (living, alive) = std_mpsc::channel();
        let given_up = GivenUp::default();
        let inbox = Inbox {
            messages: inbox,
            given_up: given_up.clone(),
        };
        let thread = thread::Builder::new()
            .name("arcgis-writer".to_owned())
            .spawn(move || {
                // Nobody to tell is nothing to do about.
                let _ = finished.send(work(inbox));
                drop(living);
            })
            .map_err(|source| Error::NoThread { source })?;
        Ok(Self {
            messages: Some(messages),
            done: Some(done),
            alive,
            thread: Some(thread),
            given_up,
            patience: PATIENCE,
        })
    }

    /// Sends a message; false if the thread has ended, which it does early only with an error.
    pub(crate) async fn send(&mut self, message: M) -> bool {
        match &mut self.messages {
            Some(messages) => messages.send(message).await.is_ok(),
            None => false,
        }
    }

    /// What came of the work; asked for once. Whoever gives up waiting for it still holds the thread, and can end first what
    /// keeps it.
    pub(crate) async fn finished(&mut self) -> Result<T, Error> {
        let result = match &mut self.done {
            Some(done) => done.await.ok(),
            None => None,
        };
        match result {
            Some(result) => result,
            None => Err(self.panic().unwrap_or(Error::WriterStopped)),
        }
    }

    /// Why the thread ended without a result.
    fn panic(&mut self) -> Option<Error> {
        self.thread.take()?.join().err().map(Error::of_panic)
    }
}

impl<M, T> Drop for WriterThread<M, T> {
    fn drop(&mut self) {
        self.given_up.give_up();
        self.messages = None;
        let Some(thread) = self.thread.take() else {
            return;
        };
        match self.alive.recv_timeout(self.patience) {
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!(
                    "what is being read or written does not go on: its thread is left behind"
                );
            }
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                let _ = thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_keeps_its_text() {
        let mut thread = WriterThread::<(), ()>::start(|_| panic!("row {}", 7)).unwrap();
        let error = thread.finished().await.unwrap_err();
        assert!(matches!(&error, Error::Panicked { message } if message == "row 7"));
    }

    #[tokio::test]
    async fn dropping_waits_for_the_thread() {
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let mut thread = WriterThread::<u8, ()>::start(move |mut inbox| {
            while inbox.next().is_some() {}
            assert!(inbox.given_up().check().is_err());
            thread::sleep(Duration::from_millis(50));
            end.store(true, Ordering::SeqCst);
            Ok(())
        })
        .unwrap();
        assert!(thread.send(1).await);
        drop(thread);
        assert!(ended.load(Ordering::SeqCst));
    }

    #[cfg(feature = "object-store")]
    #[test]
    fn an_output_ends_whenever_it_was_named() {
        struct Paper(Arc<AtomicBool>);

        impl std::io::Write for Paper {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                Ok(bytes.len())
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        impl Output for Paper {
            fn canceller(&mut self) -> Option<Canceller> {
                let ended = Arc::clone(&self.0);
                Some(Canceller::new(move || ended.store(true, Ordering::SeqCst)))
            }

            fn commit(self: Box<Self>) -> Result<crate::destination::Committed, Error> {
                Err(Error::WriterStopped)
            }
        }

        let given_up = GivenUp::default();
        let mut papers = [(); 3].map(|()| Paper(Arc::default()));
        let ended = papers.each_ref().map(|paper| Arc::clone(&paper.0));
        let ended = || ended.each_ref().map(|ended| ended.load(Ordering::SeqCst));
        let [first, second, third] = &mut papers;
        given_up.ends(first);
        given_up.ends(second);
        assert_eq!(ended(), [false; 3]);
        given_up.give_up();
        assert_eq!(ended(), [true, true, false]);
        given_up.ends(third);
        assert_eq!(ended(), [true; 3]);
    }

    #[tokio::test]
    async fn an_output_that_hangs_is_left_behind() {
        let (end, hanging) = std_mpsc::channel::<()>();
        let mut thread = WriterThread::<u8, ()>::start(move |_| {
            let _ = hanging.recv();
            Ok(())
        })
        .unwrap();
        thread.patience = Duration::from_millis(20);
        drop(thread);
        drop(end);
    }
}
