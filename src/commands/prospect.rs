//! What a tick would find of an occasion and its list, without being a run and without a trace.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    commands::{
        Failure, Global,
        command_line::CommandLine,
        parts::{self, World},
        planned::Planned,
        send::{Before, Look},
    },
    email::Letter,
    ledger::State,
    ui::Ui,
};

/// An occasion as a tick would find it.
pub(super) struct Prospect {
    pub(super) world: World,
    pub(super) letter: Arc<Letter>,
    /// What would be done about its list.
    pub(super) look: Look,
    /// How many of its mails wait.
    pub(super) waiting: u64,
}

impl Prospect {
    /// Looks at the occasion of a due time. `goes_on`: it has begun, and keeps its files.
    pub(super) async fn of(
        ui: &Ui,
        global: &Global,
        one: &Planned,
        due: Timestamp,
        goes_on: bool,
    ) -> Result<Self, Failure> {
        let Planned { campaign, schedule, settings, sandbox } = one;
        let mut campaign = campaign.clone();
        campaign.occasion = schedule.occasion(due, &campaign.occasion);
        let mut settings = settings.clone();
        if *sandbox {
            parts::rehearse(&mut settings);
        }
        let mut world = World::of(ui, campaign, settings)?;
        world.due = Some(due);
        let letter = world.letter(parts::harmless_keys())?;
        let (id, occasion) = (&world.campaign.id, &world.campaign.occasion);
        let (mut known, mut waiting, mut taken) = (None, 0, Vec::new());
        if parts::ledger(&world.settings, *sandbox).exists() {
            let ledger = parts::existing_ledger(&world.settings, *sandbox).await?;
            known = ledger.mark(id, occasion).await?;
            taken = ledger.taken(id).await?;
            let tally = ledger.books_of(id, occasion).await?.map(|books| books.tally).unwrap_or_default();
            let open = [State::Pending, State::Claimed, State::Sending, State::Deferred];
            waiting = open.into_iter().map(|state| tally.get(state)).sum();
        }
        let again = CommandLine::new("send", &world.campaign.file)
            .option("--occasion", [occasion])
            .flag("--sandbox", *sandbox)
            .settings(global);
        let before = Before { known: known.as_ref(), waiting, goes_on, taken: &taken, again };
        let look = before.look(&world, &letter, false).await?;
        Ok(Self { world, letter, look, waiting })
    }
}
