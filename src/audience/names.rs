//! What the columns of a list are called: by the header, by the campaign file, and by the names that are built in.

use super::{
    exports::{self, Known},
    text,
};
use crate::campaign::AudienceSpec;

/// Other names of the columns that linkpost itself knows, after normalising. Only names that cannot mean anything else:
/// two of them in one list are in doubt.
const SAME: [(&str, &[&str], &[Known]); 6] = [
    (
        "email",
        &[
            "e_mail",
            "mail",
            "email_address",
            "e_mail_address",
            "mail_address",
            "primary_email",
            "primary_email_address",
        ],
        exports::EMAIL,
    ),
    ("user_id", &["userid", "clerk_id", "clerk_user_id"], &[]),
    ("name", &["full_name", "fullname", "display_name"], exports::NAME),
    ("first_name", &["firstname", "given_name"], exports::FIRST_NAME),
    ("last_name", &["lastname", "surname", "family_name"], exports::LAST_NAME),
    ("timezone", &[], exports::TIMEZONE),
];

/// What a column is called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Name {
    /// The name by the header; empty where it has none.
    pub(super) own: String,
    /// What it is to linkpost or to the campaign file, under another name.
    pub(super) role: Option<String>,
}

impl Name {
    /// The name for settings and templates; empty where no template can name the column.
    pub(super) fn main(&self) -> &str {
        self.role.as_deref().unwrap_or(&self.own)
    }
}

/// Columns that mean the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clash {
    pub(super) name: String,
    /// The column that is taken.
    pub(super) first: usize,
    pub(super) other: usize,
}

/// A name from a header or a setting in the form for templates: `E-Mail` → `e_mail`, `firstName` → `first_name`.
pub(super) fn normalised(title: &str) -> String {
    let composed = text::composed(text::trimmed(title));
    let characters: Vec<char> = composed.chars().collect();
    let mut name = String::new();
    for (at, &character) in characters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| characters.get(at)).copied().unwrap_or('_');
        let after = characters.get(at + 1).copied().unwrap_or('_');
        let word_starts = character.is_uppercase()
            && (before.is_lowercase()
                || before.is_ascii_digit()
                || (before.is_uppercase() && after.is_lowercase()));
        let parts = character.is_whitespace()
            || character.is_control()
            || (character.is_ascii() && !character.is_ascii_alphanumeric());
        if (word_starts || parts) && !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        if !parts {
            name.extend(character.to_lowercase());
        }
    }
    name.truncate(name.trim_end_matches('_').len());
    name
}

/// Whether a header cell names the column of the address.
pub(super) fn is_address(title: &str, spec: &AudienceSpec) -> bool {
    let name = normalised(title);
    let told = spec.aliases.iter().filter(|(column, _)| normalised(column) == "email");
    name == "email"
        || told.into_iter().any(|(_, aliases)| aliases.iter().any(|alias| normalised(alias) == name))
        || SAME.iter().any(|(role, same, known)| {
            *role == "email"
                && (same.contains(&name.as_str()) || known.iter().any(|(known, _)| *known == name))
        })
}

/// Names the columns of a header: as the campaign file says, then as the header says, then by what is built in.
pub(super) fn resolve(titles: &[String], spec: &AudienceSpec) -> (Vec<Name>, Vec<Clash>) {
    let mut names: Vec<Name> =
        titles.iter().map(|title| Name { own: normalised(title), role: None }).collect();
    let told = told(titles, &mut names, spec);
    let mut clashes = Vec::new();
    let mut taken = told;
    peculiar(&mut names, &mut taken);
    for (role, same, known) in SAME {
        if taken.iter().any(|name| name == role) {
            continue;
        }
        let find = |name: &str| names.iter().position(|column| column.role.is_none() && column.own == name);
        let plain = find(role);
        let mut others: Vec<usize> = same.iter().filter_map(|name| find(name)).collect();
        others.sort_unstable();
        let first = plain.or(others.first().copied());
        let first = first.or_else(|| known.iter().find_map(|(name, _)| find(name)));
        let Some(first) = first else { continue };
        let clash = |other: usize| {
            let (first, other) = (first.min(other), first.max(other));
            Clash { name: role.to_owned(), first, other }
        };
        clashes.extend(others.into_iter().filter(|&other| other != first).map(clash));
        if let Some(name) = names.get_mut(first).filter(|name| name.own != role) {
            name.role = Some(role.to_owned());
        }
    }
    clashes.extend(doubled(&mut names));
    clashes.sort_by_key(|clash| (clash.other, clash.first));
    (names, clashes)
}

