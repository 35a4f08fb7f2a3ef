//! The flow estimator: a diffusion transformer (DiT) that predicts the velocity of the mel at one time of the ODE.

use anyhow::{Result, ensure};
use cosyvoice3::constants::{ATTENTION_CHUNK_FRAMES, MEL_BINS};

use super::{
    graph::{Graph, Value, float, int},
    int8::{self, Range},
    layers::{Conv, conv, length, linear_rows, values, vector},
    memory::Memory,
    model::Model,
    proto::{Dim, ElementType},
};
use crate::{checkpoint::Checkpoint, weights::WeightType};

/// Prefix of the estimator's tensors in `flow.pt`.
pub(crate) const ESTIMATOR: &str = "decoder.estimator";
/// Prefix of the transformer blocks' names.
pub(crate) const BLOCKS: &str = "transformer_blocks";
/// Channels of an attention head.
const HEAD_CHANNELS: usize = 64;
/// Base of the rotary position embedding.
const ROTARY_BASE: f64 = 10_000.0;
/// Added to the variance in layer norms.
const NORM_EPSILON: f32 = 1e-6;
/// The time embedding counts in thousandths.
const TIME_SCALE: f32 = 1000.0;
/// Longest period of the time embedding.
const TIME_PERIOD: f64 = 10_000.0;
/// Attention score of a frame that must not be seen: its weight is exactly zero.
const HIDDEN: f32 = -1e9;
/// Above this, Mish is the identity in f32.
const MISH_LIMIT: f32 = 20.0;
/// Rows of the fixed-shape graph: conditional and unconditional.
const GUIDANCE_ROWS: usize = 2;

/// Estimator of the CPU, any length.
///
/// Inputs: `x`, `mu`, `cond` f32 `[B, 80, T]`, `spks` f32 `[B, 80]`, `modulation` f32 (what the time makes of the weights of
/// [`crate::convert::times`], for all rows), `attention_chunk` int64 `[1]`: frame i sees frame j where `j < (i / chunk + 1) * chunk`, so that a chunk
/// of T or more is full attention. Output: `y` f32 `[B, 80, T]`.
///
/// Chunk by chunk, with two rows: `keep` int64 `[1]` is 1, `offset` int64 `[1]` is the number of frames before this run,
/// which must be whole attention chunks. `past_key_N` and `past_value_N` f32 `[2, heads, P, 64]` of each block are the
/// outputs `present_...` `[2, heads, T, 64]` of all runs before, joined along the frames; `past_conv1` and `past_conv2`
/// f32 `[2, dim, 30]` those of the last run. Whatever of these is left out stands for a run that begins.
pub fn flow_estimator(
    checkpoint: &Checkpoint,
    weight_type: WeightType,
    blocks: BlockArithmetic,
) -> Result<Model<'_>> {
    let mut estimator = Estimator::new(checkpoint, weight_type, Form::Free { blocks })?;
    let mel = ["rows".into(), MEL_BINS.into(), "frames".into()];
    let spks = ["rows".into(), MEL_BINS.into()];
    let length = (6 * estimator.depth + 2) * estimator.dim;
    let inputs = estimator.inputs(&mel, ("modulation", &[length.into()]), &spks);
    let chunk = estimator
        .g
        .input("attention_chunk", ElementType::Int64, &[1.into()]);
    let (y, memory) = estimator.free(&inputs, &chunk)?;
    estimator.g.output("y", &y, &mel);
    memory.finish(&mut estimator.g);
    Ok(estimator.g.finish())
}

/// Estimator of `frames` frames for NPU tools, shapes fixed, operators standard, streaming mask built in.
///
/// Inputs: `x`, `mu`, `cond` `[2, 80, T]`, `mask` `[2, 1, T]`, `t` `[2]`, `spks` `[2, 80]`. Output: `y` `[2, 80, T]`. All
/// f32. `mask` multiplies the output; it must be all ones.
pub fn flow_estimator_fixed(
    checkpoint: &Checkpoint,
    weight_type: WeightType,
    frames: usize,
) -> Result<Model<'_>> {
    let mut estimator = Estimator::new(checkpoint, weight_type, Form::Fixed)?;
    let rows = GUIDANCE_ROWS;
    let mel = [rows.into(), MEL_BINS.into(), frames.into()];
    let spks = [rows.into(), MEL_BINS.into()];
    let inputs = estimator.inputs(&mel, ("t", &[rows.into()]), &spks);
    let mask = [rows.into(), 1.into(), frames.into()];
    let mask = estimator.g.input("mask", ElementType::Float, &mask);
    let y = estimator.fixed(&inputs, frames)?;
    let y = estimator.g.mul(&y, &mask);
    estimator.g.output("y", &y, &mel);
    Ok(estimator.g.finish())
}

