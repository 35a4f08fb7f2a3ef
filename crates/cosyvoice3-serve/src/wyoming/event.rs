//! Events of the protocol: a line of JSON, further JSON behind it, and bytes behind that.

use std::io;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Longest line, longest further JSON, and longest payload that is read over.
const MAX_LINE: u64 = 64 * 1024;
const MAX_DATA: usize = 256 * 1024;
const MAX_PAYLOAD: u64 = 1 << 20;

/// An event of a client.
#[derive(Debug, PartialEq)]
pub struct Event {
    pub kind: String,
    pub data: Map<String, Value>,
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Option<Map<String, Value>>,
    #[serde(default)]
    data_length: Option<usize>,
    #[serde(default)]
    payload_length: Option<u64>,
}

impl Event {
    /// A string of the data; empty where there is none.
    pub fn string(&self, name: &str) -> &str {
        self.data
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// Reads an event; `None` at the end of the connection.
///
/// # Errors
/// It is too long or none at all; what follows cannot be understood any more.
pub async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Event>> {
    let mut line = Vec::new();
    if (&mut *from)
        .take(MAX_LINE)
        .read_until(b'\n', &mut line)
        .await?
        == 0
    {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(wrong(format!(
            "an event is a line of JSON of at most {} KiB",
            MAX_LINE / 1024
        )));
    }
    let header: Header = serde_json::from_slice(&line)
        .map_err(|error| wrong(format!("an event is a line of JSON: {error}")))?;
    let mut data = header.data.unwrap_or_default();
    if let Some(length) = header.data_length.filter(|length| *length > 0) {
        if length > MAX_DATA {
            return Err(wrong(format!(
                "the data of an event have at most {} KiB",
                MAX_DATA / 1024
            )));
        }
        let mut bytes = vec![0; length];
        from.read_exact(&mut bytes).await?;
        let more: Map<String, Value> = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("the data of an event are a JSON object: {error}")))?;
        data.extend(more);
    }
    if let Some(length) = header.payload_length.filter(|length| *length > 0) {
        if length > MAX_PAYLOAD {
            return Err(wrong(format!(
                "the payload of an event has at most {} KiB",
                MAX_PAYLOAD / 1024
            )));
        }
        let read = tokio::io::copy(&mut (&mut *from).take(length), &mut tokio::io::sink()).await?;
        if read < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Some(Event {
        kind: header.kind,
        data,
    }))
}

fn wrong(words: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, words)
}

/// The bytes of an event.
pub fn write(kind: &str, data: &Value, payload: &[u8]) -> Vec<u8> {
    let data = match data {
        Value::Null => String::new(),
        data => data.to_string(),
    };
    let header = json!({
        "type": kind,
        "version": env!("CARGO_PKG_VERSION"),
        "data_length": data.len(),
        "payload_length": payload.len(),
    });
    let mut bytes = format!("{header}\n{data}").into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(bytes: &[u8]) -> Vec<io::Result<Event>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut from = bytes;
            let mut events = Vec::new();
            while let Some(event) = read(&mut from).await.transpose() {
                let failed = event.is_err();
                events.push(event);
                if failed {
                    break;
                }
            }
            events
        })
    }

    #[test]
    fn an_event_comes_with_its_data_in_the_line_or_behind_it() {
        let mut bytes =
            b"{\"type\": \"describe\"}\n{\"type\": \"synthesize\", \"data\": {\"text\": \"A\"}}\n"
                .to_vec();
        bytes.extend(write("synthesize", &json!({ "text": "Да." }), b"payload"));
        bytes.extend(write("ping", &Value::Null, b""));
        let events: Vec<Event> = read_all(&bytes).into_iter().map(Result::unwrap).collect();
        let seen: Vec<(&str, &str)> = events
            .iter()
            .map(|event| (event.kind.as_str(), event.string("text")))
            .collect();
        assert_eq!(
            seen,
            [
                ("describe", ""),
                ("synthesize", "A"),
                ("synthesize", "Да."),
                ("ping", "")
            ]
        );
    }

    #[test]
    fn what_is_no_event_or_too_long_ends_the_connection_with_a_reason() {
        let long = [b"{".to_vec(), vec![b'x'; 100_000]].concat();
        for (bytes, part) in [
            (&b"hello\n"[..], "a line of JSON"),
            (b"{}\n", "type"),
            (&long, "at most 64 KiB"),
            (
                b"{\"type\": \"x\", \"data_length\": 999999999}\n",
                "at most 256 KiB",
            ),
            (
                b"{\"type\": \"x\", \"payload_length\": 999999999}\n",
                "at most 1024 KiB",
            ),
            (b"{\"type\": \"x\", \"data_length\": 2}\n[]", "JSON object"),
        ] {
            let error = read_all(bytes).pop().unwrap().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
