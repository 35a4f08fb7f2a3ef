//! The header of a GGUF file, read and checked before llama.cpp sees the file: llama.cpp ends the process over some
//! malformed ones.

use std::{
    collections::BTreeMap,
    io::{self, BufReader, Read},
    ops::Range,
    path::Path,
};

use crate::{Error, Result, manifest, regular_file};

const ARCHITECTURE: &str = "qwen2";
/// The only alignment that llama.cpp writes unless configured otherwise (`GGUF_DEFAULT_ALIGNMENT`).
const ALIGNMENT: u64 = 32;
/// Longest key or tensor name that is plausible; ggml's own limit for tensor names is 64.
const MAX_NAME: u64 = 256;
/// Longest text that is plausible, such as a chat template.
const MAX_TEXT: u64 = 1 << 20;
/// Most keys, and most tensors; the published model has some 30 and 300.
const MAX_ENTRIES: u64 = 1 << 16;

/// Tensor types that models of ours have: GGUF id, name, values and bytes of a block (`ggml.h`, `ggml-common.h`).
const TYPES: [(u32, &str, u64, u64); 11] = [
    (F32, "F32", 1, 4),
    (1, "F16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (30, "BF16", 1, 2),
];
const F32: u32 = 0;

/// Keys of the architecture that a model of ours may have, after `qwen2.`.
const KEYS: [&str; 13] = [
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_rms_epsilon",
    "attention.value_length",
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "rope.dimension_count",
    "rope.freq_base",
    "tensor_data_layout",
    "vocab_size",
];

/// A value of the key-value part.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Any unsigned integer.
    Unsigned(u64),
    /// Any signed integer.
    Signed(i64),
    /// Either float.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A string.
    Text(String),
    /// An array of so many elements, which are not kept.
    Array(u64),
}

/// One tensor's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Name, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Lengths of the axes, the fastest first.
    pub shape: Vec<u64>,
    /// GGUF's number of its type.
    pub kind: u32,
    /// First byte, from the start of the tensor data.
    pub offset: u64,
}

impl Tensor {
    /// The type's name, such as `Q4_0`; `None` for types that models of ours do not have.
    pub fn type_name(&self) -> Option<&'static str> {
        self.block().map(|(_, name, ..)| name)
    }

    fn block(&self) -> Option<(u32, &'static str, u64, u64)> {
        TYPES.into_iter().find(|(id, ..)| *id == self.kind)
    }

    /// Bytes of the data; `None` for an unknown type, a row that is no whole number of blocks, or an overflow.
    fn bytes(&self) -> Option<u64> {
        let (_, _, values, bytes) = self.block()?;
        if !self.shape.first()?.is_multiple_of(values) {
            return None;
        }
        let count = self
            .shape
            .iter()
            .try_fold(1u64, |n, &axis| n.checked_mul(axis))?;
        (count / values).checked_mul(bytes)
    }
}

/// A GGUF file without its data.
#[derive(Debug, Clone, PartialEq)]
pub struct Gguf {
    /// Version of the format, 2 or 3.
    pub version: u32,
    /// Key-value part.
    pub values: BTreeMap<String, Value>,
    /// Tensors, in the file's order.
    pub tensors: Vec<Tensor>,
    /// First byte of the tensor data.
    data_start: u64,
    /// Bytes from there on.
    data_len: u64,
}

