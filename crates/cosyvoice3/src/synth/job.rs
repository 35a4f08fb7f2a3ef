//! One utterance as it goes through the stages.

use std::sync::Arc;

use super::request::{Mark, RequestId, Settings};
use crate::voice::Voice;

/// One utterance on its way through the stages.
#[derive(Debug, Clone)]
pub struct Job {
    /// The request it belongs to.
    pub request: RequestId,
    /// Number of the utterance in its request, from 0.
    pub utterance: usize,
    /// Text to synthesize.
    pub text: String,
    /// Ids before the text: the prompt's transcript or an instruction.
    pub prompt_text_ids: Vec<u32>,
    /// Ids of the text.
    pub text_ids: Vec<u32>,
    /// True if the language model gets the voice's speech tokens (zero-shot).
    pub prompt_speech: bool,
    /// The voice.
    pub voice: Arc<Voice>,
    /// Settings of the request.
    pub settings: Settings,
    /// Silence and marks before the utterance.
    pub before: Vec<Pause>,
    /// Silence and marks after it; only the last utterance of a request has any.
    pub after: Vec<Pause>,
}

/// Silence or a mark beside an utterance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pause {
    /// So many samples of silence.
    Silence(usize),
    /// A named place.
    Mark(Arc<str>),
}

impl Job {
    /// Samples of silence before the utterance.
    pub(super) fn delay(&self) -> usize {
        let silences = self.before.iter().map(|pause| match pause {
            Pause::Silence(samples) => *samples,
            Pause::Mark(_) => 0,
        });
        silences.sum()
    }

    /// `samples`, the `first` or `last` ones of the utterance or neither, with the silence around it, and where its marks
    /// are among them.
    pub(super) fn with_pauses(
        &self,
        samples: Vec<f32>,
        first: bool,
        last: bool,
    ) -> (Vec<f32>, Vec<Mark>) {
        let before = if first { &self.before[..] } else { &[] };
        let after = if last { &self.after[..] } else { &[] };
        if before.is_empty() && after.is_empty() {
            return (samples, Vec::new());
        }
        let mut all = Vec::new();
        let mut marks = Vec::new();
        let mut pause = |all: &mut Vec<f32>, pauses: &[Pause]| {
            for pause in pauses {
                match pause {
                    Pause::Silence(samples) => all.resize(all.len() + samples, 0.0),
                    Pause::Mark(name) => marks.push(Mark {
                        name: name.clone(),
                        sample: all.len(),
                    }),
                }
            }
        };
        pause(&mut all, before);
        all.extend(samples);
        pause(&mut all, after);
        (all, marks)
    }
}
