//! What an author meant who wrote something that is no template: the forms of other template languages, and slips.

/// What a template is made of.
const SYNTAX: &str = "write `{{ value }}`, `{% if value %}…{% endif %}` or `{# remark #}`";
/// Words of templates that are no values.
const VERBS: [&str; 14] = [
    "if", "elif", "else", "for", "in", "not", "and", "or", "is", "set", "block", "include", "extends",
    "filter",
];

/// The remedy for a syntax error at this byte of a source.
pub(super) fn remedy(source: &str, offset: usize) -> String {
    let Some(tag) = tag(source, offset) else { return SYNTAX.to_owned() };
    let inner = tag.trim_start_matches(['{', '%', '-']).trim_end_matches(['}', '%', '-']).trim();
    if tag.contains(['“', '”', '„', '‘', '’', '«', '»']) {
        return "write straight quotes, `\"`: a word processor has made them curly".to_owned();
    }
    handlebars(tag, inner)
        .or_else(|| liquid(inner))
        .or_else(|| named(inner))
        .unwrap_or_else(|| SYNTAX.to_owned())
}

/// The tag around a byte, or the last one before it on the same line.
fn tag(source: &str, offset: usize) -> Option<&str> {
    // The error may stand at the end of the tag, or on its first sign.
    let mut end = (offset + 2).min(source.len());
    while !source.is_char_boundary(end) {
        end += 1;
    }
    let before = source.get(..end)?;
    let start = before.rfind("{{").max(before.rfind("{%"))?;
    // A third brace belongs to it.
    let start = before.get(..start)?.trim_end_matches('{').len();
    let rest = source.get(start..)?;
    let close = rest.find(['}', '\n']).map_or(rest.len(), |at| at + 1);
    rest.get(..close)
}

/// `{{#if x}}`, `{{/if}}`, `{{{ x }}}`, and Go's `{{ .Name }}`.
fn handlebars(tag: &str, inner: &str) -> Option<String> {
    let first = inner.chars().next()?;
    match first {
        '#' | '/' | '^' | '>' => Some(
            "this is Handlebars; here it is `{% if value %}…{% endif %}`, `{% for item in items %}…{% endfor %}`"
                .to_owned(),
        ),
        '.' => Some(format!("this is Go's form; write `{{{{ {} }}}}`", snake(inner.trim_start_matches('.')))),
        _ if tag.starts_with("{{{") => Some(format!("write `{{{{ {inner} }}}}`: values are always escaped")),
        _ => None,
    }
}

/// Tags of Liquid and Jinja, and filters with a colon.
fn liquid(inner: &str) -> Option<String> {
    let (verb, rest) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
    let ours = match verb {
        "assign" => format!("`{{% set {rest} %}}`"),
        "capture" => format!("`{{% set {rest} %}}…{{% endset %}}`"),
        "unless" => format!("`{{% if not {rest} %}}…{{% endif %}}`"),
        "endunless" => "`{% endif %}`".to_owned(),
        "elsif" | "elseif" => format!("`{{% elif {rest} %}}`"),
        "else" if rest.starts_with("if ") => format!("`{{% elif {} %}}`", rest.trim_start_matches("if ")),
        "end" => "`{% endif %}` or `{% endfor %}`".to_owned(),
        _ => {
            let (value, filter) = inner.split_once('|')?;
            let (value, filter) = (value.trim(), filter.trim());
            let stand_in = filter.strip_prefix("default")?.trim_start_matches([':', '(', ' ']);
            let stand_in = stand_in.trim_end_matches([')', ' ']);
            if stand_in.is_empty() || stand_in.contains('=') {
                return None;
            }
            format!("`{{{{ {value} or {stand_in} }}}}`")
        }
    };
    Some(format!("write {ours}"))
}

/// Names that are none: with blanks, or with a digit in front.
fn named(inner: &str) -> Option<String> {
    let name = inner.split('|').next().unwrap_or_default().trim();
    let plain = name.chars().all(|letter| letter.is_alphanumeric() || " _-".contains(letter));
    if !plain || name.is_empty() || name.split_whitespace().any(|word| VERBS.contains(&word)) {
        return None;
    }
    if name.starts_with(|letter: char| letter.is_ascii_digit()) {
        let letters = snake(name.trim_start_matches(|letter: char| !letter.is_alphabetic()));
        return Some(format!(
            "a name begins with a letter: give the column another, `aliases.{letters} = [\"{name}\"]` under `[audience]`, and write `{{{{ {letters} }}}}`"
        ));
    }
    name.contains([' ', '-'])
        .then(|| format!("write `{{{{ {} }}}}`: that is what the column is called here", snake(name)))
}

/// A name as columns are called: `First Name` is `first_name`, `FirstName` as well.
fn snake(name: &str) -> String {
    let mut text = String::new();
    let mut before = ' ';
    for letter in name.trim().chars() {
        if letter.is_uppercase() && before.is_lowercase() {
            text.push('_');
        }
        if letter.is_alphanumeric() {
            text.extend(letter.to_lowercase());
        } else if !text.ends_with('_') {
            text.push('_');
        }
        before = letter;
    }
    text.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::remedy;

    #[test]
    fn forms_of_other_languages_are_told_in_ours() {
        for (source, expected) in [
            ("{{ First Name }}", "write `{{ first_name }}`: that is what the column is called here"),
            ("{{ name or “there” }}", "write straight quotes, `\"`: a word processor has made them curly"),
            ("{{ name | default(\"there\") }}", "write `{{ name or \"there\" }}`"),
            ("{{ name | default: 'there' }}", "write `{{ name or 'there' }}`"),
            ("{% assign x = 1 %}", "write `{% set x = 1 %}`"),
            ("{% unless x %}", "write `{% if not x %}…{% endif %}`"),
            ("{% elsif x %}", "write `{% elif x %}`"),
            ("{{ .FirstName }}", "this is Go's form; write `{{ first_name }}`"),
            ("{{{ name }}}", "write `{{ name }}`: values are always escaped"),
        ] {
            assert_eq!(remedy(source, 5), expected, "{source}");
        }
        assert!(remedy("{{#if name}}", 2).starts_with("this is Handlebars"));
        assert!(remedy("{{ 1st_name }}", 3).contains("`aliases.st_name = [\"1st_name\"]`"));
        assert!(remedy("{{ }}", 3).starts_with("write `{{ value }}`"));
    }
}
