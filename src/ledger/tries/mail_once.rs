//! Keys that are mailed once, whatever the occasion: people on a waiting list, carts, the people of a survey.
//!
//! A key belongs to the row that tried it last. While that row was mailed, or may have been, no row of another occasion
//! may go. What decides is [`TAKEN`], in the transaction of the intent; the look-up at the enlistment only keeps such
//! rows from waiting in vain. Whoever was refused has had no mail, so another occasion may try, unless the refusal says
//! that there is no such mailbox.

use std::collections::HashMap;

use crate::{
    audience::Recipient,
    ledger::{
        rules::{LedgerError, State},
        store::{Connection, Digest, Sql, differs, json, values},
    },
};

/// Puts aside what another occasion has mailed; before the intents of a group.
pub(in crate::ledger) const TAKEN: Sql = differs!("mail_once_taken");

/// Enters who holds a key now; after the intents of a group, and after refusals before any intent. A refusal takes no
/// key from a row that was mailed.
const ENTER: Sql = differs!("mail_once_enter");

/// The trace of a key on another occasion, with that occasion's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ledger) enum Elsewhere {
    /// It has mailed it, or may have.
    Mailed(String),
    /// It tried, and there is no such mailbox; with the words that say so.
    NoMailbox {
        occasion: String,
        /// Canonical.
        mailbox: String,
        words: String,
    },
}

impl Elsewhere {
    /// Whether it concerns a row: where the mailbox was none, another one is tried.
    pub(in crate::ledger) fn is_about(&self, recipient: &Recipient) -> bool {
        match self {
            Self::Mailed(_) => true,
            Self::NoMailbox { mailbox, .. } => *mailbox == recipient.address.canonical(),
        }
    }
}

/// The keys of a list that another occasion has mailed or tried in vain, with that occasion.
pub(in crate::ledger) const ELSEWHERE: Sql = differs!("mail_once_elsewhere");

/// Enters the holders of keys. Pairs of row and hash.
pub(in crate::ledger) async fn enter(
    connection: &mut Connection,
    rows: &[(i64, Digest)],
) -> Result<(), LedgerError> {
    if !rows.is_empty() {
        connection.execute(ENTER, values![json(rows)]).await?;
    }
    Ok(())
}

/// The traces of these keys on other occasions. None where the occasion counts for itself, and nothing of
/// refusals that another occasion may see otherwise.
pub(in crate::ledger) async fn elsewhere(
    connection: &mut Connection,
    occasion: i64,
    keys: &[&str],
) -> Result<HashMap<String, Elsewhere>, LedgerError> {
    let once: bool = connection
        .one(Sql::shared("select once_in is not null from occasion where id = ?1"), values![occasion])
        .await?;
    if !once {
        return Ok(HashMap::new());
    }
    let keys: HashMap<_, _> = keys.iter().map(|key| (Digest::of(key), *key)).collect();
    let hashes: Vec<_> = keys.keys().collect();
    let found: Vec<(Digest, String, State, String, String)> =
        connection.all(ELSEWHERE, values![occasion, json(&hashes)]).await?;
    let mut elsewhere = HashMap::new();
    for (hash, occasion, state, words, address) in found {
        let key = keys.get(&hash).copied().unwrap_or_default().to_owned();
        if state.is_mailed() {
            elsewhere.insert(key, Elsewhere::Mailed(occasion));
        } else if is_no_mailbox(&words) {
            let mailbox = address.to_ascii_lowercase();
            elsewhere.insert(key, Elsewhere::NoMailbox { occasion, mailbox, words });
        }
    }
    Ok(elsewhere)
}

/// Whether a refusal says that the mailbox does not exist, in the words of RFC 3463: nothing mends that but another
/// address. The first code counts; the text after it may quote others.
fn is_no_mailbox(reason: &str) -> bool {
    let is_code = |word: &&str| {
        let digits =
            |part: &str| !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
        word.split('.').count() == 3 && word.split('.').all(digits)
    };
    let code = reason.split_whitespace().find(is_code);
    // No such mailbox, no such form of address, moved without a new one, a domain that takes no mail.
    matches!(code, Some("5.1.1" | "5.1.3" | "5.1.6" | "5.1.10"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_of_the_mailbox_lasts_beyond_its_occasion() {
        for reason in [
            "550 5.1.1 no such user",
            "after the final dot: 550 5.1.1 gone (5.7.1 says another)",
            "556 5.1.10 null MX",
        ] {
            assert!(is_no_mailbox(reason), "{reason}");
        }
        for reason in [
            "550 relay not permitted",
            "550 5.7.1 relaying denied, see 5.1.1",
            "550 5.4.5 Daily user sending limit exceeded",
            "552 5.2.2 mailbox full",
            "550 5.1.8 sender's domain does not exist",
            "550 5.1.12 no such code",
            "127.0.0.1 refused",
            "5.1.",
            "",
        ] {
            assert!(!is_no_mailbox(reason), "{reason}");
        }
    }
}
