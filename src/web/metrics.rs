//! What is counted, in the text format of Prometheus (version 0.0.4). No label holds anything of a visitor.

use std::{
    fmt::Write,
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
};

use super::route::Route;

/// What happened at the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Redeemed,
    RedeemedAgain,
    Used,
    Expired,
    Revoked,
    UnknownToken,
    FormRefused,
    TooMany,
    Answered,
    Unsubscribed,
    TakenBack,
    UnknownUnsubscribe,
    Minted,
    MintedRevoked,
    WrongKey,
    LedgerFailed,
}

impl Event {
    const ALL: [Self; 16] = [
        Self::Redeemed,
        Self::RedeemedAgain,
        Self::Used,
        Self::Expired,
        Self::Revoked,
        Self::UnknownToken,
        Self::FormRefused,
        Self::TooMany,
        Self::Answered,
        Self::Unsubscribed,
        Self::TakenBack,
        Self::UnknownUnsubscribe,
        Self::Minted,
        Self::MintedRevoked,
        Self::WrongKey,
        Self::LedgerFailed,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Redeemed => "redeemed",
            Self::RedeemedAgain => "redeemed_again",
            Self::Used => "refused_used",
            Self::Expired => "refused_expired",
            Self::Revoked => "refused_revoked",
            Self::UnknownToken => "refused_unknown",
            Self::FormRefused => "refused_form",
            Self::TooMany => "refused_too_many",
            Self::Answered => "answered",
            Self::Unsubscribed => "unsubscribed",
            Self::TakenBack => "unsubscribe_undone",
            Self::UnknownUnsubscribe => "unsubscribe_unknown",
            Self::Minted => "token_created",
            Self::MintedRevoked => "token_revoked",
            Self::WrongKey => "api_key_refused",
            Self::LedgerFailed => "ledger_failed",
        }
    }
}

/// The counters.
#[derive(Default)]
pub(super) struct Counts {
    events: [AtomicU64; Event::ALL.len()],
    /// By route and class of status, 1xx to 5xx.
    requests: [[AtomicU64; 5]; Route::ALL.len()],
    connections: AtomicI64,
}

impl Counts {
    pub(super) fn event(&self, event: Event) {
        for (known, counter) in Event::ALL.iter().zip(&self.events) {
            if *known == event {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn request(&self, route: Route, status: u16) {
        for (known, counters) in Route::ALL.iter().zip(&self.requests) {
            if *known == route
                && let Some(counter) = counters.get(usize::from(status / 100).saturating_sub(1))
            {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// A connection came (1) or went (-1).
    pub(super) fn connection(&self, change: i64) {
        self.connections.fetch_add(change, Ordering::Relaxed);
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let head = |text: &mut String, name: &str, kind: &str, help: &str| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        };
        let name = "linkpost_web_events_total";
        head(&mut text, name, "counter", "What happened at the pages.");
        for (event, counter) in Event::ALL.iter().zip(&self.events) {
            let _ =
                writeln!(text, "{name}{{event=\"{}\"}} {}", event.name(), counter.load(Ordering::Relaxed));
        }
        let name = "linkpost_web_requests_total";
        head(&mut text, name, "counter", "Requests by route and class of status.");
        for (route, counters) in Route::ALL.iter().zip(&self.requests) {
            for (class, counter) in (1..=5).zip(counters) {
                let count = counter.load(Ordering::Relaxed);
                if count > 0 {
                    let _ =
                        writeln!(text, "{name}{{route=\"{}\",status=\"{class}xx\"}} {count}", route.name());
                }
            }
        }
        let name = "linkpost_web_connections";
        head(&mut text, name, "gauge", "Open connections.");
        let _ = writeln!(text, "{name} {}", self.connections.load(Ordering::Relaxed));
        text
    }
}
