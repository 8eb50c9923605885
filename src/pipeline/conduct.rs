//! What relays think of us, over all workers: too fast, or not wanted.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use crate::{delivery::Remark, pace::Pace};

/// How many answers are remembered.
const REMEMBERED: usize = 100;
/// More policy refusals than this among them end the run.
const MOST_OF_THEM: usize = 10;
/// So many in a row do, too.
const IN_A_ROW: usize = 5;

/// The last answers of the relays.
#[derive(Debug, Default)]
pub(super) struct Conduct(Mutex<VecDeque<bool>>);

/// What follows from a remark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Consequence {
    /// Nothing.
    GoOn,
    /// So many mails a second from now on.
    Slower(f64),
    /// The relay does not want these mails: so many of the last answers said so.
    Stop(usize),
}

impl Conduct {
    /// Draws the consequence of a remark.
    pub(super) fn heed(&self, remark: &Remark, pace: &Pace) -> Consequence {
        let policy = match remark {
            Remark::None | Remark::Lost(_) => return Consequence::GoOn,
            Remark::Answered | Remark::TooFast => false,
            Remark::Policy => true,
        };
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.truncate(REMEMBERED - 1);
        last.push_front(policy);
        let refused = last.iter().filter(|policy| **policy).count();
        let in_a_row = last.iter().take_while(|policy| **policy).count();
        if policy && (in_a_row >= IN_A_ROW || refused > MOST_OF_THEM) {
            return Consequence::Stop(refused);
        }
        match remark {
            Remark::TooFast => pace.slow_down().map_or(Consequence::GoOn, Consequence::Slower),
            Remark::None | Remark::Answered | Remark::Policy | Remark::Lost(_) => Consequence::GoOn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many of these remarks the run is stopped.
    fn stopped_after(remarks: impl Iterator<Item = Remark>) -> Option<usize> {
        let (conduct, pace) = (Conduct::default(), Pace::per_second(1.0, 1));
        remarks
            .map(|remark| conduct.heed(&remark, &pace))
            .position(|consequence| matches!(consequence, Consequence::Stop(_)))
            .map(|at| at + 1)
    }

    #[tokio::test]
    async fn five_policy_refusals_in_a_row_or_more_than_ten_of_a_hundred_stop_the_run() {
        let every = |nth: usize| {
            (1..=2000).map(move |n| if n % nth == 0 { Remark::Policy } else { Remark::Answered })
        };
        assert_eq!(stopped_after(every(1)), Some(5));
        assert_eq!(stopped_after(every(2)), Some(22), "the eleventh");
        assert_eq!(stopped_after(every(9)), Some(99));
        assert_eq!(stopped_after(every(10)), None, "ten of a hundred");
        let broken = (0..100).map(|n| if n % 2 == 0 { Remark::Policy } else { Remark::Lost("cut".into()) });
        assert_eq!(stopped_after(broken), Some(9), "a lost connection is no answer");
    }
}
