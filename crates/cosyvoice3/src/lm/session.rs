//! Generation of speech tokens from a prefix.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Error, ErrorKind, Result,
    cancel::Cancel,
    constants::SPEECH_CODES,
    cpu::worker::Worker,
    lm::{
        LmModel, LmOptions, llama, memory,
        prefix::Prefix,
        prefix_cache::{Hit, Key, PrefixCache, PrefixCaching, PrefixState},
        repetition::LoopGuard,
        sampling::Sampler,
        silence::SilenceFilter,
        thread_count::{Allowance, Outcome, ThreadCount},
    },
    manifest::Sampling,
};

/// Decoding settings of one utterance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decoding {
    /// Repetition-aware sampling.
    pub sampling: Sampling,
    /// Divides the logits; 0 always takes the most probable token.
    pub temperature: f32,
    /// Seed of the random numbers; the same seed gives the same draws.
    pub seed: u64,
    /// Fewest tokens: the speech cannot end before them.
    pub min_tokens: usize,
    /// Most tokens, at least 1.
    pub max_tokens: usize,
}

/// Reason for the end of generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// The model ended the speech.
    Natural,
    /// [`Decoding::max_tokens`] were generated.
    MaxLength,
    /// The last seconds only repeated themselves.
    Loop,
    /// The model's context is full.
    ContextFull,
}

/// Cost of the prefill of one utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefill {
    /// Part of the prefix that was computed already.
    pub hit: Hit,
    /// Length of the prefix in positions.
    pub positions: usize,
    /// Time until its logits were available.
    pub time: Duration,
}

/// Result of one generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generated {
    /// Reason for its end.
    pub stop: StopReason,
    /// The prefix.
    pub prefill: Prefill,
    /// Tokens the model generated, the end not counted.
    pub generated: usize,
    /// Tokens that passed the silence filter.
    pub spoken: usize,
    /// Time for the tokens, including the callback's.
    pub decode: Duration,
}

/// A KV cache and worker threads over a model: generates one utterance after the other.
pub struct LmSession {
    model: Arc<LmModel>,
    options: LmOptions,
    context: llama::Context,
    /// `None` if the number of threads does not follow the load.
    thread_count: Option<ThreadCount>,
    cache: Option<(Arc<PrefixCache>, PrefixCaching)>,
    /// The stage that this session computes for.
    worker: Option<Arc<Worker>>,
    /// Prompt text at the start of the context.
    head: Option<Vec<u32>>,
    /// Source of the logits after a prefix came from the cache, until something is computed.
    restored: Option<Arc<PrefixState>>,
    /// Computed prefix that is not on disk yet.
    unsaved: Option<(Key, Arc<PrefixState>)>,
}

impl LmSession {
    /// A session over `model`; its longest sequence is the manifest's `lm.context`.
    ///
    /// # Errors
    /// `NoSpace` where the system has no memory for it; `Failed` where llama.cpp fails.
    pub fn new(model: Arc<LmModel>, options: &LmOptions) -> Result<Self> {
        let element = if options.kv_f32 { 4 } else { 2 };
        memory::check(
            model.context_bytes(element),
            &format!(
                "the language model's context of {} tokens",
                model.manifest().context
            ),
            "end other programs, or lower lm.context in cosyvoice3.toml",
        )?;
        let mut context = llama::Context::new(
            model.llama.clone(),
            &llama::ContextOptions {
                cells: model.manifest().context,
                threads: options.threads,
                cpus: options.cpus.clone(),
                kv_f32: options.kv_f32,
                flash_attention: options.flash_attention,
            },
        )?;
        let adapt = options.adapt && options.threads > 1 && !options.flash_attention;
        if adapt {
            context.set_threads(1)?;
            context.warm_up()?;
        }
        Ok(Self {
            model,
            options: options.clone(),
            context,
            thread_count: adapt.then(ThreadCount::new),
            cache: None,
            worker: None,
            head: None,
            restored: None,
            unsaved: None,
        })
    }

    /// The session with a cache of prefixes, made for this model.
    pub fn with_prefix_cache(mut self, cache: Arc<PrefixCache>, caching: PrefixCaching) -> Self {
        self.cache = (caching != PrefixCaching::Off).then_some((cache, caching));
        self
    }

    /// The session as the work of `worker`: it leaves cores to other workers while they are busy.
    pub fn with_worker(mut self, worker: Arc<Worker>) -> Self {
        self.worker = Some(worker);
        self
    }

