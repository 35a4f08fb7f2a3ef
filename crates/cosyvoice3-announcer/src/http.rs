//! Announcements by HTTP: one request a connection, in a thread of its own.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::speech::Speech;

/// Longest announcement, in bytes.
const MAX_BODY: u64 = 64 * 1024;
/// Longest request line and header together, in bytes.
const MAX_HEAD: u64 = 8 * 1024;
/// Further clients are turned away.
const MAX_CLIENTS: usize = 16;
/// A client that is silent for so long is gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves until the program ends.
pub fn serve(address: SocketAddr, speech: Speech) -> Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("listening at {address}"))?;
    println!("http://{}/say", listener.local_addr()?);
    thread::spawn(move || {
        let clients = Arc::new(());
        for stream in listener.incoming().flatten() {
            let client = clients.clone();
            if Arc::strong_count(&clients) > MAX_CLIENTS + 1 {
                let _ = answer(&stream, &Err((503, "too many clients".into())));
                continue;
            }
            let speech = speech.clone();
            thread::spawn(move || {
                let _client = client;
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let _ = stream.set_write_timeout(Some(PATIENCE));
                let reply = Request::read(&stream, &stream).and_then(|r| act(&r, &speech));
                let _ = answer(&stream, &reply);
            });
        }
    });
    Ok(())
}

/// A status and why.
type Refusal = (u16, String);

/// What a client wants.
#[derive(Debug, PartialEq)]
struct Request {
    path: String,
    query: Vec<(String, String)>,
    body: String,
}

