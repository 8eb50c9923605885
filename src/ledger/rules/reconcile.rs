//! The reconciliation of a new list with the rows that are there: one pure function.

use super::states::State;

/// The ledger's row under the key of a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ledger) struct Known {
    /// The line, if this list has shown the key already.
    pub(in crate::ledger) seen_on: Option<u64>,
    pub(in crate::ledger) state: State,
    /// Whether the new row says the same.
    pub(in crate::ledger) same: bool,
    /// Whether the new row has another mailbox, of a person who is not known to have a mail.
    pub(in crate::ledger) corrected: bool,
}

/// Somebody else who holds the new row's mailbox: shown by this list already, or mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) struct Rival {
    /// The line, if this list has shown it.
    pub(in crate::ledger) line: Option<u64>,
}

/// By what two rows are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameBy {
    /// The same key: the same user (and cart) twice.
    Key,
    /// Two users with one mailbox: the second's link would go to the first.
    Mailbox,
}

/// The decision about a new row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) enum Verdict {
    /// Nobody knows it: it waits for its turn.
    New,
    /// It waits for its turn already and says something else now.
    Changed,
    /// It had left the list and is back.
    Returned,
    /// It was refused or expired, and its mailbox is another one now: it waits again.
    Corrected,
    /// Nothing about it has changed.
    Unchanged,
    /// It says something else now, but a mail has left, or may have: it stays as it was mailed.
    ChangedAfterSent,
    /// It says something else now, but its end was reached without a mail: it stays.
    ChangedAfterEnd,
    /// The same as another row.
    Duplicate(SameBy, Option<u64>),
}

/// Decides about one row of a list, given what came before it.
pub(in crate::ledger) fn decide(known: Option<&Known>, rival: Option<Rival>) -> Verdict {
    if let Some(line) = known.and_then(|known| known.seen_on) {
        return Verdict::Duplicate(SameBy::Key, Some(line));
    }
    let by_mailbox = rival.map(|rival| Verdict::Duplicate(SameBy::Mailbox, rival.line));
    let Some(known) = known else { return by_mailbox.unwrap_or(Verdict::New) };
    match known.state {
        State::Pending | State::Deferred => {
            by_mailbox.unwrap_or(if known.same { Verdict::Unchanged } else { Verdict::Changed })
        }
        State::Withdrawn => by_mailbox.unwrap_or(Verdict::Returned),
        State::Claimed | State::Sending | State::Sent | State::Unknown => {
            if known.same {
                Verdict::Unchanged
            } else {
                Verdict::ChangedAfterSent
            }
        }
        State::Rejected | State::Expired if known.corrected => by_mailbox.unwrap_or(Verdict::Corrected),
        State::Rejected | State::Expired | State::Suppressed | State::Invalid | State::Duplicate => {
            if known.same { Verdict::Unchanged } else { Verdict::ChangedAfterEnd }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_waits_follows_the_list_and_a_mailed_one_stays() {
        let check = |state, same, expected| {
            let known = Known { seen_on: None, state, same, corrected: false };
            assert_eq!(decide(Some(&known), None), expected, "{state} {same}");
        };
        for state in [State::Pending, State::Deferred] {
            check(state, true, Verdict::Unchanged);
            check(state, false, Verdict::Changed);
        }
        for state in [State::Sending, State::Sent, State::Unknown] {
            check(state, true, Verdict::Unchanged);
            check(state, false, Verdict::ChangedAfterSent);
        }
        for state in [State::Rejected, State::Expired, State::Suppressed] {
            check(state, true, Verdict::Unchanged);
            check(state, false, Verdict::ChangedAfterEnd);
        }
        check(State::Withdrawn, true, Verdict::Returned);
        check(State::Withdrawn, false, Verdict::Returned);
        assert_eq!(decide(None, None), Verdict::New);
    }

    #[test]
    fn another_mailbox_is_tried_where_the_old_one_had_no_mail_and_its_person_wants_one() {
        for state in State::ALL {
            let known = Known { seen_on: None, state, same: false, corrected: true };
            let again = matches!(state, State::Rejected | State::Expired);
            assert_eq!(decide(Some(&known), None) == Verdict::Corrected, again, "{state}");
        }
    }

    #[test]
    fn a_key_counts_once_in_a_list_whatever_became_of_it() {
        for state in State::ALL {
            for same in [true, false] {
                for rival in [None, Some(Rival { line: Some(2) })] {
                    let known = Known { seen_on: Some(7), state, same, corrected: !same };
                    assert_eq!(decide(Some(&known), rival), Verdict::Duplicate(SameBy::Key, Some(7)));
                }
            }
        }
    }

    #[test]
    fn nobody_else_gets_a_mail_to_a_mailbox_that_is_taken() {
        for line in [None, Some(3)] {
            let rival = Some(Rival { line });
            let taken = Verdict::Duplicate(SameBy::Mailbox, line);
            assert_eq!(decide(None, rival), taken);
            for state in State::ALL {
                for corrected in [true, false] {
                    let known = Known { seen_on: None, state, same: false, corrected };
                    let ended = corrected && matches!(state, State::Rejected | State::Expired);
                    let waits = matches!(state, State::Pending | State::Deferred | State::Withdrawn);
                    assert_eq!(decide(Some(&known), rival) == taken, waits || ended, "{state}");
                }
            }
        }
    }
}
