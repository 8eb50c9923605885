//! `suppress`: who gets no mail of any campaign any more, by hand.

use clap::{Args, Subcommand};
use data_encoding::HEXLOWER;
use serde_json::json;

use crate::{
    audience::{Address, problems::quoted_row},
    console::{Failure, Global, files},
    exit::Exit,
    ledger::{Ledger, Person, SuppressedBy, Suppression, Whom},
    occasion::ledgers,
    problem::nearest,
    ui::{Ui, count},
};

/// Entries that are read from the ledger at once.
const PAGE: u32 = 1000;
/// So many user ids are looked through for one that was meant.
const LOOKED_THROUGH: u32 = 100_000;
/// The letters of an unsubscribe id.
const ID: usize = 22;

/// What `suppress` understands.
#[derive(Debug, Clone, Subcommand)]
pub enum SuppressVerb {
    /// Keep somebody from getting mails of any campaign, those of a run under way included
    Add {
        /// Who it is
        #[command(flatten)]
        who: WhoArgs,
        /// Why, for the books
        #[arg(long, default_value = "asked by mail or telephone")]
        reason: String,
    },
    /// Let somebody get mails again who is on the list
    Remove {
        /// Who it is
        #[command(flatten)]
        who: WhoArgs,
        /// Why, for the books
        #[arg(long, default_value = "asked for the mails again")]
        reason: String,
    },
    /// Show who is on the list, as CSV
    List {
        /// The list of `send --sandbox`
        #[arg(long)]
        sandbox: bool,
    },
}

/// Who is meant.
#[derive(Debug, Clone, Args)]
pub struct WhoArgs {
    /// An address, a user id, or the text that holds a mail's unsubscribe id: its link, or the subject of the wish that
    /// came by mail
    #[arg(required = true, value_name = "WHO")]
    pub who: Vec<String>,
    /// The list of `send --sandbox`
    #[arg(long)]
    pub sandbox: bool,
}

/// Runs the verb.
pub async fn run(ui: &Ui, global: &Global, verb: SuppressVerb) -> Result<Exit, Failure> {
    let settings = files::own_settings(global)?;
    let (SuppressVerb::Add { who: WhoArgs { sandbox, .. }, .. }
    | SuppressVerb::Remove { who: WhoArgs { sandbox, .. }, .. }
    | SuppressVerb::List { sandbox }) = verb;
    let ledger = ledgers::existing(&settings, sandbox).await?;
    let done = match verb {
        SuppressVerb::Add { who, reason } => add(ui, &ledger, &who.who, &reason).await,
        SuppressVerb::Remove { who, reason } => remove(ui, &ledger, &who.who, &reason).await,
        SuppressVerb::List { .. } => list(ui, &ledger).await,
    };
    ledger.close().await?;
    done
}

/// Everybody is found before anybody is put on the list: a slip changes nothing.
async fn add(ui: &Ui, ledger: &Ledger, who: &[String], reason: &str) -> Result<Exit, Failure> {
    let people = find_all(ledger, who).await?;
    for (who, person) in people {
        let is_new = ledger.suppress_person(&person, reason).await?;
        let shown = shown(ui, &who, &person);
        ui.event(&json!({ "event": "suppressed", "who": shown, "new": is_new, "known": person.is_known }));
        if !person.is_known {
            ui.note(format_args!(
                "{shown} stands on no list: if the wish is another address's, add that as well"
            ));
        }
        ui.say(format_args!(
            "{shown} {}",
            if is_new { "gets no more mails" } else { "was on the list already" }
        ));
    }
    Ok(Exit::Settled)
}

async fn remove(ui: &Ui, ledger: &Ledger, who: &[String], reason: &str) -> Result<Exit, Failure> {
    let people = find_all(ledger, who).await?;
    let mut absent = Vec::new();
    for (who, person) in people {
        let ended = ledger.end_suppression(&person, reason).await?;
        let shown = shown(ui, &who, &person);
        ui.event(&json!({ "event": "unsuppressed", "who": shown, "entries": ended }));
        if ended == 0 {
            absent.push(shown);
        } else {
            ui.say(format_args!(
                "{shown} gets mails again; rows that were set aside meanwhile: `linkpost retry CAMPAIGN --rows suppressed`"
            ));
        }
    }
    if absent.is_empty() {
        return Ok(Exit::Settled);
    }
    let words = format!("{} is not on the suppression list", absent.join(", "));
    Err(Failure::words(Exit::Usage, words).hint("`linkpost suppress list --show-addresses` shows who is"))
}

