//! The check of a ledger: that it is whole, and that its books hold what is promised, as far as the ledger alone shows.

use crate::ledger::{
    handle::Ledger,
    rules::{LedgerError, printable},
    store::{LastRun, ReadPool, Sql},
};

/// One thing that has to be true of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The rule, as a sentence.
    pub rule: &'static str,
    /// The violations in words: their number and the first of them. Empty: the rule holds.
    pub broken: Vec<String>,
}

/// A rule and the rows that break it: how many, and the smallest number of one. Rows of a purged occasion are left out
/// where a purge empties what the rule is about.
const RULES: [(&str, Sql); 11] = [
    (
        "every row of the list has one row in the ledger",
        Sql::shared("select count(*), min(o.id) from occasion o where o.list_rows is not null
            and o.list_rows <> (select count(*) from recipient r where r.occasion_id = o.id and r.seen = o.generation)"),
    ),
    (
        "nobody's mail was taken twice",
        Sql::shared("select count(*), min(recipient_id) from (
            select recipient_id from attempts where outcome = 'sent' group by recipient_id having count(*) > 1)"),
    ),
    (
        "what was taken is not sent again",
        Sql::shared("select count(*), min(r.id) from recipient r where r.state <> 'sent'
            and exists (select 1 from attempts a where a.recipient_id = r.id and a.outcome = 'sent')"),
    ),
    (
        "what counts as sent was taken by a relay, or somebody decided so",
        Sql::shared("select count(*), min(r.id) from recipient r where r.state = 'sent'
            and not exists (select 1 from attempts a where a.recipient_id = r.id and a.outcome = 'sent')
            and not exists (select 1 from resolution d where d.recipient_id = r.id and d.state = 'sent')"),
    ),
    (
        "every try is on record",
        Sql::shared("select count(*), min(r.id) from recipient r
            where r.attempts <> (select count(*) from attempts a where a.recipient_id = r.id)
            or (r.state in ('sending', 'unknown') and r.attempts = 0)"),
    ),
    (
        "every try has an outcome unless it is under way",
        Sql::shared("select count(*), min(r.id) from attempts a join recipient r on r.id = a.recipient_id
            join occasion o on o.id = r.occasion_id
            where a.outcome is null and r.state <> 'sending' and o.purged_at is null"),
    ),
    (
        "a mail has the same Message-ID on every try, and no other mail has it",
        Sql::shared("select count(*), min(recipient_id) from (
            select a.recipient_id from attempts a join recipient r on r.id = a.recipient_id
                where r.again_at is null group by a.recipient_id having count(distinct a.message_id) > 1
            union all
            select min(recipient_id) from attempts group by message_id having count(distinct recipient_id) > 1)"),
    ),
    (
        "no mailbox got the links of two people",
        Sql::shared("select count(*), min(id) from (
            select min(r.id) as id from recipient r where r.state in ('sent', 'sending', 'unknown') and r.address is not null
            group by r.occasion_id, r.address collate nocase having count(distinct r.user_id) > 1)"),
    ),
    (
        "what is put off has a time, and nothing else has one",
        Sql::shared("select count(*), min(id) from recipient where (state = 'deferred' and next_attempt_at is null)
            or (next_attempt_at is not null and state not in ('deferred', 'claimed'))"),
    ),
    (
        "whatever was not sent says why",
        Sql::shared("select count(*), min(id) from recipient
            where reason is null and state not in ('sent', 'pending', 'claimed', 'sending')"),
    ),
    (
        "whoever holds a row is a run on record",
        Sql::shared("select count(*), min(id) from recipient where state in ('claimed', 'sending') and epoch is null"),
    ),
];

impl Ledger {
    /// Checks that the file is whole and that its books hold what is promised: every rule, and where it is broken.
    pub async fn verify(&self) -> Result<Vec<Check>, LedgerError> {
        verify(&self.inner.readers, &self.inner.last_run).await
    }
}

/// Checks everything. An error means that the ledger cannot even be read.
async fn verify(readers: &ReadPool, last_run: &LastRun) -> Result<Vec<Check>, LedgerError> {
    // One snapshot, so that a run under way does not show half of a step.
    let mut transaction = readers.snapshot().await?;
    let damage = transaction.damage().await?;
    let mut checks =
        vec![Check { rule: "the file is whole", broken: damage.into_iter().map(printable).collect() }];
    let orphans = transaction.orphans().await?;
    checks.push(Check {
        rule: "nothing refers to a row that is not there",
        broken: (orphans > 0).then(|| format!("{orphans} rows do")).into_iter().collect(),
    });
    for (rule, sql) in RULES {
        let (rows, first): (i64, Option<i64>) = transaction.one(sql, &[]).await?;
        let words = || format!("{rows} of them, such as number {}", first.unwrap_or_default());
        checks.push(Check { rule, broken: (rows > 0).then(words).into_iter().collect() });
    }
    let newest: Option<i64> = transaction.one(Sql::shared("select max(id) from epoch"), &[]).await?;
    let newest = newest.unwrap_or_default();
    let older = last_run.read()?.filter(|known| known.epoch > newest).map(|known| {
        format!("it knows runs up to {newest}, and `{}` knows run {}", last_run.path().display(), known.epoch)
    });
    checks.push(Check { rule: "no newer copy of it was ever used", broken: older.into_iter().collect() });
    Ok(checks)
}
