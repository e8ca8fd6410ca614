//! Several objects on their way into a folder of a store, of which none appears before all are there.

use std::io::{self, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::{self, Either};
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use super::courier::{Pieces, given_up};
use super::store_error::{is_refused, refusal};
use super::stored_object::{PATIENCE, Parts, pieces, send_part, take_back};
use super::{Canceller, Committed, Output, StoreRuntime, StoredFolder, refused};
use crate::error::Error;

/// How many objects are on their way, or appear, at once.
const AT_ONCE: usize = 16;

/// What is held back is counted in units of so many bytes.
const UNIT: usize = 1024;

/// Objects on their way: each is written to by itself, and sent while others are. Their parts stay out of sight until
/// [`Uploads::appear`]. Dropped, all of them are taken back.
///
/// What waits to be sent or is under way has a limit for all of them together, that of a single
/// [`StoredObject`](super::StoredObject), so that memory does not grow with their number.
pub(crate) struct Uploads {
    folder: StoredFolder,
    shared: Arc<Shared>,
    sending: Vec<JoinHandle<Option<Held>>>,
    held: Vec<Held>,
}

#[derive(Debug)]
struct Shared {
    runtime: StoreRuntime,
    pieces: Pieces,
    /// All units that there are.
    units: u32,
    bytes: Arc<Semaphore>,
    objects: Arc<Semaphore>,
    stop: watch::Sender<bool>,
    /// Bytes of all that are whole.
    whole: AtomicU64,
    /// Why it stopped, until somebody is told.
    failure: Mutex<Option<io::Error>>,
}

/// An object whose parts are all there.
struct Held {
    store: Arc<dyn ObjectStore>,
    key: Path,
    upload: Box<dyn MultipartUpload>,
    bytes: u64,
    has_appeared: bool,
}

/// Something was not done.
#[derive(Debug)]
pub(crate) struct NotDone {
    pub(crate) error: io::Error,
    /// Whether that is known: an answer may have been lost, or come too late.
    pub(crate) is_certain: bool,
}

/// What the sender of an object is told.
enum Piece {
    Part(Bytes, OwnedSemaphorePermit),
    /// That was all of it.
    End,
}

impl Uploads {
    pub(crate) fn new(folder: &StoredFolder) -> Self {
        let pieces = pieces(folder.part_size());
        let units = u32::try_from(pieces.under_way.div_ceil(UNIT)).unwrap_or(u32::MAX);
        Self {
            folder: folder.clone(),
            shared: Arc::new(Shared {
                runtime: folder.runtime().clone(),
                pieces,
                units,
                bytes: Arc::new(Semaphore::new(units as usize)),
                objects: Arc::new(Semaphore::new(AT_ONCE)),
                stop: watch::Sender::new(false),
                whole: AtomicU64::default(),
                failure: Mutex::default(),
            }),
            sending: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Begins an object, once fewer than [`AT_ONCE`] others are being sent.
    pub(crate) fn begin(&mut self, path: &str) -> Result<Box<dyn Output>, Error> {
        let object = self.folder.object(path)?;
        let (store, key, _) = object.way();
        let name = super::Destination::name(&object);
        let refused = |error| refused(&name, error);
        let turn = self.shared.take(&self.shared.objects, 1).map_err(refused)?;
        let (tell, told) = mpsc::unbounded_channel();
        let (shared, sender) = (Arc::clone(&self.shared), name.clone());
        let handle = self.shared.runtime.handle().map_err(refused)?;
        self.sending.push(handle.spawn(async move {
            let carried = carry(store, key, &sender, told, shared.stop.subscribe()).await;
            drop(turn);
            carried.map_err(|error| shared.fail(error)).ok()
        }));
        Ok(Box::new(SentFile {
            shared: Arc::clone(&self.shared),
            orders: tell,
            buffer: Vec::new(),
            sent: 0,
            bytes: 0,
            name,
        }))
    }

    /// Stops everything, from any thread.
    pub(crate) fn canceller(&self) -> Canceller {
        let shared = Arc::clone(&self.shared);
        Canceller::new(move || shared.stop())
    }

    /// The size of all that are whole.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.whole.load(Ordering::Relaxed)
    }

    /// Waits until all of them are there.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        let sending = std::mem::take(&mut self.sending);
        let ended = self.shared.runtime.wait(async move {
            let mut ended = Vec::with_capacity(sending.len());
            for one in sending {
                ended.push(one.await);
            }
            ended
        })?;
        for one in ended {
            match one {
                Ok(held) => self.held.extend(held),
                Err(_) => self.shared.fail(io::Error::other("the upload has stopped")),
            }
        }
        self.shared.check()
    }

    /// Lets all of them appear, [`AT_ONCE`] at a time. If that was not done, some of them may have.
    pub(crate) fn appear(&mut self) -> Result<(), NotDone> {
        let held = std::mem::take(&mut self.held);
        let mut stop = self.shared.stop.subscribe();
        let work = async move {
            let (mut left, mut done) = (held.into_iter(), Vec::new());
            let (mut appearing, mut failed) = (FuturesUnordered::new(), None);
            loop {
                while appearing.len() < AT_ONCE && failed.is_none() {
                    let Some(held) = left.next() else { break };
                    appearing.push(held.appear());
                }
                let next = match future::select(pin!(stop.wait_for(|stop| *stop)), appearing.next())
                    .await
                {
                    Either::Left(_) => None,
                    Either::Right((next, _)) => Some(next),
                };
                match next {
                    // Those that are under way may appear yet.
                    None => {
                        failed = Some(NotDone {
                            error: given_up(),
                            is_certain: appearing.is_empty(),
                        });
                        break;
                    }
                    Some(None) => break,
                    Some(Some((held, appeared))) => {
                        done.push(held);
                        failed = match (failed, appeared.err()) {
                            // What is not known of one is not known of all.
                            (Some(NotDone { error, is_certain }), Some(next)) => Some(NotDone {
                                error,
                                is_certain: is_certain && next.is_certain,
                            }),
                            (one, other) => one.or(other),
                        };
                    }
                }
            }
            done.extend(left);
            (done, failed)
        };
        let ended = self.shared.runtime.wait(work);
        let (held, failed) = ended.map_err(|error| NotDone {
            error,
            is_certain: false,
        })?;
        self.held = held;
        failed.map_or(Ok(()), Err)
    }

    /// Waits for a request, unless all of it is given up.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        request: impl Future<Output = io::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        let mut stop = self.shared.stop.subscribe();
        self.shared.runtime.wait(async move {
            match future::select(pin!(stop.wait_for(|stop| *stop)), pin!(request)).await {
                Either::Left(_) => Err(given_up()),
                Either::Right((done, _)) => done,
            }
        })?
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        let sending = std::mem::take(&mut self.sending);
        let mut held = std::mem::take(&mut self.held);
        held.retain(|held| !held.has_appeared);
        let count = sending.len() + held.len();
        if count == 0 {
            return;
        }
        self.shared.stop();
        let ended = self.shared.runtime.wait(async move {
            let sending = stream::iter(sending);
            let sending = sending.filter_map(|one| async { one.await.ok().flatten() });
            let all = sending.chain(stream::iter(held));
            let abort = all.for_each_concurrent(AT_ONCE, |mut held| async move {
                // Nobody is left to tell, and one that cannot be aborted is as one whose process was killed.
                let _ = held.upload.abort().await;
            });
            tokio::time::timeout(PATIENCE, abort).await.is_ok()
        });
        if !ended.unwrap_or(false) {
            tracing::warn!(
                folder = crate::service::Folder::name(&self.folder),
                "the parts of up to {count} uploads may stay, out of sight, until the store removes them"
            );
        }
    }
}

