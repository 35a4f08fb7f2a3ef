//! The language model: a Qwen2 body whose vocabulary is speech, as GGUF, and the tables that prefill reads.

use std::{io::Write, path::Path};

use anyhow::{Context, Result, bail, ensure};
use cosyvoice3::{constants::SPEECH_VOCAB, regular_file};
use serde::Deserialize;

use crate::{
    checkpoint::Checkpoint,
    directory::tables::Table,
    gguf::{Gguf, Tensor, Value},
    weights::WeightType,
};

const TEXT_EMBEDDING: &str = "llm.model.model.embed_tokens.weight";
const SPEECH_EMBEDDING: &str = "speech_embedding.weight";
const HEAD: &str = "llm_decoder.weight";
const FINAL_NORM: &str = "llm.model.model.norm.weight";

/// Longest `config.json`, which has 1 kB.
const MAX_CONFIG: u64 = 1 << 20;
/// Positions that decoding may reach, as the manifest has it: prompt, text and 30 s of speech fit several times.
pub const MAX_CONTEXT: u32 = 4096;

/// `CosyVoice-BlankEN/config.json`, as far as it is needed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Config {
    model_type: String,
    hidden_act: String,
    /// Width of an embedding.
    pub hidden_size: usize,
    intermediate_size: usize,
    max_position_embeddings: u32,
    num_attention_heads: usize,
    /// Transformer blocks.
    pub num_hidden_layers: usize,
    num_key_value_heads: usize,
    rms_norm_eps: f32,
    rope_theta: f32,
    /// Rows of the text embedding.
    pub vocab_size: usize,
}

impl Config {
    /// Reads and checks `config.json`.
    pub fn read(path: &Path) -> Result<Self> {
        let text = regular_file::read_text(path, MAX_CONFIG)?;
        let config: Self = serde_json::from_str(&text).with_context(|| {
            format!("{}: damaged, or not a Qwen2 configuration", path.display())
        })?;
        config.check().with_context(|| path.display().to_string())?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        ensure!(
            self.model_type == "qwen2" && self.hidden_act == "silu",
            "model_type {} with {}: CosyVoice3 has qwen2 with silu",
            self.model_type,
            self.hidden_act
        );
        let (heads, kv_heads) = (self.num_attention_heads, self.num_key_value_heads);
        ensure!(
            heads > 0 && self.hidden_size.is_multiple_of(heads),
            "hidden_size {} is not a multiple of num_attention_heads {heads}",
            self.hidden_size
        );
        ensure!(
            kv_heads > 0 && heads.is_multiple_of(kv_heads),
            "num_attention_heads {heads} is not a multiple of num_key_value_heads {kv_heads}"
        );
        ensure!(
            (1..=1024).contains(&self.num_hidden_layers),
            "num_hidden_layers is {}",
            self.num_hidden_layers
        );
        Ok(())
    }

    /// Positions that decoding may reach, at most [`MAX_CONTEXT`].
    pub fn context(&self) -> u32 {
        self.max_position_embeddings.min(MAX_CONTEXT)
    }
}

/// The language model of one checkpoint.
pub struct LanguageModel<'a> {
    checkpoint: &'a Checkpoint,
    config: &'a Config,
    tensors: Vec<(String, String, Vec<usize>)>,
}

impl<'a> LanguageModel<'a> {
    /// The language model in `checkpoint`, whose tensors must have the shapes that `config` asks for.
    pub fn new(checkpoint: &'a Checkpoint, config: &'a Config) -> Result<Self> {
        if checkpoint.contains("llm_embedding.weight") {
            bail!(
                "{}: an earlier CosyVoice (it has llm_embedding.weight): this converter reads CosyVoice3",
                checkpoint.path().display()
            );
        }
        let tensors = tensors(config);
        for (_, name, shape) in &tensors {
            let actual = checkpoint.shape(name)?;
            ensure!(
                actual == shape,
                "{}: {name} has shape {actual:?}, CosyVoice-BlankEN/config.json asks for {shape:?}",
                checkpoint.path().display()
            );
        }
        let next = format!("llm.model.model.layers.{}.", config.num_hidden_layers);
        if let Some(name) = checkpoint.names().find(|name| name.starts_with(&next)) {
            bail!(
                "{}: {name} is one layer more than num_hidden_layers of CosyVoice-BlankEN/config.json",
                checkpoint.path().display()
            );
        }
        let text = [config.vocab_size, config.hidden_size];
        checkpoint.tensor_of(TEXT_EMBEDDING, &text)?;
        Ok(Self {
            checkpoint,
            config,
            tensors,
        })
    }

    /// The GGUF: body, `token_embd.weight` (the speech embedding) and `output.weight` (the head).
    pub fn gguf(&self, name: &str, weight_type: WeightType) -> Gguf {
        let tensors = self.tensors.iter().map(|(name, _, shape)| {
            // ggml adds and multiplies vectors in f32
            let weight_type = match shape.len() {
                1 => WeightType::F32,
                _ => weight_type,
            };
            Tensor::plain(name.clone(), shape.clone(), weight_type)
        });
        Gguf {
            metadata: self.metadata(name, weight_type),
            tensors: tensors.collect(),
        }
    }

