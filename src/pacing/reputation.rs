//! Our standing by the last answers, over all workers: too fast, not wanted, or misunderstood.
//!
//! [`crate::replies`] says whose fault one refusal is. The same words to several people in a row are about us, whatever
//! the code.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::rate::Pace;
use crate::{
    delivery::Remark,
    replies::{Fault, Reading, sameness},
};

/// The number of answers that are remembered.
const REMEMBERED: usize = 100;
/// So many refusals of one kind in a row end the run.
const IN_A_ROW: usize = 5;
/// More of one kind than this among the remembered do, too.
const MOST_OF_THEM: usize = 10;
/// The same for refusals that say that the mailbox is at fault: a list may be old, but not every mailbox is gone.
const PEOPLE_IN_A_ROW: usize = 20;
const MOST_OF_THE_PEOPLE: usize = 50;

/// The last answers of the relays and of the token service.
#[derive(Debug, Default)]
pub struct Reputation {
    remembered: Mutex<Remembered>,
    /// Whether refusals of people are taken at their word.
    accepts: bool,
}

#[derive(Debug, Default)]
struct Remembered {
    /// The newest first.
    last: VecDeque<Answer>,
    /// The words of the last lasting refusal.
    reason: String,
}

/// One answer, as far as it is compared with others.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    /// Taken, or put off.
    Other,
    /// The sender or the mails are not wanted.
    Unwanted,
    /// Refused for good, in these words.
    Refused(Fault, String),
}

/// The consequence of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Reaction {
    /// Nothing.
    GoOn,
    /// So many mails a second from now on.
    Slower(f64),
    /// The refusal is about us.
    Stop(Misunderstood),
}

/// A refusal that is about us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misunderstood {
    /// The party at fault.
    pub reading: Reading,
    /// The number of the last answers that said so.
    pub refused: usize,
    /// The part that is the same in the refusals that were booked against people before it was understood.
    pub sameness: Option<String>,
}

impl Reputation {
    /// Nothing is known yet. `accepts`: refusals of people are taken at their word.
    #[must_use]
    pub fn new(accepts: bool) -> Self {
        Self { remembered: Mutex::default(), accepts }
    }

    /// Takes in an answer with the words that the ledger keeps of it.
    pub fn observe(&self, remark: &Remark, reason: &str, pace: &Pace) -> Reaction {
        let reading = match remark {
            Remark::None | Remark::Lost(_) => return Reaction::GoOn,
            Remark::Taken => {
                self.remember(Answer::Other);
                return Reaction::GoOn;
            }
            Remark::Refused(reading) => reading.as_ref(),
        };
        if reading.stops_at_once() {
            return Reaction::Stop(Misunderstood { reading: reading.clone(), refused: 1, sameness: None });
        }
        let answer = match reading.fault {
            Fault::Reputation => Answer::Unwanted,
            fault @ (Fault::Person | Fault::Message | Fault::Unclear) if reading.lasting => {
                Answer::Refused(fault, sameness(reason))
            }
            Fault::Person
            | Fault::Message
            | Fault::Unclear
            | Fault::TooFast
            | Fault::Theirs
            | Fault::Identity(_)
            | Fault::Quota => Answer::Other,
        };
        reason.clone_into(&mut self.remembered().reason);
        if let Some(refused) = self.remember(answer.clone()) {
            return Reaction::Stop(misunderstood(&answer, reading, refused));
        }
        if reading.fault == Fault::TooFast {
            return pace.slow_down().map_or(Reaction::GoOn, Reaction::Slower);
        }
        Reaction::GoOn
    }

    /// Remembers an answer; where it is one too many of its kind, how many there are.
    fn remember(&self, answer: Answer) -> Option<usize> {
        let last = &mut self.remembered().last;
        last.truncate(REMEMBERED - 1);
        last.push_front(answer);
        let answer = last.front()?;
        let (row, most) = match answer {
            Answer::Other => return None,
            Answer::Refused(..) if self.accepts => return None,
            Answer::Refused(Fault::Person, _) => (PEOPLE_IN_A_ROW, MOST_OF_THE_PEOPLE),
            Answer::Unwanted | Answer::Refused(..) => (IN_A_ROW, MOST_OF_THEM),
        };
        let same = last.iter().filter(|one| *one == answer).count();
        let in_a_row = last.iter().take_while(|one| *one == answer).count();
        (in_a_row >= row || same > most).then_some(same)
    }

