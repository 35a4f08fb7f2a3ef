//! Speeds of the stages in this session, and what follows from them: when the first piece of an utterance may leave so that
//! its playback does not run dry. Arithmetic only; times are seconds.

use crate::constants::{ATTENTION_CHUNK_FRAMES, FRAMES_PER_TOKEN, VOCODER_CONTEXT_FRAMES};

/// Seconds of a mel frame.
const FRAME: f64 = 0.02;
/// Weight of the latest measurement.
const LATEST: f64 = 0.5;
/// Reserve: stages take so many times what they took before.
const RESERVE: f64 = 1.15;
/// Tokens of a text id, before any were counted.
const TOKENS_PER_ID: f64 = 5.0;
/// An utterance that is complete so soon after its first piece leaves whole.
const WHOLE_WITHIN: f64 = 0.3;

/// Frames that the first piece of a known voice computes: a chunk of the prompt and one of speech.
const FIRST_COMPUTED: usize = 2 * ATTENTION_CHUNK_FRAMES;
/// Frames of the first piece.
const FIRST_FRAMES: usize = ATTENTION_CHUNK_FRAMES;

/// A call of the flow that is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Tokens that it needs, of the whole utterance.
    pub tokens: usize,
    /// Frames that it computes.
    pub computed: usize,
    /// Frames that it adds to the speech.
    pub frames: usize,
}

/// Speeds as measured so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pace {
    token: Option<f64>,
    computed: Option<f64>,
    voiced: Option<f64>,
    tokens_per_id: Option<f64>,
}

impl Pace {
    /// The language model decoded `tokens` tokens; it may be in the middle of an utterance.
    pub fn decoding(&mut self, tokens: usize, seconds: f64) {
        learn(&mut self.token, seconds, tokens);
    }

    /// An utterance of `ids` text ids became `tokens` tokens.
    pub fn decoded(&mut self, tokens: usize, ids: usize) {
        learn(&mut self.tokens_per_id, tokens as f64, ids);
    }

    /// The flow computed `frames` frames.
    pub fn flowed(&mut self, frames: usize, seconds: f64) {
        learn(&mut self.computed, seconds, frames);
    }

    /// The vocoder computed `frames` frames, those before a further piece among them.
    pub fn voiced(&mut self, frames: usize, seconds: f64) {
        learn(&mut self.voiced, seconds, frames);
    }

    /// Tokens that an utterance of so many text ids may have.
    pub fn expected_tokens(&self, ids: usize) -> usize {
        (self.tokens_per_id.unwrap_or(TOKENS_PER_ID) * ids as f64).ceil() as usize
    }

    /// Returns true if the whole utterance is ready at most 300 ms later than a first piece would be. False until all
    /// stages were measured.
    ///
    /// `prompt` is the number of frames of the voice's prompt.
    pub fn whole_is_soon(&self, known: Known, prompt: usize) -> bool {
        let (Some(token), Some(computed), Some(voiced)) = (self.token, self.computed, self.voiced)
        else {
            return false;
        };
        let frames = FRAMES_PER_TOKEN * known.total;
        let decode = known.missing(known.total) as f64 * token;
        let whole = decode + (prompt + frames) as f64 * computed + frames as f64 * voiced;
        let piece = FIRST_COMPUTED as f64 * computed + FIRST_FRAMES as f64 * voiced;
        whole - piece <= WHOLE_WITHIN
    }

    /// The outlook on an utterance of which `audio` seconds are at hand and `rest` is missing.
    pub fn outlook(&self, known: Known, rest: Rest<'_>, audio: f64) -> Outlook {
        let (token, computed, voiced) = (
            self.token.unwrap_or_default(),
            self.computed.unwrap_or_default(),
            self.voiced.unwrap_or_default(),
        );
        let (mut flow_ready, mut voice_ready, mut audio) = (0f64, 0f64, audio);
        let mut wait = 0f64;
        if let Some(piece) = rest.voicing {
            let takes = (piece.frames + VOCODER_CONTEXT_FRAMES) as f64 * voiced * RESERVE;
            voice_ready = takes.max(piece.busy * RESERVE) - piece.busy;
            wait = voice_ready - audio;
            audio += piece.frames as f64 * FRAME;
        }
        for (index, step) in rest.to_come.iter().enumerate() {
            let tokens_ready = known.missing(step.tokens) as f64 * token * RESERVE;
            let mut takes = step.computed as f64 * computed * RESERVE;
            if index == 0 {
                // A call that takes longer than foreseen is expected to take longer still.
                takes = takes.max(rest.busy * RESERVE) - rest.busy;
            }
            flow_ready = flow_ready.max(tokens_ready) + takes;
            voice_ready = voice_ready.max(flow_ready)
                + (step.frames + VOCODER_CONTEXT_FRAMES) as f64 * voiced * RESERVE;
            wait = wait.max(voice_ready - audio);
            audio += step.frames as f64 * FRAME;
        }
        Outlook {
            wait,
            complete: voice_ready,
        }
    }
}

