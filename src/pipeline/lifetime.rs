//! A link that would be dead before its mail may be there is not sent: the last look at the clock before a body leaves.

use jiff::{SignedDuration, Timestamp};

use crate::ledger::TokenRecord;

/// How long a transfer may take: 3 minutes for a block of the body and 10 for the answer to the dot, the deadlines of
/// RFC 5321 §4.5.3.2 and of [`crate::delivery::smtp::Deadlines`].
const LONGEST_TRANSFER: SignedDuration = SignedDuration::from_mins(13);

/// Why a mail with this token must not leave any more: its link could die on the way. Half of a short life is enough,
/// so that a link that lives for a minute can be sent at all.
pub(super) fn too_old(token: &TokenRecord, now: Timestamp) -> Option<String> {
    let life = SignedDuration::from_secs(token.expires_at.saturating_sub(token.issued_at));
    let left = SignedDuration::from_secs(token.expires_at.saturating_sub(now.as_second()));
    (left < LONGEST_TRANSFER.min(life / 2)).then(|| {
        let left = left.max(SignedDuration::ZERO);
        format!(
            "the relay was ready so late that {left:#} were left of the link's {life:#}: nothing was sent, the next try gets a new link"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(life: SignedDuration, passed: SignedDuration, goes: bool) {
        let token = TokenRecord {
            jti_hash: [0; 32],
            kid: "k".into(),
            issued_at: 1_000_000,
            expires_at: 1_000_000 + life.as_secs(),
            generation: 1,
        };
        let now = Timestamp::from_second(1_000_000 + passed.as_secs()).unwrap();
        assert_eq!(too_old(&token, now).is_none(), goes, "{life:#} {passed:#}");
    }

    #[test]
    fn a_link_needs_half_of_a_short_life_and_minutes_of_a_long_one() {
        let (second, minute) = (SignedDuration::from_secs, SignedDuration::from_mins);
        check(minute(1), second(0), true);
        check(minute(1), second(30), true);
        check(minute(1), second(31), false);
        check(minute(1), minute(5), false);
        check(minute(60), minute(47), true);
        check(minute(60), minute(48), false);
        check(minute(60 * 24 * 7), minute(60 * 24 * 7 - 13), true);
        check(minute(60 * 24 * 7), minute(60 * 24 * 7 - 12), false);
    }
}
