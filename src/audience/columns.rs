//! The header: what each column is called, by whatever name people gave it, and whether all that is needed is there.

use csv::StringRecord;

use super::{Address, text};
use crate::{
    campaign::{AudienceSpec, ColumnType, WithoutUser},
    problem::{Place, Problem, nearest},
};

/// The column that `problems` adds: a corrected list that still has it can be read again as it is.
pub(super) const PROBLEM_COLUMN: &str = "problem";

/// Other names of the columns that linkpost itself knows, after normalising. Only names that cannot mean anything else.
const ALIASES: [(&str, &[&str]); 5] = [
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
    ),
    ("user_id", &["userid", "clerk_id", "clerk_user_id"]),
    ("name", &["full_name", "fullname", "display_name"]),
    ("first_name", &["firstname", "given_name"]),
    ("last_name", &["lastname", "surname", "family_name"]),
];

/// How many columns a message names.
const LISTED: usize = 20;

/// A column of the list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    /// The name as the header spells it.
    pub(super) title: String,
    /// The name for templates and settings.
    pub(super) name: String,
    pub(super) kind: ColumnType,
    pub(super) multiline: bool,
    pub(super) required: bool,
}

/// The columns of a list, in order, and which of them linkpost itself uses.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns {
    pub(super) list: Vec<Column>,
    pub(super) email: usize,
    pub(super) user_id: usize,
    /// Whether an empty user id is none, and no problem.
    pub(super) without_user_id: bool,
    pub(super) key: Option<usize>,
    pub(super) name: Option<usize>,
    pub(super) first_name: Option<usize>,
    pub(super) last_name: Option<usize>,
    /// How many columns without a name stand behind the others, as spreadsheets leave them; their cells are empty.
    pub(super) unnamed: usize,
    /// Whether the last column is [`PROBLEM_COLUMN`], to be left out.
    pub(super) has_problems: bool,
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
        let parts = character.is_whitespace() || (character.is_ascii() && !character.is_ascii_alphanumeric());
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

/// Whether a header cell names the column of the address, by a name that is built in.
pub(super) fn names_an_address(title: &str) -> bool {
    let name = normalised(title);
    name == "email" || built_in(&name) == Some("email")
}

fn built_in(name: &str) -> Option<&'static str> {
    ALIASES.iter().find(|(_, aliases)| aliases.contains(&name)).map(|(name, _)| *name)
}

/// The name that a normalised header name stands for.
fn resolved(name: String, spec: &AudienceSpec) -> String {
    let told = spec.aliases.iter().find(|(_, aliases)| aliases.iter().any(|alias| normalised(alias) == name));
    if let Some((column, _)) = told {
        return normalised(column);
    }
    // A name that the campaign file uses is kept, even if it also is another name of something.
    let used = spec.required.iter().chain(&spec.multiline_columns).chain(spec.types.keys());
    let used = used.chain(spec.key_column.as_ref()).chain([&spec.user_id_column]);
    match built_in(&name) {
        Some(column) if !used.into_iter().any(|used| normalised(used) == name) => column.to_owned(),
        _ => name,
    }
}

