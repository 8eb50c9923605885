//! The header: what each column is called, which of them anything uses, and whether all that is needed is there.
//!
//! What no mail uses decides nothing: a column that neither the templates nor the campaign file nor a key names may be
//! called anything, or nothing, and hold anything.

use std::collections::BTreeSet;

use super::{
    column::{Column, Header, Used},
    hints,
    names::{self, Clash, Name, normalised},
    text,
    values::Role,
};
use crate::{
    campaign::{AudienceSpec, ColumnType, WithoutUser},
    problem::{Place, Problem},
};

/// The column that `problems` adds: a corrected list that still has it can be read again as it is.
pub(super) const PROBLEM_COLUMN: &str = "problem";

/// The columns that the `To` header takes, whether or not a template names them.
const FOR_THE_HEADER: [&str; 3] = ["name", "first_name", "last_name"];

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
    /// Whether the last column is [`PROBLEM_COLUMN`], to be left out.
    pub(super) has_problems: bool,
}

impl Columns {
    /// Reads the header of a list; all that is wrong with it is told at once.
    pub(super) fn resolve(
        header: &Header<'_>,
        spec: &AudienceSpec,
        used: &Used,
    ) -> Result<Self, Vec<Problem>> {
        let place = &header.place;
        let mut titles: Vec<String> =
            header.cells.iter().map(|title| text::trimmed(title).to_owned()).collect();
        if let Some(problem) = hints::no_header(&titles, place) {
            return Err(vec![problem]);
        }
        let has_problems =
            titles.len() > 1 && titles.last().is_some_and(|title| normalised(title) == PROBLEM_COLUMN);
        titles.truncate(titles.len() - usize::from(has_problems));

        let (names, clashes) = names::resolve(&titles, spec);
        let mut list: Vec<Column> =
            titles.into_iter().zip(&names).map(|(title, name)| column(title, name, spec, used)).collect();
        let mut problems = bad_titles(&list, place);
        let find = |wanted: &str| names.iter().position(|name| is_called(name, wanted));
        let mut told: BTreeSet<String> = BTreeSet::new();
        let mut needed = |wanted: &str, problems: &mut Vec<Problem>| {
            let found = find(wanted);
            if found.is_none() && told.insert(wanted.to_owned()) {
                problems.push(hints::missing(wanted, &list, spec, header));
            }
            found
        };
        let email = needed("email", &mut problems);
        let user_id_name = normalised(&spec.user_id_column);
        let user_id = if user_id_name == "email" {
            email
        } else if spec.without_user_id != WithoutUser::Refuse && find(&user_id_name).is_none() {
            // Nobody has a user id, and that is all right.
            email
        } else {
            needed(&user_id_name, &mut problems)
        };
        let key = spec.key_column.as_deref().and_then(|wanted| needed(&normalised(wanted), &mut problems));
        for wanted in named(spec) {
            needed(&wanted, &mut problems);
        }
        let (name, first_name, last_name) = (find("name"), find("first_name"), find("last_name"));
        for (at, role) in [(key, Role::Id), (user_id, Role::Id), (email, Role::Address)] {
            if let Some(column) = at.and_then(|at| list.get_mut(at)) {
                // Whom a link signs in and where it goes is text, whatever else it looks like.
                (column.used, column.role, column.kind) = (true, role, ColumnType::Text);
            }
        }
        problems.extend(doubts(&clashes, &list, spec, used, place));
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
                    has_problems,
                })
            }
            _ => Err(problems),
        }
    }

    /// Every name under which a template can ask for a column.
    pub(super) fn names(&self) -> Vec<String> {
        let main = self.list.iter().map(|column| &column.name);
        let also = self.list.iter().filter_map(|column| column.also.as_ref());
        main.chain(also).filter(|name| !name.is_empty()).cloned().collect()
    }
}

fn is_called(name: &Name, wanted: &str) -> bool {
    !wanted.is_empty() && (name.main() == wanted || name.own == wanted)
}

fn is(name: &Name, other: &str) -> bool {
    is_called(name, &normalised(other))
}

/// The columns that the campaign file names beside those of the address and the keys.
fn named(spec: &AudienceSpec) -> BTreeSet<String> {
    let all = spec.required.iter().chain(spec.types.keys()).chain(&spec.multiline_columns);
    all.map(|name| normalised(name)).collect()
}

