//! Addresses that are well formed and likely not what was meant: slips in the names of the great mail services, roles,
//! and mailboxes that are thrown away.
//!
//! They are mailed all the same: nobody but the owner of the list knows. Told once, with counts.

use super::{Address, findings::Finding};

/// Slips that are made often, sorted by the wrong domain, each with the right one.
const SLIPS: &[(&str, &str)] = &[
    ("aol.co", "aol.com"),
    ("aol.con", "aol.com"),
    ("gamil.com", "gmail.com"),
    ("gimail.com", "gmail.com"),
    ("gmai.com", "gmail.com"),
    ("gmaik.com", "gmail.com"),
    ("gmail.cm", "gmail.com"),
    ("gmail.co", "gmail.com"),
    ("gmail.om", "gmail.com"),
    ("gmaill.com", "gmail.com"),
    ("gmal.com", "gmail.com"),
    ("gmali.com", "gmail.com"),
    ("gmial.com", "gmail.com"),
    ("gmil.com", "gmail.com"),
    ("gmsil.com", "gmail.com"),
    ("gnail.com", "gmail.com"),
    ("googlemail.co", "googlemail.com"),
    ("homail.com", "hotmail.com"),
    ("hormail.com", "hotmail.com"),
    ("hotamil.com", "hotmail.com"),
    ("hotmai.com", "hotmail.com"),
    ("hotmail.cm", "hotmail.com"),
    ("hotmail.co", "hotmail.com"),
    ("hotmaill.com", "hotmail.com"),
    ("hotmal.com", "hotmail.com"),
    ("hotmial.com", "hotmail.com"),
    ("hotmil.com", "hotmail.com"),
    ("iclod.com", "icloud.com"),
    ("icloud.co", "icloud.com"),
    ("iclud.com", "icloud.com"),
    ("icoud.com", "icloud.com"),
    ("icould.com", "icloud.com"),
    ("live.co", "live.com"),
    ("otlook.com", "outlook.com"),
    ("oulook.com", "outlook.com"),
    ("outllok.com", "outlook.com"),
    ("outlok.com", "outlook.com"),
    ("outloo.com", "outlook.com"),
    ("outlook.cm", "outlook.com"),
    ("outlook.co", "outlook.com"),
    ("outook.com", "outlook.com"),
    ("protonmail.co", "protonmail.com"),
    ("yahho.com", "yahoo.com"),
    ("yaho.com", "yahoo.com"),
    ("yahoo.cm", "yahoo.com"),
    ("yahoo.co", "yahoo.com"),
    ("yahooo.com", "yahoo.com"),
    ("yaoo.com", "yahoo.com"),
    ("yhaoo.com", "yahoo.com"),
    ("yhoo.com", "yahoo.com"),
];

/// Ends of domains that are no top-level domain, each with the one that is.
const ENDS: [(&str, &str); 9] = [
    ("cim", "com"),
    ("cmo", "com"),
    ("comm", "com"),
    ("con", "com"),
    ("nett", "net"),
    ("ocm", "com"),
    ("ogr", "org"),
    ("vom", "com"),
    ("xom", "com"),
];

/// Local parts of roles: a desk reads them, a program or nobody (those that mailing services refuse), sorted.
const ROLES: &[&str] = &[
    "abuse",
    "admin",
    "billing",
    "compliance",
    "devnull",
    "do-not-reply",
    "donotreply",
    "hostmaster",
    "info",
    "mailer-daemon",
    "marketing",
    "no-reply",
    "no.reply",
    "noc",
    "noreply",
    "office",
    "postmaster",
    "privacy",
    "root",
    "sales",
    "security",
    "spam",
    "support",
    "sysadmin",
    "unsubscribe",
    "usenet",
    "webmaster",
];

/// Services whose mailboxes are thrown away, and a domain that people type to get on, sorted.
const THROWN_AWAY: &[&str] = &[
    "10minutemail.com",
    "discard.email",
    "dispostable.com",
    "emailondeck.com",
    "fakeinbox.com",
    "getnada.com",
    "grr.la",
    "guerrillamail.com",
    "maildrop.cc",
    "mailinator.com",
    "mailnesia.com",
    "mintemail.com",
    "moakt.com",
    "mohmal.com",
    "sharklasers.com",
    "spam4.me",
    "temp-mail.org",
    "tempmail.com",
    "tempr.email",
    "test.com",
    "throwawaymail.com",
    "trash-mail.com",
    "trashmail.com",
    "yopmail.com",
];

/// What is odd about an address that is well formed.
pub(super) fn odd(address: &Address) -> Option<Finding> {
    let domain = address.domain();
    if let Ok(at) = SLIPS.binary_search_by_key(&domain, |(wrong, _)| wrong) {
        return SLIPS.get(at).map(|(wrong, right)| Finding::Slip { wrong, right });
    }
    let (_, end) = domain.rsplit_once('.')?;
    if let Some((wrong, right)) = ENDS.into_iter().find(|(wrong, _)| *wrong == end) {
        return Some(Finding::SlipOfEnd { wrong, right });
    }
    if THROWN_AWAY.binary_search(&domain).is_ok() {
        return Some(Finding::ThrownAway);
    }
    let local = address.local();
    // Roles are short words, and most locals are told apart by that alone.
    let is_role = local.len() <= 13 && ROLES.binary_search(&local.to_ascii_lowercase().as_str()).is_ok();
    is_role.then_some(Finding::RoleAccount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_roles_and_mailboxes_that_are_thrown_away_are_known() {
        let check = |text: &str, expected: Option<Finding>| {
            assert_eq!(odd(&Address::parse(text).unwrap()), expected, "{text}");
        };
        check("ada@gmial.com", Some(Finding::Slip { wrong: "gmial.com", right: "gmail.com" }));
        check("bo@GMAIL.con", Some(Finding::SlipOfEnd { wrong: "con", right: "com" }));
        check("dd@yahoo.co", Some(Finding::Slip { wrong: "yahoo.co", right: "yahoo.com" }));
        check("NoReply@shop.example", Some(Finding::RoleAccount));
        check("ee@mailinator.com", Some(Finding::ThrownAway));
        check("ada@gmail.com", None);
        check("ada@yahoo.co.uk", None);
        check("informatik@shop.example", None);
    }

    #[test]
    fn the_tables_can_be_searched() {
        assert!(SLIPS.is_sorted() && ROLES.is_sorted() && THROWN_AWAY.is_sorted());
        assert!(SLIPS.iter().all(|(wrong, right)| wrong != right));
    }
}
