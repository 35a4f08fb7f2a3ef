//! The loading of a model directory.

use std::path::Path;

use crate::{
    Error, Result,
    cancel::Cancel,
    cpu::Affinity,
    flow::{
        FlowModel,
        choice::{self, Cores, FlowTarget},
    },
    lm::LmModel,
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

/// Receives progress and warnings while a model loads.
pub trait LoadObserver {
    /// The share `fraction` of `component` is loaded.
    fn progress(&mut self, component: &'static str, fraction: f32);
    /// A problem that the user should know about.
    fn warn(&mut self, error: Error);
}

/// Loading of one directory, component by component.
pub(super) struct Loader<'a> {
    pub dir: &'a Path,
    pub manifest: &'a Manifest,
    pub options: &'a LoadOptions,
    pub cancel: &'a Cancel,
    pub observer: &'a mut dyn LoadObserver,
}

impl Loader<'_> {
    /// Reports that the loading of `component` begins.
    fn begin(&mut self, component: &'static str) -> Result<()> {
        self.observer.progress(component, 0.0);
        self.cancel.check()
    }

    /// Checks sizes, and hashes where the options ask for it; `cache` remembers these.
    pub fn check_files(&mut self, cache: Option<&Path>) -> Result<()> {
        verify::sizes(self.dir, self.manifest)?;
        let (verify, cancel) = (self.options.verify, self.cancel);
        let progress = &mut |done| self.observer.progress("check of the files", done);
        let warning = verify::hashes(self.dir, self.manifest, verify, cache, cancel, progress)?;
        if let Some(warning) = warning {
            self.observer.warn(warning);
        }
        Ok(())
    }

    pub fn tokenizer(&mut self) -> Result<Tokenizer> {
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

    pub fn language_model(&mut self) -> Result<LmModel> {
        const COMPONENT: &str = "language model";
        self.begin(COMPONENT)?;
        LmModel::load(self.dir, &self.manifest.lm, &mut |fraction| {
            self.observer.progress(COMPONENT, fraction);
            self.cancel.check().is_ok()
        })
    }

    pub fn flow_model(&mut self) -> Result<FlowModel> {
        self.begin("flow model")?;
        let cores = Cores {
            affinity: &self.options.affinity,
            threads: self.options.threads,
        };
        let target = &self.options.flow;
        let warn = &mut |warning| self.observer.warn(warning);
        let backend = choice::load(self.dir, self.manifest, target, &cores, self.cancel, warn)?;
        Ok(FlowModel::new(backend, &self.manifest.flow))
    }

    pub fn vocoder(&mut self) -> Result<Vocoder> {
        self.begin("vocoder")?;
        let affinity = &self.options.affinity;
        let threads = affinity.threads(Stage::Vocoder, self.options.threads);
        // Threads that a library starts for its work stay on the cores of the thread that loads it.
        affinity.within(Stage::Vocoder, || {
            Vocoder::load(self.dir, &self.manifest.vocoder, threads, self.cancel)
        })
    }
}
