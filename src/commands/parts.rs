//! Puts the rooms together from the settings and the campaign file.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Once},
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
};
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::{
    campaign::{Campaign, CampaignId, WithoutUser},
    clock::Clock,
    commands::{Failure, Global},
    email::{Letter, Letterhead, MessageKeys},
    exit::Exit,
    ledger::{self, Ledger, LedgerError, NewMark, PageFacts, Readers},
    pace::Pace,
    pipeline::{Caps, People},
    problem::{Place, Problem},
    settings::{ClerkSignIn, Environment, LocalSignIn, NoSecret, Settings, SignIn},
    sources::List,
    token::{
        Keyring, LocalIssuer, PreviewIssuer, Purpose, TokenIssuer,
        clerk::{ClerkIssuer, Directory},
    },
    ui::Ui,
};

/// The campaign and the settings that belong to it.
#[derive(Debug)]
pub(super) struct World {
    pub(super) campaign: Campaign,
    pub(super) settings: Settings,
    /// Who the people of the list are at Clerk, as far as it was asked.
    pub(super) people: Option<People>,
    /// The due time that a run by the schedule is for.
    pub(super) due: Option<Timestamp>,
}

impl World {
    /// Loads both files; the problems of both at once.
    pub(super) fn load(ui: &Ui, global: &Global, path: &Path) -> Result<Self, Failure> {
        let campaign = Campaign::load(path);
        let settings = settings(global, Some(path));
        match (campaign, settings) {
            (Ok(campaign), Ok(settings)) => Self::of(ui, campaign, settings),
            (campaign, settings) => {
                let problems = campaign.err().into_iter().chain(settings.err()).flatten().collect();
                Err(Failure::problems(Exit::Configuration, problems))
            }
        }
    }

    /// The same of files that were read.
    pub(super) fn of(ui: &Ui, campaign: Campaign, settings: Settings) -> Result<Self, Failure> {
        if campaign.token_life > SignedDuration::from_hours(7 * 24) {
            let days = campaign.token_life.as_hours() / 24;
            ui.remark(format_args!(
                "{}: links live for {days} days; whoever finds one in an old mailbox is signed in (`token_life`)",
                campaign.file.display()
            ));
        }
        let people = people(ui, &campaign, &settings)?;
        Ok(Self { campaign, settings, people, due: None })
    }

    /// Compiles the templates and reads the attachments.
    pub(super) fn letter(&self, keys: MessageKeys) -> Result<Arc<Letter>, Failure> {
        let settings = &self.settings;
        let letterhead = Letterhead {
            sender_name: settings.sender.name.clone(),
            sender: settings.sender.address.clone(),
            reply_to: settings.sender.reply_to.clone().map(|address| (None, address)),
            postal_address: settings.sender.postal_address.clone(),
            list_id: settings.list_id.clone(),
            sender_id: settings.sender_id.clone(),
            unsubscribe: settings.unsubscribe.clone(),
            precedence_bulk: settings.precedence_bulk,
            max_message_bytes: Letterhead::MAX_MESSAGE_BYTES,
        };
        Letter::load(&self.campaign, letterhead, keys)
            .map(Arc::new)
            .map_err(|problems| Failure::problems(Exit::Problems, problems))
    }

    /// What the ledger remembers of the list and of the words, to see whether either changed.
    pub(super) fn mark(&self, letter: &Letter, list: &List) -> NewMark {
        let digests: Vec<_> = list.files.iter().map(|file| file.digest).collect();
        // How the list is read is part of what it says.
        let list_digest = sha256(format!("{:?}{digests:?}", self.campaign.audience).as_bytes());
        let content_digest = self.content_digest(letter);
        NewMark { list: list.name.clone(), list_digest, content_digest, files: Vec::new() }
    }

    /// The due time that the list is for, in the schedule's zone: the run's own, or else the newest, or the first.
    pub(super) fn due(&self) -> Option<Zoned> {
        let schedule = self.campaign.schedule.as_ref()?;
        let now = CLOCK.now();
        let due = self.due.or_else(|| schedule.current(now)).or_else(|| schedule.next_after(now))?;
        Some(due.to_zoned(schedule.zone.clone()))
    }

    /// SHA-256 of everything that the mails say beside the list.
    pub(super) fn content_digest(&self, letter: &Letter) -> [u8; 32] {
        let sign_in = &self.settings.sign_in;
        let link = (sign_in.page(), sign_in.redirect_url(), &self.campaign.link_parameters);
        sha256(format!("{:?}{link:?}", letter.digest()).as_bytes())
    }

    /// What the pages behind the links show.
    pub(super) fn page_facts(&self) -> PageFacts {
        let Campaign { title, link_parameters, questions, .. } = self.campaign.clone();
        PageFacts { title, link_parameters, questions }
    }

