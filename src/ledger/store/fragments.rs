//! Parts of SQL that several statements share.

/// What a row is that waits anew: its time, its waits and its link begin again. The link of an earlier try counts as
/// called back, so that none of its kind is built once more.
macro_rules! anew {
    ($now:literal) => {
        concat!(
            "state = 'pending', next_attempt_at = null, held_until = null, deferrals = 0, first_try_at = null,
    first_date = null, revoked_at = case when recipient.jti_hash is not null then coalesce(recipient.revoked_at, ",
            $now,
            ") end, again_at = ",
            $now,
            ", changed_at = ",
            $now
        )
    };
}
pub(in crate::ledger) use anew;
