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
use crate::token::IssueError;

/// The most invitations in a request.
const BATCH: usize = 10;
/// Requests with up to ten invitations in an hour.
const BULK_AN_HOUR: usize = 25;
/// Requests with one invitation in an hour.
const SINGLE_AN_HOUR: usize = 100;
/// How long the first waits for others to share its request with.
const GATHER: Duration = Duration::from_millis(200);

/// An invitation as it is asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The canonical address.
    pub(super) address: String,
    /// Where the invited person arrives.
    pub(super) redirect_url: Option<String>,
    /// How many days it lives.
    pub(super) days: i64,
    /// Whether there may be an earlier one.
    pub(super) again: bool,
}

/// Gathers what several workers want.
pub(super) struct Invitations {
    client: Arc<Client>,
    waiting: Mutex<Vec<(Wanted, oneshot::Sender<Reply>)>>,
    /// Held by whoever sends for all.
    turn: tokio::sync::Mutex<()>,
    bulk: Hourly,
    single: Hourly,
}

/// How many people can be invited in an hour.
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
    pub(super) async fn invite(&self, wanted: Wanted, halt: &CancellationToken) -> Result<Reply, IssueError> {
        let (sender, mut answer) = oneshot::channel();
        self.waiting().push((wanted, sender));
        loop {
            tokio::select! {
                biased;
                reply = &mut answer => return reply.map_err(|_| IssueError::Interrupted),
                _turn = self.turn.lock() => {
                    // Somebody else may have sent for us while we waited for the turn.
                    if let Ok(reply) = answer.try_recv() {
                        return Ok(reply);
                    }
                    tokio::select! {
                        biased;
                        () = halt.cancelled() => return Err(IssueError::Interrupted),
                        () = self.gathered() => {}
                    }
                    self.send().await;
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

    /// Sends up to ten and hands each its answer.
    async fn send(&self) {
        let batch: Vec<_> = {
            let mut waiting = self.waiting();
            // Those who were stopped meanwhile want nothing any more.
            waiting.retain(|(_, sender)| !sender.is_closed());
            let count = waiting.len().min(BATCH);
            waiting.drain(..count).collect()
        };
        let bodies: Vec<_> = batch.iter().map(|(wanted, _)| wanted.body()).collect();
        let alone = batch.len() == 1;
        match self.client.send(&Call::post("/v1/invitations/bulk", Some(&Value::Array(bodies)))).await {
            Reply::Good(body) => {
                let invitations: Vec<&RawValue> = serde_json::from_slice(&body).unwrap_or_default();
                for (wanted, sender) in batch {
                    let mine = invitations.iter().find(|invitation| wanted.is(invitation));
                    let reply = match mine {
                        Some(mine) => Reply::Good(Zeroizing::new(mine.get().as_bytes().to_vec())),
                        None => Reply::Lost("Clerk's answer does not hold this invitation".to_owned()),
                    };
                    let _stopped = sender.send(reply);
                }
            }
            // All or none: one of them is to blame, so each is asked for alone.
            Reply::Refused(_) if !alone => {
                for (wanted, sender) in batch {
                    self.single.ready().await;
                    let reply = self.client.send(&Call::post("/v1/invitations", Some(&wanted.body()))).await;
                    let _stopped = sender.send(reply);
                }
            }
            reply @ (Reply::Refused(_) | Reply::Us(..) | Reply::Later(_) | Reply::Lost(_)) => {
                for (_, sender) in batch {
                    let _stopped = sender.send(reply.again());
                }
            }
        }
    }

    /// A list, whole after every statement: a panic elsewhere does not spoil it.
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<(Wanted, oneshot::Sender<Reply>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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
