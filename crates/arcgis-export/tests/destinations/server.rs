//! A server on a thread and a runtime of its own: it answers also where the runtime of a test is blocked.

use std::convert::Infallible;
use std::net::SocketAddr;

use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Ends with its drop.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

pub(crate) fn serve<A, F, B>(answer: A) -> Server
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>, Data: Send> + Send + 'static,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            tokio::spawn(async move {
                while let Ok((socket, _)) = listener.accept().await {
                    let answer = answer.clone();
                    let service = hyper::service::service_fn(move |request| {
                        let answer = answer(request);
                        async move { Ok::<_, Infallible>(answer.await) }
                    });
                    tokio::spawn(async move {
                        let serving = hyper::server::conn::http1::Builder::new();
                        let _ = serving
                            .serve_connection(TokioIo::new(socket), service)
                            .await;
                    });
                }
            });
            let _ = stopped.await;
        });
        runtime.shutdown_background();
    });
    Server {
        address,
        _stop: stop,
    }
}
