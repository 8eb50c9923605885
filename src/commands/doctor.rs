//! `doctor`: whether the landing page keeps a link unspent when machines visit it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::{
    commands::serve,
    console::{
        Failure, Global,
        files::{self, CLOCK},
    },
    doctor::landing_page::{Probe, ProbeError, Seen},
    exit::Exit,
    occasion::{Project, ledgers},
    settings::{Environment, LocalSignIn, SignIn},
    token::Keyring,
    ui::Ui,
};

/// What `doctor` understands.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Visit the landing page of this campaign's links as mail scanners do, and see that the link stays unspent
    #[arg(long, value_name = "CAMPAIGN")]
    pub link: PathBuf,
    /// Visit the page of `serve --sandbox`
    #[arg(long)]
    pub sandbox: bool,
}

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, arguments: DoctorArgs) -> Result<Exit, Failure> {
    let project = files::project(ui, global, &arguments.link)?.rehearsed(arguments.sandbox);
    let rehearsal_keys =
        if arguments.sandbox { Some(files::sandbox_keys(ui, &project.settings)?) } else { None };
    let SignIn::Local(sign_in) = &project.settings.sign_in else {
        return Err(Failure::words(
            Exit::Configuration,
            "the links of `[sign_in.clerk]` are Clerk's, so no throw-away one can be made for a visit",
        )
        .hint("`examples/nextjs` is a page that keeps links from machines"));
    };
    if let Some(problem) = serve::hidden_visitors(&project.settings, &sign_in.page) {
        ui.note(problem);
    }
    let keys = rehearsal_keys.as_deref().unwrap_or(&sign_in.keys);
    let probe = probe(ui, &project, sign_in, keys, arguments.sandbox).await?;
    let spent = probe
        .visit(&Environment.get("PATH").unwrap_or_default(), project.settings.hidden(), |seen| {
            report(ui, &seen);
        })
        .await?;
    let page = &sign_in.page;
    ui.event(
        &json!({ "event": "link", "page": page.as_str(), "unspent": spent.is_none(), "spent_by": spent }),
    );
    match spent {
        None => {
            ui.say(format_args!(
                "the link is still unspent: scanners that visit {page} leave it to its owner"
            ));
            Ok(Exit::Settled)
        }
        Some(by) => Err(Failure::words(
            Exit::Configuration,
            format!("{by} has spent the link: {page} signs in without a person's click"),
        )
        .hint("redeem by a POST after a click, never on a GET, a HEAD or by a script on load")),
    }
}

/// A link that is to stay unspent, of the keys and in the ledger that the page has.
async fn probe(
    ui: &Ui,
    project: &Project,
    sign_in: &LocalSignIn,
    keys: &Path,
    sandbox: bool,
) -> Result<Probe, Failure> {
    let settings = &project.settings;
    let keyring = Keyring::open(keys)?;
    let options = ledgers::options(settings, sandbox);
    let ledger = files::open_ledger(ui, &ledgers::location(settings, sandbox), &options).await?;
    let parameters = &project.campaign.link_parameters;
    Probe::new(ledger, &keyring, &sign_in.local(), parameters, CLOCK.now()).await.map_err(Failure::from)
}

/// Says what a visit showed.
fn report(ui: &Ui, seen: &Seen) {
    match seen {
        Seen::Answer { method, status, redirects } => {
            ui.say(format_args!("{method}: status {status}, {redirects} redirects"));
        }
        Seen::NoBrowser => {
            ui.note("no Chromium is installed: whether a script spends the link was not tried");
        }
        Seen::Scripts => ui.say("headless browser: loaded, and ten seconds of its scripts run"),
        Seen::ForeignPage => {
            ui.note(
                "the page is not one of `linkpost serve`: this holds only if it redeems through this ledger",
            );
        }
    }
}

impl From<ProbeError> for Failure {
    fn from(error: ProbeError) -> Self {
        match error {
            ProbeError::Ledger(error) => error.into(),
            ProbeError::Link(words) => Self::words(Exit::Configuration, words),
            ProbeError::Unreached(error) => Self::words(Exit::Unreachable, error.to_string())
                .hint("is the page up? `linkpost serve` serves it"),
            ProbeError::Status(status) => Self::words(
                Exit::Unreachable,
                format!("the page answers a good link with status {status}"),
            )
            .hint("does the page use this ledger and these keys? (rehearsals: `--sandbox` on both sides)"),
        }
    }
}
