//! `recall`: the unused links of a campaign sign nobody in any more.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    audience::problems::quoted_row,
    campaign::{CampaignId, TokenLife},
    console::{Failure, Global, clerk, command_line::CommandLine, files, name_owner::Owner},
    exit::Exit,
    ledger::{Accept, Run, UsedLink},
    occasion::{self, ledgers},
    settings::SignIn,
    token::clerk::{ClerkIssuer, Recalled},
    ui::{Ui, count},
};

/// Tokens that are read from the ledger at once.
const PAGE: u32 = 500;
/// The life of tokens that this verb does not make.
const ANY_LIFE: TokenLife = TokenLife::of_days(1);

/// What `recall` understands.
#[derive(Debug, Clone, Args)]
pub struct RecallArgs {
    /// The campaign file, or the campaign's name
    pub campaign: PathBuf,
    /// Only this user id or address; may be given several times
    #[arg(long, value_name = "USER")]
    pub user: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Recall the links of `send --sandbox`
    #[arg(long)]
    pub sandbox: bool,
}

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, arguments: RecallArgs) -> Result<Exit, Failure> {
    let (settings, campaign) = files::named(global, &arguments.campaign)?;
    let by_name = CommandLine::new("recall", campaign.as_str()).option("--user", &arguments.user);
    let owner = Owner { global, settings: &settings, sandbox: arguments.sandbox };
    owner.check_books(by_name, &campaign, &arguments.campaign).await?;
    let ledger = ledgers::existing(&settings, arguments.sandbox).await?;
    let books = ledger.books(&campaign).await?;
    if books.is_empty() {
        return Err(Failure::words(Exit::Configuration, format!("the ledger has no campaign `{campaign}`"))
            .hint("it is booked by `linkpost send`; rehearsals are under `--sandbox`"));
    }
    confirm(ui, &campaign, &arguments)?;
    let minted = ledger.token_tally(&campaign).await?.live > 0;
    let issuer = match &settings.sign_in {
        SignIn::Clerk(clerk) if minted => {
            Some(Arc::new(occasion::clerk_issuer(clerk, ANY_LIFE, Vec::new())?))
        }
        SignIn::Local(_) if minted => {
            return Err(Failure::words(
                Exit::Configuration,
                format!("`{campaign}` has links of Clerk's, and the settings have no `[sign_in.clerk]`"),
            )
            .hint("name the settings that it was sent with: `--settings FILE`"));
        }
        SignIn::Clerk(_) | SignIn::Local(_) => None,
    };
    let mut recalled = Recalled::default();
    for occasion in books.iter().filter(|books| books.purged.is_none()).map(|books| &books.occasion) {
        let run = Arc::new(ledger.begin(&campaign, occasion, Accept::default()).await?);
        run.mark_orphans().await?;
        recalled.revoked += run.revoke_local(&arguments.user).await?;
        if let Some(issuer) = &issuer {
            add(&mut recalled, revoke(ui, issuer, &run, &arguments.user).await?);
        }
        let used = ledger.used_links(&campaign, occasion, &arguments.user).await?;
        list(ui, &used);
        ui.event(&json!({
            "event": "recalled", "occasion": occasion, "revoked": recalled.revoked, "used": used.len(),
            "left": recalled.left,
        }));
        ui.say(format_args!(
            "{campaign}, occasion {occasion}: {} revoked, {} used before",
            count(recalled.revoked, "link"),
            count(used.len() as u64, "link")
        ));
    }
    clerk::report_orphans(ui, &ledger.token_tally(&campaign).await?);
    if recalled.left > 0 {
        let words = format!("Clerk refused to revoke {}", count(recalled.left, "token"));
        return Err(Failure::words(Exit::Unfinished, words).hint("run the same command again"));
    }
    Ok(Exit::Settled)
}

fn confirm(ui: &Ui, campaign: &CampaignId, arguments: &RecallArgs) -> Result<(), Failure> {
    if arguments.yes {
        return Ok(());
    }
    let whose = match arguments.user.as_slice() {
        [] => "everybody".to_owned(),
        users => count(users.len() as u64, "user"),
    };
    match ui.confirm(&format!("Revoke every unused link of `{campaign}` for {whose}? This cannot be undone."))
    {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::words(Exit::Unfinished, "nothing was revoked: the answer was no")),
        None => Err(Failure::words(Exit::Usage, "there is no terminal to ask at")
            .hint("`--yes` revokes without asking")),
    }
}

/// Revokes Clerk's tokens page by page. Each is on record as soon as it is done, so an ended recall goes on.
async fn revoke(
    ui: &Ui,
    issuer: &Arc<ClerkIssuer>,
    run: &Arc<Run>,
    users: &[String],
) -> Result<Recalled, Failure> {
    let halt = CancellationToken::new();
    let (mut recalled, mut after, mut done) = (Recalled::default(), 0, 0);
    loop {
        let page = run.unused_tokens(users, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(recalled) };
        after = last.number;
        let of_page = issuer
            .revoke_all(run, page, &halt, || {
                done += 1;
                if done % 100 == 0 {
                    ui.say(format_args!("{} asked for", count(done, "revocation")));
                }
            })
            .await?;
        add(&mut recalled, of_page);
    }
}

fn add(sum: &mut Recalled, part: Recalled) {
    sum.revoked += part.revoked;
    sum.used += part.used;
    sum.gone += part.gone;
    sum.left += part.left;
}

/// Those whose links were used: whoever that was is signed in, and revoking does not change it.
fn list(ui: &Ui, used: &[UsedLink]) {
    if used.is_empty() || ui.json {
        for link in used {
            ui.event(&json!({ "event": "used", "line": link.line, "user_id": link.user_id }));
        }
        return;
    }
    ui.data("line,user_id,address");
    for link in used {
        let address = ui.address(link.address.as_deref().unwrap_or_default());
        let line = link.line.to_string();
        ui.data(quoted_row(&[&line, link.user_id.as_deref().unwrap_or_default(), &address]));
    }
}
