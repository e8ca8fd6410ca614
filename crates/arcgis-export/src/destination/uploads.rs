//! Several objects on their way into a folder of a store, of which none appears before all are there.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::{self, Either};
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::courier::{Pieces, given_up};
use super::held::{Appearing, Held, NotDone, Patience, Remains};
use super::store_error::refusal;
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
    /// Those that were about to appear when all of it was given up.
    appearing: FuturesUnordered<Appearing>,
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
    /// Whether somebody has stopped it who waits for the end.
    is_given_up: AtomicBool,
    /// Bytes of all that are whole.
    whole: AtomicU64,
    /// Why it stopped, until somebody is told.
    failure: Mutex<Option<io::Error>>,
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
                is_given_up: AtomicBool::new(false),
                whole: AtomicU64::default(),
                failure: Mutex::default(),
            }),
            sending: Vec::new(),
            held: Vec::new(),
            appearing: FuturesUnordered::new(),
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
            let carried = carry(store, key, sender, told, shared.stop.subscribe()).await;
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
        Canceller::new(move || {
            shared.is_given_up.store(true, Ordering::SeqCst);
            shared.stop();
        })
    }

    /// The size of all that are whole.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.whole.load(Ordering::Relaxed)
    }

    /// Waits until all of them are there.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        let mut sending = VecDeque::from(std::mem::take(&mut self.sending));
        let mut stop = self.shared.stop.subscribe();
        let (ended, left) = self.shared.runtime.wait(async move {
            let mut ended = Vec::with_capacity(sending.len());
            while let Some(next) = sending.front_mut() {
                let stopped = pin!(stop.wait_for(|stop| *stop));
                let Either::Left((one, _)) = future::select(next, stopped).await else {
                    break;
                };
                ended.push(one);
                sending.pop_front();
            }
            (ended, sending)
        })?;
        // What is given up is waited for where it is taken back.
        self.sending = left.into();
        for one in ended {
            match one {
                Ok(held) => self.held.extend(held),
                Err(_) => self.shared.fail(io::Error::other("the upload has stopped")),
            }
        }
        self.shared.check()
    }

    /// Lets all of them appear, [`AT_ONCE`] at a time. If that was not done, some of them may have; of those that were about
    /// to when it was given up, [`Uploads::take_back`] says more.
    pub(crate) fn appear(&mut self) -> Result<(), NotDone> {
        let held = std::mem::take(&mut self.held);
        let mut stop = self.shared.stop.subscribe();
        let work = async move {
            let (mut left, mut done) = (held.into_iter(), Vec::new());
            let (mut appearing, mut failed) = (FuturesUnordered::new(), None);
            loop {
                while appearing.len() < AT_ONCE && failed.is_none() && !*stop.borrow() {
                    let Some(held) = left.next() else { break };
                    appearing.push(Appearing::new(held));
                }
                let next = match future::select(pin!(stop.wait_for(|stop| *stop)), appearing.next())
                    .await
                {
                    Either::Left(_) => None,
                    Either::Right((next, _)) => Some(next),
                };
                match next {
                    None => {
                        let given_up = NotDone {
                            error: given_up(),
                            is_certain: true,
                        };
                        failed = Some(given_up.after(failed));
                        break;
                    }
                    Some(None) => break,
                    Some(Some((held, Ok(())))) => done.push(held),
                    Some(Some((held, Err(error)))) => {
                        done.push(held);
                        failed = Some(error.after(failed));
                    }
                }
            }
            done.extend(left);
            (done, appearing, failed)
        };
        let ended = self.shared.runtime.wait(work);
        let (held, appearing, failed) = ended.map_err(|error| NotDone {
            error,
            is_certain: false,
        })?;
        self.held = held;
        self.appearing = appearing;
        failed.map_or(Ok(()), Err)
    }

    /// Waits for a request; not for long when all of it is given up, and what becomes of it is not known then.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        request: impl Future<Output = io::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        let mut stop = self.shared.stop.subscribe();
        self.shared.runtime.wait(async move {
            let mut request = pin!(request);
            let stopped = pin!(stop.wait_for(|stop| *stop));
            if let Either::Right((done, _)) = future::select(stopped, request.as_mut()).await {
                return done;
            }
            let done = timeout(PATIENCE, request).await;
            done.unwrap_or_else(|_| Err(given_up()))
        })?
    }

    /// Takes back all that has not appeared, and waits for what is about to. `false` if some of that may appear yet.
    pub(crate) fn take_back(mut self) -> bool {
        self.end()
    }

    fn end(&mut self) -> bool {
        let sending = std::mem::take(&mut self.sending);
        let mut held = std::mem::take(&mut self.held);
        held.retain(|held| !held.has_appeared());
        let appearing = std::mem::take(&mut self.appearing);
        let count = sending.len() + held.len() + appearing.len();
        if count == 0 {
            return true;
        }
        self.shared.stop();
        let names: Vec<String> = appearing.iter().map(Appearing::name).collect();
        let is_given_up = self.shared.is_given_up.load(Ordering::SeqCst);
        let ended = self.shared.runtime.wait(async move {
            // Where something went wrong nobody is in a hurry, and there may be thousands.
            let patience = &Patience::new(PATIENCE, is_given_up.then_some(PATIENCE));
            let appearing = stream::iter(appearing).map(|one| one.end(patience));
            let appearing = appearing.buffer_unordered(AT_ONCE).boxed();
            // Whoever still sends has its own patience, and says itself what may stay.
            let sending: FuturesUnordered<_> = sending.into_iter().collect();
            let sending = sending.filter_map(|one| future::ready(one.ok().flatten()));
            let held = stream::iter(held).chain(sending);
            let held = held.map(|held| held.take_back(patience));
            let held = held.buffer_unordered(AT_ONCE).boxed();
            stream::select(appearing, held).collect::<Remains>().await
        });
        let remains = ended.unwrap_or(Remains {
            uploads: count - names.len(),
            objects: names,
        });
        remains.warn(crate::service::Folder::name(&self.folder));
        remains.objects.is_empty()
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        self.end();
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
    name: String,
    mut orders: mpsc::UnboundedReceiver<Piece>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<Held> {
    let mut upload = {
        let mut begin = pin!(store.put_multipart(&key));
        let stopped = pin!(stop.wait_for(|stop| *stop));
        let begun = match future::select(stopped, begin.as_mut()).await {
            Either::Left(_) => None,
            Either::Right((begun, _)) => Some(begun),
        };
        let Some(begun) = begun else {
            give_up_beginning(begin, &name).await;
            return Err(given_up());
        };
        begun.map_err(|error| refusal(&error))?
    };
    let mut under_way = Parts::new();
    let sent = {
        let send = send(upload.as_mut(), &mut orders, &mut under_way);
        match future::select(pin!(stop.wait_for(|stop| *stop)), pin!(send)).await {
            Either::Left(_) => Err(given_up()),
            Either::Right((sent, _)) => sent,
        }
    };
    match sent {
        Ok(bytes) => Ok(Held::new(store, key, name, upload, bytes)),
        Err(error) => {
            take_back(upload.as_mut(), &mut under_way, &name).await;
            Err(error)
        }
    }
}

/// Waits for an upload that the store may have begun, and aborts it.
async fn give_up_beginning(
    begin: impl Future<Output = object_store::Result<Box<dyn MultipartUpload>>>,
    name: &str,
) {
    match timeout(PATIENCE, begin).await {
        Ok(Ok(mut upload)) => take_back(upload.as_mut(), &mut Parts::new(), name).await,
        // Nothing that could be aborted.
        Ok(Err(_)) => {}
        Err(_) => tracing::warn!(
            object = name,
            "the store does not answer: an upload that it has begun may stay, without parts, until it removes it"
        ),
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