fn learn(known: &mut Option<f64>, amount: f64, count: usize) {
    if count == 0 {
        return;
    }
    let latest = amount / count as f64;
    *known = Some(match *known {
        None => latest,
        Some(before) => before + LATEST * (latest - before),
    });
}

/// The tokens of an utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Those that are there.
    pub tokens: usize,
    /// Those that will be there, as far as one knows.
    pub total: usize,
    /// True if none follow.
    pub complete: bool,
}

impl Known {
    fn missing(self, wanted: usize) -> usize {
        match self.complete {
            true => 0,
            false => wanted.saturating_sub(self.tokens),
        }
    }
}

/// The part of an utterance that is missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rest<'a> {
    /// The piece that the vocoder is at.
    pub voicing: Option<Busy>,
    /// Calls of the flow.
    pub to_come: &'a [Step],
    /// Seconds for which the flow has been at the first of them.
    pub busy: f64,
}

/// A further piece that the vocoder is at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Busy {
    /// Frames that it adds to the speech.
    pub frames: usize,
    /// Seconds since it began.
    pub busy: f64,
}

/// The near future of an utterance, in seconds from now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// The earliest time to begin so that playback does not run dry.
    pub wait: f64,
    /// The time at which everything is ready.
    pub complete: f64,
}

/// The playback of one utterance that began: what was foreseen, and what came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Playback {
    began: f64,
    /// Seconds of audio that have left.
    audio: f64,
    foreseen: f64,
    /// Time for which there was nothing to play.
    dry: f64,
}

impl Playback {
    /// Began at `now` with `audio` seconds at hand; everything should be ready in `foreseen`.
    pub fn begin(now: f64, audio: f64, foreseen: f64) -> Self {
        Self {
            began: now,
            audio,
            foreseen,
            dry: 0.0,
        }
    }

    /// Further `audio` leaves at `now`.
    pub fn go_on(&mut self, now: f64, audio: f64) {
        let due = self.began + self.audio + self.dry;
        self.dry += (now - due).max(0.0);
        self.audio += audio;
    }

    /// Time from the beginning until everything was to be ready, as foreseen then.
    pub fn foreseen(&self) -> f64 {
        self.foreseen
    }

    /// Time since the beginning.
    pub fn since(&self, now: f64) -> f64 {
        now - self.began
    }