/// Arithmetic of the linear layers of the transformer blocks. The rest of the estimator is always f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum BlockArithmetic {
    /// Single precision.
    F32,
    /// 8-bit integers with weights of 7 bits: a quarter of the space and several times the speed, the same on every CPU.
    Int8,
    /// 8-bit integers with weights of 8 bits: half the rounding error, for ARM and for x86-64 with VNNI. Others saturate.
    Int8Wide,
}

impl BlockArithmetic {
    /// Name in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
            Self::Int8Wide => "int8_wide",
        }
    }

    /// Range of the weights, where they are integers.
    fn range(self) -> Option<Range> {
        match self {
            Self::F32 => None,
            Self::Int8 => Some(Range::SevenBits),
            Self::Int8Wide => Some(Range::EightBits),
        }
    }
}

/// Layout of the activations, and the operators that are allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    /// `[rows * frames, channels]`, one time for all rows, ONNX Runtime's operators.
    Free { blocks: BlockArithmetic },
    /// `[2, frames, channels]`, a time for each row, standard operators.
    Fixed,
}

struct Inputs {
    x: Value,
    mu: Value,
    /// The times, or the modulation that they make.
    time: Value,
    spks: Value,
    cond: Value,
}

/// Position data for attention.
enum Positions {
    Free(FreePositions),
    Fixed(FixedPositions),
}

/// Made in the graph, for a length known only at run time.
struct FreePositions {
    /// True if every frame sees every frame.
    full: Value,
    /// Added to the scores otherwise, `[1, 1, T, T]`: 0 or [`HIDDEN`].
    bias: Value,
    /// Cosines of the rotary embedding, `[T, 32]`.
    cos: Value,
    /// Sines of the rotary embedding, `[T, 32]`.
    sin: Value,
    /// The shape `[rows, frames, dim]`.
    shape: Value,
}

/// Constants for a length known now.
struct FixedPositions {
    frames: usize,
    /// Added to the scores, `[1, 1, T, T]`: 0 or [`HIDDEN`].
    bias: Value,
    /// Cosines of the rotary embedding, every one twice, `[T, 64]`.
    cos: Value,
    /// Sines of the rotary embedding, every one twice, `[T, 64]`.
    sin: Value,
    /// The matrix of [`pair_swap`].
    pair_swap: Value,
}

struct Estimator<'w> {
    g: Graph<'w>,
    checkpoint: &'w Checkpoint,
    form: Form,
    dim: usize,
    heads: usize,
    depth: usize,
    /// Values of the modulation that are in use so far.
    modulated: usize,
}

impl<'w> Estimator<'w> {
    fn new(checkpoint: &'w Checkpoint, weight_type: WeightType, form: Form) -> Result<Self> {
        let dim = length(checkpoint, &format!("{ESTIMATOR}.proj_out.weight"), 1)?;
        ensure!(
            dim % HEAD_CHANNELS == 0,
            "{}: {dim} channels do not divide into heads of {HEAD_CHANNELS}",
            checkpoint.path().display()
        );
        let depth = (0..)
            .take_while(|i| {
                let name = format!("{ESTIMATOR}.{BLOCKS}.{i}.attn.to_q.weight");
                checkpoint.contains(&name)
            })
            .count();
        Ok(Self {
            g: Graph::new("flow_estimator", weight_type),
            checkpoint,
            form,
            dim,
            heads: dim / HEAD_CHANNELS,
            depth,
            modulated: 0,
        })
    }

    fn inputs(&mut self, mel: &[Dim], time: (&str, &[Dim]), spks: &[Dim]) -> Inputs {
        let mut input = |name, shape| self.g.input(name, ElementType::Float, shape);
        Inputs {
            x: input("x", mel),
            mu: input("mu", mel),
            time: input(time.0, time.1),
            spks: input("spks", spks),
            cond: input("cond", mel),
        }
    }

