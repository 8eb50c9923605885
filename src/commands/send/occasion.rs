//! Which occasion a send is for, and whether its campaign file lets it go out.

use crate::{
    campaign::Campaign,
    commands::send::arguments::SendArgs,
    console::{Failure, Global, OWN_OCCASION, books::UNCANCEL, files, name_owner::Owner},
    exit::Exit,
    occasion::{Choice, NoOccasion, Occasion},
    ui::Ui,
};

/// Reads the files of a send, and settles which occasion it is; with its due time where it has one.
pub(super) async fn of(ui: &Ui, global: &Global, arguments: &mut SendArgs) -> Result<Occasion, Failure> {
    let project = files::project(ui, global, &arguments.campaign)?.rehearsed(arguments.sandbox);
    let owner = Owner { global, settings: &project.settings, sandbox: arguments.sandbox };
    let accepts = arguments.accept.accepted();
    owner.check(ui, &project.campaign.id, &project.campaign.file, accepts).await?;
    let Choice { name, due } = choose(&project.campaign, arguments)?;
    let usual = project.campaign.occasion.clone();
    let occasion = project.occasion(name, due);
    check_paused(ui, global, &occasion, arguments)?;
    if occasion.campaign.occasion != usual {
        // What goes on later goes on with this occasion, and not with one that is due by then.
        arguments.occasion = Some(occasion.campaign.occasion.clone());
    }
    Ok(occasion)
}

/// Settles which occasion it is, and its due time where it has one.
fn choose(campaign: &Campaign, arguments: &SendArgs) -> Result<Choice, Failure> {
    let due = arguments.due.map(|due| due.at);
    Choice::of(campaign, arguments.occasion.as_ref(), due).map_err(|none| match none {
        NoOccasion::Cancelled => {
            Failure::words(Exit::Configuration, format!("`{}` is cancelled", campaign.id)).hint(UNCANCEL)
        }
        NoOccasion::NotDueYet => {
            Failure::words(Exit::Usage, format!("no occasion of `{}` was due yet", campaign.id))
                .hint(OWN_OCCASION)
        }
    })
}

/// Whether whoever paused the campaign is to be asked: nobody has said that it goes out all the same.
pub(super) fn is_paused(occasion: &Occasion, arguments: &SendArgs) -> bool {
    occasion.is_paused() && !arguments.sandbox
}

/// Refuses to send what is paused where nobody says so, and nobody can be asked. An occasion that is named is meant.
fn check_paused(ui: &Ui, global: &Global, occasion: &Occasion, arguments: &SendArgs) -> Result<(), Failure> {
    if !is_paused(occasion, arguments) {
        return Ok(());
    }
    let words = format!("`{}` is paused (`paused = true` in `[schedule]`)", occasion.campaign.id);
    if arguments.due.is_some() {
        // Since the tick began; the next one knows it.
        return Err(Failure::words(Exit::Unfinished, words));
    }
    if arguments.accept_paused || arguments.occasion.is_some() {
        ui.note(format_args!("{words}, and is sent by hand all the same"));
    } else if arguments.yes || !ui.can_ask() {
        return Err(Failure::words(Exit::Configuration, words).hint(format!(
            "take that out, or send all the same: {}",
            arguments.again(global).flag("--accept-paused", true)
        )));
    }
    Ok(())
}
