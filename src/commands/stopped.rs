//! A part of a verb that a signal may end anywhere: what it held is dropped, and cleans up behind itself.

use crate::{
    commands::{Failure, send},
    exit::Exit,
};

/// Works until the first signal.
pub(super) async fn unless_stopped<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        () = send::first_signal() => {
            Err(Failure::words(Exit::Unfinished, "stopped by a signal: nothing was sent"))
        }
    }
}
