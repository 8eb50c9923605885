//! How a run shows that it goes on.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{count, grouped};
use crate::ledger::{Settled, State};

/// Seconds between two plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// A run's progress: a bar, plain lines, or nothing.
#[derive(Debug)]
pub struct Progress {
    shape: Shape,
    total: u64,
    sent: u64,
    /// The lines of those whose last try was put off: a run that waits tries them again, and a person counts once.
    deferred: HashSet<u64>,
    rejected: u64,
    unknown: u64,
    other: u64,
    started: Instant,
}

#[derive(Debug)]
enum Shape {
    Bar(ProgressBar),
    Plain { last: Instant },
    Silent,
}

impl Progress {
    /// A bar with rate, time left and counts, on stderr.
    #[must_use]
    pub(super) fn bar(total: u64) -> Self {
        let style = ProgressStyle::with_template(
            "{bar:28.cyan/dim} {human_pos}/{human_len}  {per_sec}  {eta} left  {msg}",
        )
        .expect("the template is constant and right")
        .progress_chars("━━─");
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10))
            .with_style(style);
        Self::new(Shape::Bar(bar), total)
    }

    /// A line every few seconds, for logs and cron.
    #[must_use]
    pub(super) fn plain(total: u64) -> Self {
        Self::new(Shape::Plain { last: Instant::now() }, total)
    }

    /// Nothing: events or silence were asked for.
    #[must_use]
    pub(super) fn silent() -> Self {
        Self::new(Shape::Silent, 0)
    }

    fn new(shape: Shape, total: u64) -> Self {
        Self {
            shape,
            total,
            sent: 0,
            deferred: HashSet::new(),
            rejected: 0,
            unknown: 0,
            other: 0,
            started: Instant::now(),
        }
    }

    /// Counts one mail that is through, or that was put off.
    pub fn settled(&mut self, settled: &Settled) {
        self.settle(settled.line, settled.state);
        let words = self.words();
        let (done, total) = (self.done(), self.total);
        let line = match &mut self.shape {
            Shape::Bar(bar) => {
                bar.set_message(words);
                bar.set_position(done);
                None
            }
            Shape::Plain { last } if last.elapsed() >= PLAIN_EVERY => {
                *last = Instant::now();
                Some(format!("{} of {}: {words}", grouped(done), count(total, "mail")))
            }
            Shape::Plain { .. } | Shape::Silent => None,
        };
        if let Some(line) = line {
            let rate = rate(done, self.started.elapsed());
            super::line(&mut anstream::stderr(), &format_args!("{line} · {rate}/s"));
        }
    }

    /// Says something else in between, without tearing the bar.
    pub fn aside(&self, say: impl FnOnce()) {
        match &self.shape {
            Shape::Bar(bar) => bar.suspend(say),
            Shape::Plain { .. } | Shape::Silent => say(),
        }
    }

    /// Takes the bar away, or says the last line.
    pub fn finish(self) {
        let done = self.done();
        let took = self.started.elapsed();
        let words = self.words();
        match self.shape {
            Shape::Bar(bar) => bar.finish_and_clear(),
            Shape::Plain { .. } if done == 0 => {}
            Shape::Plain { .. } => {
                let line = format!(
                    "{} in {:.1} s ({}/s): {words}",
                    count(done, "mail"),
                    took.as_secs_f64(),
                    rate(done, took)
                );
                super::line(&mut anstream::stderr(), &line);
            }
            Shape::Silent => {}
        }
    }

    fn settle(&mut self, line: u64, state: State) {
        if state == State::Deferred {
            self.deferred.insert(line);
            return;
        }
        self.deferred.remove(&line);
        match state {
            State::Sent => self.sent += 1,
            State::Rejected => self.rejected += 1,
            State::Unknown => self.unknown += 1,
            State::Deferred
            | State::Pending
            | State::Claimed
            | State::Sending
            | State::Expired
            | State::Suppressed
            | State::Withdrawn
            | State::Invalid
            | State::Duplicate => self.other += 1,
        }
    }

    fn done(&self) -> u64 {
        self.sent + self.deferred.len() as u64 + self.rejected + self.unknown + self.other
    }

    fn words(&self) -> String {
        let counts = [
            ("sent", self.sent),
            ("deferred", self.deferred.len() as u64),
            ("rejected", self.rejected),
            ("unknown", self.unknown),
        ];
        let shown = counts.iter().filter(|(name, number)| *number > 0 || *name == "sent");
        shown.map(|(name, number)| format!("{name} {}", grouped(*number))).collect::<Vec<_>>().join(" · ")
    }
}

/// Mails a second, whole ones from ten up.
fn rate(done: u64, took: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = done as f64 / took.as_secs_f64().max(0.001);
    if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_who_is_tried_again_counts_once() {
        let mut progress = Progress::new(Shape::Silent, 3);
        let mut check = |line: u64, state: State, done: u64, words: &str| {
            progress.settle(line, state);
            assert_eq!((progress.done(), progress.words().as_str()), (done, words), "{line}: {state}");
        };
        check(2, State::Deferred, 1, "sent 0 · deferred 1");
        check(3, State::Sent, 2, "sent 1 · deferred 1");
        check(2, State::Deferred, 2, "sent 1 · deferred 1");
        check(4, State::Deferred, 3, "sent 1 · deferred 2");
        check(2, State::Sent, 3, "sent 2 · deferred 1");
        check(4, State::Rejected, 3, "sent 2 · rejected 1");
    }
}
