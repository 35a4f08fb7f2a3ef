//! The language model's input before the first speech token.

use crate::{
    Error, ErrorKind, Result, constants::SPEECH_CODES, lm::embeddings::Embeddings, manifest,
};

/// Text and voice of an utterance: `[sos | prompt text, text | task | prompt speech]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix<'a> {
    /// Text ids of the prompt: system prefix, `<|endofprompt|>`, transcript or instruction. May be empty.
    pub prompt_text_ids: &'a [u32],
    /// Text ids to speak.
    pub text_ids: &'a [u32],
    /// Speech tokens of the prompt. May be empty.
    pub prompt_speech: &'a [u32],
}

impl Prefix<'_> {
    /// Positions that the prefix takes.
    #[expect(clippy::len_without_is_empty, reason = "sos and task are always there")]
    pub fn len(&self) -> usize {
        2 + self.prompt_text_ids.len() + self.text_ids.len() + self.prompt_speech.len()
    }

    /// Positions from the start that every text of this prompt has: `sos` and the prompt text. 0 without a prompt text.
    pub fn shared_len(&self) -> usize {
        match self.prompt_text_ids.len() {
            0 => 0,
            ids => 1 + ids,
        }
    }

    /// The prefix as embeddings, [`len`](Self::len) rows.
    ///
    /// # Errors
    /// `Settings` where an id is outside the model's tables, as those of another model's voice or tokenizer.
    pub fn embed(&self, lm: &manifest::Lm, tables: &Embeddings) -> Result<Vec<f32>> {
        let text = [self.prompt_text_ids, self.text_ids].concat();
        check("text id", &text, tables.text_vocab() as u32)?;
        check("prompt speech token", self.prompt_speech, SPEECH_CODES)?;
        let mut rows = Vec::with_capacity(self.len() * tables.width());
        tables.push_speech(lm.sos, &mut rows);
        for id in text {
            tables.push_text(id, &mut rows);
        }
        tables.push_speech(lm.task_id, &mut rows);
        for &token in self.prompt_speech {
            tables.push_speech(token, &mut rows);
        }
        Ok(rows)
    }
}

fn check(what: &str, ids: &[u32], limit: u32) -> Result<()> {
    match ids.iter().find(|&&id| id >= limit) {
        Some(id) => Err(Error::new(
            ErrorKind::Settings,
            format!(
                "{what} {id}: this model has {limit} of them; voice and tokenizer must be made for this model"
            ),
        )),
        None => Ok(()),
    }
}
