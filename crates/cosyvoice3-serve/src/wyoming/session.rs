//! One connection: what its client asks for, and the speech that it gets.

use std::{collections::VecDeque, io, time::Duration};

use cosyvoice3::{IncrementalText, Markup, SAMPLE_RATE, Settings};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    task::spawn_local,
    time::timeout,
};

use super::event::{self, Event};
use crate::{
    Service,
    http::{Refusal, wrong},
    synthesis::{Chunk, Format, Sound},
};

/// A connection on which nothing happens for so long is closed.
const IDLE: Duration = Duration::from_secs(600);
/// Events that may wait while speech is written.
const WAITING: usize = 16;
/// Sentences of a stream that may wait; the client's further ones wait in its socket.
const SENTENCES: usize = 8;

type Received = io::Result<Event>;

/// Serves one client until it leaves. Calls `settle` with true while it is being spoken to.
pub async fn converse(stream: TcpStream, service: &Service, settle: impl Fn(bool)) {
    let (from, to) = stream.into_split();
    let (sender, events) = mpsc::channel(WAITING);
    // On this thread; it ends with the connection, or when the session drops the receiver.
    spawn_local(receive(from, sender));
    let mut session = Session {
        service,
        to,
        events,
        stream: None,
        pending: VecDeque::new(),
    };
    let ended = session.run(&settle).await;
    if let Err(error) = ended
        && error.kind() == io::ErrorKind::InvalidData
    {
        let _ = session
            .send(
                "error",
                &json!({ "text": error.to_string(), "code": "malformed_event" }),
                &[],
            )
            .await;
    }
}

async fn receive(from: OwnedReadHalf, sender: mpsc::Sender<Received>) {
    let mut from = BufReader::new(from);
    loop {
        let event = tokio::select! {
            event = event::read(&mut from) => event,
            () = sender.closed() => return,
        };
        let (event, ends) = match event {
            Ok(Some(event)) => (Ok(event), false),
            Ok(None) => return,
            Err(error) => (Err(error), true),
        };
        if sender.send(event).await.is_err() || ends {
            return;
        }
    }
}

/// A text that comes in chunks.
struct Stream {
    settings: Settings,
    text: IncrementalText,
    /// A document is complete at its end only.
    document: Option<String>,
    sentences: VecDeque<String>,
    /// The client has sent all of it.
    complete: bool,
}

struct Session<'a> {
    service: &'a Service,
    to: OwnedWriteHalf,
    events: mpsc::Receiver<Received>,
    stream: Option<Stream>,
    /// Events that came while speech was written.
    pending: VecDeque<Event>,
}