    /// At the end of a run: whether everybody was refused in the same words, however few they were, and the last words.
    #[must_use]
    pub fn everybody(&self) -> Option<(Misunderstood, String)> {
        let Remembered { last, reason } = &*self.remembered();
        let first = last.front()?;
        let Answer::Refused(fault @ (Fault::Message | Fault::Unclear), _) = first else { return None };
        let all = !self.accepts && last.len() > 1 && last.iter().all(|one| one == first);
        let misunderstood = || misunderstood(first, &Reading::new(*fault, true), last.len());
        all.then(|| (misunderstood(), reason.clone()))
    }

    /// Plain values, whole after every statement: a panic elsewhere does not spoil them.
    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn misunderstood(answer: &Answer, reading: &Reading, refused: usize) -> Misunderstood {
    let mut reading = reading.clone();
    let sameness = match answer {
        Answer::Refused(_, sameness) => {
            // Whatever the words were taken for, they are said to everybody.
            let unclear = Reading::new(Fault::Unclear, true);
            (reading.say, reading.advice) = (unclear.say, unclear.advice);
            Some(sameness.clone())
        }
        Answer::Unwanted | Answer::Other => None,
    };
    Misunderstood { reading, refused, sameness }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replies::{Rules, Step};

    fn refused(text: &str) -> Remark {
        let (code, words) = text.split_once(' ').unwrap();
        Remark::Refused(Box::new(Rules::shipped().smtp(Step::Rcpt, code.parse().unwrap(), words)))
    }

    /// After how many of these answers the run is stopped.
    fn stopped_after<'a>(answers: impl Iterator<Item = &'a str>) -> Option<usize> {
        let (reputation, pace) = (Reputation::default(), Pace::per_second(1.0, 1));
        answers
            .map(|text| {
                let remark = match text {
                    "ok" => Remark::Taken,
                    "cut" => Remark::Lost("cut".into()),
                    text => refused(text),
                };
                reputation.observe(&remark, text, &pace)
            })
            .position(|reaction| matches!(reaction, Reaction::Stop(_)))
            .map(|at| at + 1)
    }

    fn every(nth: usize, text: &'static str) -> impl Iterator<Item = &'static str> {
        (1..=2000).map(move |n| if n % nth == 0 { text } else { "ok" })
    }

    #[tokio::test]
    async fn five_policy_refusals_in_a_row_or_more_than_ten_of_a_hundred_stop_the_run() {
        const POLICY: &str = "550 5.7.1 no";
        assert_eq!(stopped_after(every(1, POLICY)), Some(5));
        assert_eq!(stopped_after(every(2, POLICY)), Some(22), "the eleventh");
        assert_eq!(stopped_after(every(9, POLICY)), Some(99));
        assert_eq!(stopped_after(every(10, POLICY)), None, "ten of a hundred");
        let broken = (0..100).map(|n| if n % 2 == 0 { POLICY } else { "cut" });
        assert_eq!(stopped_after(broken), Some(9), "a lost connection is no answer");
    }

    #[tokio::test]
    async fn the_same_words_to_several_people_are_about_us_whatever_they_are() {
        assert_eq!(stopped_after(every(1, "550 nix da")), Some(5));
        assert_eq!(stopped_after(every(2, "550 nix da")), Some(22));
        assert_eq!(stopped_after(every(1, "552 5.3.4 message too large")), Some(5));
        assert_eq!(stopped_after(every(1, "550 5.1.1 user unknown")), Some(20), "not every mailbox is gone");
        assert_eq!(stopped_after(every(3, "550 5.1.1 user unknown")), None, "a list may be old");
        let different = ["550 nix da", "550 heut nicht"].into_iter().cycle().take(16);
        assert_eq!(stopped_after(different), None, "two kinds of words, eight times each");
    }

    #[tokio::test]
    async fn a_limit_or_a_sender_that_is_refused_stops_the_run_at_once() {
        for text in ["550 5.4.5 daily limit", "550 relay not permitted", "550 SPF check failed"] {
            assert_eq!(stopped_after([text].into_iter()), Some(1), "{text}");
        }
    }

    #[tokio::test]
    async fn a_handful_of_people_who_are_all_refused_in_the_same_words_are_not_to_blame() {
        let everybody = |answers: &[&str]| {
            let (reputation, pace) = (Reputation::default(), Pace::per_second(1.0, 1));
            for text in answers {
                let remark = if *text == "ok" { Remark::Taken } else { refused(text) };
                reputation.observe(&remark, text, &pace);
            }
            reputation.everybody().map(|(misunderstood, _)| misunderstood.refused)
        };
        assert_eq!(everybody(&["550 nix da", "550 nix da"]), Some(2));
        assert_eq!(everybody(&["550 nix da"]), None, "one alone may be meant");
        assert_eq!(everybody(&["550 nix da", "ok", "550 nix da"]), None);
        assert_eq!(everybody(&["550 5.1.1 user unknown", "550 5.1.1 user unknown"]), None);
    }
}
