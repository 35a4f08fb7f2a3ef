//! Random stand-ins for the two networks of the official front end: same files, inputs and outputs, and of similar sizes.
//!
//! The published ones come as ONNX files, so nothing is converted. These serve where they cannot be had: for tests, and for
//! measuring time and memory of an enrolment.

use anyhow::Result;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::{
    Model,
    graph::{Graph, Value, float, int, ints},
    layers::Conv,
    proto::{Dim, ElementType},
};
use crate::weights::WeightType;

/// Sizes of the two networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrontEndSize {
    /// Channels of the speaker encoder.
    pub speaker_channels: usize,
    /// Its convolutions.
    pub speaker_layers: usize,
    /// Width of the speech tokenizer; heads are of 64, or of all where it is less.
    pub tokenizer_width: usize,
    /// Its transformer blocks.
    pub tokenizer_layers: usize,
}

impl FrontEndSize {
    /// A few hundred kilobytes.
    pub const TINY: Self = Self {
        speaker_channels: 24,
        speaker_layers: 2,
        tokenizer_width: 32,
        tokenizer_layers: 1,
    };
    /// The published ones: 27 MB and 969 MB.
    pub const FULL: Self = Self {
        speaker_channels: 512,
        speaker_layers: 8,
        tokenizer_width: 1280,
        tokenizer_layers: 12,
    };
}

const FBANK_BINS: usize = 80;
const WHISPER_BINS: usize = 128;
const SPEAKER_EMBEDDING: usize = 192;
/// Digits of a speech token, each 0, 1 or 2.
const DIGITS: usize = 8;

/// `campplus.onnx`: `input` `[1, T, 80]`, the centred filterbank, to `output` `[1, 192]`.
pub fn random_speaker_encoder(size: &FrontEndSize, seed: u64) -> Model<'static> {
    let mut g = Builder::new("campplus", seed);
    let shape = [dim(1), Dim::Free("T".into()), dim(FBANK_BINS)];
    let input = g.graph.input("input", ElementType::Float, &shape);
    let mut x = g.graph.transpose(&input, &[0, 2, 1]);
    let mut channels = FBANK_BINS;
    for layer in 0..size.speaker_layers {
        let stride = if layer == 0 { 2 } else { 1 };
        x = g.conv(&x, [size.speaker_channels, channels, 3], stride);
        x = g.graph.node("Tanh", &[&x], []);
        channels = size.speaker_channels;
    }
    // Pooled over time, as there: mean, and mean of the squares.
    let squares = g.graph.mul(&x, &x);
    let [mean, power] = [&x, &squares].map(|x| {
        let attributes = [ints("axes", &[2]), int("keepdims", 0)];
        g.graph.node("ReduceMean", &[x], attributes)
    });
    let pooled = g.graph.concat(&[&mean, &power], 1);
    let output = g.linear(&pooled, 2 * channels, SPEAKER_EMBEDDING);
    g.graph
        .output("output", &output, &[dim(1), dim(SPEAKER_EMBEDDING)]);
    g.graph.finish()
}

/// `speech_tokenizer_v3.onnx`: `feats` `[1, 128, T]` and `feats_length` `[1]` i32 to `indices` `[1, T / 4]` i32, rounded up.
pub fn random_speech_tokenizer(size: &FrontEndSize, seed: u64) -> Model<'static> {
    let width = size.tokenizer_width;
    let mut g = Builder::new("speech_tokenizer_v3", seed);
    let shape = [dim(1), dim(WHISPER_BINS), Dim::Free("T".into())];
    let feats = g.graph.input("feats", ElementType::Float, &shape);
    g.graph.input("feats_length", ElementType::Int32, &[dim(1)]);
    let x = g.conv(&feats, [width, WHISPER_BINS, 3], 2);
    let x = g.gelu(&x);
    let x = g.conv(&x, [width, width, 3], 2);
    let x = g.gelu(&x);
    let x = g.graph.transpose(&x, &[0, 2, 1]);
    let mut x = g.graph.reshape(&x, &[-1, width as i64]);
    for _ in 0..size.tokenizer_layers {
        x = g.block(&x, width);
    }
    let digits = g.linear(&x, width, DIGITS);
    let indices = g.quantized(&digits);
    let shape = [dim(1), Dim::Free("tokens".into())];
    g.graph
        .output_of("indices", &indices, ElementType::Int32, &shape);
    g.graph.finish()
}

