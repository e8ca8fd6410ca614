//! An object whose parts are all there, until it appears or is taken back.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _};
use tokio::time::{Instant, timeout_at};

use super::store_error::{is_refused, refusal};

/// An object whose parts are all there.
pub(super) struct Held {
    store: Arc<dyn ObjectStore>,
    key: Path,
    name: String,
    upload: Box<dyn MultipartUpload>,
    bytes: u64,
    has_appeared: bool,
    /// Whether the store has not said what became of it when it was to appear.
    is_unknown: bool,
}

/// How long a store is waited for while what is given up is taken back.
#[derive(Debug)]
pub(super) struct Patience {
    each: Duration,
    /// Where nobody waits any longer for all of it.
    end: Option<Instant>,
    /// Whether one request was not answered in that time.
    is_silent: AtomicBool,
}

/// One that is about to appear.
pub(super) struct Appearing {
    name: String,
    end: BoxFuture<'static, (Held, Result<(), NotDone>)>,
}

/// Something was not done.
#[derive(Debug)]
pub(crate) struct NotDone {
    pub(crate) error: io::Error,
    /// Whether that is known: an answer may have been lost, or come too late.
    pub(crate) is_certain: bool,
}

/// What may be left in a store of objects that were given up.
#[derive(Debug, Default)]
pub(super) struct Remains {
    /// Uploads that were not aborted.
    pub(super) uploads: usize,
    /// The names of objects that may appear yet, or have.
    pub(super) objects: Vec<String>,
}

impl Held {
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        key: Path,
        name: String,
        upload: Box<dyn MultipartUpload>,
        bytes: u64,
    ) -> Self {
        Self {
            store,
            key,
            name,
            upload,
            bytes,
            has_appeared: false,
            is_unknown: false,
        }
    }

    pub(super) fn has_appeared(&self) -> bool {
        self.has_appeared
    }

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
        self.is_unknown = matches!(&appeared, Err(failed) if !failed.is_certain);
        (self, appeared)
    }

    /// Aborts its upload.
    pub(super) async fn take_back(mut self, patience: &Patience) -> Remains {
        let is_gone = match patience.answer(self.upload.abort()).await {
            Some(Ok(()) | Err(object_store::Error::NotFound { .. })) => true,
            Some(Err(error)) => {
                tracing::debug!(object = self.name, error = %refusal(&error), "the upload could not be aborted");
                false
            }
            None => false,
        };
        Remains {
            uploads: usize::from(!is_gone),
            objects: self.is_unknown.then_some(self.name).into_iter().collect(),
        }
    }
}

impl Patience {
    /// So long for each request, and `in_all` for all of them where somebody waits.
    pub(super) fn new(each: Duration, in_all: Option<Duration>) -> Self {
        Self {
            each,
            end: in_all.map(|time| Instant::now() + time),
            is_silent: AtomicBool::new(false),
        }
    }

    /// The answer to a request, if there is one in time. Those that nobody would wait for are not begun.
    async fn answer<T>(&self, request: impl Future<Output = T>) -> Option<T> {
        let now = Instant::now();
        if self.is_silent.load(Ordering::Relaxed) || self.end.is_some_and(|end| end <= now) {
            return None;
        }
        let until = now + self.each;
        let until = self.end.map_or(until, |end| end.min(until));
        let answer = timeout_at(until, request).await.ok();
        if answer.is_none() {
            self.is_silent.store(true, Ordering::Relaxed);
        }
        answer
    }
}

impl NotDone {
    /// The first one of both. What is not known of one is not known of all.
    pub(super) fn after(self, earlier: Option<Self>) -> Self {
        match earlier {
            Some(Self { error, is_certain }) => Self {
                error,
                is_certain: is_certain && self.is_certain,
            },
            None => self,
        }
    }
}

impl Appearing {
    pub(super) fn new(held: Held) -> Self {
        Self {
            name: held.name.clone(),
            end: held.appear().boxed(),
        }
    }

    pub(super) fn name(&self) -> String {
        self.name.clone()
    }

    /// Waits until it has appeared; where it does not, its upload is aborted.
    pub(super) async fn end(self, patience: &Patience) -> Remains {
        let name = self.name();
        match patience.answer(self).await {
            Some((_, Ok(()))) => Remains::default(),
            Some((held, Err(_))) => held.take_back(patience).await,
            None => Remains {
                objects: vec![name],
                uploads: 0,
            },
        }
    }
}

