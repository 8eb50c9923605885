//! Refusals that turn out to be about us: the run ends, and nobody stays marked for them.

use jiff::{SignedDuration, Timestamp};

use super::{Halt, Parts};
use crate::{
    delivery::Stop,
    ledger::{Back, LedgerError, PutBack, Rest, Source, State},
    pacing::Misunderstood,
    replies::{Refusal, sameness},
    token::IssueError,
};

/// Rows that are read at once.
const PAGE: u32 = 500;

/// The end of a run for a refusal of us.
pub(super) fn halt(misunderstood: Misunderstood, relay: Option<String>, reason: String) -> Halt {
    let Misunderstood { reading, refused, sameness } = misunderstood;
    Halt::Refused { refusal: Refusal { relay, reading: Box::new(reading), reason }, refused, sameness }
}

/// After the run: whoever was booked as refused in the same words waits again, and a quota is remembered for the
/// schedule. Returns how many wait again.
pub(super) async fn put_right(parts: &Parts, halt: &Halt) -> Result<u64, LedgerError> {
    let mut rows = 0;
    let refusal = match halt {
        Halt::Refused { refusal, sameness, .. } => {
            if let Some(same) = sameness {
                rows = put_back(parts, same, refusal).await?;
            }
            refusal
        }
        Halt::Relay(Stop::Refused(refusal)) | Halt::Tokens(IssueError::Us(refusal)) => refusal,
        Halt::Ledger(_)
        | Halt::Relay(_)
        | Halt::Tokens(_)
        | Halt::ClockJumped(_)
        | Halt::Interrupted
        | Halt::Fault => return Ok(0),
    };
    remember(parts, refusal).await?;
    Ok(rows)
}

/// Writes down until when a relay or service rests.
pub(super) async fn remember(parts: &Parts, refusal: &Refusal) -> Result<(), LedgerError> {
    let Some(opens_in) = refusal.reading.opens_in else { return Ok(()) };
    // The limit opens a little after its time, not before it.
    let until = parts.clock.now().saturating_add(opens_in + SignedDuration::from_mins(1));
    let name = refusal.relay.clone().unwrap_or_else(|| Rest::TOKEN_SERVICE.to_owned());
    let reason = refusal.reading.say.clone();
    parts.run.rest(Rest { name, until: until.unwrap_or(Timestamp::MAX), reason }).await
}

async fn put_back(parts: &Parts, same: &str, refusal: &Refusal) -> Result<u64, LedgerError> {
    let run = &parts.run;
    let (mut after, mut rows) = (0, 0);
    loop {
        let page = run.rows(State::Rejected, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let meant =
            page.iter().filter(|row| row.reason.as_deref().is_some_and(|reason| sameness(reason) == same));
        let back =
            |id| PutBack { id, source: Source::Rule, reason: format!("about us: {}", refusal.reading.say) };
        let meant: Vec<_> = meant.map(|row| back(row.id)).collect();
        if !meant.is_empty() {
            let became = run.put_back(meant).await?;
            rows += became.iter().filter(|(_, back)| *back == Back::Waits).count() as u64;
        }
    }
    Ok(rows)
}