    fn free(&mut self, inputs: &Inputs, chunk: &Value) -> Result<(Value, Memory)> {
        let g = &mut self.g;
        let mut memory = Memory::new(g, self.dim, self.heads);
        let rows = g.length(&inputs.x, 0);
        let frames = g.length(&inputs.x, 2);
        let dim = g.int_list(&[self.dim as i64]);
        let shape = g.concat(&[&rows, &frames, &dim], 0);
        let positions = g.scoped("positions", |g| {
            FreePositions::new(g, &frames, chunk, &memory.offset, &shape)
        });
        let positions = Positions::Free(positions);

        let h = self.input_embedding(inputs, &shape, Some(&mut memory))?;
        let h = self.blocks(h, &inputs.time, &positions, Some(&mut memory))?;
        let y = self.head(&h, &inputs.time)?;
        let bins = self.g.int_list(&[MEL_BINS as i64]);
        let shape = self.g.concat(&[&rows, &frames, &bins], 0);
        let y = self.g.node("Reshape", &[&y, &shape], []);
        Ok((self.g.transpose(&y, &[0, 2, 1]), memory))
    }

    fn fixed(&mut self, inputs: &Inputs, frames: usize) -> Result<Value> {
        let positions = self.g.scoped("positions", |g| {
            FixedPositions::new(g, frames, ATTENTION_CHUNK_FRAMES)
        });
        let positions = Positions::Fixed(positions);
        let time = self.time_embedding(&inputs.time)?;
        let h = self.input_embedding(inputs, &Value::none(), None)?;
        let h = self.blocks(h, &time, &positions, None)?;
        let y = self.head(&h, &time)?;
        Ok(self.g.transpose(&y, &[0, 2, 1]))
    }

    /// `name.{weight,bias}` applied to the last axis.
    fn linear(&mut self, name: &str, x: &Value) -> Result<Value> {
        let full = format!("{ESTIMATOR}.{name}");
        let (g, checkpoint) = (&mut self.g, self.checkpoint);
        let range = match self.form {
            Form::Free { blocks } if name.starts_with(BLOCKS) => blocks.range(),
            _ => None,
        };
        g.scoped(name, |g| match (self.form, range) {
            (Form::Free { .. }, Some(range)) => int8::linear_rows(g, checkpoint, &full, x, range),
            (Form::Free { .. }, None) => linear_rows(g, checkpoint, &full, x),
            (Form::Fixed, _) => {
                let weight = format!("{full}.weight");
                let (out, input) = (
                    length(checkpoint, &weight, 0)?,
                    length(checkpoint, &weight, 1)?,
                );
                let read = values(checkpoint, weight);
                let w = g.weight("weight", &[input, out], move || {
                    Ok(transposed(&read()?, input))
                });
                let b = vector(g, checkpoint, &format!("{full}.bias"), "bias")?;
                let y = g.matmul(x, &w);
                Ok(g.add(&y, &b))
            }
        })
    }

    /// SiLU of the embedded times: `[times, dim]`.
    fn time_embedding(&mut self, t: &Value) -> Result<Value> {
        let half = length(
            self.checkpoint,
            &format!("{ESTIMATOR}.time_embed.time_mlp.0.weight"),
            1,
        )? / 2;
        let step = TIME_PERIOD.ln() / (half - 1) as f64;
        let frequencies = (0..half)
            .map(|k| (-(k as f64) * step).exp() as f32)
            .collect();
        let sinusoid = self.g.scoped("time_embed", |g| {
            let scale = g.scalar(TIME_SCALE);
            let t = g.mul(t, &scale);
            let t = g.unsqueeze(&t, &[1]);
            let frequencies = g.tensor("frequencies", &[1, half], frequencies);
            let angles = g.mul(&t, &frequencies);
            let sin = g.node("Sin", &[&angles], []);
            let cos = g.node("Cos", &[&angles], []);
            g.concat(&[&sin, &cos], 1)
        });
        let h = self.linear("time_embed.time_mlp.0", &sinusoid)?;
        let h = silu(&mut self.g, &h);
        let h = self.linear("time_embed.time_mlp.2", &h)?;
        Ok(silu(&mut self.g, &h))
    }

