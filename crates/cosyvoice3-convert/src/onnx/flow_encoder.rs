//! The flow encoder: speech tokens to `mu`, speaker embedding to `spks`.

use anyhow::Result;
use cosyvoice3::constants::{
    FRAMES_PER_TOKEN, LOOKAHEAD_TOKENS, MEL_BINS, SPEAKER_EMBEDDING, SPEECH_CODES,
};

use super::{
    graph::{Graph, Value, int, ints},
    layers::{Conv, conv, leaky_relu, length, linear_rows, values},
    model::Model,
    proto::ElementType,
};
use crate::{checkpoint::Checkpoint, weights::WeightType};

/// Slope of the LeakyReLU between the two convolutions (PyTorch's default).
const LEAKY_SLOPE: f32 = 0.01;
/// Smallest norm by which an embedding is divided (PyTorch's `normalize`).
const NORM_FLOOR: f32 = 1e-12;

/// Flow encoder of the CPU, any number of tokens.
///
/// Inputs: `token` int64 `[1, N]`, ids below 6561, and `embedding` f32 `[1, 192]`. Outputs: `mu` f32 `[1, 80, 2N]`, with
/// zeros as right context of the last three tokens, and `spks` f32 `[1, 80]`. Where the last three tokens are themselves
/// only context, the frames before the last six are the same as an encoder without that padding would give.
pub fn flow_encoder(checkpoint: &Checkpoint, weight_type: WeightType) -> Result<Model<'_>> {
    let mut graph = Graph::new("flow_encoder", weight_type);
    let g = &mut graph;
    let token = g.input("token", ElementType::Int64, &[1.into(), "tokens".into()]);
    let embedding = speaker_input(g);

    let name = "input_embedding.weight";
    let shape = [SPEECH_CODES as usize, MEL_BINS];
    checkpoint.tensor_of(name, &shape)?;
    let table = g.weight(name, &shape, values(checkpoint, name.into()));
    let embedded = g.node("Gather", &[&table, &token], [int("axis", 0)]);
    let mu = mu(g, checkpoint, &embedded, Lookahead::Zeros)?;
    g.output("mu", &mu, &[1.into(), MEL_BINS.into(), "frames".into()]);

    let spks = spks(g, checkpoint, &embedding)?;
    g.output("spks", &spks, &[1.into(), MEL_BINS.into()]);
    Ok(graph.finish())
}

/// Flow encoder of one window for NPU tools, shapes fixed and operators standard.
///
/// Inputs: `token_embedding` `[1, P + N, 80]` (rows of `input_embedding` for `prompt_tokens` P and `tokens` N),
/// `prompt_feat` `[1, 2P, 80]`, `embedding` `[1, 192]`. Outputs: `mu` `[1, 80, L]`, `spks` `[1, 80]`, `cond`
/// `[1, 80, L]`; all f32. With `lookahead` the last three tokens are context and `L = 2 (P + N - 3)`, else `L = 2 (P + N)`.
pub fn flow_encoder_fixed(
    checkpoint: &Checkpoint,
    weight_type: WeightType,
    prompt_tokens: usize,
    tokens: usize,
    lookahead: bool,
) -> Result<Model<'_>> {
    let mut graph = Graph::new("flow_encoder", weight_type);
    let g = &mut graph;
    let all = prompt_tokens + tokens;
    let prompt_frames = FRAMES_PER_TOKEN * prompt_tokens;
    let (lookahead, frames) = match lookahead {
        true => (
            Lookahead::Tokens,
            FRAMES_PER_TOKEN * (all - LOOKAHEAD_TOKENS),
        ),
        false => (Lookahead::Zeros, FRAMES_PER_TOKEN * all),
    };
    let f32_input = |g: &mut Graph, name: &str, rows: usize| {
        let shape = [1.into(), rows.into(), MEL_BINS.into()];
        g.input(name, ElementType::Float, &shape)
    };
    let embedded = f32_input(g, "token_embedding", all);
    let prompt = f32_input(g, "prompt_feat", prompt_frames);
    let embedding = speaker_input(g);

    let mel_shape = [1.into(), MEL_BINS.into(), frames.into()];
    let mu = mu(g, checkpoint, &embedded, lookahead)?;
    g.output("mu", &mu, &mel_shape);
    let spks = spks(g, checkpoint, &embedding)?;
    g.output("spks", &spks, &[1.into(), MEL_BINS.into()]);

    let prompt = g.transpose(&prompt, &[0, 2, 1]);
    let rest = frames - prompt_frames;
    let zeros = g.tensor(
        "no_prompt",
        &[1, MEL_BINS, rest],
        vec![0.0; MEL_BINS * rest],
    );
    let cond = g.concat(&[&prompt, &zeros], 2);
    g.output("cond", &cond, &mel_shape);
    Ok(graph.finish())
}

/// Right context of the last token that the encoder turns into frames.
#[derive(Clone, Copy)]
enum Lookahead {
    Zeros,
    Tokens,
}

fn speaker_input(g: &mut Graph) -> Value {
    let shape = [1.into(), SPEAKER_EMBEDDING.into()];
    g.input("embedding", ElementType::Float, &shape)
}

/// Token embeddings `[1, N, 80]` to frames `[1, 80, 2N]`: two convolutions with a residual, every position twice.
fn mu<'w>(
    g: &mut Graph<'w>,
    checkpoint: &'w Checkpoint,
    embedded: &Value,
    lookahead: Lookahead,
) -> Result<Value> {
    const LAYER: &str = "pre_lookahead_layer";
    let kernel = length(checkpoint, &format!("{LAYER}.conv2.weight"), 2)?;
    let (ahead, drop) = match lookahead {
        Lookahead::Zeros => (LOOKAHEAD_TOKENS, 0),
        Lookahead::Tokens => (0, LOOKAHEAD_TOKENS),
    };
    g.scoped(LAYER, |g| {
        let x = g.transpose(embedded, &[0, 2, 1]);
        let h = g.scoped("conv1", |g| {
            conv(
                g,
                checkpoint,
                &format!("{LAYER}.conv1"),
                &x,
                Conv::padded(0, ahead),
            )
        })?;
        let h = leaky_relu(g, &h, LEAKY_SLOPE);
        let h = g.scoped("conv2", |g| {
            conv(
                g,
                checkpoint,
                &format!("{LAYER}.conv2"),
                &h,
                Conv::padded(kernel - 1, 0),
            )
        })?;
        let x = match drop {
            0 => x,
            drop => g.slice(&x, 2, 0, -(drop as i64)),
        };
        let h = g.add(&h, &x);
        let h = g.unsqueeze(&h, &[3]);
        let twice = g.concat(&[&h; FRAMES_PER_TOKEN], 3);
        Ok(g.reshape(&twice, &[1, MEL_BINS as i64, -1]))
    })
}

/// The speaker embedding, normalised and projected.
fn spks<'w>(g: &mut Graph<'w>, checkpoint: &'w Checkpoint, embedding: &Value) -> Result<Value> {
    const LAYER: &str = "spk_embed_affine_layer";
    g.scoped(LAYER, |g| {
        let norm = g.node(
            "ReduceL2",
            &[embedding],
            [ints("axes", &[1]), int("keepdims", 1)],
        );
        let floor = g.scalar(NORM_FLOOR);
        let norm = g.node("Max", &[&norm, &floor], []);
        let unit = g.div(embedding, &norm);
        linear_rows(g, checkpoint, LAYER, &unit)
    })
}