    /// Makes one call over `positions` positions on as many threads as help, and repeats it on fewer if those were too
    /// many.
    fn call(
        &mut self,
        positions: usize,
        mut call: impl FnMut(&mut llama::Context, &Allowance) -> Result<Outcome>,
    ) -> Result<()> {
        loop {
            let threads = self.options.threads.max(1);
            let most = match &self.worker {
                Some(worker) => worker.thread_budget(threads),
                None => threads,
            };
            let Some(thread_count) = &mut self.thread_count else {
                self.context.set_threads(most)?;
                call(&mut self.context, &Allowance::ALL)?;
                return Ok(());
            };
            let plan = thread_count.plan(positions, most);
            self.context.set_threads(plan.threads)?;
            let outcome = call(&mut self.context, &plan.allowance)?;
            thread_count.observe(&plan, &outcome);
            if outcome.done >= 1.0 {
                return Ok(());
            }
        }
    }

    /// Appends `rows` in the batches that llama.cpp itself would make of them.
    fn append_rows(&mut self, rows: &[f32], cancel: &Cancel) -> Result<()> {
        let width = self.model.embeddings().width();
        rows.chunks(llama::BATCH * width).try_for_each(|rows| {
            self.call(rows.len() / width, |context, allowance| {
                context.append_embeddings(rows, allowance, cancel)
            })
        })
    }

    /// The model of this session.
    pub fn model(&self) -> &Arc<LmModel> {
        &self.model
    }

    /// Generates one utterance, whatever came before; `speak` gets each token to be spoken as it comes, always below
    /// [`SPEECH_CODES`].
    ///
    /// # Errors
    /// `Cancelled`; `Settings` for decoding settings or ids that cannot work; `Text` where the prefix leaves no room;
    /// `Failed` where llama.cpp fails or the weights are damaged.
    pub fn generate(
        &mut self,
        prefix: &Prefix,
        decoding: &Decoding,
        cancel: &Cancel,
        speak: &mut dyn FnMut(u32),
    ) -> Result<Generated> {
        if decoding.max_tokens == 0 || decoding.min_tokens > decoding.max_tokens {
            return Err(Error::new(
                ErrorKind::Settings,
                format!(
                    "an utterance cannot have {}..={} tokens",
                    decoding.min_tokens, decoding.max_tokens
                ),
            ));
        }
        let mut sampler = Sampler::new(decoding.sampling, decoding.temperature, decoding.seed)?;
        let lm = self.model.manifest();
        let mut silence = SilenceFilter::new(&lm.silent_tokens, lm.max_silent_run);
        let mut guard = LoopGuard::new();

        let prefill = self.prefill(prefix, cancel)?;

        let started = Instant::now();
        let mut tokens = Vec::new();
        let mut spoken = 0;
        let stop = loop {
            cancel.check()?;
            let too_short = tokens.len() < decoding.min_tokens;
            let token = sampler.sample(self.logits(), too_short, &tokens)?;
            if token >= SPEECH_CODES {
                break StopReason::Natural;
            }
            tokens.push(token);
            if silence.passes(token) {
                spoken += 1;
                speak(token);
            }
            let period = guard.push(token);
            if tokens.len() == decoding.max_tokens {
                break StopReason::MaxLength;
            }
            if let Some(period) = period
                && tokens.len() >= decoding.min_tokens
            {
                tracing::debug!(period, "the speech tokens repeat");
                break StopReason::Loop;
            }
            if self.context.used() == self.context.cells() {
                break StopReason::ContextFull;
            }
            self.append(token)?;
        };
        let generated = Generated {
            stop,
            prefill,
            generated: tokens.len(),
            spoken,
            decode: started.elapsed(),
        };
        generated.report(decoding);
        Ok(generated)
    }

    /// Replaces the context by `prefix`, computed or from the cache; [`logits`](Self::logits) are then those of the
    /// first token.
    ///
    /// # Errors
    /// As [`generate`](Self::generate).
    pub fn prefill(&mut self, prefix: &Prefix, cancel: &Cancel) -> Result<Prefill> {
        let started = Instant::now();
        self.save();
        self.restored = None;
        cancel.check()?;
        if prefix.len() >= self.context.cells() {
            return Err(Error::new(
                ErrorKind::Text,
                format!(
                    "the text's {} ids and the voice's {} leave no room for speech in a context of {}: use a shorter \
                     text or a voice with a shorter prompt",
                    prefix.text_ids.len(),
                    prefix.prompt_text_ids.len() + prefix.prompt_speech.len(),
                    self.context.cells()
                ),
            ));
        }
        let hit = match self.recall(prefix) {
            Some(hit) => hit,
            None => self.compute(prefix, cancel)?,
        };
        self.head = Some(prefix.prompt_text_ids.to_vec());
        Ok(Prefill {
            hit,
            positions: prefix.len(),
            time: started.elapsed(),
        })
    }

