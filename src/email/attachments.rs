//! The attachments of every mail: read once, encoded once.

use std::fs;

use lettre::message::{
    Attachment as Part, Body, SinglePart,
    header::{ContentTransferEncoding, ContentType},
};

use crate::{
    campaign::Campaign,
    problem::{Place, Problem},
};

/// All attachments of a campaign together may have this many bytes.
const MAX_BYTES: u64 = 5 << 20;

/// A file name may have this many characters.
const MAX_NAME: usize = 100;

/// One attachment, ready to be put into a message.
pub(super) struct Attached {
    pub(super) name: String,
    pub(super) media_type: String,
    /// An inline picture's id.
    pub(super) content_id: Option<String>,
    pub(super) bytes: Vec<u8>,
    /// The MIME part, base64.
    pub(super) part: SinglePart,
}

/// Reads the campaign's attachments; reports every problem at once.
pub(super) fn read(campaign: &Campaign) -> Result<Vec<Attached>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut attached: Vec<Attached> = Vec::new();
    let mut total = 0;
    for attachment in &campaign.attachments {
        let place = Place::file(attachment.file.display().to_string());
        let mut wrong = |message: String| problems.push(Problem::new(place.clone(), message));
        if let Err(reason) = check_name(&attachment.name) {
            wrong(format!("the attachment's name `{}` {reason}", attachment.name.escape_debug()));
            continue;
        }
        let Ok(content_type) = ContentType::parse(&attachment.media_type) else {
            wrong(format!(
                "`{}` is no media type like `application/pdf`",
                attachment.media_type.escape_debug()
            ));
            continue;
        };
        if let Some(id) = attachment.content_id.as_deref().filter(|id| !is_content_id(id)) {
            wrong(format!("`{}` is no content id: letters, digits, `.`, `-` and `_`", id.escape_debug()));
            continue;
        }
        let length = fs::metadata(&attachment.file).map_or(0, |metadata| metadata.len());
        total += length;
        if total > MAX_BYTES {
            wrong("with this attachment there are more than 5 MiB in total".to_owned());
            break;
        }
        let bytes = match fs::read(&attachment.file) {
            Ok(bytes) => bytes,
            Err(error) => {
                wrong(format!("the attachment cannot be read: {error}"));
                continue;
            }
        };
        let twice = |earlier: &Attached| {
            earlier.name == attachment.name
                || (earlier.content_id == attachment.content_id && earlier.content_id.is_some())
        };
        if attached.iter().any(twice) {
            wrong("another attachment has the same name or content id".to_owned());
            continue;
        }
        let part = match &attachment.content_id {
            Some(id) => Part::new_inline_with_name(id.clone(), attachment.name.clone()),
            None => Part::new(attachment.name.clone()),
        };
        // Base64 whatever the content: lettre would send a text file's bare line ends as they are.
        let body = Body::new_with_encoding(bytes.clone(), ContentTransferEncoding::Base64)
            .expect("any bytes can be base64");
        attached.push(Attached {
            name: attachment.name.clone(),
            media_type: attachment.media_type.clone(),
            content_id: attachment.content_id.clone(),
            bytes,
            part: part.body(body, content_type),
        });
    }
    if problems.is_empty() { Ok(attached) } else { Err(problems) }
}

/// A file name that is safe on every system; `Err` is a fragment.
fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.chars().count() > MAX_NAME {
        return Err("must have 1 to 100 characters");
    }
    if super::headers::check_text(name, MAX_NAME).is_err() {
        return Err("holds a character that no header may");
    }
    if name.contains(['/', '\\', ':', '*', '?', '"', '<', '>', '|']) || name.starts_with(['.', ' ']) {
        return Err("is no plain file name");
    }
    if name.ends_with(['.', ' ']) {
        return Err("ends with a dot or a space");
    }
    Ok(())
}

fn is_content_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 60
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_are_plain_file_names() {
        for name in ["price list.pdf", "Preisliste für Ünal.pdf", "a.b"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in
            ["", "../a", "a/b", "C:\\a", ".hidden", "a.", "a\u{202e}fdp.exe", "a\nb", &"a".repeat(101)]
        {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
