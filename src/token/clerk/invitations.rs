//! Invitations, ten in a request: so that the few requests an hour that Clerk grants reach as many people as they can.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json, value::RawValue};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{
    answer::Reply,
    budget::Hourly,
    client::{Call, Client},
    wire::InvitationBody,
};
use crate::{
    ledger::{Asked, LedgerError, Question, Run, TokenEnd},
    token::IssueError,
};

/// The most invitations in a request.
const BATCH: usize = 10;
/// Requests with up to ten invitations in an hour.
const BULK_AN_HOUR: usize = 25;
/// Requests with one invitation in an hour.
const SINGLE_AN_HOUR: usize = 100;
/// The time that the first waits for others to share its request with.
const GATHER: Duration = Duration::from_millis(200);

/// An invitation as it is asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The question that the ledger records when its turn has come.
    pub(super) question: Question,
    /// The canonical address.
    pub(super) address: String,
    /// The page on which the invited person arrives.
    pub(super) redirect_url: Option<String>,
    /// Its life in days.
    pub(super) days: i64,
    /// Whether there may be an earlier one.
    pub(super) again: bool,
}

/// The fate of a question whose turn had come.
pub(super) enum Turn {
    /// Clerk was asked.
    Answered(Asked, Reply),
    /// Clerk was not asked: earlier tokens have to be revoked first.
    Earlier(Asked),
}

/// Gathers what several workers want.
pub(super) struct Invitations {
    client: Arc<Client>,
    waiting: Mutex<Vec<Waiting>>,
    /// Held by whoever sends for all.
    turn: tokio::sync::Mutex<()>,
    bulk: Hourly,
    single: Hourly,
}

/// Whoever wants an invitation, and waits for what becomes of it.
struct Waiting {
    wanted: Wanted,
    answer: oneshot::Sender<Result<Turn, LedgerError>>,
}

/// The number of people who can be invited in an hour.
pub const INVITATIONS_AN_HOUR: u64 = (BATCH * BULK_AN_HOUR) as u64;

impl Invitations {
    pub(super) fn new(client: Arc<Client>) -> Self {
        Self {
            client,
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
            bulk: Hourly::new(BULK_AN_HOUR),
            single: Hourly::new(SINGLE_AN_HOUR),
        }
    }

    /// Invites one person, in one request with others who are waiting. The body of a good reply is one invitation.
    pub(super) async fn invite(
        &self,
        run: &Run,
        wanted: Wanted,
        halt: &CancellationToken,
    ) -> Result<Turn, IssueError> {
        let (sender, mut answer) = oneshot::channel();
        self.waiting().push(Waiting { wanted, answer: sender });
        loop {
            tokio::select! {
                biased;
                turn = &mut answer => return Ok(turn.map_err(|_| IssueError::Interrupted)??),
                _turn = self.turn.lock() => {
                    // Somebody else may have sent for us while we waited for the turn.
                    if let Ok(turn) = answer.try_recv() {
                        return Ok(turn?);
                    }
                    tokio::select! {
                        biased;
                        () = halt.cancelled() => return Err(IssueError::Interrupted),
                        () = self.gathered() => {}
                    }
                    self.send(run, halt).await;
                }
            }
        }
    }

    /// Waits for others, and for a place in the hour.
    async fn gathered(&self) {
        if self.waiting().len() < BATCH {
            tokio::time::sleep(GATHER).await;
        }
        self.bulk.ready().await;
    }

