//! The language model of an edge pipeline: a quantised Qwen2 whose GGUF still has the vocabulary of text, and speech
//! tables beside it. Here the tables take the vocabulary's place; the body's weights stay as they are.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use cosyvoice3::{constants::SPEECH_VOCAB, lm::gguf as file, regular_file};
use memmap2::Mmap;

use crate::{
    convert::lm::MAX_CONTEXT,
    gguf::quantize::{Quantization, quantize_rows},
    gguf::{Gguf, Tensor, Value},
    import::npy::Npy,
};

const ARCHITECTURE: &str = "qwen2";
const EMBEDDING: &str = "token_embd.weight";
const HEAD: &str = "output.weight";

/// Numbers of tensor types in GGUF files.
const F32: u32 = 0;
const F16: u32 = 1;
const Q5_0: u32 = 6;
const Q8_0: u32 = 8;
const Q4_K: u32 = 12;
const Q6_K: u32 = 14;
/// Values of a super-block, which the K types are made of.
const SUPER_BLOCK: usize = 256;
/// Values of a block of the other types.
const BLOCK: usize = 32;

/// A Qwen2 in a GGUF file, without its vocabulary.
pub struct Body {
    path: PathBuf,
    header: file::Gguf,
    map: Mmap,
    quantization: Quantization,
}

impl Body {
    /// Opens `path`.
    ///
    /// # Errors
    /// The file cannot be read, is no Qwen2 in GGUF, or of a quantisation that models of ours do not have.
    pub fn open(path: &Path) -> Result<Self> {
        let header = file::Gguf::read(path)?;
        let at = path.display();
        let text = |key: &str| match header.values.get(key) {
            Some(file::Value::Text(text)) => text.as_str(),
            _ => "unknown",
        };
        let architecture = text("general.architecture");
        ensure!(
            architecture == ARCHITECTURE,
            "{at}: a model of architecture {architecture}, expected {ARCHITECTURE}"
        );
        let quantization = match header.values.get("general.file_type") {
            Some(file::Value::Unsigned(0)) => Quantization::F32,
            Some(file::Value::Unsigned(1)) => Quantization::F16,
            Some(file::Value::Unsigned(2)) => Quantization::Q4_0,
            Some(file::Value::Unsigned(7)) => Quantization::Q8_0,
            Some(file::Value::Unsigned(15)) => Quantization::Q4KM,
            other => bail!(
                "{at}: general.file_type is {other:?}, expected that of Q4_K_M (15), Q4_0 (2), Q8_0 (7), F16 (1) or F32 (0)"
            ),
        };
        let source = regular_file::open(path)?;
        // SAFETY: the map is only read. If the file is shortened while we read it, we die of SIGBUS, which leaves
        // the target directory as unfinished as any other interruption does.
        let map = unsafe { Mmap::map(&source) }.with_context(|| at.to_string())?;
        let body = Self {
            path: path.into(),
            header,
            map,
            quantization,
        };
        ensure!(
            body.width()?.is_multiple_of(BLOCK),
            "{at}: a width of {}, which cannot be quantised",
            body.width()?
        );
        for tensor in body.tensors() {
            body.data(&tensor.name)?;
        }
        Ok(body)
    }

    /// Storage format of the weights.
    pub fn quantization(&self) -> Quantization {
        self.quantization
    }

    /// Width of an embedding.
    pub fn width(&self) -> Result<usize> {
        self.number("embedding_length")
    }

    /// Transformer blocks.
    pub fn layers(&self) -> Result<usize> {
        self.number("block_count")
    }

    /// Positions that decoding may reach.
    pub fn context(&self) -> Result<u32> {
        Ok((self.number("context_length")?).min(MAX_CONTEXT as usize) as u32)
    }

