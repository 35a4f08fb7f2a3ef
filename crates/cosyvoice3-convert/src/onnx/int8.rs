//! Linear layers in 8-bit integers: weights symmetric with a scale for each output, activations quantised as they come.
//!
//! x86-64 CPUs without VNNI add two products of an activation (0 to 255) and a weight in 16 bits, where they saturate:
//! 2 * 255 * 127 is too much. Weights of 7 bits cannot reach that, 2 * 255 * 63 < 32768, so they mean the same on every CPU.

use anyhow::Result;

use super::{
    graph::{Graph, Value},
    layers::{length, values, vector},
    model::Tensor,
    proto::ElementType,
};
use crate::checkpoint::Checkpoint;

/// Largest quantised weight. The least one is its negative, so that the range is symmetric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// 63: products never saturate.
    SevenBits,
    /// 127: half the rounding error, for CPUs whose products do not saturate.
    EightBits,
}

impl Range {
    fn limit(self) -> f32 {
        match self {
            Self::SevenBits => 63.0,
            Self::EightBits => 127.0,
        }
    }
}

/// `name.{weight,bias}` applied to the rows of `x` `[M, in]`.
pub fn linear_rows<'w>(
    g: &mut Graph<'w>,
    checkpoint: &'w Checkpoint,
    name: &str,
    x: &Value,
    range: Range,
) -> Result<Value> {
    let weight = format!("{name}.weight");
    let outputs = length(checkpoint, &weight, 0)?;
    let inputs = length(checkpoint, &weight, 1)?;
    let read = values(checkpoint, weight);
    let w = g.initializer("weight", ElementType::Int8, &[inputs, outputs], {
        let read = read.clone();
        move || Ok(Tensor::I8(quantized(&read()?, inputs, range)))
    });
    let scales = g.vector("scale", &[outputs], move || {
        let rows = read()?;
        let rows = rows.chunks_exact(inputs);
        Ok(rows.map(|row| scale(row, range)).collect())
    });
    let b = vector(g, checkpoint, &format!("{name}.bias"), "bias")?;
    let no_zero_point = Value::none();
    let inputs = [x, &w, &scales, &no_zero_point, &b];
    Ok(g.microsoft("DynamicQuantizeMatMul", &inputs, []))
}

/// Value of one step of a quantised `row`.
fn scale(row: &[f32], range: Range) -> f32 {
    let peak = row.iter().fold(0.0, |peak: f32, w| peak.max(w.abs()));
    if peak > 0.0 {
        peak / range.limit()
    } else {
        1.0
    }
}

/// Rows of `inputs` weights each, quantised row by row, as columns.
fn quantized(weights: &[f32], inputs: usize, range: Range) -> Vec<i8> {
    let outputs = weights.len() / inputs;
    let mut columns = vec![0; weights.len()];
    for (output, row) in weights.chunks_exact(inputs).enumerate() {
        let scale = scale(row, range);
        for (input, w) in row.iter().enumerate() {
            columns[input * outputs + output] = (w / scale).round() as i8;
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn weights_come_back_within_half_a_step(
            inputs in 1..20_usize,
            weights in prop::collection::vec(-8.0..8.0_f32, 20..200),
            range in prop::sample::select(vec![Range::SevenBits, Range::EightBits]),
        ) {
            let weights = &weights[..weights.len() / inputs * inputs];
            let outputs = weights.len() / inputs;
            let columns = quantized(weights, inputs, range);
            for (output, row) in weights.chunks_exact(inputs).enumerate() {
                let step = scale(row, range);
                for (input, w) in row.iter().enumerate() {
                    let back = f32::from(columns[input * outputs + output]) * step;
                    prop_assert!((back - w).abs() <= step * 0.501);
                }
            }
        }
    }

    #[test]
    fn a_row_of_zeros_stays_zero() {
        let range = Range::SevenBits;
        assert_eq!(quantized(&[0.0; 6], 3, range), [0; 6]);
        assert!(scale(&[0.0; 3], range).is_normal());
    }

    #[test]
    fn products_of_seven_bits_mean_the_same_on_a_cpu_that_adds_pairs_in_sixteen() {
        let most = 2 * i32::from(u8::MAX) * Range::SevenBits.limit() as i32;
        assert!(most <= i32::from(i16::MAX), "{most}");
        let most = 2 * i32::from(u8::MAX) * Range::EightBits.limit() as i32;
        assert!(most > i32::from(i16::MAX), "eight bits would do");
    }
}
