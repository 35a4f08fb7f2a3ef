//! A client that reads an answer as it comes.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use serde_json::Value;

use crate::{PATIENCE, server::Server};

/// An answer whose head has come.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    stream: BufReader<TcpStream>,
    chunked: bool,
    left: usize,
}

/// Sends a request; returns once the head of the answer has come.
#[track_caller]
pub fn send(server: &Server, method: &str, path: &str, fields: &str, body: &str) -> Answer {
    send_to(server.http(), method, path, fields, body).expect("an answer")
}

/// The same to an address; `None` where nothing answers there.
pub fn send_to(
    address: &str,
    method: &str,
    path: &str,
    fields: &str,
    body: &str,
) -> Option<Answer> {
    send_bytes(address, method, path, fields, body.as_bytes())
}

/// The same with any bytes as the body.
pub fn send_bytes(
    address: &str,
    method: &str,
    path: &str,
    fields: &str,
    body: &[u8],
) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n{fields}\r\n"
    );
    let request = [request.as_bytes(), body].concat();
    stream.write_all(&request).ok()?;
    Answer::read(stream)
}

/// Asks for speech, with `wanted` as the JSON object.
#[track_caller]
pub fn speak(server: &Server, wanted: &Value) -> Answer {
    speak_at(server.http(), wanted).expect("an answer")
}

/// The same at an address; `None` where nothing answers there.
pub fn speak_at(address: &str, wanted: &Value) -> Option<Answer> {
    let json = "Content-Type: application/json\r\n";
    send_to(
        address,
        "POST",
        "/v1/audio/speech",
        json,
        &wanted.to_string(),
    )
}

/// GETs a JSON object.
#[track_caller]
pub fn get(server: &Server, path: &str) -> Value {
    let answer = send(server, "GET", path, "", "");
    assert_eq!(answer.status, 200, "{path}");
    answer.json()
}

impl Answer {
    /// Waits for the head of an answer.
    pub fn read(stream: TcpStream) -> Option<Self> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            line.clear();
            stream.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.to_string()));
        }
        let header = |name: &str| {
            let found = headers.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        let chunked = header("transfer-encoding") == Some("chunked");
        let left = header("content-length").and_then(|length| length.parse().ok());
        Some(Self {
            status,
            chunked,
            left: left.unwrap_or(0),
            headers,
            stream,
        })
    }

    /// A header of the answer.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The next chunk; `None` at the end. Fails where the connection ends before the answer does.
    #[track_caller]
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        self.try_chunk().expect("a whole answer")
    }

    fn try_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let length = match self.chunked {
            false => std::mem::take(&mut self.left),
            true => {
                let mut line = String::new();
                self.stream.read_line(&mut line)?;
                usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?
            }
        };
        let mut chunk = vec![0; length];
        self.stream.read_exact(&mut chunk)?;
        if self.chunked {
            self.stream.read_exact(&mut [0; 2])?;
        }
        Ok((length > 0).then_some(chunk))
    }

    /// The whole body; `None` where the connection ends before it does.
    pub fn whole(mut self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            match self.try_chunk() {
                Ok(Some(chunk)) => bytes.extend(chunk),
                Ok(None) => return Some(bytes),
                Err(_) => return None,
            }
        }
    }

    /// All that is left of the body.
    #[track_caller]
    pub fn bytes(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk() {
            bytes.extend(chunk);
        }
        bytes
    }

    #[track_caller]
    pub fn text(self) -> String {
        String::from_utf8(self.bytes()).expect("UTF-8")
    }

    #[track_caller]
    pub fn json(self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("JSON: {text}"))
    }

    /// The error of a refusal, which has the shape of OpenAI's.
    #[track_caller]
    pub fn error(self, status: u16) -> Value {
        let answered = self.status;
        let body = self.json();
        assert_eq!(answered, status, "{body}");
        let error = &body["error"];
        assert!(
            error["message"].is_string() && error["type"].is_string(),
            "{body}"
        );
        assert!(
            error.get("param").is_some() && error.get("code").is_some(),
            "{body}"
        );
        error.clone()
    }
}
