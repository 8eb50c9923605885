//! What happened at the relay, in order.

use std::{
    collections::VecDeque,
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

use super::Defect;

/// One thing that happened. Connections are numbered from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A client connected.
    Connected {
        /// The connection.
        connection: u64,
    },
    /// The TLS handshake is done.
    Secured {
        /// The connection.
        connection: u64,
    },
    /// A command line came; credentials are left out.
    Command {
        /// The connection.
        connection: u64,
        /// The line without its line break.
        line: String,
    },
    /// A reply was given, maybe together with others.
    Reply {
        /// The connection.
        connection: u64,
        /// The reply as it went out.
        text: String,
    },
    /// A mail was taken; on the wire this comes before its reply.
    Accepted {
        /// The connection.
        connection: u64,
        /// The envelope sender.
        sender: String,
        /// The envelope recipient; a mail to several is taken once for each.
        recipient: String,
        /// The `Message-ID` header; empty where there is none.
        message_id: String,
        /// The bytes, with [`super::Keep::Memory`].
        message: Option<MessageBytes>,
    },
    /// The client broke a rule.
    Broken {
        /// The connection.
        connection: u64,
        /// Which rule.
        defect: Defect,
    },
    /// The connection is over.
    Closed {
        /// The connection.
        connection: u64,
        /// Why.
        ending: Ending,
    },
}

/// A message that was taken. It may hold a live token: it never prints itself.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MessageBytes(Arc<[u8]>);

impl From<Arc<[u8]>> for MessageBytes {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self(bytes)
    }
}

impl Deref for MessageBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for MessageBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The client said `QUIT`.
    Quit,
    /// The client went away without `QUIT`.
    Left,
    /// The script wanted it.
    Scripted,
    /// The client was silent, too hasty, or one too many.
    Refused,
    /// The relay stopped.
    Stopped,
    /// Network or TLS failure.
    Failed,
}

/// The last events, and a bell that rings at each.
pub(super) struct Log {
    events: Mutex<VecDeque<Event>>,
    limit: usize,
    bell: Notify,
}

impl Log {
    pub(super) fn new(limit: usize) -> Self {
        Self { events: Mutex::new(VecDeque::new()), limit, bell: Notify::new() }
    }

    pub(super) fn push(&self, event: Event) {
        if self.limit == 0 {
            return;
        }
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == self.limit {
            events.pop_front();
        }
        events.push_back(event);
        drop(events);
        self.bell.notify_waiters();
    }

    pub(super) fn all(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Waits until an event in the log meets the condition, and returns it.
    pub(super) async fn until(&self, mut condition: impl FnMut(&Event) -> bool) -> Event {
        loop {
            let mut ring = std::pin::pin!(self.bell.notified());
            ring.as_mut().enable();
            let found = {
                let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
                events.iter().find(|event| condition(event)).cloned()
            };
            match found {
                Some(event) => return event,
                None => ring.await,
            }
        }
    }
}
