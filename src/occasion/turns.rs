//! The campaigns of a tick in turn. A relay sees one campaign at a time, and nobody waits for hours: one that takes long
//! yields to occasions that would be late otherwise, and goes on after them.

use std::{collections::BTreeSet, convert::Infallible};

use jiff::Timestamp;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::planned::Planned;

/// The turn of a campaign.
#[derive(Debug)]
pub enum Turn {
    /// It works until it is done, or the token is cancelled: then another campaign's time has come.
    Begins(CancellationToken),
    /// The tick was stopped before its turn came.
    Missed,
}

/// Gives each campaign its turn, in order, until none has yielded. `work` gets the campaign's place in `planned`;
/// `yields` is called with the campaign whose time has come.
pub async fn take_turns(
    planned: &[Planned],
    stop: &CancellationToken,
    mut work: impl AsyncFnMut(usize, Turn),
    yields: impl Fn(&Planned),
) {
    // A due time is yielded to once: one that cannot begin does not stop the others again and again.
    let mut yielded_to = BTreeSet::new();
    loop {
        let mut yielded = false;
        for nth in 0..planned.len() {
            if stop.is_cancelled() {
                work(nth, Turn::Missed).await;
                continue;
            }
            let turn = CancellationToken::new();
            tokio::select! {
                biased;
                () = work(nth, Turn::Begins(turn.clone())) => {}
                never = cancel_when_overdue(planned, nth, &mut yielded_to, &turn, &yields) => match never {},
            }
            yielded |= turn.is_cancelled();
        }
        if !yielded || stop.is_cancelled() {
            return;
        }
    }
}

/// Cancels a campaign's turn when an occasion of another one has waited long enough.
async fn cancel_when_overdue(
    planned: &[Planned],
    at_work: usize,
    yielded_to: &mut BTreeSet<(usize, Timestamp)>,
    turn: &CancellationToken,
    yields: &impl Fn(&Planned),
) -> Infallible {
    let others = || planned.iter().enumerate().filter(|(nth, _)| *nth != at_work);
    let Some(pause) = others().map(|(_, other)| other.patience()).min() else {
        return std::future::pending().await;
    };
    loop {
        sleep(pause).await;
        for (nth, other) in others() {
            if let Some(due) = other.overdue().await
                && yielded_to.insert((nth, due))
            {
                yields(other);
                turn.cancel();
            }
        }
    }
}
