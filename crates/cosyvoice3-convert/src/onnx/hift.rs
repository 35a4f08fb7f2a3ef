//! The HiFT decoder: mel and harmonic source to audio, STFT and inverse STFT inside.

use std::f64::consts::TAU;

use anyhow::{Result, bail, ensure};
use cosyvoice3::constants::MEL_BINS;

use super::{
    graph::{Graph, Value, ints, string},
    layers::{Conv, leaky_relu, length, values, vector},
    model::Model,
    proto::ElementType,
    weight_norm,
};
use crate::{checkpoint::Checkpoint, weights::WeightType};

/// Samples of an STFT frame.
const FFT: usize = 16;
/// Samples between STFT frames.
const HOP: usize = 4;
/// Frequencies of the STFT.
const BINS: usize = FFT / 2 + 1;
/// Frames that `conv_pre` looks ahead.
const LOOK_RIGHT: usize = 4;
/// Upsampling of each stage.
const UPSAMPLE: [usize; 3] = [8, 5, 3];
/// Residual blocks of each stage.
const BLOCKS: usize = 3;
/// Share of each of them in the mean of the stage.
const BLOCK_SHARE: f64 = 1.0 / BLOCKS as f64;
/// Dilations inside a residual block.
const DILATIONS: [usize; 3] = [1, 3, 5];
/// Slope of the LeakyReLU before each stage.
const STAGE_SLOPE: f32 = 0.1;
/// Slope of the LeakyReLU before `conv_post` (PyTorch's default).
const POST_SLOPE: f32 = 0.01;
/// Smallest frequency of a Snake.
const SNAKE_FLOOR: f32 = 1e-9;
/// Largest magnitude of a spectrum bin.
const MAGNITUDE_LIMIT: f32 = 100.0;
/// Largest sample.
const AUDIO_LIMIT: f32 = 0.99;

/// HiFT decoder, any length.
///
/// Inputs: `mel` f32 `[1, 80, T]` and `source` f32 `[1, 480 T]`. Output: `audio` f32 `[1, 480 T]`, within +-0.99. The
/// frames after the last are taken as zeros.
pub fn hift(checkpoint: &Checkpoint, weight_type: WeightType) -> Result<Model<'_>> {
    let mut hift = Hift {
        g: Graph::new("hift", weight_type),
        checkpoint,
    };
    let mel = [1.into(), MEL_BINS.into(), "frames".into()];
    let samples = [1.into(), "samples".into()];
    let mel = hift.g.input("mel", ElementType::Float, &mel);
    let source = hift.g.input("source", ElementType::Float, &samples);
    let audio = hift.decode(&mel, &source)?;
    hift.g.output("audio", &audio, &samples);
    Ok(hift.g.finish())
}

/// Activations are `[1, C, 1, T]`: a picture of one row, because ONNX Runtime has its blocked convolutions
/// for pictures only.
struct Hift<'w> {
    g: Graph<'w>,
    checkpoint: &'w Checkpoint,
}

/// Factors for the weights of a convolution, so that the graph need not multiply activations. ONNX Runtime applies them
/// once, when it loads the graph.
#[derive(Default)]
struct Scales {
    /// `[1, in, 1, 1]`
    inputs: Option<Value>,
    /// `[out, 1, 1, 1]` for the weights and `[out]` for the bias.
    outputs: Option<(Value, Value)>,
}

impl<'w> Hift<'w> {
    fn decode(&mut self, mel: &Value, source: &Value) -> Result<Value> {
        let spectrum = self.g.scoped("stft", |g| stft(g, source));
        let mel = self.g.unsqueeze(mel, &[2]);
        let mut x = self.convolution(
            "conv_pre",
            &mel,
            Conv::padded(0, LOOK_RIGHT),
            1.0,
            Scales::default(),
        )?;
        for stage in 0..UPSAMPLE.len() {
            // The mean over the blocks of a stage: the next convolution is linear and LeakyReLU keeps a positive factor,
            // so the division waits in that convolution's weights.
            let share = if stage == 0 { 1.0 } else { BLOCK_SHARE };
            x = leaky_relu(&mut self.g, &x, STAGE_SLOPE);
            x = self.upsample(stage, &x, share)?;
            if stage + 1 == UPSAMPLE.len() {
                x = self.reflect_left(&x);
            }
            let s = self.source_branch(stage, &spectrum)?;
            x = self.g.add(&x, &s);
            let blocks = (0..BLOCKS)
                .map(|j| self.residual_block(&format!("resblocks.{}", BLOCKS * stage + j), &x))
                .collect::<Result<Vec<_>>>()?;
            x = self.g.node("Sum", &blocks.iter().collect::<Vec<_>>(), []);
        }
        x = leaky_relu(&mut self.g, &x, POST_SLOPE);
        let kernel = weight_norm::shape(self.checkpoint, "conv_post")?[2];
        let post = Conv::padded(kernel - 1, 0);
        let x = self.convolution("conv_post", &x, post, BLOCK_SHARE, Scales::default())?;
        Ok(self.g.scoped("istft", |g| {
            let audio = istft(g, &x);
            let (low, high) = (g.scalar(-AUDIO_LIMIT), g.scalar(AUDIO_LIMIT));
            g.node("Clip", &[&audio, &low, &high], [])
        }))
    }

