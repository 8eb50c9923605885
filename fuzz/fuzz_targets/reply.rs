//! SMTP replies from a relay that may say anything, in any pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use linkpost::delivery::smtp::{LONGEST_REPLY, MOST_LINES, Reply, ReplyError, ReplyParser};

/// What the parser makes of these bytes when they come in pieces of `size`.
fn parse(bytes: &[u8], size: usize) -> Result<Option<(Reply, usize)>, ReplyError> {
    let mut parser = ReplyParser::default();
    let mut before = 0;
    for piece in bytes.chunks(size) {
        if let Some((reply, used)) = parser.feed(piece)? {
            return Ok(Some((reply, before + used)));
        }
        before += piece.len();
    }
    Ok(None)
}

fuzz_target!(|bytes: &[u8]| {
    let whole = parse(bytes, bytes.len().max(1));
    for size in [1, 2, 7] {
        assert_eq!(parse(bytes, size), whole, "the pieces of the network change a reply");
    }
    if let Ok(Some((reply, used))) = whole {
        assert!(used <= bytes.len().min(LONGEST_REPLY));
        assert!((200..600).contains(&reply.code()));
        assert!(bytes.iter().filter(|byte| **byte == b'\n').count() > 0);
        let lines = bytes.get(..used).expect("used bytes are there").split(|byte| *byte == b'\n').count() - 1;
        assert!((1..=MOST_LINES).contains(&lines));
        let words = reply.words();
        assert!(words.len() <= 2048 && !words.contains(char::is_control), "words that a terminal would obey");
        // What follows the reply does not matter to it.
        assert_eq!(parse(bytes.get(..used).expect("used bytes are there"), used), Ok(Some((reply, used))));
    }
});
