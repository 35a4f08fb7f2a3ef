//! Linear layers in 8-bit integers: weights symmetric with a scale for each output, activations quantised as they come.

use anyhow::Result;

use super::{
    graph::{Graph, Value},
    layers::{length, values, vector},
    model::Tensor,
    proto::ElementType,
};
use crate::checkpoint::Checkpoint;

/// Largest quantised weight; -128 is left out, so that the range is symmetric.
const LIMIT: f32 = i8::MAX as f32;

/// `name.{weight,bias}` applied to the rows of `x` `[M, in]`.
pub fn linear_rows<'w>(
    g: &mut Graph<'w>,
    checkpoint: &'w Checkpoint,
    name: &str,
    x: &Value,
) -> Result<Value> {
    let weight = format!("{name}.weight");
    let outputs = length(checkpoint, &weight, 0)?;
    let inputs = length(checkpoint, &weight, 1)?;
    let read = values(checkpoint, weight);
    let w = g.initializer("weight", ElementType::Int8, &[inputs, outputs], {
        let read = read.clone();
        move || Ok(Tensor::I8(quantized(&read()?, inputs)))
    });
    let scales = g.vector("scale", &[outputs], move || {
        Ok(read()?.chunks_exact(inputs).map(scale).collect())
    });
    let b = vector(g, checkpoint, &format!("{name}.bias"), "bias")?;
    let no_zero_point = Value::none();
    let inputs = [x, &w, &scales, &no_zero_point, &b];
    Ok(g.microsoft("DynamicQuantizeMatMul", &inputs, []))
}

/// Value of one step of a quantised `row`.
fn scale(row: &[f32]) -> f32 {
    let peak = row.iter().fold(0.0, |peak: f32, w| peak.max(w.abs()));
    if peak > 0.0 { peak / LIMIT } else { 1.0 }
}

/// Rows of `inputs` weights each, quantised row by row, as columns.
fn quantized(weights: &[f32], inputs: usize) -> Vec<i8> {
    let outputs = weights.len() / inputs;
    let mut columns = vec![0; weights.len()];
    for (output, row) in weights.chunks_exact(inputs).enumerate() {
        let scale = scale(row);
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
        ) {
            let weights = &weights[..weights.len() / inputs * inputs];
            let outputs = weights.len() / inputs;
            let columns = quantized(weights, inputs);
            for (output, row) in weights.chunks_exact(inputs).enumerate() {
                let step = scale(row);
                for (input, w) in row.iter().enumerate() {
                    let back = f32::from(columns[input * outputs + output]) * step;
                    prop_assert!((back - w).abs() <= step * 0.501);
                }
            }
        }
    }

    #[test]
    fn a_row_of_zeros_stays_zero() {
        assert_eq!(quantized(&[0.0; 6], 3), [0; 6]);
        assert!(scale(&[0.0; 3]).is_normal());
    }
}
