//! What a request asks for, by its path: told by the settings, or fixed below the folder of the pages.

use hyper::Method;

use super::{Site, damage};

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Accept,
    Unsubscribe,
    SignedIn,
    Answered,
    Keys,
    Tokens,
    Revoke,
    Tickets,
    Health,
    Metrics,
    Style,
    Logo,
    Other,
}

/// Where a person lands who is signed in, if the settings name no place.
pub(super) const SIGNED_IN: &str = "signed-in";
/// Where a person lands who answered.
pub(super) const ANSWERED: &str = "answered";

impl Route {
    pub(super) const ALL: [Self; 13] = [
        Self::Accept,
        Self::Unsubscribe,
        Self::SignedIn,
        Self::Answered,
        Self::Keys,
        Self::Tokens,
        Self::Revoke,
        Self::Tickets,
        Self::Health,
        Self::Metrics,
        Self::Style,
        Self::Logo,
        Self::Other,
    ];

    /// The name in logs and metrics: never the path that was asked for, which may hold anything.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Unsubscribe => "unsubscribe",
            Self::SignedIn => "signed-in",
            Self::Answered => "answered",
            Self::Keys => "jwks",
            Self::Tokens => "sign_in_tokens",
            Self::Revoke => "revoke",
            Self::Tickets => "redeem",
            Self::Health => "healthz",
            Self::Metrics => "metrics",
            Self::Style => "style",
            Self::Logo => "logo",
            Self::Other => "other",
        }
    }

    pub(super) fn of(site: &Site, path: &str) -> Self {
        let found = Self::page(site, path).or_else(|| Self::fixed(site, site.below(path)));
        // A proxy may take the folder off, and whoever copies a link may leave something at its end.
        let stripped = || {
            site.folders()
                .find_map(|folder| Self::page(site, &format!("{folder}{}", path.trim_start_matches('/'))))
        };
        let mended = || Self::page(site, &damage::path(path));
        found.or_else(stripped).or_else(mended).unwrap_or(Self::Other)
    }

    /// What has its path from the settings.
    fn page(site: &Site, path: &str) -> Option<Self> {
        let accept = site.sign_in().map(|sign_in| sign_in.local.page.path());
        if Some(path) == accept {
            Some(Self::Accept)
        } else if Some(path) == site.unsubscribe_path() {
            Some(Self::Unsubscribe)
        } else {
            None
        }
    }

    /// What has its path from us and not from the settings, below the folder of the pages.
    pub(super) fn fixed(site: &Site, path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        let everywhere = match path {
            "healthz" => Some(Self::Health),
            "metrics" => Some(Self::Metrics),
            "linkpost/style.css" => Some(Self::Style),
            "linkpost/logo" => Some(Self::Logo),
            _ => None,
        };
        let at_the_door = || match path {
            SIGNED_IN => Some(Self::SignedIn),
            ANSWERED => Some(Self::Answered),
            ".well-known/jwks.json" => Some(Self::Keys),
            "v1/sign_in_tokens" => Some(Self::Tokens),
            "v1/tickets/redeem" => Some(Self::Tickets),
            path if revoked_id(path).is_some() => Some(Self::Revoke),
            _ => None,
        };
        everywhere.or_else(|| site.sign_in().and_then(|_| at_the_door()))
    }

    /// What may be asked of it.
    pub(super) const fn methods(self) -> &'static str {
        match self {
            Self::Accept | Self::Unsubscribe => "GET, HEAD, POST",
            Self::Tokens | Self::Revoke | Self::Tickets => "POST",
            Self::SignedIn
            | Self::Answered
            | Self::Keys
            | Self::Health
            | Self::Metrics
            | Self::Style
            | Self::Logo
            | Self::Other => "GET, HEAD",
        }
    }

    /// Nothing is there under another method either: that is "not found", whatever is asked of it.
    pub(super) fn takes(self, method: &Method) -> bool {
        self == Self::Other || self.methods().split(", ").any(|known| known == method.as_str())
    }
}

/// A path up to its last slash.
pub(super) fn folder(path: &str) -> &str {
    path.get(..=path.rfind('/').unwrap_or_default()).unwrap_or("/")
}

/// The token's id in `/v1/sign_in_tokens/{id}/revoke`.
pub(super) fn revoked_id(path: &str) -> Option<&str> {
    let path = path.trim_start_matches('/');
    let id = path.strip_prefix("v1/sign_in_tokens/")?.strip_suffix("/revoke")?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}
