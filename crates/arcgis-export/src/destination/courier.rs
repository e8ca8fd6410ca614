//! A thread that takes bytes to a place by requests, while another one writes them.
//!
//! It has a runtime of its own: what was begun at a place can be taken back also where the caller's runtime is
//! blocked, has a single thread, or is about to end.

use std::io::{self, Write};
use std::pin::pin;
use std::sync::mpsc::{self as std_mpsc, RecvTimeoutError, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::{self, BoxFuture, Either};
use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, oneshot};

use super::Canceller;

/// The longest wait for a thread that takes back what it began.
const PATIENCE: Duration = Duration::from_secs(8);

/// What the writer asks for.
pub(super) enum Order {
    /// Take this there.
    Piece(Bytes),
    /// Wait until all pieces are there, and do all else that can still fail.
    Settle,
    /// Let it appear.
    Complete,
}

/// What came of it.
enum Event {
    Ready,
    /// A piece of so many bytes is there.
    Taken(usize),
    Settled,
    Completed,
    Failed(io::Error),
}

/// What is done at the place.
pub(super) trait Errand: Send + 'static {
    /// Before anything is written.
    fn begin(&mut self) -> BoxFuture<'_, io::Result<()>>;

    /// Carries out orders until [`Order::Complete`].
    fn carry<'a>(&'a mut self, orders: &'a mut Orders) -> BoxFuture<'a, io::Result<()>>;

    /// Takes back what was begun.
    fn take_back(&mut self) -> BoxFuture<'_, ()>;
}

/// The orders, as the thread gets them.
pub(super) struct Orders {
    orders: mpsc::UnboundedReceiver<Order>,
    events: std_mpsc::Sender<Event>,
}

impl Orders {
    /// The next order, or an error if nobody wants the output any more. Can be dropped and called again.
    pub(super) async fn next(&mut self) -> io::Result<Order> {
        self.orders.recv().await.ok_or_else(given_up)
    }

    pub(super) fn taken(&self, bytes: usize) {
        self.tell(Event::Taken(bytes));
    }

    pub(super) fn settled(&self) {
        self.tell(Event::Settled);
    }

    fn tell(&self, event: Event) {
        // Nobody to tell is nothing to do about.
        let _ = self.events.send(event);
    }
}

pub(super) fn given_up() -> io::Error {
    // Not `Interrupted`, after which `write_all` tries again.
    io::Error::other("the output was given up")
}

/// How bytes are cut into pieces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pieces {
    /// The size of the first ones.
    pub(super) first: usize,
    /// After so many of one size they are twice as large, so that a place that takes only so many takes large
    /// files too.
    pub(super) doubled_after: u32,
    /// No more than that.
    pub(super) most: u32,
    /// Bytes of pieces that wait or are under way; one piece always may.
    pub(super) under_way: usize,
}

impl Pieces {
    pub(super) fn size(self, number: u32) -> usize {
        let doubled = number / self.doubled_after.max(1);
        self.first.max(1) << doubled.min(16)
    }
}

/// The writer's side.
pub(super) struct Courier {
    orders: Option<mpsc::UnboundedSender<Order>>,
    events: std_mpsc::Receiver<Event>,
    cancel: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    pieces: Pieces,
    sent: u32,
    buffer: Vec<u8>,
    under_way: usize,
    bytes: u64,
    settled: bool,
}

impl Courier {
    /// Starts the thread and waits until it has begun. `handle` is the runtime that the errand's things belong to;
    /// without one the thread has its own.
    pub(super) fn start(
        errand: impl Errand,
        handle: Option<Handle>,
        pieces: Pieces,
    ) -> io::Result<Self> {
        let (orders, receiver) = mpsc::unbounded_channel();
        let (events, told) = std_mpsc::channel();
        let (cancel, cancelled) = oneshot::channel();
        let receiver = Orders {
            orders: receiver,
            events,
        };
        let thread = thread::Builder::new()
            .name("arcgis-upload".to_owned())
            .spawn(move || on_runtime(handle, errand, receiver, cancelled))?;
        let mut courier = Self {
            orders: Some(orders),
            events: told,
            cancel: Some(cancel),
            thread: Some(thread),
            pieces,
            sent: 0,
            buffer: Vec::new(),
            under_way: 0,
            bytes: 0,
            settled: false,
        };
        courier.wait_for(|event| matches!(event, Event::Ready))?;
        Ok(courier)
    }

    pub(super) fn canceller(&mut self) -> Option<Canceller> {
        let cancel = self.cancel.take()?;
        Some(Canceller::new(move || {
            // The thread may have ended.
            let _ = cancel.send(());
        }))
    }