async fn list(ui: &Ui, ledger: &Ledger) -> Result<Exit, Failure> {
    if !ui.json {
        ui.data("address,user_id,hash,since,reason");
    }
    let mut all = 0_u64;
    for by in [SuppressedBy::Address, SuppressedBy::User, SuppressedBy::Hash] {
        let mut after: Option<Whom> = None;
        loop {
            let page = ledger.suppressions(by, after.as_ref(), PAGE).await?;
            all += page.len() as u64;
            for entry in &page {
                tell(ui, entry);
            }
            match page.last() {
                Some(last) => after = Some(last.whom.clone()),
                None => break,
            }
        }
    }
    ui.say(format_args!("{} on the suppression list", count(all, "name")));
    Ok(Exit::Settled)
}

fn tell(ui: &Ui, entry: &Suppression) {
    let (mut address, mut user_id, mut hash) = (String::new(), String::new(), String::new());
    match &entry.whom {
        Whom::Address(known) => address = ui.address(&known.to_string()),
        // A list may say that the address is the user id.
        Whom::User(known) if known.contains('@') => user_id = ui.address(known),
        Whom::User(known) => user_id.clone_from(known),
        Whom::Hash(known) => hash = HEXLOWER.encode(known),
    }
    let since = entry.since.map(|since| since.to_string()).unwrap_or_default();
    ui.event(&json!({
        "event": "suppression", "address": address, "user_id": user_id, "hash": hash, "since": since,
        "reason": entry.reason,
    }));
    if !ui.json {
        ui.data(quoted_row(&[&address, &user_id, &hash, &since, &entry.reason]));
    }
}

async fn find_all(ledger: &Ledger, who: &[String]) -> Result<Vec<(String, Person)>, Failure> {
    let mut people = Vec::new();
    for who in who {
        people.push((who.clone(), find(ledger, who).await?));
    }
    Ok(people)
}

/// Who is meant: by an unsubscribe id anywhere in the text, by address, or by user id.
async fn find(ledger: &Ledger, text: &str) -> Result<Person, Failure> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    for id in text.split(|letter| !is_letter(letter)).filter(|word| word.len() == ID) {
        if let Some(person) = ledger.person_of_mail(id).await? {
            return Ok(person);
        }
    }
    let text = text.trim();
    let bare = text.strip_prefix("mailto:").unwrap_or(text);
    let bare = bare.rsplit_once('<').map_or(bare, |(_, address)| address.trim_end_matches('>'));
    if bare.contains('@') {
        let address = Address::parse(bare).map_err(|error| {
            let failure = Failure::words(Exit::Usage, format!("`{text}` is no address: {error}"));
            failure.hint(error.hint.unwrap_or("name one address, such as ada@example.com"))
        })?;
        return Ok(ledger.person_at(&address).await?);
    }
    let person = ledger.person_named(text).await?;
    if person.is_known || ledger.is_suppressed(&person).await? {
        return Ok(person);
    }
    let known = ledger.user_ids(LOOKED_THROUGH).await?;
    let failure = Failure::words(
        Exit::Usage,
        format!(
            "the ledger knows nobody as `{text}`: it is no address, no user id and holds no unsubscribe id"
        ),
    );
    Err(match nearest(text, known.iter().map(String::as_str)) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("name the address, or paste the subject of the mail that came"),
    })
}

/// A person in words. What was typed may be a whole subject, so the ledger's own name for them comes first.
fn shown(ui: &Ui, who: &str, person: &Person) -> String {
    let address = person.names.iter().find_map(|whom| match whom {
        Whom::Address(address) => Some(ui.address(&address.to_string())),
        Whom::User(_) | Whom::Hash(_) => None,
    });
    let hashed = person.names.iter().any(|whom| matches!(whom, Whom::Hash(_)));
    match address {
        Some(address) => address,
        None if hashed => "the person of that mail, whose campaign was purged,".to_owned(),
        None => format!("`{who}`"),
    }
}
