//! Where requests to a store are driven, whatever the caller's own runtime does.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime of its own for all that belongs to one store, so that its connections outlive each single file. It is
/// started when it is needed. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoreRuntime(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner(Mutex<Option<Runtime>>);

impl StoreRuntime {
    pub(crate) fn handle(&self) -> io::Result<Handle> {
        let mut runtime = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*runtime {
            return Ok(runtime.handle().clone());
        }
        let new = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("arcgis-store")
            .enable_all()
            .build()?;
        Ok(runtime.insert(new).handle().clone())
    }

    /// Waits until it is done, and blocks the calling thread until then.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> io::Result<T> {
        let (tell, told) = mpsc::sync_channel(1);
        self.handle()?.spawn(async move {
            // Nobody may be left to tell.
            let _ = tell.send(work.await);
        });
        told.recv()
            .map_err(|_| io::Error::other("the request was given up"))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let runtime = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = runtime.take() {
            // Also where the last that has it is one of its own tasks.
            runtime.shutdown_background();
        }
    }
}
