//! Sends what waits, with the progress in view, until it is done or a signal ends it.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    console::{Failure, run_news, signals},
    ledger::Settled,
    pipeline::{self, Bounds, Halt, News, Parts},
    ui::Ui,
};

/// How long a stopped run waits for relays to answer what is under way.
const GRACE: Duration = Duration::from_mins(2);

/// Sends until nothing is due, a signal comes, or the run has to stop. Returns how many mails have had their time before
/// they were tried.
///
/// A run that `stop` ends has mails left, and whoever stopped it goes on with them.
pub(crate) async fn deliver(
    ui: &Ui,
    parts: Parts,
    bounds: Bounds,
    total: u64,
    stop: CancellationToken,
) -> Result<u64, Failure> {
    let mut progress = ui.progress(total);
    let mut lapsed = 0;
    let sending = pipeline::send_all(Arc::new(parts), bounds, stop.clone(), |news| match news {
        News::Settled(settled) => {
            ui.event(&event(&settled));
            progress.settled(&settled);
        }
        news @ (News::Trouble(_)
        | News::Slower { .. }
        | News::Capped { .. }
        | News::Resting(_)
        | News::PutBack { .. }
        | News::Expired { .. }
        | News::Waiting { .. }) => {
            if let News::Expired { rows } = news {
                lapsed += rows;
            }
            progress.aside(|| run_news::report(ui, &news));
        }
    });
    let interrupted = interrupted(ui, &stop, signals::first());
    let ended = tokio::select! {
        ended = sending => ended,
        interrupted = interrupted => interrupted,
    };
    progress.finish();
    ended?;
    Ok(lapsed)
}

/// Ends only when the run has to end at once: a second signal, or the grace after the first is over.
async fn interrupted(ui: &Ui, stop: &CancellationToken, first: impl Future<Output = ()>) -> Result<(), Halt> {
    first.await;
    stop.cancel();
    ui.note("stopping: what is under way is finished first (once more to stop at once)");
    tokio::select! {
        () = signals::first() => {}
        () = tokio::time::sleep(GRACE) => {}
    }
    Err(Halt::Interrupted)
}

fn event(settled: &Settled) -> serde_json::Value {
    json!({ "event": "settled", "line": settled.line, "state": settled.state.name(), "reason": settled.reason })
}
