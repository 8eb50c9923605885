//! One cell: its characters, and its value by the type of its column.

use jiff::civil::{Date, DateTime};
use serde_json::{Number, Value};

use super::{AddressError, text};
use crate::{campaign::ColumnType, problem::Diagnosis, schedule};

impl From<AddressError> for Diagnosis {
    fn from(error: AddressError) -> Self {
        Self { message: error.message, hint: error.hint.map(str::to_owned) }
    }
}

/// Refuses characters that no text may hold: they would end a header, hide text or turn its direction.
pub(super) fn check_characters(text: &str, line_breaks: bool) -> Result<(), Diagnosis> {
    match text::refused_character(text, line_breaks) {
        None => Ok(()),
        Some(char::REPLACEMENT_CHARACTER) => {
            Err(Diagnosis::new("holds bytes that could not be read (U+FFFD)")
                .hint("export the list again in UTF-8, or say its `encoding` under `[audience]`"))
        }
        Some(character) => {
            Err(Diagnosis::new(format!("holds the character {}", text::code_point(character)))
                .hint("take it out; control characters and direction marks are refused in every cell"))
        }
    }
}

/// The value of a cell that is trimmed, composed and not empty.
pub(super) fn value(cell: &str, kind: ColumnType, line_breaks: bool) -> Result<Value, Diagnosis> {
    match kind {
        ColumnType::Text => Ok(Value::String(cell.to_owned())),
        ColumnType::Number => number(cell).map(Value::Number),
        ColumnType::Date => date(cell).map(Value::String),
        ColumnType::Json => json(cell, line_breaks),
        ColumnType::Zone => zone(cell).map(Value::String),
    }
}

/// A decimal number, exactly: a number that a float cannot give back digit by digit is refused.
fn number(cell: &str) -> Result<Number, Diagnosis> {
    let refusal = || Diagnosis::new(format!("{} is not a decimal number such as `12.50`", text::shown(cell)));
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, fraction) =
        digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !fraction.is_none_or(is_digits) {
        let numeric =
            |character: char| character.is_ascii_digit() || " .,'\u{a0}\u{202f}".contains(character);
        return Err(if digits.contains(',') && digits.chars().all(numeric) {
            refusal().hint("write a point before the decimals and nothing between thousands: `1234.50`")
        } else {
            refusal()
        });
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Err(refusal().hint("a code with leading zeros is text: take the column out of `types`"));
    }
    let exact = match fraction {
        None => cell
            .parse::<i64>()
            .map(Number::from)
            .ok()
            .or_else(|| cell.parse::<u64>().map(Number::from).ok())
            .filter(|number| number.to_string() == cell || cell == "-0"),
        Some(fraction) => cell
            .parse::<f64>()
            .ok()
            .filter(|float| {
                let places = fraction.len();
                // Fifteen digits survive a float; more may not come back as they were written.
                whole.trim_start_matches('0').len() + places <= 15 && format!("{float:.places$}") == cell
            })
            .and_then(Number::from_f64),
    };
    exact.ok_or_else(|| {
        Diagnosis::new(format!("{} has more digits than a number can keep", text::shown(cell)))
            .hint("take the column out of `types`: as text it stays as it is")
    })
}

/// The name as the database spells it.
fn zone(cell: &str) -> Result<String, Diagnosis> {
    let name = schedule::zone(cell).ok().and_then(|zone| zone.iana_name().map(str::to_owned));
    name.ok_or_else(|| {
        Diagnosis::new(format!("{} is no time zone", text::shown(cell)))
            .hint("expected a name of the tz database such as `Europe/Berlin` or `America/New_York`")
    })
}

/// A date or a date and time, in one form: `2026-11-22`, `2026-11-22T09:30:00`.
fn date(cell: &str) -> Result<String, Diagnosis> {
    let refusal = || {
        Diagnosis::new(format!(
            "{} is not a date such as `2026-11-22` or `2026-11-22T09:30`",
            text::shown(cell)
        ))
    };
    // jiff also takes offsets, week dates and other forms of ISO 8601, and drops what does not fit.
    let shape: String =
        cell.chars().map(|character| if character.is_ascii_digit() { '0' } else { character }).collect();
    match shape.as_str() {
        "0000-00-00" => cell.parse::<Date>().map(|date| date.to_string()).map_err(|_| refusal()),
        "0000-00-00T00:00" | "0000-00-00 00:00" | "0000-00-00T00:00:00" | "0000-00-00 00:00:00" => {
            // Leap seconds: jiff would clamp 60 to 59.
            if cell.ends_with(":60") && shape.len() == 19 {
                return Err(refusal());
            }
            cell.parse::<DateTime>().map(|time| time.to_string()).map_err(|_| refusal())
        }
        _ if shape.starts_with("0000-00-00") => {
            Err(refusal().hint("write the local time, without a zone or parts of a second"))
        }
        _ => Err(refusal().hint("write year, month and day in this order")),
    }
}

