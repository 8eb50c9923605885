//! The one writer: a tokio task that owns the one connection that writes.
//!
//! Callers hand over what they want and wait for the answer. Whatever waits when the writer looks up is written as one
//! transaction, so the price of a durable commit is shared by all connections to the relay. A caller that is cancelled
//! only stops listening: the work was handed over and is done.
//!
//! The writer runs work and does not know what it is: [`Requests::alone`] takes a verb as a closure. Only requests that
//! share a commit are data, see [`Grouped`].

use std::pin::Pin;

use tokio::sync::{mpsc, oneshot};

use super::group::{Answer, Group, Grouped};
use crate::{
    clock::Clock,
    ledger::{rules::LedgerError, store::Connection},
};

/// The most requests that share a commit.
const GROUP: usize = 256;
/// The most requests that wait before the callers wait for room.
const QUEUE: usize = 1024;

/// Work that borrows a connection while it is done.
pub(in crate::ledger) type Doing<'c, T> = Pin<Box<dyn Future<Output = T> + Send + 'c>>;

type Work = Box<dyn for<'c> FnOnce(&'c mut Connection, i64) -> Doing<'c, ()> + Send>;

/// A request to the writer.
enum Request {
    Grouped(Box<Grouped>),
    Alone(Alone),
}

/// A request that has the connection for itself.
enum Alone {
    Work(Work),
    Close(Answer<()>),
}

/// The way to the writer.
#[derive(Debug, Clone)]
pub(in crate::ledger) struct Requests(mpsc::Sender<Request>);

struct Writer {
    connection: Connection,
    clock: Clock,
}

/// Starts the writer. It ends when the last [`Requests`] is gone.
pub(in crate::ledger) fn spawn(connection: Connection, clock: Clock) -> Requests {
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(Writer { connection, clock }.work(receiver));
    Requests(sender)
}

impl Requests {
    /// Writes a request in one transaction with what else waits.
    pub(in crate::ledger) async fn grouped<T>(
        &self,
        request: impl FnOnce(Answer<T>) -> Grouped,
    ) -> Result<T, LedgerError> {
        self.ask(|answer| Request::Grouped(Box::new(request(answer)))).await
    }

    /// Runs `work` in a transaction of its own, which is durable when this returns. `work` gets the connection and the
    /// time, Unix milliseconds.
    pub(in crate::ledger) async fn alone<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Connection, i64) -> Doing<'c, Result<T, LedgerError>> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.lend(move |connection, now, answer| {
            Box::pin(async move {
                let done = match connection.begin().await {
                    Ok(()) => {
                        let done = work(connection, now).await;
                        connection.end(done).await
                    }
                    Err(error) => Err(error),
                };
                let _ = answer.send(done);
            })
        })
        .await
    }

    /// Lends the connection to `work`, which sees to its transactions and its answer itself.
    pub(in crate::ledger) async fn lend<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut Connection, i64, Answer<T>) -> Doing<'c, ()> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.ask(|answer| {
            Request::Alone(Alone::Work(Box::new(move |connection, now| work(connection, now, answer))))
        })
        .await
    }

    /// Closes the connection, after everything that was handed over before.
    pub(in crate::ledger) async fn close(&self) -> Result<(), LedgerError> {
        self.ask(|answer| Request::Alone(Alone::Close(answer))).await
    }

    /// Hands a request over and waits for the answer. From the first poll on the request is on its way, whatever
    /// becomes of this future.
    async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> Request) -> Result<T, LedgerError> {
        let (answer, answered) = oneshot::channel();
        match self.0.try_send(request(answer)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(request)) => {
                let sender = self.0.clone();
                tokio::spawn(async move { sender.send(request).await });
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(closed()),
        }
        answered.await.unwrap_or_else(|_| Err(closed()))
    }
}

fn closed() -> LedgerError {
    LedgerError::gone("the ledger was closed")
}

impl Writer {
    async fn work(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut waiting = Vec::with_capacity(GROUP);
        while requests.recv_many(&mut waiting, GROUP).await > 0 {
            let mut group = Group::default();
            let mut alone = Vec::new();
            for request in waiting.drain(..) {
                match request {
                    Request::Grouped(request) => group.take(*request),
                    Request::Alone(one) => alone.push(one),
                }
            }
            // Those that wait together are concurrent, so any order among them is right; outcomes go first.
            self.write_group(group).await;
            for one in alone {
                match one {
                    Alone::Work(work) => work(&mut self.connection, self.clock.now().as_millisecond()).await,
                    Alone::Close(answer) => {
                        let closed = self.connection.close().await;
                        let _ = answer.send(closed);
                        return;
                    }
                }
            }
        }
        // Closing folds the write-ahead log into the file; a failure loses nothing, it is folded in next time.
        let _ = self.connection.close().await;
    }

    async fn write_group(&mut self, group: Group) {
        if group.is_empty() {
            return;
        }
        let now = self.clock.now().as_millisecond();
        match self.connection.transaction(async |connection| group.write(connection, now).await).await {
            Ok(written) => group.answer(written),
            Err(error) => group.fail(&error),
        }
    }
}