impl Columns {
    /// Reads the header of a list; all that is wrong with it is told at once.
    pub(super) fn resolve(
        header: &StringRecord,
        spec: &AudienceSpec,
        place: &Place,
    ) -> Result<Self, Vec<Problem>> {
        let mut titles: Vec<String> = header.iter().map(|title| text::trimmed(title).to_owned()).collect();
        if let Some(title) = titles.iter().find(|title| Address::parse(title).is_ok()) {
            let message = format!(
                "the first line holds {} where the names of the columns are expected",
                text::shown(title)
            );
            return Err(vec![
                Problem::new(place.clone(), message).hint("add a header line such as `email,user_id,name`"),
            ]);
        }
        let has_problems =
            titles.len() > 1 && titles.last().is_some_and(|title| normalised(title) == PROBLEM_COLUMN);
        titles.truncate(titles.len() - usize::from(has_problems));
        let named = titles.iter().rposition(|title| !title.is_empty()).map_or(0, |last| last + 1);
        let unnamed = titles.len() - named;
        titles.truncate(named);

        let mut problems = bad_titles(&titles, place);
        let list: Vec<Column> = titles.into_iter().map(|title| column(title, spec)).collect();
        problems.extend(duplicates(&list, place));

        let find = |wanted: &str| list.iter().position(|column| column.name == wanted);
        let needed = |wanted: &str, problems: &mut Vec<Problem>| {
            let found = find(wanted);
            if found.is_none() {
                problems.push(missing(wanted, &list, spec, place));
            }
            found
        };
        let email = needed("email", &mut problems);
        let user_id = match normalised(&spec.user_id_column) {
            same if same == "email" => email,
            // Nobody has a user id, and that is all right.
            absent if spec.without_user_id != WithoutUser::Refuse && find(&absent).is_none() => email,
            wanted => needed(&wanted, &mut problems),
        };
        let key = spec.key_column.as_deref().and_then(|wanted| needed(&normalised(wanted), &mut problems));
        let mut named: Vec<String> = spec
            .required
            .iter()
            .chain(spec.types.keys())
            .chain(&spec.multiline_columns)
            .map(|name| normalised(name))
            .filter(|name| {
                name != "email" && !is(name, &spec.user_id_column) && !is_some(name, spec.key_column.as_ref())
            })
            .collect();
        named.sort();
        named.dedup();
        for wanted in &named {
            needed(wanted, &mut problems);
        }
        let (name, first_name, last_name) = (find("name"), find("first_name"), find("last_name"));
        match (email, user_id) {
            (Some(email), Some(user_id)) if problems.is_empty() => {
                let without_user_id = spec.without_user_id != WithoutUser::Refuse;
                Ok(Self {
                    list,
                    email,
                    user_id,
                    without_user_id,
                    key,
                    name,
                    first_name,
                    last_name,
                    unnamed,
                    has_problems,
                })
            }
            _ => Err(problems),
        }
    }
}

fn is(name: &str, other: &str) -> bool {
    normalised(other) == name
}

fn is_some(name: &str, other: Option<&String>) -> bool {
    other.is_some_and(|other| is(name, other))
}

fn column(title: String, spec: &AudienceSpec) -> Column {
    let name = resolved(normalised(&title), spec);
    let kind =
        spec.types.iter().find(|(column, _)| is(&name, column)).map_or(ColumnType::Text, |(_, kind)| *kind);
    // Whom a link signs in and where it goes is text, whatever else it looks like.
    let kind = if name == "email" || is(&name, &spec.user_id_column) { ColumnType::Text } else { kind };
    Column {
        multiline: spec.multiline_columns.iter().any(|column| is(&name, column)),
        required: spec.required.iter().any(|column| is(&name, column))
            || is_some(&name, spec.key_column.as_ref()),
        kind,
        name,
        title,
    }
}

fn bad_titles(titles: &[String], place: &Place) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, title) in titles.iter().enumerate() {
        if let Some(character) = text::refused_character(title, false) {
            let code = text::code_point(character);
            let message = format!("the name of column {} holds the character {code}", at + 1);
            problems.push(Problem::new(place.clone(), message));
        } else if normalised(title).is_empty() {
            let message = format!("column {} has no name", at + 1);
            problems.push(Problem::new(place.clone(), message).hint("name it or take it out"));
        }
    }
    problems
}

fn duplicates(list: &[Column], place: &Place) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, column) in list.iter().enumerate().filter(|(_, column)| !column.name.is_empty()) {
        let first = list.iter().take(at).enumerate().find(|(_, other)| other.name == column.name);
        if let Some((first_at, first)) = first {
            let message = format!(
                "columns {} {} and {} {} both mean `{}`",
                first_at + 1,
                text::shown(&first.title),
                at + 1,
                text::shown(&column.title),
                column.name
            );
            problems.push(Problem::new(place.clone(), message).hint("rename one of them or take it out"));
        }
    }
    problems
}

