//! The state machine: which state follows which, in one table. SQL repeats it row by row; the tests compare.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of a row. The names are the same in SQL, in the code and on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for its turn.
    Pending,
    /// A run holds it; nothing was sent.
    Claimed,
    /// The intent is on disk; the body may be on its way.
    Sending,
    /// The relay took it: exactly `250` after the final dot.
    Sent,
    /// The relay refused it for good.
    Rejected,
    /// The relay said "later".
    Deferred,
    /// Its time ran out before the relay took it.
    Expired,
    /// Handed over, answer unknown. Never moves by itself.
    Unknown,
    /// On the suppression list.
    Suppressed,
    /// Left the list before it was mailed.
    Withdrawn,
    /// The row has a problem.
    Invalid,
    /// Another row has the same key or the same mailbox.
    Duplicate,
}

/// An event in the life of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "SQL does most of these by itself; the tests hold it to the table")
)]
pub(in crate::ledger) enum Event {
    /// A run takes it.
    Claim,
    /// The run gives it back, nothing was sent.
    Release,
    /// The try is on disk.
    Intend,
    /// `250` after the dot.
    Accepted,
    /// A lasting no.
    Rejected,
    /// A no for now.
    Deferred,
    /// A no that is about us.
    Requeue,
    /// No answer.
    Unknown,
    /// A later run finds it held by a run that is gone.
    Recover,
    /// Its time ran out.
    Expire,
    /// It is not in the list any more.
    Withdraw,
    /// It is in the list again.
    Return,
    /// Its address is on the suppression list.
    Suppress,
    /// A person or a log says that the relay took it.
    ResolveSent,
    /// A person decides that it is sent again.
    ResolvePending,
    /// A person or a log says that it never arrives.
    ResolveRejected,
    /// Another occasion has mailed its key meanwhile.
    Taken,
    /// The list has another address for it: it came to its end without a mail.
    Correct,
    /// A person, or a run that found out why, puts it back: it came to its end without a mail.
    Retry,
}

#[cfg(test)]
impl Event {
    /// Every event, in the order of the test's table.
    pub(in crate::ledger) const ALL: [Self; 19] = [
        Self::Claim,
        Self::Release,
        Self::Intend,
        Self::Accepted,
        Self::Rejected,
        Self::Deferred,
        Self::Requeue,
        Self::Unknown,
        Self::Recover,
        Self::Expire,
        Self::Withdraw,
        Self::Return,
        Self::Suppress,
        Self::ResolveSent,
        Self::ResolvePending,
        Self::ResolveRejected,
        Self::Taken,
        Self::Correct,
        Self::Retry,
    ];
}

/// The state after `event`, or `None` where the event cannot happen. `deferred_before`: the relay said "later" once.
pub(in crate::ledger) const fn next(state: State, event: Event, deferred_before: bool) -> Option<State> {
    use State::{
        Claimed, Deferred, Duplicate, Expired, Invalid, Pending, Rejected, Sending, Sent, Suppressed,
        Unknown, Withdrawn,
    };
    let waiting = if deferred_before { Deferred } else { Pending };
    let next = match (state, event) {
        (Pending | Deferred, Event::Claim) => Claimed,
        (Pending | Deferred, Event::Expire) => Expired,
        (Pending | Deferred, Event::Withdraw) | (Claimed, Event::Taken) => Withdrawn,
        (Pending | Deferred | Claimed, Event::Suppress) => Suppressed,
        (Withdrawn, Event::Return)
        | (Unknown, Event::ResolvePending)
        | (Rejected | Expired, Event::Correct)
        | (Rejected | Expired | Suppressed, Event::Retry) => Pending,
        (Claimed, Event::Release | Event::Recover) | (Claimed | Sending | Unknown, Event::Requeue) => waiting,
        (Claimed, Event::Intend) => Sending,
        (Sending | Unknown, Event::Accepted) | (Unknown, Event::ResolveSent) => Sent,
        (Claimed | Sending | Unknown, Event::Rejected) | (Unknown, Event::ResolveRejected) => Rejected,
        (Claimed | Sending | Unknown, Event::Deferred) => Deferred,
        (Sending | Unknown, Event::Unknown) | (Sending, Event::Recover) => Unknown,
        (
            Pending | Claimed | Sending | Sent | Rejected | Deferred | Expired | Unknown | Suppressed
            | Withdrawn | Invalid | Duplicate,
            _,
        ) => return None,
    };
    Some(next)
}

impl State {
    /// Every state, in the order of the tables.
    pub const ALL: [Self; 12] = [
        Self::Sent,
        Self::Pending,
        Self::Claimed,
        Self::Sending,
        Self::Deferred,
        Self::Rejected,
        Self::Expired,
        Self::Unknown,
        Self::Suppressed,
        Self::Withdrawn,
        Self::Invalid,
        Self::Duplicate,
    ];

