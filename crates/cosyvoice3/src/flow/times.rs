//! The part of the estimator that depends on the time alone: the time embedding and every block's scales, shifts and gates.
//!
//! They are two fifths of the estimator's weights and constants of a schedule, so the estimator takes them as an input,
//! the *modulation*, and its graph has no weights for them. The file has the modulation at the times of the usual schedules,
//! and the weights for all others: those are read block by block when a schedule begins, and never kept.

use std::{
    collections::HashMap,
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use half::{f16, slice::HalfFloatSliceExt};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors, tensor::Metadata};

use crate::{Error, Result, cancel::Cancel, regular_file};

/// The time embedding counts in thousandths.
const SCALE: f32 = 1000.0;
/// Longest period of the time embedding.
const PERIOD: f64 = 10_000.0;
/// Longest tensor that is read whole: many times the largest of the published model.
const MAX_TENSOR: usize = 1 << 30;

/// A linear layer: rows of weights, and a bias for each.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// One row for each output.
    pub weight: Vec<f32>,
    /// One value for each output.
    pub bias: Vec<f32>,
}

impl Linear {
    /// Appends the outputs for `x` to `y`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn apply(&self, x: &[f32], y: &mut Vec<f32>) {
        assert_eq!(self.weight.len(), x.len() * self.bias.len(), "linear layer");
        let rows = self.weight.chunks_exact(x.len());
        y.extend(rows.zip(&self.bias).map(|(row, bias)| dot(row, x) + bias));
    }
}

/// The two layers that embed the time.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeEmbedding {
    /// From the sinusoids.
    pub first: Linear,
    /// To the width of the blocks.
    pub second: Linear,
}

impl TimeEmbedding {
    /// The embedding of `t`, with the SiLU that every projection begins with.
    pub fn embed(&self, t: f32) -> Vec<f32> {
        let inputs = self.first.weight.len() / self.first.bias.len().max(1);
        let half = inputs / 2;
        let step = PERIOD.ln() / (half.max(2) - 1) as f64;
        let angles = (0..half).map(|k| SCALE * t * (-(k as f64) * step).exp() as f32);
        let angles: Vec<f32> = angles.collect();
        let sines = angles.iter().map(|angle| angle.sin());
        let sinusoid: Vec<f32> = sines.chain(angles.iter().map(|a| a.cos())).collect();
        let mut hidden = Vec::new();
        self.first.apply(&sinusoid, &mut hidden);
        hidden.iter_mut().for_each(silu);
        let mut embedded = Vec::new();
        self.second.apply(&hidden, &mut embedded);
        embedded.iter_mut().for_each(silu);
        embedded
    }
}

fn silu(x: &mut f32) {
    *x /= 1.0 + (-*x).exp();
}

/// In lanes, so that the compiler can use vector registers.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in std::iter::zip(a, b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = std::iter::zip(a_rest, b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// Name of a layer's tensor in the file: `weight` or `bias` of the embedding's two layers (0 and 2).
fn embedding_name(layer: usize, part: &str) -> String {
    format!("time_mlp.{layer}.{part}")
}

/// Name of a tensor of the projection of block `index`; the output's is the last.
pub fn projection_name(index: usize, part: &str) -> String {
    format!("projection.{index}.{part}")
}

/// A file of modulations, of which those of one schedule are in memory.
pub struct Times {
    path: PathBuf,
    file: File,
    metadata: Metadata,
    /// Place of the first tensor.
    first: u64,
    /// Values of one modulation.
    length: usize,
    /// Times whose modulation is in the file.
    stored: Vec<f32>,
    /// By the bits of the time.
    kept: HashMap<u32, Vec<f32>>,
}

impl Times {
    /// Opens `path` (`flow_times.safetensors`), for modulations of `length` values.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) or [`ErrorKind::Open`](crate::ErrorKind::Open) where it cannot
    /// be read, [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) where a tensor is missing or has another shape.
    pub fn open(path: &Path, length: usize) -> Result<Self> {
        let file = regular_file::open(path)?;
        let (header, metadata) = {
            // SAFETY: read-only and dropped before this returns; model files are replaced by rename, never rewritten.
            let bytes = unsafe { Mmap::map(&file) }.map_err(|e| Error::io(path, &e))?;
            SafeTensors::read_metadata(&bytes).map_err(|e| {
                Error::damaged(path, format!("not a complete safetensors file ({e})"))
            })?
        };
        let mut times = Self {
            path: path.into(),
            file,
            metadata,
            first: header as u64 + 8,
            length,
            stored: Vec::new(),
            kept: HashMap::new(),
        };
        times.stored = times.read("times")?;
        let shape = [times.stored.len(), length];
        let found = &times.info("modulation")?.shape;
        if *found != shape || times.info("modulation")?.dtype != Dtype::F32 {
            let what = format!("modulation has shape {found:?}, the estimator wants f32 {shape:?}");
            return Err(Error::damaged(path, what));
        }
        Ok(times)
    }

