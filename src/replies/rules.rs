//! Rules as data: a file shipped with the program, and one of the user's own in front of it.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use jiff::SignedDuration;

use super::{
    fault::{Fault, Identity, Reading, Step},
    file::read,
    rule::{Refusal, Rule, Speaker},
    status::EnhancedCode,
    words::Words,
};
use crate::{problem::Problem, toml_file::TomlFile};

static SHIPPED: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let file = TomlFile::of("rules.toml", include_str!("rules.toml"));
    read(&file).expect("the shipped rules are read by a test")
});

/// What is known of a limit that names no time: a day's limit is the usual one.
const QUOTA_OPENS: SignedDuration = SignedDuration::from_hours(24);

/// Rules that say whose fault a refusal is. A clone is the same rules.
#[derive(Debug, Clone, Default)]
pub struct Rules(Option<Arc<Vec<Rule>>>);

/// A row of the table of rules, for documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// A refusal that the rule is for, as a relay says it; of a service with its HTTP status.
    pub example: &'static str,
    /// Whose fault it is.
    pub fault: Fault,
    /// What it is.
    pub say: &'static str,
}

impl Rules {
    /// Those that come with the program.
    #[must_use]
    pub fn shipped() -> Self {
        Self(None)
    }

    /// A file of the user's own in front of the shipped ones.
    pub fn with(path: &Path) -> Result<Self, Vec<Problem>> {
        let file = TomlFile::read(path, "file of rules").map_err(|problem| vec![problem])?;
        let own = read(&file);
        let problems = file.into_problems();
        match own {
            Ok(own) if problems.is_empty() => Ok(Self(Some(Arc::new(own)))),
            Ok(_) => Err(problems),
            Err(syntax) => Err(syntax),
        }
    }

    fn find(&self, speaker: Speaker, refusal: &Refusal<'_>) -> Option<&Rule> {
        let own = self.0.iter().flat_map(|own| own.iter());
        own.chain(SHIPPED.iter()).find(|rule| rule.speaker == speaker && rule.fits(refusal))
    }

    /// Reads the reply of a relay: `code` from 200 to 599, `text` without it. What is no refusal is unclear.
    #[must_use]
    pub fn smtp(&self, step: Step, code: u16, text: &str) -> Reading {
        let refusal = Refusal {
            code,
            enhanced: EnhancedCode::find(text, code),
            error: "",
            words: Words::of(text),
            step: Some(step),
        };
        let lasting = code / 100 == 5;
        let rule = self.find(Speaker::Smtp, &refusal);
        let fault = in_step(rule.map_or(Fault::Unclear, |rule| rule.fault), step, lasting);
        let rule = rule.filter(|rule| rule.fault == fault);
        let everybody = matches!(step, Step::Opening | Step::Login | Step::Mail);
        Reading { everybody, ..reading(rule, fault, lasting, &refusal.words) }
    }

    /// Reads the answer of a token service: its HTTP status, its own error code (empty where it has none) and words.
    #[must_use]
    pub fn service(&self, status: u16, error: &str, text: &str) -> Reading {
        let refusal = Refusal { code: status, enhanced: None, error, words: Words::of(text), step: None };
        let rule = self.find(Speaker::Service, &refusal);
        reading(rule, rule.map_or(Fault::Unclear, |rule| rule.fault), status / 100 != 5, &refusal.words)
    }

    /// The shipped rules that have an example, in their order.
    pub fn table() -> impl Iterator<Item = Row> {
        SHIPPED.iter().filter_map(|rule| {
            let example = rule.examples.first()?;
            Some(Row { example, fault: rule.fault, say: rule.say.as_deref().unwrap_or(rule.fault.words().0) })
        })
    }
}

