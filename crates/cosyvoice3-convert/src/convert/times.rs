//! `flow_times.safetensors`: the estimator's weights that only the time meets, and what they make of the usual times. The
//! runtime reads it by [`cosyvoice3::flow::times`].

use std::borrow::Cow;

use anyhow::Result;
use cosyvoice3::{
    flow::{
        ode::{step_times, time_points},
        times::{Linear, TimeEmbedding, projection_name},
    },
    manifest::Schedule,
};

use crate::{
    checkpoint::Checkpoint,
    directory::tables::Table,
    onnx::{BLOCKS, ESTIMATOR},
    weights::WeightType,
};

/// Layers of the time embedding, by their index in the checkpoint.
const EMBEDDING: [usize; 2] = [0, 2];

/// The tables of the file. Its modulations are those of `schedule` with each number of `steps`.
pub fn tables<'a>(
    flow: &'a Checkpoint,
    schedule: Schedule,
    steps: &[usize],
    weights: WeightType,
) -> Result<Vec<Table<'a>>> {
    let layers = projections(flow);
    let mut length = 0;
    for layer in &layers {
        length += flow
            .shape(&format!("{layer}.bias"))?
            .iter()
            .product::<usize>();
    }
    let mut times: Vec<f32> = Vec::new();
    for t in steps
        .iter()
        .flat_map(|n| step_times(&time_points(schedule, *n)))
    {
        if !times.contains(&t) {
            times.push(t);
        }
    }
    let computed = (times.clone(), layers.clone());
    let mut tables = vec![
        Table {
            name: "times".into(),
            shape: vec![times.len()],
            weight_type: WeightType::F32,
            values: Box::new(move || Ok(Cow::Owned(times.clone()))),
        },
        Table {
            name: "modulation".into(),
            shape: vec![computed.0.len(), length],
            weight_type: WeightType::F32,
            values: Box::new(move || Ok(Cow::Owned(modulations(flow, &computed.0, &computed.1)?))),
        },
    ];
    let mut add = |name: String, official: String, weight_type| -> Result<()> {
        tables.push(Table {
            name,
            shape: flow.shape(&official)?.to_vec(),
            weight_type,
            values: Box::new(move || flow.tensor(&official)?.to_f32()),
        });
        Ok(())
    };
    for index in EMBEDDING {
        for part in ["weight", "bias"] {
            let name = format!("time_mlp.{index}.{part}");
            add(
                name,
                format!("{}.{part}", embedding(index)),
                WeightType::F32,
            )?;
        }
    }
    for (index, layer) in layers.iter().enumerate() {
        let names = ["weight", "bias"].map(|part| projection_name(index, part));
        let [weight, bias] = names;
        add(weight, format!("{layer}.weight"), weights)?;
        add(bias, format!("{layer}.bias"), WeightType::F32)?;
    }
    Ok(tables)
}

fn embedding(index: usize) -> String {
    format!("{ESTIMATOR}.time_embed.time_mlp.{index}")
}

/// The layers that project the embedded time, in the order of the modulation.
fn projections(flow: &Checkpoint) -> Vec<String> {
    let block = |i| format!("{ESTIMATOR}.{BLOCKS}.{i}.attn_norm.linear");
    let blocks = (0..).map(block);
    let blocks = blocks.take_while(|layer| flow.contains(&format!("{layer}.weight")));
    blocks
        .chain([format!("{ESTIMATOR}.norm_out.linear")])
        .collect()
}

fn linear(flow: &Checkpoint, layer: &str) -> Result<Linear> {
    let read = |part: &str| -> Result<Vec<f32>> {
        Ok(flow
            .tensor(&format!("{layer}.{part}"))?
            .to_f32()?
            .into_owned())
    };
    Ok(Linear {
        weight: read("weight")?,
        bias: read("bias")?,
    })
}

/// One row for each time.
fn modulations(flow: &Checkpoint, times: &[f32], layers: &[String]) -> Result<Vec<f32>> {
    let [first, second] = EMBEDDING.map(|index| linear(flow, &embedding(index)));
    let embedding = TimeEmbedding {
        first: first?,
        second: second?,
    };
    let embedded: Vec<Vec<f32>> = times.iter().map(|t| embedding.embed(*t)).collect();
    let mut rows = vec![Vec::new(); times.len()];
    for layer in layers {
        let layer = linear(flow, layer)?;
        for (x, row) in std::iter::zip(&embedded, &mut rows) {
            layer.apply(x, row);
        }
    }
    Ok(rows.concat())
}
