//! `cosyvoice3://` URIs: a text and how to speak it, for `playbin` and friends.

use gst::glib;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::settings::Settings;

/// The scheme.
pub(super) const SCHEME: &str = "cosyvoice3";

/// All but RFC 3986's unreserved characters.
const RESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

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
    utf8_percent_encode(text, &RESERVED).to_string()
}

/// `None` where the bytes are not UTF-8 or a percent sign does not begin a byte, which the crate would let pass.
fn decode(text: &str) -> Option<String> {
    let is_byte = |after: &str| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_byte) {
        return None;
    }
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_and_damaged_ones_are_refused() {
        for text in ["", "Да. Yes!", "50% + ~a-b_c", "a/b?c=d&e#f"] {
            assert_eq!(decode(&encode(text)).as_deref(), Some(text));
        }
        assert_eq!(encode("Да. a~b?"), "%D0%94%D0%B0.%20a~b%3F");
        for damaged in ["%", "%4", "a%zz", "%+1", "%FF"] {
            assert_eq!(decode(damaged), None, "{damaged}");
        }
    }
}
