//! Reads the files that a command names, and says what is worth a word about them.

use std::path::{Path, PathBuf};
use std::sync::Once;

use crate::{
    campaign::{Campaign, CampaignId},
    clock::Clock,
    console::{Failure, Global, command_line::CommandLine},
    exit::Exit,
    ledger::{self, Ledger, LedgerError, Location, Readers},
    occasion::{self, Advice, Obstacle, Project, Target},
    problem::Problem,
    settings::{self, Environment, Settings},
    token::KeyError,
    ui::Ui,
};

/// Loads the campaign file and the settings that belong to it.
pub(crate) fn project(ui: &Ui, global: &Global, path: &Path) -> Result<Project, Failure> {
    let project = Project::load(path, settings(global, Some(path)))?;
    advise(ui, &project);
    Ok(project)
}

/// Says what is worth a word about a project.
pub(crate) fn advise(ui: &Ui, project: &Project) {
    for advice in project.advice() {
        match advice {
            Advice::LongLife { days } => ui.remark(format_args!(
                "{}: links live for {days} days; whoever finds one in an old mailbox is signed in (`token_life`)",
                project.campaign.file.display()
            )),
            Advice::LookedUp => {
                ui.say("people without a user id are looked up at Clerk when the campaign is sent");
            }
        }
    }
}

/// Where a run sends to.
pub(crate) async fn target(
    ui: &Ui,
    settings: &Settings,
    campaign: &CampaignId,
    sandbox: bool,
) -> Result<Target, Failure> {
    if sandbox {
        sandbox_keys(ui, settings)?;
        return Ok(Target::rehearsal(settings, campaign).await?);
    }
    match Target::live(settings) {
        Err(Obstacle::Keys(KeyError::Missing(problem))) => Err(without_keys(settings, problem)),
        target => Ok(target?),
    }
}

/// Keys that are missing are made for the settings that want them, wherever those were found.
fn without_keys(settings: &Settings, problem: Problem) -> Failure {
    let found_here = settings.file == Path::new(settings::FILE_NAME);
    let named = (!found_here).then_some(&settings.file);
    let make = CommandLine::verb("keys new").option("--settings", named);
    Failure::problems(Exit::Configuration, vec![problem.hint(format!("make them with `{make}`"))])
}

/// The folder of the rehearsals' keys, made on first use.
pub(crate) fn sandbox_keys(ui: &Ui, settings: &Settings) -> Result<PathBuf, Failure> {
    let (keys, made) = occasion::keys(settings)?;
    if made {
        ui.say(format_args!("made keys for the sandbox in {}", keys.display()));
    }
    Ok(keys)
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
pub(crate) fn settings_of(global: &Global, campaign: Option<&Path>) -> Result<Settings, Failure> {
    settings(global, campaign).map_err(|problems| Failure::problems(Exit::Configuration, problems))
}

/// The settings of the current folder, for the verbs without a campaign.
pub(crate) fn own_settings(global: &Global) -> Result<Settings, Failure> {
    settings_of(global, None)
}

/// The settings and the campaign's name, for the verbs that look at the books: the file may be gone.
pub(crate) fn named(global: &Global, campaign: &Path) -> Result<(Settings, CampaignId), Failure> {
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

/// Opens a ledger, and makes it where there is none. That its group can read it is told once.
pub(crate) async fn open_ledger(
    ui: &Ui,
    at: &Location,
    options: &ledger::Options,
) -> Result<Ledger, LedgerError> {
    static TOLD: Once = Once::new();
    let ledger = Ledger::open(at, CLOCK, options).await?;
    if ledger.open_to() == Readers::Group {
        TOLD.call_once(|| {
            ui.remark(format_args!(
                "{at}: the group of the file can read the addresses in it: right on a volume that is linkpost's \
                 alone, else: chmod 600 {at}"
            ));
        });
    }
    Ok(ledger)
}

/// The wall clock: the program's only one.
pub(crate) const CLOCK: Clock = Clock::System;