impl Gguf {
    /// Reads the header of `path`.
    ///
    /// # Errors
    /// `NotFound` or `Open` where the file cannot be read, `Damaged` where the header is no GGUF or ends early.
    pub fn read(path: &Path) -> Result<Self> {
        let file = regular_file::open(path)?;
        let len = file.metadata().map_err(|e| Error::io(path, &e))?.len();
        parse(BufReader::new(file), len).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => Error::damaged(
                path,
                format!("truncated: the file ends inside its header, after {len} bytes; copy it again, or convert the checkpoint again"),
            ),
            io::ErrorKind::InvalidData => Error::damaged(path, e),
            _ => Error::io(path, &e),
        })
    }

    /// Checks geometry, keys and tensors against the manifest, and that every tensor lies inside the file `path`.
    ///
    /// # Errors
    /// `Damaged`; the message names the key or tensor, what was expected and what was found.
    pub fn check(&self, path: &Path, lm: &manifest::Lm) -> Result<()> {
        self.check_all(lm)
            .map_err(|what| Error::damaged(path, what))
    }

    /// Bytes that a context of `lm.context` positions takes, keys and values of `element` bytes each.
    ///
    /// # Errors
    /// The fault in the geometry, as [`check`](Self::check) reports it.
    pub fn context_bytes(
        &self,
        lm: &manifest::Lm,
        element: u64,
        batch: u64,
    ) -> Result<u64, String> {
        let geometry = self.geometry(lm)?;
        let positions = u64::from(lm.context);
        let cache = 2 * positions * geometry.layers * geometry.kv * element;
        // Of one batch: its attention to every position, by head, and a few rows of the widest layer; in f32.
        let widest = geometry
            .feed_forward
            .max(geometry.vocabulary)
            .max(geometry.hidden);
        let work = batch.min(positions) * (positions * geometry.heads + 4 * widest) * 4;
        Ok(cache + work)
    }

    /// The tensor `name`, and the bytes of the file that hold its data.
    ///
    /// # Errors
    /// The tensor is missing, of a type that models of ours do not have, or not whole.
    pub fn tensor(&self, name: &str) -> Result<(&Tensor, Range<u64>), String> {
        let tensor = self.tensors.iter().find(|tensor| tensor.name == name);
        let tensor = tensor.ok_or_else(|| format!("tensor {name} is missing"))?;
        let bytes = self.check_data(tensor)?;
        let start = self.data_start + tensor.offset;
        Ok((tensor, start..start + bytes))
    }

    /// First byte of a tensor's data in the file; `None` where a damaged header leads beyond all files.
    pub fn position(&self, tensor: &Tensor) -> Option<u64> {
        self.data_start.checked_add(tensor.offset)
    }

    fn check_all(&self, lm: &manifest::Lm) -> Result<(), String> {
        self.check_keys()?;
        let geometry = self.geometry(lm)?;
        let tensors: BTreeMap<&str, &Tensor> =
            self.tensors.iter().map(|t| (t.name.as_str(), t)).collect();
        let expected = geometry.tensors();
        for (name, shape) in &expected {
            let tensor = tensors
                .get(name.as_str())
                .ok_or_else(|| format!("tensor {name} is missing"))?;
            if tensor.shape != *shape {
                return Err(format!(
                    "tensor {name} has shape {:?}, expected {shape:?}",
                    tensor.shape
                ));
            }
            self.check_data(tensor)?;
        }
        if self.tensors.len() != expected.len() {
            let extra = self
                .tensors
                .iter()
                .find(|t| !expected.contains_key(&t.name))
                .map_or("a tensor twice", |t| &t.name);
            return Err(format!(
                "it contains {extra}, which is not part of a CosyVoice3 model"
            ));
        }
        Ok(())
    }

    fn check_keys(&self) -> Result<(), String> {
        for (key, value) in &self.values {
            let known = match key.split_once('.') {
                Some(("general" | "tokenizer" | "quantize", _)) => true,
                Some((ARCHITECTURE, key)) => KEYS.contains(&key),
                _ => false,
            };
            if !known {
                return Err(format!(
                    "key {key} = {value:?} does not belong in a CosyVoice3 model"
                ));
            }
        }
        self.expect_text("general.architecture", ARCHITECTURE)?;
        self.expect_text("tokenizer.ggml.model", "none")?;
        match self.values.get("general.alignment") {
            None | Some(Value::Unsigned(ALIGNMENT)) => Ok(()),
            Some(other) => Err(format!(
                "general.alignment is {other:?}, expected {ALIGNMENT}"
            )),
        }
    }

    fn expect_text(&self, key: &str, expected: &str) -> Result<(), String> {
        match self.values.get(key) {
            Some(Value::Text(text)) if text == expected => Ok(()),
            Some(other) => Err(format!("{key} is {other:?}, expected {expected:?}")),
            None => Err(format!("key {key} is missing, expected {expected:?}")),
        }
    }

    fn unsigned(&self, key: &str) -> Result<u64, String> {
        let key = format!("{ARCHITECTURE}.{key}");
        match self.values.get(&key) {
            Some(Value::Unsigned(value)) => Ok(*value),
            Some(other) => Err(format!("{key} is {other:?}, expected a whole number")),
            None => Err(format!("key {key} is missing")),
        }
    }

    fn geometry(&self, lm: &manifest::Lm) -> Result<Geometry, String> {
        let expect = |key: &str, expected: u64| match self.unsigned(key)? {
            found if found == expected => Ok(expected),
            found => Err(format!(
                "{ARCHITECTURE}.{key} is {found}, expected {expected}"
            )),
        };
        let hidden = expect("embedding_length", lm.hidden_size as u64)?;
        let layers = expect("block_count", lm.layers as u64)?;
        let vocabulary = expect("vocab_size", u64::from(lm.speech_vocab))?;
        let heads = self.unsigned("attention.head_count")?;
        let kv_heads = self.unsigned("attention.head_count_kv")?;
        if heads == 0 || kv_heads == 0 || hidden % heads != 0 || heads % kv_heads != 0 {
            return Err(format!(
                "{heads} heads and {kv_heads} key-value heads do not divide a width of {hidden}"
            ));
        }
        let head = hidden / heads;
        if head % 2 != 0 {
            return Err(format!("heads of {head} values cannot be rotated"));
        }
        for key in [
            "attention.key_length",
            "attention.value_length",
            "rope.dimension_count",
        ] {
            if self.values.contains_key(&format!("{ARCHITECTURE}.{key}")) {
                expect(key, head)?;
            }
        }
        for key in ["rope.freq_base", "attention.layer_norm_rms_epsilon"] {
            let key = format!("{ARCHITECTURE}.{key}");
            match self.values.get(&key) {
                Some(Value::Float(value)) if *value > 0.0 && value.is_finite() => {}
                other => return Err(format!("{key} is {other:?}, expected a positive number")),
            }
        }
        if let Some(Value::Unsigned(longest)) = self.values.get("qwen2.context_length")
            && u64::from(lm.context) > *longest
        {
            return Err(format!(
                "{ARCHITECTURE}.context_length is {longest}, but the manifest's lm.context is {}: lower it",
                lm.context
            ));
        }
        Ok(Geometry {
            layers,
            hidden,
            heads,
            kv: head * kv_heads,
            feed_forward: self.unsigned("feed_forward_length")?,
            vocabulary,
        })
    }

    /// Bytes of `tensor`, which must lie inside the file.
    fn check_data(&self, tensor: &Tensor) -> Result<u64, String> {
        let Tensor {
            name, kind, offset, ..
        } = tensor;
        let bytes = tensor.bytes().ok_or_else(|| {
            format!(
                "tensor {name} has type {} and shape {:?}, a combination that the converter never writes",
                tensor.type_name().map_or_else(|| format!("number {kind}"), str::to_owned),
                tensor.shape
            )
        })?;
        if tensor.shape.len() == 1 && *kind != F32 {
            return Err(format!("tensor {name} must be F32"));
        }
        if offset % ALIGNMENT != 0 {
            return Err(format!(
                "tensor {name} starts at {offset}, not a multiple of {ALIGNMENT}"
            ));
        }
        match offset.checked_add(bytes) {
            Some(end) if end <= self.data_len => Ok(bytes),
            _ => Err(format!(
                "truncated: tensor {name} takes bytes {offset} to {offset} + {bytes} of the data, the file has {}; \
                 copy it again, or convert the checkpoint again",
                self.data_len
            )),
        }
    }
}