    /// Sends up to ten and hands each its answer. The questions are written down behind the wait for the hour: whoever
    /// dies waiting has asked nothing.
    async fn send(&self, run: &Run, halt: &CancellationToken) {
        let drawn: Vec<_> = {
            let mut waiting = self.waiting();
            // Those who were stopped meanwhile want nothing any more.
            waiting.retain(|one| !one.answer.is_closed());
            let count = waiting.len().min(BATCH);
            waiting.drain(..count).collect()
        };
        let mut batch = Vec::with_capacity(drawn.len());
        for one in drawn {
            if let Some(asked) = note(run, one).await {
                batch.push(asked);
            }
        }
        if batch.is_empty() {
            return;
        }
        let bodies: Vec<_> = batch.iter().map(|(one, _)| one.wanted.body()).collect();
        match self.client.send(&Call::post("/v1/invitations/bulk", Some(&Value::Array(bodies)))).await {
            Reply::Good(body) => {
                let invitations: Vec<&RawValue> = serde_json::from_slice(&body).unwrap_or_default();
                for (one, asked) in batch {
                    let mine = invitations.iter().find(|invitation| one.wanted.is(invitation));
                    let reply = match mine {
                        Some(mine) => Reply::Good(Zeroizing::new(mine.get().as_bytes().to_vec())),
                        None => Reply::Lost("Clerk's answer does not hold this invitation".to_owned()),
                    };
                    hand(run, one, asked, reply).await;
                }
            }
            // All or none: one of them is to blame, so each is asked for alone.
            Reply::Refused(_) if batch.len() > 1 => {
                let mut alone = Vec::with_capacity(batch.len());
                for (one, asked) in batch {
                    match run.record_no_token(asked, TokenEnd::Refused).await {
                        Ok(()) => alone.push(one),
                        Err(error) => drop(one.answer.send(Err(error))),
                    }
                }
                for one in alone {
                    // Those who are left at a stop are told so by the answer that never comes.
                    tokio::select! {
                        biased;
                        () = halt.cancelled() => return,
                        () = self.single.ready() => {}
                    }
                    let Some((one, asked)) = note(run, one).await else { continue };
                    let call = Call::post("/v1/invitations", Some(&one.wanted.body()));
                    let reply = self.client.send(&call).await;
                    hand(run, one, asked, reply).await;
                }
            }
            reply @ (Reply::Refused(_) | Reply::Us(..) | Reply::Later(_) | Reply::Lost(_)) => {
                for (one, asked) in batch {
                    hand(run, one, asked, reply.again()).await;
                }
            }
        }
    }

    /// A list, whole after every statement: a panic elsewhere does not spoil it.
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the question down. `None` where it is not asked: it has to be told why, or that earlier ones go first.
async fn note(run: &Run, one: Waiting) -> Option<(Waiting, Asked)> {
    let told = match run.record_token_request(&one.wanted.question).await {
        Ok(asked) if asked.live.is_empty() => return Some((one, asked)),
        Ok(asked) => one.answer.send(Ok(Turn::Earlier(asked))),
        Err(error) => one.answer.send(Err(error)),
    };
    if let Err(Ok(Turn::Earlier(asked))) = told {
        let _swept_up_with_the_run = run.record_no_token(asked, TokenEnd::Refused).await;
    }
    None
}

/// Hands somebody the answer. Where nobody waits for it any more, what was made is an orphan.
async fn hand(run: &Run, one: Waiting, asked: Asked, reply: Reply) {
    if let Err(Ok(Turn::Answered(asked, _))) = one.answer.send(Ok(Turn::Answered(asked, reply))) {
        let _swept_up_with_the_run = run.record_no_token(asked, TokenEnd::Orphan).await;
    }
}

impl Wanted {
    /// `notify` is off: the mail is ours.
    fn body(&self) -> Value {
        let mut body = json!({
            "email_address": self.address, "notify": false, "expires_in_days": self.days,
            "ignore_existing": self.again,
        });
        if let (Some(url), Some(members)) = (&self.redirect_url, body.as_object_mut()) {
            members.insert("redirect_url".to_owned(), url.clone().into());
        }
        body
    }

    fn is(&self, invitation: &RawValue) -> bool {
        serde_json::from_str::<InvitationBody>(invitation.get())
            .is_ok_and(|invitation| invitation.email_address.eq_ignore_ascii_case(&self.address))
    }
}
