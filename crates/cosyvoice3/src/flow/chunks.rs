//! Chunk by chunk under the streaming mask: each frame is computed once, in time proportional to the speech.
//!
//! Attention chunks of [`CHUNK_TOKENS`] lie on a grid that begins with the prompt, and a frame sees all frames up to the
//! end of its own. So a run that ends on the grid is final: later ones take its keys, values and convolution columns from a
//! [`Memory`] for each Euler step, and the mel is the same as that of one run over everything under that mask, to rounding.
//! Runs grow, since small ones cost more a frame and large ones delay the speech. They depend on the number of tokens
//! alone, never on when tokens come, so that a seed means the same samples every time.

use std::{ops::Range, sync::Arc};

use super::{
    Conditions, FlowBackend, Memory,
    noise::Noise,
    ode::{self, Earlier},
    prompts::{PromptKey, Prompts},
};
use crate::{
    Result,
    cancel::Cancel,
    constants::{ATTENTION_CHUNK_FRAMES, FRAMES_PER_TOKEN, LOOKAHEAD_TOKENS},
    mel::Mel,
    voice::Voice,
};

/// Tokens of an attention chunk.
pub const CHUNK_TOKENS: usize = ATTENTION_CHUNK_FRAMES / FRAMES_PER_TOKEN;
/// Tokens of the runs of an utterance, the last of them again and again. The first run ends where the grid does.
const HOPS: [usize; 5] = [25, 25, 50, 50, 100];
/// Fewest tokens of the first run: half a second.
const MIN_FIRST_TOKENS: usize = 13;
/// Tokens before a run that the encoder needs.
const ENCODER_HISTORY: usize = 2;
/// Most memory for the frames of one utterance. Beyond it the oldest speech is forgotten, the prompt never.
pub const MEMORY_BYTES: usize = 1 << 30;

/// One run of the flow model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Tokens of the speech whose frames it makes.
    pub tokens: Range<usize>,
    /// True if tokens follow.
    pub lookahead: bool,
}

/// The runs of one utterance, each as soon as its tokens exist.
#[derive(Debug, Clone)]
pub struct Hops {
    prompt: usize,
    done: usize,
    runs: usize,
    ended: bool,
}

impl Hops {
    /// The runs behind a prompt of so many tokens.
    pub fn new(prompt: usize) -> Self {
        Self {
            prompt,
            done: 0,
            runs: 0,
            ended: false,
        }
    }

    /// Number of tokens that complete the next run, unless the speech ends before.
    pub fn wanted(&self) -> usize {
        self.border() + LOOKAHEAD_TOKENS
    }

    /// The next run that `available` tokens allow, if any. `finished` says that no more tokens will come.
    pub fn next(&mut self, available: usize, finished: bool) -> Option<Hop> {
        if self.ended {
            return None;
        }
        let start = self.done;
        let lookahead = available >= self.wanted();
        if lookahead {
            self.done = self.border();
            self.runs += 1;
        } else if finished && available > 0 {
            self.done = available;
            self.ended = true;
        } else {
            return None;
        }
        Some(Hop {
            tokens: start..self.done,
            lookahead,
        })
    }

    /// Returns true if no run follows.
    pub fn is_complete(&self) -> bool {
        self.ended
    }

    fn border(&self) -> usize {
        match HOPS.get(self.runs).unwrap_or(&HOPS[HOPS.len() - 1]) {
            _ if self.runs == 0 => {
                (self.prompt + MIN_FIRST_TOKENS).next_multiple_of(CHUNK_TOKENS) - self.prompt
            }
            hop => self.done + hop,
        }
    }
}

/// One utterance in chunks.
pub(super) struct Chunks {
    hops: Hops,
    /// Frames that are in the memory, all told.
    done: usize,
    memories: Arc<Vec<Memory>>,
    /// Frames of speech to remember; `None` follows [`MEMORY_BYTES`].
    context: Option<usize>,
}