struct Geometry {
    layers: u64,
    hidden: u64,
    heads: u64,
    /// Width of the keys of one position, and of its values.
    kv: u64,
    feed_forward: u64,
    vocabulary: u64,
}

impl Geometry {
    fn tensors(&self) -> BTreeMap<String, Vec<u64>> {
        let &Self {
            hidden,
            kv,
            feed_forward,
            vocabulary,
            ..
        } = self;
        let mut tensors = BTreeMap::from([
            ("token_embd.weight".to_owned(), vec![hidden, vocabulary]),
            ("output_norm.weight".to_owned(), vec![hidden]),
            ("output.weight".to_owned(), vec![hidden, vocabulary]),
        ]);
        for layer in 0..self.layers {
            for (name, shape) in [
                ("attn_norm.weight", vec![hidden]),
                ("attn_q.weight", vec![hidden, hidden]),
                ("attn_q.bias", vec![hidden]),
                ("attn_k.weight", vec![hidden, kv]),
                ("attn_k.bias", vec![kv]),
                ("attn_v.weight", vec![hidden, kv]),
                ("attn_v.bias", vec![kv]),
                ("attn_output.weight", vec![hidden, hidden]),
                ("ffn_norm.weight", vec![hidden]),
                ("ffn_gate.weight", vec![hidden, feed_forward]),
                ("ffn_up.weight", vec![hidden, feed_forward]),
                ("ffn_down.weight", vec![feed_forward, hidden]),
            ] {
                tensors.insert(format!("blk.{layer}.{name}"), shape);
            }
        }
        tensors
    }
}

