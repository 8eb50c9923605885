//! Where a run sends to: the real relay, ledger and keys, or a rehearsal's own.

use std::{io, path::PathBuf, sync::Arc};

use super::{issuers::no_secret, ledgers, obstacle::Obstacle, rehearsal};
use crate::{
    audience::is_reserved_domain,
    campaign::CampaignId,
    clock::Clock,
    delivery::{Delivery, Relays, smtp},
    ledger::Location,
    problem::Diagnosis,
    sandbox::{Keep, Options, SandboxRelay},
    settings::{Settings, is_loopback},
    token::Keyring,
};

/// The relay, the ledger and the keys of a run.
pub struct Target {
    /// The ledger.
    pub ledger: Location,
    /// The keys.
    pub keyring: Arc<Keyring>,
    /// The way out.
    pub delivery: Delivery,
    /// The relay's name in words.
    pub relay: String,
    way: Way,
}

/// What a run is.
enum Way {
    /// Through the relay of the settings, the campaign goes out.
    Live {
        /// Whether mails leave this machine.
        leaves: bool,
    },
    /// Through a relay of our own, it is tried out.
    Rehearsal(Rehearsal),
}

struct Rehearsal {
    relay: SandboxRelay,
    folder: PathBuf,
}

impl Target {
    /// The relay, ledger and keys of the settings.
    pub fn live(settings: &Settings) -> Result<Self, Obstacle> {
        let relays = relays(settings)?;
        Ok(Self {
            ledger: settings.ledger.clone(),
            keyring: Arc::new(Keyring::open(settings.sign_in.keys())?),
            relay: relays.name(),
            delivery: Delivery::Smtp(relays),
            way: Way::Live { leaves: is_live(settings) },
        })
    }

    /// An embedded relay on loopback that keeps the mails, and a ledger and keys of its own.
    pub async fn rehearsal(settings: &Settings, campaign: &CampaignId) -> Result<Self, Obstacle> {
        let folder = rehearsal::folder(settings);
        let failed = |error: io::Error| {
            Obstacle::Sandbox(format!("the sandbox `{}` cannot be used: {error}", folder.display()))
        };
        let (keys, _) = keys(settings)?;
        let mails = folder.join("mail").join(campaign.as_str());
        // The mails themselves are on disk: a log of the conversation in memory would grow with the list.
        let options = Options { keep: Keep::Maildir(mails.clone()), log_limit: 0, ..Options::default() };
        let relay = SandboxRelay::start(options).await.map_err(failed)?;
        let address = relay.address();
        let hello = settings.sender.address.domain();
        let to_relay = smtp::RelaySettings::new(
            address.ip().to_string(),
            address.port(),
            smtp::Tls::LoopbackPlaintext,
            hello,
        );
        let own = |error: smtp::SettingsError| Obstacle::Internal(error.to_string());
        Ok(Self {
            ledger: ledgers::location(settings, true),
            keyring: Arc::new(Keyring::open(&keys)?),
            delivery: Delivery::Smtp(smtp::Relay::new(to_relay).map_err(own)?.into()),
            relay: format!("the sandbox relay on {address}"),
            way: Way::Rehearsal(Rehearsal { relay, folder: mails }),
        })
    }

    /// Whether nothing leaves this machine.
    #[must_use]
    pub fn is_rehearsal(&self) -> bool {
        matches!(self.way, Way::Rehearsal(_))
    }

    /// Whether mails leave this machine.
    #[must_use]
    pub fn leaves_machine(&self) -> bool {
        matches!(self.way, Way::Live { leaves: true })
    }

    /// Ends the embedded relay; where its mails are.
    pub async fn end(self) -> Result<Option<PathBuf>, Obstacle> {
        let Way::Rehearsal(Rehearsal { relay, folder }) = self.way else { return Ok(None) };
        relay
            .stop()
            .await
            .map_err(|error| Obstacle::Sandbox(format!("the sandbox kept not all mails: {error}")))?;
        Ok(Some(folder.join("index.html")))
    }
}

/// The relays of the settings, or why there is none.
pub fn relays(settings: &Settings) -> Result<Relays, Obstacle> {
    let configuration = |message: String, hint| {
        Obstacle::Setting(Diagnosis { message: format!("{}: {message}", settings.file.display()), hint })
    };
    if settings.relays.is_empty() {
        let hint = "add `[relay.smtp]` with `host`, or rehearse with `--sandbox`".to_owned();
        return Err(configuration(
            "`relay.smtp` is missing: where shall the mails go?".to_owned(),
            Some(hint),
        ));
    }
    let mut relays = Vec::new();
    for relay in &settings.relays {
        if let Some(none) = &relay.wants_password {
            let why =
                format!("{}: `user` is set for the relay `{}`", settings.file.display(), relay.smtp.host);
            return Err(no_secret(&why, none));
        }
        let smtp =
            smtp::Relay::new(relay.smtp.clone()).map_err(|error| configuration(error.to_string(), None))?;
        relays.push((smtp, relay.weight));
    }
    Ok(Relays::new(relays, settings.patience))
}

/// Whether mails can leave this machine: reserved domains are refused then. A relay in a reserved domain, as in
/// the samples, is none.
#[must_use]
pub fn is_live(settings: &Settings) -> bool {
    settings
        .relays
        .iter()
        .any(|relay| !is_loopback(&relay.smtp.host) && !is_reserved_domain(&relay.smtp.host))
}

/// The folder of the rehearsals' keys, made on first use; whether it was made now.
pub fn keys(settings: &Settings) -> Result<(PathBuf, bool), Obstacle> {
    let keys = rehearsal::folder(settings).join("keys");
    let missing = !keys.exists();
    if missing {
        Keyring::create(&keys, settings.sign_in.algorithm(), Clock::System.now())?;
    }
    Ok((keys, missing))
}
