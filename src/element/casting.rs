//! Custom events of upstream that choose who speaks.
//!
//! Two of GStreamer's Rust plugins are understood: `rstranscribe/speaker-change` with the field `speaker`, in the row of the
//! texts, and `elevenlabs/speaker-voice` with `speaker` and `voice-id`, which may come at any time.

use super::{gvalue, object::CosyVoice3Src};
use cosyvoice3::{Error, ErrorKind};

/// The event with which another speaker begins.
pub(super) const CHANGE: &str = "rstranscribe/speaker-change";
/// The event that gives a speaker a voice.
pub(super) const VOICE: &str = "elevenlabs/speaker-voice";

impl CosyVoice3Src {
    /// Another speaker begins, as `event` says. One without a voice is warned about once, and the voice stays.
    pub(super) fn change_speaker(&self, event: &gst::StructureRef) {
        let speaker = gvalue::field(event, "speaker");
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
        let (Some(speaker), Some(voice)) = (
            gvalue::field(event, "speaker"),
            gvalue::field(event, "voice-id"),
        ) else {
            return;
        };
        // The event comes from another element, and its content may come from a stranger.
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
