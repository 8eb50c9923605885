//! The accept page: who will be signed in, and a button. Only the button spends the link.

use std::sync::atomic::Ordering;

use hyper::StatusCode;
use serde_json::json;
use url::form_urlencoded;

use super::{
    Door, damage,
    ends::End,
    look::WayOn,
    metrics::Event,
    reply::{self, Reply},
    request::Visit,
    route::{ANSWERED, SIGNED_IN, folder},
    secrets::{self, Secrets},
    target,
};
use crate::{
    campaign::Question,
    hash::sha256,
    ledger::{LedgerError, Redeemed, Redemption, SurveyAnswer, Ticket, TokenOrigin, TokenStatus},
    token::{Refusal, Session, Verified, verify},
};

/// How long a page may stay open before its form is sent, in seconds.
const PAGE_LIFE: u64 = 24 * 60 * 60;
/// The longest words that a person may add to an answer, in characters.
pub(super) const LONGEST_WORDS: usize = 2000;

/// A link that was looked up, and what came along with it.
struct Opened {
    token: String,
    verified: Verified,
    ticket: Ticket,
    /// The target and the answer as they were asked for; whether they are allowed is seen when they are used.
    next: Option<String>,
    given: Option<SurveyAnswer>,
    /// What else the link carries, as a query: it goes on to the target.
    rest: String,
}

/// Why the page with the button is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    /// The link was opened.
    First,
    /// The form was sent while somebody else is signed in.
    Switch,
    /// The form goes with an older cookie of this browser.
    Again,
}