    /// A weight-normed convolution; `share` and `scales` multiply its weights.
    fn convolution(
        &mut self,
        name: &str,
        x: &Value,
        layout: Conv,
        share: f64,
        scales: Scales,
    ) -> Result<Value> {
        let checkpoint = self.checkpoint;
        let &[outputs, inputs, kernel] = weight_norm::shape(checkpoint, name)? else {
            bail!(
                "{}: {name} is not a convolution",
                checkpoint.path().display()
            );
        };
        let owned = name.to_owned();
        self.g.scoped(name, |g| {
            let mut w = g.weight("weight", &[outputs, inputs, 1, kernel], move || {
                let folded = weight_norm::fold(checkpoint, &owned)?;
                Ok(folded.iter().map(|w| (w * share) as f32).collect())
            });
            let mut b = vector(g, checkpoint, &format!("{name}.bias"), "bias")?;
            if let Some(inputs) = &scales.inputs {
                w = g.mul(&w, inputs);
            }
            if let Some((weights, bias)) = &scales.outputs {
                w = g.mul(&w, weights);
                b = g.mul(&b, bias);
            }
            Ok(g.node("Conv", &[x, &w, &b], layout.row_attributes(kernel)))
        })
    }

    /// Nearest-neighbour upsampling and the causal convolution after it, as one convolution at the lower rate.
    ///
    /// A kernel of k taps over samples that repeat `rate` times touches only `ceil((k - 1) / rate) + 1` different ones;
    /// each of the `rate` output phases is a set of channels with the taps of equal samples added up.
    fn upsample(&mut self, stage: usize, x: &Value, share: f64) -> Result<Value> {
        let (checkpoint, rate) = (self.checkpoint, UPSAMPLE[stage]);
        let name = format!("ups.{stage}");
        let &[outputs, inputs, kernel] = weight_norm::shape(checkpoint, &name)? else {
            bail!(
                "{}: {name} is not a convolution",
                checkpoint.path().display()
            );
        };
        let phases = Phases { rate, kernel };
        let taps = phases.taps();
        self.g.scoped(&name.clone(), |g| {
            let bias = format!("{name}.bias");
            let w = g.weight("weight", &[outputs * rate, inputs, 1, taps], move || {
                let folded = weight_norm::fold(checkpoint, &name)?;
                let merged = phases.merge(&folded, inputs);
                Ok(merged.iter().map(|w| (w * share) as f32).collect())
            });
            let b = g.vector("bias", &[outputs * rate], move || {
                let bias = checkpoint.tensor(&bias)?.to_f32()?;
                Ok(bias.iter().flat_map(|b| vec![*b; rate]).collect())
            });
            let layout = Conv::padded(taps - 1, 0);
            let x = g.node("Conv", &[x, &w, &b], layout.row_attributes(taps));
            let x = g.reshape(&x, &[1, outputs as i64, rate as i64, -1]);
            let x = g.transpose(&x, &[0, 1, 3, 2]);
            Ok(g.reshape(&x, &[1, outputs as i64, 1, -1]))
        })
    }

    /// `x` with its second sample in front: reflection padding of one on the left.
    fn reflect_left(&mut self, x: &Value) -> Value {
        let second = self.g.slice(x, 3, 1, 2);
        self.g.concat(&[&second, x], 3)
    }

    /// The source's contribution to a stage: its spectrum brought to the stage's rate.
    fn source_branch(&mut self, stage: usize, spectrum: &Value) -> Result<Value> {
        let checkpoint = self.checkpoint;
        let down = format!("source_downs.{stage}");
        let weight = format!("{down}.weight");
        let stride = UPSAMPLE[stage + 1..].iter().product::<usize>();
        let &[outputs, inputs, kernel] = checkpoint.shape(&weight)? else {
            bail!(
                "{}: {down} is not a convolution",
                checkpoint.path().display()
            );
        };
        ensure!(
            kernel == 1 || kernel == 2 * stride,
            "{}: {down} has {kernel} taps, {} were expected",
            checkpoint.path().display(),
            2 * stride
        );
        let layout = Conv {
            stride,
            ..Conv::padded(stride - 1, 0)
        };
        let s = self.g.scoped(&down, |g| {
            let shape = [outputs, inputs, 1, kernel];
            let w = g.weight("weight", &shape, values(checkpoint, weight));
            let b = vector(g, checkpoint, &format!("{down}.bias"), "bias")?;
            let attributes = layout.row_attributes(kernel);
            anyhow::Ok(g.node("Conv", &[spectrum, &w, &b], attributes))
        })?;
        self.residual_block(&format!("source_resblocks.{stage}"), &s)
    }

