//! HiFT piece by piece: the same samples as of the whole utterance's mel.
//!
//! F0 and the source carry their state, so no frame of them is computed twice. The decoder is computed again over
//! `VOCODER_CONTEXT_FRAMES` before each piece, the reach of its convolutions: so much for each piece, whatever its length and
//! place, and never the whole mel again. A graph whose convolutions keep their history would save that, but it would keep
//! ONNX Runtime from its blocked convolutions, which cost whole utterances more.

use crate::{
    Result,
    cancel::Cancel,
    constants::{SAMPLES_PER_FRAME, VOCODER_CONTEXT_FRAMES},
    mel::Mel,
};

use super::{f0::F0Stream, hift::Hift, source::SourceStream, splitmix::SplitMix};

/// Frames behind a sample that must be there: four for the first convolution, one for the last spectrum.
const LOOKAHEAD_FRAMES: usize = 5;

/// An utterance of which some mel has come.
pub struct HiftStream {
    noise: SplitMix,
    f0: F0Stream,
    source: SourceStream,
    /// The frames from `first` on.
    mel: Mel,
    /// The source from frame `first` on; shorter than the mel, because F0 looks ahead.
    signal: Vec<f32>,
    first: usize,
    /// Frames whose samples have left.
    done: usize,
}

impl HiftStream {
    pub(super) fn new(hift: &Hift, seed: u64) -> Self {
        Self {
            noise: SplitMix::new(seed),
            f0: hift.f0_stream(),
            source: hift.source_stream(),
            mel: Mel::zeros(0),
            signal: Vec::new(),
            first: 0,
            done: 0,
        }
    }

    /// The samples that the next frames, `mel`, complete; all that are left if they are the `last`.
    pub(super) fn push(
        &mut self,
        hift: &mut Hift,
        mel: &Mel,
        last: bool,
        cancel: &Cancel,
    ) -> Result<Vec<f32>> {
        self.mel.append(mel);
        let f0 = hift.f0_after(&mut self.f0, mel, last, cancel)?;
        let noise = self.noise;
        self.signal
            .extend(hift.source_after(&mut self.source, &f0, |index| noise.uniform(index)));
        let frames = self.signal.len() / SAMPLES_PER_FRAME;
        let end = match last {
            true => frames,
            false => frames.saturating_sub(LOOKAHEAD_FRAMES),
        };
        let done = self.done - self.first;
        if end <= done {
            return Ok(Vec::new());
        }
        let mut samples = hift.decode(&self.mel.columns(0..frames), &self.signal, cancel)?;
        samples.truncate(end * SAMPLES_PER_FRAME);
        samples.drain(..done * SAMPLES_PER_FRAME);
        self.done = self.first + end;
        let forgotten = end.saturating_sub(VOCODER_CONTEXT_FRAMES);
        self.mel = self.mel.columns(forgotten..self.mel.frames());
        self.signal.drain(..forgotten * SAMPLES_PER_FRAME);
        self.first += forgotten;
        Ok(samples)
    }
}
