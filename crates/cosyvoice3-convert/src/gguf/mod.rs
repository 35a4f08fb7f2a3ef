//! Writing GGUF files (version 3).

pub mod quantize;

use std::io::Write;

use anyhow::Result;

use crate::weights::WeightType;

/// Tensors begin at multiples of this many bytes (GGUF's default).
const ALIGNMENT: usize = 32;
const VERSION: u32 = 3;

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `GGUF_TYPE_UINT32`
    U32(u32),
    /// `GGUF_TYPE_FLOAT32`
    F32(f32),
    /// `GGUF_TYPE_STRING`
    String(String),
}

/// A tensor to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Name in the GGUF.
    pub name: String,
    /// Lengths, outermost first.
    pub shape: Vec<usize>,
    /// Number of its type in GGUF files.
    pub kind: u32,
    /// Bytes of its data.
    pub size: usize,
}

impl Tensor {
    /// A tensor of plain numbers.
    pub fn plain(name: String, shape: Vec<usize>, weight_type: WeightType) -> Self {
        Self {
            kind: weight_type.ggml_type(),
            size: shape.iter().product::<usize>() * weight_type.size(),
            name,
            shape,
        }
    }
}

/// Content of a GGUF file, without the numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Gguf {
    /// Metadata in file order.
    pub metadata: Vec<(String, Value)>,
    /// Tensors in file order.
    pub tensors: Vec<Tensor>,
}

impl Gguf {
    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        let tensors = self.tensors.iter();
        let data: usize = tensors.map(|t| t.size.next_multiple_of(ALIGNMENT)).sum();
        (self.header().len() + data) as u64
    }

    /// Writes the file; `data` writes the data of each tensor in turn.
    pub fn write<W: Write>(
        &self,
        out: &mut W,
        mut data: impl FnMut(&Tensor, &mut W) -> Result<()>,
    ) -> Result<()> {
        out.write_all(&self.header())?;
        for tensor in &self.tensors {
            data(tensor, out)?;
            let padding = tensor.size.next_multiple_of(ALIGNMENT) - tensor.size;
            out.write_all(&[0; ALIGNMENT][..padding])?;
        }
        Ok(())
    }

    fn header(&self) -> Vec<u8> {
        let mut head = b"GGUF".to_vec();
        head.extend(VERSION.to_le_bytes());
        head.extend((self.tensors.len() as u64).to_le_bytes());
        head.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            string(&mut head, key);
            match value {
                Value::U32(value) => {
                    head.extend(4_u32.to_le_bytes());
                    head.extend(value.to_le_bytes());
                }
                Value::F32(value) => {
                    head.extend(6_u32.to_le_bytes());
                    head.extend(value.to_le_bytes());
                }
                Value::String(value) => {
                    head.extend(8_u32.to_le_bytes());
                    string(&mut head, value);
                }
            }
        }
        let mut offset = 0;
        for tensor in &self.tensors {
            string(&mut head, &tensor.name);
            head.extend((tensor.shape.len() as u32).to_le_bytes());
            for len in tensor.shape.iter().rev() {
                head.extend((*len as u64).to_le_bytes());
            }
            head.extend(tensor.kind.to_le_bytes());
            head.extend((offset as u64).to_le_bytes());
            offset += tensor.size.next_multiple_of(ALIGNMENT);
        }
        head.resize(head.len().next_multiple_of(ALIGNMENT), 0);
        head
    }
}

fn string(head: &mut Vec<u8>, text: &str) {
    head.extend((text.len() as u64).to_le_bytes());
    head.extend(text.as_bytes());
}