    /// Writes the data of a tensor of [`gguf`](Self::gguf).
    pub fn write(&self, tensor: &Tensor, out: &mut dyn Write) -> Result<()> {
        let official = self.tensors.iter().find(|(name, ..)| *name == tensor.name);
        let (_, name, shape) = official.context("no tensor of this model")?;
        let values = finite(name, self.checkpoint.tensor_of(name, shape)?.to_f32()?)?;
        let weight_type = match tensor.kind == WeightType::F16.ggml_type() {
            true => WeightType::F16,
            false => WeightType::F32,
        };
        weight_type.write(&values, out)
    }

    /// The tables that prefill reads.
    pub fn embeddings(&self, weight_type: WeightType) -> Vec<Table<'a>> {
        let hidden = self.config.hidden_size;
        let table = |name: &str, source: &'static str, rows: usize| {
            let checkpoint = self.checkpoint;
            Table {
                name: name.into(),
                shape: vec![rows, hidden],
                weight_type,
                values: Box::new(move || finite(source, checkpoint.tensor(source)?.to_f32()?)),
            }
        };
        vec![
            table("text_embedding", TEXT_EMBEDDING, self.config.vocab_size),
            table("speech_embedding", SPEECH_EMBEDDING, SPEECH_VOCAB as usize),
        ]
    }

    fn metadata(&self, name: &str, weight_type: WeightType) -> Vec<(String, Value)> {
        let config = self.config;
        let number = |value: usize| Value::U32(value as u32);
        let text = |value: &str| Value::String(value.into());
        [
            ("general.architecture", text("qwen2")),
            ("general.name", text(name)),
            // llama.cpp numbers these file types like the types of their tensors
            ("general.file_type", Value::U32(weight_type.ggml_type())),
            ("general.quantization_version", Value::U32(2)),
            ("qwen2.block_count", number(config.num_hidden_layers)),
            (
                "qwen2.context_length",
                Value::U32(config.max_position_embeddings),
            ),
            ("qwen2.embedding_length", number(config.hidden_size)),
            (
                "qwen2.feed_forward_length",
                number(config.intermediate_size),
            ),
            (
                "qwen2.attention.head_count",
                number(config.num_attention_heads),
            ),
            (
                "qwen2.attention.head_count_kv",
                number(config.num_key_value_heads),
            ),
            (
                "qwen2.attention.layer_norm_rms_epsilon",
                Value::F32(config.rms_norm_eps),
            ),
            ("qwen2.rope.freq_base", Value::F32(config.rope_theta)),
            ("qwen2.vocab_size", Value::U32(SPEECH_VOCAB)),
            ("tokenizer.ggml.model", text("none")),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }
}

/// Name in the GGUF, name in the checkpoint, shape.
fn tensors(config: &Config) -> Vec<(String, String, Vec<usize>)> {
    let hidden = config.hidden_size;
    let kv = hidden / config.num_attention_heads * config.num_key_value_heads;
    let ffn = config.intermediate_size;
    let speech = vec![SPEECH_VOCAB as usize, hidden];
    let mut tensors = vec![
        (
            "token_embd.weight".into(),
            SPEECH_EMBEDDING.into(),
            speech.clone(),
        ),
        ("output_norm.weight".into(), FINAL_NORM.into(), vec![hidden]),
        ("output.weight".into(), HEAD.into(), speech),
    ];
    for layer in 0..config.num_hidden_layers {
        let block = [
            ("attn_norm.weight", "input_layernorm.weight", vec![hidden]),
            (
                "attn_q.weight",
                "self_attn.q_proj.weight",
                vec![hidden, hidden],
            ),
            ("attn_q.bias", "self_attn.q_proj.bias", vec![hidden]),
            ("attn_k.weight", "self_attn.k_proj.weight", vec![kv, hidden]),
            ("attn_k.bias", "self_attn.k_proj.bias", vec![kv]),
            ("attn_v.weight", "self_attn.v_proj.weight", vec![kv, hidden]),
            ("attn_v.bias", "self_attn.v_proj.bias", vec![kv]),
            (
                "attn_output.weight",
                "self_attn.o_proj.weight",
                vec![hidden, hidden],
            ),
            (
                "ffn_norm.weight",
                "post_attention_layernorm.weight",
                vec![hidden],
            ),
            ("ffn_gate.weight", "mlp.gate_proj.weight", vec![ffn, hidden]),
            ("ffn_up.weight", "mlp.up_proj.weight", vec![ffn, hidden]),
            ("ffn_down.weight", "mlp.down_proj.weight", vec![hidden, ffn]),
        ];
        tensors.extend(block.map(|(gguf, official, shape)| {
            (
                format!("blk.{layer}.{gguf}"),
                format!("llm.model.model.layers.{layer}.{official}"),
                shape,
            )
        }));
    }
    tensors
}

/// Refuses weights that would make every later number a NaN.
pub fn finite<'a>(
    name: &str,
    values: std::borrow::Cow<'a, [f32]>,
) -> Result<std::borrow::Cow<'a, [f32]>> {
    ensure!(
        values.iter().all(|value| value.is_finite()),
        "{name} contains values that are not finite"
    );
    Ok(values)
}
