//! Arguments that a filter does not know: it would go on without them.

use super::markup::Finding;
use crate::email::words::{WordKind, words};

/// Our filters with all their arguments.
const FILTERS: [(&str, &[&str]); 4] =
    [("date", &["format"]), ("money", &["currency"]), ("plural", &["one", "many"]), ("urlencode", &[])];

/// Every argument that its filter does not know.
pub(super) fn unknown(source: &str) -> Vec<Finding> {
    let words = words(source);
    let mut found = Vec::new();
    for (at, pair) in words.windows(3).enumerate() {
        let [pipe, name, open] = pair else { continue };
        let filter = FILTERS.iter().find(|(filter, _)| name.is_name(filter));
        let Some((filter, known)) = filter.filter(|_| pipe.is_sign("|") && open.is_sign("(")) else {
            continue;
        };
        let mut depth = 0_usize;
        for pair in words.get(at + 2..).unwrap_or_default().windows(2) {
            let [word, after] = pair else { continue };
            match word.text {
                "(" if word.kind == WordKind::Sign => depth += 1,
                ")" if word.kind == WordKind::Sign => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 || word.kind == WordKind::Close {
                break;
            }
            let is_argument = depth == 1 && word.kind == WordKind::Name && after.is_sign("=");
            if is_argument && !known.contains(&word.text) {
                let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                let hint = if names.is_empty() {
                    "take it out: this filter has none".to_owned()
                } else {
                    format!("take it out: this filter has {}", names.join(" and "))
                };
                let message = format!("`{filter}` knows no `{}` and goes on without it", word.text);
                found.push(Finding { offset: word.offset, message, hint });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::unknown;

    #[test]
    fn an_argument_that_a_filter_does_not_know_is_found() {
        for source in [
            "{{ day | date(format=\"%d. %B\", locale=\"de\") }}",
            "{{ price | money(locale=\"de\", currency=\"EUR\") }}",
            "{{ code | urlencode(strict=true) }}",
        ] {
            assert_eq!(unknown(source).len(), 1, "{source}");
        }
        for source in [
            "{{ day | date(format=\"%d. %B\") }}{{ link(locale=\"de\") }}",
            "{{ n | plural(one=\"item\", many=\"items\") }}",
            "date(locale=1)",
        ] {
            assert_eq!(unknown(source), [], "{source}");
        }
    }
}
