//! Measures of a recording, and the warnings that follow from them.

use std::{fmt, ops::Range};

/// Properties of a recording that became a voice. Its `Display` is one line for people, without the warnings.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EnrolReport {
    /// Seconds of the recording.
    pub seconds: f64,
    /// Part of it that was taken, in seconds.
    pub taken: Range<f64>,
    /// Loudness of the part before it was levelled, in LUFS.
    pub loudness: f64,
    /// Gain that it got, in dB.
    pub gain: f64,
    /// Share of its samples that were clipped.
    pub clipped: f32,
    /// Distance of speech from noise, in dB.
    pub signal_to_noise: f32,
    /// Speech tokens.
    pub speech_tokens: usize,
    /// Text tokens of the transcript.
    pub text_tokens: Option<usize>,
    /// Problems that make the clone worse, each with its remedy.
    pub warnings: Vec<String>,
}

impl fmt::Display for EnrolReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.taken;
        write!(
            f,
            "{:.1} s of {:.1} s taken ({start:.1} to {end:.1} s), {:.1} LUFS brought to {:.1}, {:.0} dB above the noise, \
             {} speech tokens",
            end - start,
            self.seconds,
            self.loudness,
            self.loudness + self.gain,
            self.signal_to_noise,
            self.speech_tokens
        )?;
        match self.text_tokens {
            Some(tokens) => write!(f, " for {tokens} of text"),
            None => write!(f, ", no transcript"),
        }
    }
}

/// The warning about a voice without a transcript.
pub const NO_TRANSCRIPT: &str = "no transcript: the voice speaks in cross-lingual mode, with less of its manner; give the exact \
     words of the recording for a nearer clone";

/// Least speech tokens of the window plan, which the NPU works in.
const WINDOW_TOKENS: usize = 75;
/// Speech that the field advises to clone from, in seconds.
const ADVISED: Range<f64> = 4.0..15.0;
/// Speech tokens to a text token, between hurried and dragged.
const TOKENS_PER_TEXT: std::ops::RangeInclusive<f64> = 2.0..=20.0;
/// Lowest rate at which nothing of the voice is missing for the networks.
const RATE: u32 = 16_000;
/// Loudness below which a recorder's own noise is amplified with the speech, in LUFS.
const QUIET: f64 = -40.0;
/// Share of clipped samples that one hears.
const CLIPPED: f32 = 1e-4;
/// Distance of speech from noise below which the noise is cloned as well, in dB.
const NOISY: f32 = 15.0;

impl EnrolReport {
    /// Adds the warnings that the measures call for, of a recording at `rate`.
    pub(super) fn judge(mut self, rate: u32) -> Self {
        let warnings = [
            self.low_rate(rate),
            self.length(),
            self.level(),
            self.clipping(),
            self.noise(),
            self.transcript(),
        ];
        self.warnings = warnings.into_iter().flatten().collect();
        self
    }

    fn low_rate(&self, rate: u32) -> Option<String> {
        (rate < RATE).then(|| {
            format!(
                "recorded at {rate} Hz, as by telephone: the voice sounds muffled; record with {RATE} Hz or more"
            )
        })
    }

    fn length(&self) -> Option<String> {
        let seconds = self.taken.end - self.taken.start;
        if self.speech_tokens < WINDOW_TOKENS {
            let missing = shown_missing((WINDOW_TOKENS - self.speech_tokens) as f64 / 25.0);
            return Some(format!(
                "{} speech tokens, {WINDOW_TOKENS} are wanted: on an NPU, and with flow-plan=windows, this voice does not \
                 work; record {missing:.1} s more",
                self.speech_tokens
            ));
        }
        if seconds < ADVISED.start {
            return Some(format!(
                "{seconds:.1} s of speech: {:.0} to 10 s make a better voice",
                ADVISED.start
            ));
        }
        (seconds > ADVISED.end).then(|| {
            format!(
                "{seconds:.1} s of speech: every text takes longer and needs more memory with it; {:.0} to 10 s are enough",
                ADVISED.start
            )
        })
    }

    fn level(&self) -> Option<String> {
        (self.loudness < QUIET).then(|| {
            format!(
                "the recording is quiet, {:.0} LUFS: {:.0} dB of gain make its noise louder too; record nearer to the \
                 microphone",
                self.loudness, self.gain
            )
        })
    }

