//! Model directories: their content, its integrity, and the models loaded from them.

mod exclusive;
mod keep_alive;
mod lexicons;
mod loader;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, Weak},
};

use lexicons::Lexicons;
use loader::{Components, Loader};

pub use exclusive::{Exclusive, ExclusiveGuard};
pub use keep_alive::KeepAlive;
pub use lexicons::check_lexicon;
pub use loader::{LoadObserver, LoadOptions};

use crate::{
    Error, Result, cache_dir,
    cancel::Cancel,
    cpu::Affinity,
    flow::{FlowModel, choice::FlowTarget},
    heap,
    lm::{LmModel, PrefixCache, program},
    lock::lock,
    manifest::{Manifest, verify::Verify},
    regular_file,
    synth::Announcements,
    text::{Language, Lexicon, TextFrontEnd},
    vocoder::Vocoder,
    voice::{Places, Voice, library},
};

/// The loaded models of one directory. Flow and vocoder are leased to one caller at a time.
pub struct Model {
    dir: PathBuf,
    voices: Places,
    manifest: Manifest,
    front_end: TextFrontEnd,
    lm: Arc<LmModel>,
    prefixes: Arc<PrefixCache>,
    announcements: Announcements,
    flow: Exclusive<FlowModel>,
    vocoder: Exclusive<Vocoder>,
    lexicons: Lexicons,
}

impl Model {
    /// The model of `dir`, loaded once per process: later calls share it as long as a reference is held. Of two
    /// concurrent calls the second waits for the first.
    pub fn shared(
        dir: &Path,
        options: &LoadOptions,
        cancel: &Cancel,
        observer: &mut dyn LoadObserver,
    ) -> Result<Arc<Self>> {
        /// Directory, thread count, flow backend and CPUs.
        type Key = (PathBuf, usize, FlowTarget, Affinity);
        /// Locked while its model loads.
        type Slot = Arc<Mutex<Weak<Model>>>;
        static SLOTS: LazyLock<Mutex<HashMap<Key, Slot>>> = LazyLock::new(Mutex::default);
        let dir = dir.canonicalize().map_err(|e| Error::io(dir, &e))?;
        let slot = lock(&SLOTS)
            .entry((
                dir.clone(),
                options.threads,
                options.flow.clone(),
                options.affinity.clone(),
            ))
            .or_default()
            .clone();
        let mut slot = lock(&slot);
        if let Some(model) = slot.upgrade() {
            return Ok(model);
        }
        let model = Arc::new(Self::load(&dir, options, cancel, observer)?);
        *slot = Arc::downgrade(&model);
        Ok(model)
    }