    /// Takes `prefix` from the cache.
    fn recall(&mut self, prefix: &Prefix) -> Option<Hit> {
        let (cache, caching) = self.cache.as_ref()?;
        let key = cache.key(&self.options, self.model.manifest(), prefix);
        let (state, hit) = cache.get(&key, prefix.len(), *caching)?;
        self.head = None;
        match self.context.restore(&state.kv, state.positions) {
            Ok(()) => {
                self.restored = Some(state);
                Some(hit)
            }
            Err(error) => {
                tracing::debug!("{error}: computed again");
                cache.forget(&key);
                None
            }
        }
    }

    /// Computes `prefix`, except for a start that the context already holds. The batches are cut at the end of that
    /// start even if nothing is shared, since other batches give other last bits.
    fn compute(&mut self, prefix: &Prefix, cancel: &Cancel) -> Result<Hit> {
        let model = self.model.clone();
        let (lm, tables) = (model.manifest(), model.embeddings());
        let rows = prefix.embed(lm, tables)?;
        let shared = prefix.shared_len();
        let (start, rest) = rows.split_at(shared * tables.width());
        // A failure below leaves nothing to share.
        let head = self.head.take();
        let known = self.cache.is_some() && head.as_deref() == Some(prefix.prompt_text_ids);
        let hit = if known && shared > 0 {
            self.context.truncate(shared);
            Hit::Shared(shared)
        } else {
            self.context.clear();
            if shared > 0 {
                self.append_rows(start, cancel)?;
            }
            Hit::None
        };
        self.append_rows(rest, cancel)?;
        if let Some((cache, caching)) = &self.cache {
            let key = cache.key(&self.options, lm, prefix);
            let state = Arc::new(PrefixState {
                positions: prefix.len(),
                logits: self.context.logits().to_vec(),
                kv: self.context.state(),
            });
            cache.put(key, state.clone());
            self.unsaved = (*caching == PrefixCaching::Disk).then_some((key, state));
        }
        Ok(hit)
    }

    /// Writes the last computed prefix to disk, if that is wanted and not done yet. Without this call it happens before
    /// the next prefix, and when the session is dropped.
    pub fn save(&mut self) {
        if let (Some((key, state)), Some((cache, _))) = (self.unsaved.take(), &self.cache) {
            cache.store(&key, &state);
        }
    }

    /// Appends a speech token; [`logits`](Self::logits) are then those of the next one.
    ///
    /// # Errors
    /// `Failed` where llama.cpp fails.
    ///
    /// # Panics
    /// If the context is full or `token` is outside the vocabulary.
    pub fn append(&mut self, token: u32) -> Result<()> {
        self.restored = None;
        self.call(1, |context, allowance| {
            context.append_token(token, allowance)
        })
    }

    /// Logits of the next token, one for each of the [`SPEECH_VOCAB`](crate::constants::SPEECH_VOCAB) ids.
    ///
    /// # Panics
    /// If nothing was computed yet, or the last computation failed.
    pub fn logits(&self) -> &[f32] {
        match &self.restored {
            Some(state) => &state.logits,
            None => self.context.logits(),
        }
    }
}

impl Drop for LmSession {
    fn drop(&mut self) {
        self.save();
    }
}

impl Generated {
    fn report(&self, decoding: &Decoding) {
        let seconds = self.generated / 25;
        match self.stop {
            StopReason::MaxLength if decoding.min_tokens < decoding.max_tokens => tracing::warn!(
                "the language model did not stop: speech cut at the maximum for its text, {} tokens ({seconds} s)",
                self.generated
            ),
            StopReason::Loop => tracing::warn!(
                "the language model only repeated itself: speech cut after {} tokens ({seconds} s)",
                self.generated
            ),
            StopReason::ContextFull => tracing::warn!(
                "the language model's context is full: the speech is cut after {} tokens ({seconds} s)",
                self.generated
            ),
            StopReason::Natural | StopReason::MaxLength => {}
        }
    }
}