fn missing(wanted: &str, list: &[Column], spec: &AudienceSpec, place: &Place) -> Problem {
    let mut found: Vec<String> = list.iter().take(LISTED).map(|column| text::shown(&column.title)).collect();
    if list.len() > LISTED {
        found.push(format!("and {} more", list.len() - LISTED));
    }
    let found = if found.is_empty() { "nothing".to_owned() } else { found.join(", ") };
    let problem = Problem::new(place.clone(), format!("no column `{wanted}`: the header has {found}"));
    let is_user_id = is(wanted, &spec.user_id_column);
    let near = nearest(wanted, list.iter().map(|column| column.name.as_str()));
    if list.len() <= 1 {
        problem.hint("this is one column only: set `delimiter` under `[audience]` to what parts the columns")
    } else if is_user_id {
        let other =
            list.iter().find(|column| column.name == "id").map(|column| column.name.as_str()).or(near);
        let other = other.unwrap_or("COLUMN");
        problem
            .hint(format!("say which column holds the user ids: `user_id = \"{other}\"` under `[audience]`"))
    } else if let Some(near) = near {
        problem.hint(format!("is `{near}` meant?"))
    } else {
        problem.hint(format!(
            "add the column, or name the one that is meant: `aliases.{wanted} = [\"…\"]` under `[audience]`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn spec() -> AudienceSpec {
        AudienceSpec {
            encoding: None,
            delimiter: None,
            multiline_columns: Vec::new(),
            aliases: BTreeMap::new(),
            types: BTreeMap::new(),
            required: Vec::new(),
            user_id_column: "user_id".to_owned(),
            without_user_id: WithoutUser::Refuse,
            key_column: None,
        }
    }

    fn names(header: &[&str], spec: &AudienceSpec) -> Result<Vec<String>, Vec<String>> {
        let place = Place::line("people.csv", 1);
        Columns::resolve(&StringRecord::from(header), spec, &place)
            .map(|columns| columns.list.into_iter().map(|column| column.name).collect())
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

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
        check("Price (EUR)", "price_eur");
        check("cart.id", "cart_id");
        check("Größe", "größe");
        check("Gro\u{308}ße", "größe");
        check("address2Line", "address2_line");
        check("--", "");
    }

    #[test]
    fn columns_are_known_by_the_names_that_people_give_them() {
        let check = |header: &[&str], expected: &[&str]| {
            assert_eq!(names(header, &spec()), Ok(expected.iter().map(ToString::to_string).collect()));
        };
        check(&["E-Mail", "userId", "Full name"], &["email", "user_id", "name"]);
        check(&["Email Address", "USER ID", "First Name"], &["email", "user_id", "first_name"]);
        check(&["mail", "user-id", "firstname", "vorname"], &["email", "user_id", "first_name", "vorname"]);
        check(&["email", "user_id", "", ""], &["email", "user_id"]);
        check(&["email", "user_id", "Problem"], &["email", "user_id"]);
        check(&["email", "user_id", "", "problem"], &["email", "user_id"]);
    }

    #[test]
    fn the_campaign_file_can_name_columns() {
        let mut spec = spec();
        spec.aliases.insert("email".to_owned(), vec!["Kontakt".to_owned()]);
        spec.user_id_column = "clerk_id".to_owned();
        assert_eq!(
            names(&["Kontakt", "Clerk ID"], &spec),
            Ok(vec!["email".to_owned(), "clerk_id".to_owned()])
        );
        spec.user_id_column = "email".to_owned();
        assert_eq!(names(&["kontakt"], &spec), Ok(vec!["email".to_owned()]));
    }

    #[test]
    fn all_that_is_wrong_with_a_header_is_told_at_once() {
        let mut spec = spec();
        spec.key_column = Some("cart_id".to_owned());
        spec.required = vec!["cart_id".to_owned(), "items".to_owned()];
        spec.types.insert("items".to_owned(), ColumnType::Json);
        spec.multiline_columns = vec!["note".to_owned()];
        let found = names(&["Mail", "E-Mail", "id", "cartid", "", "x"], &spec).unwrap_err();
        assert_eq!(
            found,
            [
                "people.csv:1: column 5 has no name\n  hint: name it or take it out",
                "people.csv:1: columns 1 `Mail` and 2 `E-Mail` both mean `email`\n  hint: rename one of them or take it out",
                "people.csv:1: no column `user_id`: the header has `Mail`, `E-Mail`, `id`, `cartid`, ``, `x`\n  hint: say which column holds the user ids: `user_id = \"id\"` under `[audience]`",
                "people.csv:1: no column `cart_id`: the header has `Mail`, `E-Mail`, `id`, `cartid`, ``, `x`\n  hint: is `cartid` meant?",
                "people.csv:1: no column `items`: the header has `Mail`, `E-Mail`, `id`, `cartid`, ``, `x`\n  hint: add the column, or name the one that is meant: `aliases.items = [\"…\"]` under `[audience]`",
                "people.csv:1: no column `note`: the header has `Mail`, `E-Mail`, `id`, `cartid`, ``, `x`\n  hint: add the column, or name the one that is meant: `aliases.note = [\"…\"]` under `[audience]`",
            ]
        );
    }

    #[test]
    fn a_list_without_a_header_is_told_without_telling_the_address() {
        let found = names(&["ada@example.com", "u1"], &spec()).unwrap_err();
        assert_eq!(
            found,
            [
                "people.csv:1: the first line holds `a***@example.com` where the names of the columns are expected\n  hint: add a header line such as `email,user_id,name`"
            ]
        );
    }
}
