//! What mail programs, scanners, proxies and copying do to a link on its way, undone as far as it can be.
//!
//! What comes out are candidates and nothing more: the signature decides whether one is a token of ours, the ledger
//! whether one is an id. An encoding is undone, and what no token and no id can hold is taken off; no letter of theirs is
//! added, taken away or changed, but for a hyphen or underscore at an id's end, which mail programs leave out.

/// So many encodings around a link are undone: nobody writes more around each other.
const LAYERS: usize = 5;
/// So many tokens in one address are looked at.
const MOST: usize = 24;
/// How every token begins: the `{"` of its header.
const HEAD: &str = "eyJ";
/// The letters of an unsubscribe id.
const ID: usize = 22;

/// The tokens that a link may have had: `given` is the parameter's value, `None` where the address has none.
pub(super) fn tokens(given: Option<&str>, query: &str) -> Vec<String> {
    let mut found: Vec<String> = given.map(str::to_owned).into_iter().collect();
    for text in readings(given.unwrap_or(query)) {
        for (at, _) in text.match_indices(HEAD) {
            let rest = text.get(at..).unwrap_or_default();
            let token: String = rest
                .chars()
                .take_while(|letter| !matches!(letter, '&' | '#' | '?'))
                .filter(|letter| is_letter(*letter) || *letter == '.')
                .collect();
            add(&mut found, token.trim_end_matches('.').to_owned());
        }
    }
    found
}

/// The unsubscribe ids that a link may have had, the likeliest first.
pub(super) fn ids(given: Option<&str>, query: &str) -> Vec<String> {
    let mut found = Vec::new();
    let texts = match given {
        Some(given) => readings(given),
        None => readings(query).iter().flat_map(|query| values(query)).collect(),
    };
    for text in texts {
        let id: String = text.chars().filter(|letter| is_letter(*letter)).collect();
        // `u=3DID`: quoted-printable, whose `=` became the parameter's own.
        let encoded = id.strip_prefix("3D").or_else(|| id.strip_prefix("3d"));
        let encoded = encoded.filter(|rest| rest.len() == ID).map(str::to_owned);
        for id in [Some(id), encoded].into_iter().flatten() {
            match ID.saturating_sub(id.len()) {
                0 if id.len() == ID => add(&mut found, id),
                1 => ["-", "_"].iter().for_each(|end| add(&mut found, format!("{id}{end}"))),
                2 => ["--", "-_", "_-", "__"].iter().for_each(|end| add(&mut found, format!("{id}{end}"))),
                _ => {}
            }
        }
    }
    found
}

/// Whether a token or an id has lost its capital letters: both are nothing without them.
pub(super) fn is_without_capitals(text: &str) -> bool {
    let is_one = text.contains("eyj") || text.chars().filter(|letter| is_letter(*letter)).count() == ID;
    is_one && !text.chars().any(|letter| letter.is_ascii_uppercase())
}

/// A path as it was before something was put before or behind it: doubled slashes, a slash at the end, and what a
/// sentence or a bracket around the link leaves there.
pub(super) fn path(path: &str) -> String {
    let decoded = decode(path, b'%');
    let end = |letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '-' | '_' | '~');
    let parts = decoded.split('/').filter(|part| !part.is_empty());
    let path: String = parts.flat_map(|part| ["/", part]).collect();
    let path = path.trim_end_matches(end);
    if path.is_empty() { "/".to_owned() } else { path.to_owned() }
}

/// What a text says, and what it says once an encoding or several are undone.
fn readings(text: &str) -> Vec<String> {
    let mut all = vec![text.to_owned()];
    let mut at = 0;
    while let Some(text) = all.get(at).filter(|_| at < LAYERS).cloned() {
        at += 1;
        for other in [
            decode(&text, b'%'),
            // Quoted-printable: `=3D` is `=`, and `=` at the end of a line is nothing (RFC 2045 §6.7).
            decode(
                &["=\r\n", "=\n", "=\r", "= "].iter().fold(text.clone(), |text, end| text.replace(end, "")),
                b'=',
            ),
            // A mail defence that writes `%` as `-` and `/` as `_`; whoever has a `-` or `_` of their own has it encoded.
            decode(&text.replace('_', "/"), b'-'),
            text.replace("&amp;", "&"),
        ] {
            if !all.contains(&other) {
                all.push(other);
            }
        }
    }
    all
}

/// The values of the parameter `u`, wherever in the text an address has one.
fn values(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("u=") {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        if before.is_none_or(|before| matches!(before, '?' | '&' | ';')) {
            let value = text.get(at + 2..).unwrap_or_default();
            found.push(value.split(['&', '#']).next().unwrap_or_default().to_owned());
        }
    }
    found
}

