//! One rule: what it looks at, and whether a refusal is such.

use jiff::SignedDuration;

use super::{
    fault::{Fault, Step},
    status::EnhancedCode,
    words::{Phrase, Words},
};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    Smtp,
    Service,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) speaker: Speaker,
    pub(super) fault: Fault,
    /// Reply codes, or HTTP statuses: `5xx`, `550`.
    pub(super) codes: Vec<Code>,
    /// Enhanced codes, as three numbers of which each may be any.
    pub(super) enhanced: Vec<[Option<u16>; 3]>,
    /// The service's own error codes.
    pub(super) errors: Vec<String>,
    pub(super) words: Vec<Phrase>,
    pub(super) steps: Vec<Step>,
    pub(super) say: Option<String>,
    pub(super) advice: Option<String>,
    pub(super) opens_in: Option<SignedDuration>,
    pub(super) examples: Vec<String>,
}

/// A reply code of which the last digits may be any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) from: u16,
    pub(super) to: u16,
}

/// What a rule is held against.
pub(super) struct Refusal<'a> {
    pub(super) code: u16,
    pub(super) enhanced: Option<EnhancedCode>,
    pub(super) error: &'a str,
    pub(super) words: Words,
    pub(super) step: Option<Step>,
}

impl Rule {
    /// Whether every key that is there fits.
    pub(super) fn fits(&self, refusal: &Refusal<'_>) -> bool {
        let Refusal { code, enhanced, error, words, step } = refusal;
        let any = |empty: bool, found: bool| empty || found;
        any(self.codes.is_empty(), self.codes.iter().any(|one| (one.from..=one.to).contains(code)))
            && any(
                self.enhanced.is_empty(),
                enhanced.is_some_and(|code| self.enhanced.iter().any(|one| is_like(code, one))),
            )
            && any(self.errors.is_empty(), self.errors.iter().any(|one| named(one, error)))
            && any(self.steps.is_empty(), step.is_some_and(|step| self.steps.contains(&step)))
            && any(self.words.is_empty(), self.words.iter().any(|phrase| phrase.fits(words)))
    }
}

fn is_like(code: EnhancedCode, pattern: &[Option<u16>; 3]) -> bool {
    let parts = [code.class, code.subject, code.detail];
    pattern.iter().zip(parts).all(|(wanted, part)| wanted.is_none_or(|wanted| wanted == part))
}

/// `user_*` names every code that begins so, `*_exceeded` every one that ends so.
fn named(pattern: &str, error: &str) -> bool {
    match (pattern.strip_suffix('*'), pattern.strip_prefix('*')) {
        (Some(start), _) => error.starts_with(start),
        (_, Some(end)) => error.ends_with(end),
        (None, None) => error == pattern,
    }
}