impl Chunks {
    pub fn new(voice: &Voice, context: Option<usize>) -> Self {
        Self {
            hops: Hops::new(voice.prompt_tokens.len()),
            done: 0,
            memories: Arc::default(),
            context,
        }
    }

    pub fn wanted(&self) -> usize {
        self.hops.wanted()
    }

    pub fn next(&mut self, available: usize, finished: bool) -> Option<Hop> {
        self.hops.next(available, finished)
    }

    pub fn is_complete(&self) -> bool {
        self.hops.is_complete()
    }

    /// The runs that follow, if the speech has `total` tokens.
    pub fn to_come(&self, total: usize) -> impl Iterator<Item = Hop> {
        let mut hops = self.hops.clone();
        std::iter::from_fn(move || hops.next(total, true))
    }

    /// The mel of `hop`'s tokens, and the number of frames that were computed. `tokens` are all tokens so far.
    pub fn run(
        &mut self,
        flow: &mut Flow<'_>,
        tokens: &[u32],
        hop: &Hop,
        cancel: &Cancel,
    ) -> Result<(Mel, usize)> {
        let prompt = &flow.voice.prompt_tokens;
        let known = match hop.lookahead {
            true => hop.tokens.end + LOOKAHEAD_TOKENS,
            false => tokens.len(),
        };
        let all = [prompt, &tokens[..known]].concat();
        let mut computed = 0;
        if self.done == 0 {
            computed = self.remember_prompt(flow, &all, cancel)?;
        }
        let from = self.done / FRAMES_PER_TOKEN;
        let end = prompt.len() + hop.tokens.end;
        let mel = self.advance(flow, &all, from..end, hop.lookahead, cancel)?;
        let first = FRAMES_PER_TOKEN * (prompt.len() + hop.tokens.start - from);
        self.forget(flow)?;
        computed += mel.frames();
        Ok((mel.columns(first..mel.frames()), computed))
    }

    /// Takes over the prompt's finished chunks, or makes them; returns the number of frames that were computed.
    fn remember_prompt(
        &mut self,
        flow: &mut Flow<'_>,
        all: &[u32],
        cancel: &Cancel,
    ) -> Result<usize> {
        let known = flow
            .voice
            .prompt_tokens
            .len()
            .saturating_sub(LOOKAHEAD_TOKENS);
        let finished = known / CHUNK_TOKENS * CHUNK_TOKENS;
        if finished == 0 {
            return Ok(0);
        }
        let key = PromptKey::new(flow.voice, flow.times);
        if let Some(memories) = flow.prompts.get(&key) {
            self.memories = memories;
            self.done = FRAMES_PER_TOKEN * finished;
            return Ok(0);
        }
        let mel = self.advance(flow, all, 0..finished, true, cancel)?;
        flow.prompts.put(key, self.memories.clone());
        Ok(mel.frames())
    }

    /// Mel of the frames of `range`, tokens counted from the prompt's first, which come next.
    fn advance(
        &mut self,
        flow: &mut Flow<'_>,
        all: &[u32],
        range: Range<usize>,
        lookahead: bool,
        cancel: &Cancel,
    ) -> Result<Mel> {
        let history = range.start.min(ENCODER_HISTORY);
        let end = match lookahead {
            true => range.end + LOOKAHEAD_TOKENS,
            false => range.end,
        };
        let seen = &all[range.start - history..end];
        let encoded = flow
            .backend
            .encode(seen, &flow.voice.embedding, lookahead, cancel)?;
        let mu = encoded.mu;
        let mu = mu.columns(FRAMES_PER_TOKEN * history..mu.frames());
        let frames = FRAMES_PER_TOKEN * range.start..FRAMES_PER_TOKEN * range.end;
        let conditions = Conditions {
            mu: &mu,
            spks: &encoded.spks,
            cond: &prompt_columns(flow.voice, &frames),
            attention_chunk: ATTENTION_CHUNK_FRAMES,
        };
        let noise = Noise::table().columns(frames.start, frames.len())?;
        let earlier = Earlier {
            offset: frames.start,
            memories: &self.memories,
        };
        let (mel, memories) = ode::solve_after(
            flow.backend,
            noise,
            conditions,
            flow.times,
            flow.guidance_rate,
            earlier,
            cancel,
        )?;
        self.memories = Arc::new(memories);
        self.done = frames.end;
        Ok(mel)
    }

