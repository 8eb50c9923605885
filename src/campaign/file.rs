//! The wire shape of a campaign file, and how it becomes a [`Campaign`].

use std::{collections::BTreeMap, path::Path};

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde_json::Value;

use super::{Attachment, AudienceSpec, Campaign, CampaignId, ColumnType, Kind, Question, WithoutUser};
use crate::{
    problem::Problem,
    toml_file::{Table, TomlFile},
};

/// The longest that a sign-in token may live (bar T8; also the default of Clerk's tokens).
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The shortest life that leaves time to open a mail.
const SHORTEST_LIFE: SignedDuration = SignedDuration::from_mins(1);

/// Reads a span such as `14 days`, `36 hours` or `1 week 2 days`; a day has 24 hours.
pub fn duration(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("found `{text}`, expected a duration such as `14 days` or `36 hours`");
    let span: Span = text.parse().map_err(|_| wrong())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    if duration.is_positive() { Ok(duration) } else { Err(wrong()) }
}

impl Campaign {
    /// Reads and checks a campaign file; all its problems at once.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        let file = TomlFile::read(path, "campaign file").map_err(|problem| {
            vec![match problem.hint {
                None => problem.hint("a campaign file is text; see `campaigns/` for samples"),
                Some(_) => problem,
            }]
        })?;
        let campaign = read(&file, path)?;
        let problems = file.into_problems();
        campaign.filter(|_| problems.is_empty()).ok_or(problems)
    }
}

/// `None` only where a problem was told.
fn read(file: &TomlFile, path: &Path) -> Result<Option<Campaign>, Vec<Problem>> {
    let mut root = file.root()?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let id = root.require("name", "spring-sale", CampaignId::parse);
    let title = root.string("title").unwrap_or(stem);
    let kinds = Kind::ALL.map(|kind| (kind.name(), kind));
    if !root.has("kind") {
        root.missing("kind", "add `kind = \"waitlist\"`, or promo, abandoned-cart, survey");
    }
    let kind = root.choice("kind", &kinds);
    let rules = kind.unwrap_or(Kind::Waitlist).rules();
    let occasion = root.parse("occasion", occasion).unwrap_or_else(|| "once".to_owned());
    let template =
        root.require("template", "../templates/waitlist", |text| Ok::<_, String>(file.resolve(text)));
    let token_life = root.parse("token_life", token_life).unwrap_or(rules.token_life);
    let not_after = root.parse("not_after", duration).unwrap_or(rules.not_after);
    let audience = root.require_table("audience").and_then(|table| audience(file, table, kind));
    let variables = root.table("variables").map(Table::values).unwrap_or_default();
    let link_parameters = root.table("link").map(|table| table.entries(parameter)).unwrap_or_default();
    let attachments =
        root.tables("attachments").into_iter().filter_map(|table| attachment(file, table)).collect();
    let questions: Vec<_> = root.tables("questions").into_iter().filter_map(question).collect();
    if kind == Some(Kind::Survey) && questions.is_empty() {
        root.missing("questions", "add `[[questions]]` with `id`, `text` and `answers`");
    }
    root.finish();
    let (Some(id), Some(kind), Some(template), Some(audience)) = (id, kind, template, audience) else {
        return Ok(None);
    };
    Ok(Some(Campaign {
        file: path.to_owned(),
        id,
        title,
        kind,
        occasion,
        audience,
        template,
        variables,
        token_life,
        link_parameters,
        not_after,
        attachments,
        questions,
    }))
}

fn audience(file: &TomlFile, mut table: Table<'_>, kind: Option<Kind>) -> Option<AudienceSpec> {
    let rules = kind.unwrap_or(Kind::Waitlist).rules();
    let csv = table.require("csv", "lists/people.csv", |text| Ok::<_, String>(file.resolve(text)));
    let encoding = table.string("encoding");
    let delimiter = table.parse("delimiter", |text| match text {
        "," | ";" | "\t" | "|" => Ok(text.chars().next()),
        _ => Err(format!("found `{text}`, expected `,`, `;`, `|` or `\\t`")),
    });
    let user_id_column = table.string("user_id").unwrap_or_else(|| "user_id".to_owned());
    let choices =
        [("refuse", WithoutUser::Refuse), ("look-up", WithoutUser::LookUp), ("invite", WithoutUser::Invite)];
    let without_user_id = table.choice("without_user_id", &choices).unwrap_or(WithoutUser::Refuse);
    if without_user_id == WithoutUser::Invite && kind.is_some_and(|kind| kind != Kind::Waitlist) {
        table.tell(
            "`without_user_id` is `invite`, which is for people who waited to be let in",
            "use `look-up`, or make it a campaign of kind `waitlist`",
        );
    }
    let multiline_columns = table.strings("multiline_columns");
    let mut required = table.strings("required");
    required.extend(rules.required.iter().map(|name| (*name).to_owned()));
    let aliases = table.table("aliases").map(|table| table.entries(names).into_iter().collect());
    let mut types: BTreeMap<_, _> =
        rules.json.iter().map(|name| ((*name).to_owned(), ColumnType::Json)).collect();
    types.extend(table.table("types").map(|table| table.entries(column_type)).unwrap_or_default());
    table.finish();
    Some(AudienceSpec {
        csv: csv?,
        encoding,
        delimiter: delimiter.flatten(),
        multiline_columns,
        aliases: aliases.unwrap_or_default(),
        types,
        required,
        user_id_column,
        without_user_id,
        key_column: rules.key_column.map(str::to_owned),
    })
}

fn occasion(text: &str) -> Result<String, String> {
    let good = !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte));
    if good {
        Ok(text.to_owned())
    } else {
        Err(format!("found `{text}`, expected letters, digits and `-._:`, at most 64, such as `2026-11`"))
    }
}

