//! Where a run sends to: the real relay, ledger and keys, or a rehearsal's own.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    audience::is_reserved_domain,
    campaign::CampaignId,
    commands::{Failure, command_line::CommandLine, parts},
    delivery::{Delivery, Relays, smtp},
    exit::Exit,
    sandbox::{Keep, Options, SandboxRelay},
    settings::{self, Settings, is_loopback},
    token::{KeyError, Keyring},
    ui::Ui,
};

/// The relay, the ledger and the keys of a run.
pub(super) struct Target {
    pub(super) ledger: PathBuf,
    pub(super) keyring: Arc<Keyring>,
    pub(super) delivery: Delivery,
    /// The relay's name in words.
    pub(super) relay: String,
    /// Whether mails leave this machine.
    pub(super) live: bool,
    /// Whether a person is asked first.
    pub(super) asks: bool,
    rehearsal: Option<Rehearsal>,
}

struct Rehearsal {
    relay: SandboxRelay,
    folder: PathBuf,
}

impl Target {
    /// The relay, ledger and keys of the settings.
    pub(super) fn live(settings: &Settings) -> Result<Self, Failure> {
        let relays = relays(settings)?;
        Ok(Self {
            ledger: settings.ledger.clone(),
            keyring: Arc::new(
                Keyring::open(settings.sign_in.keys()).map_err(|error| without_keys(settings, error))?,
            ),
            relay: relays.name(),
            delivery: Delivery::Smtp(relays),
            live: is_live(settings),
            asks: true,
            rehearsal: None,
        })
    }

    /// An embedded relay on loopback that keeps the mails, and a ledger and keys of its own.
    pub(super) async fn rehearsal(
        ui: &Ui,
        settings: &Settings,
        campaign: &CampaignId,
    ) -> Result<Self, Failure> {
        let folder = parts::sandbox_folder(settings);
        let failed = |error: io::Error| {
            Failure::words(
                Exit::Ledger,
                format!("the sandbox `{}` cannot be used: {error}", folder.display()),
            )
        };
        let keys = keys(ui, settings)?;
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
        let own = |error: smtp::SettingsError| Failure::words(Exit::Internal, error.to_string());
        Ok(Self {
            ledger: parts::ledger(settings, true),
            keyring: Arc::new(Keyring::open(&keys)?),
            delivery: Delivery::Smtp(smtp::Relay::new(to_relay).map_err(own)?.into()),
            relay: format!("the sandbox relay on {address}"),
            live: false,
            asks: false,
            rehearsal: Some(Rehearsal { relay, folder: mails }),
        })
    }

    /// Whether nothing leaves this machine.
    pub(super) fn is_rehearsal(&self) -> bool {
        self.rehearsal.is_some()
    }

    /// Ends the embedded relay and says where its mails are.
    pub(super) async fn end(self) -> Result<Vec<String>, Failure> {
        let Some(Rehearsal { relay, folder }) = self.rehearsal else { return Ok(Vec::new()) };
        relay.stop().await.map_err(|error| {
            Failure::words(Exit::Ledger, format!("the sandbox kept not all mails: {error}"))
        })?;
        Ok(vec![format!("read the mails: {}", folder.join("index.html").display())])
    }
}

/// The relays of the settings, or why there is none.
pub(super) fn relays(settings: &Settings) -> Result<Relays, Failure> {
    let configuration =
        |words: String| Failure::words(Exit::Configuration, format!("{}: {words}", settings.file.display()));
    if settings.relays.is_empty() {
        return Err(configuration("`relay.smtp` is missing: where shall the mails go?".to_owned())
            .hint("add `[relay.smtp]` with `host`, or rehearse with `--sandbox`"));
    }
    let mut relays = Vec::new();
    for relay in &settings.relays {
        if let Some(none) = &relay.wants_password {
            let why =
                format!("{}: `user` is set for the relay `{}`", settings.file.display(), relay.smtp.host);
            return Err(parts::no_secret(&why, none));
        }
        let smtp = smtp::Relay::new(relay.smtp.clone()).map_err(|error| configuration(error.to_string()))?;
        relays.push((smtp, relay.weight));
    }
    Ok(Relays::new(relays, settings.patience))
}

/// Whether mails can leave this machine: reserved domains are refused then. A relay in a reserved domain, as in
/// the samples, is none.
pub(super) fn is_live(settings: &Settings) -> bool {
    settings
        .relays
        .iter()
        .any(|relay| !is_loopback(&relay.smtp.host) && !is_reserved_domain(&relay.smtp.host))
}

/// Keys that are missing are made for the settings that want them, wherever those were found.
fn without_keys(settings: &Settings, error: KeyError) -> Failure {
    let KeyError::Missing(problem) = error else { return error.into() };
    let found_here = settings.file == Path::new(settings::FILE_NAME);
    let named = (!found_here).then_some(&settings.file);
    let make = CommandLine::verb("keys new").option("--settings", named);
    Failure::problems(Exit::Configuration, vec![problem.hint(format!("make them with `{make}`"))])
}

/// The folder of the rehearsals' keys, made on first use.
pub(super) fn keys(ui: &Ui, settings: &Settings) -> Result<PathBuf, Failure> {
    let keys = parts::sandbox_folder(settings).join("keys");
    if !keys.exists() {
        Keyring::create(&keys, settings.sign_in.algorithm(), parts::CLOCK.now())?;
        ui.say(format_args!("made keys for the sandbox in {}", keys.display()));
    }
    Ok(keys)
}
