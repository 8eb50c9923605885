//! `linkpost.toml`: who we are and which relay, ledger and keys we use. The only reader of the environment.
//!
//! Secrets come from the environment, or from the file that `NAME_FILE` names, and stay inside a [`SecretString`].

use std::path::{Component, Path, PathBuf};

use secrecy::SecretString;
use url::Url;

use crate::{
    audience::Address,
    delivery::{Patience, smtp},
    email::Unsubscribe,
    ledger,
    pacing::Cap,
    problem::{Place, Problem},
    replies::Rules,
    token::{
        Algorithm, LocalSettings,
        clerk::{ClerkLink, ClerkSettings},
    },
    toml_file::TomlFile,
};

mod due;
mod file;
mod relay;
mod secret;
mod sign_in;
mod values;
mod web;

pub use due::{Due, PING_FAILURE_URL, PING_URL};
pub use values::is_loopback;
pub use web::{API_KEY, Web};

/// The file's name, looked for beside the campaign file and in every folder above it.
pub const FILE_NAME: &str = "linkpost.toml";
/// The environment variable with the relay's password, unless `password_env` names another; with `_FILE` appended, the
/// file that holds it.
pub const SMTP_PASSWORD: &str = "LINKPOST_SMTP_PASSWORD";
/// The environment variable with Clerk's secret key; with `_FILE` appended, the file that holds it.
pub const CLERK_SECRET_KEY: &str = "CLERK_SECRET_KEY";
/// The environment variable with the address of Clerk's API, where the settings name none.
pub const CLERK_API_URL: &str = "CLERK_API_URL";
/// The beginnings of the names of variables that are ours or Clerk's alone.
const OURS: [&str; 2] = ["LINKPOST_", "CLERK_"];
/// The environment variable with the folder of the service manager's secrets (systemd).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// The page of links that sign nobody in, where the real ones lead to Clerk's Account Portal.
const PREVIEW_PORTAL: &str = "https://accounts.preview.invalid/sign-in";

/// The settings, read and checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file that they came from.
    pub file: PathBuf,
    /// The sender of the mails.
    pub sender: Sender,
    /// The relays in the order of the file; none where it names none (`preview` and `--sandbox` need none).
    pub relays: Vec<Relay>,
    /// The limits before a run gives up on them.
    pub patience: Patience,
    /// The number of connections at once.
    pub connections: usize,
    /// Mails a second over all connections; `None`: as fast as the relay takes them.
    pub rate: Option<f64>,
    /// The number of mails that any hour and day may hold, over all runs.
    pub caps: Vec<Cap>,
    /// The number of refusals of a run that are no news; `None`: it depends on who looks on.
    pub expected_refusals: Option<Expected>,
    /// The place of the ledger.
    pub ledger: ledger::Location,
    /// Its use.
    pub ledger_options: ledger::Options,
    /// The way in which links sign people in.
    pub sign_in: SignIn,
    /// The ways to unsubscribe.
    pub unsubscribe: Unsubscribe,
    /// The `List-Id` (RFC 2919).
    pub list_id: String,
    /// The `SenderId` of `Feedback-ID`, 5 to 15 characters.
    pub sender_id: String,
    /// Whether mails say `Precedence: bulk`.
    pub precedence_bulk: bool,
    /// The programs that campaign files may run for a list.
    pub commands: Vec<String>,
    /// The pages behind the links.
    pub web: Web,
    /// The monitor that hears from `linkpost due` how its ticks ended.
    pub due: Due,
}

/// The sender of the mails.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The name beside the address.
    pub name: Option<String>,
    /// `From` and the envelope sender.
    pub address: Address,
    /// The address for answers, if not the sender's.
    pub reply_to: Option<Address>,
    /// The postal address at the foot of every mail.
    pub postal_address: String,
}

/// An SMTP relay.
#[derive(Debug, Clone)]
pub struct Relay {
    /// The settings for talking to it.
    pub smtp: smtp::RelaySettings,
    /// Its share of the connections, where relays have shares.
    pub weight: Option<u32>,
    /// The variable of the environment that its password is looked for in.
    pub password_env: String,
    /// The reason that there is no password for the user that the file names: fine for a preview, not for a send.
    pub wants_password: Option<NoSecret>,
}

