//! Announcements: /say, /cancel, /cancel-all and /events.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Request, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use cosyvoice3::{Language, Markup};
use hyper::body::{Bytes, Frame};
use tokio::{
    sync::{broadcast, mpsc},
    task::spawn_local,
    time::{Interval, interval},
};

use super::{
    content::{self, Fields},
    refusal::{Refusal, wrong},
};
use crate::{
    Service,
    announcements::{Effect, Events, Speech},
};

const INTERRUPTS: [&str; 3] = ["none", "sentence", "now"];
const LANGUAGES: [&str; 4] = ["auto", "ru", "en", "zh"];
const MARKUPS: [&str; 2] = ["none", "ssml"];
const FIELDS: [&str; 11] = [
    "voice",
    "instruct",
    "language",
    "markup",
    "speed",
    "seed",
    "priority",
    "interrupt",
    "volume",
    "repeat",
    "chime",
];
/// Interval of the comments that keep an event stream alive, and find out whether its client is there.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The routes.
pub fn router() -> Router<Service> {
    Router::new()
        .route("/say", post(say))
        .route("/cancel", post(cancel))
        .route("/cancel-all", post(cancel_all))
        .route("/events", get(events))
}

fn speech(service: &Service) -> Result<&Speech, Refusal> {
    service.speech.as_ref().ok_or_else(|| {
        let words = "announcements have no listeners here: start the server with --play or --rtsp";
        Refusal::new(StatusCode::NOT_FOUND, words).code("no_announcements")
    })
}

async fn say(State(service): State<Service>, request: Request<Body>) -> Result<Response, Refusal> {
    let speech = speech(&service)?;
    let content = content::read(request).await?;
    let (ours, its): (Fields, Fields) = content
        .fields
        .into_iter()
        .partition(|(name, _)| ["volume", "repeat", "chime"].contains(&name.as_str()));
    let find_voice = |name: &str| service.voices.find(name);
    let fields = fields(&content.text, &its, find_voice)?;
    let (effect, times) = effect(speech, &ours)?;
    check(&service, &fields)?;
    match speech.announce(&fields, &effect, times) {
        Some(id) => Ok(answer(&id.to_string())),
        None => {
            let words =
                "too many announcements are waiting, or the server is stopping: try again later";
            Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, words).code("not_queued"))
        }
    }
}

/// Refuses an announcement that the element could not speak, while its client is there to read the reason.
fn check(service: &Service, fields: &gst::Structure) -> Result<(), Refusal> {
    let mut settings = service.synthesis.settings();
    if let Ok(voice) = fields.get::<String>("voice") {
        settings.voice = Some(voice);
    }
    if let Ok(tag) = fields.get::<&str>("language") {
        settings.language = Language::from_tag(tag);
    }
    match fields.get::<&str>("markup") {
        Ok("ssml") => settings.markup = Markup::Ssml,
        Ok(_) => settings.markup = Markup::None,
        Err(_) => {}
    }
    let text = fields.get::<&str>("text").unwrap_or_default();
    service.synthesis.check_text(text, &settings, "text")
}

/// The effect on an announcement, and how many times it is said.
fn effect(speech: &Speech, fields: &Fields) -> Result<(Effect, u32), Refusal> {
    let mut effect = speech.usual_effect();
    let mut times = 1;
    for (name, value) in fields {
        match name.as_str() {
            "volume" => effect.gain = 10_f32.powf(in_range(name, value, -60.0, 12.0)? / 20.0),
            "repeat" => times = in_range(name, value, 1, 10)?,
            _ if value == "none" => effect.chime = None,
            _ => effect.chime = Some(speech.chime(value).ok_or_else(|| no_chime(speech, value))?),
        }
    }
    Ok((effect, times))
}

fn no_chime(speech: &Speech, name: &str) -> Refusal {
    let names: Vec<&str> = speech.chime_names().chain(["none"]).collect();
    let words = format!(
        "there is no chime {name:?}, but {} (files of --chimes)",
        names.join(", ")
    );
    wrong(words).param("chime").code("chime_not_found")
}

async fn cancel(State(service): State<Service>, uri: Uri) -> Result<Response, Refusal> {
    let id = match content::query(&uri)?.as_slice() {
        [(name, id)] if name == "id" => number(id).ok_or_else(|| {
            wrong(format!("id must be an announcement's number, not {id:?}")).param("id")
        })?,
        _ => return Err(wrong("the field id is missing: POST /cancel?id=NUMBER").param("id")),
    };
    match speech(&service)?.cancel(id) {
        true => Ok(answer("cancelled")),
        false => {
            let words = "no announcement of this number is waiting or being spoken";
            Err(Refusal::new(StatusCode::NOT_FOUND, words).code("announcement_not_found"))
        }
    }
}

async fn cancel_all(State(service): State<Service>, uri: Uri) -> Result<Response, Refusal> {
    if let [(name, _), ..] = content::query(&uri)?.as_slice() {
        return Err(wrong(format!("/cancel-all has no field {name:?}")).param(name));
    }
    Ok(answer(&speech(&service)?.cancel_all().to_string()))
}

fn answer(words: &str) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::ACCEPTED, kind, format!("{words}\n")).into_response()
}