    /// Three times `x + conv2(snake(conv1(snake(x))))`, causal, where `snake(x) = x + sin(a x)^2 / a` with one `a` a
    /// channel.
    ///
    /// With `z = a x` a Snake is `(z + sin(z)^2) / a`. The division goes into the weights of the convolution after it, and
    /// for the second Snake the product `a x` into those of the convolution before it.
    fn residual_block(&mut self, block: &str, x: &Value) -> Result<Value> {
        let mut x = x.clone();
        for (i, dilation) in DILATIONS.into_iter().enumerate() {
            let first = self.snake(&format!("{block}.activations1.{i}"))?;
            let second = self.snake(&format!("{block}.activations2.{i}"))?;
            let z = self.g.mul(&x, &first.frequency);
            let h = z_plus_square_sine(&mut self.g, &z);
            let scales = Scales {
                inputs: Some(first.inverse),
                outputs: Some((second.frequency_outputs, second.frequency_bias)),
            };
            let z = self.causal(&format!("{block}.convs1.{i}"), &h, dilation, scales)?;
            let h = z_plus_square_sine(&mut self.g, &z);
            let scales = Scales {
                inputs: Some(second.inverse),
                outputs: None,
            };
            let h = self.causal(&format!("{block}.convs2.{i}"), &h, 1, scales)?;
            x = self.g.add(&x, &h);
        }
        Ok(x)
    }

    fn causal(&mut self, name: &str, x: &Value, dilation: usize, scales: Scales) -> Result<Value> {
        let kernel = weight_norm::shape(self.checkpoint, name)?[2];
        let layout = Conv {
            dilation,
            ..Conv::padded((kernel - 1) * dilation, 0)
        };
        self.convolution(name, x, layout, 1.0, scales)
    }

    fn snake(&mut self, name: &str) -> Result<Snake> {
        let alpha = format!("{name}.alpha");
        let channels = length(self.checkpoint, &alpha, 0)?;
        let read = values(self.checkpoint, alpha);
        let read = move || Ok(read()?.into_iter().map(away_from_zero).collect::<Vec<_>>());
        let frequencies = read.clone();
        self.g.scoped(name, |g| {
            let frequency_bias = g.vector("alpha", &[channels], frequencies);
            let inverse = g.vector("inverse", &[1, channels, 1, 1], move || {
                Ok(read()?.iter().map(|a| 1.0 / a).collect())
            });
            Ok(Snake {
                frequency: g.reshape(&frequency_bias, &[1, channels as i64, 1, 1]),
                frequency_outputs: g.reshape(&frequency_bias, &[channels as i64, 1, 1, 1]),
                frequency_bias,
                inverse,
            })
        })
    }
}

/// The frequencies `a` of a Snake in the shapes in which they are needed.
struct Snake {
    /// `[1, C, 1, 1]`
    frequency: Value,
    /// `[C, 1, 1, 1]`
    frequency_outputs: Value,
    /// `[C]`
    frequency_bias: Value,
    /// `1 / a`, `[1, C, 1, 1]`
    inverse: Value,
}

/// A frequency by which one can divide. The official code adds 1e-9 to the divisor instead.
fn away_from_zero(frequency: f32) -> f32 {
    if frequency.abs() < SNAKE_FLOOR {
        SNAKE_FLOOR
    } else {
        frequency
    }
}

fn z_plus_square_sine(g: &mut Graph, z: &Value) -> Value {
    let sine = g.node("Sin", &[z], []);
    let square = g.mul(&sine, &sine);
    g.add(z, &square)
}

/// A convolution over nearest-neighbour upsampled samples, sorted by output phase.
#[derive(Clone, Copy)]
struct Phases {
    rate: usize,
    kernel: usize,
}

impl Phases {
    /// Different low-rate samples that an output sees.
    fn taps(self) -> usize {
        (self.kernel - 1).div_ceil(self.rate) + 1
    }

