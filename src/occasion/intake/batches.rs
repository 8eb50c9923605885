//! Rows in batches, read on a thread of their own.

use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use crate::{
    audience::{Audience, Row},
    occasion::obstacle::Obstacle,
    problem::Problem,
};

/// Rows that travel together: enough to make a set-based statement cheap, few enough to keep memory flat.
const BATCH: usize = 256;
/// What the cells of such rows may take in bytes: of a list with long notes fewer rows travel together.
const BATCH_BYTES: usize = 2 << 20;

/// The rows of a list in batches; at most two are waiting.
pub(super) struct Batches {
    reader: JoinHandle<Result<(), Problem>>,
    rows: mpsc::Receiver<Vec<Row>>,
}

impl Batches {
    /// Begins to read a list.
    pub(super) fn of(audience: Audience) -> Self {
        let (sender, rows) = mpsc::channel(1);
        let reader = spawn_blocking(move || {
            let (mut batch, mut bytes) = (Vec::with_capacity(BATCH), 0);
            for row in audience {
                let row = row?;
                bytes += match &row {
                    Row::Good(recipient) => recipient.cells.len(),
                    Row::Bad(problem) => problem.cells.iter().map(String::len).sum(),
                };
                batch.push(row);
                if batch.len() == BATCH || bytes > BATCH_BYTES {
                    bytes = 0;
                    let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                    if sender.blocking_send(full).is_err() {
                        return Ok(());
                    }
                }
            }
            // Where nobody listens any more, an error is on its way already.
            let _listener_gone = sender.blocking_send(batch);
            Ok(())
        });
        Self { reader, rows }
    }

    /// The next batch; `None` where the list was read as far as it can be.
    pub(super) async fn next(&mut self) -> Option<Vec<Row>> {
        self.rows.recv().await
    }

    /// Whether the list was read to its end.
    pub(super) async fn end(self) -> Result<(), Obstacle> {
        let read = self.reader.await.map_err(|_| fault())?;
        read.map_err(|problem| Obstacle::List(vec![problem]))
    }
}

/// A reader that panicked.
pub(super) fn fault() -> Obstacle {
    Obstacle::Internal("the list's reader ended by a fault of the program".to_owned())
}