fn dim(length: usize) -> Dim {
    Dim::from(length)
}

/// A graph whose weights are drawn one after another.
struct Builder {
    graph: Graph<'static>,
    seed: u64,
    stream: u64,
}

impl Builder {
    fn new(name: &str, seed: u64) -> Self {
        Self {
            graph: Graph::new(name, WeightType::F32),
            seed,
            stream: 0,
        }
    }

    /// A weight that keeps the size of what goes through it, drawn when the file is written.
    fn weight(&mut self, shape: &[usize], inputs: usize) -> Value {
        self.stream += 1;
        let (seed, stream) = (self.seed, self.stream);
        let count = shape.iter().product();
        // Even in -a to a, of variance 1 / inputs.
        let scale = (3.0 / inputs as f32).sqrt() / (1_u32 << 31) as f32;
        let read = move || -> Result<Vec<f32>> {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream);
            Ok((0..count)
                .map(|_| rng.next_u32().cast_signed() as f32 * scale)
                .collect())
        };
        self.graph.weight("weight", shape, read)
    }

    fn conv(&mut self, x: &Value, shape: [usize; 3], stride: usize) -> Value {
        let [_, channels, kernel] = shape;
        let weight = self.weight(&shape, channels * kernel);
        let conv = Conv {
            stride,
            ..Conv::padded(kernel / 2, kernel / 2)
        };
        self.graph
            .node("Conv", &[x, &weight], conv.attributes(kernel))
    }

    fn linear(&mut self, x: &Value, inputs: usize, outputs: usize) -> Value {
        let weight = self.weight(&[inputs, outputs], inputs);
        self.graph.matmul(x, &weight)
    }

    fn gelu(&mut self, x: &Value) -> Value {
        self.graph.microsoft("Gelu", &[x], [])
    }

    fn norm(&mut self, x: &Value, width: usize) -> Value {
        let ones = self.graph.tensor("scale", &[width], vec![1.0; width]);
        let attributes = [int("axis", -1), float("epsilon", 1e-5)];
        self.graph
            .node("LayerNormalization", &[x, &ones], attributes)
    }

    /// A transformer block over `x` `[T, width]`.
    fn block(&mut self, x: &Value, width: usize) -> Value {
        let normed = self.norm(x, width);
        let attended = self.attention(&normed, width);
        let x = self.graph.add(x, &attended);
        let normed = self.norm(&x, width);
        let inner = self.linear(&normed, width, 4 * width);
        let inner = self.gelu(&inner);
        let outer = self.linear(&inner, 4 * width, width);
        self.graph.add(&x, &outer)
    }

    fn attention(&mut self, x: &Value, width: usize) -> Value {
        let head = width.min(64);
        let heads = (width / head) as i64;
        let [q, k, v] = [[1, 0, 2], [1, 2, 0], [1, 0, 2]].map(|order| {
            let projected = self.linear(x, width, width);
            let split = self.graph.reshape(&projected, &[-1, heads, head as i64]);
            self.graph.transpose(&split, &order)
        });
        let scale = self.graph.scalar(1.0 / (head as f32).sqrt());
        let q = self.graph.mul(&q, &scale);
        let scores = self.graph.matmul(&q, &k);
        let weights = self.graph.node("Softmax", &[&scores], [int("axis", -1)]);
        let mixed = self.graph.matmul(&weights, &v);
        let mixed = self.graph.transpose(&mixed, &[1, 0, 2]);
        let joined = self.graph.reshape(&mixed, &[-1, width as i64]);
        self.linear(&joined, width, width)
    }

    /// Finite scalar quantisation of `x` `[T, 8]` to token ids `[1, T]`.
    fn quantized(&mut self, x: &Value) -> Value {
        let bounded = self.graph.node("Tanh", &[x], []);
        let level = self.graph.node("Round", &[&bounded], []);
        let one = self.graph.scalar(1.0);
        let digit = self.graph.add(&level, &one);
        let places = (0..DIGITS as i32).map(|place| 3_f32.powi(place)).collect();
        let places = self.graph.tensor("places", &[DIGITS, 1], places);
        let ids = self.graph.matmul(&digit, &places);
        let ids = self
            .graph
            .node("Cast", &[&ids], [int("to", ElementType::Int32 as i64)]);
        self.graph.reshape(&ids, &[1, -1])
    }
}