    /// The four mels joined and projected, plus the convolutional position embedding.
    fn input_embedding(
        &mut self,
        inputs: &Inputs,
        shape: &Value,
        mut memory: Option<&mut Memory>,
    ) -> Result<Value> {
        let joined = self.g.scoped("input_embed", |g| {
            let spks = g.unsqueeze(&inputs.spks, &[2]);
            let mel_shape = g.node("Shape", &[&inputs.x], []);
            let spks = g.node("Expand", &[&spks, &mel_shape], []);
            let joined = g.concat(&[&inputs.x, &inputs.cond, &inputs.mu, &spks], 1);
            g.transpose(&joined, &[0, 2, 1])
        });
        let joined = match self.form {
            Form::Free { .. } => self.g.reshape(&joined, &[-1, 4 * MEL_BINS as i64]),
            Form::Fixed => joined,
        };
        let h = self.linear("input_embed.proj", &joined)?;

        let framed = match self.form {
            Form::Free { .. } => self.g.node("Reshape", &[&h, shape], []),
            Form::Fixed => h.clone(),
        };
        let mut p = self.g.transpose(&framed, &[0, 2, 1]);
        for layer in ["conv1", "conv2"] {
            let name = format!("input_embed.conv_pos_embed.{layer}.0");
            let full = format!("{ESTIMATOR}.{name}");
            let weight = format!("{full}.weight");
            let kernel = length(self.checkpoint, &weight, 2)?;
            let padding = match &mut memory {
                Some(memory) => {
                    p = memory.columns(&mut self.g, layer, &p, kernel - 1);
                    0
                }
                None => kernel - 1,
            };
            let layout = Conv {
                groups: self.dim / length(self.checkpoint, &weight, 1)?,
                ..Conv::padded(padding, 0)
            };
            p = self.g.scoped(&name, |g| {
                let p = conv(g, self.checkpoint, &full, &p, layout)?;
                anyhow::Ok(mish(g, &p))
            })?;
        }
        let p = self.g.transpose(&p, &[0, 2, 1]);
        let p = match self.form {
            Form::Free { .. } => self.g.reshape(&p, &[-1, self.dim as i64]),
            Form::Fixed => p,
        };
        Ok(self.g.add(&h, &p))
    }

    fn blocks(
        &mut self,
        h: Value,
        time: &Value,
        positions: &Positions,
        mut memory: Option<&mut Memory>,
    ) -> Result<Value> {
        (0..self.depth).try_fold(h, |h, i| {
            self.block(i, &h, time, positions, memory.as_deref_mut())
        })
    }

    /// One transformer block: attention and feed-forward, each scaled, shifted and gated by the time.
    fn block(
        &mut self,
        index: usize,
        x: &Value,
        time: &Value,
        positions: &Positions,
        memory: Option<&mut Memory>,
    ) -> Result<Value> {
        let block = format!("{BLOCKS}.{index}");
        let [shift_a, scale_a, gate_a, shift_m, scale_m, gate_m] =
            self.modulation(&format!("{block}.attn_norm.linear"), time, [1, 4])?;

        let h = self.norm(&format!("{block}.attn_norm"), x, &scale_a, &shift_a);
        let qkv = self.projections(&format!("{block}.attn"), &h)?;
        let h = match (positions, memory) {
            (Positions::Free(positions), Some(memory)) => {
                self.free_attention(index, &qkv, positions, memory)
            }
            (Positions::Fixed(positions), _) => {
                let heads = self.heads as i64;
                self.g.scoped(&format!("{block}.attn"), |g| {
                    fixed_attention(g, qkv.each_ref(), heads, positions)
                })
            }
            (Positions::Free(_), None) => unreachable!("a graph of any length has a memory"),
        };
        let h = self.linear(&format!("{block}.attn.to_out.0"), &h)?;
        let h = self.g.mul(&h, &gate_a);
        let x = self.g.add(x, &h);

        let h = self.norm(&format!("{block}.ff_norm"), &x, &scale_m, &shift_m);
        let h = self.linear(&format!("{block}.ff.ff.0.0"), &h)?;
        let h = self.gelu(&h);
        let h = self.linear(&format!("{block}.ff.ff.2"), &h)?;
        let h = self.g.mul(&h, &gate_m);
        Ok(self.g.add(&x, &h))
    }

    fn head(&mut self, x: &Value, time: &Value) -> Result<Value> {
        let [scale, shift] = self.modulation("norm_out.linear", time, [0])?;
        let h = self.norm("norm_out", x, &scale, &shift);
        self.linear("proj_out", &h)
    }