    /// Contents of a GGUF called `name`: this body with a vocabulary of speech.
    pub fn with_speech(&self, name: &str) -> Result<Gguf> {
        let width = self.width()?;
        let (embedding, head) = table_types(self.quantization, width);
        let table = |name: &str, kind| -> Result<Tensor> {
            let row = quantize_rows(&vec![0.0; width], width, kind)?;
            Ok(Tensor {
                name: name.into(),
                shape: vec![SPEECH_VOCAB as usize, width],
                kind,
                size: SPEECH_VOCAB as usize * row.len(),
            })
        };
        let mut tensors = vec![table(EMBEDDING, embedding)?];
        for tensor in self.tensors() {
            let lengths = tensor.shape.iter().rev();
            tensors.push(Tensor {
                name: tensor.name.clone(),
                shape: lengths.map(|length| *length as usize).collect(),
                kind: tensor.kind,
                size: self.data(&tensor.name)?.len(),
            });
        }
        tensors.push(table(HEAD, head)?);
        Ok(Gguf {
            metadata: self.metadata(name)?,
            tensors,
        })
    }

    /// Writes the data of a tensor of [`with_speech`](Self::with_speech).
    pub fn write(
        &self,
        tensor: &Tensor,
        embedding: &Npy,
        head: &Npy,
        out: &mut dyn Write,
    ) -> Result<()> {
        let table = match tensor.name.as_str() {
            EMBEDDING => embedding,
            HEAD => head,
            name => return Ok(out.write_all(self.data(name)?)?),
        };
        let [_, width] = table.shape();
        Ok(out.write_all(&quantize_rows(&table.values()?, width, tensor.kind)?)?)
    }

    /// The tensors that stay.
    fn tensors(&self) -> impl Iterator<Item = &file::Tensor> {
        let tensors = self.header.tensors.iter();
        tensors.filter(|tensor| ![EMBEDDING, HEAD].contains(&tensor.name.as_str()))
    }

    fn data(&self, name: &str) -> Result<&[u8]> {
        let found = self.header.tensor(name);
        let (_, bytes) = found.map_err(|what| anyhow!("{}: {what}", self.path.display()))?;
        Ok(&self.map[bytes.start as usize..bytes.end as usize])
    }

    fn number(&self, key: &str) -> Result<usize> {
        let key = format!("{ARCHITECTURE}.{key}");
        match self.header.values.get(&key) {
            Some(file::Value::Unsigned(value)) => Ok(*value as usize),
            other => bail!(
                "{}: {key} is {other:?}, expected a whole number",
                self.path.display()
            ),
        }
    }

    fn metadata(&self, name: &str) -> Result<Vec<(String, Value)>> {
        let general = |key: &str, default| match self.header.values.get(key) {
            Some(file::Value::Unsigned(value)) => *value as u32,
            _ => default,
        };
        let text = |value: &str| Value::String(value.into());
        let of_text = format!("{ARCHITECTURE}.vocab_size");
        let mut metadata = vec![
            ("general.architecture".to_owned(), text(ARCHITECTURE)),
            ("general.name".to_owned(), text(name)),
        ];
        for (key, default) in [
            ("general.file_type", 0),
            ("general.quantization_version", 2),
        ] {
            metadata.push((key.to_owned(), Value::U32(general(key, default))));
        }
        for (key, value) in &self.header.values {
            if !key.starts_with(&format!("{ARCHITECTURE}.")) || *key == of_text {
                continue;
            }
            let value = match value {
                file::Value::Unsigned(value) => Value::U32(u32::try_from(*value)?),
                file::Value::Float(value) => Value::F32(*value as f32),
                file::Value::Text(value) => text(value),
                other => bail!(
                    "{}: {key} is {other:?}, which no CosyVoice3 model has",
                    self.path.display()
                ),
            };
            metadata.push((key.clone(), value));
        }
        metadata.push((of_text, Value::U32(SPEECH_VOCAB)));
        metadata.push(("tokenizer.ggml.model".to_owned(), text("none")));
        Ok(metadata)
    }
}