    /// The issuer of real tokens; a rehearsal asks nobody outside this machine for one.
    pub(super) fn issuer(&self, keyring: &Arc<Keyring>, rehearsal: bool) -> Result<TokenIssuer, Failure> {
        match &self.settings.sign_in {
            SignIn::Local(sign_in) => self.local_issuer(sign_in, Arc::clone(keyring)).map(TokenIssuer::Local),
            SignIn::Clerk(_) if rehearsal => self.preview_issuer().map(TokenIssuer::Preview),
            SignIn::Clerk(sign_in) => self.clerk_issuer(sign_in).map(Arc::new).map(TokenIssuer::Clerk),
        }
    }

    fn clerk_issuer(&self, sign_in: &ClerkSignIn) -> Result<ClerkIssuer, Failure> {
        let Campaign { token_life, link_parameters, .. } = self.campaign.clone();
        clerk_issuer(sign_in, token_life, link_parameters)
    }

    fn local_issuer(&self, sign_in: &LocalSignIn, keyring: Arc<Keyring>) -> Result<LocalIssuer, Failure> {
        let Campaign { id, occasion, token_life, link_parameters, .. } = self.campaign.clone();
        LocalIssuer::new(keyring, sign_in.local(), id, occasion, token_life, link_parameters)
            .map_err(|error| Failure::words(Exit::Configuration, error.to_string()))
    }

    /// The issuer of links that sign nobody in.
    pub(super) fn preview_issuer(&self) -> Result<PreviewIssuer, Failure> {
        let (page, parameter) = self.settings.sign_in.page();
        let Campaign { id, occasion, token_life, link_parameters, .. } = self.campaign.clone();
        PreviewIssuer::new(&page, parameter, id, occasion, token_life, link_parameters)
            .map_err(|error| Failure::words(Exit::Configuration, error.to_string()))
    }
}

/// What is known of the people before Clerk is asked: whether rows without a user id are refused.
fn people(ui: &Ui, campaign: &Campaign, settings: &Settings) -> Result<Option<People>, Failure> {
    let without = campaign.audience.without_user_id;
    match (&settings.sign_in, without) {
        (SignIn::Local(_), WithoutUser::Refuse) => Ok(None),
        (SignIn::Local(_), WithoutUser::LookUp | WithoutUser::Invite) => {
            let message = "`audience.without_user_id` asks Clerk about people, and the settings have no `[sign_in.clerk]`";
            let problem = Problem::new(Place::file(campaign.file.display().to_string()), message);
            let hint = "leave it out: links that are signed here take the address for the user id with `user_id = \"email\"`";
            Err(Failure::problems(Exit::Configuration, vec![problem.hint(hint)]))
        }
        (SignIn::Clerk(_), WithoutUser::Refuse) => {
            Ok(Some(People { directory: Arc::new(Directory::default()), without }))
        }
        (SignIn::Clerk(_), WithoutUser::LookUp | WithoutUser::Invite) => {
            ui.say("people without a user id are looked up at Clerk when the campaign is sent");
            Ok(None)
        }
    }
}

/// An issuer of Clerk's tokens, or why there is none.
pub(super) fn clerk_issuer(
    sign_in: &ClerkSignIn,
    life: SignedDuration,
    parameters: Vec<(String, String)>,
) -> Result<ClerkIssuer, Failure> {
    if let Some(none) = &sign_in.wants_key {
        return Err(no_secret("`[sign_in.clerk]` is chosen", none));
    }
    ClerkIssuer::new(&sign_in.settings, life, parameters, CLOCK)
        .map_err(|error| Failure::words(Exit::Configuration, format!("`[sign_in.clerk]`: {error}")))
}

/// A secret is used, and is not there; `why` says what it is for.
pub(super) fn no_secret(why: &str, none: &NoSecret) -> Failure {
    match none {
        NoSecret::Unset(name) => {
            Failure::words(Exit::Configuration, format!("{why}, but the environment holds no {name}"))
                .hint(format!("set {name}, or {name}_FILE to a file that only you can read"))
        }
        NoSecret::Unreadable(problem) => Failure::problems(Exit::Configuration, vec![(**problem).clone()]),
    }
}

/// The settings named on the command line, or those that belong to the campaign file.
fn settings(global: &Global, campaign: Option<&Path>) -> Result<Settings, Vec<Problem>> {
    let path = match &global.settings {
        Some(path) => path.clone(),
        None => Settings::find(campaign).map_err(|problem| vec![problem])?,
    };
    Settings::load(&path, Environment)
}

/// The same, as a command ends with it.
pub(super) fn settings_of(global: &Global, campaign: Option<&Path>) -> Result<Settings, Failure> {
    settings(global, campaign).map_err(|problems| Failure::problems(Exit::Configuration, problems))
}

/// The settings of the current folder, for the verbs without a campaign.
pub(super) fn own_settings(global: &Global) -> Result<Settings, Failure> {
    settings_of(global, None)
}

