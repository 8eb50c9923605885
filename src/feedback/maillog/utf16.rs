//! Logs in UTF-16, as PowerShell writes what is led into a file.

use std::io::{self, BufRead, BufReader, Read};

use encoding_rs::{Decoder, Encoding, UTF_16BE, UTF_16LE};

/// A log as UTF-8, whichever of the two it is in.
pub(super) fn decoded<'a>(mut log: impl BufRead + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    Ok(match encoding(log.fill_buf()?) {
        Some(encoding) => {
            let decoder = encoding.new_decoder_with_bom_removal();
            Box::new(BufReader::new(Utf16 { log, decoder, text: Vec::new(), read: 0, ended: false }))
        }
        None => Box::new(log),
    })
}

/// By its mark, or by the zeros that the letters of a log have beside them.
fn encoding(start: &[u8]) -> Option<&'static Encoding> {
    match start {
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Some(UTF_16LE),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => Some(UTF_16BE),
        _ => None,
    }
}

/// Reads UTF-16 and gives UTF-8; what is no letter becomes U+FFFD.
struct Utf16<R> {
    log: R,
    decoder: Decoder,
    text: Vec<u8>,
    read: usize,
    /// A decoder that was told of the end is used no more.
    ended: bool,
}

impl<R: BufRead> Read for Utf16<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read == self.text.len() {
            if self.ended {
                return Ok(0);
            }
            let bytes = self.log.fill_buf()?;
            self.ended = bytes.is_empty();
            let mut text =
                String::with_capacity(self.decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(0));
            let (_, taken, _) = self.decoder.decode_to_string(bytes, &mut text, self.ended);
            self.log.consume(taken);
            (self.text, self.read) = (text.into_bytes(), 0);
        }
        let ready = self.text.get(self.read..).unwrap_or_default();
        let length = ready.len().min(into.len());
        if let (Some(into), Some(ready)) = (into.get_mut(..length), ready.get(..length)) {
            into.copy_from_slice(ready);
        }
        self.read += length;
        Ok(length)
    }
}
