//! What the tests of `ledger` share: a ledger file, small lists, and the steps of a try.

#![expect(clippy::unwrap_used, reason = "every function here is part of a test")]

use std::path::PathBuf;

use linkpost::{
    audience::{Address, Cells, Fields, Recipient, RecipientKey, Row, RowProblem},
    campaign::CampaignId,
    clock::Clock,
    ledger::{
        Claim, Intended, Intent, Ledger, NewMark, Options, Outcome, Plan, Run, Selection, State, TokenRecord,
        Try,
    },
    problem::Diagnosis,
};
use tempfile::TempDir;

use crate::support::{begin, sql};

pub(crate) const OCCASION: &str = "once";

/// A ledger file in a folder of its own.
pub(crate) struct Desk {
    pub(crate) folder: TempDir,
    pub(crate) campaign: CampaignId,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), campaign: CampaignId::parse("spring").unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    pub(crate) async fn ledger(&self) -> Ledger {
        self.ledger_at(Clock::System).await
    }

    pub(crate) async fn ledger_at(&self, clock: Clock) -> Ledger {
        Ledger::open(&self.path().into(), clock, &Options::default()).await.unwrap()
    }

    pub(crate) async fn run(&self) -> Run {
        begin(&self.ledger().await, &self.campaign, OCCASION).await
    }

    pub(crate) async fn run_at(&self, time: &str) -> Run {
        begin(&self.ledger_at(at(time)).await, &self.campaign, OCCASION).await
    }

    /// A connection behind the ledger's back.
    pub(crate) async fn behind(&self) -> sql::Sql {
        sql::sql(self.path()).await
    }

    /// Every row as `line state`, and the reason where there is one.
    pub(crate) async fn rows(&self) -> Vec<String> {
        let rows = self.ledger().await.rows(&self.campaign, OCCASION, None, 0, 1000).await.unwrap();
        let mut rows: Vec<_> = rows
            .into_iter()
            .map(|row| {
                let gone = if row.listed { "" } else { " (gone)" };
                let reason = row.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                (row.line, row.id, format!("{} {}{gone}{reason}", row.line, row.state))
            })
            .collect();
        rows.sort();
        rows.into_iter().map(|(_, _, text)| text).collect()
    }
}

pub(crate) fn at(time: &str) -> Clock {
    Clock::Stopped(time.parse().unwrap())
}

/// A row of user `user` with mailbox `user@example.com`.
pub(crate) fn row(line: u64, user: &str) -> Row {
    Row::Good(recipient(line, user, &format!("{user}@example.com")))
}

pub(crate) fn recipient(line: u64, user: &str, address: &str) -> Recipient {
    let mut fields = Fields::new();
    fields.insert("plan".into(), "pro".into());
    fields.insert("items".into(), serde_json::json!([{"name": "O'Brien \"x\"", "price": 12.5}, null]));
    Recipient {
        line,
        key: RecipientKey(user.into()),
        user_id: user.into(),
        address: Address::parse(address).unwrap(),
        name: Some("Ada Söhne".into()),
        fields,
        cells: Cells::default(),
    }
}

pub(crate) fn cart(line: u64, user: &str, cart: &str) -> Row {
    let key = RecipientKey(format!("{user}\u{1f}{cart}"));
    Row::Good(Recipient { key, ..recipient(line, user, &format!("{user}@example.com")) })
}

pub(crate) fn bad(line: u64) -> Row {
    Row::Bad(RowProblem {
        line,
        column: Some("E-mail".into()),
        what: Diagnosis::new("expected an address, found `ada`"),
        cells: vec!["ada".into()],
    })
}

pub(crate) fn mark() -> NewMark {
    NewMark { list: "people.csv".into(), list_digest: [1; 32], content_digest: [2; 32], files: Vec::new() }
}

pub(crate) async fn enlist(run: &Run, rows: Vec<Row>) -> Plan {
    let mut enlistment = run.enlist().await.unwrap();
    enlistment.add(rows).await.unwrap();
    enlistment.finish(mark()).await.unwrap()
}

pub(crate) async fn claim(run: &Run, limit: u32) -> Vec<Claim> {
    run.claim(&Selection::default(), limit).await.unwrap()
}

pub(crate) async fn claim_one(run: &Run) -> Claim {
    claim(run, 1).await.pop().expect("a row waits")
}

pub(crate) fn attempt(claim: &Claim) -> Try {
    let user = &claim.recipient().user_id;
    // A hash of nothing, but one to a recipient, as in life.
    let mut jti_hash = [0x5a; 32];
    for (at, byte) in claim.recipient().key.0.bytes().enumerate() {
        jti_hash[at % 32] ^= byte.rotate_left(u32::try_from(at / 32).unwrap());
    }
    Try {
        token: TokenRecord {
            jti_hash,
            kid: "k1".into(),
            issued_at: 1_763_800_000,
            expires_at: 1_763_900_000,
            generation: 1,
        },
        message_id: format!("<{}@example.com>", user.len()),
        message_sha256: [9; 32],
        date: "2026-11-22T10:00:00Z".parse().unwrap(),
        unsubscribe_id: "u1".into(),
    }
}

pub(crate) async fn intend(run: &Run, claim: Claim) -> Intent {
    let attempt = attempt(&claim);
    match run.intend(claim, attempt).await.unwrap() {
        Intended::Go(intent) => intent,
        Intended::Withdrawn(state) => panic!("{state}"),
    }
}

pub(crate) fn accepted() -> Outcome {
    Outcome::Accepted { reply: "250 2.0.0 Ok: queued as 4ABC".into() }
}

pub(crate) fn deferred() -> Outcome {
    Outcome::Deferred { reason: "451 4.3.0 later".into() }
}

pub(crate) fn rejected() -> Outcome {
    Outcome::Rejected { reason: "550 5.1.1 no such user".into() }
}

pub(crate) fn unknown() -> Outcome {
    Outcome::Unknown { reason: "no answer within 600 s".into() }
}

pub(crate) async fn sent(run: &Run) {
    let claim = claim_one(run).await;
    let intent = intend(run, claim).await;
    assert_eq!(run.settle(intent, accepted()).await.unwrap().state, State::Sent);
}

pub(crate) async fn claim_none(run: &Run) -> bool {
    claim(run, 1).await.is_empty()
}
