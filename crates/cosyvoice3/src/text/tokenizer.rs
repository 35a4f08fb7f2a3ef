//! The model's tokenizer: Qwen2 byte-level BPE with CosyVoice3's special tokens.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use crate::{Error, Result, regular_file};

/// Ends the system part of the prompt; without it anywhere in the text ids the model does not speak properly.
pub const END_OF_PROMPT: &str = "<|endofprompt|>";
/// Longest file; the published vocabulary takes 10 MB.
const MAX_FILE: u64 = 256 << 20;
/// A text of many kinds of characters: what is wrong with a tokenizer shows before anything is to be said.
const PROBE: &str =
    "The quick brown fox, Съешь ещё этих 1234567890 булок! 你好，世界。 ¿Qué? «…» [breath]\n\t🙂";

/// `tokenizer.json`, loaded.
///
/// Special tokens such as `[breath]` are matched literally in the text; no token is added at either end.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    path: PathBuf,
    end_of_prompt: u32,
}

impl Tokenizer {
    /// Loads `path`.
    ///
    /// # Errors
    /// Those of [`regular_file::read`]; [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) where the file is no tokenizer,
    /// one that cannot encode a text, or lacks `<|endofprompt|>`.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = regular_file::read(path, MAX_FILE)?;
        let inner = guarded(path, || tokenizers::Tokenizer::from_bytes(&bytes))
            .map_err(|e| e.context("not a tokenizer"))?;
        let end_of_prompt = inner.token_to_id(END_OF_PROMPT).ok_or_else(|| {
            Error::damaged(
                path,
                format!(
                    "{END_OF_PROMPT} is missing, as in the published file: convert the checkpoint with \
                     `cosyvoice3 model convert`, which adds CosyVoice3's special tokens"
                ),
            )
        })?;
        let tokenizer = Self {
            inner,
            path: path.to_owned(),
            end_of_prompt,
        };
        tokenizer.encode(PROBE)?;
        Ok(tokenizer)
    }

    /// The ids of `text`.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged): a whole tokenizer knows every text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = guarded(&self.path, || self.inner.encode_fast(text, false))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of `ids`, special tokens included; `None` if they are not the ids of any text.
    pub fn decode(&self, ids: &[u32]) -> Option<String> {
        let text = guarded(&self.path, || self.inner.decode(ids, false)).ok()?;
        (self.encode(&text).ok()? == ids).then_some(text)
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
        let encoding = guarded(&self.path, || self.inner.encode(text, false))?;
        let next = encoding.get_offsets().get(count);
        Ok(next.map(|(start, _)| text.floor_char_boundary(*start)))
    }
}

/// Runs `work` of the tokenizer in `path`. The library takes what it reads to be consistent, and panics over some files
/// that are not.
fn guarded<T>(path: &Path, work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T> {
    let remedy = "the file is damaged or was made by another program: copy it again, or convert the checkpoint again";
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Error::damaged(path, format!("{error}: {remedy}"))),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or(panic.downcast_ref::<&str>().copied());
            Err(Error::damaged(
                path,
                format!(
                    "it contradicts itself ({}): {remedy}",
                    said.unwrap_or("no reason given")
                ),
            ))
        }
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

    fn load(content: &[u8]) -> Result<Tokenizer> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokenizer.json");
        std::fs::write(&path, content).unwrap();
        Tokenizer::load(&path)
    }

    /// A change that leaves whole JSON behind, and what a file with it is.
    #[test]
    fn a_tokenizer_that_contradicts_itself_is_damaged_and_named() {
        type Change = fn(&mut serde_json::Value);
        let changes: [(&str, Change); 5] = [
            // The library cuts this many bytes off every merge.
            ("prefix", |t| {
                t["model"]["continuing_subword_prefix"] = "################".into();
            }),
            ("merges", |t| {
                t["model"]["merges"][0] = serde_json::json!(["no", "token"]);
            }),
            ("vocabulary", |t| {
                t["model"]["vocab"] = serde_json::json!({"a": 0});
            }),
            ("pattern", |t| {
                t["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(".into();
            }),
            ("model", |t| t["model"]["type"] = "WordLevel".into()),
        ];
        let good = std::fs::read(golden("tokenizer.json")).unwrap();
        for (what, change) in changes {
            let mut tokenizer: serde_json::Value = serde_json::from_slice(&good).unwrap();
            change(&mut tokenizer);
            let error = load(&serde_json::to_vec(&tokenizer).unwrap())
                .err()
                .expect(what);
            assert_eq!(error.kind(), ErrorKind::Damaged, "{what}: {error}");
            let message = error.to_string();
            assert!(message.contains("tokenizer.json"), "{what}: {message}");
            println!("{what}: {message}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

        #[test]
        fn no_damaged_tokenizer_panics(
            damages in proptest::collection::vec((0.0..1.0_f64, proptest::prelude::any::<u8>()), 1..20),
        ) {
            let mut bytes = std::fs::read(golden("tokenizer.json")).unwrap();
            for (place, byte) in damages {
                let at = (place * bytes.len() as f64) as usize;
                bytes[at] = byte;
            }
            let encoded = load(&bytes).and_then(|tokenizer| tokenizer.encode("Ёж, 高管 and 🙂."));
            if let Err(error) = encoded {
                assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
            }
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
