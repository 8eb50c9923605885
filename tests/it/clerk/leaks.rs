//! No token stands in any file: searched as it is, percent-encoded, wrapped by quoted-printable, in base64.

use std::{collections::HashSet, fs, path::Path};

use data_encoding::BASE64;

use crate::support::fixture::Fixture;

/// So many bytes in a row are a find: 96 bits of a signature do not come about by chance.
const PIECE: usize = 16;

/// What to search for: a piece of each token's signature in every spelling.
struct Needles(HashSet<Vec<u8>>);

impl Needles {
    fn of(tokens: &[String]) -> Self {
        let mut pieces = HashSet::new();
        for token in tokens {
            let signature = token.rsplit('.').next().unwrap().as_bytes();
            // Ends of lines fall anywhere: pieces from several places of the token.
            for start in [0, 60, 150, 250] {
                let part = &signature[start..start + 40];
                pieces.insert(part[..PIECE].to_vec());
                // Base64 groups by three bytes, so there are three spellings, each whole from its first full group on.
                for shift in 0..3 {
                    let encoded = BASE64.encode(&part[shift..shift + 36]);
                    pieces.insert(encoded.as_bytes()[..PIECE].to_vec());
                }
            }
        }
        Self(pieces)
    }

    fn found_in(&self, content: &[u8]) -> bool {
        let text = String::from_utf8_lossy(content);
        let unwrapped = text.replace("=\r\n", "").replace("=\n", "");
        let lines = text.replace(['\r', '\n'], "");
        let percent: Vec<u8> = url::form_urlencoded::parse(format!("x={text}").as_bytes())
            .flat_map(|(name, value)| format!("{name}={value}").into_bytes())
            .collect();
        [content, unwrapped.as_bytes(), lines.as_bytes(), &percent]
            .iter()
            .any(|haystack| haystack.windows(PIECE).any(|window| self.0.contains(window)))
    }
}

/// Fails where a file below the fixture's folder, or one of these texts, holds one of the tokens.
pub(super) fn assert_nowhere(fixture: &Fixture, texts: &[&str], tokens: &[String]) {
    let needles = Needles::of(tokens);
    for text in texts {
        assert!(!needles.found_in(text.as_bytes()), "a token was printed");
    }
    let mut searched = 0;
    search(&fixture.path(""), &needles, &mut searched);
    assert!(searched > 3, "the ledger and its companions at least");
}

fn search(folder: &Path, needles: &Needles, searched: &mut usize) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, needles, searched);
        } else {
            *searched += 1;
            assert!(!needles.found_in(&fs::read(&path).unwrap()), "a token stands in {}", path.display());
        }
    }
}

#[test]
fn the_search_finds_a_token_in_every_spelling() {
    let token = format!("eyJh.eyJl.{}", "Ab3-_9Zx".repeat(43).split_at(342).0);
    let needles = Needles::of(std::slice::from_ref(&token));
    let wrapped = |text: &str, end: &str| {
        let characters: Vec<char> = text.chars().collect();
        characters.chunks(75).map(|line| line.iter().collect::<String>()).collect::<Vec<_>>().join(end)
    };
    let percent = token.replace('A', "%41").replace('b', "%62").replace('-', "%2D");
    for text in [
        token.clone(),
        format!("https://example.com/?token={token}&a=b"),
        percent,
        wrapped(&token, "=\r\n"),
        wrapped(&BASE64.encode(format!("x{token}").as_bytes()), "\r\n"),
        wrapped(&BASE64.encode(format!("xy{token}").as_bytes()), "\r\n"),
        BASE64.encode(token.as_bytes()),
    ] {
        assert!(needles.found_in(text.as_bytes()), "{text}");
    }
    assert!(!needles.found_in(b"a text without any of them, and long enough to hold one if there were one"));
}
