//! What a send asks of Clerk and says about it: how long the tokens take, what became of them.

use std::sync::Arc;

use serde_json::json;

use crate::{
    campaign::Campaign,
    console::{Failure, Global, command_line::CommandLine, run_news::clock_time},
    ledger::{Ledger, Run, TokenTally},
    occasion::{Limit, Occasion, Slowest},
    token::{
        TokenIssuer,
        clerk::{ClerkIssuer, INVITATIONS_AN_HOUR},
    },
    ui::{Ui, count, grouped},
};

/// Takes back what an earlier run left without a mail, and tells it.
pub(crate) async fn sweep(ui: &Ui, issuer: &TokenIssuer, run: &Arc<Run>) -> Result<(), Failure> {
    let TokenIssuer::Clerk(issuer) = issuer else { return Ok(()) };
    let swept = issuer.sweep(run, &tokio_util::sync::CancellationToken::new()).await?;
    if swept.revoked > 0 {
        ui.remark(format_args!(
            "{} of an earlier run had no mail and can sign nobody in any more",
            count(swept.revoked, "token")
        ));
    }
    if swept.orphans > 0 {
        ui.remark(format_args!(
            "an earlier run ended before it knew the answer for {}: Clerk may have made them, nobody holds them, and they end by themselves",
            count(swept.orphans, "token")
        ));
    }
    Ok(())
}

/// How long the run takes at least, and which limit it is that makes it so.
pub(crate) async fn print_limit(
    ui: &Ui,
    occasion: &Occasion,
    issuer: &TokenIssuer,
    run: &Run,
    due: u64,
) -> Result<(), Failure> {
    if let Some(slowest) = Slowest::find(occasion, issuer, run, due).await? {
        ui.say(limit_words(&slowest));
    }
    Ok(())
}

fn limit_words(slowest: &Slowest) -> String {
    let limit = match slowest.limit {
        Limit::Tokens(rate) => format!("{} tokens a second from Clerk", plain(rate)),
        Limit::Invitations => format!("{} invitations an hour from Clerk", grouped(INVITATIONS_AN_HOUR)),
        Limit::Mails(rate) => format!("{} mails a second, as `sending.rate` says", plain(rate)),
    };
    format!("the slowest limit is {limit}: at least {}", span(slowest.seconds))
}

fn plain(rate: f64) -> String {
    if rate >= 10.0 { format!("{rate:.0}") } else { format!("{rate:.1}").trim_end_matches(".0").to_owned() }
}

fn span(seconds: f64) -> String {
    if seconds < 90.0 {
        format!("{seconds:.0} s")
    } else if seconds < 90.0 * 60.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3600.0)
    }
}

/// What a person should know of the tokens when the run is over.
pub(crate) async fn report_tokens(
    ui: &Ui,
    global: &Global,
    ledger: &Ledger,
    run: &Run,
    campaign: &Campaign,
    issuer: Option<&ClerkIssuer>,
) -> Result<(), Failure> {
    let barred = issuer.map_or(0, ClerkIssuer::barred);
    if barred > 0 {
        let who =
            if barred == 1 { "1 person was".to_owned() } else { format!("{} people were", grouped(barred)) };
        ui.note(format_args!(
            "{who} barred at Clerk after the list was booked and got no mail: `linkpost status {} --rows rejected` says who",
            campaign.file.display()
        ));
    }
    let tally = ledger.token_tally(&campaign.id).await?;
    if tally.orphans > 0 {
        ui.remark(format_args!(
            "up to {} of this campaign may live without a mail: their answers were lost, nobody holds them, and they end by themselves",
            count(tally.orphans, "token")
        ));
    }
    if !run.unneeded_tokens(0, 1).await?.is_empty() {
        ui.remark(format_args!(
            "some tokens have no mail and could not be revoked; the next run or `{}` does it",
            CommandLine::new("recall", &campaign.file).settings(global)
        ));
    }
    Ok(())
}

/// What a recall cannot call back.
pub(crate) fn report_orphans(ui: &Ui, tally: &TokenTally) {
    let Some(end) = tally.orphans_end.filter(|_| tally.orphans > 0) else { return };
    let (orphans, until) = (tally.orphans, clock_time(end));
    ui.event(&json!({
        "event": "orphans", "count": orphans, "invitations": tally.orphaned_invitations, "until": end.to_string(),
    }));
    let more =
        if orphans == 1 { "1 more token".to_owned() } else { format!("{} more tokens", grouped(orphans)) };
    let mut ways = Vec::new();
    if tally.orphaned_invitations < orphans {
        ways.push("Clerk lists no sign-in tokens, so these end by themselves; who must be sure before then locks or bans the users at Clerk");
    }
    if tally.orphaned_invitations > 0 {
        ways.push("invitations can be found and revoked in Clerk's dashboard, by their addresses");
    }
    ui.note(format_args!(
        "up to {more} may live without a mail until {until}: Clerk's answers were lost, so nobody has their text or their ids\n  hint: {}",
        ways.join("; ")
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_limit_is_named() {
        let check = |due, invited, tokens, mails, expected: &str| {
            assert_eq!(limit_words(&Slowest::of(due, invited, tokens, mails).unwrap()), expected);
        };
        check(
            5_000,
            0,
            5.0,
            Some(20.0),
            "the slowest limit is 5 tokens a second from Clerk: at least 17 min",
        );
        check(
            5_000,
            0,
            50.0,
            Some(20.0),
            "the slowest limit is 20 mails a second, as `sending.rate` says: at least 4 min",
        );
        check(
            600,
            600,
            50.0,
            None,
            "the slowest limit is 250 invitations an hour from Clerk: at least 2.0 h",
        );
        check(20, 10, 0.5, None, "the slowest limit is 0.5 tokens a second from Clerk: at least 20 s");
    }
}
