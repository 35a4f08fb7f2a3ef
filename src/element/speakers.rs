//! Voices of the speakers that upstream distinguishes.
//!
//! Two custom events of GStreamer's Rust plugins are understood: `rstranscribe/speaker-change` with the field `speaker`, in the
//! row of the texts, and `elevenlabs/speaker-voice` with `speaker` and `voice-id`, which may come at any time.

use std::collections::{BTreeMap, BTreeSet};

use gst::glib;

use super::{gvalue, object::CosyVoice3Src};
use cosyvoice3::{Error, ErrorKind};

/// The event with which another speaker begins.
pub(super) const CHANGE: &str = "rstranscribe/speaker-change";
/// The event that gives a speaker a voice.
pub(super) const VOICE: &str = "elevenlabs/speaker-voice";
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
    fn voice_of(&self, speaker: &str, map: Option<&gst::Structure>) -> Option<String> {
        let chosen = map.and_then(|map| string(map, speaker));
        chosen.or_else(|| self.voices.get(speaker).cloned())
    }

    /// Another speaker begins; `None` is one without a name.
    fn change(&mut self, speaker: Option<String>) {
        self.changed = true;
        if speaker.is_none() {
            self.known = None;
        }
        self.named = speaker;
    }

    /// A speaker gets a voice.
    fn give(&mut self, speaker: String, voice: String) {
        if self.voices.len() >= MOST && !self.voices.contains_key(&speaker) {
            return;
        }
        // Where nothing says who speaks, it is this one.
        if !self.changed {
            self.named = Some(speaker.clone());
        }
        self.voices.insert(speaker, voice);
    }

    /// True the first time.
    fn is_to_be_warned_of(&mut self, speaker: &str) -> bool {
        self.warned.len() < MOST && self.warned.insert(speaker.to_owned())
    }
}

impl CosyVoice3Src {
    /// Another speaker begins, as `event` says. One without a voice is warned about once, and the voice stays.
    pub(super) fn change_speaker(&self, event: &gst::StructureRef) {
        let speaker = string(event, "speaker");
        let map = self.settings().speaker_map.clone();
        let voice = speaker.as_deref().and_then(|speaker| {
            let state = self.state();
            state.input.speakers.voice_of(speaker, map.as_ref())
        });
        let problem = match (&speaker, &voice) {
            (None, _) => None,
            (Some(speaker), None) => Some(Error::new(
                ErrorKind::Settings,
                format!(
                    "the speaker \"{speaker}\" has no voice, so the voice stays: name one in \"speaker-map\""
                ),
            )),
            (Some(speaker), Some(voice)) => self.check_voice_of(speaker, voice).err(),
        };
        let Some(error) = problem else {
            self.state().input.speakers.change(speaker);
            return;
        };
        let speaker = speaker.unwrap_or_default();
        let warn = {
            let speakers = &mut self.state().input.speakers;
            // Without a voice yet, it may get one later; a voice that is not there stays out of the way.
            if voice.is_none() {
                speakers.change(Some(speaker.clone()));
            }
            speakers.is_to_be_warned_of(&speaker)
        };
        if warn {
            self.post_warning(&error);
        }
    }

    /// A speaker gets a voice, as `event` says, unless there is no such voice.
    pub(super) fn give_voice(&self, event: &gst::StructureRef) {
        let (Some(speaker), Some(voice)) = (string(event, "speaker"), string(event, "voice-id"))
        else {
            return;
        };
        // The event comes from another element, and what that was told may come from a stranger.
        let checked = match voice.contains('/') {
            true => Err(Error::new(
                ErrorKind::NotFound,
                format!("no voice \"{voice}\": an event names voices, not files"),
            )),
            false => self.check_voice_of(&speaker, &voice),
        };
        match checked {
            Ok(()) => self.state().input.speakers.give(speaker, voice),
            Err(error) => {
                if self.state().input.speakers.is_to_be_warned_of(&speaker) {
                    self.post_warning(&error);
                }
            }
        }
    }

    fn check_voice_of(&self, speaker: &str, voice: &str) -> cosyvoice3::Result<()> {
        let synth = self.state().synth.clone();
        let mut settings = cosyvoice3::Settings::default();
        settings.voice = Some(voice.to_owned());
        let checked = synth.map_or(Ok(()), |synth| synth.check("", &settings));
        checked.map_err(|error| {
            error.context(format!(
                "the speaker \"{speaker}\", whose voice stays as it is"
            ))
        })
    }
}

/// The string in a field that is there and not empty.
fn string(structure: &gst::StructureRef, field: &str) -> Option<String> {
    let value: &glib::Value = structure.value(field).ok()?;
    let (text, _) = gvalue::string_lossy(value)?;
    Some(text).filter(|text| !text.is_empty())
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
