//! The file of the vocoder's parts that run in Rust: F0 predictor and harmonic source.

use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};

use crate::{Error, Result, regular_file};

/// Longest file; that of the published model has 13 MB.
const MAX_FILE: u64 = 1 << 30;

/// A safetensors file of f32 tensors, held in memory while the parts take theirs out of it.
pub struct SourceWeights {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl SourceWeights {
    /// Reads `path` (`hift_source.safetensors`).
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = regular_file::read(path, MAX_FILE)?;
        let weights = Self {
            path: path.into(),
            bytes,
        };
        weights.tensors()?;
        Ok(weights)
    }

    /// The dimensions of `name`.
    pub(super) fn shape(&self, name: &str) -> Result<Vec<usize>> {
        Ok(self.view(&self.tensors()?, name)?.0)
    }

    /// The values of `name`, which must be finite f32 of exactly `shape`.
    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let tensors = self.tensors()?;
        let (found, bytes) = self.view(&tensors, name)?;
        if found != shape {
            return Err(self.damaged(format!("{name} is {found:?}, expected {shape:?}")));
        }
        let values: Vec<f32> = bytes
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("chunks of 4")))
            .collect();
        if values.iter().any(|value| !value.is_finite()) {
            return Err(self.damaged(format!("{name} contains values that are not finite")));
        }
        Ok(values)
    }

    /// An error about this file.
    pub(super) fn damaged(&self, what: impl std::fmt::Display) -> Error {
        Error::damaged(&self.path, what).context("convert the checkpoint again")
    }

    fn tensors(&self) -> Result<SafeTensors<'_>> {
        SafeTensors::deserialize(&self.bytes).map_err(|e| self.damaged(e))
    }

    fn view<'a>(&self, tensors: &SafeTensors<'a>, name: &str) -> Result<(Vec<usize>, &'a [u8])> {
        let view = tensors.tensor(name).map_err(|e| self.damaged(e))?;
        if view.dtype() != Dtype::F32 {
            return Err(self.damaged(format!("{name} is {:?}, expected F32", view.dtype())));
        }
        Ok((view.shape().to_vec(), view.data()))
    }
}
