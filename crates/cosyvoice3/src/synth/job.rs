//! One utterance as it goes through the stages.

use std::sync::Arc;

use super::request::{RequestId, Settings};
use crate::voice::Voice;

/// One utterance on its way through the stages.
#[derive(Debug, Clone)]
pub struct Job {
    /// The request it belongs to.
    pub request: RequestId,
    /// Number of the utterance in its request, from 0.
    pub utterance: usize,
    /// What is said.
    pub text: String,
    /// Ids before the text: the prompt's transcript or an instruction.
    pub prompt_text_ids: Vec<u32>,
    /// Ids of the text.
    pub text_ids: Vec<u32>,
    /// Whether the language model hears the voice's speech tokens (zero-shot).
    pub prompt_speech: bool,
    /// Who speaks.
    pub voice: Arc<Voice>,
    /// How to speak.
    pub settings: Settings,
}
