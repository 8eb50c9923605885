//! The number of rows in each state.

use crate::ledger::{
    rules::{LedgerError, State},
    run::{Run, Selection},
    store::{Connection, Sql, differs, json, values},
};

/// The number of rows in each state. For the rows of a list the sum is the list's number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally([u64; State::ALL.len()]);

impl Tally {
    /// The rows in a state.
    #[must_use]
    pub fn get(&self, state: State) -> u64 {
        self.iter().find(|(of, _)| *of == state).map_or(0, |(_, count)| count)
    }

    /// All rows.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The rows for which something is still to come: a run, or a person's decision about an unknown outcome.
    #[must_use]
    pub fn unsettled(&self) -> u64 {
        self.iter().filter(|(state, _)| state.is_unsettled()).map(|(_, count)| count).sum()
    }

    /// The rows that a run has still to send.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.unsettled() - self.get(State::Unknown)
    }

    /// Every state with its count, in the order of the tables.
    pub fn iter(&self) -> impl Iterator<Item = (State, u64)> {
        State::ALL.into_iter().zip(self.0)
    }
}

impl FromIterator<(State, u64)> for Tally {
    fn from_iter<T: IntoIterator<Item = (State, u64)>>(counts: T) -> Self {
        let mut tally = Self::default();
        for (state, count) in counts {
            for (of, sum) in State::ALL.into_iter().zip(&mut tally.0) {
                if of == state {
                    *sum += count;
                }
            }
        }
        tally
    }
}

/// The counts of a list, straight from an index.
pub(in crate::ledger) const COUNTS: Sql = Sql::shared("
select state, seen = ?2 as listed, count(*) as rows from recipient where occasion_id = ?1 group by state, listed");

const GENERATION: Sql = Sql::shared("select generation from occasion where id = ?1");

const ABSENT: Sql = differs!("chosen_absent");

const CHOSEN: Sql = differs!("chosen_waiting");

impl Run {
    /// The rows of the current list by state.
    pub async fn tally(&self) -> Result<Tally, LedgerError> {
        let mut transaction = self.ledger.readers.snapshot().await?;
        let generation = transaction.one(GENERATION, values![self.core.occasion]).await?;
        let (listed, _) = counts(&mut transaction, self.core.occasion, generation).await?;
        Ok(listed)
    }

    /// The names of a selection that are nobody's, and the number of rows that wait among the others.
    pub async fn chosen(&self, selection: &Selection) -> Result<(Vec<String>, u64), LedgerError> {
        if selection.only.is_empty() {
            let tally = self.tally().await?;
            return Ok((Vec::new(), tally.get(State::Pending) + tally.get(State::Deferred)));
        }
        let (occasion, only, readers) = (self.core.occasion, json(&selection.only), &self.ledger.readers);
        let absent = readers.all(ABSENT, values![occasion, &only]).await?;
        let waiting: i64 = readers.one(CHOSEN, values![occasion, &only]).await?;
        Ok((absent, u64::try_from(waiting).unwrap_or_default()))
    }
}

/// The tallies of the rows in the list of `generation` and of those that are in no list any more.
pub(in crate::ledger) async fn counts(
    connection: &mut Connection,
    occasion: i64,
    generation: i64,
) -> Result<(Tally, Tally), LedgerError> {
    let counts: Vec<(State, bool, u64)> = connection.all(COUNTS, values![occasion, generation]).await?;
    let mut listed = Vec::new();
    let mut gone = Vec::new();
    for (state, in_list, rows) in counts {
        if in_list { listed.push((state, rows)) } else { gone.push((state, rows)) }
    }
    Ok((listed.into_iter().collect(), gone.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_counts_every_state() {
        let tally: Tally = State::ALL.into_iter().zip(1..).collect();
        assert_eq!(tally.total(), 78);
        for (state, expected) in State::ALL.into_iter().zip(1..) {
            assert_eq!(tally.get(state), expected);
        }
        let open = [State::Pending, State::Claimed, State::Sending, State::Deferred, State::Unknown];
        assert_eq!(tally.unsettled(), open.iter().map(|state| tally.get(*state)).sum::<u64>());
        assert_eq!(tally.waiting(), tally.unsettled() - tally.get(State::Unknown));
        assert_eq!([(State::Sent, 1), (State::Sent, 2)].into_iter().collect::<Tally>().get(State::Sent), 3);
    }
}
