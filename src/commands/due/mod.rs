//! `due`: what cron calls. Runs every campaign whose time has come, each occasion once.

mod explain;
mod tick;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clap::Args;
use jiff::{Timestamp, Zoned};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    campaign::Campaign,
    clock::Clock,
    commands::{
        due::explain::explain,
        due::tick::{Ended, Reported, turns},
    },
    console::{
        AcceptArgs, Accepted, Failure, Global,
        files::{self, CLOCK},
        name_owner::Owner,
        signals,
    },
    exit::Exit,
    occasion::Planned,
    settings::{self, Settings},
    ui::Ui,
};

const EXIT_CODES: &str = "\
Exit codes, of all campaigns the one that stands last here:
   0  nothing is due, or all that was due is settled
   3  a person should look: an occasion was skipped or given up, or mails have had their time
      before they could leave (told by that tick); mails without an answer wait for a decision
      (every tick, until `linkpost resolve`)
  75  the next tick goes on: mails wait for the relay or their window, or another runner works
  65  a list or a template has problems; tried again until `max_late`
  69  the relay or the token service is out of reach, or refuses everything
  77  the relay or the token service refused the credentials
  78  the settings, a campaign file or a key is wrong
  74  the ledger cannot be read or written, or is damaged
With --explain and --at: 0, or the worst of what would stop a campaign that is due or comes next (a
list that is to come stops nothing before its time).";

/// What `due` understands.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXIT_CODES)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct DueArgs {
    /// The folder of the campaign files
    #[arg(default_value = "campaigns")]
    pub folder: PathBuf,
    /// Say of each campaign what is due, why or why not, what would stop it (as `check` does), and what comes next; send
    /// nothing
    #[arg(long)]
    pub explain: bool,
    /// Answer for this time instead of now, such as `2026-11-27T09:00+01:00`; sends nothing
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub at: Option<Timestamp>,
    /// Rehearse: with the embedded relay and the ledger of the rehearsals
    #[arg(long)]
    pub sandbox: bool,
    /// Go on although the clock shows a time before the newest in the ledger: it is right, and that was wrong
    #[arg(long)]
    pub accept_clock: bool,
    /// Has no effect: nobody is asked
    #[arg(long, short, hide = true)]
    pub yes: bool,
}

/// What the folder holds.
#[derive(Default)]
struct Folder {
    planned: Vec<Planned>,
    /// What could not be read.
    ended: Vec<Ended>,
    /// Whom each settings file wants told how the tick ended.
    monitors: BTreeMap<PathBuf, settings::Due>,
}

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, arguments: DueArgs) -> Result<Exit, Failure> {
    let mut reported = Reported::default();
    let Folder { mut planned, mut ended, monitors } = read(ui, global, &arguments, &mut reported).await?;
    if arguments.explain || arguments.at.is_some() {
        let clock = arguments.at.map_or(CLOCK, Clock::Stopped);
        let mut exits = vec![worst(&ended)];
        for one in &planned {
            exits.push(explain(ui, global, one, clock).await?);
        }
        reported.finish(ui);
        return Ok(exits.into_iter().max_by_key(|exit| exit.severity()).unwrap_or(Exit::Settled));
    }
    if planned.is_empty() && ended.is_empty() {
        ui.note(format_args!("no campaign in `{}` has a `[schedule]`", arguments.folder.display()));
    }
    let accept = AcceptArgs { accept_clock: arguments.accept_clock, ..AcceptArgs::default() };
    // The earliest goes first; where two are due together, the order of their names.
    let now = CLOCK.now();
    planned.sort_by_key(|one| (one.schedule.current(now), one.campaign.file.clone()));
    let stop = CancellationToken::new();
    let signals = tokio::spawn({
        let (stop, stopped) = (stop.clone(), signals::first());
        async move {
            stopped.await;
            stop.cancel();
        }
    });
    ended.extend(turns(ui, global, &planned, &stop, &mut reported, accept).await);
    signals.abort();
    reported.finish(ui);
    for Ended { name, summary, exit, .. } in &ended {
        ui.event(&json!({ "event": "due", "campaign": name, "what": summary, "exit": exit.code() }));
        ui.say(format_args!("{name}: {summary}: {} ({})", exit.sentence(), exit.code()));
    }
    if ended.is_empty() {
        ui.say("nothing is due");
    }
    if !arguments.sandbox {
        for (file, due) in &monitors {
            let ours = || ended.iter().filter(|end| end.settings.as_ref() == Some(file));
            ping(ui, due, worst(ours()), ours().all(|end| end.is_good)).await;
        }
    }
    Ok(worst(&ended))
}

fn worst<'a>(ended: impl IntoIterator<Item = &'a Ended>) -> Exit {
    ended.into_iter().map(|end| end.exit).max_by_key(|exit| exit.severity()).unwrap_or(Exit::Settled)
}

