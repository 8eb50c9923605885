//! The `[due]` table: the monitor that hears of the ticks.

use secrecy::ExposeSecret;

use super::{Environment, NoSecret, values::checked_address};
use crate::{
    ping::Monitor,
    problem::{Place, Problem},
    toml_file::Table,
};

/// The environment variable with the address that every good tick asks for, where the settings name none; with `_FILE`
/// appended, the file that holds it.
pub const PING_URL: &str = "LINKPOST_PING_URL";
/// The same for a tick that failed.
pub const PING_FAILURE_URL: &str = "LINKPOST_PING_FAILURE_URL";

/// The monitor that hears from `linkpost due` how its ticks ended.
#[derive(Debug, Clone, Default)]
pub struct Due {
    /// Told of every tick that ended with 0, or with 75 since mails wait for their time.
    pub ping: Option<Monitor>,
    /// Told of every tick that ended with anything but 0 and 75.
    pub ping_failure: Option<Monitor>,
    /// The reason that the environment names a monitor that cannot be asked.
    pub unusable: Vec<Problem>,
}

/// Reads the table, where there is one, and the environment.
pub(super) fn due(table: Option<Table<'_>>, environment: Environment) -> Due {
    let mut due = Due::default();
    if let Some(mut table) = table {
        due.ping = table.parse("ping_url", monitor);
        due.ping_failure = table.parse("ping_failure_url", monitor);
        table.finish();
    }
    let Due { ping, ping_failure, unusable } = &mut due;
    for (name, place) in [(PING_URL, ping), (PING_FAILURE_URL, ping_failure)] {
        if place.is_some() {
            continue;
        }
        match environment.secret(name) {
            Ok(url) => match monitor(url.expose_secret()) {
                Ok(monitor) => *place = Some(monitor),
                Err(words) => unusable.push(Problem::new(Place::file(name), words)),
            },
            Err(NoSecret::Unset(_)) => {}
            Err(NoSecret::Unreadable(problem)) => unusable.push(*problem),
        }
    }
    due
}

/// The address is a secret, so it is not repeated.
fn monitor(text: &str) -> Result<Monitor, String> {
    checked_address(text).map(|url| Monitor::new(&url)).map_err(str::to_owned)
}
