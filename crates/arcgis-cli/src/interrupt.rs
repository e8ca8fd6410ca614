//! Being told to stop.

/// Waits for Ctrl-C, or for the system's request to end, and names what came.
pub(crate) async fn arrived() -> &'static str {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).ok();
        let mut hangup = signal(SignalKind::hangup()).ok();
        tokio::select! {
            Ok(()) = tokio::signal::ctrl_c() => "interrupted",
            Some(()) = next(&mut terminate) => "terminated",
            Some(()) = next(&mut hangup) => "the terminal was closed",
            else => std::future::pending().await,
        }
    }
    #[cfg(not(unix))]
    match tokio::signal::ctrl_c().await {
        Ok(()) => "interrupted",
        Err(_) => std::future::pending().await,
    }
}

#[cfg(unix)]
async fn next(signal: &mut Option<tokio::signal::unix::Signal>) -> Option<()> {
    signal.as_mut()?.recv().await
}