/// Tells a monitor how the tick ended. Another runner or a list that is not there yet is neither good nor a failure: the
/// next tick goes on.
async fn ping(ui: &Ui, due: &settings::Due, exit: Exit, good: bool) {
    for problem in &due.unusable {
        ui.note(format_args!("no monitor is told: {problem}"));
    }
    let told = match (&due.ping, &due.ping_failure) {
        (Some(monitor), _) if good => monitor.tell(None).await,
        (_, Some(monitor)) if !good && exit != Exit::Unfinished => monitor.tell(Some(exit.code())).await,
        (_, _) => return,
    };
    if let Err(untold) = told {
        ui.event(&json!({ "event": "ping_failed", "host": untold.host, "reason": untold.reason }));
        ui.note(format_args!("the monitor could not be told how this tick ended: {untold}"));
    }
}

/// The campaigns of the folder that have a schedule; those that cannot be read are told and do not hold up the others.
async fn read(
    ui: &Ui,
    global: &Global,
    arguments: &DueArgs,
    reported: &mut Reported,
) -> Result<Folder, Failure> {
    let mut folder = Folder::default();
    for file in files(&arguments.folder)? {
        let settings = files::settings_of(global, Some(&file));
        let owner = settings.as_ref().ok().map(|settings| settings.file.clone());
        if let Ok(Settings { file, due, .. }) = &settings {
            folder.monitors.insert(file.clone(), due.clone());
        }
        if let Err((name, failure)) = folder.take_in(ui, global, arguments, &file, settings).await {
            folder.ended.push(Ended::not_run(name.clone(), failure.exit(), owner.clone()));
            reported.report(ui, &name, owner.as_deref(), failure);
        }
    }
    part_twins(ui, &mut folder, reported);
    Ok(folder)
}

impl Folder {
    /// Reads a campaign file; on a failure with the name to tell it by.
    async fn take_in(
        &mut self,
        ui: &Ui,
        global: &Global,
        arguments: &DueArgs,
        file: &Path,
        settings: Result<Settings, Failure>,
    ) -> Result<(), (String, Failure)> {
        let broken = |all| (file.display().to_string(), Failure::problems(Exit::Configuration, all));
        let campaign = Campaign::load(file).map_err(broken)?;
        let name = campaign.id.to_string();
        let Some(schedule) = campaign.schedule.clone() else {
            if arguments.explain {
                ui.data(format_args!("{name}: no `[schedule]`: sent by hand alone"));
            }
            return Ok(());
        };
        let settings = settings.map_err(|failure| (name.clone(), failure))?;
        // Of two files with one name the one that has used it goes on.
        let owner = Owner { global, settings: &settings, sandbox: arguments.sandbox };
        owner
            .check(ui, &campaign.id, file, Accepted::default())
            .await
            .map_err(|failure| (name.clone(), failure))?;
        self.planned.push(Planned { campaign, schedule, settings, sandbox: arguments.sandbox });
        Ok(())
    }
}

/// Takes out files that have one name, where none of them has used it: which is meant nobody can say.
fn part_twins(ui: &Ui, folder: &mut Folder, reported: &mut Reported) {
    let mut names: BTreeMap<String, Vec<Planned>> = BTreeMap::new();
    for one in std::mem::take(&mut folder.planned) {
        names.entry(one.campaign.id.to_string()).or_default().push(one);
    }
    for (name, mut all) in names {
        if all.len() == 1 {
            folder.planned.append(&mut all);
            continue;
        }
        let files: Vec<_> = all.iter().map(|one| one.campaign.file.display().to_string()).collect();
        let words = format!("`{name}` is the name of {}: none of them runs", files.join(" and of "));
        let hint = "give each campaign a name of its own, and keep copies in another folder";
        let failure = Failure::words(Exit::Configuration, words).hint(hint);
        let settings = all.first().map(|one| one.settings.file.clone());
        reported.report(ui, &name, settings.as_deref(), failure);
        folder.ended.push(Ended::not_run(name, Exit::Configuration, settings));
    }
}

/// The campaign files of a folder by name. Hidden files, and what editors and spreadsheets put beside a file, are none.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::words(Exit::Configuration, format!("`{}` cannot be read: {error}", folder.display()))
            .hint("name the folder of the campaign files: `linkpost due DIR`")
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_campaign = path.extension().is_some_and(|ending| ending == "toml")
            && path.file_name().is_some_and(|name| {
                name != "linkpost.toml" && !name.to_string_lossy().starts_with(['.', '#', '~'])
            });
        if is_campaign {
            files.push(path);
        }
    }
    if files.is_empty() {
        // Not a quiet 0 for ever: cron's folder is a likely slip.
        let words = format!("`{}` holds no campaign file", folder.display());
        return Err(Failure::words(Exit::Configuration, words)
            .hint("name the folder of the campaign files: `linkpost due DIR`"));
    }
    files.sort();
    Ok(files)
}

fn time(text: &str) -> Result<Timestamp, String> {
    let zoned = || text.parse::<Zoned>().map(|time| time.timestamp());
    text.parse().or_else(|_| zoned()).map_err(|_| {
        "expected a time with its zone such as `2026-11-27T09:00+01:00` or `2026-11-27T09:00[Europe/Berlin]`".into()
    })
}
