//! The wait of a row that a relay put off.

use crate::hash::sha256;

const MINUTE_MS: i64 = 60 * 1000;
/// The shortest wait after each "later", in minutes; the last holds for all that follow. The first three fall within a
/// run, the others are those of RFC 5321 §4.5.4.1 (at least 30 minutes).
const WAITS_MIN: [i64; 6] = [1, 5, 15, 30, 60, 120];
/// The longest wait, jitter included.
pub(in crate::ledger) const LONGEST_WAIT_MS: i64 = 4 * 60 * MINUTE_MS;

/// The wait of a row after its `nth` "later", in milliseconds: the wait of that number, and up to as much again by
/// chance, so that rows that were put off together do not come back together. The chance is a hash: the same row waits
/// the same time again.
pub(in crate::ledger) fn wait_ms(id: i64, epoch: i64, nth: u32) -> i64 {
    let at = usize::try_from(nth.saturating_sub(1)).unwrap_or(usize::MAX);
    let shortest = WAITS_MIN[at.min(WAITS_MIN.len() - 1)] * MINUTE_MS;
    let hash = sha256(format!("{id} {epoch} {nth}").as_bytes());
    let chance = hash.iter().take(4).fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte));
    shortest + shortest * chance / (1_i64 << 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_and_its_jitter_is_as_wide_as_itself() {
        for (nth, shortest) in [(0, 1), (1, 1), (2, 5), (3, 15), (4, 30), (5, 60), (6, 120), (u32::MAX, 120)]
        {
            let waits: Vec<_> = (0..1000).map(|id| wait_ms(id, 7, nth)).collect();
            let (least, most) = (shortest * MINUTE_MS, 2 * shortest * MINUTE_MS);
            assert!(waits.iter().all(|wait| (least..most).contains(wait)), "{nth}");
            let tenth = (most - least) / 10;
            for part in 0..10 {
                let from = least + part * tenth;
                let found = waits.iter().filter(|wait| (from..from + tenth).contains(*wait)).count();
                assert!((60..=140).contains(&found), "{found} of 1000 in part {part} after the {nth}th");
            }
            assert!(most <= LONGEST_WAIT_MS);
        }
        assert_eq!(wait_ms(1, 2, 3), wait_ms(1, 2, 3));
    }
}
