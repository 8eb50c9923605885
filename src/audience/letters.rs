//! Letters that another program wrote in a form of its own: HTML entities, and UTF-8 that was read as Windows-1252.

/// The named entities that exports write for letters, beside the numbers.
const ENTITIES: &[(&str, char)] = &[
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("eacute", 'é'),
    ("Eacute", 'É'),
    ("egrave", 'è'),
    ("ecirc", 'ê'),
    ("euml", 'ë'),
    ("aacute", 'á'),
    ("agrave", 'à'),
    ("acirc", 'â'),
    ("aring", 'å'),
    ("Aring", 'Å'),
    ("aelig", 'æ'),
    ("AElig", 'Æ'),
    ("auml", 'ä'),
    ("Auml", 'Ä'),
    ("ouml", 'ö'),
    ("Ouml", 'Ö'),
    ("uuml", 'ü'),
    ("Uuml", 'Ü'),
    ("szlig", 'ß'),
    ("oacute", 'ó'),
    ("ocirc", 'ô'),
    ("oslash", 'ø'),
    ("Oslash", 'Ø'),
    ("uacute", 'ú'),
    ("iacute", 'í'),
    ("icirc", 'î'),
    ("iuml", 'ï'),
    ("ntilde", 'ñ'),
    ("ccedil", 'ç'),
    ("Ccedil", 'Ç'),
    ("rsquo", '’'),
    ("ndash", '–'),
];

/// The longest name of an entity, in bytes.
const LONGEST: usize = 8;

/// The text with its entities as the letters that they stand for; `None` where there are none.
pub(super) fn without_entities(text: &str) -> Option<String> {
    let mut rest = text;
    let mut out = String::new();
    let mut found = false;
    while let Some((before, behind)) = rest.split_once('&') {
        out.push_str(before);
        let entity = behind.find(';').filter(|at| *at <= LONGEST).and_then(|at| behind.split_at_checked(at));
        let known = entity.and_then(|(name, after)| Some((letter(name)?, after.strip_prefix(';')?)));
        let (letter, after) = known.unwrap_or(('&', behind));
        out.push(letter);
        rest = after;
        found |= known.is_some();
    }
    out.push_str(rest);
    found.then_some(out)
}

fn letter(name: &str) -> Option<char> {
    let Some(number) = name.strip_prefix('#') else {
        return ENTITIES.iter().find(|(entity, _)| *entity == name).map(|(_, letter)| *letter);
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code).filter(|letter| !letter.is_control())
}

/// The text as it was before somebody read its UTF-8 as Windows-1252; `None` where nobody did.
///
/// Sure enough: of texts that were meant, hardly any is UTF-8 when it is written in Windows-1252, and the longer the
/// surer.
pub(super) fn decoded_once(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let bytes = text.chars().map(windows_1252).collect::<Option<Vec<u8>>>()?;
    let before = String::from_utf8(bytes).ok()?;
    // Some letters came of it, and no controls.
    before.chars().all(|letter| !letter.is_control()).then_some(before)
}

/// The byte of a letter in Windows-1252, with the five that it leaves undefined.
fn windows_1252(letter: char) -> Option<u8> {
    let code = u32::from(letter);
    if code < 0x80 || (0xa0..=0xff).contains(&code) {
        return u8::try_from(code).ok();
    }
    if matches!(code, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d) {
        return u8::try_from(code).ok();
    }
    let mut buffer = [0; 4];
    let (bytes, _, failed) = encoding_rs::WINDOWS_1252.encode(letter.encode_utf8(&mut buffer));
    match (&*bytes, failed) {
        ([byte], false) => Some(*byte),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_become_letters_and_a_plain_ampersand_stays() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(without_entities(text).as_deref(), expected, "{text}");
        };
        check("O&#39;Brien &amp; Sons", Some("O'Brien & Sons"));
        check("Jos&eacute; &#x4e;u&ntilde;ez", Some("José Nuñez"));
        check("https://x.example/?a=1&amp;b=2", Some("https://x.example/?a=1&b=2"));
        check("Marks & Spencer; AT&T", None);
        check("a &unknown; b", None);
        check("a &#0; b", None);
        check("&", None);
    }

    #[test]
    fn what_was_decoded_twice_is_put_right_and_letters_stay() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(decoded_once(text).as_deref(), expected, "{text}");
        };
        check("JosÃ© NuÃ±ez", Some("José Nuñez"));
        check("GÃ¶kÃ§e Åžahin", Some("Gökçe Şahin"));
        check("Itâ€™s", Some("It’s"));
        check("Ð\u{90}Ð½Ð½Ð°", Some("Анна"));
        for fine in
            ["José", "Ünal Şahin", "Ñandú", "Ada", "Ã", "São João", "Åse Ødegård", "ΑΒΓ", "日本", "10 £"]
        {
            check(fine, None);
        }
    }
}
