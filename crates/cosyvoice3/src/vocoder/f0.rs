//! The fundamental frequency of every mel frame, predicted in float64 as the official implementation does.
//!
//! The source turns F0 into a phase that grows over the whole utterance, so an error of 4e-4 Hz (what float32 costs)
//! is heard as an error of 1.6e-3 in the samples after a few seconds, and grows on.

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, linalg::general_mat_mul, s};

use super::weights::SourceWeights;
use crate::{Result, cancel::Cancel, constants::MEL_BINS, mel::Mel};

/// Frames that the first convolution looks ahead.
const LOOKAHEAD_FRAMES: usize = 3;
/// Kernel of the causal convolutions.
const KERNEL: usize = 3;
/// Names of the convolutions; between them lie ELUs.
const LAYERS: [&str; 5] = [
    "condnet.0",
    "condnet.2",
    "condnet.4",
    "condnet.6",
    "condnet.8",
];

/// Five convolutions, each followed by an ELU, and a linear layer whose absolute value is F0 in Hz.
pub struct F0Predictor {
    convolutions: Vec<Convolution>,
    classifier: Array1<f64>,
    bias: f64,
}

impl F0Predictor {
    /// Takes `condnet.*` and `classifier.*` and folds the weight norm.
    pub fn new(weights: &SourceWeights) -> Result<Self> {
        let first = format!("{}.v", LAYERS[0]);
        let &[channels, ..] = &weights.shape(&first)?[..] else {
            return Err(weights.damaged(format!("{first} is a scalar")));
        };
        let mut convolutions = vec![Convolution::new(
            weights,
            LAYERS[0],
            [channels, MEL_BINS, LOOKAHEAD_FRAMES + 1],
            0,
        )?];
        for layer in &LAYERS[1..] {
            let shape = [channels, channels, KERNEL];
            convolutions.push(Convolution::new(weights, layer, shape, KERNEL - 1)?);
        }
        let classifier = weights.tensor("classifier.weight", &[1, channels])?;
        Ok(Self {
            convolutions,
            classifier: classifier.into_iter().map(f64::from).collect(),
            bias: f64::from(weights.tensor("classifier.bias", &[1])?[0]),
        })
    }

    /// F0 in Hz, one value per frame of `mel`; unvoiced frames come out at 10 Hz or less.
    pub fn predict(&self, mel: &Mel, cancel: &Cancel) -> Result<Vec<f32>> {
        self.predict_after(&mut self.stream(), mel, true, cancel)
    }

    /// An utterance of which nothing has come yet.
    pub fn stream(&self) -> F0Stream {
        let before = self.convolutions.iter().map(|convolution| {
            let inputs = convolution.taps[0].nrows();
            Array2::zeros((convolution.history, inputs))
        });
        F0Stream {
            before: before.collect(),
        }
    }

    /// F0 of the frames that `mel`, the next ones, completes: it comes [`LOOKAHEAD_FRAMES`] later than the mel, but for
    /// the `last` frames.
    pub(super) fn predict_after(
        &self,
        stream: &mut F0Stream,
        mel: &Mel,
        last: bool,
        cancel: &Cancel,
    ) -> Result<Vec<f32>> {
        let bins = ArrayView2::from_shape((MEL_BINS, mel.frames()), mel.as_slice())
            .expect("a mel holds MEL_BINS rows");
        let mut x = bins.t().mapv(f64::from);
        if last {
            let zeros = Array2::zeros((LOOKAHEAD_FRAMES, MEL_BINS));
            x = concatenate![Axis(0), x, zeros];
        }
        for (convolution, before) in std::iter::zip(&self.convolutions, &mut stream.before) {
            cancel.check()?;
            let seen = concatenate![Axis(0), *before, x];
            x = convolution.apply(&seen);
            x.mapv_inplace(elu);
            let left = seen.nrows() - seen.nrows().min(convolution.taps.len() - 1);
            *before = seen.slice(s![left.., ..]).to_owned();
        }
        let f0 = x.dot(&self.classifier);
        Ok(f0.iter().map(|f0| (f0 + self.bias).abs() as f32).collect())
    }
}

