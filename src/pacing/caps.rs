//! The number of mails that may leave in any hour or day, over all runs on the ledger, as a provider limits it.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

/// At most so many mails in any time of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    /// The most mails.
    pub most: u64,
    /// The length of the window that moves along with the clock.
    pub within: SignedDuration,
}

/// The caps of a run and the mails that count against them.
#[derive(Debug, Default)]
pub struct Caps {
    caps: Vec<Cap>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The times at which mails left, oldest first.
    left: VecDeque<Timestamp>,
    /// The number of mails on their way.
    open: u64,
}

/// A place below the caps. Dropped without [`Slot::used`], it is free again.
#[derive(Debug)]
pub struct Slot<'a> {
    caps: &'a Caps,
    used: Option<Timestamp>,
}

impl Caps {
    /// `left`: when mails left before this run, oldest first; as many as the highest cap at least.
    #[must_use]
    pub fn new(caps: Vec<Cap>, left: Vec<Timestamp>) -> Self {
        Self { caps, state: Mutex::new(State { left: left.into(), open: 0 }) }
    }

    /// The number of mails that may leave now; `None`: there is no cap.
    #[must_use]
    pub fn room(&self, now: Timestamp) -> Option<u64> {
        let state = self.state();
        let room = |cap: &Cap| cap.most.saturating_sub(state.within(cap, now).count() as u64 + state.open);
        self.caps.iter().map(room).min()
    }

    /// A place for one mail.
    ///
    /// # Errors
    ///
    /// There is none before this time.
    pub fn take(&self, now: Timestamp) -> Result<Slot<'_>, Timestamp> {
        let mut state = self.state();
        let later = self.caps.iter().filter_map(|cap| state.opens(cap, now)).max();
        if let Some(later) = later {
            return Err(later);
        }
        state.open += 1;
        Ok(Slot { caps: self, used: None })
    }

    /// Plain numbers, whole after every statement: a panic elsewhere does not spoil them.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn longest(&self) -> SignedDuration {
        self.caps.iter().map(|cap| cap.within).max().unwrap_or_default()
    }
}

impl State {
    /// The mails that count against a cap, oldest first.
    fn within(&self, cap: &Cap, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        let since = now.saturating_sub(cap.within).unwrap_or(Timestamp::MIN);
        self.left.iter().copied().filter(move |left| *left > since)
    }

    /// The time at which a cap has room again; `None`: it has.
    fn opens(&self, cap: &Cap, now: Timestamp) -> Option<Timestamp> {
        let counted = self.within(cap, now).count() as u64;
        let over = (counted + self.open).checked_sub(cap.most)?;
        let leaves = self.within(cap, now).nth(usize::try_from(over).unwrap_or(usize::MAX));
        // Where all of it is under way, the next moment tells.
        let leaves = leaves.and_then(|left| left.checked_add(cap.within).ok());
        Some(leaves.unwrap_or_else(|| now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(now)))
    }
}

impl Slot<'_> {
    /// The mail leaves.
    pub fn used(&mut self, now: Timestamp) {
        self.used = Some(now);
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let longest = self.caps.longest();
        let mut state = self.caps.state();
        state.open = state.open.saturating_sub(1);
        if let Some(now) = self.used {
            state.left.push_back(now);
            let since = now.saturating_sub(longest).unwrap_or(Timestamp::MIN);
            while state.left.front().is_some_and(|left| *left <= since) {
                state.left.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn hourly(most: u64) -> Cap {
        Cap { most, within: SignedDuration::from_hours(1) }
    }

    #[test]
    fn no_window_ever_holds_more_than_its_cap() {
        let caps = Caps::new(
            vec![hourly(3), Cap { most: 5, within: SignedDuration::from_hours(24) }],
            vec![at(-60)],
        );
        assert_eq!(caps.room(at(0)), Some(2));
        for second in [0, 1] {
            caps.take(at(second)).unwrap().used(at(second));
        }
        assert_eq!(caps.take(at(2)).unwrap_err(), at(3540), "the mail of the run before leaves the hour");
        caps.take(at(3540)).unwrap().used(at(3540));
        assert_eq!(caps.take(at(3541)).unwrap_err(), at(3600));
        caps.take(at(3600)).unwrap().used(at(3600));
        assert_eq!(caps.take(at(7300)).unwrap_err(), at(24 * 3600 - 60), "five a day");
    }

    #[test]
    fn a_mail_on_its_way_has_its_place_and_one_that_did_not_leave_gives_it_back() {
        let caps = Caps::new(vec![hourly(1)], Vec::new());
        let slot = caps.take(at(0)).unwrap();
        assert_eq!(caps.take(at(0)).unwrap_err(), at(1));
        drop(slot);
        caps.take(at(0)).unwrap().used(at(0));
        assert_eq!(caps.take(at(0)).unwrap_err(), at(3600));
        assert_eq!(Caps::default().room(at(0)), None);
        assert!(Caps::default().take(at(0)).is_ok());
    }
}
