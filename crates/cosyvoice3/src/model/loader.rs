//! The loading of a model directory.

use std::{panic::resume_unwind, path::Path, sync::Mutex, thread};

use crate::{
    Error, ErrorKind, Result,
    cancel::Cancel,
    cpu::Affinity,
    flow::{
        FlowModel,
        choice::{self, Cores, FlowTarget},
    },
    lm::LmModel,
    lock::lock,
    manifest::{
        Manifest,
        verify::{self, Verify},
    },
    stage::Stage,
    text::Tokenizer,
    vocoder::Vocoder,
};

/// Options for loading a model.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// When to hash the files.
    pub verify: Verify,
    /// Threads of flow and vocoder; 0 is one per core.
    pub threads: usize,
    /// Backend of the flow model.
    pub flow: FlowTarget,
    /// CPUs for the threads of the stages.
    pub affinity: Affinity,
}

/// Receives progress and warnings while a model loads, from the threads that load it.
pub trait LoadObserver: Send {
    /// The share `fraction` of `component` is loaded.
    fn progress(&mut self, component: &'static str, fraction: f32);
    /// A problem that the user should know about.
    fn warn(&mut self, error: Error);
}

/// The parts of a model.
pub(super) struct Components {
    pub tokenizer: Tokenizer,
    pub lm: LmModel,
    pub flow: FlowModel,
    pub vocoder: Vocoder,
}

/// Loading of one directory.
pub(super) struct Loader<'a> {
    pub dir: &'a Path,
    pub manifest: &'a Manifest,
    pub options: &'a LoadOptions,
    /// Stops the work of all threads; the loader cancels it itself when one of them fails.
    pub stop: &'a Cancel,
    pub observer: Mutex<&'a mut dyn LoadObserver>,
}

impl Loader<'_> {
    /// Reports that the loading of `component` begins.
    fn begin(&self, component: &'static str) -> Result<()> {
        self.progress(component, 0.0);
        self.stop.check()
    }

    fn progress(&self, component: &'static str, fraction: f32) {
        lock(&self.observer).progress(component, fraction);
    }

    fn warn(&self, warning: Error) {
        lock(&self.observer).warn(warning);
    }

    /// Checks sizes, and hashes where the options ask for it; `cache` remembers these.
    pub fn check_files(&self, cache: Option<&Path>) -> Result<()> {
        verify::sizes(self.dir, self.manifest)?;
        let (verify, stop) = (self.options.verify, self.stop);
        let progress = &mut |done| self.progress("check of the files", done);
        let warning = verify::hashes(self.dir, self.manifest, verify, cache, stop, progress)?;
        if let Some(warning) = warning {
            self.warn(warning);
        }
        Ok(())
    }

    /// Loads everything. Text and language model take one thread, flow and vocoder another: each library loads on one
    /// thread, and both parts take about as long.
    pub fn components(&self) -> Result<Components> {
        const NAME: &str = "cv3-load-lm";
        thread::scope(|scope| {
            let language = thread::Builder::new()
                .name(NAME.into())
                .spawn_scoped(scope, || {
                    self.or_stop((|| Ok((self.tokenizer()?, self.language_model()?)))())
                })
                .map_err(|e| {
                    Error::new(
                        ErrorKind::NoSpace,
                        format!("cannot start the thread {NAME}: {e}"),
                    )
                })?;
            let speech = self.or_stop((|| Ok((self.flow_model()?, self.vocoder()?)))());
            let language = language.join().unwrap_or_else(|panic| resume_unwind(panic));
            match (language, speech) {
                (Ok((tokenizer, lm)), Ok((flow, vocoder))) => Ok(Components {
                    tokenizer,
                    lm,
                    flow,
                    vocoder,
                }),
                // The one that failed has stopped the other.
                (Err(error), Err(other)) if error.kind() == ErrorKind::Cancelled => Err(other),
                (Err(error), _) | (_, Err(error)) => Err(error),
            }
        })
    }

    fn or_stop<T>(&self, result: Result<T>) -> Result<T> {
        result.inspect_err(|_| self.stop.cancel())
    }

    fn tokenizer(&self) -> Result<Tokenizer> {
        self.begin("tokenizer")?;
        let (path, rows) = (
            self.dir.join(&self.manifest.lm.tokenizer),
            self.manifest.lm.text_vocab,
        );
        let tokenizer = Tokenizer::load(&path)?;
        if tokenizer.vocabulary() > rows {
            return Err(Error::damaged(
                &path,
                format!(
                    "{} ids, but the language model has {rows} text embeddings: the files belong to different models",
                    tokenizer.vocabulary(),
                ),
            ));
        }
        Ok(tokenizer)
    }

    fn language_model(&self) -> Result<LmModel> {
        const COMPONENT: &str = "language model";
        self.begin(COMPONENT)?;
        LmModel::load(self.dir, &self.manifest.lm, &mut |fraction| {
            self.progress(COMPONENT, fraction);
            self.stop.check().is_ok()
        })
    }

    fn flow_model(&self) -> Result<FlowModel> {
        self.begin("flow model")?;
        let cores = Cores {
            affinity: &self.options.affinity,
            threads: self.options.threads,
        };
        let target = &self.options.flow;
        let warn = &mut |warning| self.warn(warning);
        let backend = choice::load(self.dir, self.manifest, target, &cores, self.stop, warn)?;
        Ok(FlowModel::new(backend, &self.manifest.flow))
    }

    fn vocoder(&self) -> Result<Vocoder> {
        self.begin("vocoder")?;
        let affinity = &self.options.affinity;
        let threads = affinity.threads(Stage::Vocoder, self.options.threads);
        // Threads that a library starts for its work stay on the cores of the thread that loads it.
        affinity.within(Stage::Vocoder, || {
            Vocoder::load(self.dir, &self.manifest.vocoder, threads, self.stop)
        })
    }
}
