//! Bodies and fields of requests.

use axum::{
    body::Body,
    extract::Query,
    http::{HeaderMap, Request, StatusCode, Uri, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::refusal::{Refusal, wrong};

/// Longest body, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// Named values: of the address, or of a JSON object.
pub type Fields = Vec<(String, String)>;

/// A text and the fields that came with it.
#[derive(Debug, PartialEq)]
pub struct Content {
    pub text: String,
    pub fields: Fields,
}

/// The fields of an address, each at most once.
pub fn query(uri: &Uri) -> Result<Fields, Refusal> {
    let Query(fields) = Query::<Fields>::try_from_uri(uri)
        .map_err(|error| wrong(format!("the address's fields: {error}")))?;
    once_each(&fields)?;
    Ok(fields)
}

fn once_each(fields: &Fields) -> Result<(), Refusal> {
    for (index, (name, _)) in fields.iter().enumerate() {
        if fields[..index].iter().any(|(before, _)| before == name) {
            let words = format!("the field {name:?} comes twice");
            return Err(wrong(words).param(name));
        }
    }
    Ok(())
}

/// Reads the text of a request, which is the body or the field `text` of a JSON object.
pub async fn read(request: Request<Body>) -> Result<Content, Refusal> {
    let mut fields = query(request.uri())?;
    let kind = Kind::of(request.headers())?;
    let body = body(request).await?;
    let text = match kind {
        Kind::Text => body,
        Kind::Json => {
            let (text, further) = object(&body)?;
            fields.extend(further);
            once_each(&fields)?;
            text
        }
    };
    if text.trim().is_empty() {
        return Err(wrong("there is nothing to say: the text is empty"));
    }
    Ok(Content { text, fields })
}

/// Reads the JSON object that is the body of a request, whatever its content type says.
pub async fn json<T: DeserializeOwned>(request: Request<Body>) -> Result<T, Refusal> {
    let body = body(request).await?;
    serde_json::from_str(&body).map_err(|error| {
        wrong(format!(
            "the body is not the JSON that this path takes: {error}"
        ))
        .code("invalid_json")
    })
}

#[derive(Debug, PartialEq)]
enum Kind {
    Text,
    Json,
}

impl Kind {
    /// Of the body; one that is not named is text, and so is what curl calls a form.
    fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let unsupported = || {
            let words = "the body is text/plain or application/json, in UTF-8";
            Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, words)
                .code("unsupported_media_type"))
        };
        if headers.contains_key(header::CONTENT_ENCODING) {
            return unsupported();
        }
        let Some(value) = headers.get(header::CONTENT_TYPE) else {
            return Ok(Self::Text);
        };
        let value = value.to_str().unwrap_or("?").to_ascii_lowercase();
        let mut parts = value.split(';').map(str::trim);
        let kind = match parts.next() {
            Some("text/plain" | "application/x-www-form-urlencoded") => Self::Text,
            Some("application/json") => Self::Json,
            _ => return unsupported(),
        };
        let foreign = |part: &str| {
            part.strip_prefix("charset=").is_some_and(|name| {
                !["utf-8", "utf8", "us-ascii"].contains(&name.trim_matches('"'))
            })
        };
        match parts.any(foreign) {
            true => unsupported(),
            false => Ok(kind),
        }
    }
}

/// A body of a sensible length.
async fn body(request: Request<Body>) -> Result<String, Refusal> {
    let too_long = || {
        let words = format!("the body is longer than {} KiB", MAX_BODY / 1024);
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, words).code("body_too_long")
    };
    let headers = request.headers();
    match headers.get(header::CONTENT_LENGTH) {
        None if !headers.contains_key(header::TRANSFER_ENCODING) => {
            let words = "the body has no length: send Content-Length, or chunks";
            return Err(Refusal::new(StatusCode::LENGTH_REQUIRED, words).code("length_missing"));
        }
        Some(length) => {
            let length = length.to_str().ok().and_then(|length| length.parse().ok());
            if length.is_none_or(|length: usize| length > MAX_BODY) {
                return Err(too_long());
            }
        }
        None => {}
    }
    let bytes = match Limited::new(request.into_body(), MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(too_long()),
        Err(_) => return Err(wrong("the body is not complete")),
    };
    String::from_utf8(bytes.into()).map_err(|_| wrong("the body is not UTF-8"))
}

/// The text of a JSON object, and its other fields.
fn object(body: &str) -> Result<(String, Fields), Refusal> {
    let value: Value = serde_json::from_str(body)
        .map_err(|error| wrong(format!("the body is not JSON: {error}")))?;
    let Value::Object(object) = value else {
        return Err(wrong("the JSON is an object with the field \"text\""));
    };
    let (mut text, mut fields) = (None, Fields::new());
    for (name, value) in object {
        let value = match value {
            Value::String(value) => value,
            Value::Number(value) => value.to_string(),
            _ => return Err(wrong(format!("the field {name:?} is a string or a number"))),
        };
        match name.as_str() {
            "text" => text = Some(value),
            _ => fields.push((name, value)),
        }
    }
    let text = text.ok_or_else(|| wrong("the JSON object has no field \"text\""))?;
    Ok((text, fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(value: &str) -> Result<Kind, Refusal> {
        Kind::of(&HeaderMap::from_iter([(
            header::CONTENT_TYPE,
            value.parse().unwrap(),
        )]))
    }

    #[test]
    fn text_and_json_are_taken_and_all_else_is_refused() {
        assert_eq!(Kind::of(&HeaderMap::new()), Ok(Kind::Text));
        for (value, wanted) in [
            ("text/plain", Some(Kind::Text)),
            ("Text/Plain; Charset=\"UTF-8\"", Some(Kind::Text)),
            ("application/x-www-form-urlencoded", Some(Kind::Text)),
            ("application/json; charset=utf-8", Some(Kind::Json)),
            ("text/plain; charset=windows-1251", None),
            ("multipart/form-data; boundary=x", None),
            ("audio/wav", None),
            ("", None),
        ] {
            assert_eq!(kind(value).ok(), wanted, "{value}");
        }
    }

    #[test]
    fn the_text_of_json_is_a_field() {
        let fields = |pairs: &[(&str, &str)]| -> Fields {
            let owned = |(a, b): &(&str, &str)| (a.to_string(), b.to_string());
            pairs.iter().map(owned).collect()
        };
        assert_eq!(
            object(r#"{"text": "Да.", "priority": 5, "voice": "x"}"#),
            Ok(("Да.".into(), fields(&[("priority", "5"), ("voice", "x")])))
        );
        for (body, part) in [
            ("\"Да.\"", "an object"),
            ("{\"words\": \"Да.\"}", "no field \"text\""),
            ("{\"text\": [1]}", "\"text\" is a string"),
            ("{\"text\": \"Да.\"", "not JSON"),
        ] {
            let refusal = object(body).unwrap_err();
            assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
            assert!(
                refusal.message.contains(part),
                "{body}: {}",
                refusal.message
            );
        }
    }
}
