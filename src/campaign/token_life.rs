//! The time for which a link signs its person in, with its limits.

use jiff::SignedDuration;

use super::values::duration;

/// The life of a token, within its limits by construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenLife(SignedDuration);

impl TokenLife {
    /// The shortest life: less would end before the mail is read.
    pub const SHORTEST: SignedDuration = SignedDuration::from_mins(1);

    /// The longest life (also the default of Clerk's tokens).
    pub const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);

    /// A life of so many days, from 1 to 30.
    ///
    /// # Panics
    ///
    /// Out of these bounds; in a constant that is an error of the build.
    #[must_use]
    pub const fn of_days(days: i64) -> Self {
        assert!(0 < days && days <= 30, "a token lives for 1 minute to 30 days");
        Self(SignedDuration::from_hours(days * 24))
    }

    /// A life of this length, or `None` outside of 1 minute to 30 days.
    #[must_use]
    pub fn new(life: SignedDuration) -> Option<Self> {
        (Self::SHORTEST..=Self::LONGEST).contains(&life).then_some(Self(life))
    }

    /// Reads a span such as `7 days`; `Err` says what was found and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let life = duration(text)?;
        Self::new(life).ok_or_else(|| format!("found `{text}`, expected from `1 minute` to `30 days`"))
    }

    /// The length.
    #[must_use]
    pub fn length(self) -> SignedDuration {
        self.0
    }

    /// The length in whole seconds.
    #[must_use]
    pub fn as_secs(self) -> i64 {
        self.0.as_secs()
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::TokenLife;

    #[test]
    fn a_life_has_bounds() {
        for good in [TokenLife::SHORTEST, SignedDuration::from_hours(72), TokenLife::LONGEST] {
            assert_eq!(TokenLife::new(good).map(TokenLife::length), Some(good));
        }
        let just_too_long = TokenLife::LONGEST + SignedDuration::from_nanos(1);
        let (short, long) = (SignedDuration::from_secs(59), SignedDuration::from_secs(720 * 3600 + 1));
        for bad in [SignedDuration::ZERO, short, long, just_too_long, SignedDuration::MIN] {
            assert_eq!(TokenLife::new(bad), None);
        }
    }

    #[test]
    fn a_life_out_of_bounds_says_what_was_expected() {
        for text in ["59 s", "720 hours 1 second"] {
            let expected = format!("found `{text}`, expected from `1 minute` to `30 days`");
            assert_eq!(TokenLife::parse(text), Err(expected));
        }
    }
}