    /// Waits until all that was written is there.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        if self.settled {
            return Ok(());
        }
        if !self.buffer.is_empty() {
            self.send_piece()?;
        }
        self.order(Order::Settle)?;
        self.wait_for(|event| matches!(event, Event::Settled))?;
        self.settled = true;
        Ok(())
    }

    /// Lets it appear, and says how many bytes it has.
    pub(super) fn complete(mut self) -> io::Result<u64> {
        self.settle()?;
        self.order(Order::Complete)?;
        self.wait_for(|event| matches!(event, Event::Completed))?;
        Ok(self.bytes)
    }

    fn send_piece(&mut self) -> io::Result<()> {
        if self.sent >= self.pieces.most {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!(
                    "it is too large: {} bytes in {} parts are the most",
                    self.bytes, self.sent
                ),
            ));
        }
        let length = self.buffer.len();
        while self.under_way > 0 && self.under_way + length > self.pieces.under_way {
            let event = self.events.recv().map_err(|_| stopped())?;
            self.note(event)?;
        }
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        self.order(Order::Piece(piece))?;
        self.sent += 1;
        self.under_way += length;
        self.bytes += length as u64;
        Ok(())
    }

    fn order(&mut self, order: Order) -> io::Result<()> {
        loop {
            match self.events.try_recv() {
                Ok(event) => self.note(event)?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(stopped()),
            };
        }
        let orders = self.orders.as_ref().ok_or_else(stopped)?;
        orders.send(order).or_else(|_| {
            // It says why as the last thing it does.
            self.wait_for(|_| false)
        })
    }

    fn wait_for(&mut self, wanted: impl Fn(&Event) -> bool) -> io::Result<()> {
        loop {
            let event = self.events.recv().map_err(|_| stopped())?;
            let found = wanted(&event);
            self.note(event)?;
            if found {
                return Ok(());
            }
        }
    }

    fn note(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Taken(bytes) => self.under_way = self.under_way.saturating_sub(bytes),
            Event::Failed(error) => return Err(error),
            Event::Ready | Event::Settled | Event::Completed => {}
        }
        Ok(())
    }
}

fn stopped() -> io::Error {
    io::Error::other("the upload has stopped")
}

impl Write for Courier {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.pieces.size(self.sent);
        let room = size.saturating_sub(self.buffer.len());
        if self.buffer.capacity() == 0 {
            self.buffer.reserve_exact(size);
        }
        let fits = bytes.get(..room).unwrap_or(bytes);
        self.buffer.extend_from_slice(fits);
        if self.buffer.len() >= size {
            self.send_piece()?;
        }
        Ok(fits.len())
    }

    /// Pieces have a size, so that nothing is sent before there is as much.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(cancel) = self.cancel.take() {
            let _ = cancel.send(());
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    tracing::warn!("the upload does not end: its thread is left behind");
                    return;
                }
            }
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn on_runtime(
    handle: Option<Handle>,
    errand: impl Errand,
    orders: Orders,
    cancelled: oneshot::Receiver<()>,
) {
    match handle {
        Some(handle) => handle.block_on(run(errand, orders, cancelled)),
        None => match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(run(errand, orders, cancelled)),
            Err(error) => orders.tell(Event::Failed(error)),
        },
    }
}

async fn run(mut errand: impl Errand, mut orders: Orders, cancelled: oneshot::Receiver<()>) {
    if let Err(error) = errand.begin().await {
        errand.take_back().await;
        orders.tell(Event::Failed(error));
        return;
    }
    orders.tell(Event::Ready);
    let carried = match future::select(pin!(sent(cancelled)), errand.carry(&mut orders)).await {
        Either::Left(((), _)) => Err(given_up()),
        Either::Right((result, _)) => result,
    };
    match carried {
        Ok(()) => orders.tell(Event::Completed),
        Err(error) => {
            errand.take_back().await;
            orders.tell(Event::Failed(error));
        }
    }
}

/// When something is sent; never if the other side goes without.
async fn sent(receiver: oneshot::Receiver<()>) {
    if receiver.await.is_err() {
        future::pending::<()>().await;
    }
}

