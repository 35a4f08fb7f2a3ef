//! The model's tokenizer: Qwen2 byte-level BPE with CosyVoice3's special tokens.

use std::path::{Path, PathBuf};

use super::END_OF_PROMPT;
use crate::{Error, Result};

/// `tokenizer.json`, loaded.
///
/// Special tokens such as `[breath]` are matched literally in the text; no token is added at either end.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    path: PathBuf,
    end_of_prompt: u32,
}

impl Tokenizer {
    /// Loads `path`; fails where the file cannot be read, is no tokenizer or lacks `<|endofprompt|>`.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, &e))?;
        let inner = tokenizers::Tokenizer::from_bytes(&bytes)
            .map_err(|e| Error::damaged(path, format!("not a tokenizer: {e}")))?;
        let end_of_prompt = inner.token_to_id(END_OF_PROMPT).ok_or_else(|| {
            Error::damaged(
                path,
                format!(
                    "{END_OF_PROMPT} is missing, as in the published file: convert the checkpoint with \
                     cosyvoice3-convert, which adds CosyVoice3's special tokens"
                ),
            )
        })?;
        Ok(Self {
            inner,
            path: path.to_owned(),
            end_of_prompt,
        })
    }

    /// The ids of `text`.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, false);
        Ok(encoding.map_err(|e| self.failed(e))?.get_ids().to_vec())
    }

    /// The id of `<|endofprompt|>`.
    pub fn end_of_prompt(&self) -> u32 {
        self.end_of_prompt
    }

    /// Ids that this tokenizer can give, special tokens included: every id lies below.
    pub fn vocabulary(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// Bytes of `text` that its first `count` ids stand for, on a character boundary; `None` where there are no more
    /// ids than that.
    pub(super) fn bytes_of(&self, text: &str, count: usize) -> Result<Option<usize>> {
        let encoding = self.inner.encode(text, false).map_err(|e| self.failed(e))?;
        let next = encoding.get_offsets().get(count);
        Ok(next.map(|(start, _)| text.floor_char_boundary(*start)))
    }

    fn failed(&self, error: tokenizers::Error) -> Error {
        Error::failed(format!("{}: cannot encode: {error}", self.path.display()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ErrorKind;

    pub(in crate::text) fn tiny() -> Tokenizer {
        Tokenizer::load(&golden("tokenizer.json")).unwrap()
    }

    pub(in crate::text) fn golden(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/fixtures/golden")
            .join(name)
    }

    #[test]
    fn gives_the_ids_of_the_official_tokenizer() {
        let cases = std::fs::read_to_string(golden("tokenizer_cases.json")).unwrap();
        let cases: serde_json::Value = serde_json::from_str(&cases).unwrap();
        let tokenizer = tiny();
        for case in cases["cases"].as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
            assert_eq!(tokenizer.encode(text).unwrap(), ids, "{text:?}");
        }
        for (token, id) in cases["added_tokens"].as_object().unwrap() {
            assert_eq!(
                tokenizer.encode(token).unwrap(),
                [id.as_u64().unwrap() as u32],
                "{token}"
            );
        }
    }

    #[test]
    fn names_a_file_that_is_missing_or_no_tokenizer() {
        let missing = Tokenizer::load(Path::new("/nowhere/tokenizer.json"))
            .err()
            .unwrap();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokenizer.json");
        let good = std::fs::read_to_string(golden("tokenizer.json")).unwrap();
        for bad in [
            "",
            "{}",
            &good[..good.len() / 2],
            &good.replace(END_OF_PROMPT, "<|other|>"),
        ] {
            std::fs::write(&path, bad).unwrap();
            let error = Tokenizer::load(&path).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Damaged);
            assert!(error.to_string().contains("tokenizer.json"), "{error}");
        }
    }

    #[test]
    fn bytes_of_the_first_ids_end_on_a_character() {
        let tokenizer = tiny();
        let text = "高管 «ёлочки» 🙂🙃";
        let ids = tokenizer.encode(text).unwrap().len();
        for count in 0..ids {
            let bytes = tokenizer.bytes_of(text, count).unwrap().unwrap();
            assert!(text.is_char_boundary(bytes));
        }
        assert_eq!(tokenizer.bytes_of(text, ids).unwrap(), None);
    }
}
