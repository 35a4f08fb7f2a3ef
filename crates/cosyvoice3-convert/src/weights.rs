//! Storage of weights in the written files.

use std::io::Write;

use anyhow::Result;
use half::{f16, slice::HalfFloatSliceExt};

/// Type in which a component's weights are stored; arithmetic is f32 either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum WeightType {
    /// IEEE single precision.
    #[default]
    F32,
    /// IEEE half precision.
    F16,
}

impl WeightType {
    /// Bytes of one value.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    /// Number of this type in GGUF files.
    pub fn ggml_type(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
        }
    }

    /// Writes `values` little-endian, rounded where this type is narrower.
    pub fn write(self, values: &[f32], out: &mut dyn Write) -> Result<()> {
        match self {
            Self::F32 => out.write_all(bytemuck::cast_slice(values))?,
            Self::F16 => {
                let mut half = vec![f16::ZERO; values.len().min(1 << 16)];
                for chunk in values.chunks(1 << 16) {
                    let half = &mut half[..chunk.len()];
                    half.convert_from_f32_slice(chunk);
                    out.write_all(bytemuck::cast_slice(half))?;
                }
            }
        }
        Ok(())
    }
}