/// Takes the names that the campaign file gives; of several for one column the first that is there. Returns the columns
/// that are settled.
fn told(titles: &[String], names: &mut [Name], spec: &AudienceSpec) -> Vec<String> {
    let mut settled = Vec::new();
    for (column, aliases) in &spec.aliases {
        let column = normalised(column);
        let exact = |alias: &String| titles.iter().position(|title| text::trimmed(title) == alias.trim());
        let alike = |alias: &String| {
            let alias = normalised(alias);
            names.iter().position(|name| !alias.is_empty() && name.own == alias)
        };
        let found = aliases.iter().find_map(|alias| exact(alias).or_else(|| alike(alias)));
        let Some(found) = found else { continue };
        for (at, name) in names.iter_mut().enumerate() {
            if at == found {
                name.role = Some(column.clone());
            } else if name.own == column {
                // Another one is meant by this name.
                name.own.clear();
            }
        }
        settled.push(column);
    }
    settled
}

fn peculiar(names: &mut [Name], taken: &mut Vec<String>) {
    for exports::Peculiar { signs, name, role } in exports::PECULIAR {
        let has = |own: &str| names.iter().any(|name| name.own == own);
        if !signs.iter().all(|sign| has(sign)) {
            continue;
        }
        match role {
            // The list says it itself, or the campaign file does.
            Some(role) if has(role) || taken.iter().any(|taken| taken == role) => {}
            Some(role) => {
                if let Some(name) = names.iter_mut().find(|column| column.own == *name) {
                    name.role = Some((*role).to_owned());
                    taken.push((*role).to_owned());
                }
            }
            None => {
                let other = names.iter_mut().find(|column| column.own == *name && column.role.is_none());
                if let Some(other) = other {
                    other.own = format!("order_{name}");
                }
            }
        }
    }
}

/// Of several columns with one name the first keeps it.
fn doubled(names: &mut [Name]) -> Vec<Clash> {
    let mut clashes = Vec::new();
    for at in 0..names.len() {
        let (before, rest) = names.split_at_mut(at);
        let Some(name) = rest.first_mut().filter(|name| !name.main().is_empty()) else { continue };
        if let Some(first) = before.iter().position(|other| other.main() == name.main()) {
            clashes.push(Clash { name: name.main().to_owned(), first, other: at });
            if name.role.take().is_none() {
                name.own.clear();
            }
        }
    }
    clashes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_become_names_that_templates_can_use() {
        let check = |title: &str, expected: &str| assert_eq!(normalised(title), expected, "{title}");
        check("email", "email");
        check("EMAIL", "email");
        check("E-Mail", "e_mail");
        check("eMail", "e_mail");
        check("userId", "user_id");
        check("UserID", "user_id");
        check("HTMLBody", "html_body");
        check("\u{a0} First  Name ", "first_name");
        check("Email\nAddress", "email_address");
        check("Price (EUR)", "price_eur");
        check("cart.id", "cart_id");
        check("Größe", "größe");
        check("Gro\u{308}ße", "größe");
        check("address2Line", "address2_line");
        check("--", "");
    }

    fn resolved(titles: &[&str], spec: &AudienceSpec) -> (Vec<String>, usize) {
        let titles: Vec<String> = titles.iter().map(ToString::to_string).collect();
        let (names, clashes) = resolve(&titles, spec);
        (names.iter().map(|name| name.main().to_owned()).collect(), clashes.len())
    }

    #[test]
    fn a_name_that_is_told_outweighs_the_header_and_what_is_built_in() {
        let mut spec = AudienceSpec::default();
        let check = |titles: &[&str], spec: &AudienceSpec, expected: &[&str], clashes: usize| {
            let expected = expected.iter().map(ToString::to_string).collect();
            assert_eq!(resolved(titles, spec), (expected, clashes), "{titles:?}");
        };
        check(&["Mail", "E-Mail"], &spec, &["email", "e_mail"], 1);
        check(&["E-Mail", "Email"], &spec, &["e_mail", "email"], 1);
        check(&["E-mail 2 - Value", "E-mail 1 - Value"], &spec, &["e_mail_2_value", "email"], 0);
        check(&["plan", "Plan", "plan"], &spec, &["plan", "", ""], 2);
        check(&["Vorname", "firstname"], &spec, &["vorname", "first_name"], 0);
        spec.aliases.insert("email".to_owned(), vec!["Absent".to_owned(), "E-Mail".to_owned()]);
        check(&["Mail", "E-Mail"], &spec, &["mail", "email"], 0);
        check(&["Email", "E-Mail"], &spec, &["", "email"], 0);
    }

    #[test]
    fn some_names_mean_something_else_beside_others() {
        let spec = AudienceSpec::default();
        let (names, _) = resolved(&["id", "primary_email_address", "password_digest"], &spec);
        assert_eq!(names, ["user_id", "email", "password_digest"]);
        let (names, _) = resolved(&["id", "email"], &spec);
        assert_eq!(names, ["id", "email"]);
        let header = ["Name", "Email", "Financial Status", "Lineitem name", "Billing Name"];
        let (names, _) = resolved(&header, &spec);
        assert_eq!(names, ["order_name", "email", "financial_status", "lineitem_name", "name"]);
    }
}