fn column(title: String, name: &Name, spec: &AudienceSpec, used: &Used) -> Column {
    let kind =
        spec.types.iter().find(|(column, _)| is(name, column)).map_or(ColumnType::Text, |(_, kind)| *kind);
    let required = spec.required.iter().chain(&spec.key_column).any(|column| is(name, column));
    let multiline = spec.multiline_columns.iter().any(|column| is(name, column));
    let typed = spec.types.keys().any(|column| is(name, column));
    let main = name.main().to_owned();
    let for_the_header = FOR_THE_HEADER.contains(&main.as_str());
    let also = (!name.own.is_empty() && name.own != main).then(|| name.own.clone());
    let by_template = used.has(&main) || also.as_ref().is_some_and(|also| used.has(also));
    Column {
        used: by_template || required || multiline || typed || for_the_header,
        // Where any name may be asked for, the main one is enough.
        also: also.filter(|also| *used != Used::All && used.has(also)),
        role: match kind {
            ColumnType::Json => Role::Json,
            ColumnType::Number | ColumnType::Date | ColumnType::Zone => Role::Typed,
            ColumnType::Text if for_the_header => Role::Name,
            ColumnType::Text => Role::Text,
        },
        title,
        name: main,
        kind,
        multiline,
        required,
    }
}

fn bad_titles(list: &[Column], place: &Place) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, column) in list.iter().enumerate().filter(|(_, column)| column.used) {
        let refused = text::refused_character(&column.title, true).filter(|character| *character != '\r');
        if let Some(character) = refused {
            let code = text::code_point(character);
            let message = format!("the name of column {} holds the character {code}", at + 1);
            let hint = if character == char::REPLACEMENT_CHARACTER {
                "export the list again in UTF-8, or say its `encoding` under `[audience]`"
            } else {
                "take it out of the header"
            };
            problems.push(Problem::new(place.clone(), message).hint(hint));
        }
    }
    problems
}

/// Columns of one name of which nobody can tell which is meant, where that matters.
fn doubts(
    clashes: &[Clash],
    list: &[Column],
    spec: &AudienceSpec,
    used: &Used,
    place: &Place,
) -> Vec<Problem> {
    let mut needed = named(spec);
    needed.extend(["email".to_owned(), normalised(&spec.user_id_column)]);
    needed.extend(spec.key_column.as_deref().map(normalised));
    let matters = |clash: &&Clash| match used {
        Used::All => true,
        Used::Names(names) => needed.contains(&clash.name) || names.contains(&clash.name),
    };
    let problem = |clash: &Clash| {
        let title = |at: usize| list.get(at).map_or("", |column| column.title.as_str());
        let (first, other) = (title(clash.first), title(clash.other));
        let message = format!(
            "columns {} {} and {} {} both mean `{}`",
            clash.first + 1,
            text::shown(first),
            clash.other + 1,
            text::shown(other),
            clash.name
        );
        let hint = if first == other {
            hints::name_the_columns(list.iter().map(|column| column.title.as_str()), place)
        } else {
            format!(
                "say which of them it is: {} under `[audience]`",
                hints::alias(&clash.name, if normalised(first) == clash.name { other } else { first })
            )
        };
        Problem::new(place.clone(), message).hint(hint)
    };
    clashes.iter().filter(matters).map(problem).collect()
}

#[cfg(test)]
mod tests {
    use csv::StringRecord;

    use super::*;

