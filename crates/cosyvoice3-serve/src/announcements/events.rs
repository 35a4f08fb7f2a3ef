//! Progress of the announcements, for clients that follow it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Map, Value, json};
use tokio::sync::broadcast;

/// Progress of an announcement, as events and metrics name it.
pub const PROGRESS: [&str; 5] = ["queued", "started", "finished", "cancelled", "failed"];

/// Events that a client which does not read may fall behind.
const KEPT: usize = 256;

/// The announcements that wait or are being said, and the news of them.
#[derive(Clone)]
pub struct Events(Arc<State>);

struct State {
    known: Mutex<Known>,
    news: broadcast::Sender<String>,
}

#[derive(Default)]
struct Known {
    /// By number: the announcement as clients see it.
    live: BTreeMap<u64, Value>,
    /// Announcements that have come so far since the start, in the order of [`PROGRESS`].
    counts: [u64; PROGRESS.len()],
    seconds: Seconds,
}

/// Sums over the announcements that have ended, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seconds {
    /// Of speech that was heard.
    pub speech: f64,
    /// Of its synthesis.
    pub synthesis: f64,
    /// From the acceptance of each to its first sound, of those that were heard.
    pub first_audio: f64,
}

impl Seconds {
    /// Adds what the message of an announcement's end says.
    fn add(&mut self, ended: &gst::StructureRef) {
        let time = |field| {
            let time = ended.get::<gst::ClockTime>(field).unwrap_or_default();
            time.nseconds() as f64 / 1e9
        };
        self.speech += time("duration");
        self.synthesis += time("synthesis-duration");
        self.first_audio += ended.get::<f64>("first-audio").unwrap_or_default();
    }
}

/// Numbers of announcements.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counts {
    /// Those that wait or are being said.
    pub live: usize,
    /// Those that have come so far since the start, in the order of [`PROGRESS`].
    pub progress: [u64; PROGRESS.len()],
    /// Sums over those that have ended.
    pub seconds: Seconds,
}

impl Default for Events {
    fn default() -> Self {
        Self(Arc::new(State {
            known: Mutex::default(),
            news: broadcast::channel(KEPT).0,
        }))
    }
}

impl Events {
    /// Notes the progress of an announcement, which has further fields in the element's message.
    pub fn note(&self, progress: &str, id: u64, structure: &gst::StructureRef) {
        let mut guard = self.known();
        let known = &mut *guard;
        if let Some(kind) = PROGRESS.iter().position(|kind| *kind == progress) {
            known.counts[kind] += 1;
        }
        let live = &mut known.live;
        match progress {
            "queued" => {
                live.insert(
                    id,
                    json!({ "id": id, "text": text(structure), "state": "queued" }),
                );
            }
            "started" => {
                if let Some(Value::Object(announcement)) = live.get_mut(&id) {
                    announcement.insert("state".into(), "started".into());
                }
            }
            "finished" | "cancelled" | "failed" => {
                live.remove(&id);
                known.seconds.add(structure);
            }
            _ => {}
        }
        let mut event = Map::from_iter([
            ("event".to_string(), Value::from(progress)),
            ("id".to_string(), Value::from(id)),
        ]);
        for field in ["text", "reason"] {
            if let Ok(words) = structure.get::<&str>(field) {
                event.insert(field.into(), words.into());
            }
        }
        // Under the lock: who subscribes sees each change once, in the list or as an event.
        let _ = self.0.news.send(Value::Object(event).to_string());
    }

    /// The announcements that wait or are being said, and all news from now on.
    pub fn subscribe(&self) -> (String, broadcast::Receiver<String>) {
        let known = self.known();
        let list: Vec<&Value> = known.live.values().collect();
        let event = json!({ "event": "queue", "announcements": list });
        (event.to_string(), self.0.news.subscribe())
    }

    /// Numbers of announcements.
    pub fn counts(&self) -> Counts {
        let known = self.known();
        Counts {
            live: known.live.len(),
            progress: known.counts,
            seconds: known.seconds,
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(structure: &gst::StructureRef) -> &str {
    structure.get::<&str>("text").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(events: &Events, progress: &str, id: u64) {
        let message = gst::Structure::builder("message")
            .field("text", "Да.")
            .build();
        events.note(progress, id, &message);
    }

    #[test]
    fn a_client_that_comes_late_learns_what_waits_and_then_the_news() {
        gst::init().unwrap();
        let events = Events::default();
        for id in [1, 2, 3] {
            note(&events, "queued", id);
        }
        note(&events, "finished", 1);
        note(&events, "started", 2);
        let (list, mut news) = events.subscribe();
        let list: Value = serde_json::from_str(&list).unwrap();
        assert_eq!(
            list["announcements"],
            json!([
                { "id": 2, "text": "Да.", "state": "started" },
                { "id": 3, "text": "Да.", "state": "queued" },
            ])
        );
        note(&events, "cancelled", 3);
        let event: Value = serde_json::from_str(&news.try_recv().unwrap()).unwrap();
        assert_eq!(event["event"], "cancelled");
        let counts = events.counts();
        assert_eq!((counts.live, counts.progress), (1, [3, 1, 1, 1, 0]));
    }
}