impl Door<'_> {
    /// A `GET` shows the page, a `POST` spends the link.
    pub(super) async fn accept(&self, visit: &Visit) -> Result<Reply, LedgerError> {
        let _turn = self.web.limits.let_in(visit.client.address).await;
        let secrets = self.keys.now();
        if visit.is_post() { self.sign_in(visit, &secrets).await } else { self.show(visit, &secrets).await }
    }

    async fn show(&self, visit: &Visit, secrets: &Secrets) -> Result<Reply, LedgerError> {
        let session = self.session(visit, secrets);
        let opened = match self.open(visit, secrets).await? {
            Ok(opened) => opened,
            Err(end) => return Ok(self.end(&end, session.as_ref())),
        };
        if let Some(end) = self.refusal(&opened, session.as_ref()) {
            return Ok(self.end(&end, session.as_ref()));
        }
        Ok(self.page(visit, secrets, &opened, session.as_ref(), Page::First))
    }

    async fn sign_in(&self, visit: &Visit, secrets: &Secrets) -> Result<Reply, LedgerError> {
        let refused = |end: &End| {
            self.web.counts.event(Event::FormRefused);
            Ok(self.web.end(end))
        };
        let origin = self.sign_in.local.page.origin().ascii_serialization();
        if !visit.is_from(&origin) {
            return refused(&End::Foreign);
        }
        let token = visit.field("token").unwrap_or_default();
        let check = visit.field("check").unwrap_or_default();
        let browser =
            visit.cookie(&self.cookie_name("linkpost")).filter(|browser| secrets::is_opaque(browser));
        let Some(browser) = browser else { return refused(&End::Stale) };
        let session = self.session(visit, secrets);
        if !secrets.form_is_ours(browser, &token, &check) {
            // Two tabs that were opened at once have a cookie each, and the later one's is kept: whoever pressed in the
            // other sees the page again, with a form that goes with the cookie. Nothing is spent until that is pressed.
            self.web.counts.event(Event::FormRefused);
            return Ok(match self.open(visit, secrets).await? {
                Ok(opened) => match self.refusal(&opened, session.as_ref()) {
                    None => self.page(visit, secrets, &opened, session.as_ref(), Page::Again),
                    Some(end) => self.end(&end, session.as_ref()),
                },
                Err(end) => self.end(&end, session.as_ref()),
            });
        }
        let opened = match self.open(visit, secrets).await? {
            Ok(opened) => opened,
            Err(end) => return Ok(self.end(&end, session.as_ref())),
        };
        let switches = visit.field("switch").as_deref() == Some("yes");
        if !switches && is_somebody_else(&opened, session.as_ref()) {
            return Ok(self.page(visit, secrets, &opened, session.as_ref(), Page::Switch));
        }
        let redemption = Redemption {
            jti_hash: opened.verified.jti_hash,
            user_id: opened.verified.user_id.clone(),
            by: sha256(browser.as_bytes()),
            given: opened.given.clone(),
        };
        match self.web.ledger.redeem(redemption).await? {
            Redeemed::Now => self.web.counts.event(Event::Redeemed),
            Redeemed::Again => self.web.counts.event(Event::RedeemedAgain),
            Redeemed::Refused(status) => {
                let ticket = Ticket { status, ..opened.ticket.clone() };
                let end =
                    self.refusal(&Opened { ticket, ..opened }, session.as_ref()).unwrap_or(End::Unknown);
                return Ok(self.end(&end, session.as_ref()));
            }
            Redeemed::Unknown => return Ok(self.end(&self.unknown(visit), session.as_ref())),
        }
        if opened.given.is_some() {
            self.web.counts.event(Event::Answered);
        }
        let reply = reply::see_other(&self.target(&opened));
        Ok(reply::with_cookie(reply, &self.new_session(secrets, &opened)))
    }

    /// The page of an end; whoever is signed in can go on.
    fn end(&self, end: &End, session: Option<&Session>) -> Reply {
        match session {
            Some(session) => self.web.end_signed_in(end, &who_is_in(session), &self.stay()),
            None => self.web.end(end),
        }
    }

    /// Where somebody goes who stays signed in as they are.
    fn stay(&self) -> String {
        self.sign_in.after.clone().unwrap_or_else(|| self.own(SIGNED_IN))
    }

    /// The path of a page of ours, in the folder of the accept page.
    fn own(&self, name: &str) -> String {
        format!("{}{name}", folder(self.sign_in.local.page.path()))
    }

    /// Looks a link up. Nothing is spent by it.
    async fn open(&self, visit: &Visit, secrets: &Secrets) -> Result<Result<Opened, End>, LedgerError> {
        let get = |name: &str| if visit.is_post() { visit.field(name) } else { visit.query(name) };
        let parameter = if visit.is_post() { "token" } else { self.sign_in.local.parameter.as_str() };
        let tokens = if visit.is_post() {
            visit.field(parameter).into_iter().collect()
        } else if visit.has_twice(parameter) {
            Vec::new()
        } else {
            damage::tokens(visit.query(parameter).as_deref(), visit.whole_query())
        };
        let tokens: Vec<String> = tokens.into_iter().filter(|token| !token.is_empty()).collect();
        let Some(first) = tokens.first() else { return Ok(Err(End::Incomplete)) };
        let (token, verified) = match self.first_good(&tokens, secrets) {
            Ok(good) => good,
            // The signature was right: whoever has such a token had a link of ours.
            Err(Refusal::Expired) => {
                self.web.counts.event(Event::Expired);
                return Ok(Err(End::Expired));
            }
            Err(Refusal::NotYet) => {
                self.web.is_early.store(true, Ordering::Relaxed);
                return Ok(Err(End::NotYet));
            }
            Err(_) if damage::is_without_capitals(first) => {
                self.web.counts.event(Event::UnknownToken);
                return Ok(Err(self.web.guessed(visit, End::LowerCase)));
            }
            Err(_) => return Ok(Err(self.unknown(visit))),
        };
        let ticket = self.web.ledger.ticket(&verified.jti_hash).await?;
        let Some(ticket) = ticket.filter(|ticket| ticket.user_id == verified.user_id) else {
            return Ok(Err(self.unknown(visit)));
        };
        let next = target::NAMES.into_iter().find_map(get);
        let given = ticket.origin.as_ref().and_then(|origin| {
            let words = get("words").map(|words| words.trim().chars().take(LONGEST_WORDS).collect());
            given(origin, get("question"), get("answer"), words)
        });
        let own = [parameter, "question", "answer", "words"];
        let rest = if visit.is_post() {
            visit.field("rest").unwrap_or_default()
        } else if visit.query(parameter).is_none() {
            // The token was found in the midst of other names, which mean nothing to the site.
            String::new()
        } else {
            visit.query_without(&[&own[..], &target::NAMES[..]].concat())
        };
        Ok(Ok(Opened { token, verified, ticket, next, given, rest }))
    }

    /// The token that is ours among those that a damaged link may have had; the signature decides.
    pub(super) fn first_good(
        &self,
        tokens: &[String],
        secrets: &Secrets,
    ) -> Result<(String, Verified), Refusal> {
        let (issuer, audience) = (&self.sign_in.local.issuer, &self.sign_in.local.audience);
        let now = self.web.clock.now();
        let mut refused = Refusal::Malformed;
        for token in tokens {
            match verify(token, &secrets.keyring, issuer, audience, now) {
                Ok(verified) => return Ok((token.clone(), verified)),
                Err(ours @ (Refusal::Expired | Refusal::NotYet)) => refused = ours,
                Err(_) => {}
            }
        }
        Err(refused)
    }

    fn unknown(&self, visit: &Visit) -> End {
        self.web.counts.event(Event::UnknownToken);
        self.web.guessed(visit, End::Unknown)
    }

    /// Why a link that is known signs nobody in.
    fn refusal(&self, opened: &Opened, session: Option<&Session>) -> Option<End> {
        let (event, end) = match opened.ticket.status {
            TokenStatus::Open => return None,
            TokenStatus::Used => {
                let yours = session.is_some_and(|session| session.sub == opened.ticket.user_id);
                let end = if yours { End::UsedByYou { target: self.target(opened) } } else { End::Used };
                (Event::Used, end)
            }
            TokenStatus::Revoked => (Event::Revoked, End::Revoked),
            TokenStatus::Expired => (Event::Expired, End::Expired),
        };
        self.web.counts.event(event);
        Some(end)
    }

    fn page(
        &self,
        visit: &Visit,
        secrets: &Secrets,
        opened: &Opened,
        session: Option<&Session>,
        which: Page,
    ) -> Reply {
        let name = self.cookie_name("linkpost");
        let browser = visit.cookie(&name).filter(|browser| secrets::is_opaque(browser));
        let browser = browser.map_or_else(secrets::random, str::to_owned);
        let other = session.filter(|_| is_somebody_else(opened, session)).map(who_is_in);
        let origin = opened.ticket.origin.as_ref();
        let question = opened.given.as_ref().and_then(|given| {
            let questions = &origin?.page.questions;
            questions.iter().find(|question| question.id == given.question)
        });
        let title = match (&other, question) {
            _ if which == Page::Again => End::Stale.title().to_owned(),
            (Some(_), _) => "You are signed in as somebody else".to_owned(),
            (None, Some(_)) => "Your answer".to_owned(),
            (None, None) => format!("Sign in to {}", self.web.site.name),
        };
        let values = json!({
            "who": who(&opened.ticket),
            "again": which == Page::Again,
            "other": other,
            "stay": self.stay(),
            "campaign": origin.map(|origin| origin.page.title.as_str()).filter(|title| !title.is_empty()),
            "action": self.sign_in.local.page.path(),
            "token": opened.token,
            "check": secrets.form_check(&browser, &opened.token),
            "next": opened.next.as_deref().filter(|next| target::is_plain(next)),
            "rest": Some(&opened.rest).filter(|rest| !rest.is_empty()),
            "question": question.map(shown),
            "chosen": opened.given.as_ref().map(|given| given.answer.as_str()),
            "words": opened.given.as_ref().and_then(|given| given.words.as_deref()).unwrap_or_default(),
        });
        let status = match which {
            Page::First => StatusCode::OK,
            Page::Switch => StatusCode::CONFLICT,
            Page::Again => StatusCode::FORBIDDEN,
        };
        let reply = reply::html(status, self.web.look.page("accept.html", &title, &values));
        reply::with_cookie(reply, &self.cookie(&name, &browser, PAGE_LIFE))
    }

    /// Where the person goes: what the link asks for if it is allowed, else what the campaign or the settings say.
    fn target(&self, opened: &Opened) -> String {
        let parameters = opened.ticket.origin.as_ref().map(|origin| origin.page.link_parameters.as_slice());
        let parameters = parameters.unwrap_or_default();
        let own: Vec<&str> = parameters
            .iter()
            .filter(|(name, value)| target::NAMES.contains(&name.as_str()) && target::is_plain(value))
            .map(|(_, value)| value.as_str())
            .collect();
        let asked = opened.next.as_deref();
        let allowed =
            asked.filter(|next| own.contains(next) || target::is_allowed(next, &self.sign_in.paths));
        match allowed.or_else(|| own.first().copied()).or(self.sign_in.after.as_deref()) {
            Some(target) if opened.given.is_none() || allowed.is_some() => {
                let rest = form_urlencoded::parse(opened.rest.as_bytes()).into_owned();
                let all: Vec<_> = rest.chain(parameters.iter().cloned()).collect();
                target::with_parameters(target, &all)
            }
            Some(_) | None if opened.given.is_some() => self.own(ANSWERED),
            Some(_) | None => self.own(SIGNED_IN),
        }
    }

    /// The session that the browser brings along.
    fn session(&self, visit: &Visit, secrets: &Secrets) -> Option<Session> {
        let text = visit.cookie(&self.cookie_name("session"))?;
        let (issuer, audience) = (&self.sign_in.local.issuer, &self.sign_in.local.audience);
        secrets.sessions.verify(text, issuer, audience, self.web.clock.now())
    }

    /// The cookie of a session that begins now. Its id is new, whatever the browser brought along: one that
    /// somebody planted there before must not become theirs.
    fn new_session(&self, secrets: &Secrets, opened: &Opened) -> String {
        let (issuer, audience) = (&self.sign_in.local.issuer, &self.sign_in.local.audience);
        let mut session = Session::new(
            issuer,
            audience,
            &opened.ticket.user_id,
            self.sign_in.session,
            self.web.clock.now(),
        );
        session.campaign = opened.ticket.origin.as_ref().map(|origin| origin.campaign.clone());
        session.masked = opened.ticket.address.as_ref().map(crate::audience::Address::masked);
        let life = u64::try_from(self.sign_in.session.as_secs()).unwrap_or_default();
        self.cookie(&self.cookie_name("session"), &secrets.sessions.sign(&session), life)
    }

    /// `__Host-` keeps other hosts of the domain from setting it; browsers take the prefix over TLS alone.
    fn cookie_name(&self, name: &str) -> String {
        if self.web.is_secure() { format!("__Host-{name}") } else { name.to_owned() }
    }

    fn cookie(&self, name: &str, value: &str, seconds: u64) -> String {
        let secure = if self.web.is_secure() { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
    }

    /// Where a person lands who is signed in, if the settings name no place.
    pub(super) fn signed_in(&self, visit: &Visit) -> Reply {
        let secrets = self.keys.now();
        let Some(session) = self.session(visit, &secrets) else {
            let words = ["Open the link in our mail to sign in.".to_owned()];
            let page = self.web.look.words("You are not signed in", &words, None);
            return reply::html(StatusCode::UNAUTHORIZED, page);
        };
        let words = [format!(
            "Welcome back. You are signed in to {} as {}.",
            self.web.site.name,
            who_is_in(&session)
        )];
        let way_on = self.sign_in.after.as_deref().map(|href| WayOn { href, text: "Continue" });
        reply::html(StatusCode::OK, self.web.look.words("You are signed in", &words, way_on.as_ref()))
    }

    /// A page of the site, in a rehearsal: whoever is signed in sees that, and where the link would have led.
    pub(super) fn stand_in(&self, visit: &Visit) -> Reply {
        let Some(session) = self.session(visit, &self.keys.now()) else { return self.web.end(&End::NoPage) };
        let words = [
            format!("You are signed in to {} as {}.", self.web.site.name, who_is_in(&session)),
            format!("This is a rehearsal: your own site would show its page {} now.", visit.path),
        ];
        reply::html(StatusCode::OK, self.web.look.words("You are signed in", &words, None))
    }

    /// Where a person lands who answered.
    pub(super) fn answered(&self) -> Reply {
        let words = ["Your answer has reached us. You can close this page.".to_owned()];
        let way_on = self.sign_in.after.as_deref().map(|href| WayOn { href, text: "Continue" });
        reply::html(StatusCode::OK, self.web.look.words("Thank you", &words, way_on.as_ref()))
    }
}