impl Session<'_> {
    async fn run(&mut self, settle: &impl Fn(bool)) -> io::Result<()> {
        loop {
            let event = match self.pending.pop_front() {
                Some(event) => event,
                None => match timeout(IDLE, self.events.recv()).await {
                    Ok(Some(event)) => event?,
                    Ok(None) | Err(_) => return Ok(()),
                },
            };
            settle(true);
            self.take(event).await?;
            while self.stream.is_some() {
                self.speak_stream().await?;
            }
            settle(false);
        }
    }

    async fn take(&mut self, event: Event) -> io::Result<()> {
        match event.kind.as_str() {
            "describe" => self.send("info", &self.info(), &[]).await,
            "ping" => self.send("pong", &Value::Object(event.data), &[]).await,
            "synthesize" => {
                let text = event.string("text").to_string();
                match self.settings(&event) {
                    Ok(settings) => {
                        let mut started = false;
                        self.speak(text, settings, &mut started).await?;
                        self.stop(started).await
                    }
                    Err(refusal) => self.refuse(&refusal).await,
                }
            }
            "synthesize-start" => match self.settings(&event) {
                Ok(settings) => {
                    self.stream = Some(Stream {
                        document: (settings.markup != Markup::None).then(String::new),
                        settings,
                        text: IncrementalText::new(),
                        sentences: VecDeque::new(),
                        complete: false,
                    });
                    Ok(())
                }
                Err(refusal) => self.refuse(&refusal).await,
            },
            // Those of other services, and of later versions.
            _ => Ok(()),
        }
    }

    /// Speaks a text that comes in chunks, sentence by sentence, while more of it comes.
    async fn speak_stream(&mut self) -> io::Result<()> {
        let mut started = false;
        loop {
            let next = self.stream.as_mut().and_then(|stream| {
                stream
                    .sentences
                    .pop_front()
                    .map(|text| (text, stream.settings.clone()))
            });
            if let Some((text, settings)) = next {
                self.speak(text, settings, &mut started).await?;
                continue;
            }
            if self.stream.as_ref().is_none_or(|stream| stream.complete) {
                break;
            }
            let event = self
                .events
                .recv()
                .await
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            self.note(event?)?;
        }
        self.stream = None;
        self.stop(started).await?;
        self.send("synthesize-stopped", &Value::Null, &[]).await
    }

    /// Notes an event that comes while speech is made: of a stream, or for later. A `synthesize` in a stream is for servers that know no streams.
    fn note(&mut self, event: Event) -> io::Result<()> {
        let most = self.service.limits.max_text as usize;
        let Some(stream) = self.stream.as_mut().filter(|stream| !stream.complete) else {
            self.pending.push_back(event);
            return Ok(());
        };
        match event.kind.as_str() {
            "synthesize-chunk" => match &mut stream.document {
                Some(document) if document.len() + event.string("text").len() > 4 * most => {
                    let words = format!("a document has at most {most} characters");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, words));
                }
                Some(document) => document.push_str(event.string("text")),
                None => stream
                    .sentences
                    .extend(stream.text.push(event.string("text").as_bytes())),
            },
            "synthesize-stop" => {
                stream.complete = true;
                match stream.document.take() {
                    Some(document) => stream.sentences.push_back(document),
                    None => stream.sentences.extend(stream.text.finish()),
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Speaks a text to its end, unless the client leaves. What cannot be spoken is an `error` event, and the session goes on.
    async fn speak(
        &mut self,
        text: String,
        settings: Settings,
        started: &mut bool,
    ) -> io::Result<()> {
        let mut sound = match self.service.synthesis.begin(text, settings, Format::Pcm) {
            Ok(sound) => sound,
            Err(refusal) => return self.refuse(&refusal).await,
        };
        while let Some(chunk) = self.next(&mut sound).await? {
            match chunk {
                Ok(chunk) => self.send_sound(&chunk, started).await?,
                Err(refusal) => return self.refuse(&refusal).await,
            }
        }
        Ok(())
    }

    /// Waits for speech, and for what the client sends meanwhile: it may leave, or send more of a stream.
    async fn next(&mut self, sound: &mut Sound) -> io::Result<Option<Result<Chunk, Refusal>>> {
        loop {
            let room = match &self.stream {
                Some(stream) if !stream.complete => stream.sentences.len() < SENTENCES,
                _ => self.pending.len() < WAITING,
            };
            let event = match room {
                true => tokio::select! {
                    biased;
                    chunk = sound.next() => return Ok(chunk),
                    event = self.events.recv() => event,
                },
                // That the client has left is seen although further events wait.
                false => tokio::select! {
                    biased;
                    chunk = sound.next() => return Ok(chunk),
                    () = self.left() => None,
                },
            };
            self.note(event.ok_or(io::ErrorKind::UnexpectedEof)??)?;
        }
    }

    /// Waits until the client has left, with its events taken or not.
    async fn left(&self) {
        loop {
            if self.events.is_closed() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn send_sound(&mut self, chunk: &Chunk, started: &mut bool) -> io::Result<()> {
        let format = json!({ "rate": SAMPLE_RATE, "width": 2, "channels": 1 });
        if !std::mem::replace(started, true) {
            self.send("audio-start", &format, &[]).await?;
        }
        self.send("audio-chunk", &format, &chunk.bytes).await
    }

    /// Ends the sound, also where none came: clients wait for it.
    async fn stop(&mut self, started: bool) -> io::Result<()> {
        match started {
            true => self.send("audio-stop", &Value::Null, &[]).await,
            false => Ok(()),
        }
    }

    async fn refuse(&mut self, refusal: &Refusal) -> io::Result<()> {
        let data = json!({ "text": refusal.message, "code": refusal.code });
        self.send("error", &data, &[]).await
    }

    /// Sends an event. A client that takes nothing for too long is left.
    async fn send(&mut self, kind: &str, data: &Value, payload: &[u8]) -> io::Result<()> {
        let bytes = event::write(kind, data, payload);
        let sent = timeout(self.service.limits.stall(), self.to.write_all(&bytes)).await;
        sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Settings by the fields `voice` and `text_format` of an event.
    fn settings(&self, event: &Event) -> Result<Settings, Refusal> {
        let mut settings = self.service.synthesis.settings();
        let voice = event.data.get("voice").and_then(Value::as_object);
        let field = |name: &str| {
            voice
                .and_then(|voice| voice.get(name))
                .and_then(Value::as_str)
        };
        if let Some(voice) = self
            .service
            .voices
            .find(field("name").unwrap_or_default())?
        {
            settings.voice = Some(voice);
        } else if let Some(voice) =
            field("language").and_then(|tag| self.service.voices.for_language(tag))
        {
            settings.voice = Some(voice);
        }
        match event.string("text_format") {
            "" | "text" => {}
            "ssml" => settings.markup = Markup::Ssml,
            other => {
                return Err(
                    wrong(format!("text_format must be text or ssml, not {other:?}"))
                        .code("invalid_value"),
                );
            }
        }
        Ok(settings)
    }

    /// The description of this server and its voices.
    fn info(&self) -> Value {
        let attribution = json!({ "name": "cosyvoice3src", "url": env!("CARGO_PKG_REPOSITORY") });
        let languages = self.service.voices.languages();
        let voices: Vec<Value> = self
            .service
            .voices
            .describe()
            .into_iter()
            .map(|voice| {
                let own = voice.language.map_or_else(
                    || languages.iter().map(|tag| tag.to_string()).collect(),
                    |language| vec![language],
                );
                json!({
                    "name": voice.name,
                    "languages": own,
                    "attribution": attribution,
                    "installed": true,
                    "description": voice.name,
                    "version": null,
                    "speakers": null,
                })
            })
            .collect();
        json!({ "tts": [{
            "name": "cosyvoice3",
            "attribution": attribution,
            "installed": true,
            "description": "CosyVoice3 text to speech",
            "version": env!("CARGO_PKG_VERSION"),
            "voices": voices,
            "supports_synthesize_streaming": true,
        }]})
    }
}
