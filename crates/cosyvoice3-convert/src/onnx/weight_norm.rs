//! Weight normalisation, folded into plain weights.

use anyhow::{Result, ensure};

use crate::checkpoint::Checkpoint;

/// Names of gain and direction: as saved by parametrizations, and by the older hook.
const FORMS: [[&str; 2]; 2] = [
    [
        "parametrizations.weight.original0",
        "parametrizations.weight.original1",
    ],
    ["weight_g", "weight_v"],
];

/// The shape of layer `name`'s weight.
pub fn shape<'a>(checkpoint: &'a Checkpoint, name: &str) -> Result<&'a [usize]> {
    checkpoint.shape(&tensors(checkpoint, name)[1])
}

/// The weight of layer `name`: `g * v / ||v||`, the norm over everything but the output channels, in f64.
pub fn fold(checkpoint: &Checkpoint, name: &str) -> Result<Vec<f64>> {
    let [gain, direction] = tensors(checkpoint, name);
    let outputs = shape(checkpoint, name)?[0];
    let g = checkpoint.tensor(&gain)?.to_f32()?.into_owned();
    let v = checkpoint.tensor(&direction)?.to_f32()?.into_owned();
    ensure!(
        g.len() == outputs && !v.is_empty(),
        "{}: {gain} has {} values for the {outputs} channels of {direction}",
        checkpoint.path().display(),
        g.len(),
    );
    let rows = v.chunks_exact(v.len() / outputs);
    let folded = g.iter().zip(rows).flat_map(|(g, row)| {
        let norm = row
            .iter()
            .map(|v| f64::from(*v).powi(2))
            .sum::<f64>()
            .sqrt();
        row.iter()
            .map(move |v| f64::from(*g) * f64::from(*v) / norm)
    });
    Ok(folded.collect())
}

fn tensors(checkpoint: &Checkpoint, name: &str) -> [String; 2] {
    let names = FORMS.map(|form| form.map(|part| format!("{name}.{part}")));
    let [new, old] = names;
    if checkpoint.contains(&old[1]) {
        old
    } else {
        new
    }
}