/// The settings and the campaign's name, for the verbs that look at the books: the file may be gone.
pub(super) fn named(global: &Global, campaign: &Path) -> Result<(Settings, CampaignId), Failure> {
    let configuration = |problems| Failure::problems(Exit::Configuration, problems);
    if campaign.is_file() {
        let settings = settings(global, Some(campaign)).map_err(configuration)?;
        let campaign = Campaign::load(campaign).map_err(configuration)?;
        return Ok((settings, campaign.id));
    }
    let name = campaign.display().to_string();
    let id = CampaignId::parse(&name).map_err(|_| {
        Failure::words(
            Exit::Configuration,
            format!("`{name}` is neither a campaign file nor a campaign's name"),
        )
        .hint("name the file, such as `campaigns/waitlist.toml`, or the `name` in it")
    })?;
    Ok((own_settings(global)?, id))
}

/// The keys of the messages' ids, derived from the key folder.
pub(super) fn message_keys(keyring: &Keyring) -> MessageKeys {
    MessageKeys {
        message_id: keyring.derive(Purpose::MessageId),
        unsubscribe: keyring.derive(Purpose::Unsubscribe),
    }
}

/// Keys for mails that nobody gets: their ids lead nowhere.
pub(super) fn harmless_keys() -> MessageKeys {
    let key = |purpose: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, purpose);
    MessageKeys { message_id: key(b"preview message id"), unsubscribe: key(b"preview unsubscribe id") }
}

/// The rate that the settings ask for.
pub(super) fn pace(settings: &Settings) -> Pace {
    settings.rate.map_or_else(unlimited, |rate| Pace::per_second(rate, 1))
}

/// How many mails any hour and day may hold, with those that left before.
pub(super) async fn caps(settings: &Settings, ledger: &Ledger) -> Result<Caps, LedgerError> {
    let Some(most) = settings.caps.iter().map(|cap| cap.most).max() else { return Ok(Caps::default()) };
    let left = ledger.tries(u32::try_from(most).unwrap_or(u32::MAX)).await?;
    Ok(Caps::new(settings.caps.clone(), left))
}

/// As fast as it goes.
pub(super) fn unlimited() -> Pace {
    Pace::per_second(f64::INFINITY, 1)
}

/// A rehearsal's ledger, keys and mails stand beside the settings.
pub(super) fn sandbox_folder(settings: &Settings) -> PathBuf {
    settings.file.parent().unwrap_or(Path::new("")).join("sandbox")
}

/// Turns the links' pages into those that `serve --sandbox` has on this machine, so that a rehearsal's links work.
pub(super) fn rehearse(settings: &mut Settings) {
    let listen = settings.web.listen;
    let host = if listen.ip().is_loopback() { listen.ip().to_string() } else { "127.0.0.1".to_owned() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    // Clerk's links lead to Clerk's page or to the site's own, wherever the campaign is sent from; people leave here.
    let page = match &mut settings.sign_in {
        SignIn::Local(sign_in) => Some(&mut sign_in.page),
        SignIn::Clerk(_) => None,
    };
    let own = page.as_ref().map(|page| page.origin());
    let is_ours = |url: &&mut url::Url| own.as_ref().is_none_or(|own| url.origin() == *own);
    let unsubscribe = settings.unsubscribe.url.as_mut().filter(is_ours);
    for url in page.into_iter().chain(unsubscribe) {
        let moved = url::Url::parse(&format!("http://{host}:{}", listen.port())).map(|mut moved| {
            moved.set_path(url.path());
            moved.set_query(url.query());
            moved.set_fragment(url.fragment());
            moved
        });
        *url = moved.expect("an address and a port are a host");
    }
    settings.web.listen.set_ip(if listen.ip().is_loopback() { listen.ip() } else { [127, 0, 0, 1].into() });
}

/// The ledger of the real campaigns, or that of the rehearsals.
pub(super) fn ledger(settings: &Settings, sandbox: bool) -> PathBuf {
    if sandbox { sandbox_folder(settings).join("linkpost.db") } else { settings.ledger.clone() }
}

/// How that ledger is used.
pub(super) fn ledger_options(settings: &Settings, sandbox: bool) -> ledger::Options {
    if sandbox { ledger::Options::default() } else { settings.ledger_options.clone() }
}

/// Opens a ledger, and makes it where there is none. That its group can read it is told once.
pub(super) async fn open_ledger(
    ui: &Ui,
    path: &Path,
    options: &ledger::Options,
) -> Result<Ledger, LedgerError> {
    static TOLD: Once = Once::new();
    let ledger = Ledger::open_with(path, CLOCK, options).await?;
    if ledger.open_to() == Readers::Group {
        let path = path.display();
        TOLD.call_once(|| {
            ui.remark(format_args!(
                "{path}: the group of the file can read the addresses in it: right on a volume that is linkpost's \
                 alone, else: chmod 600 {path}"
            ));
        });
    }
    Ok(ledger)
}

/// The ledger of the real campaigns, or that of the rehearsals; it has to be there.
pub(super) async fn existing_ledger(settings: &Settings, sandbox: bool) -> Result<Ledger, LedgerError> {
    let options = ledger_options(settings, sandbox);
    Ledger::open_existing_with(&ledger(settings, sandbox), CLOCK, &options).await
}

/// The wall clock: the program's only one.
pub(super) const CLOCK: Clock = Clock::System;

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}
