//! People barred since the list was looked up: asked about a hundred at a time, shortly before their tokens are minted.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{client::Client, directory};
use crate::{
    ledger::{Claim, Run},
    token::IssueError,
};

/// So many fit into one question.
const AT_ONCE: u32 = 100;
/// The time for which Clerk's word about a user holds.
const HOLDS: Duration = Duration::from_mins(10);

/// The knowledge about those who wait for a token.
#[derive(Default)]
pub(super) struct Roster {
    known: Mutex<Known>,
    /// The number of people who were kept from a token.
    kept: AtomicU64,
}

#[derive(Default)]
struct Known {
    /// Lines of the list, from and to, everybody on which was asked about at this time. The newest last.
    asked: Vec<(u64, u64, Instant)>,
    /// By user id, why somebody cannot be signed in.
    barred: HashMap<String, String>,
}

impl Roster {
    /// The whole list was asked about, and those who are barred are no rows to be mailed.
    pub(super) async fn asked_all(&self) {
        *self.known.lock().await = Known { asked: vec![(0, u64::MAX, Instant::now())], ..Known::default() };
    }

    /// The number of people who were kept from a token.
    pub(super) fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }

    /// The bar that keeps the claimed recipient from a token. Where Clerk's word is too old, it is asked about them and
    /// about the next who wait, in one request.
    pub(super) async fn barred(
        &self,
        client: &Client,
        run: &Run,
        claim: &Claim,
        halt: &CancellationToken,
    ) -> Result<Option<String>, IssueError> {
        let (line, user) = (claim.recipient().line, &claim.recipient().user_id);
        // Whoever waits here wants the same answer.
        let mut known = self.known.lock().await;
        if !known.covers(line, Instant::now()) {
            // Others hold lines before this one: whoever comes first asks for all of them.
            let from = known.frontier(line, Instant::now());
            let waiting = run.waiting_users(from, AT_ONCE).await?;
            let last = waiting.last().map_or(from, |(last, _)| *last);
            let mut ids: Vec<String> = waiting.into_iter().map(|(_, user)| user).collect();
            if !ids.contains(user) {
                ids.push(user.clone());
            }
            let barred = directory::barred(client, &ids, halt).await?;
            known.learn(&[(from, last), (line, line)], &ids, barred, Instant::now());
        }
        let words = known.barred.get(user).cloned();
        if words.is_some() {
            self.kept.fetch_add(1, Ordering::Relaxed);
        }
        Ok(words)
    }
}

impl Known {
    fn fresh(&self, now: Instant) -> impl Iterator<Item = (u64, u64)> {
        let fresh = self.asked.iter().rev().take_while(move |(_, _, at)| *at + HOLDS > now);
        fresh.map(|(from, to, _)| (*from, *to))
    }

    fn covers(&self, line: u64, now: Instant) -> bool {
        self.fresh(now).any(|(from, to)| (from..=to).contains(&line))
    }

    /// The first line after those before `line` that were asked about.
    fn frontier(&self, line: u64, now: Instant) -> u64 {
        self.fresh(now).map(|(_, to)| to.saturating_add(1)).filter(|next| *next <= line).max().unwrap_or(0)
    }

    fn learn(&mut self, lines: &[(u64, u64)], ids: &[String], barred: HashMap<String, String>, now: Instant) {
        self.asked.retain(|(_, _, at)| *at + HOLDS > now);
        self.asked.extend(lines.iter().map(|(from, to)| (*from, *to, now)));
        for id in ids {
            self.barred.remove(id);
        }
        self.barred.extend(barred);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn clerks_word_holds_for_ten_minutes_and_for_the_lines_that_were_asked_about() {
        let mut known = Known::default();
        assert!(!known.covers(2, Instant::now()));
        let words = HashMap::from([("user_3".to_owned(), "is banned".to_owned())]);
        known.learn(&[(0, 101)], &["user_2".to_owned(), "user_3".to_owned()], words, Instant::now());
        tokio::time::advance(HOLDS / 2).await;
        assert_eq!(known.frontier(130, Instant::now()), 102, "whoever asks next begins behind the last");
        known.learn(&[(102, 140)], &["user_102".to_owned()], HashMap::new(), Instant::now());
        for (line, covered) in [(2, true), (101, true), (102, true), (140, true), (141, false)] {
            assert_eq!(known.covers(line, Instant::now()), covered, "{line}");
        }
        assert_eq!(known.barred.get("user_3").unwrap(), "is banned");
        tokio::time::advance(HOLDS / 2).await;
        assert!(!known.covers(2, Instant::now()) && known.covers(102, Instant::now()));
        // Whoever is let in again is barred no more.
        assert_eq!(known.frontier(60, Instant::now()), 0);
        known.learn(&[(2, 3)], &["user_3".to_owned()], HashMap::new(), Instant::now());
        assert!(known.covers(2, Instant::now()) && known.barred.is_empty());
        assert_eq!(known.asked.len(), 2, "what is too old is forgotten");
    }
}
