//! OpenAI's speech API: /v1/audio/speech and /v1/models.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{
    Router,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{Request, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use cosyvoice3::{Language, Markup, Settings};
use hyper::body::{Bytes, Frame};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    content,
    refusal::{Refusal, wrong},
};
use crate::{
    Service,
    synthesis::{Chunk, Format, Sound},
};

/// Least and largest tempo.
const SPEED: (f64, f64) = (0.5, 2.0);
/// Names of OpenAI's models: many clients offer no others.
const THEIR_MODELS: [&str; 3] = ["tts-1", "tts-1-hd", "gpt-4o-mini-tts"];

/// The routes.
pub fn router() -> Router<Service> {
    Router::new()
        .route("/v1/audio/speech", post(speech))
        .route("/v1/models", get(models))
        .route("/v1/models/{name}", get(model))
}

/// A request for speech. Fields of other servers are ignored, since clients send some.
#[derive(Debug, Deserialize)]
struct Wanted {
    model: Option<String>,
    input: Option<String>,
    #[serde(default)]
    voice: Voice,
    response_format: Option<String>,
    speed: Option<f64>,
    instructions: Option<String>,
    stream_format: Option<String>,
    // Not OpenAI's:
    language: Option<String>,
    markup: Option<String>,
    seed: Option<u64>,
}

/// A voice by its name, or as an object of the voices' list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Voice {
    Name(String),
    Object { id: String },
    None(()),
}

impl Default for Voice {
    fn default() -> Self {
        Self::None(())
    }
}

impl Voice {
    fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Object { id: name } => name,
            Self::None(()) => "",
        }
    }
}

/// Form of the answer.
#[derive(Clone, Copy, PartialEq)]
enum Stream {
    /// The sound as it is.
    Audio,
    /// Server-sent events with the sound in base64.
    Events,
}

async fn speech(
    State(service): State<Service>,
    request: Request<Body>,
) -> Result<Response, Refusal> {
    let wanted: Wanted = content::json(request).await?;
    let format = format(&wanted)?;
    let stream = stream(&wanted)?;
    check_model(&service, wanted.model.as_deref())?;
    let settings = settings(&service, &wanted)?;
    let input = wanted.input.ok_or_else(|| missing("input"))?;
    let text = input.replace('\0', " ");
    let mut sound = service.synthesis.begin(text, settings, format)?;
    // Failures come before the first sound, so that the status is the truth.
    let first = sound
        .next()
        .await
        .ok_or_else(|| wrong("there is nothing to say in this text"))??;
    let answer = Answer {
        first: Some(first),
        sound,
        stream,
        ended: false,
        samples: 0,
        characters: input.chars().count(),
    };
    let kind = match stream {
        Stream::Audio => format.content_type(),
        Stream::Events => "text/event-stream",
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::new(answer)).into_response())
}

fn missing(field: &str) -> Refusal {
    wrong(format!("the field {field:?} is missing"))
        .param(field)
        .code("missing_field")
}

/// A field that has none of its values.
fn not_one_of<'a>(field: &str, value: &str, names: impl IntoIterator<Item = &'a str>) -> Refusal {
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    wrong(format!("{field} must be one of {names}, not {value:?}"))
        .param(field)
        .code("invalid_value")
}

fn format(wanted: &Wanted) -> Result<Format, Refusal> {
    // OpenAI's default is mp3 too; without its encoder wav serves those who do not ask.
    let Some(name) = wanted.response_format.as_deref() else {
        return Ok(match gst::ElementFactory::find("lamemp3enc") {
            Some(_) => Format::Mp3,
            None => Format::Wav,
        });
    };
    let found = Format::NAMES.iter().find(|(known, _)| *known == name);
    let names = Format::NAMES.iter().map(|(name, _)| *name);
    found
        .map(|(_, format)| *format)
        .ok_or_else(|| not_one_of("response_format", name, names))
}

fn stream(wanted: &Wanted) -> Result<Stream, Refusal> {
    match wanted.stream_format.as_deref() {
        None | Some("audio") => Ok(Stream::Audio),
        Some("sse") => Ok(Stream::Events),
        Some(other) => Err(not_one_of("stream_format", other, ["audio", "sse"])),
    }
}

