//! Layers that several graphs share, by their names in the checkpoint.

use anyhow::{Result, ensure};

use super::{
    graph::{Graph, Value, float, int, ints},
    proto::AttributeProto,
};
use crate::checkpoint::Checkpoint;

/// The values of tensor `name`, read on demand.
pub fn values(checkpoint: &Checkpoint, name: String) -> impl Fn() -> Result<Vec<f32>> + Clone + '_ {
    move || Ok(checkpoint.tensor(&name)?.to_f32()?.into_owned())
}

/// Length of tensor `name` along `axis`.
pub fn length(checkpoint: &Checkpoint, name: &str, axis: usize) -> Result<usize> {
    let shape = checkpoint.shape(name)?;
    ensure!(
        axis < shape.len(),
        "{}: {name} has shape {shape:?}, an axis {axis} was expected",
        checkpoint.path().display()
    );
    Ok(shape[axis])
}

/// Layout of a one-dimensional convolution.
#[derive(Debug, Clone, Copy)]
pub struct Conv {
    /// Zeros before and after the sequence.
    pub pads: [usize; 2],
    /// Distance of neighbouring taps.
    pub dilation: usize,
    /// Distance of neighbouring outputs.
    pub stride: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl Conv {
    /// A plain convolution with `pads` zeros before and after the sequence.
    pub fn padded(before: usize, after: usize) -> Self {
        Self {
            pads: [before, after],
            dilation: 1,
            stride: 1,
            groups: 1,
        }
    }

    /// The attributes of a `Conv` node with `kernel` taps.
    pub fn attributes(&self, kernel: usize) -> [AttributeProto; 5] {
        [
            ints("kernel_shape", &[kernel as i64]),
            ints("pads", &self.pads.map(|p| p as i64)),
            ints("dilations", &[self.dilation as i64]),
            ints("strides", &[self.stride as i64]),
            int("group", self.groups as i64),
        ]
    }

    /// The same convolution along the last axis of `[B, C, 1, T]`.
    pub fn row_attributes(&self, kernel: usize) -> [AttributeProto; 5] {
        let [before, after] = self.pads.map(|p| p as i64);
        [
            ints("kernel_shape", &[1, kernel as i64]),
            ints("pads", &[0, before, 0, after]),
            ints("dilations", &[1, self.dilation as i64]),
            ints("strides", &[1, self.stride as i64]),
            int("group", self.groups as i64),
        ]
    }
}

/// The convolution `name.{weight,bias}` over `x` `[B, C, T]`.
pub fn conv<'w>(
    g: &mut Graph<'w>,
    checkpoint: &'w Checkpoint,
    name: &str,
    x: &Value,
    conv: Conv,
) -> Result<Value> {
    let weight = format!("{name}.weight");
    let shape = checkpoint.shape(&weight)?;
    let kernel = length(checkpoint, &weight, 2)?;
    let w = g.weight("weight", shape, values(checkpoint, weight));
    let b = vector(g, checkpoint, &format!("{name}.bias"), "bias")?;
    Ok(g.node("Conv", &[x, &w, &b], conv.attributes(kernel)))
}

/// Tensor `source` under the name `name`, always stored as f32.
pub fn vector<'w>(
    g: &mut Graph<'w>,
    checkpoint: &'w Checkpoint,
    source: &str,
    name: &str,
) -> Result<Value> {
    let shape = checkpoint.shape(source)?;
    Ok(g.vector(name, shape, values(checkpoint, source.into())))
}

/// `name.{weight,bias}` applied to the rows of `x` `[M, in]`.
pub fn linear_rows<'w>(
    g: &mut Graph<'w>,
    checkpoint: &'w Checkpoint,
    name: &str,
    x: &Value,
) -> Result<Value> {
    let weight = format!("{name}.weight");
    let shape = checkpoint.shape(&weight)?;
    let w = g.weight("weight", shape, values(checkpoint, weight));
    let b = vector(g, checkpoint, &format!("{name}.bias"), "bias")?;
    Ok(g.node("Gemm", &[x, &w, &b], [int("transB", 1)]))
}

/// `max(x, slope * x)`
pub fn leaky_relu(g: &mut Graph, x: &Value, slope: f32) -> Value {
    g.node("LeakyRelu", &[x], [float("alpha", slope)])
}
