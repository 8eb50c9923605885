//! Rows that came to their end without a mail, in words: whose they are, why, and what there is to do about them.

use std::{cmp::Reverse, collections::BTreeMap};

use crate::{
    campaign::CampaignId,
    ledger::{RowView, State, Stays},
    ui::{Ui, count, grouped, table},
};

/// How many reasons and rows are shown.
const SHOWN: usize = 5;

/// Whom it is about, and why they are where they are.
pub(super) fn print_rows(ui: &Ui, campaign: &CampaignId, occasion: &str, state: State, rows: &[RowView]) {
    ui.say(format_args!(
        "{} of `{campaign}`, occasion {occasion}:",
        count(rows.len() as u64, &format!("{state} row"))
    ));
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows {
        *reasons.entry(group(row.reason.as_deref().unwrap_or_default())).or_default() += 1;
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, rows)| Reverse(*rows));
    let more = reasons.len().saturating_sub(SHOWN) as u64;
    let shown = reasons.into_iter().take(SHOWN).map(|(reason, rows)| vec![reason, grouped(rows)]);
    ui.say(table(&["reason", "rows"], shown));
    if more > 0 {
        ui.say(format_args!("… and {}", count(more, "other reason")));
    }
    for row in rows.iter().filter(|row| row.key.is_some()).take(SHOWN) {
        let address = row.address.as_deref().map(|address| ui.address(address)).unwrap_or_default();
        let user = row.user_id.as_deref().filter(|user| !user.contains('@')).unwrap_or("-");
        ui.say(format_args!("line {}, {user}, {address}", row.line));
    }
    let more = rows.iter().filter(|row| row.key.is_some()).count().saturating_sub(SHOWN) as u64;
    if more > 0 {
        ui.say(format_args!("… and {}", count(more, "other row")));
    }
}

/// A reason without what differs from person to person: their address in the relay's words.
fn group(reason: &str) -> String {
    let word = |word: &str| if word.contains('@') { "…@…".to_owned() } else { word.to_owned() };
    reason.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

/// Why rows stay, with how many of each.
pub(super) fn describe_stays(stays: &[(Stays, u64)]) -> String {
    let words = |(why, rows): &(Stays, u64)| {
        let one = *rows == 1;
        let what = match why {
            Stays::State(state) => format!("{} {state} by now", if one { "is" } else { "are" }),
            Stays::LeftTheList => "left the list".to_owned(),
            Stays::LinkUsed => "signed in with the link, so the mail is there".to_owned(),
            Stays::Suppressed => format!(
                "{} on the suppression list, and who unsubscribed is not mailed again",
                if one { "is" } else { "are" }
            ),
            Stays::MailboxTaken => {
                format!("{} a mailbox with somebody else who is mailed", agree(*rows, "share"))
            }
            Stays::MailedOn(occasion) => {
                format!("{} mailed on the occasion `{occasion}`", if one { "was" } else { "were" })
            }
        };
        format!("{} {what}", grouped(*rows))
    };
    stays.iter().map(words).collect::<Vec<_>>().join("; ")
}

/// `1 row waits`, `2 rows wait`.
pub(super) fn agree(number: u64, verb: &str) -> String {
    if number == 1 { format!("{verb}s") } else { verb.to_owned() }
}

/// What there is to do about rows of a state, where that is not `retry`.
pub(super) const fn remedy(state: State) -> &'static str {
    match state {
        State::Pending | State::Claimed | State::Deferred => {
            "it waits already: `linkpost send` goes on with it"
        }
        State::Sent => "who has the mail is not mailed again",
        State::Sending | State::Unknown => {
            "it may have arrived, and its answer is lost: `linkpost resolve` decides about it"
        }
        State::Withdrawn => "it left the list: a list that has it again brings it back",
        State::Duplicate => "another row stands for it: `linkpost status --rows duplicate` says which",
        State::Rejected => "`--rows rejected` puts it back",
        State::Expired => "`--rows expired` puts it back",
        State::Invalid => "`--rows invalid` has its problem looked at again",
        State::Suppressed => {
            "`--rows suppressed` puts it back, if it is not on the suppression list any more"
        }
    }
}