/// The frames that each convolution still needs.
pub struct F0Stream {
    before: Vec<Array2<f64>>,
}

fn elu(x: f64) -> f64 {
    if x > 0.0 { x } else { x.exp_m1() }
}

/// A one-dimensional convolution over frames that keeps their number.
struct Convolution {
    /// One matrix `[inputs x outputs]` per position of the kernel.
    taps: Vec<Array2<f64>>,
    bias: Array1<f64>,
    /// Frames before the current one that the kernel reaches, zeros at the beginning; the rest of it lies ahead.
    history: usize,
}

impl Convolution {
    /// Folds `weight = g * v / |v|`, the norm taken per output.
    fn new(
        weights: &SourceWeights,
        layer: &str,
        shape: [usize; 3],
        history: usize,
    ) -> Result<Self> {
        let [outputs, inputs, kernel] = shape;
        let g = weights.tensor(&format!("{layer}.g"), &[outputs, 1, 1])?;
        let v = weights.tensor(&format!("{layer}.v"), &shape)?;
        let bias = weights.tensor(&format!("{layer}.bias"), &[outputs])?;

        let mut taps = vec![Array2::zeros((inputs, outputs)); kernel];
        for (output, (v, g)) in v.chunks_exact(inputs * kernel).zip(g).enumerate() {
            let norm = v.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
            if norm == 0.0 {
                return Err(weights.damaged(format!("{layer}.v has a row of zeros")));
            }
            let scale = f64::from(g) / norm;
            for (input, v) in v.chunks_exact(kernel).enumerate() {
                for (tap, v) in taps.iter_mut().zip(v) {
                    tap[[input, output]] = f64::from(*v) * scale;
                }
            }
        }
        Ok(Self {
            taps,
            bias: bias.into_iter().map(f64::from).collect(),
            history,
        })
    }

    /// `[frames x inputs]` to `[frames - kernel + 1 x outputs]`.
    fn apply(&self, x: &Array2<f64>) -> Array2<f64> {
        let frames = (x.nrows() + 1).saturating_sub(self.taps.len());
        let mut y = Array2::zeros((frames, self.bias.len()));
        y += &self.bias;
        if frames == 0 {
            return y;
        }
        for (position, tap) in self.taps.iter().enumerate() {
            let from = x.slice(s![position..position + frames, ..]);
            general_mat_mul(1.0, &from, tap, 1.0, &mut y);
        }
        y
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition: `y[t, o] = bias[o] + sum over k, i of x[t + k, i] * weight[o, i, k]`.
    fn naive(convolution: &Convolution, x: &Array2<f64>) -> Array2<f64> {
        let frames = (x.nrows() + 1).saturating_sub(convolution.taps.len());
        Array2::from_shape_fn((frames, convolution.bias.len()), |(t, output)| {
            let mut sum = convolution.bias[output];
            for (k, tap) in convolution.taps.iter().enumerate() {
                for input in 0..x.ncols() {
                    sum += x[[t + k, input]] * tap[[input, output]];
                }
            }
            sum
        })
    }

    fn matrix(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
        let noise = crate::vocoder::splitmix::SplitMix::new(seed);
        Array2::from_shape_fn((rows, columns), |(r, c)| {
            f64::from(noise.uniform(r * columns + c)) - 0.5
        })
    }

    proptest! {
        #[test]
        fn convolution_equals_its_definition(
            frames in 0usize..12, kernel in 1usize..5, seed in any::<u64>(),
        ) {
            let convolution = Convolution {
                taps: (0..kernel as u64).map(|k| matrix(7, 5, seed ^ k)).collect(),
                bias: matrix(1, 5, seed ^ 99).row(0).to_owned(),
                history: 0,
            };
            let x = matrix(frames, 7, seed ^ 77);
            let difference = convolution.apply(&x) - naive(&convolution, &x);
            prop_assert!(difference.iter().all(|d| d.abs() < 1e-13), "{difference}");
        }
    }
}