fn parse(source: impl Read, len: u64) -> io::Result<Gguf> {
    let mut reader = Reader {
        source,
        read: 0,
        len,
    };
    if &reader.array::<4>()? != b"GGUF" {
        return Err(invalid("not a GGUF file: its first bytes are not \"GGUF\""));
    }
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        return Err(invalid(format!("GGUF version {version}, expected 2 or 3")));
    }
    let tensor_count = reader.count("tensors")?;
    let value_count = reader.count("keys")?;
    let mut values = BTreeMap::new();
    for _ in 0..value_count {
        let key = reader.name()?;
        let kind = reader.u32()?;
        let value = reader.value(kind)?;
        if values.insert(key.clone(), value).is_some() {
            return Err(invalid(format!("key {key} appears twice")));
        }
    }
    let mut tensors = Vec::new();
    for _ in 0..tensor_count {
        tensors.push(reader.tensor()?);
    }
    let data = reader.read.next_multiple_of(ALIGNMENT);
    Ok(Gguf {
        version,
        values,
        tensors,
        data_start: data,
        data_len: len.saturating_sub(data),
    })
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

struct Reader<R> {
    source: R,
    read: u64,
    len: u64,
}

impl<R: Read> Reader<R> {
    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes)?;
        self.read += N as u64;
        Ok(bytes)
    }

    fn u32(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> io::Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Reads the number of `things` that follow.
    fn count(&mut self, things: &str) -> io::Result<u64> {
        let count = self.u64()?;
        if count > MAX_ENTRIES {
            return Err(invalid(format!(
                "{count} {things}, expected at most {MAX_ENTRIES}"
            )));
        }
        Ok(count)
    }

    fn bytes(&mut self, count: u64) -> io::Result<Vec<u8>> {
        if count > self.len - self.read {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if count > MAX_TEXT {
            return Err(invalid(format!(
                "a text of {count} bytes, expected at most {MAX_TEXT}"
            )));
        }
        let mut bytes = vec![0; count as usize];
        self.source.read_exact(&mut bytes)?;
        self.read += count;
        Ok(bytes)
    }

    fn text(&mut self) -> io::Result<String> {
        let length = self.u64()?;
        String::from_utf8(self.bytes(length)?).map_err(|_| invalid("a string is not UTF-8"))
    }

    fn name(&mut self) -> io::Result<String> {
        let name = self.text()?;
        if name.is_empty() || name.len() as u64 > MAX_NAME {
            return Err(invalid(format!("a name of {} bytes", name.len())));
        }
        Ok(name)
    }

    fn value(&mut self, kind: u32) -> io::Result<Value> {
        Ok(match kind {
            0 => Value::Unsigned(self.array::<1>()?[0].into()),
            1 => Value::Signed(self.array().map(i8::from_le_bytes)?.into()),
            2 => Value::Unsigned(self.array().map(u16::from_le_bytes)?.into()),
            3 => Value::Signed(self.array().map(i16::from_le_bytes)?.into()),
            4 => Value::Unsigned(self.u32()?.into()),
            5 => Value::Signed(self.array().map(i32::from_le_bytes)?.into()),
            6 => Value::Float(self.array().map(f32::from_le_bytes)?.into()),
            7 => Value::Bool(self.array::<1>()?[0] != 0),
            8 => Value::Text(self.text()?),
            9 => self.skip_array()?,
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(self.array().map(i64::from_le_bytes)?),
            12 => Value::Float(self.array().map(f64::from_le_bytes)?),
            _ => return Err(invalid(format!("a value of unknown type {kind}"))),
        })
    }

    fn skip_array(&mut self) -> io::Result<Value> {
        let kind = self.u32()?;
        let count = self.u64()?;
        if kind == 9 {
            return Err(invalid("an array of arrays"));
        }
        for _ in 0..count {
            self.value(kind)?;
        }
        Ok(Value::Array(count))
    }

    fn tensor(&mut self) -> io::Result<Tensor> {
        let name = self.name()?;
        let axes = self.u32()?;
        if !(1..=4).contains(&axes) {
            return Err(invalid(format!(
                "tensor {name} has {axes} axes, expected 1 to 4"
            )));
        }
        let shape = (0..axes).map(|_| self.u64()).collect::<io::Result<_>>()?;
        Ok(Tensor {
            name,
            shape,
            kind: self.u32()?,
            offset: self.u64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ErrorKind, lm::tests::manifest_lm};

    fn lm() -> manifest::Lm {
        manifest::Lm {
            hidden_size: 32,
            layers: 1,
            ..manifest_lm()
        }
    }

    fn text(bytes: &mut Vec<u8>, text: &str) {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    }

    fn values() -> Vec<(&'static str, Value)> {
        vec![
            ("general.architecture", Value::Text("qwen2".into())),
            ("tokenizer.ggml.model", Value::Text("none".into())),
            ("qwen2.embedding_length", Value::Unsigned(32)),
            ("qwen2.block_count", Value::Unsigned(1)),
            ("qwen2.vocab_size", Value::Unsigned(6761)),
            ("qwen2.attention.head_count", Value::Unsigned(4)),
            ("qwen2.attention.head_count_kv", Value::Unsigned(2)),
            ("qwen2.feed_forward_length", Value::Unsigned(64)),
            ("qwen2.rope.freq_base", Value::Float(1e6)),
            ("qwen2.attention.layer_norm_rms_epsilon", Value::Float(1e-6)),
        ]
    }

    fn tensors() -> Vec<Tensor> {
        let geometry = Geometry {
            layers: 1,
            hidden: 32,
            heads: 4,
            kv: 16,
            feed_forward: 64,
            vocabulary: 6761,
        };
        let mut offset = 0;
        geometry
            .tensors()
            .into_iter()
            .map(|(name, shape)| {
                let kind = if shape.len() == 1 { F32 } else { 8 };
                let tensor = Tensor {
                    name,
                    shape,
                    kind,
                    offset,
                };
                offset += tensor.bytes().unwrap().next_multiple_of(ALIGNMENT);
                tensor
            })
            .collect()
    }

    fn header(values: &[(&str, Value)], tensors: &[Tensor]) -> Vec<u8> {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend((tensors.len() as u64).to_le_bytes());
        bytes.extend((values.len() as u64).to_le_bytes());
        for (key, value) in values {
            text(&mut bytes, key);
            match value {
                Value::Unsigned(v) => {
                    bytes.extend(4u32.to_le_bytes());
                    bytes.extend((*v as u32).to_le_bytes());
                }
                Value::Float(v) => {
                    bytes.extend(6u32.to_le_bytes());
                    bytes.extend((*v as f32).to_le_bytes());
                }
                Value::Text(v) => {
                    bytes.extend(8u32.to_le_bytes());
                    text(&mut bytes, v);
                }
                _ => unreachable!("not in these tests"),
            }
        }
        for tensor in tensors {
            text(&mut bytes, &tensor.name);
            bytes.extend((tensor.shape.len() as u32).to_le_bytes());
            bytes.extend(tensor.shape.iter().flat_map(|n| n.to_le_bytes()));
            bytes.extend(tensor.kind.to_le_bytes());
            bytes.extend(tensor.offset.to_le_bytes());
        }
        bytes
    }

    fn data_len(tensors: &[Tensor]) -> u64 {
        let last = tensors.last().unwrap();
        last.offset + last.bytes().unwrap()
    }

    fn check(header: &[u8], data: u64) -> Result<()> {
        let path = Path::new("models/x/lm.gguf");
        let len = (header.len() as u64).next_multiple_of(ALIGNMENT) + data;
        let gguf = parse(header, len).map_err(|e| Error::damaged(path, e))?;
        gguf.check(path, &lm())
    }

    fn refusal(header: &[u8], data: u64) -> String {
        let error = check(header, data).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Damaged);
        error.to_string()
    }

    #[test]
    fn a_whole_file_passes() {
        let tensors = tensors();
        check(&header(&values(), &tensors), data_len(&tensors)).unwrap();
    }

    #[test]
    fn every_truncation_is_reported() {
        let tensors = tensors();
        let whole = header(&values(), &tensors);
        for length in 0..whole.len() {
            assert!(parse(&whole[..length], length as u64).is_err(), "{length}");
        }
        let message = refusal(&whole, data_len(&tensors) - 1);
        assert!(
            message.contains("lm.gguf: truncated: tensor token_embd.weight"),
            "{message}"
        );
    }

    #[test]
    fn a_wrong_tensor_is_named_with_what_was_expected_and_found() {
        type Change = fn(&mut Vec<Tensor>);
        let cases: [(Change, &str); 6] = [
            (
                |t| t[0].shape = vec![7],
                "blk.0.attn_k.bias has shape [7], expected [16]",
            ),
            (|t| t[0].kind = 8, "attn_k.bias"),
            (|t| t[1].kind = 99, "attn_k.weight has type number 99"),
            (|t| t[1].offset += 1, "attn_k.weight starts at"),
            (|t| drop(t.remove(1)), "blk.0.attn_k.weight is missing"),
            (
                |t| {
                    t.push(Tensor {
                        name: "rope_freqs".into(),
                        ..t[0].clone()
                    })
                },
                "rope_freqs",
            ),
        ];
        for (change, expected) in cases {
            let mut tensors = tensors();
            let data = data_len(&tensors);
            change(&mut tensors);
            let message = refusal(&header(&values(), &tensors), data);
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_wrong_key_is_named() {
        let cases = [
            (
                "general.architecture",
                Value::Text("llama".into()),
                "general.architecture is Text(\"llama\")",
            ),
            (
                "tokenizer.ggml.model",
                Value::Text("gpt2".into()),
                "tokenizer.ggml.model",
            ),
            (
                "qwen2.embedding_length",
                Value::Unsigned(64),
                "embedding_length is 64, expected 32",
            ),
            (
                "qwen2.block_count",
                Value::Unsigned(2),
                "block_count is 2, expected 1",
            ),
            ("qwen2.attention.head_count", Value::Unsigned(0), "0 heads"),
            (
                "qwen2.attention.head_count_kv",
                Value::Unsigned(3),
                "3 key-value heads",
            ),
            ("qwen2.rope.freq_base", Value::Float(0.0), "rope.freq_base"),
            (
                "qwen2.context_length",
                Value::Unsigned(1024),
                "context_length is 1024, but the manifest's lm.context is 2048",
            ),
            (
                "qwen2.rope.scaling.type",
                Value::Text("?".into()),
                "rope.scaling.type",
            ),
        ];
        let tensors = tensors();
        for (key, value, expected) in cases {
            let mut values: Vec<_> = values().into_iter().filter(|(k, _)| *k != key).collect();
            values.push((key, value));
            let message = refusal(&header(&values, &tensors), data_len(&tensors));
            assert!(message.contains(expected), "{message}");
        }
    }

    proptest! {
        #[test]
        fn flipped_bits_never_panic_nor_exhaust_memory(
            flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..4),
        ) {
            let tensors = tensors();
            let mut bytes = header(&values(), &tensors);
            for (index, bit) in flips {
                let at = index.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            let _ = check(&bytes, data_len(&tensors));
        }
    }
}