    /// `N` vectors of `dim` channels made from the time, or the next `N` of the modulation; to those in `scales` one is
    /// added.
    fn modulation<const N: usize, const S: usize>(
        &mut self,
        name: &str,
        time: &Value,
        scales: [usize; S],
    ) -> Result<[Value; N]> {
        let dim = self.dim;
        let mut parts: [Value; N] = match self.form {
            Form::Free { .. } => {
                let first = self.modulated;
                self.modulated += N * dim;
                let end = self.modulated as i64;
                let m = self.g.slice(time, 0, first as i64, end);
                self.g.split(&m, 0, dim)
            }
            Form::Fixed => {
                let m = self.linear(name, time)?;
                let m = self.g.unsqueeze(&m, &[1]);
                self.g.split(&m, 2, dim)
            }
        };
        let one = self.g.scalar(1.0);
        for i in scales {
            parts[i] = self.g.add(&parts[i], &one);
        }
        Ok(parts)
    }

    /// `layer_norm(x) * scale + shift`
    fn norm(&mut self, name: &str, x: &Value, scale: &Value, shift: &Value) -> Value {
        let attributes = [int("axis", -1), float("epsilon", NORM_EPSILON)];
        let dim = self.dim;
        self.g.scoped(name, |g| match self.form {
            Form::Free { .. } => g.node("LayerNormalization", &[x, scale, shift], attributes),
            Form::Fixed => {
                let ones = g.tensor("ones", &[dim], vec![1.0; dim]);
                let h = g.node("LayerNormalization", &[x, &ones], attributes);
                let h = g.mul(&h, scale);
                g.add(&h, shift)
            }
        })
    }

    /// Queries, keys and values.
    fn projections(&mut self, name: &str, x: &Value) -> Result<[Value; 3]> {
        let q = self.linear(&format!("{name}.to_q"), x)?;
        let k = self.linear(&format!("{name}.to_k"), x)?;
        let v = self.linear(&format!("{name}.to_v"), x)?;
        Ok([q, k, v])
    }

    /// Attention over `[rows * frames, dim]`, and over the frames that the memory has.
    fn free_attention(
        &mut self,
        index: usize,
        qkv: &[Value; 3],
        positions: &FreePositions,
        memory: &mut Memory,
    ) -> Value {
        let heads = self.heads as i64;
        let names = [format!("key_{index}"), format!("value_{index}")];
        let pasts = names.each_ref().map(|name| memory.past(&mut self.g, name));
        let [h, k, v] = self.g.scoped(&format!("{BLOCKS}.{index}.attn"), |g| {
            free_attention(g, qkv.each_ref(), heads, positions, &memory.kept, &pasts)
        });
        for (name, present) in std::iter::zip(&names, [k, v]) {
            memory.present(name, present);
        }
        h
    }

    /// GELU, tanh form.
    fn gelu(&mut self, x: &Value) -> Value {
        let g = &mut self.g;
        match self.form {
            Form::Free { .. } => g.microsoft("FastGelu", &[x], []),
            Form::Fixed => {
                let cubic = g.scalar(0.044_715);
                let slope = g.scalar((2.0 / std::f64::consts::PI).sqrt() as f32);
                let (one, half) = (g.scalar(1.0), g.scalar(0.5));
                let square = g.mul(x, x);
                let cube = g.mul(&square, x);
                let cube = g.mul(&cube, &cubic);
                let inner = g.add(x, &cube);
                let inner = g.mul(&inner, &slope);
                let tanh = g.node("Tanh", &[&inner], []);
                let gate = g.add(&tanh, &one);
                let halved = g.mul(x, &half);
                g.mul(&halved, &gate)
            }
        }
    }
}

impl FreePositions {
    fn new(g: &mut Graph, frames: &Value, chunk: &Value, offset: &Value, shape: &Value) -> Self {
        let axis = g.int_list(&[0]);
        let length = g.node("Squeeze", &[frames, &axis], []);
        let chunk = g.node("Squeeze", &[chunk, &axis], []);
        let full = g.node("GreaterOrEqual", &[&chunk, &length], []);

        let (zero, one) = (g.int_scalar(0), g.int_scalar(1));
        let j = g.node("Range", &[&zero, &length, &one], []);
        let index = g.div(&j, &chunk);
        let index = g.add(&index, &one);
        let end = g.mul(&index, &chunk);
        let end = g.unsqueeze(&end, &[1]);
        let seen = g.node("Less", &[&j, &end], []);
        let (shown, hidden) = (g.scalar(0.0), g.scalar(HIDDEN));
        let bias = g.node("Where", &[&seen, &shown, &hidden], []);
        let bias = g.unsqueeze(&bias, &[0, 1]);

        let position = g.add(&j, offset);
        let position = g.node("Cast", &[&position], [int("to", ElementType::Float as i64)]);
        let position = g.unsqueeze(&position, &[1]);
        let frequencies = g.tensor("frequencies", &[1, HEAD_CHANNELS / 2], rotary_frequencies());
        let angles = g.mul(&position, &frequencies);
        Self {
            full,
            bias,
            cos: g.node("Cos", &[&angles], []),
            sin: g.node("Sin", &[&angles], []),
            shape: shape.clone(),
        }
    }
}