    /// Weights `[outputs, inputs, kernel]` as `[outputs * rate, inputs, taps]`.
    ///
    /// Output sample `rate * n + phase` sees with tap j the upsampled sample `rate * n + phase - (kernel - 1) + j`, which
    /// is a copy of sample `n + floor((phase - (kernel - 1) + j) / rate)`.
    fn merge(self, weights: &[f64], inputs: usize) -> Vec<f64> {
        let Self { rate, kernel } = self;
        let taps = self.taps();
        let mut merged = vec![0.0; weights.len() / kernel * rate * taps];
        for (row, w) in weights.chunks_exact(kernel).enumerate() {
            let (output, input) = (row / inputs, row % inputs);
            for phase in 0..rate {
                let row = (output * rate + phase) * inputs + input;
                for (j, w) in w.iter().enumerate() {
                    let tap = (phase + j + (taps - 1) * rate + 1 - kernel) / rate;
                    merged[row * taps + tap] += w;
                }
            }
        }
        merged
    }
}

/// Real and imaginary parts `[1, 18, 1, 120 T + 1]` of the source `[1, 480 T]`, centred frames, reflected at the ends.
fn stft(g: &mut Graph, source: &Value) -> Value {
    let x = g.unsqueeze(source, &[1]);
    let half = (FFT / 2) as i64;
    let pads = g.int_list(&[0, 0, half, 0, 0, half]);
    let x = g.node("Pad", &[&x, &pads], [string("mode", "reflect")]);
    let basis = fourier(|k, n, part| {
        let angle = TAU * (k * n) as f64 / FFT as f64;
        window(n)
            * match part {
                Part::Real => angle.cos(),
                Part::Imaginary => -angle.sin(),
            }
    });
    let basis = g.tensor("basis", &[2 * BINS, 1, FFT], basis);
    let layout = Conv {
        stride: HOP,
        ..Conv::padded(0, 0)
    };
    let spectrum = g.node("Conv", &[&x, &basis], layout.attributes(FFT));
    g.unsqueeze(&spectrum, &[2])
}

/// Audio `[1, 480 T]` from logarithmic magnitudes and phases `[1, 18, 1, 120 T + 1]`.
fn istft(g: &mut Graph, x: &Value) -> Value {
    let row = g.int_list(&[2]);
    let x = &g.node("Squeeze", &[x, &row], []);
    let [magnitude, phase] = g.split(x, 1, BINS);
    let magnitude = g.node("Exp", &[&magnitude], []);
    let limit = g.scalar(MAGNITUDE_LIMIT);
    let magnitude = g.node("Min", &[&magnitude, &limit], []);
    // The network was trained with the sine of its output as the phase.
    let phase = g.node("Sin", &[&phase], []);
    let cos = g.node("Cos", &[&phase], []);
    let sin = g.node("Sin", &[&phase], []);
    let real = g.mul(&magnitude, &cos);
    let imaginary = g.mul(&magnitude, &sin);
    let spectrum = g.concat(&[&real, &imaginary], 1);

    let basis = fourier(|k, n, part| {
        let twice = if k == 0 || k == FFT / 2 { 1.0 } else { 2.0 };
        let angle = TAU * (k * n) as f64 / FFT as f64;
        window(n) * twice / FFT as f64
            * match part {
                Part::Real => angle.cos(),
                Part::Imaginary => -angle.sin(),
            }
    });
    let basis = g.tensor("basis", &[2 * BINS, 1, FFT], basis);
    let overlap = [
        ints("kernel_shape", &[FFT as i64]),
        ints("strides", &[HOP as i64]),
        ints("pads", &[(FFT / 2) as i64; 2]),
    ];
    let audio = g.node("ConvTranspose", &[&spectrum, &basis], overlap.clone());

    let squares = (0..FFT).map(|n| (window(n) * window(n)) as f32).collect();
    let squares = g.tensor("window_squares", &[1, 1, FFT], squares);
    let frames = g.length(x, 2);
    let ones = g.int_list(&[1, 1]);
    let shape = g.concat(&[&ones, &frames], 0);
    let one = g.scalar(1.0);
    let ones = g.node("Expand", &[&one, &shape], []);
    let envelope = g.node("ConvTranspose", &[&ones, &squares], overlap);
    let audio = g.div(&audio, &envelope);
    let axis = g.int_list(&[1]);
    g.node("Squeeze", &[&audio, &axis], [])
}

#[derive(Clone, Copy)]
enum Part {
    Real,
    Imaginary,
}

/// `basis(k, n, part)` for all frequencies k and samples n: real rows, then imaginary rows.
fn fourier(basis: impl Fn(usize, usize, Part) -> f64) -> Vec<f32> {
    let basis = &basis;
    [Part::Real, Part::Imaginary]
        .into_iter()
        .flat_map(|part| {
            (0..BINS).flat_map(move |k| (0..FFT).map(move |n| basis(k, n, part) as f32))
        })
        .collect()
}

/// Periodic Hann window.
fn window(n: usize) -> f64 {
    0.5 - 0.5 * (TAU * n as f64 / FFT as f64).cos()
}
