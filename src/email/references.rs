//! The references of a template's source: other templates, variables, content ids; and the features that are refused.

use std::collections::BTreeSet;

use super::words::{Word, WordKind, words};

/// A name in a source, with its byte offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) offset: usize,
}

/// The templates that `source` extends or includes.
pub(super) fn templates(source: &str) -> Vec<Reference> {
    let words = words(source);
    let calls = words.windows(2).filter_map(|pair| match pair {
        [call, name]
            if name.kind == WordKind::Text && (call.is_name("extends") || call.is_name("include")) =>
        {
            Some(Reference { name: name.text.to_owned(), offset: name.offset })
        }
        _ => None,
    });
    calls.collect()
}

/// Words that no template may use, with the reason: whatever switches escaping off or dumps all variables.
pub(super) fn forbidden(source: &str) -> Vec<(Reference, &'static str)> {
    let words = words(source);
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| words.get(at));
        let reason = if word.is_name("safe")
            && before.is_some_and(|before| before.is_sign("|") || before.is_name("filter"))
        {
            "would let the list write HTML: values are always escaped"
        } else if word.kind == WordKind::Name && word.text.starts_with("__") {
            "is a name for internal use"
        } else {
            continue;
        };
        found.push((Reference { name: word.text.to_owned(), offset: word.offset }, reason));
    }
    found
}

/// A place where an HTML source puts a value into an attribute without quotes: a cell with a space adds attributes.
pub(super) fn unquoted(source: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let (mut in_tag, mut quote, mut last) = (false, None, ' ');
    let mut rest = source;
    while let Some(char) = rest.chars().next() {
        let offset = source.len() - rest.len();
        let tag =
            [("{{", "}}"), ("{%", "%}"), ("{#", "#}")].into_iter().find(|(open, _)| rest.starts_with(open));
        if let Some((open, close)) = tag {
            if open == "{{" && in_tag && quote.is_none() && last == '=' {
                found.push(offset);
            }
            rest = rest.split_once(close).map_or("", |(_, after)| after);
            last = 'x';
            continue;
        }
        match (char, quote) {
            ('"' | '\'', None) if in_tag && last == '=' => quote = Some(char),
            (_, Some(open)) if char == open => quote = None,
            ('<', None) => in_tag = true,
            ('>', None) => in_tag = false,
            _ => {}
        }
        if !char.is_whitespace() {
            last = char;
        }
        rest = rest.get(char.len_utf8()..).unwrap_or_default();
    }
    found
}

/// Whether the source defines a component, which others use without naming the file.
pub(super) fn defines_component(source: &str) -> bool {
    words(source)
        .windows(2)
        .any(|pair| matches!(pair, [open, name] if open.text == "{%" && name.is_name("component")))
}

/// Names that a source gives itself: `set`, `for`, component arguments.
pub(super) fn own_names(source: &str) -> BTreeSet<String> {
    let words = words(source);
    let mut names = BTreeSet::new();
    for tag in words.split(|word| word.kind == WordKind::Close) {
        let mut inner = tag.iter().skip_while(|word| word.kind != WordKind::Open).skip(1);
        let Some(verb) = inner.next() else { continue };
        match verb.text {
            "set" | "set_global" => names.extend(inner.next().map(|word| word.text.to_owned())),
            "for" => names.extend(
                inner
                    .take_while(|word| !word.is_name("in"))
                    .filter(|word| word.kind == WordKind::Name)
                    .map(own),
            ),
            "component" => names.extend(inner.skip(1).filter(|word| word.kind == WordKind::Name).map(own)),
            _ => {}
        }
    }
    names
}

/// The place where `variable` is used without anything that would catch its absence; `None` if every use is guarded.
///
/// A test of the variable anywhere (`if x`, `x is defined`) counts as a guard for the whole source: the author knows
/// that it may be absent. Every row is rendered before the first mail leaves, so what this misses is caught there.
pub(super) fn unguarded(source: &str, variable: &str) -> Option<usize> {
    let words = words(source);
    let uses: Vec<usize> = (0..words.len()).filter(|at| is_use(&words, *at, variable)).collect();
    let tested = uses.iter().any(|at| is_tested(&words, *at));
    uses.iter()
        .filter(|at| !tested && !is_defaulted(&words, **at))
        .find_map(|at| words.get(*at))
        .map(|word| word.offset)
}

/// Whether the name stands in a tag at all, as a variable, a function or whatever else.
pub(super) fn mentions(source: &str, name: &str) -> bool {
    words(source).iter().any(|word| word.is_name(name))
}

/// The first use of `variable`.
pub(super) fn first_use(source: &str, variable: &str) -> Option<usize> {
    let words = words(source);
    let at = (0..words.len()).find(|at| is_use(&words, *at, variable))?;
    words.get(at).map(|word| word.offset)
}

/// What stands in for a variable where it is used first: the text behind `or`, or the value of `default`.
pub(super) fn stand_in<'a>(source: &'a str, variable: &str) -> Option<&'a str> {
    let words = words(source);
    let at = (0..words.len()).find(|at| is_use(&words, *at, variable))?;
    let rest = words.get(at + 1..)?;
    let text = match rest {
        [or, text, ..] if or.is_name("or") => text,
        [pipe, default, _, value, _, text, ..]
            if pipe.is_sign("|") && default.is_name("default") && value.is_name("value") =>
        {
            text
        }
        _ => return None,
    };
    (text.kind == WordKind::Text && !text.text.is_empty()).then_some(text.text)
}