impl Future for Appearing {
    type Output = (Held, Result<(), NotDone>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.end.as_mut().poll(context)
    }
}

impl Extend<Remains> for Remains {
    fn extend<T: IntoIterator<Item = Remains>>(&mut self, remains: T) {
        for Remains { uploads, objects } in remains {
            self.uploads += uploads;
            self.objects.extend(objects);
        }
    }
}

impl Remains {
    pub(super) fn warn(&self, folder: String) {
        for object in &self.objects {
            tracing::warn!(
                object,
                "the store has not said whether it is there: it may appear yet, or its parts stay, out of sight, until the store removes them"
            );
        }
        if self.uploads > 0 {
            tracing::warn!(
                folder,
                "the parts of up to {} uploads may stay, out of sight, until the store removes them",
                self.uploads
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use object_store::memory::InMemory;
    use object_store::{Error, PutPayload, PutResult, Result, UploadPart};

    use super::*;

    /// What a store answers; nothing for a request that does not come back.
    #[derive(Debug)]
    struct Scripted {
        complete: Option<fn() -> Result<PutResult>>,
        abort: Option<fn() -> Result<()>>,
    }

    #[async_trait]
    impl MultipartUpload for Scripted {
        fn put_part(&mut self, _: PutPayload) -> UploadPart {
            std::future::ready(Ok(())).boxed()
        }

        async fn complete(&mut self) -> Result<PutResult> {
            match self.complete {
                Some(answer) => answer(),
                None => std::future::pending().await,
            }
        }

        async fn abort(&mut self) -> Result<()> {
            match self.abort {
                Some(answer) => answer(),
                None => std::future::pending().await,
            }
        }
    }

    fn held(upload: Scripted) -> Held {
        let store = Arc::new(InMemory::new());
        Held::new(store, "x".into(), "lake/x".to_owned(), Box::new(upload), 1)
    }

    fn done() -> Result<PutResult> {
        Ok(PutResult {
            e_tag: None,
            version: None,
        })
    }

    fn lost<T>() -> Result<T> {
        Err(Error::Generic {
            store: "",
            source: "the answer was lost".into(),
        })
    }

    fn no_such<T>() -> Result<T> {
        Err(Error::NotFound {
            path: "x".to_owned(),
            source: "NoSuchUpload".into(),
        })
    }

    #[tokio::test]
    async fn what_the_store_has_not_said_is_named() {
        let (long, short) = (Duration::from_secs(60), Duration::from_millis(20));
        for (complete, abort, time, object, uploads) in [
            (Some(done as fn() -> _), None, long, false, 0),
            (None, Some((|| Ok(())) as fn() -> _), short, true, 0),
            // Taken back, unless it was there before.
            (Some(lost), Some(|| Ok(())), long, true, 0),
            (Some(lost), Some(lost), long, true, 1),
            (Some(no_such), Some(no_such), long, false, 0),
            (Some(no_such), None, short, false, 1),
        ] {
            let appearing = Appearing::new(held(Scripted { complete, abort }));
            let remains = appearing.end(&Patience::new(time, None)).await;
            let names: &[&str] = if object { &["lake/x"] } else { &[] };
            assert_eq!(remains.objects, names);
            assert_eq!(remains.uploads, uploads);
        }
    }

    #[tokio::test]
    async fn a_store_is_asked_as_long_as_it_answers() {
        let upload = |abort| Scripted {
            complete: None,
            abort,
        };
        let answers = || held(upload(Some(|| Ok(()))));
        let long = Duration::from_secs(60);
        let none = Patience::new(long, Some(Duration::ZERO));
        assert_eq!(answers().take_back(&none).await.uploads, 1);
        let patience = Patience::new(Duration::from_millis(20), None);
        // Longer in all than for one.
        tokio::time::sleep(Duration::from_millis(30)).await;
        let silent = held(upload(None)).take_back(&patience).await;
        assert_eq!(silent.uploads, 1);
        // Nor is it asked for the others then.
        assert_eq!(answers().take_back(&patience).await.uploads, 1);
        let patience = Patience::new(long, Some(long));
        assert_eq!(answers().take_back(&patience).await.uploads, 0);
    }
}
