//! `prompt_speech.gguf` of cosyvoice.cpp: the tensors `feat` `[80, frames]`, `embedding` `[192, 1]`, `tokens` and `text`, and
//! a checksum.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use cosyvoice3::{
    constants::{MEL_BINS, SPEAKER_EMBEDDING},
    lm::gguf::{Gguf, Value},
    regular_file,
};
use crc32fast::Hasher;

use super::{MAX_FILE, Prompt, Text};

/// Numbers of tensor types in GGUF files.
const F32: u32 = 0;
const I8: u32 = 24;
const I32: u32 = 26;

/// Reads the file `path`.
pub fn read(path: &Path) -> Result<Prompt> {
    let header = Gguf::read(path)?;
    let bytes = regular_file::read(path, MAX_FILE)?;
    let at = || path.display().to_string();
    let parts = Parts {
        header: &header,
        bytes: &bytes,
    };
    parts.prompt().with_context(at)
}

struct Parts<'a> {
    header: &'a Gguf,
    bytes: &'a [u8],
}

impl<'a> Parts<'a> {
    fn prompt(&self) -> Result<Prompt> {
        let text = self.tensor("text", I8, 1)?;
        let feat = self.tensor("feat", F32, 4)?;
        let embedding = self.tensor("embedding", F32, 4)?;
        let tokens = self.tensor("tokens", I32, 4)?;
        ensure!(
            feat.axis(0) == MEL_BINS as u64 && embedding.axis(0) == SPEAKER_EMBEDDING as u64,
            "feat has {} bins and embedding {} values, expected {MEL_BINS} and {SPEAKER_EMBEDDING}",
            feat.axis(0),
            embedding.axis(0)
        );
        if let Some(Value::Unsigned(expected)) = self.header.values.get("crc32") {
            let found = checksum(&text, &feat, &embedding, &tokens);
            ensure!(
                u64::from(found) == *expected,
                "damaged: its checksum does not match: copy it or make it again"
            );
        }
        let text = std::str::from_utf8(text.data).context("text is not UTF-8")?;
        let text = text.trim_end_matches('\0').trim();
        let tokens: Vec<u32> = words(tokens.data)
            .map(|word| u32::try_from(i32::from_le_bytes(word)))
            .collect::<Result<_, _>>()
            .context("tokens has a negative id")?;
        Ok(Prompt {
            name: None,
            text: match text {
                "" => Text::None,
                text => Text::Characters(text.to_owned()),
            },
            transcript: None,
            flow_tokens: tokens.clone(),
            tokens,
            mel: words(feat.data).map(f32::from_le_bytes).collect(),
            embedding: words(embedding.data).map(f32::from_le_bytes).collect(),
        })
    }

    /// The tensor `name`, of type `kind` with elements of `size` bytes.
    fn tensor(&self, name: &str, kind: u32, size: u64) -> Result<Tensor<'a>> {
        let tensor = self
            .header
            .tensors
            .iter()
            .find(|tensor| tensor.name == name);
        let tensor = tensor.with_context(|| {
            format!("tensor {name} is missing: not a prompt_speech.gguf of cosyvoice.cpp")
        })?;
        ensure!(
            tensor.kind == kind,
            "tensor {name} is of type number {}, expected {kind}",
            tensor.kind
        );
        let length = tensor
            .shape
            .iter()
            .try_fold(size, |bytes, axis| bytes.checked_mul(*axis));
        let data = length.and_then(|length| {
            let start = usize::try_from(self.header.position(tensor)?).ok()?;
            let end = start.checked_add(usize::try_from(length).ok()?)?;
            self.bytes.get(start..end)
        });
        let data = data.with_context(|| {
            format!("truncated: tensor {name} lies outside the file: copy it again")
        })?;
        Ok(Tensor {
            shape: &tensor.shape,
            data,
        })
    }
}

struct Tensor<'a> {
    /// Lengths, the fastest first.
    shape: &'a [u64],
    data: &'a [u8],
}

impl Tensor<'_> {
    fn axis(&self, axis: usize) -> u64 {
        self.shape.get(axis).copied().unwrap_or(1)
    }

    /// Rows and columns as that program's memory has them.
    fn matrix(&self) -> [u8; 8] {
        let [rows, columns] = [1, 0].map(|axis| self.axis(axis) as u32);
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&rows.to_le_bytes());
        bytes[4..].copy_from_slice(&columns.to_le_bytes());
        bytes
    }

    fn length(&self) -> [u8; 4] {
        (self.axis(0) as u32).to_le_bytes()
    }
}

/// The checksum of cosyvoice.cpp: CRC-32 over data and lengths, in which each part begins with the complement that the one
/// before ended with.
fn checksum(
    text: &Tensor<'_>,
    feat: &Tensor<'_>,
    embedding: &Tensor<'_>,
    tokens: &Tensor<'_>,
) -> u32 {
    let parts: [&[u8]; 8] = [
        text.data,
        &text.length(),
        feat.data,
        &feat.matrix(),
        embedding.data,
        &embedding.matrix(),
        tokens.data,
        &tokens.length(),
    ];
    parts.iter().fold(0, |before: u32, part| {
        let mut hasher = Hasher::new_with_initial(!before);
        hasher.update(part);
        hasher.finalize()
    })
}

fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    bytes.as_chunks::<4>().0.iter().copied()
}