/// What was said before a recipient was named cannot be a recipient's fault.
fn in_step(fault: Fault, step: Step, lasting: bool) -> Fault {
    match (step, fault) {
        (Step::Opening | Step::Login | Step::Mail, Fault::Person | Fault::Unclear) if !lasting => {
            Fault::Theirs
        }
        // 454: "temporary authentication failure" (RFC 4954 §6).
        (Step::Login, Fault::Identity(Identity::Login)) if !lasting => Fault::Theirs,
        (Step::Opening, Fault::Person | Fault::Unclear | Fault::Message) => Fault::Identity(Identity::Host),
        (Step::Login, Fault::Person | Fault::Unclear | Fault::Message) => Fault::Identity(Identity::Login),
        (Step::Mail, Fault::Person | Fault::Unclear) => Fault::Identity(Identity::Sender),
        (Step::Opening | Step::Login | Step::Mail | Step::Rcpt | Step::Data | Step::Dot, fault) => fault,
    }
}

fn reading(rule: Option<&Rule>, fault: Fault, lasting: bool, words: &Words) -> Reading {
    let mut reading = Reading::new(fault, lasting);
    if let Some(say) = rule.and_then(|rule| rule.say.clone()) {
        reading.say = say;
    }
    if let Some(advice) = rule.and_then(|rule| rule.advice.clone()) {
        reading.advice = advice;
    }
    if fault == Fault::Quota {
        let by_rule = rule.and_then(|rule| rule.opens_in);
        reading.opens_in = Some(words.opens_in().or(by_rule).unwrap_or(QUOTA_OPENS));
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> Result<Rules, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.toml");
        std::fs::write(&path, text).unwrap();
        Rules::with(&path).map_err(|problems| {
            let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
            all.join("\n").replace(&format!("{}/", folder.path().display()), "")
        })
    }

    #[test]
    fn the_shipped_rules_have_no_mistake_and_each_decides_its_own_examples() {
        let file = TomlFile::of("rules.toml", include_str!("rules.toml"));
        let rules = read(&file).unwrap();
        let problems = file.into_problems();
        assert!(problems.is_empty(), "{problems:#?}");
        let mut wrong = Vec::new();
        for rule in &rules {
            for example in &rule.examples {
                let (code, text) = example.split_once(' ').unwrap();
                let code = code.parse().unwrap();
                let step = rule.steps.first().copied().unwrap_or(Step::Rcpt);
                let found = match rule.speaker {
                    Speaker::Smtp => Rules::shipped().smtp(step, code, text),
                    Speaker::Service => Rules::shipped().service(code, text, text),
                };
                if found.fault != rule.fault {
                    wrong.push(format!("{example}: {:?}, not {:?}", found.fault, rule.fault));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn a_rule_of_the_users_own_goes_first() {
        let rules = own(r#"
[[smtp]]
class = "quota"
words = ["the owl is tired"]
say = "the owl sleeps"
opens_in = "2 hours"
[[smtp]]
class = "person"
codes = ["550"]
words = ["relay not permitted"]
"#)
        .unwrap();
        let owl = rules.smtp(Step::Rcpt, 550, "5.0.0 The owl is tired, sorry");
        assert_eq!((owl.fault, owl.say.as_str()), (Fault::Quota, "the owl sleeps"));
        assert_eq!(owl.opens_in, Some(SignedDuration::from_hours(2)));
        assert_eq!(rules.smtp(Step::Rcpt, 550, "relay not permitted").fault, Fault::Person);
        let shipped = Rules::shipped().smtp(Step::Rcpt, 550, "relay not permitted").fault;
        assert_eq!(shipped, Fault::Identity(Identity::Relaying));
    }

    #[test]
    fn mistakes_in_a_file_of_rules_are_told_at_once() {
        let text = r#"
[[smtp]]
class = "quotas"
words = ["x"]
[[smtp]]
codes = ["5x0", "99"]
enhanced = ["5.7"]
steps = ["rcpto"]
opens_in = "soon"
[[smtp]]
class = "person"
[[smtp]]
class = "person"
word = ["x"]
words = ["***"]
"#;
        insta::assert_snapshot!(own(text).unwrap_err(), @r#"
        rules.toml:3:9: `smtp.class`: found `quotas`, expected one of `person`, `message`, `login`, `relaying`, `sender`, `authentication`, `host`, `encryption`, `account`, `request`, `quota`, `reputation`, `too-fast`, `theirs`, `unclear`
        rules.toml:5:1: `smtp.class` is missing
          hint: add `class = "person"`, or another of the classes in the README
        rules.toml:5:1: `codes`: found `5x0`, expected a code such as `550` or `5xx`
          hint: see the rules in the README
        rules.toml:5:1: `codes`: found `99`, expected a code such as `550` or `5xx`
          hint: see the rules in the README
        rules.toml:5:1: `enhanced`: found `5.7`, expected an enhanced code such as `5.7.1` or `x.7.1`
          hint: see the rules in the README
        rules.toml:5:1: `steps`: found `rcpto`, expected one of `opening`, `login`, `mail`, `rcpt`, `data`, `dot`
          hint: see the rules in the README
        rules.toml:9:12: `smtp.opens_in`: found `soon`, expected a time such as `24 hours`
        rules.toml:10:1: the rule fits every refusal
          hint: say which with `codes`, `enhanced` or `words`
        rules.toml:12:1: `words`: found `***`, expected words, with `*` for what may differ
          hint: see the rules in the README
        rules.toml:12:1: the rule fits every refusal
          hint: say which with `codes`, `enhanced` or `words`
        rules.toml:14:1: unknown key `smtp.word`
          hint: did you mean `words`?
        "#);
    }

    #[test]
    fn what_is_said_before_a_recipient_is_named_is_about_no_recipient() {
        let rules = Rules::shipped();
        let fault = |step, code, text| rules.smtp(step, code, text).fault;
        let text = "5.1.1 user unknown";
        assert_eq!(fault(Step::Rcpt, 550, text), Fault::Person);
        assert_eq!(fault(Step::Dot, 550, text), Fault::Person);
        assert_eq!(fault(Step::Mail, 550, text), Fault::Identity(Identity::Sender));
        assert_eq!(fault(Step::Login, 550, text), Fault::Identity(Identity::Login));
        assert_eq!(fault(Step::Opening, 550, text), Fault::Identity(Identity::Host));
        assert_eq!(fault(Step::Mail, 450, text), Fault::Theirs);
        assert_eq!(fault(Step::Mail, 552, "message too large"), Fault::Message);
        assert_eq!(fault(Step::Mail, 452, "4.2.2 quota exceeded"), Fault::Quota);
        assert_eq!(fault(Step::Rcpt, 552, "5.2.2 quota exceeded"), Fault::Person);
    }

    #[test]
    fn a_quota_knows_when_it_opens_again() {
        let hours = |text| Rules::shipped().smtp(Step::Dot, 550, text).opens_in.map(|it| it.as_hours());
        assert_eq!(hours("5.4.5 Daily user sending limit exceeded"), Some(24));
        assert_eq!(hours("max emails per hour exceeded"), Some(1));
        assert_eq!(hours("daily limit reached, try again in 3 hours"), Some(3));
        assert_eq!(hours("5.1.1 user unknown"), None);
    }

    #[test]
    fn a_services_answer_is_about_the_user_the_key_or_the_request() {
        let check = |status, error: &str, text: &str, expected: &str| {
            assert_eq!(
                Rules::shipped().service(status, error, text).fault.name(),
                expected,
                "{status} {error}"
            );
        };
        check(404, "resource_not_found", "No user was found", "person");
        check(403, "user_banned", "", "person");
        check(422, "form_param_missing", "user_id must be included.", "person");
        check(422, "form_param_value_invalid", "is invalid (`expires_in_seconds`)", "request");
        check(401, "clerk_key_invalid", "", "login");
        check(403, "", "", "login");
        check(402, "", "", "account");
        check(400, "api_version_invalid", "", "request");
        check(409, "", "", "request");
        check(413, "request_body_too_large", "", "request");
        check(301, "", "", "request");
        check(404, "", "<html>", "request");
        check(403, "user_quota_exceeded", "", "quota");
        check(400, "brand_new_code", "", "unclear");
        check(418, "", "", "request");
    }
}
