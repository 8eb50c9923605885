//! A campaign file with the settings that belong to it, and an occasion of it. Neither changes once it is read.

use std::{path::Path, sync::Arc};

use jiff::{SignedDuration, Timestamp, Zoned};

use super::{obstacle::Obstacle, rehearsal};
use crate::hash::sha256;
use crate::{
    campaign::{Campaign, WithoutUser},
    clock::Clock,
    email::{Letter, Letterhead, MessageKeys},
    ledger::{NewMark, PageFacts},
    problem::{Place, Problem},
    schedule::ScheduleStatus,
    settings::{Settings, SignIn},
    sources::List,
};

/// A link that lives longer than this is worth a word.
const LONG_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A campaign file and the settings that belong to it.
#[derive(Debug)]
pub struct Project {
    /// What goes to whom and when.
    pub campaign: Campaign,
    /// Who we are.
    pub settings: Settings,
}

/// An occasion of a campaign: the campaign's `occasion` is its name.
#[derive(Debug)]
pub struct Occasion {
    /// What goes to whom and when.
    pub campaign: Campaign,
    /// Who we are.
    pub settings: Settings,
    /// The due time that it is for.
    pub due: Option<Timestamp>,
}

/// What is worth a word about a project that is in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Links live for so many days.
    LongLife {
        /// Whole days.
        days: i64,
    },
    /// People are looked up at Clerk when the campaign is sent.
    LookedUp,
}

impl Project {
    /// Reads the campaign file; the problems of both files at once.
    pub fn load(path: &Path, settings: Result<Settings, Vec<Problem>>) -> Result<Self, Obstacle> {
        match (Campaign::load(path), settings) {
            (Ok(campaign), Ok(settings)) => Self::new(campaign, settings),
            (campaign, settings) => {
                let problems = campaign.err().into_iter().chain(settings.err()).flatten().collect();
                Err(Obstacle::Files(problems))
            }
        }
    }

    /// Files that were read; refuses those that do not go together.
    pub fn new(campaign: Campaign, settings: Settings) -> Result<Self, Obstacle> {
        let asks = campaign.audience.without_user_id != WithoutUser::Refuse;
        if asks && matches!(settings.sign_in, SignIn::Local(_)) {
            let message = "`audience.without_user_id` asks Clerk about people, and the settings have no `[sign_in.clerk]`";
            let problem = Problem::new(Place::file(campaign.file.display().to_string()), message);
            let hint = "leave it out: links that are signed here take the address for the user id with `user_id = \"email\"`";
            return Err(Obstacle::Files(vec![problem.hint(hint)]));
        }
        Ok(Self { campaign, settings })
    }

    /// The project with its pages on this machine, where it is rehearsed.
    #[must_use]
    pub fn rehearsed(mut self, sandbox: bool) -> Self {
        if sandbox {
            rehearsal::rehearse(&mut self.settings);
        }
        self
    }

    /// What is worth a word.
    pub fn advice(&self) -> impl Iterator<Item = Advice> {
        let life = self.campaign.token_life.length();
        let long = (life > LONG_LIFE).then(|| Advice::LongLife { days: life.as_hours() / 24 });
        let clerk = matches!(self.settings.sign_in, SignIn::Clerk(_));
        let asks = clerk && self.campaign.audience.without_user_id != WithoutUser::Refuse;
        long.into_iter().chain(asks.then_some(Advice::LookedUp))
    }

    /// The occasion of this name; `due` is its due time, where it has one.
    #[must_use]
    pub fn occasion(self, name: String, due: Option<Timestamp>) -> Occasion {
        let Self { mut campaign, settings } = self;
        campaign.occasion = name;
        Occasion { campaign, settings, due }
    }

    /// The occasion that the campaign file names.
    #[must_use]
    pub fn usual(self) -> Occasion {
        let Self { campaign, settings } = self;
        Occasion { campaign, settings, due: None }
    }
}

impl Occasion {
    /// The same occasion for the list of a due time.
    #[must_use]
    pub fn with_due(self, due: Option<Timestamp>) -> Self {
        Self { due, ..self }
    }

    /// Whether the campaign is paused, so that only who says so sends it.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.campaign.schedule.as_ref().is_some_and(|schedule| schedule.status == ScheduleStatus::Paused)
    }

    /// Compiles the templates and reads the attachments.
    pub fn letter(&self, keys: MessageKeys) -> Result<Arc<Letter>, Obstacle> {
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
        Letter::load(&self.campaign, letterhead, keys).map(Arc::new).map_err(Obstacle::List)
    }

    /// What the ledger remembers of the list and of the words, to see whether either changed.
    #[must_use]
    pub fn mark(&self, letter: &Letter, list: &List) -> NewMark {
        let digests: Vec<_> = list.profiles().map(|file| file.digest).collect();
        // How the list is read is part of what it says.
        let list_digest = sha256(format!("{:?}{digests:?}", self.campaign.audience).as_bytes());
        let content_digest = self.content_digest(letter);
        NewMark { list: list.name.clone(), list_digest, content_digest, files: Vec::new() }
    }

    /// The due time that the list is for, in the schedule's zone: the run's own, or else the newest, or the first.
    #[must_use]
    pub fn due(&self) -> Option<Zoned> {
        let schedule = self.campaign.schedule.as_ref()?;
        let now = Clock::System.now();
        let due = self.due.or_else(|| schedule.current(now)).or_else(|| schedule.next_after(now))?;
        Some(due.to_zoned(schedule.zone.clone()))
    }

    /// SHA-256 of everything that the mails say beside the list.
    #[must_use]
    pub fn content_digest(&self, letter: &Letter) -> [u8; 32] {
        let sign_in = &self.settings.sign_in;
        let link = (sign_in.page(), sign_in.redirect_url(), &self.campaign.link_parameters);
        sha256(format!("{:?}{link:?}", letter.digest()).as_bytes())
    }

    /// What the pages behind the links show.
    #[must_use]
    pub fn page_facts(&self) -> PageFacts {
        let Campaign { title, link_parameters, questions, .. } = self.campaign.clone();
        PageFacts { title, link_parameters, questions }
    }
}
