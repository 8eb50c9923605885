//! Tests of `ledger`: what a purge leaves, down to the bytes of the files.

#![expect(clippy::unwrap_used, reason = "every function here is part of a test")]

use std::path::Path;

use linkpost::{
    audience::Row,
    campaign::CampaignId,
    ledger::{Accept, LedgerError, Outcome, State},
};

use crate::ledger::desk::{
    Desk, OCCASION, accepted, claim, claim_one, enlist, intend, recipient, rejected, row,
};

/// The files that hold `text`, whatever they are.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    found
}

#[tokio::test]
async fn a_purge_leaves_the_figures_and_no_trace_of_the_persons() {
    let desk = Desk::new();
    let ledger = desk.ledger().await;
    let run = ledger.begin(&desk.campaign, OCCASION, Accept::default()).await.unwrap();
    let named = |line, user: &str| recipient(line, user, &format!("mailbox-{user}@example.com"));
    let many = (4..700).map(|line| Row::Good(named(line, &format!("client{line}"))));
    let mut rows = vec![Row::Good(named(2, "client2")), Row::Good(named(3, "client2"))];
    rows.extend(many);
    enlist(&run, rows).await;
    let intent = intend(&run, claim_one(&run).await).await;
    let reply = "250 <client2@relay> Söhne ok".into();
    run.settle(intent, Outcome::Accepted { reply }).await.unwrap();
    for claim in claim(&run, 1000).await {
        run.settle(claim, rejected()).await.unwrap();
    }
    let tally = run.tally().await.unwrap();
    drop(run);
    for secret in ["client2", "mailbox-client500", "Söhne", "O'Brien"] {
        assert!(!holding(desk.folder.path(), secret).is_empty(), "{secret} is there before");
    }

    let report = ledger.purge(&desk.campaign, false).await.unwrap();
    assert_eq!((report.occasions, report.rows, report.unsettled), (1, 698, 0));
    for secret in ["client", "mailbox-", "Söhne", "O'Brien"] {
        assert_eq!(holding(desk.folder.path(), secret), [""; 0], "{secret}");
    }
    let books = ledger.books(&desk.campaign).await.unwrap();
    assert_eq!((books[0].tally, books[0].purged.is_some()), (tally, true));
    let view = ledger.rows(&desk.campaign, OCCASION, Some(State::Sent), 0, 9).await.unwrap();
    assert_eq!(view.len(), 1);
    assert_eq!((&view[0].user_id, &view[0].address, &view[0].reply), (&None, &None, &None));
    assert_eq!((view[0].key.as_ref().unwrap().len(), view[0].attempts), (64, 1));
    assert!(view[0].message_id.is_some());

    let again = ledger.begin(&desk.campaign, OCCASION, Accept::default()).await.unwrap_err();
    assert!(matches!(&again, LedgerError::Refused(what) if what.message.contains("purged")), "{again}");
    assert_eq!(ledger.purge(&desk.campaign, false).await.unwrap().occasions, 0, "a second purge is none");
}

#[tokio::test]
async fn a_purge_of_what_is_not_finished_wants_force() {
    let desk = Desk::new();
    let ledger = desk.ledger().await;
    let run = ledger.begin(&desk.campaign, OCCASION, Accept::default()).await.unwrap();
    enlist(&run, vec![row(2, "ada"), row(3, "bob"), row(4, "eve")]).await;
    run.settle(intend(&run, claim_one(&run).await).await, accepted()).await.unwrap();
    let sending = intend(&run, claim_one(&run).await).await;
    assert!(matches!(ledger.purge(&desk.campaign, true).await, Err(LedgerError::Busy { .. })));
    drop((run, sending));
    let refused = ledger.purge(&desk.campaign, false).await.unwrap_err();
    assert!(
        matches!(&refused, LedgerError::Refused(what) if what.message.starts_with("2 rows")),
        "{refused}"
    );
    assert_eq!(desk.rows().await, ["2 sent", "3 sending", "4 pending"]);
    assert_eq!(ledger.purge(&desk.campaign, true).await.unwrap().unsettled, 2);
    assert_eq!(desk.rows().await, ["2 sent", "3 unknown: purged", "4 withdrawn: purged"]);
    let nobody = CampaignId::parse("nobody").unwrap();
    assert!(matches!(ledger.purge(&nobody, true).await, Err(LedgerError::Refused(_))));
}