/// The column whose name, written with `-`, is read as a subtraction that begins with `variable`.
pub(super) fn subtracted<'c>(source: &str, variable: &str, columns: &'c [String]) -> Option<&'c str> {
    let words = words(source);
    let mut uses = (0..words.len()).filter(|at| is_use(&words, *at, variable));
    uses.find_map(|at| {
        let rest = words.get(at + 1..)?.chunks_exact(2);
        let parts = rest.map_while(|pair| match pair {
            [minus, name] if minus.is_sign("-") && name.kind == WordKind::Name => Some(name.text),
            _ => None,
        });
        let whole = std::iter::once(variable).chain(parts).collect::<Vec<_>>().join("_");
        columns.iter().map(String::as_str).find(|column| *column == whole)
    })
}

fn own(word: &Word<'_>) -> String {
    word.text.to_owned()
}

fn neighbour<'a, 'b>(words: &'a [Word<'b>], at: usize, step: isize) -> Option<&'a Word<'b>> {
    at.checked_add_signed(step).and_then(|at| words.get(at))
}

/// Whether the word at `at` names the variable: no attribute, no argument's name, no filter, no test.
fn is_use(words: &[Word<'_>], at: usize, variable: &str) -> bool {
    let before = neighbour(words, at, -1);
    let after = neighbour(words, at, 1);
    words.get(at).is_some_and(|word| word.is_name(variable))
        && !before.is_some_and(|word| {
            word.is_sign(".")
                || word.is_sign("?.")
                || word.is_sign("|")
                || word.is_name("is")
                || word.is_name("block")
        })
        && !after.is_some_and(|word| word.is_sign("=") || word.is_sign("("))
}

fn is_tested(words: &[Word<'_>], at: usize) -> bool {
    let before = neighbour(words, at, -1);
    let after = neighbour(words, at, 1);
    let truth =
        before.is_some_and(|word| ["if", "elif", "not", "and", "or"].iter().any(|name| word.is_name(name)));
    let plain =
        after.is_some_and(|word| word.kind == WordKind::Close || word.is_name("and") || word.is_name("or"));
    let in_block = words.iter().take(at).rev().find(|word| word.kind == WordKind::Open);
    (truth && plain && in_block.is_some_and(|open| open.text == "{%"))
        || after.is_some_and(|word| word.is_name("is"))
}

fn is_defaulted(words: &[Word<'_>], at: usize) -> bool {
    let after = neighbour(words, at, 1);
    after.is_some_and(|word| word.is_name("or") || word.is_sign("?."))
        || (after.is_some_and(|word| word.is_sign("|"))
            && neighbour(words, at, 2).is_some_and(|word| word.is_name("default")))
}

#[cfg(test)]
mod tests {
    use super::{defines_component, forbidden, own_names, templates, unguarded, unquoted};

    #[test]
    fn templates_are_found_by_their_literal_names() {
        let found = templates("{% extends \"base.html\" %}{% include 'parts/a.html' %}{{ include }}");
        let names: Vec<&str> = found.iter().map(|reference| reference.name.as_str()).collect();
        assert_eq!(names, ["base.html", "parts/a.html"]);
    }

    #[test]
    fn what_switches_escaping_off_is_found() {
        for source in [
            "{{ name | safe }}",
            "{{name|safe}}",
            "{% filter safe %}x{% endfilter %}",
            "{{ __tera_context }}",
        ] {
            assert_eq!(forbidden(source).len(), 1, "{source}");
        }
        for source in ["safe", "{{ safe }}", "{{ \"| safe\" }}", "{{ a.safe }}"] {
            assert!(forbidden(source).is_empty(), "{source}");
        }
    }

    #[test]
    fn a_value_without_quotes_around_it_is_found() {
        for source in
            ["<p title={{ x }}>", "<a b='c' href= {{ x }}>", "{% if a < b %}<td width={{ w }}>{% endif %}"]
        {
            assert_eq!(unquoted(source).len(), 1, "{source}");
        }
        for source in [
            "<a href=\"https://x.example/?a={{ x }}\" title='{{ y }}'>a={{ x }}</a>",
            "<!-- don't --><p style=\"a: {{ x }}; b=\">{{ x }}</p>",
            "{% if a < b %}a={{ x }}{% endif %}",
            "<p {{ x }}>",
        ] {
            assert!(unquoted(source).is_empty(), "{source}");
        }
    }

    #[test]
    fn a_guarded_variable_may_be_absent() {
        for source in [
            "{{ plan or \"free\" }}",
            "{{ plan | default(value=\"free\") }}",
            "{{ plan?.name or 1 }}",
            "{% if plan %}{{ plan }}{% endif %}",
            "{% if a and plan %}{{ plan }}{% endif %}",
            "{% if plan is defined %}{{ plan }}{% endif %}",
            "{{ a.plan }}{{ b(plan=1) }}{{ x | plan }}",
            "no tag: plan",
        ] {
            assert_eq!(unguarded(source, "plan"), None, "{source}");
        }
        for source in ["{{ plan }}", "{{ plan | upper }}", "{% if plan == 1 %}{% endif %}", "{{ f(a=plan) }}"]
        {
            assert!(unguarded(source, "plan").is_some(), "{source}");
        }
    }

    #[test]
    fn a_template_knows_the_names_it_gives_itself() {
        let source = "{% set a = 1 %}{% for b, c in items %}{% endfor %}{% component D(e: String) %}{% endcomponent D %}";
        assert!(["a", "b", "c", "e"].iter().all(|name| own_names(source).contains(*name)));
        assert!(!own_names(source).contains("items"));
        assert!(defines_component(source));
        assert!(!defines_component("{{ component }}"));
    }
}