    fn clipping(&self) -> Option<String> {
        (self.clipped > CLIPPED).then(|| {
            format!(
                "{:.2} % of the samples are clipped: the voice will sound harsh; record with a lower input level",
                100.0 * self.clipped
            )
        })
    }

    fn noise(&self) -> Option<String> {
        (self.signal_to_noise < NOISY).then(|| {
            format!(
                "speech is only {:.0} dB above the noise, {NOISY:.0} are wanted: noise, echo or music will be cloned too; \
                 record in a quiet room",
                self.signal_to_noise
            )
        })
    }

    fn transcript(&self) -> Option<String> {
        let Some(text_tokens) = self.text_tokens else {
            return Some(NO_TRANSCRIPT.into());
        };
        let ratio = self.speech_tokens as f64 / text_tokens.max(1) as f64;
        (!TOKENS_PER_TEXT.contains(&ratio)).then(|| {
            let what = match ratio < *TOKENS_PER_TEXT.start() {
                true => "longer than the speech: words in it are not in the recording",
                false => "shorter than the speech: words of the recording are missing in it",
            };
            format!(
                "the transcript seems {what} ({ratio:.1} speech tokens a text token, {} to {} are usual); write exactly what \
                 is said from {:.1} to {:.1} s",
                TOKENS_PER_TEXT.start(),
                TOKENS_PER_TEXT.end(),
                self.taken.start,
                self.taken.end
            )
        })
    }
}

/// Missing seconds as a message shows them, in tenths: rounded up, so that a recording that is so much longer is long enough.
pub(super) fn shown_missing(seconds: f64) -> f64 {
    // Not a tenth more for the error of a division.
    (10.0 * seconds - 1e-6).ceil().max(1.0) / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A recording that nothing is wrong with.
    fn good() -> EnrolReport {
        EnrolReport {
            seconds: 9.0,
            taken: 0.5..8.5,
            loudness: -25.0,
            gain: 2.0,
            clipped: 0.0,
            signal_to_noise: 35.0,
            speech_tokens: 200,
            text_tokens: Some(25),
            warnings: Vec::new(),
        }
    }

    fn warnings(change: impl FnOnce(&mut EnrolReport)) -> Vec<String> {
        let mut report = good();
        change(&mut report);
        report.judge(16_000).warnings
    }

    #[test]
    fn a_good_recording_is_praised_by_silence() {
        assert_eq!(warnings(|_| {}), [""; 0]);
    }

    #[test]
    fn each_defect_is_one_warning_with_its_number_and_its_remedy() {
        type Change = fn(&mut EnrolReport);
        let cases: [(Change, &str, &str); 9] = [
            (
                |r| r.speech_tokens = 60,
                "60 speech tokens",
                "record 0.6 s more",
            ),
            (
                |r| r.speech_tokens = 74,
                "74 speech tokens",
                "record 0.1 s more",
            ),
            (|r| r.taken = 0.0..3.5, "3.5 s of speech", "4 to 10 s"),
            (
                |r| r.taken = 0.0..20.0,
                "20.0 s of speech",
                "4 to 10 s are enough",
            ),
            (
                |r| r.loudness = -47.0,
                "-47 LUFS",
                "nearer to the microphone",
            ),
            (|r| r.clipped = 0.02, "2.00 %", "lower input level"),
            (|r| r.signal_to_noise = 7.0, "only 7 dB", "quiet room"),
            (
                |r| r.text_tokens = Some(150),
                "not in the recording",
                "0.5 to 8.5 s",
            ),
            (
                |r| r.text_tokens = Some(5),
                "are missing in it",
                "0.5 to 8.5 s",
            ),
        ];
        for (change, value, remedy) in cases {
            let found = warnings(change);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found[0].contains(value) && found[0].contains(remedy),
                "{found:?}"
            );
        }
        let telephone = good().judge(8_000).warnings;
        assert!(telephone[0].contains("8000 Hz"), "{telephone:?}");
        let without = warnings(|r| r.text_tokens = None);
        assert!(without[0].contains("cross-lingual"), "{without:?}");
    }
}
