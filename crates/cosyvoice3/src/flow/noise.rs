//! The noise that the solver starts from: one fixed table, as the published model has it.

use std::sync::OnceLock;

use crate::{Error, Result, constants::MEL_BINS, mel::Mel};

/// Frames for which there is noise: 300 s, prompt included.
pub const TABLE_FRAMES: usize = 15_000;

/// The values `torch.manual_seed(0); torch.randn(1, 80, 15000)` draws on a CPU, to the last bit or two.
///
/// PyTorch's vectorised logarithm and cosine round differently from any other library's, so 2.4e-7 remain.
pub struct Noise(Vec<f32>);

impl Noise {
    /// The table, computed on the first call (some 30 ms).
    pub fn table() -> &'static Self {
        static TABLE: OnceLock<Noise> = OnceLock::new();
        TABLE.get_or_init(|| Self(randn(0, MEL_BINS * TABLE_FRAMES)))
    }

    /// `frames` columns from `first` on, `[MEL_BINS x frames]`.
    ///
    /// # Errors
    /// [`ErrorKind::Text`](crate::ErrorKind::Text) beyond the end of the table.
    pub fn columns(&self, first: usize, frames: usize) -> Result<Mel> {
        let mut mel = Mel::zeros(frames);
        self.write(&mut mel, 0, first, frames)?;
        Ok(mel)
    }

    /// Noise for a call with `prompt_frames`, then `frames` of the speech from its `first_frame` on: a frame gets the
    /// same noise in whichever window it is computed.
    ///
    /// # Errors
    /// As [`columns`](Self::columns).
    pub fn window(&self, prompt_frames: usize, first_frame: isize, frames: usize) -> Result<Mel> {
        let mut mel = Mel::zeros(prompt_frames + frames);
        self.write(&mut mel, 0, 0, prompt_frames)?;
        let first = prompt_frames
            .checked_add_signed(first_frame)
            .ok_or_else(|| Error::failed(format!("no noise for frame {first_frame}")))?;
        self.write(&mut mel, prompt_frames, first, frames)?;
        Ok(mel)
    }

    fn write(&self, mel: &mut Mel, at: usize, first: usize, frames: usize) -> Result<()> {
        let end = first + frames;
        if end > TABLE_FRAMES {
            return Err(Error::new(
                crate::ErrorKind::Text,
                format!(
                    "an utterance of {end} mel frames with its prompt is too long for the flow model, whose limit is {TABLE_FRAMES} (300 s): split the text"
                ),
            ));
        }
        for bin in 0..MEL_BINS {
            let row = &self.0[bin * TABLE_FRAMES..(bin + 1) * TABLE_FRAMES];
            mel.row_mut(bin)[at..at + frames].copy_from_slice(&row[first..end]);
        }
        Ok(())
    }
}

/// Normal numbers as PyTorch fills a CPU tensor of a multiple of 16 values: Box-Muller over blocks of 16, in which value
/// `j` is paired with `j + 8`.
fn randn(seed: u32, count: usize) -> Vec<f32> {
    let mut generator = MersenneTwister::new(seed);
    let mut uniform = || (generator.next() & 0xff_ffff) as f32 / (1 << 24) as f32;
    let mut values = Vec::with_capacity(count);
    for _ in 0..count / 16 {
        let block: [f32; 16] = std::array::from_fn(|_| uniform());
        let pairs = std::iter::zip(&block[..8], &block[8..]).map(|(u1, u2)| {
            // The products round as float32, the functions as float64: the same on every machine.
            let radius = (-2.0 * f64::from(1.0 - u1).ln()).sqrt();
            let (sin, cos) = f64::from(std::f32::consts::TAU * u2).sin_cos();
            ((radius * cos) as f32, (radius * sin) as f32)
        });
        let (mut first, second): (Vec<_>, Vec<_>) = pairs.unzip();
        values.append(&mut first);
        values.extend(second);
    }
    values
}

/// MT19937 (Matsumoto and Nishimura, 1998).
struct MersenneTwister {
    state: [u32; Self::WORDS],
    index: usize,
}

impl MersenneTwister {
    const WORDS: usize = 624;
    const MIDDLE: usize = 397;

    fn new(seed: u32) -> Self {
        let mut state = [seed; Self::WORDS];
        for i in 1..Self::WORDS {
            let last = state[i - 1];
            state[i] = 1_812_433_253_u32
                .wrapping_mul(last ^ (last >> 30))
                .wrapping_add(i as u32);
        }
        Self {
            state,
            index: Self::WORDS,
        }
    }

    fn next(&mut self) -> u32 {
        if self.index == Self::WORDS {
            self.twist();
        }
        let mut y = self.state[self.index];
        self.index += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn twist(&mut self) {
        for i in 0..Self::WORDS {
            let next = self.state[(i + 1) % Self::WORDS];
            let y = (self.state[i] & 0x8000_0000) | (next & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + Self::MIDDLE) % Self::WORDS] ^ (y >> 1) ^ odd;
        }
        self.index = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The 10,000th number for the authors' default seed, which the C++ standard requires of `std::mt19937`.
    #[test]
    fn the_generator_is_mt19937() {
        let mut generator = MersenneTwister::new(5489);
        let last = (0..10_000).map(|_| generator.next()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    #[test]
    fn the_table_is_the_published_one() {
        let table = &Noise::table().0;
        assert_eq!(table.len(), MEL_BINS * TABLE_FRAMES);
        let head = [-1.125_839_8, -1.152_360_2, -0.250_578_6, -0.433_878_8];
        for (ours, official) in std::iter::zip(table, head) {
            assert!((ours - official).abs() < 1e-6, "{ours} {official}");
        }
        let count = table.len() as f64;
        let mean = table.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
        let square = table.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / count;
        let deviation = (square - mean * mean).sqrt();
        assert!((mean + 0.001_076).abs() < 1e-6, "mean {mean}");
        assert!(
            (deviation - 0.999_870).abs() < 1e-6,
            "deviation {deviation}"
        );
    }

    #[test]
    fn a_frame_of_the_speech_has_the_same_noise_in_every_window() {
        let noise = Noise::table();
        let whole = noise.window(150, 0, 260).unwrap();
        assert_eq!(whole, noise.columns(0, 410).unwrap());
        let middle = noise.window(150, 100, 150).unwrap();
        assert_eq!(middle.columns(0..150), whole.columns(0..150));
        assert_eq!(middle.columns(150..300), whole.columns(250..400));
        let filled = noise.window(150, -98, 100).unwrap();
        assert_eq!(filled.columns(248..250), whole.columns(150..152));
    }

    #[test]
    fn speech_beyond_the_table_is_refused_in_words() {
        let error = Noise::table().window(150, 14_800, 100).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Text);
        assert!(error.to_string().contains("15050 mel frames"), "{error}");
    }
}