/// Runs a request on a thread and a runtime of its own, until it ends or `cancelled` comes. Blocks the thread.
pub(super) fn apart<T: Send>(
    cancelled: Option<oneshot::Receiver<()>>,
    request: impl Future<Output = io::Result<T>> + Send,
) -> io::Result<T> {
    let run = move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let Some(cancelled) = cancelled else {
                return request.await;
            };
            match future::select(pin!(sent(cancelled)), pin!(request)).await {
                Either::Left(((), _)) => Err(given_up()),
                Either::Right((result, _)) => result,
            }
        })
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("arcgis-upload".to_owned())
            .spawn_scoped(scope, run)?;
        thread.join().unwrap_or_else(|_| Err(stopped()))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Takes everything, and writes down what it took.
    struct Paper {
        notes: Arc<Mutex<Vec<String>>>,
        fails_at: usize,
    }

    impl Paper {
        fn note(&self, text: impl Into<String>) {
            self.notes.lock().unwrap().push(text.into());
        }
    }

    impl Errand for Paper {
        fn begin(&mut self) -> BoxFuture<'_, io::Result<()>> {
            Box::pin(async {
                self.note("begun");
                Ok(())
            })
        }

        fn carry<'a>(&'a mut self, orders: &'a mut Orders) -> BoxFuture<'a, io::Result<()>> {
            Box::pin(async move {
                loop {
                    match orders.next().await? {
                        Order::Piece(piece) => {
                            self.note(format!("{} bytes", piece.len()));
                            if self.notes.lock().unwrap().len() > self.fails_at {
                                return Err(io::Error::other("no more paper"));
                            }
                            orders.taken(piece.len());
                        }
                        Order::Settle => orders.settled(),
                        Order::Complete => {
                            self.note("completed");
                            return Ok(());
                        }
                    }
                }
            })
        }

        fn take_back(&mut self) -> BoxFuture<'_, ()> {
            Box::pin(async { self.note("taken back") })
        }
    }

    const PIECES: Pieces = Pieces {
        first: 4,
        doubled_after: 2,
        most: 5,
        under_way: 8,
    };

    fn start(fails_at: usize) -> (Courier, Arc<Mutex<Vec<String>>>) {
        let notes = Arc::<Mutex<Vec<String>>>::default();
        let paper = Paper {
            notes: Arc::clone(&notes),
            fails_at,
        };
        (Courier::start(paper, None, PIECES).unwrap(), notes)
    }

    #[test]
    fn pieces_grow() {
        let (mut courier, notes) = start(usize::MAX);
        courier.write_all(&[7; 30]).unwrap();
        assert_eq!(courier.complete().unwrap(), 30);
        assert_eq!(
            *notes.lock().unwrap(),
            [
                "begun",
                "4 bytes",
                "4 bytes",
                "8 bytes",
                "8 bytes",
                "6 bytes",
                "completed"
            ]
        );
        // 10,000 parts of 8 MiB that double every 2,000.
        let usual = Pieces {
            first: 8 << 20,
            doubled_after: 2000,
            ..PIECES
        };
        let all: u64 = (0..10_000).map(|part| usual.size(part) as u64).sum();
        assert_eq!(all, 2000 * (8 << 20) * 31);
        assert_eq!(usual.size(9_999), 128 << 20);
    }

    #[test]
    fn too_many_pieces_are_an_error_and_taken_back() {
        let (mut courier, notes) = start(usize::MAX);
        let error = courier.write_all(&[7; 100]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        drop(courier);
        assert_eq!(notes.lock().unwrap().last().unwrap(), "taken back");
    }

    #[test]
    fn the_first_error_is_the_one_that_is_told() {
        let (mut courier, notes) = start(2);
        let written = courier.write_all(&[7; 24]).and_then(|()| courier.settle());
        assert_eq!(written.unwrap_err().to_string(), "no more paper");
        drop(courier);
        assert_eq!(notes.lock().unwrap().last().unwrap(), "taken back");
    }

    #[test]
    fn what_is_cancelled_is_taken_back_though_somebody_still_writes() {
        let (mut courier, notes) = start(usize::MAX);
        courier.canceller().unwrap().cancel();
        let written = (0..1000).try_for_each(|_| {
            thread::sleep(Duration::from_millis(1));
            courier.pieces.most = u32::MAX;
            courier.pieces.doubled_after = u32::MAX;
            courier.write_all(&[7; 4])
        });
        assert_eq!(written.unwrap_err().to_string(), "the output was given up");
        drop(courier);
        assert_eq!(notes.lock().unwrap().last().unwrap(), "taken back");
    }

    #[test]
    fn what_is_dropped_is_taken_back() {
        let (mut courier, notes) = start(usize::MAX);
        courier.write_all(b"half").unwrap();
        courier.settle().unwrap();
        drop(courier);
        assert_eq!(*notes.lock().unwrap(), ["begun", "4 bytes", "taken back"]);
    }
}
