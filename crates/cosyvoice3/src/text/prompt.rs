//! The text part of the language model's prefix, as each synthesis mode wants it.

use super::tokenizer::{END_OF_PROMPT, Tokenizer};
use crate::Result;

/// Opens every prompt of CosyVoice3.
pub const SYSTEM_PREFIX: &str = "You are a helpful assistant.";

/// Synthesis mode: the prompt that gives the language model its text and voice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mode {
    /// Continue the voice's reference speech: transcript and speech tokens of the prompt go first.
    #[default]
    ZeroShot,
    /// Text alone; the voice comes from the flow only. For text in another language than the reference.
    CrossLingual,
    /// Follow an instruction such as "Speak slowly."; the voice comes from the flow only.
    Instruct(String),
}

/// The text ids of one utterance's prefix: `sos, prompt_text_ids, text_ids, task_id, prompt speech tokens`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Ids before the text; do not count for the length of the speech.
    pub prompt_text_ids: Vec<u32>,
    /// The text to speak.
    pub text_ids: Vec<u32>,
    /// True if the voice's speech tokens follow.
    pub prompt_speech: bool,
}

impl Prompt {
    /// Puts together the prompt that `mode` wants for an utterance of `text_ids`, spoken by a voice whose transcript is
    /// `voice_text_ids` (used by [`Mode::ZeroShot`] only).
    ///
    /// The system prefix with `<|endofprompt|>` goes in front where nothing here contains that token.
    pub fn build(
        tokenizer: &Tokenizer,
        mode: &Mode,
        voice_text_ids: &[u32],
        text_ids: &[u32],
    ) -> Result<Self> {
        let system = || tokenizer.encode(&format!("{SYSTEM_PREFIX}{END_OF_PROMPT}"));
        let has_end = |ids: &[u32]| ids.contains(&tokenizer.end_of_prompt());
        let prefixed = |ids: &[u32]| Ok([&system()?, ids].concat());
        Ok(match mode {
            Mode::ZeroShot => Self {
                prompt_text_ids: if has_end(voice_text_ids) || has_end(text_ids) {
                    voice_text_ids.to_vec()
                } else {
                    prefixed(voice_text_ids)?
                },
                text_ids: text_ids.to_vec(),
                prompt_speech: true,
            },
            Mode::CrossLingual => Self {
                prompt_text_ids: Vec::new(),
                text_ids: if has_end(text_ids) {
                    text_ids.to_vec()
                } else {
                    prefixed(text_ids)?
                },
                prompt_speech: false,
            },
            Mode::Instruct(instruction) => Self {
                prompt_text_ids: tokenizer.encode(&instruct_text(instruction))?,
                text_ids: text_ids.to_vec(),
                prompt_speech: false,
            },
        })
    }
}

/// `You are a helpful assistant. <instruction><|endofprompt|>`, each part only where it is missing.
fn instruct_text(instruction: &str) -> String {
    let instruction = instruction.trim();
    let mut text = String::new();
    if !instruction.starts_with(SYSTEM_PREFIX) {
        text.push_str(SYSTEM_PREFIX);
        text.push(' ');
    }
    text.push_str(instruction);
    if !instruction.contains(END_OF_PROMPT) {
        text.push_str(END_OF_PROMPT);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{super::tokenizer::tests::tiny, *};

    const SYSTEM: &str = "You are a helpful assistant.<|endofprompt|>";

    fn build(mode: Mode, transcript: &str, text: &str) -> (Vec<u32>, Vec<u32>, bool) {
        let tokenizer = tiny();
        let [transcript, text] = [transcript, text].map(|t| tokenizer.encode(t).unwrap());
        let prompt = Prompt::build(&tokenizer, &mode, &transcript, &text).unwrap();
        (
            prompt.prompt_text_ids,
            prompt.text_ids,
            prompt.prompt_speech,
        )
    }

    fn ids(text: &str) -> Vec<u32> {
        tiny().encode(text).unwrap()
    }

    #[test]
    fn zero_shot_puts_the_transcript_before_the_text_and_adds_the_system_prefix_once() {
        let expected = (ids(&format!("{SYSTEM}Добрый день!")), ids("Привет."), true);
        assert_eq!(
            build(Mode::ZeroShot, &format!("{SYSTEM}Добрый день!"), "Привет."),
            expected
        );
        assert_eq!(build(Mode::ZeroShot, "Добрый день!", "Привет."), expected);
        let own = format!("{SYSTEM}Привет.");
        assert_eq!(
            build(Mode::ZeroShot, "Добрый день!", &own),
            (ids("Добрый день!"), ids(&own), true)
        );
    }

    #[test]
    fn cross_lingual_counts_the_system_prefix_as_text() {
        let expected = (vec![], ids(&format!("{SYSTEM}Hello.")), false);
        assert_eq!(
            build(Mode::CrossLingual, "Добрый день!", "Hello."),
            expected
        );
        assert_eq!(
            build(Mode::CrossLingual, "", &format!("{SYSTEM}Hello.")),
            expected
        );
    }

    #[test]
    fn instruct_wraps_the_instruction() {
        let expected = (
            ids("You are a helpful assistant. Speak slowly.<|endofprompt|>"),
            ids("Hello."),
            false,
        );
        for instruction in [
            "Speak slowly.",
            " Speak slowly.<|endofprompt|>",
            "You are a helpful assistant. Speak slowly.<|endofprompt|>",
        ] {
            assert_eq!(
                build(Mode::Instruct(instruction.into()), "x", "Hello."),
                expected
            );
        }
    }
}