    /// Brings the modulations of `times` into memory and forgets all others.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) where the file is shorter than its header says or a tensor does
    /// not fit; [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled).
    pub fn prepare(&mut self, times: &[f32], cancel: &Cancel) -> Result<()> {
        let wanted = |bits: &u32| times.iter().any(|t| t.to_bits() == *bits);
        self.kept.retain(|bits, _| wanted(bits));
        let mut missing = Vec::new();
        for t in times {
            if self.kept.contains_key(&t.to_bits()) || missing.contains(t) {
                continue;
            }
            match self.stored.iter().position(|s| s.to_bits() == t.to_bits()) {
                Some(row) => {
                    let modulation = self.stored_row(row)?;
                    self.kept.insert(t.to_bits(), modulation);
                }
                None => missing.push(*t),
            }
        }
        for (t, modulation) in std::iter::zip(&missing, self.compute(&missing, cancel)?) {
            self.kept.insert(t.to_bits(), modulation);
        }
        Ok(())
    }

    /// The modulation at `t`, which [`prepare`](Self::prepare) should have brought into memory.
    pub fn at(&mut self, t: f32, cancel: &Cancel) -> Result<&[f32]> {
        if !self.kept.contains_key(&t.to_bits()) {
            self.prepare(&[t], cancel)?;
        }
        Ok(&self.kept[&t.to_bits()])
    }

    fn stored_row(&self, row: usize) -> Result<Vec<f32>> {
        let info = self.info("modulation")?;
        let bytes = self.length * size_of::<f32>();
        let place = self.first + (info.data_offsets.0 + row * bytes) as u64;
        let mut values = vec![0.0; self.length];
        self.read_at(place, bytemuck::cast_slice_mut(&mut values))?;
        Ok(values)
    }

    fn compute(&self, times: &[f32], cancel: &Cancel) -> Result<Vec<Vec<f32>>> {
        if times.is_empty() {
            return Ok(Vec::new());
        }
        let embedding = TimeEmbedding {
            first: self.linear(&embedding_name(0, "weight"), &embedding_name(0, "bias"))?,
            second: self.linear(&embedding_name(2, "weight"), &embedding_name(2, "bias"))?,
        };
        let embedded: Vec<Vec<f32>> = times.iter().map(|t| embedding.embed(*t)).collect();
        let mut modulations = vec![Vec::with_capacity(self.length); times.len()];
        for index in 0.. {
            let names = ["weight", "bias"].map(|part| projection_name(index, part));
            if self.metadata.info(&names[0]).is_none() {
                break;
            }
            cancel.check()?;
            let projection = self.linear(&names[0], &names[1])?;
            if projection.weight.len() != projection.bias.len() * embedded[0].len() {
                return Err(self.damaged(format!("{} does not fit the embedding", names[0])));
            }
            for (x, y) in std::iter::zip(&embedded, &mut modulations) {
                projection.apply(x, y);
            }
        }
        match modulations[0].len() == self.length {
            true => Ok(modulations),
            false => Err(self.damaged(format!(
                "the projections have {} outputs, the estimator wants {}",
                modulations[0].len(),
                self.length
            ))),
        }
    }

    fn linear(&self, weight: &str, bias: &str) -> Result<Linear> {
        let linear = Linear {
            weight: self.read(weight)?,
            bias: self.read(bias)?,
        };
        let shape = &self.info(weight)?.shape;
        let fits =
            matches!(shape[..], [outputs, inputs] if outputs == linear.bias.len() && inputs > 1);
        match fits {
            true => Ok(linear),
            false => Err(self.damaged(format!("{weight} has shape {shape:?}"))),
        }
    }

    /// All values of `name`.
    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let info = self.info(name)?;
        let (from, to) = info.data_offsets;
        if to - from > MAX_TENSOR {
            return Err(self.damaged(format!("{name} has {} bytes", to - from)));
        }
        let place = self.first + from as u64;
        match info.dtype {
            Dtype::F32 => {
                let mut values = vec![0.0; (to - from) / size_of::<f32>()];
                self.read_at(place, bytemuck::cast_slice_mut(&mut values))?;
                Ok(values)
            }
            Dtype::F16 => {
                let mut stored = vec![f16::ZERO; (to - from) / size_of::<f16>()];
                self.read_at(place, bytemuck::cast_slice_mut(&mut stored))?;
                Ok(stored.to_f32_vec())
            }
            other => Err(self.damaged(format!("{name} is {other:?}, expected F16 or F32"))),
        }
    }

    fn read_at(&self, place: u64, bytes: &mut [u8]) -> Result<()> {
        self.file
            .read_exact_at(bytes, place)
            .map_err(|e| Error::io(&self.path, &e))
    }

    fn info(&self, name: &str) -> Result<&safetensors::tensor::TensorInfo> {
        let info = self.metadata.info(name);
        info.ok_or_else(|| self.damaged(format!("{name} is missing")))
    }

    fn damaged(&self, what: impl std::fmt::Display) -> Error {
        Error::damaged(&self.path, what).context("convert the checkpoint again")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_product_of_any_length_is_the_sum_of_the_products() {
        for length in [0, 1, 15, 16, 17, 100] {
            let a: Vec<f32> = (0..length).map(|i| i as f32 * 0.25).collect();
            let b: Vec<f32> = (0..length).map(|i| 1.0 - i as f32).collect();
            let plain: f32 = std::iter::zip(&a, &b).map(|(a, b)| a * b).sum();
            assert!(
                (dot(&a, &b) - plain).abs() <= 1e-3 * plain.abs(),
                "{length}"
            );
        }
    }
}