/// Every `mark` with two hexadecimal digits becomes the byte that they are.
fn decode(text: &str, mark: u8) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = digit(at + 1).zip(digit(at + 2)).filter(|_| *byte == mark);
        let value = escaped.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        decoded.push(value.unwrap_or(*byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The letters of base64url.
fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')
}

fn add(found: &mut Vec<String>, candidate: String) {
    if !candidate.is_empty() && found.len() < MOST && !found.contains(&candidate) {
        found.push(candidate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl-_A";
    const GOOD: &str = "gOjr4FLVUJaFpCuqg48GW-";

    #[test]
    fn a_token_is_found_in_what_was_made_of_it() {
        let check = |given: &str| {
            let found = tokens(Some(given), "");
            assert!(found.iter().any(|token| token == TOKEN), "{given}: {found:?}");
        };
        let (start, end) = TOKEN.split_at(25);
        check(TOKEN);
        check(&format!("3D{TOKEN}"));
        for between in [
            "\r\n", "\n", " ", "\t", "=\r\n", "=\n", "\u{200b}", "\u{feff}", "\u{ad}", "%0D%0A", "%20", "=0A",
        ] {
            check(&format!("{start}{between}{end}"));
        }
        for behind in [
            ".", ",", ")", ">", "\"", "'", "=", "==", "===", "\u{200b}", "…", "%22", "%3E", "&gt;", "]", ";",
            "*", "!",
        ] {
            check(&format!("{TOKEN}{behind}"));
        }
        for before in ["<", "\"", "=", "\u{200b}", "%3D", "%253D"] {
            check(&format!("{before}{TOKEN}"));
        }
        check(&TOKEN.replace('.', "%2E"));
        check(&TOKEN.replace('.', "%252E"));
        check(&TOKEN.replace('.', "=2E"));
        check(&format!("https%3A%2F%2Fapp.example.com%2Fin%3Ftoken%3D{TOKEN}%26x%3D1"));
        check(&format!("https://app.example.com/in?token={TOKEN}&x=1"));
        check(&format!(
            "https-3A__app.example.com_in-3Ftoken-3D{}",
            TOKEN.replace('-', "-2D").replace('_', "-5F")
        ));
    }

    #[test]
    fn a_token_is_found_where_its_parameter_lost_its_name() {
        for query in [
            format!("amp;token={TOKEN}"),
            format!("x=1&amp;token={TOKEN}&amp;y=2"),
            format!("token%3D{TOKEN}"),
            format!("token%253D{TOKEN}%2526x%253D1"),
            format!("Token={TOKEN}"),
            format!("url=https%3A%2F%2Fapp.example.com%2Fin%3Ftoken%3D{TOKEN}%26x%3D1&data=05%7C01"),
            format!("q=https://app.example.com/in?token={TOKEN}&sa=D"),
        ] {
            let found = tokens(None, &query);
            assert!(found.iter().any(|token| token == TOKEN), "{query}: {found:?}");
        }
        assert!(tokens(None, "utm_source=x").is_empty());
    }

    #[test]
    fn no_letter_of_a_token_is_added_or_changed() {
        for wrong in [&format!("{TOKEN}A"), &TOKEN[1..], &TOKEN[..TOKEN.len() - 1], &TOKEN.to_lowercase()] {
            assert!(!tokens(Some(wrong), "").iter().any(|token| token == TOKEN), "{wrong}");
        }
    }

    #[test]
    fn an_id_is_found_in_what_was_made_of_it() {
        let check = |given: &str, expected: bool| {
            let found = ids(Some(given), "");
            assert_eq!(found.iter().any(|id| id == GOOD), expected, "{given}: {found:?}");
        };
        check(GOOD, true);
        check(&GOOD[..21], true);
        check(&format!("3D{GOOD}"), true);
        check(&format!("3D{}", &GOOD[..21]), false);
        check(&format!("{GOOD}>"), true);
        check(&format!("{GOOD}\u{200b}."), true);
        check(&format!("{} {}", &GOOD[..9], &GOOD[9..]), true);
        check(&format!("{}=\r\n{}", &GOOD[..9], &GOOD[9..]), true);
        check(&format!("%3D{GOOD}"), true);
        check(&format!("{GOOD}A"), false);
        check(&GOOD[..19], false);
        check(&GOOD[1..], false);
        for query in [
            format!("amp;u={GOOD}"),
            format!("u%3D{GOOD}"),
            format!("url=https%3A%2F%2Fapp.example.com%2Funsubscribe%3Fu%3D{GOOD}&data=05"),
        ] {
            assert!(ids(None, &query).iter().any(|id| id == GOOD), "{query}");
        }
    }

    #[test]
    fn a_path_is_what_it_was() {
        for (path_of, expected) in [
            ("/in", "/in"),
            ("/in/", "/in"),
            ("//in", "/in"),
            ("/app//in/", "/app/in"),
            ("/in).", "/in"),
            ("/in%20", "/in"),
            ("/in%E2%80%8B", "/in"),
            ("/", "/"),
        ] {
            assert_eq!(path(path_of), expected, "{path_of}");
        }
    }

    #[test]
    fn lost_capitals_are_seen() {
        assert!(is_without_capitals(&TOKEN.to_lowercase()) && is_without_capitals(&GOOD.to_lowercase()));
        assert!(!is_without_capitals(TOKEN) && !is_without_capitals("guess"));
    }
}