    fn resolved(header: &[&str], spec: &AudienceSpec, used: &Used) -> Result<Columns, Vec<String>> {
        let cells = StringRecord::from(header);
        let samples = [StringRecord::from(vec!["ada@example.com"; header.len()])];
        let header = Header { cells: &cells, samples: &samples, place: Place::line("people.csv", 1) };
        Columns::resolve(&header, spec, used)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    fn names(header: &[&str], spec: &AudienceSpec) -> Result<Vec<String>, Vec<String>> {
        resolved(header, spec, &Used::All)
            .map(|columns| columns.list.into_iter().map(|column| column.name).collect())
    }

    #[test]
    fn columns_are_known_by_the_names_that_people_give_them() {
        let check = |header: &[&str], expected: &[&str]| {
            let expected = expected.iter().map(ToString::to_string).collect();
            assert_eq!(names(header, &AudienceSpec::default()), Ok(expected));
        };
        check(&["E-Mail", "userId", "Full name"], &["email", "user_id", "name"]);
        check(&["Email Address", "USER ID", "First Name"], &["email", "user_id", "first_name"]);
        check(&["mail", "user-id", "firstname", "vorname"], &["email", "user_id", "first_name", "vorname"]);
        check(&["email", "", "user_id", ""], &["email", "", "user_id", ""]);
        check(&["email", "user_id", "Problem"], &["email", "user_id"]);
        check(&["email", "user_id", "", "problem"], &["email", "user_id", ""]);
    }

    #[test]
    fn the_campaign_file_can_name_columns() {
        let mut spec = AudienceSpec::default();
        spec.aliases.insert("email".to_owned(), vec!["Kontakt".to_owned()]);
        spec.user_id_column = "clerk_id".to_owned();
        let found = resolved(&["Kontakt", "Clerk ID"], &spec, &Used::All).unwrap();
        assert_eq!((found.email, found.user_id), (0, 1));
        spec.user_id_column = "email".to_owned();
        assert_eq!(names(&["kontakt"], &spec), Ok(vec!["email".to_owned()]));
    }

    #[test]
    fn only_what_is_used_has_to_be_in_order() {
        let header = ["email", "user_id", "No\0te", "Plan", "Plan", ""];
        let used = |names: &[&str]| Used::Names(names.iter().map(ToString::to_string).collect());
        let spec = AudienceSpec::default();
        let columns = resolved(&header, &spec, &used(&[])).unwrap();
        let is_used: Vec<bool> = columns.list.iter().map(|column| column.used).collect();
        assert_eq!(is_used, [true, true, false, false, false, false]);
        let found = resolved(&header, &spec, &used(&["no_te", "plan"])).unwrap_err();
        assert_eq!(
            found,
            [
                "people.csv:1: the name of column 3 holds the character U+0000\n  hint: take it out of the header",
                "people.csv:1: columns 4 `Plan` and 5 `Plan` both mean `plan`\n  hint: rename one of them, or name all columns by hand under `[audience]`: `skip_lines = 1`, `columns = [\"email\", \"user_id\", \"No\\u0000te\", \"Plan\", \"Plan\", \"\"]` with another name for one of them",
            ]
        );
    }

    #[test]
    fn all_that_is_wrong_with_a_header_is_told_at_once() {
        let mut spec = AudienceSpec {
            key_column: Some("cart_id".to_owned()),
            required: vec!["cart_id".to_owned(), "items".to_owned()],
            multiline_columns: vec!["note".to_owned()],
            ..AudienceSpec::default()
        };
        spec.types.insert("items".to_owned(), ColumnType::Json);
        let found = names(&["Mail", "E-Mail", "id", "cartid", "", "x"], &spec).unwrap_err();
        assert_eq!(
            found,
            [
                "people.csv:1: no column `user_id`: the header has `Mail`, `E-Mail`, `id`, `cartid`, ``, `x`\n  hint: say which column holds the user ids: `user_id = \"id\"` under `[audience]`",
                "people.csv:1: no column `cart_id`: the header has `Mail`, `E-Mail`, `id`, `cartid`, ``, `x`\n  hint: if `cartid` is meant: `aliases.cart_id = [\"cartid\"]` under `[audience]`",
                "people.csv:1: no column `items`: the header has `Mail`, `E-Mail`, `id`, `cartid`, ``, `x`\n  hint: add the column, or name the one that is meant: `aliases.items = [\"…\"]` under `[audience]`",
                "people.csv:1: no column `note`: the header has `Mail`, `E-Mail`, `id`, `cartid`, ``, `x`\n  hint: add the column, or name the one that is meant: `aliases.note = [\"…\"]` under `[audience]`",
                "people.csv:1: columns 1 `Mail` and 2 `E-Mail` both mean `email`\n  hint: say which of them it is: `aliases.email = [\"Mail\"]` under `[audience]`",
            ]
        );
    }

    #[test]
    fn a_list_without_a_header_is_told_without_telling_the_address() {
        let found = names(&["ada@example.com", "u1"], &AudienceSpec::default()).unwrap_err();
        assert_eq!(
            found,
            [
                "people.csv:1: the first line holds `a***@example.com` where the names of the columns are expected\n  hint: add a header line, or name the columns under `[audience]`: `columns = [\"email\", \"user_id\"]`"
            ]
        );
    }

    #[test]
    fn the_column_whose_cells_look_like_addresses_is_named() {
        let found = names(&["Kontakt", "user_id"], &AudienceSpec::default()).unwrap_err();
        assert_eq!(
            found,
            [
                "people.csv:1: no column `email`: the header has `Kontakt`, `user_id`\n  hint: the cells of `Kontakt` look like addresses: `aliases.email = [\"Kontakt\"]` under `[audience]`"
            ]
        );
    }
}
