//! Progress of the announcements, for clients that follow it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Map, Value, json};
use tokio::sync::broadcast;

/// Events that a client which does not read may fall behind.
const KEPT: usize = 256;

/// The announcements that wait or are being said, and the news of them.
#[derive(Clone)]
pub struct Events(Arc<State>);

struct State {
    /// By number: the announcement as clients see it.
    live: Mutex<BTreeMap<u64, Value>>,
    news: broadcast::Sender<String>,
}

impl Default for Events {
    fn default() -> Self {
        Self(Arc::new(State {
            live: Mutex::default(),
            news: broadcast::channel(KEPT).0,
        }))
    }
}

impl Events {
    /// Notes the progress of an announcement, which has further fields in the element's message.
    pub fn note(&self, progress: &str, id: u64, structure: &gst::StructureRef) {
        let mut live = self.live();
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
        let live = self.live();
        let list: Vec<&Value> = live.values().collect();
        let event = json!({ "event": "queue", "announcements": list });
        (event.to_string(), self.0.news.subscribe())
    }

    /// Number of announcements that wait or are being said.
    pub fn count(&self) -> usize {
        self.live().len()
    }

    fn live(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Value>> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert_eq!(events.count(), 1);
    }
}