fn token_life(text: &str) -> Result<SignedDuration, String> {
    let life = duration(text)?;
    if (SHORTEST_LIFE..=LONGEST_LIFE).contains(&life) {
        Ok(life)
    } else {
        Err(format!("found `{text}`, expected from `1 minute` to `30 days`"))
    }
}

fn parameter(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err("expected a string: the value of a query parameter".to_owned())
        }
    }
}

fn names(value: &Value) -> Result<Vec<String>, String> {
    value
        .as_array()
        .and_then(|names| names.iter().map(|name| name.as_str().map(str::to_owned)).collect())
        .ok_or_else(|| "expected a list of header names".to_owned())
}

fn column_type(value: &Value) -> Result<ColumnType, String> {
    match value.as_str() {
        Some("text") => Ok(ColumnType::Text),
        Some("number") => Ok(ColumnType::Number),
        Some("date") => Ok(ColumnType::Date),
        Some("json") => Ok(ColumnType::Json),
        _ => Err(format!("found `{value}`, expected one of `text`, `number`, `date`, `json`")),
    }
}

fn attachment(file: &TomlFile, mut table: Table<'_>) -> Option<Attachment> {
    let path = table.require("file", "terms.pdf", |text| Ok::<_, String>(file.resolve(text)));
    let media_type = table.require("media_type", "application/pdf", |text| match text.split_once('/') {
        Some((kind, subtype))
            if !kind.is_empty() && !subtype.is_empty() && !text.contains(char::is_whitespace) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!("found `{text}`, expected a media type such as `application/pdf`")),
    });
    let name = table.string("name");
    let content_id = table.parse("content_id", |text| {
        let good = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if good {
            Ok(text.to_owned())
        } else {
            Err(format!("found `{text}`, expected letters, digits and `-._`"))
        }
    });
    table.finish();
    let path = path?;
    let name = name.unwrap_or_else(|| path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    Some(Attachment { file: path, name, media_type: media_type?, content_id })
}

fn question(mut table: Table<'_>) -> Option<Question> {
    let id = table.require("id", "rating", |text| Ok::<_, String>(text.to_owned()));
    let text = table.require("text", "How do you like it?", |text| Ok::<_, String>(text.to_owned()));
    let answers: Vec<_> = table
        .tables("answers")
        .into_iter()
        .filter_map(|mut answer| {
            let id = answer.require("id", "5", |text| Ok::<_, String>(text.to_owned()));
            let text = answer.require("text", "Very much", |text| Ok::<_, String>(text.to_owned()));
            answer.finish();
            Some((id?, text?))
        })
        .collect();
    if answers.len() < 2 {
        table.missing(
            "answers",
            "a question needs at least two answers: `answers = [{ id = \"yes\", text = \"Yes\" }, …]`",
        );
    }
    table.finish();
    Some(Question { id: id?, text: text?, answers })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Campaign, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spring.toml");
        std::fs::write(&path, text).unwrap();
        Campaign::load(&path).map_err(|problems| {
            let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
            all.join("\n").replace(&format!("{}/", folder.path().display()), "")
        })
    }

    const GOOD: &str =
        "name = \"spring\"\nkind = \"promo\"\ntemplate = \"../t/spring\"\n[audience]\ncsv = \"people.csv\"\n";

    #[test]
    fn a_short_file_gets_the_defaults_of_its_kind() {
        let campaign = load(GOOD).unwrap();
        assert_eq!(campaign.token_life, SignedDuration::from_hours(7 * 24));
        assert_eq!(campaign.occasion, "once");
        assert_eq!(campaign.title, "spring");
        assert!(campaign.audience.csv.ends_with("people.csv"));
    }

    #[test]
    fn all_mistakes_are_told_at_once_with_line_and_column() {
        let text = "name = \"Spring Sale\"\nkind = \"promotion\"\ntemplat = \"x\"\ntoken_life = \"90 days\"\n[audience]\ncsv = 3\nencodng = \"utf-8\"\n";
        insta::assert_snapshot!(load(text).unwrap_err(), @r#"
        spring.toml:1:1: `template` is missing
          hint: add `template = "../templates/waitlist"`
        spring.toml:1:8: `name`: `Spring Sale` is no campaign name: lower-case letters, digits and inner `-`, at most 64
        spring.toml:2:8: `kind`: found `promotion`, expected one of `waitlist`, `promo`, `abandoned-cart`, `survey`
        spring.toml:3:1: unknown key `templat`
          hint: did you mean `template`?
        spring.toml:4:14: `token_life`: found `90 days`, expected from `1 minute` to `30 days`
        spring.toml:6:7: `audience.csv`: found `3`, expected a string in quotes
        spring.toml:7:1: unknown key `audience.encodng`
          hint: did you mean `encoding`?
        "#);
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let error = load("name = \"spring\nkind = 3\n").unwrap_err();
        assert!(error.starts_with("spring.toml:1:"), "{error}");
    }

    #[test]
    fn a_cart_campaign_needs_its_columns() {
        let campaign = load(&GOOD.replace("promo", "abandoned-cart")).unwrap();
        assert_eq!(campaign.audience.key_column.as_deref(), Some("cart_id"));
        assert_eq!(campaign.audience.types.get("items"), Some(&ColumnType::Json));
        assert_eq!(campaign.audience.required, ["cart_id", "items"]);
    }

    #[test]
    fn a_survey_without_questions_is_refused() {
        let error = load(&GOOD.replace("promo", "survey")).unwrap_err();
        assert!(error.contains("`questions` is missing"), "{error}");
    }
}
