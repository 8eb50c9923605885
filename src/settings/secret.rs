//! A secret as people and machines leave it: with a byte order mark, with a line end, in a folder that was mounted.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::FileTypeExt,
    path::Path,
};

use encoding_rs::Encoding;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::{
    private_file,
    problem::{Place, Problem, cause},
};

/// No secret is longer, in bytes.
const LONGEST: usize = 16 * 1024;

/// The secret in a variable of the environment.
pub(super) fn in_variable(name: &str, value: &str) -> Result<SecretString, Problem> {
    bare(value).map_err(|found| {
        Problem::new(Place::file(name), format!("the variable {found}, expected the secret alone"))
            .hint(format!("set it anew: {name}=SECRET"))
    })
}

/// The secret in the file that `name` + `_FILE` names.
pub(super) fn in_file(name: &str, path: &Path, credentials: Option<&Path>) -> Result<SecretString, Problem> {
    let problem = |message: String| Problem::new(Place::file(path.display().to_string()), message);
    let unreadable = |error: io::Error| {
        let found = format!("the file that `{name}_FILE` names cannot be read: {}", cause(&error));
        problem(found).hint(if error.kind() == io::ErrorKind::PermissionDenied {
            "give the user that linkpost runs as the right to read it".to_owned()
        } else if path.is_relative() {
            format!("name the file from the root on: {name}_FILE=/…/FILE")
        } else {
            format!("see that it is mounted or written there, or set {name} itself")
        })
    };
    let about = fs::metadata(path).map_err(unreadable)?;
    refuse_what_is_no_file(name, &about).map_err(|(found, hint)| problem(found).hint(hint))?;
    let file = File::open(path).map_err(unreadable)?;
    private_file::check_secret(path, &file.metadata().map_err(unreadable)?, credentials)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    file.take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    text(&bytes).and_then(|text| bare(&text)).map_err(|found| {
        problem(format!("the file of `{name}_FILE` {found}, expected the secret alone")).hint(format!(
            "put the secret into it, as one line of UTF-8, or into what is mounted there; or set {name} itself"
        ))
    })
}

fn refuse_what_is_no_file(name: &str, about: &Metadata) -> Result<(), (String, String)> {
    // A pipe is a file to those who write `NAME_FILE=<(command)`.
    if about.is_file() || about.file_type().is_fifo() {
        return Ok(());
    }
    let hint = format!("name the file itself: {name}_FILE=/…/FILE");
    Err(if about.is_dir() {
        let hint =
            format!("{hint}; where a mounted file is missing on the host, Docker makes a folder of its name");
        (format!("`{name}_FILE` names a folder, expected a file with the secret"), hint)
    } else {
        (format!("`{name}_FILE` names no file, expected a file with the secret"), hint)
    })
}

/// The text of a file, without its byte order mark; `Err` is a fragment.
fn text(bytes: &[u8]) -> Result<Zeroizing<String>, String> {
    if bytes.len() > LONGEST {
        return Err(format!("holds more than {LONGEST} bytes"));
    }
    let (encoding, mark) = Encoding::for_bom(bytes).unwrap_or((encoding_rs::UTF_8, 0));
    let text =
        bytes.get(mark..).and_then(|rest| encoding.decode_without_bom_handling_and_without_replacement(rest));
    text.map(|text| Zeroizing::new(text.into_owned())).ok_or_else(|| "holds no text in UTF-8".to_owned())
}

/// The secret without the line end after it; `Err` is a fragment.
fn bare(text: &str) -> Result<SecretString, String> {
    let secret = text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
    if secret.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    if secret.contains(['\r', '\n']) {
        return Err("holds several lines".to_owned());
    }
    if secret.contains(char::is_control) {
        return Err("holds a control character".to_owned());
    }
    Ok(secret.to_owned().into())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn marks_and_line_ends_are_no_part_of_a_secret_and_blanks_are() {
        let utf16 = |text: &str| -> Vec<u8> {
            [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
        };
        let check = |bytes: &[u8], expected: Result<&str, &str>| {
            let found = text(bytes).and_then(|text| bare(&text));
            let found = found.as_ref().map(ExposeSecret::expose_secret).map_err(String::as_str);
            assert_eq!(found, expected, "{bytes:?}");
        };
        for good in [&b"s3cret"[..], b"s3cret\n", b"s3cret\r\n", b"\xef\xbb\xbfs3cret\r\n", b"s3cret\n\n"] {
            check(good, Ok("s3cret"));
        }
        check(&utf16("s3cret\r\n"), Ok("s3cret"));
        check(b" s3 cret ", Ok(" s3 cret "));
        check("pä√\n".as_bytes(), Ok("pä√"));
        for empty in [&b""[..], b"\n", b"\r\n", b"  \n", b"\xef\xbb\xbf", b"\xff\xfe"] {
            check(empty, Err("is empty"));
        }
        for several in [&b"user\ns3cret"[..], b"\ns3cret", b"a\rb", b"# password\r\ns3cret\r\n"] {
            check(several, Err("holds several lines"));
        }
        check(b"s3\0cret", Err("holds a control character"));
        check(b"s3cr\xe9t", Err("holds no text in UTF-8"));
        check(&b"x".repeat(LONGEST + 1), Err("holds more than 16384 bytes"));
    }
}
