//! What other services call the values of a template.

use crate::problem::nearest;

/// What other services call the same.
const NAMES: [(&str, &str); 16] = [
    ("fname", "first_name"),
    ("firstname", "first_name"),
    ("first", "first_name"),
    ("lname", "last_name"),
    ("lastname", "last_name"),
    ("fullname", "name"),
    ("mail", "email"),
    ("emailaddress", "email"),
    ("unsub", "unsubscribe_url"),
    ("unsubscribe", "unsubscribe_url"),
    ("unsubscribeurl", "unsubscribe_url"),
    ("unsubscribelink", "unsubscribe_url"),
    ("unsublink", "unsubscribe_url"),
    ("companyaddress", "sender.postal_address"),
    ("address", "sender.postal_address"),
    ("listaddress", "sender.postal_address"),
];

/// What it is called here, or nearly.
pub(super) fn ours<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    named(name, known).or_else(|| nearest(&plain(name), known.iter().copied()))
}

/// What it is called here.
pub(super) fn named<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let squeezed = plain(name).replace('_', "");
    if squeezed.is_empty() {
        return None;
    }
    let meant = NAMES.iter().find(|(theirs, _)| *theirs == squeezed).map(|(_, ours)| *ours);
    let same = |known: &&&str| known.replace('_', "") == squeezed || meant == Some(**known);
    known.iter().find(same).copied()
}

/// Its last part, as columns are written.
fn plain(name: &str) -> String {
    let last = name.trim().trim_start_matches('=').trim().rsplit(['.', ':']).next().unwrap_or_default();
    last.split('|').next().unwrap_or_default().trim().to_lowercase().replace([' ', '-'], "_")
}
