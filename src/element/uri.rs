//! `cosyvoice3://` URIs: a text and how to speak it, for `playbin` and friends.

use gst::glib;

use super::settings::Settings;

/// The scheme.
pub(super) const SCHEME: &str = "cosyvoice3";

/// Takes `cosyvoice3://TEXT` or `cosyvoice3://TEXT?voice=NAME`, both percent-encoded, over into `settings`.
pub(super) fn set(settings: &mut Settings, uri: &str) -> Result<(), glib::Error> {
    let bad = |what: &str| {
        glib::Error::new(
            gst::URIError::BadUri,
            &format!("{uri}: {what}; expected {SCHEME}://TEXT?voice=NAME, percent-encoded"),
        )
    };
    let rest = uri
        .strip_prefix(SCHEME)
        .and_then(|rest| rest.strip_prefix("://"))
        .ok_or_else(|| bad("another scheme"))?;
    let (text, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut voice = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("voice", name)) => {
                voice = Some(
                    decode(name).ok_or_else(|| bad("the voice is not percent-encoded UTF-8"))?,
                );
            }
            _ => return Err(bad("there is no parameter but voice")),
        }
    }
    let text = decode(text).ok_or_else(|| bad("the text is not percent-encoded UTF-8"))?;
    settings.text = Some(text);
    if voice.is_some() {
        settings.voice = voice;
    }
    Ok(())
}

/// The URI of what `settings` say; `None` without a text.
pub(super) fn get(settings: &Settings) -> Option<String> {
    let text = encode(settings.text.as_deref()?);
    Some(match &settings.voice {
        Some(voice) => format!("{SCHEME}://{text}?voice={}", encode(voice)),
        None => format!("{SCHEME}://{text}"),
    })
}

fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(byte.into());
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// `None` where the bytes are not UTF-8 or a percent sign does not begin a byte.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}