/// The types of embedding and head that llama.cpp's quantiser chooses.
fn table_types(quantization: Quantization, width: usize) -> (u32, u32) {
    let super_blocks = width.is_multiple_of(SUPER_BLOCK);
    let head = if super_blocks { Q6_K } else { Q8_0 };
    match quantization {
        Quantization::F32 => (F32, F32),
        Quantization::F16 => (F16, F16),
        Quantization::Q8_0 | Quantization::Q4_0 => (Q8_0, Q8_0),
        Quantization::Q4KM if super_blocks => (Q4_K, head),
        Quantization::Q4KM => (Q5_0, head),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::{gguf::quantize::quantize, weights::WeightType};

    /// A Qwen2 of one layer with a vocabulary of speech.
    fn write_model(path: &Path, width: usize) {
        let speech = vec![SPEECH_VOCAB as usize, width];
        let mut tensors = vec![
            (EMBEDDING.to_owned(), speech.clone()),
            ("output_norm.weight".to_owned(), vec![width]),
            (HEAD.to_owned(), speech),
        ];
        for (name, axes) in [
            ("attn_norm.weight", 1),
            ("attn_q.weight", 2),
            ("attn_q.bias", 1),
            ("attn_k.weight", 2),
            ("attn_k.bias", 1),
            ("attn_v.weight", 2),
            ("attn_v.bias", 1),
            ("attn_output.weight", 2),
            ("ffn_norm.weight", 1),
            ("ffn_gate.weight", 2),
            ("ffn_up.weight", 2),
            ("ffn_down.weight", 2),
        ] {
            tensors.push((format!("blk.0.{name}"), vec![width; axes]));
        }
        let tensors = tensors.into_iter();
        let tensors = tensors.map(|(name, shape)| Tensor::plain(name, shape, WeightType::F32));
        let number = |key: &str, value: usize| (format!("qwen2.{key}"), Value::U32(value as u32));
        let gguf = Gguf {
            metadata: vec![
                (
                    "general.architecture".into(),
                    Value::String(ARCHITECTURE.into()),
                ),
                number("block_count", 1),
                number("context_length", 4096),
                number("embedding_length", width),
                number("feed_forward_length", width),
                number("attention.head_count", 4),
                number("attention.head_count_kv", 4),
                (
                    "qwen2.attention.layer_norm_rms_epsilon".into(),
                    Value::F32(1e-6),
                ),
                ("qwen2.rope.freq_base".into(), Value::F32(1e6)),
                number("vocab_size", SPEECH_VOCAB as usize),
                ("tokenizer.ggml.model".into(), Value::String("none".into())),
            ],
            tensors: tensors.collect(),
        };
        let mut out = File::create(path).unwrap();
        gguf.write(&mut out, |tensor, out| {
            Ok(out.write_all(&vec![0; tensor.size])?)
        })
        .unwrap();
    }

    #[test]
    fn speech_tables_get_the_types_that_the_quantiser_chooses() {
        let dir = tempfile::tempdir().unwrap();
        let [whole, quantized] = ["whole.gguf", "quantized.gguf"].map(|name| dir.path().join(name));
        // With whole super-blocks, and without: 896 is the width of the published model.
        for width in [256, 896] {
            write_model(&whole, width);
            for quantization in [
                Quantization::F32,
                Quantization::F16,
                Quantization::Q8_0,
                Quantization::Q4KM,
                Quantization::Q4_0,
            ] {
                quantize(&whole, &quantized, quantization).unwrap();
                let body = Body::open(&quantized).unwrap();
                assert_eq!(body.quantization(), quantization);
                let kinds = [EMBEDDING, HEAD].map(|name| body.header.tensor(name).unwrap().0.kind);
                assert_eq!(
                    <[u32; 2]>::from(table_types(quantization, width)),
                    kinds,
                    "{} of width {width}",
                    quantization.name()
                );
            }
        }
    }
}
