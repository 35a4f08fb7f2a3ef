//! Log lines on the standard error.
//!
//! A line never ends the program, even where nothing reads it or the disk is full; it is one line whatever a name or a
//! foreign message contains; and it holds no password.

use std::{fmt, io::Write};

use crate::secret::redact;

/// Writes a line to the log, with the arguments of `format!`.
macro_rules! log {
    ($($words:tt)*) => {
        $crate::log::write(&mut std::io::stderr(), format_args!($($words)*))
    };
}
pub(crate) use log;

/// Writes one line to `log`; a log that cannot be written is no reason to stop speaking.
pub fn write(log: &mut impl Write, words: fmt::Arguments) {
    let line = line(&words.to_string()) + "\n";
    let _ = log.write_all(line.as_bytes());
}

/// `words` as one line, without passwords.
fn line(words: &str) -> String {
    redact(words)
        .chars()
        .flat_map(|c| {
            // Separators of lines and paragraphs, and marks that turn the direction of what follows, forge lines too.
            let forges = c.is_control()
                || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
            let (escaped, plain) = match forges {
                true => (Some(c.escape_default()), None),
                false => (None, Some(c)),
            };
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_forge_a_line_of_the_log() {
        for (words, written) in [
            (
                "voice \"a\nannouncement 7 finished\"",
                "voice \"a\\nannouncement 7 finished\"",
            ),
            ("\u{1b}[2Jx\r", "\\u{1b}[2Jx\\r"),
            ("a\u{202e}b\u{2028}c", "a\\u{202e}b\\u{2028}c"),
            ("Голос 声音 ü", "Голос 声音 ü"),
        ] {
            assert_eq!(line(words), written);
        }
    }

    #[test]
    fn a_log_that_cannot_be_written_is_done_without() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        write(&mut Full, format_args!("x"));
    }
}
