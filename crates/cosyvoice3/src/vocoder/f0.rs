//! The fundamental frequency of every mel frame, predicted in float64 as the official implementation does.
//!
//! The source turns F0 into a phase that grows over the whole utterance, so an error of 4e-4 Hz (what float32 costs)
//! is heard as an error of 1.6e-3 in the samples after a few seconds, and grows on.

use ndarray::{Array1, Array2, ArrayView2, linalg::general_mat_mul, s};

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
        let bins = ArrayView2::from_shape((MEL_BINS, mel.frames()), mel.as_slice())
            .expect("a mel holds MEL_BINS rows");
        let mut x = bins.t().mapv(f64::from);
        for convolution in &self.convolutions {
            cancel.check()?;
            x = convolution.apply(&x);
            x.mapv_inplace(elu);
        }
        let f0 = x.dot(&self.classifier);
        Ok(f0.iter().map(|f0| (f0 + self.bias).abs() as f32).collect())
    }
}

fn elu(x: f64) -> f64 {
    if x > 0.0 { x } else { x.exp_m1() }
}

/// A one-dimensional convolution over frames that keeps their number.
struct Convolution {
    /// One matrix `[inputs x outputs]` per position of the kernel.
    taps: Vec<Array2<f64>>,
    bias: Array1<f64>,
    /// Frames before the current one that the kernel reaches; the rest of it lies ahead.
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

    /// `[frames x inputs]` to `[frames x outputs]`; beyond both ends lie zeros.
    fn apply(&self, x: &Array2<f64>) -> Array2<f64> {
        let frames = x.nrows();
        let mut y = Array2::zeros((frames, self.bias.len()));
        y += &self.bias;
        for (position, tap) in self.taps.iter().enumerate() {
            // y[t] += x[t + position - history] * tap, for the frames where that lies inside
            let behind = self.history.saturating_sub(position).min(frames);
            let ahead = position.saturating_sub(self.history).min(frames);
            let from = x.slice(s![ahead..frames - behind, ..]);
            let mut to = y.slice_mut(s![behind..frames - ahead, ..]);
            general_mat_mul(1.0, &from, tap, 1.0, &mut to);
        }
        y
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition: `y[t, o] = bias[o] + sum over k, i of x[t + k - history, i] * weight[o, i, k]`.
    fn naive(convolution: &Convolution, x: &Array2<f64>) -> Array2<f64> {
        Array2::from_shape_fn((x.nrows(), convolution.bias.len()), |(t, output)| {
            let mut sum = convolution.bias[output];
            for (k, tap) in convolution.taps.iter().enumerate() {
                for input in 0..x.ncols() {
                    let from = (t + k).checked_sub(convolution.history);
                    let x = from.and_then(|t| x.get([t, input])).unwrap_or(&0.0);
                    sum += x * tap[[input, output]];
                }
            }
            sum
        })
    }

    fn matrix(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
        let noise = crate::vocoder::noise::Noise::new(seed);
        Array2::from_shape_fn((rows, columns), |(r, c)| {
            f64::from(noise.uniform(r * columns + c)) - 0.5
        })
    }

    proptest! {
        #[test]
        fn convolution_equals_its_definition(
            frames in 0usize..12, kernel in 1usize..5, history in 0usize..4, seed in any::<u64>(),
        ) {
            let convolution = Convolution {
                taps: (0..kernel as u64).map(|k| matrix(7, 5, seed ^ k)).collect(),
                bias: matrix(1, 5, seed ^ 99).row(0).to_owned(),
                history: history.min(kernel - 1),
            };
            let x = matrix(frames, 7, seed ^ 77);
            let difference = convolution.apply(&x) - naive(&convolution, &x);
            prop_assert!(difference.iter().all(|d| d.abs() < 1e-13), "{difference}");
        }
    }
}