/// Whether the browser is signed in as somebody whom the link is not for.
fn is_somebody_else(opened: &Opened, session: Option<&Session>) -> bool {
    session.is_some_and(|session| session.sub != opened.ticket.user_id)
}

/// The answer, if the campaign has such a question and such an answer.
pub(super) fn given(
    origin: &TokenOrigin,
    question: Option<String>,
    answer: Option<String>,
    words: Option<String>,
) -> Option<SurveyAnswer> {
    let (question, answer) = (question?, answer?);
    let asked = origin.page.questions.iter().find(|asked| asked.id == question)?;
    asked.answers.iter().find(|(id, _)| *id == answer)?;
    Some(SurveyAnswer { question, answer, words: words.filter(|words| !words.is_empty()) })
}

fn shown(question: &Question) -> serde_json::Value {
    let answers: Vec<_> =
        question.answers.iter().map(|(id, text)| json!({ "id": id, "text": text })).collect();
    json!({ "id": question.id, "text": question.text, "answers": answers })
}

fn who(ticket: &Ticket) -> String {
    match &ticket.address {
        Some(address) => address.masked(),
        None => ticket.user_id.clone(),
    }
}

fn who_is_in(session: &Session) -> String {
    session.masked.clone().unwrap_or_else(|| session.sub.clone())
}