impl Request {
    /// Reads it from `client`; asks for the body by `back` where the client waits for that.
    fn read(client: impl Read, mut back: impl Write) -> Result<Self, Refusal> {
        let refuse = |status, why: &str| Err((status, why.to_string()));
        let incomplete = |_| (400, "the request is incomplete".to_string());
        let mut reader = BufReader::new(client.take(MAX_HEAD));
        let mut head = Vec::new();
        loop {
            let mut line = Vec::new();
            reader.read_until(b'\n', &mut line).map_err(incomplete)?;
            if line.pop() != Some(b'\n') {
                return refuse(431, "the request has no end, or too long a head");
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_string();
            if line.is_empty() {
                break;
            }
            head.push(line);
        }
        let Some((line, fields)) = head.split_first() else {
            return refuse(400, "the request is empty");
        };
        let mut words = line.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return refuse(400, "the request line is not HTTP");
        };
        if method != "POST" {
            return refuse(405, "POST the text");
        }
        let mut length: Option<u64> = None;
        for field in fields {
            let Some((name, value)) = field.split_once(':') else {
                return refuse(400, "a field of the head without a colon");
            };
            match (name.to_ascii_lowercase().as_str(), value.trim()) {
                ("content-length", value) => length = value.parse().ok(),
                ("expect", _) => back
                    .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                    .map_err(incomplete)?,
                // Browsers say where a page comes from; none has business here.
                ("origin", _) => return refuse(403, "not from a web page"),
                _ => {}
            }
        }
        let length = match length {
            Some(length) if length <= MAX_BODY => length,
            Some(_) => return refuse(413, "the text is longer than 64 KiB"),
            None => return refuse(411, "the length of the text is missing"),
        };
        // The limit was for the head; what is buffered already counts for the body.
        let buffered = reader.buffer().len() as u64;
        reader.get_mut().set_limit(length.saturating_sub(buffered));
        let mut body = Vec::new();
        reader
            .take(length)
            .read_to_end(&mut body)
            .map_err(incomplete)?;
        if (body.len() as u64) < length {
            return refuse(400, "the text is shorter than announced");
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Ok(Self {
            path: path.into(),
            query: query
                .split('&')
                .filter(|field| !field.is_empty())
                .map(|field| field.split_once('=').unwrap_or((field, "")))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

/// What `%41`, `+` and their like stand for.
fn decode(encoded: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = encoded.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = after;
        bytes.push(match (byte, hex) {
            (b'%', Some(value)) => {
                rest = &after[2..];
                value
            }
            (b'+', _) => b' ',
            _ => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn act(request: &Request, speech: &Speech) -> Result<String, Refusal> {
    match request.path.as_str() {
        "/say" => {
            let fields = fields(request)?;
            let full = || {
                (
                    503,
                    "too many announcements wait, or a field is wrong".into(),
                )
            };
            speech
                .say_full(fields)
                .map(|id| id.to_string())
                .ok_or_else(full)
        }
        "/cancel" => {
            let id = request.query.iter().find(|(name, _)| name == "id");
            let id = id
                .and_then(|(_, id)| id.parse().ok())
                .ok_or_else(|| (400, "which? /cancel?id=NUMBER".to_string()))?;
            match speech.cancel(id) {
                true => Ok("cancelled".into()),
                false => Err((404, "it is not waiting, nor being said".into())),
            }
        }
        "/cancel-all" => Ok(speech.cancel_all().to_string()),
        _ => Err((404, "there are /say, /cancel and /cancel-all".into())),
    }
}

/// The structure that the element's signal `say-full` takes.
fn fields(request: &Request) -> Result<gst::Structure, Refusal> {
    if request.body.trim().is_empty() {
        return Err((400, "there is nothing to say".into()));
    }
    let mut fields = gst::Structure::builder("say")
        .field("text", request.body.replace('\0', " "))
        .build();
    for (name, value) in &request.query {
        match name.as_str() {
            "voice" | "instruct" => fields.set(name, value.replace('\0', " ")),
            "interrupt" if ["none", "sentence", "now"].contains(&value.as_str()) => {
                fields.set(name, value)
            }
            "interrupt" => return Err((400, "interrupt is none, sentence or now".into())),
            "priority" => {
                let priority: i32 = value
                    .parse()
                    .map_err(|_| (400, "priority is a number".to_string()))?;
                fields.set(name, priority);
            }
            _ => return Err((400, format!("there is no field {name}"))),
        }
    }
    Ok(fields)
}

fn answer(mut stream: &TcpStream, reply: &Result<String, Refusal>) -> std::io::Result<()> {
    let (status, words) = match reply {
        Ok(words) => (202, words),
        Err((status, words)) => (*status, words),
    };
    let reason = if status < 300 { "Accepted" } else { "Refused" };
    write!(
        stream,
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{words}\n",
        words.len() + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(request: &str) -> Result<Request, Refusal> {
        Request::read(request.as_bytes(), Vec::new())
    }

    #[test]
    fn path_fields_and_text_are_read() {
        let request = read(
            "POST /say?voice=anna&instruct=very+slowly%21 HTTP/1.1\r\nContent-Length: 5\r\n\r\nДа.and more",
        );
        let (voice, instruct) = ("anna".to_string(), "very slowly!".to_string());
        let wanted = Request {
            path: "/say".into(),
            query: vec![("voice".into(), voice), ("instruct".into(), instruct)],
            body: "Да.".into(),
        };
        assert_eq!(request.unwrap(), wanted);
    }

    #[test]
    fn a_text_longer_than_the_head_may_be_is_read_whole() {
        let text = "слово ".repeat(2000);
        let request = format!(
            "POST /say HTTP/1.1\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        assert_eq!(read(&request).unwrap().body, text);
    }

    #[test]
    fn a_client_that_waits_for_leave_gets_it() {
        let mut back = Vec::new();
        let request = "POST /say HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx";
        Request::read(request.as_bytes(), &mut back).unwrap();
        assert!(back.starts_with(b"HTTP/1.1 100 "));
    }

    #[test]
    fn what_is_wrong_is_refused_by_its_status() {
        let long = format!("POST /say HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(10_000));
        for (request, status) in [
            ("", 431),
            ("\r\n", 400),
            ("POST /say", 431),
            (long.as_str(), 431),
            ("GET /say HTTP/1.1\r\n\r\n", 405),
            ("POST /say HTTP/1.1\r\n\r\nx", 411),
            ("POST /say HTTP/1.1\r\nContent-Length: 9\r\n\r\nx", 400),
            (
                "POST /say HTTP/1.1\r\nContent-Length: 99999999\r\n\r\nx",
                413,
            ),
            (
                "POST /say HTTP/1.1\r\nOrigin: http://x\r\nContent-Length: 1\r\n\r\nx",
                403,
            ),
        ] {
            let refusal = read(request).unwrap_err();
            assert_eq!(refusal.0, status, "{request:?}: {}", refusal.1);
        }
    }
}
