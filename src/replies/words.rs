//! The words of a refusal: cut into words, held against phrases, and told apart from others.

use jiff::SignedDuration;

/// How many words a lone `*` in a phrase may stand for.
const GAP: usize = 8;
/// The longest wait that words are believed to name, in hours.
const LONGEST_HOURS: i64 = 31 * 24;

/// A text as words: lower case, without punctuation; `can't` is `cant`, `black-list` is `blacklist`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words(Vec<String>);

/// Words that have to stand in a text in this order. `block*` fits every word that begins so; a lone `*` fits a few
/// words or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrase(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Word(String),
    Prefix(String),
    Gap,
}

impl Words {
    pub(super) fn of(text: &str) -> Self {
        Self(cut(text, |_| false))
    }

    /// How long until a limit opens, where the words say so: "in 3 hours", "within 24 hours", "after 60 minutes".
    pub(super) fn opens_in(&self) -> Option<SignedDuration> {
        let named = self.0.windows(3).find_map(|three| {
            let [lead, number, unit] = three else { return None };
            let leads = ["in", "within", "after", "for", "next", "wait", "another", "least", "every"];
            leads.contains(&lead.as_str()).then(|| span(number, unit))?
        });
        named.or_else(|| {
            let one = |word: &str| self.0.iter().any(|own| own == word);
            if one("tomorrow") || one("midnight") {
                Some(SignedDuration::from_hours(24))
            } else if self
                .0
                .windows(2)
                .any(|two| matches!(two, [next, hour] if next == "next" && hour == "hour"))
            {
                Some(SignedDuration::from_hours(1))
            } else {
                None
            }
        })
    }
}

/// `24`, `hours` → a day.
fn span(number: &str, unit: &str) -> Option<SignedDuration> {
    let number: i64 = match number {
        "an" | "a" | "one" => 1,
        digits => digits.parse().ok().filter(|number| (1..=100_000).contains(number))?,
    };
    let seconds = match unit.trim_end_matches('s') {
        "second" | "sec" => 1,
        "minute" | "min" => 60,
        "hour" | "hr" => 3600,
        "day" => 24 * 3600,
        _ => return None,
    };
    let span = SignedDuration::from_secs(number * seconds);
    (span <= SignedDuration::from_hours(LONGEST_HOURS)).then_some(span)
}

/// Words of a text; what `keep` says of a sign makes it a part of a word.
fn cut(text: &str, keep: impl Fn(char) -> bool) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let chars: Vec<char> = text.chars().collect();
    for (at, &char) in chars.iter().enumerate() {
        let beside = |step: usize| at.checked_sub(step).and_then(|at| chars.get(at)).copied().unwrap_or(' ');
        let next = chars.get(at + 1).copied().unwrap_or(' ');
        match char {
            '\'' | '’' => {}
            // A hyphen within a word: `e-mail`. A dot between digits: `5.7.1`.
            '-' if beside(1).is_alphabetic() && next.is_alphabetic() => {}
            '.' if beside(1).is_ascii_digit() && next.is_ascii_digit() => word.push('.'),
            char if char.is_alphanumeric() || keep(char) => word.extend(char.to_lowercase()),
            _ => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

impl Phrase {
    /// `None` where it holds no word at all: it would fit everything.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<_> = cut(text, |char| char == '*')
            .into_iter()
            .map(|word| match word.strip_suffix('*') {
                Some(stars) if stars.bytes().all(|byte| byte == b'*') => Part::Gap,
                Some(prefix) => Part::Prefix(prefix.to_owned()),
                None => Part::Word(word),
            })
            .collect();
        parts.iter().any(|part| *part != Part::Gap).then_some(Self(parts))
    }

    pub(super) fn fits(&self, Words(words): &Words) -> bool {
        (0..words.len()).any(|at| follows(&self.0, words.get(at..).unwrap_or_default()))
    }
}

/// Whether the words begin with the parts.
fn follows(parts: &[Part], words: &[String]) -> bool {
    let Some((part, parts)) = parts.split_first() else { return true };
    match (part, words.split_first()) {
        (Part::Gap, _) => {
            (0..=GAP.min(words.len())).any(|gap| follows(parts, words.get(gap..).unwrap_or_default()))
        }
        (Part::Word(word), Some((first, words))) => word == first && follows(parts, words),
        (Part::Prefix(prefix), Some((first, words))) => first.starts_with(prefix) && follows(parts, words),
        (Part::Word(_) | Part::Prefix(_), None) => false,
    }
}

/// What is the same in two refusals of one cause: the words without addresses, numbers, ids and links. The reply code
/// and the enhanced code stay.
#[must_use]
pub fn sameness(reason: &str) -> String {
    let codes = |word: &str| {
        let digits =
            |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        word.len() == 3 && digits(word) || word.split('.').count() == 3 && word.split('.').all(digits)
    };
    let plain = reason
        .split_whitespace()
        .map(|word| word.trim_matches(|char: char| !char.is_alphanumeric()))
        .filter(|word| {
            codes(word)
                || !(word.contains(['@', '/', '*', '_', '='])
                    || word.contains(|char: char| char.is_ascii_digit()))
        })
        .filter(|word| !word.is_empty());
    plain.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_fits_whole_words_in_their_order() {
        let check = |phrase: &str, text: &str, expected: bool| {
            assert_eq!(Phrase::parse(phrase).unwrap().fits(&Words::of(text)), expected, "{phrase}: {text}");
        };
        check("user unknown", "550 5.1.1 <a@example.com>: User unknown in table", true);
        check("user unknown", "550 superuser unknown", false);
        check("block*", "Client host [192.0.2.1] blocked using", true);
        check("exceeded * limit", "You have exceeded your daily limit", true);
        check("exceeded * limit", "exceeded limit", true);
        check("exceeded * limit", "limit exceeded", false);
        check("cant * mail", "We can't accept this mail", true);
        check("email", "E-Mail", true);
        check("5.7.515", "550 5.7.515 Access denied", true);
        check("dienst", "Der Dienst ist voll", true);
        assert_eq!(Phrase::parse(" * "), None);
    }

    #[test]
    fn a_time_in_the_words_is_read() {
        let check = |text: &str, seconds: Option<i64>| {
            assert_eq!(Words::of(text).opens_in().map(|it| it.as_secs()), seconds, "{text}");
        };
        check("try again in 3 hours", Some(3 * 3600));
        check("The limit opens within 24 hours.", Some(24 * 3600));
        check("wait after 60 minutes", Some(3600));
        check("please retry in an hour", Some(3600));
        check("wait another 2 days", Some(2 * 24 * 3600));
        check("try again tomorrow", Some(24 * 3600));
        check("in 9 lives", None);
        check("in 99999 days", None);
        check("100 messages per 1 hour", None);
    }

    #[test]
    fn the_same_refusal_of_two_people_is_the_same() {
        let same = |one: &str, other: &str| assert_eq!(sameness(one), sameness(other));
        same(
            "RCPT: 550 5.7.1 <a***@example.com>: relay not permitted, id 4F2A1B",
            "RCPT: 550 5.7.1 <b***@example.org>: relay not permitted, id 99AA00",
        );
        same("550 no (see https://example.com/1)", "550 no (see https://example.com/2)");
        assert_ne!(sameness("550 5.1.1 no"), sameness("550 5.2.1 no"));
        assert_ne!(sameness("550 no"), sameness("554 no"));
        assert_ne!(sameness("550 user unknown"), sameness("550 mailbox full"));
    }
}