impl Shared {
    fn stop(&self) {
        self.stop.send_replace(true);
        self.bytes.close();
        self.objects.close();
    }

    fn fail(&self, error: io::Error) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        // What others say then comes of that.
        if !*self.stop.borrow() {
            *failure = Some(error);
        }
        drop(failure);
        self.stop();
    }

    fn check(&self) -> io::Result<()> {
        if !*self.stop.borrow() {
            return Ok(());
        }
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        Err(failure.take().unwrap_or_else(given_up))
    }

    /// Waits for permits.
    fn take(&self, of: &Arc<Semaphore>, permits: u32) -> io::Result<OwnedSemaphorePermit> {
        let of = Arc::clone(of);
        let taken = self.runtime.wait(of.acquire_many_owned(permits))?;
        taken.or_else(|_| {
            self.check()?;
            Err(given_up())
        })
    }
}

/// Sends an object while its pieces come, and aborts its upload if that comes to nothing.
async fn carry(
    store: Arc<dyn ObjectStore>,
    key: Path,
    name: &str,
    mut orders: mpsc::UnboundedReceiver<Piece>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<Held> {
    let upload = store.put_multipart(&key).await;
    let mut upload = upload.map_err(|error| refusal(&error))?;
    let mut under_way = Parts::new();
    let sent = {
        let send = send(upload.as_mut(), &mut orders, &mut under_way);
        match future::select(pin!(stop.wait_for(|stop| *stop)), pin!(send)).await {
            Either::Left(_) => Err(given_up()),
            Either::Right((sent, _)) => sent,
        }
    };
    match sent {
        Ok(bytes) => Ok(Held {
            store,
            key,
            upload,
            bytes,
            has_appeared: false,
        }),
        Err(error) => {
            take_back(upload.as_mut(), &mut under_way, name).await;
            Err(error)
        }
    }
}

async fn send(
    upload: &mut dyn MultipartUpload,
    orders: &mut mpsc::UnboundedReceiver<Piece>,
    under_way: &mut Parts,
) -> io::Result<u64> {
    let sent = |done: object_store::Result<usize>| done.map_err(|error| refusal(&error));
    let mut bytes = 0;
    loop {
        let order = if under_way.is_empty() {
            orders.recv().await
        } else {
            match future::select(pin!(orders.recv()), under_way.next()).await {
                Either::Left((order, _)) => order,
                Either::Right((done, _)) => {
                    done.map(sent).transpose()?;
                    continue;
                }
            }
        };
        match order {
            Some(Piece::Part(piece, permit)) => {
                bytes += piece.len() as u64;
                send_part(upload, under_way, piece, permit);
            }
            Some(Piece::End) => break,
            None => return Err(given_up()),
        }
    }
    while let Some(done) = under_way.next().await {
        sent(done)?;
    }
    Ok(bytes)
}

impl Held {
    async fn appear(mut self) -> (Self, Result<(), NotDone>) {
        let appeared = match self.upload.complete().await {
            Ok(_) => Ok(()),
            // It may be there all the same: the answer was lost, or came to a second request of the same.
            Err(error) => match self.store.head(&self.key).await {
                Ok(found) if found.size == self.bytes => Ok(()),
                _ => Err(NotDone {
                    is_certain: is_refused(&error),
                    error: refusal(&error),
                }),
            },
        };
        self.has_appeared = appeared.is_ok();
        (self, appeared)
    }
}

/// An object that is written to.
struct SentFile {
    shared: Arc<Shared>,
    orders: mpsc::UnboundedSender<Piece>,
    buffer: Vec<u8>,
    /// Pieces so far.
    sent: u32,
    bytes: u64,
    name: String,
}

impl SentFile {
    fn send_piece(&mut self) -> io::Result<()> {
        let shared = &self.shared;
        if self.sent >= shared.pieces.most {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!(
                    "it is too large: {} bytes in {} parts are the most",
                    self.bytes, self.sent
                ),
            ));
        }
        let units = u32::try_from(self.buffer.len().div_ceil(UNIT)).unwrap_or(u32::MAX);
        let permit = shared.take(&shared.bytes, units.min(shared.units))?;
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        self.bytes += piece.len() as u64;
        self.sent += 1;
        self.tell(Piece::Part(piece, permit))
    }

    fn tell(&self, piece: Piece) -> io::Result<()> {
        self.orders.send(piece).or_else(|_| {
            self.shared.check()?;
            Err(given_up())
        })
    }
}

impl Write for SentFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.shared.pieces.size(self.sent);
        let room = size.saturating_sub(self.buffer.len());
        let fits = bytes.get(..room).unwrap_or(bytes);
        if self.sent > 0 && self.buffer.capacity() == 0 {
            // Where there was one of that size there will be more.
            self.buffer.reserve_exact(size);
        }
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

impl Output for SentFile {
    /// It is sent while the next one is written; [`Uploads::settle`] waits for all.
    fn settle(&mut self) -> Result<(), Error> {
        let rest = if self.buffer.is_empty() {
            Ok(())
        } else {
            self.send_piece()
        };
        rest.and_then(|()| self.tell(Piece::End))
            .map_err(|error| refused(&self.name, error))
    }

    fn commit(self: Box<Self>) -> Result<Committed, Error> {
        self.shared.whole.fetch_add(self.bytes, Ordering::Relaxed);
        Ok(Committed::new(self.name, self.bytes))
    }
}