impl FreePositions {
    /// The bias for keys of which those of `past` `[rows, heads, P, channels]`, seen by all, come first.
    fn bias_after(&self, g: &mut Graph, past: &Value) -> Value {
        let (frames, behind) = (g.length(&self.bias, 2), g.length(past, 2));
        let ones = g.int_list(&[1, 1]);
        let shape = g.concat(&[&ones, &frames, &behind], 0);
        let seen = g.scalar(0.0);
        let seen = g.node("Expand", &[&seen, &shape], []);
        g.concat(&[&seen, &self.bias], 3)
    }
}

impl FixedPositions {
    fn new(g: &mut Graph, frames: usize, chunk: usize) -> Self {
        let seen = |i: usize, j: usize| j < (i / chunk + 1) * chunk;
        let bias = (0..frames)
            .flat_map(|i| (0..frames).map(move |j| if seen(i, j) { 0.0 } else { HIDDEN }))
            .collect();
        let frequencies = rotary_frequencies();
        let mut table = |name: &str, f: fn(f32) -> f32| {
            let values = (0..frames).flat_map(|i| {
                let angles = frequencies.iter().map(move |w| f(i as f32 * w));
                angles.flat_map(|value| [value; 2])
            });
            g.tensor(name, &[frames, HEAD_CHANNELS], values.collect())
        };
        Self {
            frames,
            cos: table("cos", f32::cos),
            sin: table("sin", f32::sin),
            bias: g.tensor("mask", &[1, 1, frames, frames], bias),
            pair_swap: g.tensor("pair_swap", &[HEAD_CHANNELS; 2], pair_swap()),
        }
    }
}

fn rotary_frequencies() -> Vec<f32> {
    (0..HEAD_CHANNELS / 2)
        .map(|i| ROTARY_BASE.powf(-((2 * i) as f64) / HEAD_CHANNELS as f64) as f32)
        .collect()
}

/// `all` `[rows, heads, P + T, channels]` without its first frames, which are those of `past`.
fn new_frames(g: &mut Graph, all: &Value, past: &Value) -> Value {
    let start = g.length(past, 2);
    let (end, axis) = (g.int_list(&[i64::MAX]), g.int_list(&[2]));
    g.node("Slice", &[all, &start, &end, &axis], [])
}

/// Attention over `[rows * frames, dim]` and the frames of `pasts`; also the new keys and values, where the run is `kept`.
///
/// The rotary embedding was trained on the first 64 channels of all heads together, so only head 0 has positions: to
/// the operator, that is one head of `dim` channels of which 64 rotate.
fn free_attention(
    g: &mut Graph,
    qkv: [&Value; 3],
    heads: i64,
    positions: &FreePositions,
    kept: &Value,
    pasts: &[Value; 2],
) -> [Value; 3] {
    let [q, k, v] = qkv.map(|x| g.node("Reshape", &[x, &positions.shape], []));
    let start = g.int_list(&[0]);
    let mut rotate = |x: &Value| {
        let inputs = [x, &start, &positions.cos, &positions.sin];
        let attributes = [
            int("interleaved", 1),
            int("num_heads", 1),
            int("rotary_embedding_dim", HEAD_CHANNELS as i64),
        ];
        g.microsoft("RotaryEmbedding", &inputs, attributes)
    };
    let (q, k) = (rotate(&q), rotate(&k));
    let none = Value::none();
    let attributes = [int("num_heads", heads)];
    let [h, keys, values] = g.choose(
        kept,
        |g| {
            let bias = positions.bias_after(g, &pasts[0]);
            let inputs = [&q, &k, &v, &none, &none, &bias, &pasts[0], &pasts[1]];
            let [h, keys, values] =
                g.microsoft_of("MultiHeadAttention", &inputs, attributes.clone());
            // The operator puts the past out again. The caller has it, and 22 more copies would take most of the memory.
            let [keys, values] = [&keys, &values].map(|all| new_frames(g, all, &pasts[0]));
            [h, keys, values]
        },
        |g| {
            // Without a bias the operator works in blocks that stay in the cache.
            let [h] = g.choose(
                &positions.full,
                |g| [g.microsoft("MultiHeadAttention", &[&q, &k, &v], attributes.clone())],
                |g| {
                    let inputs = [&q, &k, &v, &none, &none, &positions.bias];
                    [g.microsoft("MultiHeadAttention", &inputs, attributes.clone())]
                },
            );
            let [keys, values] = pasts.each_ref().map(|past| g.node("Identity", &[past], []));
            [h, keys, values]
        },
    );
    let h = g.reshape(&h, &[-1, heads * HEAD_CHANNELS as i64]);
    [h, keys, values]
}