    /// The state's name in SQL and in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Claimed => "claimed",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Rejected => "rejected",
            Self::Deferred => "deferred",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
            Self::Suppressed => "suppressed",
            Self::Withdrawn => "withdrawn",
            Self::Invalid => "invalid",
            Self::Duplicate => "duplicate",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether something is still to come: another run, or a person's decision.
    #[must_use]
    pub const fn is_unsettled(self) -> bool {
        match self {
            Self::Pending | Self::Claimed | Self::Sending | Self::Deferred | Self::Unknown => true,
            Self::Sent
            | Self::Rejected
            | Self::Expired
            | Self::Suppressed
            | Self::Withdrawn
            | Self::Invalid
            | Self::Duplicate => false,
        }
    }

    /// Whether a mail left, or may have left.
    #[must_use]
    pub const fn is_mailed(self) -> bool {
        match self {
            Self::Sending | Self::Sent | Self::Unknown => true,
            Self::Pending
            | Self::Claimed
            | Self::Deferred
            | Self::Rejected
            | Self::Expired
            | Self::Suppressed
            | Self::Withdrawn
            | Self::Invalid
            | Self::Duplicate => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole table: state, then the state after each of `Event::ALL`, `-` where it cannot happen.
    const TABLE: [&str; 12] = [
        "pending    claimed -       -       -    -        -        -       -       -       expired withdrawn -       suppressed -    -       -        -         -       -",
        "claimed    -       pending sending -    rejected deferred pending -       pending -       -         -       suppressed -    -       -        withdrawn -       -",
        "sending    -       -       -       sent rejected deferred pending unknown unknown -       -         -       -          -    -       -        -         -       -",
        "sent       -       -       -       -    -        -        -       -       -       -       -         -       -          -    -       -        -         -       -",
        "rejected   -       -       -       -    -        -        -       -       -       -       -         -       -          -    -       -        -         pending pending",
        "deferred   claimed -       -       -    -        -        -       -       -       expired withdrawn -       suppressed -    -       -        -         -       -",
        "expired    -       -       -       -    -        -        -       -       -       -       -         -       -          -    -       -        -         pending pending",
        "unknown    -       -       -       sent rejected deferred pending unknown -       -       -         -       -          sent pending rejected -         -       -",
        "suppressed -       -       -       -    -        -        -       -       -       -       -         -       -          -    -       -        -         -       pending",
        "withdrawn  -       -       -       -    -        -        -       -       -       -       -         pending -          -    -       -        -         -       -",
        "invalid    -       -       -       -    -        -        -       -       -       -       -         -       -          -    -       -        -         -       -",
        "duplicate  -       -       -       -    -        -        -       -       -       -       -         -       -          -    -       -        -         -       -",
    ];

    #[test]
    fn every_state_and_event_is_in_the_table() {
        for line in TABLE {
            assert_eq!(line.split_whitespace().count(), Event::ALL.len() + 1, "{line}");
            let mut words = line.split_whitespace();
            let state = State::parse(words.next().unwrap()).unwrap();
            for (event, expected) in Event::ALL.into_iter().zip(words.by_ref()) {
                let found = next(state, event, false).map_or("-", State::name);
                assert_eq!(found, expected, "{state} on {event:?}");
            }
        }
        assert_eq!(TABLE.len(), State::ALL.len());
    }

    #[test]
    fn a_claim_of_a_deferred_row_goes_back_to_deferred() {
        assert_eq!(next(State::Claimed, Event::Release, true), Some(State::Deferred));
        assert_eq!(next(State::Claimed, Event::Recover, true), Some(State::Deferred));
        for state in [State::Claimed, State::Sending, State::Unknown] {
            assert_eq!(next(state, Event::Requeue, true), Some(State::Deferred), "{state}");
        }
    }

    #[test]
    fn nothing_that_was_mailed_ever_waits_for_a_turn_by_itself() {
        for state in State::ALL.into_iter().filter(|state| state.is_mailed()) {
            for event in [
                Event::Claim,
                Event::Release,
                Event::Recover,
                Event::Return,
                Event::Withdraw,
                Event::Correct,
                Event::Retry,
            ] {
                for deferred in [false, true] {
                    let found = next(state, event, deferred);
                    assert!(matches!(found, None | Some(State::Unknown)), "{state} on {event:?}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn a_name_is_read_back() {
        for state in State::ALL {
            assert_eq!(State::parse(state.name()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        assert_eq!(State::parse("Sent"), None);
    }
}