    /// Time for which a player that began with the first piece had nothing to play.
    pub fn dry(&self) -> f64 {
        self.dry
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Stages of which each piece takes the time that the script says.
    struct Played {
        /// Frames of the pieces.
        pieces: Vec<usize>,
        /// Seconds that the flow needs for a frame, for each piece.
        flow: Vec<f64>,
        /// Seconds that the vocoder needs for a frame.
        vocoder: f64,
    }

    #[derive(Debug)]
    struct Heard {
        began: f64,
        first_ready: f64,
        /// The earliest beginning that does not run dry.
        ideal: f64,
        complete: f64,
        playback: Playback,
    }

    impl Played {
        fn frames(&self) -> usize {
            self.pieces.iter().sum()
        }

        /// When each piece is ready.
        fn ready(&self) -> Vec<(f64, f64)> {
            let (mut flow, mut voice) = (0.0f64, 0.0f64);
            std::iter::zip(&self.pieces, &self.flow)
                .enumerate()
                .map(|(i, (frames, speed))| {
                    flow += *frames as f64 * speed;
                    voice = voice.max(flow) + self.vocoded(i) as f64 * self.vocoder;
                    (flow, voice)
                })
                .collect()
        }

        /// Frames that the vocoder computes for a piece.
        fn vocoded(&self, piece: usize) -> usize {
            let before = if piece == 0 {
                0
            } else {
                VOCODER_CONTEXT_FRAMES
            };
            before + self.pieces[piece]
        }

        /// Speaks the utterance as the vocoder's thread does: a decision at each piece and at the time foreseen.
        fn speak(&self, pace: &mut Pace) -> Heard {
            let ready = self.ready();
            let known = Known {
                tokens: self.frames() / 2,
                total: self.frames() / 2,
                complete: true,
            };
            let seconds = |frames: usize| frames as f64 * FRAME;
            let mut at_hand = 0.0;
            let mut playback: Option<Playback> = None;
            let mut began = f64::NAN;
            for (i, (handed, done)) in ready.iter().enumerate() {
                pace.flowed(self.pieces[i], self.pieces[i] as f64 * self.flow[i]);
                let vocoded = self.vocoded(i);
                pace.voiced(vocoded, vocoded as f64 * self.vocoder);
                at_hand += seconds(self.pieces[i]);
                let steps: Vec<_> = self.pieces[i + 1..]
                    .iter()
                    .map(|frames| Step {
                        tokens: 0,
                        computed: *frames,
                        frames: *frames,
                    })
                    .collect();
                if let Some(playback) = &mut playback {
                    playback.go_on(*done, seconds(self.pieces[i]));
                    continue;
                }
                let mut now = *done;
                let next = ready.get(i + 1).map_or(f64::INFINITY, |next| next.1);
                while now < next {
                    let rest = Rest {
                        voicing: None,
                        to_come: &steps,
                        busy: now - handed,
                    };
                    let outlook = pace.outlook(known, rest, at_hand);
                    if outlook.wait <= 0.001 {
                        began = now;
                        playback = Some(Playback::begin(now, at_hand, outlook.complete));
                        break;
                    }
                    now += outlook.wait;
                }
            }
            let complete = ready.last().unwrap().1;
            let mut before = 0.0;
            let mut ideal = 0f64;
            for ((_, done), frames) in std::iter::zip(&ready, &self.pieces) {
                ideal = ideal.max(done - before);
                before += seconds(*frames);
            }
            Heard {
                began,
                first_ready: ready[0].1,
                ideal,
                complete,
                playback: playback.expect("it began"),
            }
        }
    }

    const PIECES: [usize; 6] = [50, 50, 100, 100, 200, 100];

    fn steady(flow: f64) -> Played {
        Played {
            pieces: PIECES.into(),
            flow: vec![flow; 6],
            vocoder: 0.002,
        }
    }

    #[test]
    fn stages_that_keep_up_are_heard_with_their_first_piece() {
        let heard = steady(0.006).speak(&mut Pace::default());
        assert_eq!(heard.began, heard.first_ready);
        assert_eq!(heard.playback.dry(), 0.0);
    }

    #[test]
    fn stages_slower_than_real_time_begin_late_enough_and_not_much_later() {
        for flow in [0.015, 0.02, 0.03, 0.06] {
            let heard = steady(flow).speak(&mut Pace::default());
            assert_eq!(heard.playback.dry(), 0.0, "{heard:?}");
            assert!(heard.began >= heard.ideal, "{heard:?}");
            let latest = heard.ideal + (RESERVE - 1.0) * heard.complete + 0.01;
            assert!(heard.began <= latest, "{latest}: {heard:?}");
            // Sooner than the whole utterance, where that is possible.
            assert!(heard.began < heard.complete, "{heard:?}");
        }
    }

    #[test]
    fn a_machine_that_slows_down_before_speech_begins_begins_later() {
        let mut slow = steady(0.025);
        slow.flow[1..].fill(0.05);
        let heard = slow.speak(&mut Pace::default());
        assert!(heard.playback.dry() < 0.5, "{heard:?}");
        let even = steady(0.025).speak(&mut Pace::default());
        assert!(heard.began > even.began, "{heard:?}");
    }

    #[test]
    fn a_machine_that_slows_down_in_the_middle_is_reported_and_the_next_utterance_waits() {
        let mut pace = Pace::default();
        let mut slowing = steady(0.012);
        slowing.flow[3..].fill(0.05);
        let heard = slowing.speak(&mut pace);
        let came = heard.playback.since(heard.complete);
        assert!(came > 1.5 * heard.playback.foreseen(), "{heard:?}");
        assert!(heard.playback.dry() > 0.0, "{heard:?}");
        let next = steady(0.05).speak(&mut pace);
        assert_eq!(next.playback.dry(), 0.0, "{next:?}");
    }

    #[test]
    fn what_was_foreseen_comes_where_speeds_do_not_change() {
        let mut pace = Pace::default();
        steady(0.02).speak(&mut pace);
        let heard = steady(0.02).speak(&mut pace);
        let came = heard.playback.since(heard.complete);
        assert!(came <= heard.playback.foreseen() + 1e-9, "{heard:?}");
        assert!(
            came > heard.playback.foreseen() / RESERVE / RESERVE,
            "{heard:?}"
        );
    }

    #[test]
    fn a_short_utterance_on_a_fast_machine_leaves_whole() {
        let mut pace = Pace::default();
        let known = |total| Known {
            tokens: 28,
            total,
            complete: false,
        };
        assert!(!pace.whole_is_soon(known(40), 150), "nothing is known yet");
        pace.decoding(100, 0.5);
        pace.decoded(100, 20);
        pace.flowed(100, 0.05);
        pace.voiced(100, 0.02);
        assert!(pace.whole_is_soon(known(60), 150));
        assert!(!pace.whole_is_soon(known(300), 150));
        assert_eq!(pace.expected_tokens(10), 50);
    }

    proptest! {
        #[test]
        fn steady_stages_never_run_dry(
            pieces in prop::collection::vec(20usize..300, 1..12),
            flow in 0.001f64..0.1,
            vocoder in 0.0005f64..0.03,
        ) {
            let played = Played { flow: vec![flow; pieces.len()], pieces, vocoder };
            let heard = played.speak(&mut Pace::default());
            prop_assert!(heard.playback.dry() < 1e-9, "{:?}", heard);
            prop_assert!(heard.began <= heard.complete.max(heard.first_ready));
        }
    }
}
