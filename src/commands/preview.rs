//! `preview`: the whole pipeline into a folder. Its links sign nobody in.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::{
    console::{
        Failure, Global, ListArgs, WhomArgs,
        deliver::deliver,
        files::{self, CLOCK},
        list_files, list_news,
        name_owner::Owner,
        signals::unless_stopped,
    },
    delivery::{Delivery, outbox::Outbox},
    exit::Exit,
    ledger::{Accept, Ledger},
    occasion::{
        Occasion, harmless_keys,
        intake::{Intake, People, Report},
        ledgers,
    },
    pipeline::{Bounds, Parts},
    token::TokenIssuer,
    ui::Ui,
};

/// What `preview` understands.
#[derive(Debug, Clone, Args)]
pub struct PreviewArgs {
    /// The campaign file
    pub campaign: PathBuf,
    /// The folder [default: preview/NAME in the current folder]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Whom to mail.
    #[command(flatten)]
    pub whom: WhomArgs,
    /// Rows with problems.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, arguments: PreviewArgs) -> Result<Exit, Failure> {
    let occasion = files::project(ui, global, &arguments.campaign)?.usual();
    let owner = Owner { global, settings: &occasion.settings, sandbox: false };
    if let Ok(Some(other)) = owner.look(&occasion.campaign.id, &occasion.campaign.file).await {
        ui.note(other.first_words());
    }
    let ledger = Ledger::scratch(CLOCK).await?;
    let ended = Box::pin(write(ui, &occasion, arguments, &ledger)).await;
    // Workers of a run that was stopped may be at it still; the list goes all the same.
    let discarded = ledger.discard();
    ended.and_then(|exit| Ok(discarded.map(|()| exit)?))
}

async fn write(
    ui: &Ui,
    occasion: &Occasion,
    arguments: PreviewArgs,
    ledger: &Ledger,
) -> Result<Exit, Failure> {
    let campaign = &occasion.campaign;
    let letter = occasion.letter(harmless_keys())?;
    let run = unless_stopped(async {
        let run = ledger.begin(&campaign.id, &campaign.occasion, Accept::default()).await?;
        let list = list_files::harmless(ui, occasion, false).await?;
        let (wishes, people) = (&arguments.list.wishes(), People::unasked(occasion));
        let intake = Intake { occasion, list: &list, letter: &letter, live: false, people, wishes };
        let report: Report<'_> = &mut |news| list_news::say(ui, &news);
        let checked = intake.check(report).await?;
        let mark = occasion.mark(&letter, &list);
        checked.book(&run, mark, report).await?;
        Ok(run)
    })
    .await?;

    let due = arguments.whom.waiting(ui, &run).await?;
    let folder = arguments.out.unwrap_or_else(|| Path::new("preview").join(campaign.id.as_str()));
    let outbox = Outbox::create(&folder).map_err(|error| {
        Failure::words(
            Exit::Usage,
            format!("the preview folder `{}` cannot be used: {error}", folder.display()),
        )
        .hint("name an empty or new folder with `--out DIR`")
    })?;
    let total = arguments.whom.limit.map_or(due, |limit| limit.min(due));
    let bounds = Bounds {
        accept_refusals: false,
        // One courier: the files are numbered in the order of the list.
        connections: 1,
        limit: arguments.whom.limit,
        selection: arguments.whom.selection(),
        not_after: campaign.not_after,
        scheduled: false,
        wait: false,
        window: None,
    };
    let parts = Parts {
        run: Arc::new(run),
        issuer: TokenIssuer::Preview(occasion.preview_issuer()?),
        letter,
        delivery: Delivery::Outbox(outbox.clone()),
        caps: crate::pacing::Caps::default(),
        pace: ledgers::unlimited(),
        clock: CLOCK,
    };
    deliver(ui, parts, bounds, total, CancellationToken::new()).await?;
    outbox.finish().map_err(|error| {
        Failure::words(Exit::Ledger, format!("the preview's index cannot be written: {error}"))
    })?;
    ui.say(format_args!("read the mails: {}", outbox.index().display()));
    Ok(Exit::Settled)
}
