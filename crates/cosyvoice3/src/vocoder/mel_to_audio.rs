//! A vocoder in one ONNX graph, as edge pipelines export HiFT: it draws the noise of its source itself, so no seed gives
//! the same samples twice.

use std::path::Path;

use super::finite;
use crate::{
    Error, Result,
    cancel::Cancel,
    constants::{MEL_BINS, SAMPLES_PER_FRAME},
    mel::Mel,
    onnx::{Element, FREE, Port, Session, SessionOptions, Tensor},
};

/// A graph whose only input is the mel.
pub struct MelToAudio {
    graph: Session,
    input: String,
    output: String,
}

impl MelToAudio {
    /// Loads `graph`, which works with `threads` threads (0: one per core). What it calls its input and its first output
    /// does not matter.
    ///
    /// # Errors
    /// As [`Vocoder::load`](super::Vocoder::load).
    pub fn load(graph: &Path, threads: usize, cancel: &Cancel) -> Result<Self> {
        let options = SessionOptions {
            threads,
            ..Default::default()
        };
        let graph = Session::load(graph, &options, cancel)?;
        let name = |ports: &[Port], usual: &str| {
            let first = ports.first();
            first.map_or_else(|| usual.to_owned(), |port| port.name.clone())
        };
        let input = name(graph.inputs(), "mel");
        let output = name(graph.outputs(), "audio");
        // Exporters differ in how many axes of length 1 they keep.
        let shape = match graph.output(&output) {
            Some(port) if !port.shape.is_empty() => port.shape.as_slice(),
            _ => &[1, FREE],
        };
        graph.check(
            &[Port::new(&input, Element::F32, &[1, MEL_BINS as i64, FREE])],
            &[Port::new(&output, Element::F32, shape)],
        )?;
        Ok(Self {
            graph,
            input,
            output,
        })
    }

    /// The speech of a whole utterance.
    ///
    /// # Errors
    /// As [`Vocoder::synthesize`](super::Vocoder::synthesize).
    pub fn synthesize(&mut self, mel: &Mel, cancel: &Cancel) -> Result<Vec<f32>> {
        if mel.frames() == 0 {
            return Ok(Vec::new());
        }
        let path = self.graph.path().to_owned();
        let shape = [1, MEL_BINS, mel.frames()];
        let outputs = self.graph.run(
            &[(&self.input, Tensor::F32(&shape, mel.as_slice()))],
            cancel,
        )?;
        let (_, samples) = outputs.f32(&self.output)?;
        let samples = fit(samples, mel.frames() * SAMPLES_PER_FRAME)
            .map_err(|what| Error::damaged(&path, what))?;
        finite::samples(&path, samples)
    }
}

/// `samples` at the length `expected`: the inverse transform that ends such a graph may give up to a frame more or less.
fn fit(samples: &[f32], expected: usize) -> Result<Vec<f32>, String> {
    if samples.len().abs_diff(expected) > SAMPLES_PER_FRAME {
        return Err(format!(
            "{} samples came out, expected {expected}",
            samples.len()
        ));
    }
    let mut samples = samples.to_vec();
    samples.resize(expected, 0.0);
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_inverse_transform_is_cut_or_filled_up() {
        assert_eq!(fit(&[0.5; 970], 960).unwrap(), [0.5; 960]);
        let filled = fit(&[0.5; 950], 960).unwrap();
        assert_eq!(filled.len(), 960);
        assert_eq!(filled[949..951], [0.5, 0.0]);
    }

    #[test]
    fn another_number_of_samples_is_reported() {
        for length in [0, 960 - 481, 960 + 481] {
            let error = fit(&vec![0.5; length], 960).unwrap_err();
            assert!(error.contains("expected 960"), "{error}");
        }
    }
}
