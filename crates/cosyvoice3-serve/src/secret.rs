//! Passwords: read from files that others cannot read, and never written.

use std::{
    borrow::Cow,
    fs::File,
    io::Read,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, ensure};

use crate::log::log;

/// Largest file with a secret, in bytes.
const MAX_FILE: u64 = 64 * 1024;
/// Fields of a camera's address that hold a password or its like.
const SECRET_FIELDS: [&str; 8] = [
    "password", "passwd", "pass", "pwd", "psw", "token", "secret", "auth",
];
const HIDDEN: &str = "***";

/// Addresses with secrets, in which [`redact`] might not find the end of a password, and what to write for them.
static KNOWN: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// Has [`redact`] hide the secrets of `address` wherever it is written as it stands.
#[cfg(any(feature = "rtsp", test))]
pub fn remember(address: &str) {
    if has_secret(address) {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.push((address.to_string(), redact_address(address)));
    }
}

/// True for an address that holds a password.
#[cfg(any(feature = "rtsp", test))]
pub fn has_secret(address: &str) -> bool {
    redact_address(address) != address
}

/// `text` with user, password and secret fields of all addresses in it hidden.
pub fn redact(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let mut text = text.to_string();
    for (address, redacted) in KNOWN.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        text = text.replace(address.as_str(), redacted);
    }
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(start) = rest.find("://") {
        let end = rest[start..]
            .find(|c: char| c.is_whitespace() || c.is_control() || "\"'<>`".contains(c))
            .map_or(rest.len(), |end| start + end);
        redacted += &redact_address(&rest[..end]);
        rest = &rest[end..];
    }
    Cow::Owned(redacted + rest)
}

/// `text`, in which words of a command line are quoted, with their secrets hidden too. Such a word may be an address with blanks
/// in its password, or without its scheme.
pub fn redact_words(text: &str, words: impl IntoIterator<Item = String>) -> String {
    let mut text = text.to_string();
    for word in words {
        // Of --camera=rtsp://... the value is quoted alone.
        let value = word.starts_with("--").then(|| word.split_once('='));
        let value = value.flatten().map_or(&*word, |(_, value)| value);
        if !value.is_empty() {
            text = text.replace(value, &redact_word(value));
        }
    }
    redact(&text).into_owned()
}

/// A word that may be an address without its scheme, with its secrets hidden.
fn redact_word(word: &str) -> String {
    if word.contains("://") {
        return redact_address(word);
    }
    match word.rsplit_once('@') {
        Some((_, place)) => format!("{HIDDEN}@{}", redact_fields(place)),
        None => redact_fields(word),
    }
}

/// `address`, which may stand behind other words, with its secrets hidden.
fn redact_address(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_string();
    };
    // The last @: people write passwords that contain one as they are.
    match rest.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}://{HIDDEN}@{}", redact_fields(place)),
        None => format!("{scheme}://{}", redact_fields(rest)),
    }
}

/// `address` with the values of [`SECRET_FIELDS`] hidden. Cameras take them behind `?`, and some in the path.
fn redact_fields(address: &str) -> String {
    address
        .split_inclusive(['?', '&', ';', '/', '#'])
        .map(|part| {
            let Some((name, value)) = part.split_once('=') else {
                return part.to_string();
            };
            let known = SECRET_FIELDS
                .iter()
                .any(|field| name.to_ascii_lowercase().ends_with(field));
            let end = value.trim_end_matches(['?', '&', ';', '/', '#']).len();
            match known && end > 0 {
                true => format!("{name}={HIDDEN}{}", &value[end..]),
                false => part.to_string(),
            }
        })
        .collect()
}

/// The camera's address in `file`: the first line that is neither empty nor a comment (`#`).
#[cfg(feature = "rtsp")]
pub fn camera_address(file: &Path) -> Result<String> {
    let mut lines = lines(file, "the camera's address")?.into_iter();
    lines
        .next()
        .with_context(|| format!("{} has no line with the camera's address", file.display()))
}

/// The lines of `file` that are neither empty nor comments (`#`); `what` names the secrets for errors. A file that every
/// user may read is a warning.
///
/// # Errors
/// It cannot be read, or is no file.
pub fn lines(file: &Path, what: &str) -> Result<Vec<String>> {
    let name = file.display();
    let open = File::open(file)
        .with_context(|| format!("cannot open {name}, which should hold {what}"))?;
    let about = open.metadata().with_context(|| format!("reading {name}"))?;
    ensure!(
        about.is_file(),
        "{name} is not a regular file: expected a file that holds {what}"
    );
    if about.mode() & 0o007 != 0 {
        log!("warning: every user of this machine may read {what}: chmod 640 {name}");
    }
    let mut text = String::new();
    open.take(MAX_FILE)
        .read_to_string(&mut text)
        .with_context(|| format!("reading {name}"))?;
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(String::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_hidden_and_the_rest_stays() {
        for (text, redacted) in [
            (
                "rtsp://admin:geheim@10.0.0.7:554/1",
                "rtsp://***@10.0.0.7:554/1",
            ),
            (
                "no \"rtsp://a:g/e@h?e@im@cam/1\" there",
                "no \"rtsp://***@cam/1\" there",
            ),
            (
                "rtsp://cam/1?user=a&password=geheim&x=1",
                "rtsp://cam/1?user=a&password=***&x=1",
            ),
            (
                "rtsp://cam/user=a&Pwd=geheim/2 rtsp://b:geheim@c",
                "rtsp://cam/user=a&Pwd=***/2 rtsp://***@c",
            ),
            ("http://127.0.0.1:8080/say", "http://127.0.0.1:8080/say"),
            ("mail a@b.example: fine", "mail a@b.example: fine"),
        ] {
            assert_eq!(redact(text), redacted);
        }
    }

    #[test]
    fn a_password_with_blanks_and_quotes_is_hidden_where_it_is_known() {
        let address = "rtsp://admin:ge heim\"x@camera/1";
        remember(address);
        assert_eq!(
            redact(&format!("could not open {address} for reading")),
            "could not open rtsp://***@camera/1 for reading"
        );
    }

    #[test]
    fn a_word_of_a_command_line_is_hidden_whatever_its_password_and_without_its_scheme() {
        for (word, quoted, shown) in [
            (
                "rtsp://a:ge heim@cam/1",
                "rtsp://a:ge heim@cam/1",
                "rtsp://***@cam/1",
            ),
            (
                "--camera=rtsp://a:g'\"=h@cam",
                "rtsp://a:g'\"=h@cam",
                "rtsp://***@cam",
            ),
            ("admin:geheim@cam/1", "admin:geheim@cam/1", "***@cam/1"),
            (
                "cam/1?password=geheim",
                "cam/1?password=geheim",
                "cam/1?password=***",
            ),
            ("", "--camra", "--camra"),
        ] {
            let text = format!("error: unexpected '{quoted}' found");
            let words = ["serve".to_string(), word.to_string()];
            let wanted = format!("error: unexpected '{shown}' found");
            assert_eq!(redact_words(&text, words), wanted);
        }
    }
}