    /// Keeps the memory within its bounds.
    fn forget(&mut self, flow: &mut Flow<'_>) -> Result<()> {
        let prompt = FRAMES_PER_TOKEN * flow.voice.prompt_tokens.len();
        let bytes: usize = self.memories.iter().map(|memory| memory.bytes).sum();
        let Some(held) = self.memories.first().map(|memory| memory.frames) else {
            return Ok(());
        };
        let affordable = (MEMORY_BYTES / (bytes / held.max(1)).max(1)).saturating_sub(prompt);
        let context = self
            .context
            .unwrap_or(affordable)
            .max(ATTENTION_CHUNK_FRAMES);
        let surplus = held.saturating_sub(prompt + context);
        if surplus == 0 {
            return Ok(());
        }
        let shorter = self
            .memories
            .iter()
            .map(|memory| flow.backend.forget(memory, prompt..prompt + surplus));
        self.memories = Arc::new(shorter.collect::<Result<_>>()?);
        Ok(())
    }
}

/// The part of `voice`'s mel that lies in `frames`, zeros elsewhere.
fn prompt_columns(voice: &Voice, frames: &Range<usize>) -> Mel {
    let mut cond = Mel::zeros(frames.len());
    let end = frames.end.min(FRAMES_PER_TOKEN * voice.prompt_tokens.len());
    if frames.start < end {
        cond.write(0, &voice.prompt_mel, frames.start..end);
    }
    cond
}

/// The flow model as a run sees it.
pub(super) struct Flow<'a> {
    pub backend: &'a mut dyn FlowBackend,
    pub voice: &'a Voice,
    pub times: &'a [f32],
    pub guidance_rate: f32,
    pub prompts: &'a mut Prompts,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hops(prompt: usize, tokens: usize) -> Vec<Hop> {
        let mut hops = Hops::new(prompt);
        std::iter::from_fn(|| hops.next(tokens, true)).collect()
    }

    #[test]
    fn the_first_run_of_a_prompt_of_three_seconds_needs_28_tokens_and_later_ones_grow() {
        assert_eq!(Hops::new(75).wanted(), 28);
        let ends: Vec<_> = hops(75, 400).iter().map(|hop| hop.tokens.end).collect();
        assert_eq!(ends, [25, 50, 100, 150, 250, 350, 400]);
    }

    proptest! {
        #[test]
        fn every_token_is_in_one_run_and_all_runs_but_the_last_end_on_the_grid(
            prompt in 0usize..200, tokens in 0usize..500,
        ) {
            let runs = hops(prompt, tokens);
            let mut end = 0;
            for (i, hop) in runs.iter().enumerate() {
                prop_assert_eq!(hop.tokens.start, end);
                prop_assert!(!hop.tokens.is_empty());
                end = hop.tokens.end;
                prop_assert_eq!(hop.lookahead, i + 1 < runs.len());
                if hop.lookahead {
                    prop_assert_eq!((prompt + end) % CHUNK_TOKENS, 0);
                    prop_assert!(end + LOOKAHEAD_TOKENS <= tokens);
                }
            }
            prop_assert_eq!(end, tokens);
        }

        #[test]
        fn runs_do_not_depend_on_how_the_tokens_arrive(
            prompt in 0usize..120,
            arrivals in prop::collection::vec(0usize..90, 0..20),
        ) {
            let mut incremental = Hops::new(prompt);
            let mut seen = Vec::new();
            let mut available = 0;
            for new in arrivals {
                available += new;
                while let Some(hop) = incremental.next(available, false) {
                    seen.push(hop);
                }
            }
            seen.extend(std::iter::from_fn(|| incremental.next(available, true)));
            prop_assert_eq!(seen, hops(prompt, available));
        }
    }
}