fn settings(service: &Service, wanted: &Wanted) -> Result<Settings, Refusal> {
    let mut settings = service.synthesis.settings();
    if let Some(voice) = service.voices.find(wanted.voice.name())? {
        settings.voice = Some(voice);
    }
    if let Some(speed) = wanted.speed {
        let (least, most) = SPEED;
        if !(least..=most).contains(&speed) {
            let words = format!("speed must be a number from {least} to {most}, not {speed}");
            return Err(wrong(words).param("speed").code("invalid_value"));
        }
        settings.speed = speed;
    }
    if let Some(words) = wanted
        .instructions
        .as_deref()
        .filter(|words| !words.trim().is_empty())
    {
        settings.instruct = Some(words.replace('\0', " "));
    }
    if let Some(tag) = wanted.language.as_deref().filter(|tag| *tag != "auto") {
        let language = Language::from_tag(tag);
        settings.language =
            Some(language.ok_or_else(|| not_one_of("language", tag, ["auto", "ru", "en", "zh"]))?);
    }
    match wanted.markup.as_deref() {
        None => {}
        Some("none") => settings.markup = Markup::None,
        Some("ssml") => settings.markup = Markup::Ssml,
        Some(other) => return Err(not_one_of("markup", other, ["none", "ssml"])),
    }
    if let Some(seed) = wanted.seed {
        settings.seed = seed;
    }
    Ok(settings)
}

/// Names by which clients may ask for the model that is loaded.
fn model_names(service: &Service) -> impl Iterator<Item = &str> {
    ["cosyvoice3", service.voices.model()]
        .into_iter()
        .chain(THEIR_MODELS)
}

fn check_model(service: &Service, name: Option<&str>) -> Result<(), Refusal> {
    let Some(name) = name else { return Ok(()) };
    if model_names(service).any(|known| known == name) {
        return Ok(());
    }
    let names = model_names(service).collect::<Vec<_>>().join(", ");
    let words = format!("there is no model {name:?}; {names} are names of the one that is loaded");
    Err(Refusal::new(StatusCode::NOT_FOUND, words)
        .param("model")
        .code("model_not_found"))
}

/// A JSON object as an answer.
pub fn answer(value: &Value) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        value.to_string(),
    )
        .into_response()
}

fn described(name: &str) -> Value {
    json!({ "id": name, "object": "model", "created": 0, "owned_by": "cosyvoice3src" })
}

async fn models(State(service): State<Service>) -> Response {
    let data: Vec<Value> = model_names(&service).map(described).collect();
    answer(&json!({ "object": "list", "data": data }))
}

async fn model(
    State(service): State<Service>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let Path(name) = name?;
    check_model(&service, Some(&name))?;
    Ok(answer(&described(&name)))
}

/// The body of an answer: sound, as it is made.
struct Answer {
    first: Option<Chunk>,
    sound: Sound,
    stream: Stream,
    ended: bool,
    /// For OpenAI's account of the usage.
    samples: u64,
    characters: usize,
}

impl Answer {
    fn form(&mut self, chunk: Chunk) -> Bytes {
        self.samples = chunk.end;
        match self.stream {
            Stream::Audio => chunk.bytes,
            Stream::Events => {
                let audio = BASE64_STANDARD.encode(&chunk.bytes);
                event(&json!({ "type": "speech.audio.delta", "audio": audio }))
            }
        }
    }

    /// The last event: characters count as tokens of the input, codes of the speech (25 a second) as tokens of the output.
    fn last_event(&self) -> Bytes {
        let output = self.samples as usize / cosyvoice3::SAMPLES_PER_TOKEN;
        let usage = json!({
            "input_tokens": self.characters,
            "output_tokens": output,
            "total_tokens": self.characters + output,
        });
        event(&json!({ "type": "speech.audio.done", "usage": usage }))
    }
}

fn event(value: &Value) -> Bytes {
    format!("data: {value}\n\n").into()
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = match self.first.take() {
            Some(first) => Some(Ok(first)),
            None => ready!(self.sound.poll(context)),
        };
        Poll::Ready(match next {
            Some(Ok(chunk)) => Some(Ok(Frame::data(self.form(chunk)))),
            // The status is sent already: the connection ends before the answer does, and clients notice that.
            Some(Err(refusal)) => {
                self.ended = true;
                Some(Err(std::io::Error::other(refusal.message)))
            }
            None if self.stream == Stream::Events => {
                self.ended = true;
                Some(Ok(Frame::data(self.last_event())))
            }
            None => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(json: &str) -> Wanted {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_voice_is_a_name_or_an_object_and_may_be_left_out() {
        assert_eq!(wanted(r#"{"voice": "anna"}"#).voice.name(), "anna");
        assert_eq!(wanted(r#"{"voice": {"id": "anna"}}"#).voice.name(), "anna");
        assert_eq!(wanted(r#"{"voice": null}"#).voice.name(), "");
        assert_eq!(wanted("{}").voice.name(), "");
    }

    #[test]
    fn a_wrong_format_is_refused_with_those_that_there_are() {
        let refusal = format(&wanted(r#"{"response_format": "ogg"}"#)).unwrap_err();
        assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
        assert_eq!(refusal.param.as_deref(), Some("response_format"));
        assert!(
            refusal.message.contains("wav, pcm, mp3, opus, flac, aac"),
            "{}",
            refusal.message
        );
        assert!(stream(&wanted(r#"{"stream_format": "ws"}"#)).is_err());
    }
}