/// The structure that the element's signal `say-full` takes.
fn fields(
    text: &str,
    fields: &Fields,
    find_voice: impl Fn(&str) -> Result<Option<String>, Refusal>,
) -> Result<gst::Structure, Refusal> {
    let mut wanted = gst::Structure::builder("say")
        .field("text", text.replace('\0', " "))
        .build();
    for (name, value) in fields {
        match name.as_str() {
            "voice" => {
                if let Some(voice) = find_voice(value)? {
                    wanted.set(name, voice);
                }
            }
            "instruct" => wanted.set(name, value.replace('\0', " ")),
            "language" => wanted.set(name, one_of(name, value, &LANGUAGES)?),
            "markup" => wanted.set(name, one_of(name, value, &MARKUPS)?),
            "interrupt" => wanted.set(name, one_of(name, value, &INTERRUPTS)?),
            "speed" => wanted.set(name, in_range(name, value, 0.5_f64, 2.0)?),
            "seed" => wanted.set(name, in_range(name, value, -1, i64::MAX)?),
            "priority" => wanted.set(name, in_range(name, value, i32::MIN, i32::MAX)?),
            _ => {
                let known = FIELDS.join(", ");
                return Err(wrong(format!("there is no field {name:?}, but {known}")).param(name));
            }
        }
    }
    Ok(wanted)
}

fn one_of<'a>(name: &str, value: &'a str, values: &[&str]) -> Result<&'a str, Refusal> {
    match values.contains(&value) {
        true => Ok(value),
        false => {
            let list = values.join(", ");
            Err(wrong(format!("{name} must be one of {list}, not {value:?}")).param(name))
        }
    }
}

fn in_range<T>(name: &str, value: &str, least: T, most: T) -> Result<T, Refusal>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let value_in_range = number(value).filter(|number| *number >= least && *number <= most);
    value_in_range.ok_or_else(|| {
        wrong(format!(
            "{name} must be a number from {least} to {most}, not {value:?}"
        ))
        .param(name)
    })
}

/// A number in digits, with at most a minus in front of it.
fn number<T: std::str::FromStr>(value: &str) -> Option<T> {
    let plain = !value.starts_with('+');
    plain.then(|| value.parse().ok()).flatten()
}

/// The announcements' progress as server-sent events.
async fn events(State(service): State<Service>) -> Result<Response, Refusal> {
    let events = speech(&service)?.events().clone();
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::new(News::new(&events))).into_response())
}

/// The body of an event stream. A client that falls too far behind gets the list anew.
struct News {
    lines: mpsc::Receiver<String>,
    heartbeat: Interval,
}

impl News {
    fn new(events: &Events) -> Self {
        let (sender, lines) = mpsc::channel(1);
        let events = events.clone();
        // On this thread; it ends with the body, which drops the receiver.
        spawn_local(async move {
            let (mut line, mut news) = events.subscribe();
            while sender.send(line).await.is_ok() {
                line = tokio::select! {
                    next = news.recv() => match next {
                        Ok(event) => event,
                        Err(broadcast::error::RecvError::Closed) => return,
                        Err(broadcast::error::RecvError::Lagged(_)) => {
                            let (list, again) = events.subscribe();
                            news = again;
                            list
                        }
                    },
                    () = sender.closed() => return,
                };
            }
        });
        Self {
            lines,
            heartbeat: interval(HEARTBEAT),
        }
    }
}

impl hyper::body::Body for News {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let line = match self.lines.poll_recv(context) {
            Poll::Ready(Some(line)) => format!("data: {line}\n\n"),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => {
                if self.heartbeat.poll_tick(context).is_pending() {
                    return Poll::Pending;
                }
                ": here\n\n".into()
            }
        };
        Poll::Ready(Some(Ok(Frame::data(line.into()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, value: &str) -> String {
        let find_voice = |name: &str| match name {
            "anna" => Ok(Some("anna".to_string())),
            _ => Err(wrong("there are anna, boris")),
        };
        let given = vec![(name.to_string(), value.to_string())];
        match fields("Да.", &given, find_voice) {
            Ok(_) => String::new(),
            Err(refusal) => {
                assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
                refusal.message
            }
        }
    }

    #[test]
    fn a_wrong_field_is_refused_with_the_values_that_are_allowed() {
        gst::init().unwrap();
        for (name, value, part) in [
            ("voice", "nobody", "anna, boris"),
            ("interrupt", "later", "none, sentence, now"),
            ("language", "de", "auto, ru, en, zh"),
            ("markup", "html", "none, ssml"),
            ("speed", "3", "from 0.5 to 2"),
            ("speed", "nan", "from 0.5 to 2"),
            ("seed", "-2", "from -1"),
            ("priority", "high", "a number from"),
            ("priority", "+5", "a number from"),
            ("priority", "9999999999", "to 2147483647"),
            (
                "pitch",
                "3",
                "voice, instruct, language, markup, speed, seed, priority, interrupt, volume, repeat, chime",
            ),
        ] {
            let words = refusal(name, value);
            assert!(words.contains(part), "{name}={value}: {words}");
        }
        for (name, value) in [
            ("voice", "anna"),
            ("priority", "-5"),
            ("interrupt", "now"),
            ("language", "ru"),
            ("markup", "ssml"),
            ("speed", "1.5"),
            ("seed", "-1"),
        ] {
            assert_eq!(refusal(name, value), "");
        }
    }
}