    /// Loads the model of `dir`.
    pub fn load(
        dir: &Path,
        options: &LoadOptions,
        cancel: &Cancel,
        observer: &mut dyn LoadObserver,
    ) -> Result<Self> {
        let manifest = Manifest::read(dir)?;
        let cache = cache_dir::default_dir();
        let stop = Cancel::new();
        let _linked = cancel.on_cancel({
            let stop = stop.clone();
            move || stop.cancel()
        });
        let loader = Loader {
            dir,
            manifest: &manifest,
            options,
            stop: &stop,
            observer: Mutex::new(observer),
        };
        loader.check_files(cache.as_deref())?;
        let Components {
            tokenizer,
            lm,
            flow,
            vocoder,
        } = loader.components()?;
        heap::trim();
        // On disk a model is identified by its hashes, and unchecked hashes may be wrong.
        let cache = cache.filter(|_| options.verify != Verify::Never);
        Ok(Self {
            front_end: TextFrontEnd::new(Arc::new(tokenizer)),
            announcements: announcements(&manifest, options, cache.as_deref()),
            prefixes: Arc::new(PrefixCache::new(
                &identity(&manifest),
                cache.map(|dir| dir.join("prefixes")),
            )),
            lm: Arc::new(lm),
            flow: Exclusive::new(flow),
            vocoder: Exclusive::new(vocoder),
            lexicons: Lexicons::default(),
            voices: Places::new(dir, &manifest.name),
            dir: dir.into(),
            manifest,
        })
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The text front end.
    pub fn front_end(&self) -> &TextFrontEnd {
        &self.front_end
    }

    /// The language model.
    pub fn lm(&self) -> &Arc<LmModel> {
        &self.lm
    }

    /// Prefixes that the language model has computed.
    pub fn prefixes(&self) -> &Arc<PrefixCache> {
        &self.prefixes
    }

    /// Announcements that were spoken.
    pub fn announcements(&self) -> &Announcements {
        &self.announcements
    }

    /// The flow model.
    pub fn flow(&self) -> &Exclusive<FlowModel> {
        &self.flow
    }

    /// The vocoder.
    pub fn vocoder(&self) -> &Exclusive<Vocoder> {
        &self.vocoder
    }

    /// Checks that the voice `name` is there, without loading it.
    pub fn check_voice(&self, name: &str) -> Result<()> {
        find_voice(&self.voices, name).map(|_| ())
    }

    /// Pronunciations: the file `own` first, then the voice's list, then the model's.
    ///
    /// # Errors
    /// `own` does not exist; one of them cannot be read or has a line that is no entry.
    pub fn lexicon(&self, own: Option<&Path>, voice: Option<&str>) -> Result<Arc<Lexicon>> {
        let of_voice = voice.and_then(|name| self.voices.find(name));
        let of_voice = of_voice.map(|file| library::lexicon_of(&file));
        self.lexicons.get(&self.dir, own, of_voice)
    }

    /// The voice `name`, or the one that speaks `language` here.
    pub fn voice(&self, name: Option<&str>, language: Option<Language>) -> Result<Voice> {
        let path = pick_voice(&self.dir, &self.manifest, name, language)?;
        let voice = Voice::load(&path)?;
        if let Some(id) = voice
            .prompt_text_ids
            .iter()
            .find(|id| **id as usize >= self.manifest.lm.text_vocab)
        {
            return Err(Error::damaged(
                &path,
                format!(
                    "text id {id}, but the model has {} text embeddings: the voice belongs to another model",
                    self.manifest.lm.text_vocab
                ),
            ));
        }
        Ok(voice)
    }
}

/// The finished announcements of a model, on disk below `cache`.
fn announcements(
    manifest: &Manifest,
    options: &LoadOptions,
    cache: Option<&Path>,
) -> Announcements {
    let program = program();
    let origin = format!(
        "{} {:?} {}",
        program.as_deref().unwrap_or_default(),
        options.flow,
        manifest.to_toml()
    );
    // A program that cannot identify itself must not read what others wrote.
    let cache = program.and(cache.map(|dir| dir.join("announcements")));
    Announcements::new(origin, cache)
}

/// Identity of the language model of `manifest`: the hashes of its files.
fn identity(manifest: &Manifest) -> String {
    let lm = &manifest.lm;
    let hashes = [&lm.gguf, &lm.embeddings].map(|file| {
        let entry = manifest.files.get(file);
        entry.map_or("", |entry| entry.sha256.as_str())
    });
    hashes.join(" ")
}

/// Checks that the voice `name`, or the default one, exists for the model in `dir`, without loading it.
pub fn check_voice(dir: &Path, manifest: &Manifest, name: Option<&str>) -> Result<()> {
    pick_voice(dir, manifest, name, None).map(|_| ())
}

/// The file of the voice `name`, else of the one for `language`, else of the default one, else of the only one.
fn pick_voice(
    dir: &Path,
    manifest: &Manifest,
    name: Option<&str>,
    language: Option<Language>,
) -> Result<PathBuf> {
    let places = Places::new(dir, &manifest.name);
    let for_language = || manifest.voice_for_language.get(language?.tag());
    let name = name.or_else(|| for_language().map(String::as_str));
    let name = match (name, manifest.default_voice.as_str()) {
        (Some(name), _) => name.to_owned(),
        (None, "") => match <[String; 1]>::try_from(places.names()?) {
            Ok([only]) => only,
            Err(_) => String::new(),
        },
        (None, default) => default.to_owned(),
    };
    find_voice(&places, &name)
}

/// Checks that there is a voice `name` for the model in `dir`, without loading it: cheap enough for each request.
///
/// # Errors
/// There is none; the message names the existing ones. Or the manifest cannot be read.
pub fn check_voice_name(dir: &Path, name: &str) -> Result<()> {
    find_voice(&Places::of(dir)?, name).map(|_| ())
}

/// The file of the voice `name`, which the error names with the existing ones if there is none. A name with a slash is the
/// path of a file.
fn find_voice(places: &Places, name: &str) -> Result<PathBuf> {
    if name.contains('/') {
        let path = PathBuf::from(name);
        regular_file::open(&path).map_err(|e| e.context("no voice there"))?;
        return Ok(path);
    }
    places.locate(name)
}
