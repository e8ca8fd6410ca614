//! Tasks on one thread, polled when the test says so.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    woken: Arc<Flag>,
}

#[derive(Default)]
pub(crate) struct Tasks(Vec<Task>);

impl Tasks {
    pub(crate) fn start(&mut self, future: impl Future<Output = ()> + 'static) {
        self.0.push(Task {
            future: Box::pin(future),
            woken: Arc::new(Flag(AtomicBool::new(true))),
        });
    }

    pub(crate) fn give_up(&mut self, which: usize) {
        if !self.0.is_empty() {
            let which = which % self.0.len();
            self.0.remove(which);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Polls up to `count` tasks that were woken, in a circle from `first` on.
    pub(crate) fn run(&mut self, first: usize, count: usize) {
        for _ in 0..count {
            let tasks = self.0.len();
            let next = (0..tasks)
                .map(|step| (first % tasks + step) % tasks)
                .find(|at| self.0[*at].woken.0.load(Ordering::SeqCst));
            let Some(at) = next else {
                return;
            };
            let task = &mut self.0[at];
            task.woken.0.store(false, Ordering::SeqCst);
            let waker = Waker::from(Arc::clone(&task.woken));
            if let Poll::Ready(()) = task.future.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.0.remove(at);
            }
        }
    }
}
