//! Voices of the speakers that upstream distinguishes.

use std::collections::{BTreeMap, BTreeSet};

use super::gvalue;

/// Most speakers that are remembered, and most that are warned about: their names come from outside.
const MOST: usize = 256;

/// The speakers of the texts from upstream.
#[derive(Debug, Default, Clone)]
pub(super) struct Speakers {
    /// Voices that events gave them.
    voices: BTreeMap<String, String>,
    /// The speaker of the last change.
    named: Option<String>,
    /// The last one of these that has a voice.
    known: Option<String>,
    /// Some change has come.
    changed: bool,
    /// Those that a warning has named.
    warned: BTreeSet<String>,
}

impl Speakers {
    /// The voice of the next text, if a speaker decides on it; `map` is the property `speaker-map`.
    pub fn voice(&mut self, map: Option<&gst::Structure>) -> Option<String> {
        let of = |speaker: &Option<String>| self.voice_of(speaker.as_deref()?, map);
        if let Some(voice) = of(&self.named) {
            self.known.clone_from(&self.named);
            return Some(voice);
        }
        of(&self.known)
    }

    /// The property goes before the events: the application has the last word.
    pub fn voice_of(&self, speaker: &str, map: Option<&gst::Structure>) -> Option<String> {
        let chosen = map.and_then(|map| gvalue::field(map, speaker));
        chosen.or_else(|| self.voices.get(speaker).cloned())
    }

    /// Another speaker begins; `None` is one without a name.
    pub fn change(&mut self, speaker: Option<String>) {
        self.changed = true;
        if speaker.is_none() {
            self.known = None;
        }
        self.named = speaker;
    }

    /// A speaker gets a voice.
    pub fn give(&mut self, speaker: String, voice: String) {
        if self.voices.len() >= MOST && !self.voices.contains_key(&speaker) {
            return;
        }
        // The speaker until a change of speakers names another.
        if !self.changed {
            self.named = Some(speaker.clone());
        }
        self.voices.insert(speaker, voice);
    }

    /// True the first time.
    pub fn is_to_be_warned_of(&mut self, speaker: &str) -> bool {
        self.warned.len() < MOST && self.warned.insert(speaker.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_has_the_last_word_and_a_speaker_without_a_voice_keeps_the_last_one() {
        gst::init().expect("GStreamer starts");
        let map = gst::Structure::builder("map").field("anna", "a").build();
        let map = Some(&map);
        let mut speakers = Speakers::default();
        assert_eq!(speakers.voice(map), None);
        speakers.give("boris".into(), "b".into());
        assert_eq!(speakers.voice(map).as_deref(), Some("b"));
        speakers.give("anna".into(), "another".into());
        speakers.change(Some("anna".into()));
        assert_eq!(speakers.voice(map).as_deref(), Some("a"));
        assert_eq!(speakers.voice(None).as_deref(), Some("another"));
        speakers.change(Some("nobody".into()));
        assert_eq!(speakers.voice(map).as_deref(), Some("a"));
        speakers.give("nobody".into(), "n".into());
        assert_eq!(speakers.voice(map).as_deref(), Some("n"));
        speakers.change(None);
        assert_eq!(speakers.voice(map), None);
    }

    #[test]
    fn names_from_outside_take_bounded_memory() {
        let mut speakers = Speakers::default();
        let warned = (0..2 * MOST).filter(|n| speakers.is_to_be_warned_of(&n.to_string()));
        assert_eq!(warned.count(), MOST);
        (0..2 * MOST).for_each(|n| speakers.give(n.to_string(), "voice".into()));
        assert_eq!(speakers.voices.len(), MOST);
    }
}
