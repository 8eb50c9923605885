//! `keys`: makes and lists the keys that sign the links.

use clap::Subcommand;
use serde_json::json;

use crate::{
    console::{
        Failure, Global,
        files::{self, CLOCK},
    },
    exit::Exit,
    token::Keyring,
    ui::{Ui, table},
};

/// What `keys` understands.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum KeysVerb {
    /// Make a new signing key; the keys before it go on verifying
    New,
    /// List the keys, the signing one marked
    List,
}

/// Runs the verb.
pub fn run(ui: &Ui, global: &Global, verb: KeysVerb) -> Result<Exit, Failure> {
    let settings = files::own_settings(global)?;
    let folder = settings.sign_in.keys();
    match verb {
        KeysVerb::New => {
            let key = Keyring::create(folder, settings.sign_in.algorithm(), CLOCK.now())?;
            ui.event(&json!({ "event": "key", "kid": key.kid, "algorithm": key.algorithm.name() }));
            ui.say(format_args!(
                "made the {} key `{}`: {}",
                key.algorithm.name(),
                key.kid,
                key.path.display()
            ));
            ui.say("it signs from now on; keep the folder out of backups that others can read, and never in a repository");
        }
        KeysVerb::List => {
            let keys = Keyring::open(folder)?.list();
            if ui.json {
                for key in &keys {
                    ui.event(
                        &json!({ "kid": key.kid, "algorithm": key.algorithm.name(), "signing": key.signing }),
                    );
                }
            } else {
                let rows = keys.iter().map(|key| {
                    let use_of_it = if key.signing { "signs" } else { "verifies" };
                    vec![key.kid.clone(), key.algorithm.name().to_owned(), use_of_it.to_owned()]
                });
                ui.data(table(&["key", "algorithm", "use"], rows));
            }
        }
    }
    Ok(Exit::Settled)
}
