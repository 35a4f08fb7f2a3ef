//! `tokenizer.json` from the release's vocabulary and the special tokens that are in none of its files.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, ensure};
use cosyvoice3::regular_file;
use serde::Deserialize;
use serde_json::{Value, json};

/// Special tokens that the official tokenizer class adds at run time, in the order of their ids: control tokens, ARPAbet
/// phonemes, pinyin.
const ADDED_AT_RUN_TIME: &str = include_str!("special_tokens.txt");

/// The pre-tokenizer of Qwen2.
const SPLIT: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Longest of the release's files, which have up to 3 MB.
const MAX_FILE: u64 = 64 << 20;
/// Entries of the vocabulary that no merge makes.
const BYTES: usize = 256;

#[derive(Deserialize)]
struct TokenizerConfig {
    added_tokens_decoder: BTreeMap<String, AddedToken>,
}

#[derive(Deserialize)]
struct AddedToken {
    content: String,
}

/// Builds `tokenizer.json` from the files of `dir` (`CosyVoice-BlankEN`); ids must lie below `text_vocab`.
pub fn build(dir: &Path, text_vocab: usize) -> Result<String> {
    let vocab: BTreeMap<String, u32> = read_json(&dir.join("vocab.json"))?;
    let merges = merges(&dir.join("merges.txt"), &vocab)?;
    let config_path = dir.join("tokenizer_config.json");
    let config: TokenizerConfig = read_json(&config_path)?;
    let added = added_tokens(config, &vocab).with_context(|| config_path.display().to_string())?;

    let highest = added.values().chain(vocab.values()).max().copied();
    ensure!(
        highest.is_some_and(|id| (id as usize) < text_vocab),
        "{}: its ids reach {}, but the text embedding has only {text_vocab} rows",
        dir.display(),
        highest.unwrap_or(0)
    );
    let mut by_id: Vec<(&String, &u32)> = added.iter().collect();
    by_id.sort_by_key(|(_, id)| **id);
    let added: Vec<Value> = by_id.into_iter().map(|(c, id)| special(c, *id)).collect();
    let byte_level = json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false
    });
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Isolated", "invert": false},
                byte_level,
            ],
        },
        "post_processor": byte_level,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": false,
            "byte_fallback": false,
            "ignore_merges": false,
            "vocab": vocab,
            "merges": merges,
        },
    });
    Ok(serde_json::to_string_pretty(&tokenizer)?)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = regular_file::read_text(path, MAX_FILE)?;
    serde_json::from_str(&text).with_context(|| format!("{}: damaged", path.display()))
}

/// The pairs of `merges.txt`, each of which must be known to the vocabulary, as the tokenizer refuses it otherwise.
fn merges(path: &Path, vocab: &BTreeMap<String, u32>) -> Result<Vec<[String; 2]>> {
    let text = regular_file::read_text(path, MAX_FILE)?;
    let lines = text.lines().enumerate();
    let pairs = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with("#version"));
    let pairs = pairs.map(|(number, line)| {
        let at = || format!("{}: line {}", path.display(), number + 1);
        let (left, right) = line
            .split_once(' ')
            .with_context(|| format!("{}: {line:?} is not a pair of tokens", at()))?;
        let known = [left, right, &format!("{left}{right}")]
            .iter()
            .all(|token| vocab.contains_key(*token));
        ensure!(known, "{}: {line:?} is not in vocab.json", at());
        Ok([left.to_owned(), right.to_owned()])
    });
    let pairs = pairs.collect::<Result<Vec<_>>>()?;
    ensure!(
        BYTES + pairs.len() == vocab.len(),
        "{}: {} merges, but vocab.json has {} entries beyond the bytes: one of them is incomplete",
        path.display(),
        pairs.len(),
        vocab.len().saturating_sub(BYTES)
    );
    Ok(pairs)
}

/// All special tokens: the release's own, then those of run time with the ids that follow.
fn added_tokens(
    config: TokenizerConfig,
    vocab: &BTreeMap<String, u32>,
) -> Result<BTreeMap<String, u32>> {
    let mut added = BTreeMap::new();
    for (id, token) in config.added_tokens_decoder {
        let id = id.parse().with_context(|| format!("token id {id:?}"))?;
        added.insert(token.content, id);
    }
    let highest = added.values().chain(vocab.values()).max();
    let mut next = highest.map_or(0, |id| id + 1);
    for token in ADDED_AT_RUN_TIME.lines() {
        if !added.contains_key(token) && !vocab.contains_key(token) {
            added.insert(token.to_owned(), next);
            next += 1;
        }
    }
    Ok(added)
}

fn special(content: &str, id: u32) -> Value {
    json!({
        "id": id,
        "content": content,
        "single_word": false,
        "lstrip": false,
        "rstrip": false,
        "normalized": false,
        "special": true,
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use cosyvoice3::text::Tokenizer;

    use super::*;

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
    }

    #[test]
    fn every_text_has_the_ids_of_the_official_tokenizer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokenizer.json");
        let built = build(&fixtures().join("tiny/CosyVoice-BlankEN"), 896).unwrap();
        fs::write(&path, built).unwrap();
        let tokenizer = Tokenizer::load(&path).unwrap();
        let golden: Value = read_json(&fixtures().join("golden/tokenizer_cases.json")).unwrap();
        let cases = golden["cases"].as_array().unwrap();
        assert!(cases.len() > 5);
        for case in cases {
            let text = case["text"].as_str().unwrap();
            let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
            assert_eq!(tokenizer.encode(text).unwrap(), ids, "{text:?}");
        }
        for (token, id) in golden["added_tokens"].as_object().unwrap() {
            let ids = tokenizer.encode(token).unwrap();
            assert_eq!(ids, [id.as_u64().unwrap() as u32], "{token}");
        }
    }

    #[test]
    fn a_vocabulary_that_exceeds_the_embedding_is_refused() {
        let error = build(&fixtures().join("tiny/CosyVoice-BlankEN"), 800).unwrap_err();
        assert!(error.to_string().contains("only 800 rows"), "{error}");
    }
}
