//! The signals that end a verb.

use tokio::signal::unix::{SignalKind, signal};

use crate::{console::Failure, exit::Exit};

/// Works until the first signal, which may come anywhere: what the work held is dropped, and cleans up after itself.
pub(crate) async fn unless_stopped<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let stopped = first();
    tokio::select! {
        done = work => done,
        () = stopped => {
            Err(Failure::words(Exit::Unfinished, "stopped by a signal: nothing was sent"))
        }
    }
}

/// Waits for SIGINT, SIGTERM or SIGHUP. They are listened for from the call on, not from the first poll: the work
/// beside it may be far along by then.
pub(crate) fn first() -> impl Future<Output = ()> {
    let [interrupt, terminate, hangup] =
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(|kind| {
            let registered = signal(kind);
            async move {
                match registered {
                    Ok(mut signals) => drop(signals.recv().await),
                    // Without the signal's registration the default action still ends the process.
                    Err(_) => std::future::pending().await,
                }
            }
        });
    async move {
        tokio::select! {
            () = interrupt => {}
            () = terminate => {}
            () = hangup => {}
        }
    }
}
