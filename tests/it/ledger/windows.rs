//! Tests of `ledger`: mails leave in the recipients' own windows, in thirty zones and across a change of the clocks.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use linkpost::{
    audience::{Recipient, Row},
    ledger::Accept,
    schedule::{Hours, Window, WindowZone, weekdays, zone},
};

use crate::ledger::desk::{Desk, accepted, at, claim, enlist, intend, recipient};

pub(crate) const ZONES: [&str; 30] = [
    "Pacific/Kiritimati",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Auckland",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Australia/Adelaide",
    "Asia/Tokyo",
    "Australia/Eucla",
    "Asia/Shanghai",
    "Asia/Bangkok",
    "Asia/Yangon",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Kabul",
    "Asia/Tehran",
    "Asia/Dubai",
    "Africa/Nairobi",
    "Africa/Cairo",
    "Europe/Berlin",
    "Africa/Casablanca",
    "Europe/London",
    "Atlantic/Azores",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/New_York",
    "America/Denver",
    "America/Los_Angeles",
    "Pacific/Marquesas",
    "Pacific/Pago_Pago",
];

fn person(line: u64, zone: &str) -> Row {
    let user = format!("user{line}");
    let mut recipient: Recipient = recipient(line, &user, &format!("{user}@example.com"));
    recipient.fields.insert("timezone".into(), zone.into());
    Row::Good(recipient)
}

#[tokio::test]
async fn everybody_is_mailed_once_and_in_their_own_window() {
    let desk = Desk::new();
    let window = Window {
        hours: Hours::parse("09:00-10:30").unwrap(),
        days: weekdays("mon-fri").unwrap(),
        zone: WindowZone::Recipient(None),
    };
    // The Saturday before Europe changes its clocks.
    let mut now: Timestamp = "2027-03-27T00:20Z".parse().unwrap();
    let mut mailed: BTreeMap<u64, Timestamp> = BTreeMap::new();
    for tick in 0..2 * 24 * 4 {
        let run = desk.run_at(&now.to_string()).await;
        if tick == 0 {
            enlist(&run, ZONES.into_iter().zip(2..).map(|(zone, line)| person(line, zone)).collect()).await;
        }
        run.put_off(window.clone()).await.unwrap();
        for claim in claim(&run, 100).await {
            let line = claim.recipient().line;
            let own = claim.recipient().fields["timezone"].as_str().unwrap().to_owned();
            assert!(window.is_open(now, &zone(&own).unwrap()), "{own} {now}");
            assert_eq!(mailed.insert(line, now), None, "{own}");
            let intent = intend(&run, claim).await;
            run.settle(intent, accepted()).await.unwrap();
        }
        now += SignedDuration::from_mins(30);
    }
    assert_eq!(mailed.len(), ZONES.len());
}

#[tokio::test]
async fn a_window_that_closes_under_a_claim_keeps_the_mail_until_it_opens() {
    let desk = Desk::new();
    let window = Window {
        hours: Hours::parse("09:00-17:00").unwrap(),
        days: weekdays("mon-sun").unwrap(),
        zone: WindowZone::Fixed(zone("Europe/Berlin").unwrap()),
    };
    let run = desk.run_at("2026-11-23T15:59Z").await;
    enlist(&run, vec![person(2, "UTC")]).await;
    assert_eq!(run.put_off(window.clone()).await.unwrap(), 0);
    let held = claim(&run, 1).await;
    drop(run);
    let closed = desk
        .ledger_at(at("2026-11-23T16:00Z"))
        .await
        .begin(&desk.campaign, "once", Accept::default())
        .await
        .unwrap();
    drop(held);
    assert_eq!(closed.put_off(window.clone()).await.unwrap(), 1);
    assert!(claim(&closed, 1).await.is_empty());
    assert_eq!(desk.rows().await, ["2 deferred: waits for its window"]);
    drop(closed);
    // The longest wait of a deferred mail does not wake it before.
    for (time, due) in [("2026-11-23T23:00Z", 0), ("2026-11-24T07:59Z", 0), ("2026-11-24T08:00Z", 1)] {
        let run = desk.run_at(time).await;
        run.put_off(window.clone()).await.unwrap();
        assert_eq!(claim(&run, 1).await.len(), due, "{time}");
    }
}
