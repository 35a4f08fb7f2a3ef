//! `hift_source.safetensors`: what the vocoder's F0 predictor and harmonic source need, always as f32.

use anyhow::{Result, ensure};
use cosyvoice3::constants::MEL_BINS;

use crate::{checkpoint::Checkpoint, directory::tables::Table, weights::WeightType};

/// The F0 predictor's convolutions; activations sit at the odd indices.
const CONVOLUTIONS: [usize; 5] = [0, 2, 4, 6, 8];
/// Kernel of the first convolution, which looks three frames ahead, and of the others.
const KERNELS: [usize; 2] = [4, 3];
/// Fundamental and overtones.
const HARMONICS: usize = 9;

/// The tables of the file, their shapes checked.
pub fn tables(hift: &Checkpoint) -> Result<Vec<Table<'_>>> {
    let channels = *hift
        .shape("f0_predictor.condnet.0.bias")?
        .first()
        .unwrap_or(&0);
    let mut tables = Vec::new();
    let mut add = |name: String, official: String, shape: Vec<usize>| -> Result<()> {
        hift.tensor_of(&official, &shape)?;
        tables.push(Table {
            name,
            shape,
            weight_type: WeightType::F32,
            values: Box::new(move || hift.tensor(&official)?.to_f32()),
        });
        Ok(())
    };
    for i in CONVOLUTIONS {
        let (input, kernel) = match i {
            0 => (MEL_BINS, KERNELS[0]),
            _ => (channels, KERNELS[1]),
        };
        let official = format!("f0_predictor.condnet.{i}");
        let [g, v] = weight_norm(hift, &official)?;
        add(format!("condnet.{i}.g"), g, vec![channels, 1, 1])?;
        add(format!("condnet.{i}.v"), v, vec![channels, input, kernel])?;
        let bias = format!("{official}.bias");
        add(format!("condnet.{i}.bias"), bias, vec![channels])?;
    }
    for (name, official, outputs, inputs) in [
        ("classifier", "f0_predictor.classifier", 1, channels),
        ("l_linear", "m_source.l_linear", 1, HARMONICS),
    ] {
        let weight = format!("{official}.weight");
        add(format!("{name}.weight"), weight, vec![outputs, inputs])?;
        let bias = format!("{official}.bias");
        add(format!("{name}.bias"), bias, vec![outputs])?;
    }
    Ok(tables)
}

/// Names of magnitude and direction, as parametrization or in the older form.
fn weight_norm(hift: &Checkpoint, name: &str) -> Result<[String; 2]> {
    let forms = [
        [
            "parametrizations.weight.original0",
            "parametrizations.weight.original1",
        ],
        ["weight_g", "weight_v"],
    ];
    let names = forms.map(|form| form.map(|part| format!("{name}.{part}")));
    let present = names.into_iter().find(|[g, _]| hift.contains(g));
    ensure!(
        present.is_some(),
        "{}: {name} has no weight norm: not the vocoder of a CosyVoice3",
        hift.path().display()
    );
    Ok(present.expect("checked"))
}