/// The reason that a secret is not there. It matters where the secret is used, and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSecret {
    /// Neither this variable nor its `_FILE` is set.
    Unset(String),
    /// The file that holds it is no use.
    Unreadable(Box<Problem>),
}

/// The way in which links sign people in.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// Tokens that are signed here.
    Local(LocalSignIn),
    /// Tokens that Clerk mints.
    Clerk(ClerkSignIn),
}

/// Tokens that Clerk mints.
#[derive(Debug, Clone)]
pub struct ClerkSignIn {
    /// The settings for talking to it, and the look of its links.
    pub settings: ClerkSettings,
    /// The part of the key's budget that is used.
    pub share: f64,
    /// The reason that there is no key: fine for a preview, not for a send.
    pub wants_key: Option<NoSecret>,
    /// The key folder, for the ids of messages.
    pub keys: PathBuf,
}

/// Tokens that are signed here.
#[derive(Debug, Clone)]
pub struct LocalSignIn {
    /// The page that takes the token.
    pub page: Url,
    /// The query parameter that carries it.
    pub parameter: String,
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// The algorithm of new keys.
    pub algorithm: Algorithm,
    /// The key folder.
    pub keys: PathBuf,
}

impl Settings {
    /// Odd values that may still be right.
    #[must_use]
    pub fn advice(&self) -> Vec<Problem> {
        let odd = |relay: &Relay| {
            let (meant, found) = match (relay.smtp.port, relay.smtp.tls) {
                (587 | 25, smtp::Tls::Implicit) => ("starttls", "implicit"),
                (465, smtp::Tls::StartTls) => ("implicit", "starttls"),
                _ => return None,
            };
            let message = format!(
                "the port {} of the relay `{}` goes with `tls = \"{meant}\"` nearly everywhere, and `tls` is `{found}`",
                relay.smtp.port, relay.smtp.host
            );
            let problem = Problem::new(Place::file(self.file.display().to_string()), message);
            Some(problem.hint(format!("set `tls = \"{meant}\"` under `[relay.smtp]`, or the other port")))
        };
        self.relays.iter().filter_map(odd).collect()
    }
}

/// The number of refusals of a run that are no news.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Expected {
    /// So many mails.
    Mails(u64),
    /// This part of all mails.
    Share(f64),
}

impl Expected {
    /// The default where a person looks on.
    pub const BY_HAND: Self = Self::Share(0.02);
    /// The default where nobody looks on.
    pub const BY_SCHEDULE: Self = Self::Mails(0);

    /// Whether so many refusals of so many mails are more than that.
    #[must_use]
    pub fn is_exceeded(self, refused: u64, mails: u64) -> bool {
        match self {
            Self::Mails(most) => refused > most,
            #[expect(clippy::cast_precision_loss, reason = "a share of rows")]
            Self::Share(share) => refused as f64 > mails as f64 * share,
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("found `{text}`, expected a number such as `10 mails`, or a part such as `2%`");
        let share = text.strip_suffix('%').map(str::trim);
        if let Some(share) = share {
            let share: f64 = share.parse().map_err(|_| wrong())?;
            return if (0.0..=100.0).contains(&share) {
                Ok(Self::Share(share / 100.0))
            } else {
                Err(wrong())
            };
        }
        let number = text.trim_end_matches("mails").trim_end_matches("mail").trim();
        number.replace('_', "").parse().map(Self::Mails).map_err(|_| wrong())
    }
}

impl SignIn {
    /// The same with rules that say whose fault a refusal is.
    pub(super) fn with(mut self, rules: &Rules) -> Self {
        match &mut self {
            Self::Clerk(clerk) => clerk.settings.rules = rules.clone(),
            Self::Local(_) => {}
        }
        self
    }
}

impl LocalSignIn {
    /// The part that the token room needs.
    #[must_use]
    pub fn local(&self) -> LocalSettings {
        LocalSettings {
            page: self.page.clone(),
            parameter: self.parameter.clone(),
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            algorithm: self.algorithm,
        }
    }
}

impl SignIn {
    /// The key folder.
    #[must_use]
    pub fn keys(&self) -> &Path {
        match self {
            Self::Local(local) => &local.keys,
            Self::Clerk(clerk) => &clerk.keys,
        }
    }