fn json(cell: &str, line_breaks: bool) -> Result<Value, Diagnosis> {
    let value: Value = serde_json::from_str(cell).map_err(|error| {
        // The parser's words without its position, which counts lines of the cell.
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        Diagnosis::new(format!("{} is not JSON: {reason} at character {}", text::shown(cell), error.column()))
            .hint("in CSV, a cell of JSON stands in quotes and each quote in it is doubled: `\"{\"\"sku\"\":1}\"`")
    })?;
    check_json(&value, line_breaks)?;
    Ok(value)
}

/// A JSON string can spell out with escapes what the cell itself may not hold.
fn check_json(value: &Value, line_breaks: bool) -> Result<(), Diagnosis> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(text) => check_characters(text, line_breaks),
        Value::Array(values) => values.iter().try_for_each(|value| check_json(value, line_breaks)),
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            check_characters(name, line_breaks)?;
            check_json(value, line_breaks)
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(cell: &str, kind: ColumnType, expected: &Result<Value, &str>) {
        let found = value(cell, kind, false);
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert!(found.message.contains(expected), "{found:?}"),
            _ => panic!("{cell:?}: {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn a_number_keeps_every_digit_or_is_refused() {
        let check = |cell: &str, expected| check(cell, ColumnType::Number, &expected);
        check("12", Ok(json!(12)));
        check("-3", Ok(json!(-3)));
        check("0", Ok(json!(0)));
        check("12.50", Ok(json!(12.5)));
        check("0.1", Ok(json!(0.1)));
        check("18446744073709551615", Ok(json!(u64::MAX)));
        check("18446744073709551616", Err("more digits"));
        check("0.12345678901234567", Err("more digits"));
        check("1,5", Err("`1,5` is not a decimal number"));
        check("1 000", Err("not a decimal number"));
        check("007", Err("not a decimal number"));
        check("1e5", Err("not a decimal number"));
        check("NaN", Err("not a decimal number"));
        check("+5", Err("not a decimal number"));
        check(".5", Err("not a decimal number"));
        check("5.", Err("not a decimal number"));
        check("1.2.3", Err("not a decimal number"));
        check("١٢", Err("not a decimal number"));
    }

    #[test]
    fn a_decimal_comma_gets_a_hint() {
        let hint = |cell| value(cell, ColumnType::Number, false).unwrap_err().hint;
        assert!(hint("1,5").is_some_and(|hint| hint.contains("a point before the decimals")));
        assert!(hint("1.234,50").is_some());
        assert!(hint("a,b").is_none());
    }

    #[test]
    fn a_zone_is_one_that_knows_changes_of_the_clocks() {
        let check = |cell: &str, expected| check(cell, ColumnType::Zone, &expected);
        check("Europe/Berlin", Ok(json!("Europe/Berlin")));
        check("america/new_york", Ok(json!("America/New_York")));
        check("UTC", Ok(json!("UTC")));
        check("Europe/Atlantis", Err("`Europe/Atlantis` is no time zone"));
        check("CEST", Err("no time zone"));
        check("+01:00", Err("no time zone"));
        check("Berlin", Err("no time zone"));
    }

    #[test]
    fn a_date_is_checked_against_the_calendar() {
        let check = |cell: &str, expected| check(cell, ColumnType::Date, &expected);
        check("2026-11-22", Ok(json!("2026-11-22")));
        check("2028-02-29", Ok(json!("2028-02-29")));
        check("2026-11-22T09:30", Ok(json!("2026-11-22T09:30:00")));
        check("2026-11-22 09:30:15", Ok(json!("2026-11-22T09:30:15")));
        check("2026-02-29", Err("not a date"));
        check("2026-11-22T24:30", Err("not a date"));
        check("2026-11-22T23:59:60", Err("not a date"));
        check("22.11.2026", Err("not a date"));
        check("11/22/2026", Err("not a date"));
        check("2026-11-22T09:30Z", Err("not a date"));
        check("2026-11-22T09:30+02:00", Err("not a date"));
        check("20261122", Err("not a date"));
    }

    #[test]
    fn json_is_a_value_whose_texts_obey_the_rules_of_cells() {
        let check = |cell: &str, expected| check(cell, ColumnType::Json, &expected);
        check(r#"[{"sku":"a","price":12}]"#, Ok(json!([{"sku": "a", "price": 12}])));
        check("null", Ok(Value::Null));
        check("{sku:1}", Err("is not JSON: key must be a string at character 2"));
        check("[1,2", Err("is not JSON"));
        check(r#"{"a":["x\r\nBcc: y"]}"#, Err("U+000D"));
        check(r#"{"a\u0000":1}"#, Err("U+0000"));
        check(r#""\u202e""#, Err("U+202E"));
        check(&"[".repeat(1000), Err("recursion limit"));
    }
}
