//! The HiFT decoder: mel and harmonic source to audio, STFT and inverse STFT inside.

use std::f64::consts::TAU;

use anyhow::{Result, ensure};
use gstcosyvoice3::constants::MEL_BINS;

use super::{
    graph::{Graph, Value, ints, string},
    layers::{Conv, conv, leaky_relu, length, values, vector},
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
/// Dilations inside a residual block.
const DILATIONS: [usize; 3] = [1, 3, 5];
/// Slope of the LeakyReLU before each stage.
const STAGE_SLOPE: f32 = 0.1;
/// Slope of the LeakyReLU before `conv_post` (PyTorch's default).
const POST_SLOPE: f32 = 0.01;
/// Keeps Snake finite where its frequency is zero.
const SNAKE_EPSILON: f32 = 1e-9;
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

struct Hift<'w> {
    g: Graph<'w>,
    checkpoint: &'w Checkpoint,
}

impl<'w> Hift<'w> {
    fn decode(&mut self, mel: &Value, source: &Value) -> Result<Value> {
        let spectrum = self.g.scoped("stft", |g| stft(g, source));
        let pre = Conv::padded(0, LOOK_RIGHT);
        let mut x = self.conv("conv_pre", mel, pre, 1.0)?;
        for stage in 0..UPSAMPLE.len() {
            // The mean over the blocks of a stage: the next convolution is linear and LeakyReLU keeps a positive factor,
            // so the division waits in that convolution's weights.
            let share = if stage == 0 { 1.0 } else { 1.0 / BLOCKS as f64 };
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
        let x = self.conv("conv_post", &x, post, 1.0 / BLOCKS as f64)?;
        Ok(self.g.scoped("istft", |g| {
            let audio = istft(g, &x);
            let (low, high) = (g.scalar(-AUDIO_LIMIT), g.scalar(AUDIO_LIMIT));
            g.node("Clip", &[&audio, &low, &high], [])
        }))
    }

    /// A weight-normed convolution with its weights multiplied by `share`.
    fn conv(&mut self, name: &str, x: &Value, layout: Conv, share: f64) -> Result<Value> {
        let checkpoint = self.checkpoint;
        let shape = weight_norm::shape(checkpoint, name)?;
        let owned = name.to_owned();
        self.g.scoped(name, |g| {
            let w = g.weight("weight", shape, move || {
                let folded = weight_norm::fold(checkpoint, &owned)?;
                Ok(folded.iter().map(|w| (w * share) as f32).collect())
            });
            let b = vector(g, checkpoint, &format!("{name}.bias"), "bias")?;
            Ok(g.node("Conv", &[x, &w, &b], layout.attributes(shape[2])))
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
            anyhow::bail!("{}: {name} is no convolution", checkpoint.path().display());
        };
        let phases = Phases { rate, kernel };
        let taps = phases.taps();
        self.g.scoped(&name.clone(), |g| {
            let bias = format!("{name}.bias");
            let w = g.weight("weight", &[outputs * rate, inputs, taps], move || {
                let folded = weight_norm::fold(checkpoint, &name)?;
                let merged = phases.merge(&folded, inputs);
                Ok(merged.iter().map(|w| (w * share) as f32).collect())
            });
            let b = g.vector("bias", &[outputs * rate], move || {
                let bias = checkpoint.tensor(&bias)?.to_f32()?;
                Ok(bias.iter().flat_map(|b| vec![*b; rate]).collect())
            });
            let layout = Conv::padded(taps - 1, 0);
            let x = g.node("Conv", &[x, &w, &b], layout.attributes(taps));
            let x = g.reshape(&x, &[1, outputs as i64, rate as i64, -1]);
            let x = g.transpose(&x, &[0, 1, 3, 2]);
            Ok(g.reshape(&x, &[1, outputs as i64, -1]))
        })
    }

    /// `x` with its second sample in front: reflection padding of one on the left.
    fn reflect_left(&mut self, x: &Value) -> Value {
        let second = self.g.slice(x, 2, 1, 2);
        self.g.concat(&[&second, x], 2)
    }

    /// What the source adds to a stage: its spectrum brought to the stage's rate.
    fn source_branch(&mut self, stage: usize, spectrum: &Value) -> Result<Value> {
        let down = format!("source_downs.{stage}");
        let stride = UPSAMPLE[stage + 1..].iter().product::<usize>();
        let kernel = length(self.checkpoint, &format!("{down}.weight"), 2)?;
        ensure!(
            kernel == 1 || kernel == 2 * stride,
            "{}: {down} has {kernel} taps, {} were expected",
            self.checkpoint.path().display(),
            2 * stride
        );
        let layout = Conv {
            stride,
            ..Conv::padded(stride - 1, 0)
        };
        let checkpoint = self.checkpoint;
        let s = self
            .g
            .scoped(&down, |g| conv(g, checkpoint, &down, spectrum, layout))?;
        self.residual_block(&format!("source_resblocks.{stage}"), &s)
    }

    /// Three times `x + conv2(snake2(conv1(snake1(x))))`, causal.
    fn residual_block(&mut self, block: &str, x: &Value) -> Result<Value> {
        let mut x = x.clone();
        for (i, dilation) in DILATIONS.into_iter().enumerate() {
            let h = self.snake(&format!("{block}.activations1.{i}"), &x)?;
            let h = self.causal(&format!("{block}.convs1.{i}"), &h, dilation)?;
            let h = self.snake(&format!("{block}.activations2.{i}"), &h)?;
            let h = self.causal(&format!("{block}.convs2.{i}"), &h, 1)?;
            x = self.g.add(&x, &h);
        }
        Ok(x)
    }

    fn causal(&mut self, name: &str, x: &Value, dilation: usize) -> Result<Value> {
        let kernel = weight_norm::shape(self.checkpoint, name)?[2];
        let layout = Conv {
            dilation,
            ..Conv::padded((kernel - 1) * dilation, 0)
        };
        self.conv(name, x, layout, 1.0)
    }

    /// `x + sin(a x)^2 / a`, one `a` a channel.
    fn snake(&mut self, name: &str, x: &Value) -> Result<Value> {
        let checkpoint = self.checkpoint;
        let alpha = format!("{name}.alpha");
        let channels = length(checkpoint, &alpha, 0)?;
        self.g.scoped(name, |g| {
            let read = values(checkpoint, alpha.clone());
            let frequency = g.vector("alpha", &[1, channels, 1], read);
            let read = values(checkpoint, alpha);
            let scale = g.vector("scale", &[1, channels, 1], move || {
                Ok(read()?.iter().map(|a| 1.0 / (a + SNAKE_EPSILON)).collect())
            });
            let h = g.mul(x, &frequency);
            let h = g.node("Sin", &[&h], []);
            let h = g.mul(&h, &h);
            let h = g.mul(&h, &scale);
            Ok(g.add(x, &h))
        })
    }
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

/// Real and imaginary parts `[1, 18, 120 T + 1]` of the source `[1, 480 T]`, centred frames, reflected at the ends.
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
    g.node("Conv", &[&x, &basis], layout.attributes(FFT))
}

/// Audio `[1, 480 T]` from logarithmic magnitudes and phases `[1, 18, 120 T + 1]`.
fn istft(g: &mut Graph, x: &Value) -> Value {
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