    /// The algorithm of new keys.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Local(local) => local.algorithm,
            Self::Clerk(_) => Algorithm::EdDsa,
        }
    }

    /// The page that people go to from Clerk's Account Portal, if links lead there.
    #[must_use]
    pub fn redirect_url(&self) -> Option<&Url> {
        match self {
            Self::Clerk(ClerkSignIn {
                settings: ClerkSettings { link: ClerkLink::AccountPortal { redirect_url }, .. },
                ..
            }) => redirect_url.as_ref(),
            Self::Clerk(_) | Self::Local(_) => None,
        }
    }

    /// The page that takes the token and the parameter that carries it. Clerk names its own page with each token; a
    /// preview shows one that leads nowhere.
    #[must_use]
    pub fn page(&self) -> (Url, &str) {
        match self {
            Self::Local(local) => (local.page.clone(), &local.parameter),
            Self::Clerk(clerk) => match &clerk.settings.link {
                ClerkLink::Page { page, parameter } => (page.clone(), parameter),
                ClerkLink::AccountPortal { .. } => {
                    (Url::parse(PREVIEW_PORTAL).expect("the address is constant and right"), "__clerk_ticket")
                }
            },
        }
    }
}

/// The source of secrets and a few switches.
#[derive(Debug, Clone, Copy)]
pub struct Environment;

impl Environment {
    /// A variable that is set and not empty.
    #[must_use]
    pub fn get(self, name: &str) -> Option<String> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    /// A secret: the variable `name`, or what is in the file that `name` + `_FILE` names.
    pub fn secret(self, name: &str) -> Result<SecretString, NoSecret> {
        let read = if let Some(value) = self.get(name) {
            secret::in_variable(name, &value)
        } else if let Some(path) = self.get(&format!("{name}_FILE")) {
            let credentials = self.get(CREDENTIALS).map(PathBuf::from);
            secret::in_file(name, Path::new(&path), credentials.as_deref())
        } else {
            return Err(NoSecret::Unset(name.to_owned()));
        };
        read.map_err(|problem| NoSecret::Unreadable(Box::new(problem)))
    }

    /// The names of the variables that are set, as far as they are text.
    fn names() -> impl Iterator<Item = String> {
        std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())
    }
}

impl Settings {
    /// Finds the settings that belong to a campaign file: beside it, or in a folder above. Without a campaign file:
    /// those of the current folder.
    pub fn find(campaign: Option<&Path>) -> Result<PathBuf, Problem> {
        let beside = campaign.unwrap_or(Path::new(FILE_NAME));
        let upward = beside.components().any(|part| part == Component::ParentDir);
        // With `..` in it the path alone does not tell which folders are above.
        let from = if upward { beside.canonicalize() } else { std::path::absolute(beside) };
        let from = from.unwrap_or_else(|_| beside.to_owned());
        let found = from.ancestors().skip(1).map(|folder| folder.join(FILE_NAME)).find(|path| path.is_file());
        let Some(path) = found else {
            let (place, beside) = match campaign {
                Some(campaign) => (campaign.display().to_string(), "beside it"),
                None => (FILE_NAME.to_owned(), "in this folder"),
            };
            let words = format!("there is no `{FILE_NAME}` {beside} or in a folder above");
            return Err(Problem::new(Place::file(place), words)
                .hint("write one, or name it with `--settings FILE`; the README has a sample"));
        };
        // Paths below the current folder are shown, and made, as a person would write them.
        let here = std::env::current_dir().unwrap_or_default();
        Ok(path.strip_prefix(here).map_or(path.clone(), Path::to_owned))
    }

    /// The variables of the environment that no program started from here gets to see: ours, Clerk's, and those that the
    /// settings name for passwords.
    #[must_use]
    pub fn hidden(&self) -> Vec<String> {
        let passwords = self.relays.iter().map(|relay| relay.password_env.clone());
        let named = passwords.flat_map(|name| [format!("{name}_FILE"), name]);
        let ours = Environment::names().filter(|name| OURS.iter().any(|ours| name.starts_with(ours)));
        ours.chain(named).collect()
    }

    /// Reads and checks the settings; all their problems at once.
    pub fn load(path: &Path, environment: Environment) -> Result<Self, Vec<Problem>> {
        let file = TomlFile::read(path, "settings file").map_err(|problem| vec![problem])?;
        let settings = file::read(&file, path, environment)?;
        let problems = file.into_problems();
        settings.filter(|_| problems.is_empty()).ok_or(problems)
    }
}
