//! `doctor`: whether the landing page keeps a link unspent when machines visit it.

use std::path::{Path, PathBuf};

use clap::Args;
use hyper::Method;
use jiff::SignedDuration;
use serde_json::json;
use url::Url;

use crate::{
    commands::{
        Failure, Global,
        parts::{self, CLOCK, World},
        serve, target,
    },
    exit::Exit,
    ledger::{Ledger, LedgerError, Minted, Standing},
    scanner,
    settings::{Environment, LocalSignIn, SignIn},
    token::{IssueError, Keyring, mint, mint_id},
    ui::Ui,
};

/// The token lives as long as a visit may take.
const LIFE: SignedDuration = SignedDuration::from_mins(10);
/// Whom the token would sign in: nobody.
const USER: &str = "linkpost-doctor";

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

/// A token that is looked at after each visit.
struct Probe {
    ledger: Ledger,
    id: String,
    jti_hash: [u8; 32],
    url: Url,
}

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, arguments: DoctorArgs) -> Result<Exit, Failure> {
    let mut world = World::load(ui, global, &arguments.link)?;
    let rehearsal_keys = if arguments.sandbox {
        parts::rehearse(&mut world.settings);
        Some(target::keys(ui, &world.settings)?)
    } else {
        None
    };
    let SignIn::Local(sign_in) = &world.settings.sign_in else {
        return Err(Failure::words(
            Exit::Configuration,
            "the links of `[sign_in.clerk]` are Clerk's, so no throw-away one can be made for a visit",
        )
        .hint("`examples/nextjs` is a page that keeps links from machines"));
    };
    if let Some(problem) = serve::hidden_visitors(&world.settings, &sign_in.page) {
        ui.note(problem);
    }
    let keys = rehearsal_keys.as_deref().unwrap_or(&sign_in.keys);
    let probe = probe(ui, &world, sign_in, keys, arguments.sandbox).await?;
    let visited = visit(ui, &probe, world.settings.hidden()).await;
    // Whatever was seen, the token ends here.
    probe.ledger.revoke_minted(&probe.id).await?;
    let spent = visited?;
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

async fn probe(
    ui: &Ui,
    world: &World,
    sign_in: &LocalSignIn,
    keys: &Path,
    sandbox: bool,
) -> Result<Probe, Failure> {
    let settings = &world.settings;
    let keyring = Keyring::open(keys)?;
    let options = parts::ledger_options(settings, sandbox);
    let ledger = parts::open_ledger(ui, &parts::ledger(settings, sandbox), &options).await?;
    let wrong = |error: &dyn std::fmt::Display| Failure::words(Exit::Configuration, error.to_string());
    let issued = mint(&keyring, &sign_in.local(), USER, LIFE, CLOCK.now())
        .map_err(|error: IssueError| wrong(&error))?;
    let parameters = world.campaign.link_parameters.iter();
    let text = issued.link.url(parameters.map(|(name, value)| (name.as_str(), value.as_str())));
    let url = Url::parse(&text.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    let (id, jti_hash) = (mint_id(), issued.record.jti_hash);
    ledger.mint(Minted { id: id.clone(), user_id: USER.to_owned(), record: issued.record }).await?;
    Ok(Probe { ledger, id, jti_hash, url })
}

/// Visits the page in every way; says which has spent the link, if one has.
async fn visit(ui: &Ui, probe: &Probe, hidden: Vec<String>) -> Result<Option<&'static str>, Failure> {
    let unreached = |error: scanner::Unreached| {
        Failure::words(Exit::Unreachable, error.to_string())
            .hint("is the page up? `linkpost serve` serves it")
    };
    let mut ours = false;
    for (method, name) in [(Method::HEAD, "a HEAD request"), (Method::GET, "a GET request")] {
        let visit = scanner::visit(&probe.url, &method).await.map_err(unreached)?;
        ours |= visit.is_ours;
        ui.say(format_args!("{method}: status {}, {} redirects", visit.status, visit.redirects));
        if probe.is_spent().await? {
            return Ok(Some(name));
        }
        if visit.status >= 400 {
            return Err(Failure::words(
                Exit::Unreachable,
                format!("the page answers a good link with status {}", visit.status),
            )
            .hint("does the page use this ledger and these keys? (rehearsals: `--sandbox` on both sides)"));
        }
    }
    match scanner::browser(&Environment.get("PATH").unwrap_or_default()) {
        None => ui.note("no Chromium is installed: whether a script spends the link was not tried"),
        Some(browser) => {
            scanner::load(browser, probe.url.clone(), hidden).await.map_err(unreached)?;
            ui.say("headless browser: loaded, and ten seconds of its scripts run");
            if probe.is_spent().await? {
                return Ok(Some("a script of the page"));
            }
        }
    }
    if !ours {
        ui.note("the page is not one of `linkpost serve`: this holds only if it redeems through this ledger");
    }
    Ok(None)
}

impl Probe {
    async fn is_spent(&self) -> Result<bool, LedgerError> {
        let ticket = self.ledger.ticket(&self.jti_hash).await?;
        Ok(ticket.is_none_or(|ticket| ticket.standing != Standing::Open))
    }
}
