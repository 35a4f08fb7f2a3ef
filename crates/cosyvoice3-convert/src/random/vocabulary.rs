//! An untrained byte-level vocabulary: the 256 bytes, then pairs of bytes, then pairs with one byte more.

use serde_json::{Map, json};

/// The letters that byte-level BPE writes for the bytes 0..=255: printable ones stand for themselves, the others are
/// moved behind U+0100 in order.
fn letters() -> [char; 256] {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut moved = (0x100..).filter_map(char::from_u32);
    std::array::from_fn(|byte| match byte as u8 {
        byte if printable(&byte) => char::from(byte),
        _ => moved.next().expect("there are more letters than bytes"),
    })
}

/// `count` merges: pairs of bytes first, commonly used letters in front, then pairs and a third byte.
fn pairs(count: usize) -> Vec<(String, String)> {
    let mut letters = letters();
    letters.sort_by_key(|c| !c.is_ascii_lowercase());
    let two = letters
        .iter()
        .flat_map(|a| letters.iter().map(move |b| (a.to_string(), b.to_string())));
    let three = two.clone().flat_map(|(a, b)| {
        let left = a + &b;
        letters.iter().map(move |c| (left.clone(), c.to_string()))
    });
    two.chain(three).take(count).collect()
}

/// `merges.txt` of a vocabulary of `base` entries.
pub fn merges(base: usize) -> String {
    let lines = pairs(base - 256).into_iter();
    let lines: String = lines.map(|(a, b)| format!("{a} {b}\n")).collect();
    format!("#version: 0.2\n{lines}")
}

/// `vocab.json` of a vocabulary of `base` entries.
pub fn vocab(base: usize) -> String {
    let bytes = letters().into_iter().map(String::from);
    let merged = pairs(base - 256).into_iter().map(|(a, b)| a + &b);
    let entries = bytes.chain(merged).zip(0_u32..);
    let vocab: Map<_, _> = entries.map(|(token, id)| (token, json!(id))).collect();
    json!(vocab).to_string()
}

/// `tokenizer_config.json` of a vocabulary of `base` entries.
pub fn config(base: usize) -> String {
    let special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
    let tokens = special.iter().enumerate().map(|(i, content)| {
        let token = json!({
            "content": content,
            "lstrip": false,
            "normalized": false,
            "rstrip": false,
            "single_word": false,
            "special": true,
        });
        ((base + i).to_string(), token)
    });
    let config = json!({
        "add_prefix_space": false,
        "added_tokens_decoder": tokens.collect::<Map<_, _>>(),
        "eos_token": special[0],
        "pad_token": special[0],
        "tokenizer_class": "Qwen2Tokenizer",
    });
    format!("{config:#}\n")
}
