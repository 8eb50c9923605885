//! One rule for all mails that were handed over without an answer.

use super::obstacle::Obstacle;
use crate::ledger::{Decision, LedgerError, Resolution, Run, Source, UnknownRow};

/// So many are sent again without being asked for twice, whatever the size of the list.
const FEW: u64 = 10;
/// Rows that are decided about at once.
const PAGE: u32 = 500;

/// The unknown mails that a decision is about.
#[derive(Debug)]
pub struct Unknown {
    decision: Option<Decision>,
    rows: Vec<i64>,
}

impl Unknown {
    /// Finds them, and changes nothing; without a decision there are none. `only` are the people who were chosen.
    /// Refuses to send more than ten and more than 1 % of the list again, unless `force` is set.
    pub async fn find(
        run: &Run,
        decision: Option<Decision>,
        only: &[String],
        force: bool,
    ) -> Result<Self, Obstacle> {
        let mut rows = Vec::new();
        if decision.is_none() {
            return Ok(Self { decision, rows });
        }
        let chosen = |row: &UnknownRow| only.is_empty() || is_named(only, &row.user_id, &row.address);
        let mut after = 0;
        loop {
            let page = run.unknown(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            rows.extend(page.iter().filter(|row| row.listed && chosen(row)).map(|row| row.id));
        }
        let (mails, total) = (rows.len() as u64, run.tally().await?.total());
        if decision == Some(Decision::Pending) && mails > FEW.max(total / 100) && !force {
            return Err(Obstacle::TooManyAgain { mails, total });
        }
        Ok(Self { decision, rows })
    }

    /// How many they are.
    #[must_use]
    pub fn mails(&self) -> u64 {
        self.rows.len() as u64
    }

    /// How many mails the run has more to send for them.
    #[must_use]
    pub fn to_send(&self) -> u64 {
        if self.decision == Some(Decision::Pending) { self.mails() } else { 0 }
    }

    /// Applies the decision; `reason` is kept with each.
    pub async fn decide(self, run: &Run, reason: &str) -> Result<(), LedgerError> {
        let Some(decision) = self.decision else { return Ok(()) };
        for page in self.rows.chunks(PAGE as usize) {
            let resolution =
                |id: &i64| Resolution { id: *id, decision, source: Source::Rule, reason: reason.to_owned() };
            run.resolve(page.iter().map(resolution).collect()).await?;
        }
        Ok(())
    }
}

/// Whether one of these names, spelled as the ledger does, is the row's user id or address.
#[must_use]
pub fn is_named(names: &[String], user_id: &str, address: &str) -> bool {
    names.iter().any(|name| name == user_id || name.eq_ignore_ascii_case(address))
}
