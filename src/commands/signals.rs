//! The signals that end a verb.

use tokio::signal::unix::{SignalKind, signal};

use crate::{commands::Failure, exit::Exit};

/// Works until the first signal, which may come anywhere: what the work held is dropped, and cleans up after itself.
pub(super) async fn unless_stopped<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        () = first() => {
            Err(Failure::words(Exit::Unfinished, "stopped by a signal: nothing was sent"))
        }
    }
}

/// Waits for SIGINT, SIGTERM or SIGHUP.
pub(super) async fn first() {
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signals) => drop(signals.recv().await),
            // Without the signal's registration the default action still ends the process.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}