/// Attention over `[2, frames, dim]` in standard operators.
fn fixed_attention(
    g: &mut Graph,
    [q, k, v]: [&Value; 3],
    heads: i64,
    positions: &FixedPositions,
) -> Value {
    let (frames, channels) = (positions.frames as i64, HEAD_CHANNELS as i64);
    let mut rotate = |x: &Value| {
        let head = g.slice(x, 2, 0, channels);
        let swapped = g.matmul(&head, &positions.pair_swap);
        let even = g.mul(&head, &positions.cos);
        let odd = g.mul(&swapped, &positions.sin);
        let head = g.add(&even, &odd);
        match heads {
            1 => head,
            _ => {
                let others = g.slice(x, 2, channels, heads * channels);
                g.concat(&[&head, &others], 2)
            }
        }
    };
    let (q, k) = (rotate(q), rotate(k));
    let shape = [GUIDANCE_ROWS as i64, frames, heads, channels];
    let mut by_head = |x: &Value, perm: &[i64]| {
        let x = g.reshape(x, &shape);
        g.transpose(&x, perm)
    };
    let q = by_head(&q, &[0, 2, 1, 3]);
    let k = by_head(&k, &[0, 2, 3, 1]);
    let v = by_head(v, &[0, 2, 1, 3]);
    let scale = g.scalar(1.0 / (HEAD_CHANNELS as f32).sqrt());
    let scores = g.matmul(&q, &k);
    let scores = g.mul(&scores, &scale);
    let scores = g.add(&scores, &positions.bias);
    let weights = g.node("Softmax", &[&scores], [int("axis", -1)]);
    let h = g.matmul(&weights, &v);
    let h = g.transpose(&h, &[0, 2, 1, 3]);
    g.reshape(&h, &[GUIDANCE_ROWS as i64, frames, heads * channels])
}

/// The matrix that turns `(a, b)` pairs of a row into `(-b, a)`.
fn pair_swap() -> Vec<f32> {
    let mut matrix = vec![0.0; HEAD_CHANNELS * HEAD_CHANNELS];
    for i in (0..HEAD_CHANNELS).step_by(2) {
        matrix[(i + 1) * HEAD_CHANNELS + i] = -1.0;
        matrix[i * HEAD_CHANNELS + i + 1] = 1.0;
    }
    matrix
}

/// `x * sigmoid(x)`
fn silu(g: &mut Graph, x: &Value) -> Value {
    let gate = g.node("Sigmoid", &[x], []);
    g.mul(x, &gate)
}

/// `x * tanh(ln(1 + e^x))` as `x * n / (n + 2)` with `n = e^x (e^x + 2)`: ONNX Runtime's Softplus is slow.
fn mish(g: &mut Graph, x: &Value) -> Value {
    let (two, limit) = (g.scalar(2.0), g.scalar(MISH_LIMIT));
    let limited = g.node("Min", &[x, &limit], []);
    let exp = g.node("Exp", &[&limited], []);
    let n = g.add(&exp, &two);
    let n = g.mul(&exp, &n);
    let divisor = g.add(&n, &two);
    let gate = g.div(&n, &divisor);
    g.mul(x, &gate)
}

/// Matrix `values` of rows of `columns`, transposed.
fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns;
    (0..columns)
        .flat_map(|c| (0..rows).map(move |r| values[r * columns + c]))
        .collect()
}
