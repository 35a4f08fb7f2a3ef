//! Voices: the speaker prompts a model clones, one safetensors file each.

use crate::mel::Mel;

/// A speaker prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Voice {
    /// Name, as in `voices/<name>.safetensors`.
    pub name: String,
    /// BCP 47 language of the reference speech, where known.
    pub language: Option<String>,
    /// What the reference speech says, where known.
    pub prompt_text: Option<String>,
    /// Text ids of the language model's prompt: system prefix, `<|endofprompt|>`, transcript.
    pub prompt_text_ids: Vec<u32>,
    /// Speech tokens of the reference speech, `N`.
    pub prompt_tokens: Vec<u32>,
    /// Mel of the reference speech, `2 N` frames.
    pub prompt_mel: Mel,
    /// CAM++ speaker embedding, not normalised, [`SPEAKER_EMBEDDING`](crate::constants::SPEAKER_EMBEDDING) values.
    pub embedding: Vec<f32>,
    /// Where the voice comes from: recording, licence, consent.
    pub provenance: Option<String>,
}
