//! Changing the voices of a model: adding, renaming, removing.
//!
//! Each change is one step that either has happened or has not, or a row of steps after each of which every voice is there
//! under one of its names: a process that is killed loses none. Processes change a directory one after the other.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{Places, Voice, places};
use crate::{
    Error, ErrorKind, Result,
    atomic_file::{self, PARTIAL},
    manifest::Manifest,
    regular_file,
};

/// Longest name of a voice, in characters.
const MAX_NAME: usize = 60;
/// Ending of the file with a voice's pronunciations, beside the voice.
pub const LEXICON: &str = "lexicon.txt";
/// Longest lexicon; what the engine reads.
const MAX_LEXICON: u64 = 16 << 20;

/// A directory of voices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// The user's own.
    #[default]
    Own,
    /// Inside the model directory, for everybody who uses the model.
    OfModel,
}

/// The voices of one model directory.
#[derive(Debug, Clone)]
pub struct Library {
    model: PathBuf,
    places: Places,
}

impl Library {
    /// The voices of the model in `model`.
    ///
    /// # Errors
    /// Its manifest cannot be read.
    pub fn of(model: &Path) -> Result<Self> {
        Ok(Self {
            places: Places::of(model)?,
            model: model.to_owned(),
        })
    }

    /// The directories.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The model directory.
    pub fn model(&self) -> &Path {
        &self.model
    }

    /// The directory of `place`.
    ///
    /// # Errors
    /// The user has no home.
    pub fn directory(&self, place: Place) -> Result<&Path> {
        match place {
            Place::OfModel => Ok(self.places.of_model()),
            Place::Own => self.places.own().ok_or_else(|| {
                Error::new(
                    ErrorKind::Settings,
                    "no directory for your own voices: set XDG_DATA_HOME or HOME to a directory",
                )
            }),
        }
    }

    /// The place of the file of a voice.
    pub fn place_of(&self, file: &Path) -> Place {
        match file.parent() == Some(self.places.of_model()) {
            true => Place::OfModel,
            false => Place::Own,
        }
    }

    /// The file of the voice `name`.
    ///
    /// # Errors
    /// There is none; the message names the existing ones.
    pub fn find(&self, name: &str) -> Result<PathBuf> {
        self.places.locate(name)
    }

    /// Checks that a new voice can be called `name` and written to `place`, before the work of making it.
    ///
    /// # Errors
    /// The name cannot name a file, or there is such a voice and `replace` is false; or the directory cannot be written.
    pub fn check_new(&self, name: &str, place: Place, replace: bool) -> Result<()> {
        check_name(name)?;
        if !replace && let Some(file) = self.places.find(name) {
            return Err(taken(name, &file));
        }
        let dir = self.directory(place)?;
        make(dir)?;
        // The only sure way to find out whether something can be written.
        tempfile_in(dir).map_err(|e| refused(dir, &e))
    }

    /// Writes a voice to `place`, and returns its file. One of that name is replaced at once where `replace` is true.
    ///
    /// # Errors
    /// As [`check_new`](Self::check_new), and those of [`Voice::save`]. The voice that was there is still there then.
    pub fn put(&self, voice: &Voice, place: Place, replace: bool) -> Result<PathBuf> {
        check_name(&voice.name)?;
        self.check_vocabulary(voice)?;
        let dir = self.directory(place)?;
        make(dir)?;
        let _lock = lock(dir)?;
        if !replace && let Some(file) = self.places.find(&voice.name) {
            return Err(taken(&voice.name, &file));
        }
        let file = file_of(dir, &voice.name)?;
        voice.save(&file).map_err(|e| match e.kind() {
            ErrorKind::Open => refused(dir, &e),
            _ => e,
        })?;
        Ok(file)
    }

    /// Gives the voice `from` the name `to`, with its lexicon, and in the manifest where that names it.
    ///
    /// Killed in between, the voice is there under both names, and the same call goes on from there.
    ///
    /// # Errors
    /// There is no such voice, `to` cannot be its name, or the directory cannot be written.
    pub fn rename(&self, from: &str, to: &str) -> Result<PathBuf> {
        check_name(to)?;
        let old = self.find(from)?;
        let dir = old.parent().unwrap_or(Path::new("."));
        let _lock = lock(dir)?;
        let new = file_of(dir, to)?;
        if let Some(there) = self.places.find(to)
            && (from == to || there != new || !same(&old, &new))
        {
            return Err(taken(to, &there));
        }
        let bytes = regular_file::read(&old, super::MAX_FILE)?;
        let lexicons = [&old, &new].map(|file| lexicon_of(file));
        if lexicons[0].exists() {
            let lexicon = regular_file::read(&lexicons[0], MAX_LEXICON)?;
            write(&lexicons[1], &lexicon)?;
        }
        write(&new, &bytes)?;
        if self.place_of(&old) == Place::OfModel {
            self.rename_in_manifest(from, Some(to))?;
        }
        remove(&old)?;
        remove(&lexicons[0])?;
        Ok(new)
    }

    /// Removes the voice `name` and its lexicon, and takes it out of the manifest. A voice of the model's that one of the
    /// user's has hidden is heard again afterwards.
    ///
    /// # Errors
    /// There is no such voice, or the directory cannot be written.
    pub fn remove(&self, name: &str) -> Result<PathBuf> {
        let file = self.find(name)?;
        let _lock = lock(file.parent().unwrap_or(Path::new(".")))?;
        if self.place_of(&file) == Place::OfModel {
            self.rename_in_manifest(name, None)?;
        }
        remove(&file)?;
        remove(&lexicon_of(&file))?;
        Ok(file)
    }

    /// Makes the voice `name` the one for texts that name none.
    ///
    /// # Errors
    /// The manifest cannot be read or written.
    pub fn make_default(&self, name: &str) -> Result<()> {
        let mut manifest = Manifest::read(&self.model)?;
        manifest.default_voice = name.to_owned();
        manifest.write(&self.model)
    }

    fn rename_in_manifest(&self, from: &str, to: Option<&str>) -> Result<()> {
        let mut manifest = Manifest::read(&self.model)?;
        let before = manifest.clone();
        if manifest.default_voice == from {
            manifest.default_voice = to.unwrap_or_default().to_owned();
        }
        match to {
            None => manifest.voice_for_language.retain(|_, voice| voice != from),
            Some(to) => manifest
                .voice_for_language
                .values_mut()
                .filter(|voice| *voice == from)
                .for_each(|voice| to.clone_into(voice)),
        }
        if manifest == before {
            return Ok(());
        }
        manifest.write(&self.model)
    }

    /// Checks that the ids of the transcript are the model's.
    fn check_vocabulary(&self, voice: &Voice) -> Result<()> {
        let known = Manifest::read(&self.model)?.lm.text_vocab;
        match voice.prompt_text_ids.iter().max() {
            Some(id) if *id as usize >= known => Err(Error::new(
                ErrorKind::Damaged,
                format!(
                    "voice {}: token id {id}, but {} knows only {known} text tokens: the voice belongs to another model",
                    voice.name,
                    self.model.display()
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// Checks that `name` can name a voice: it becomes the name of a file and the value of a property.
///
/// # Errors
/// It is empty or long, or holds other characters than letters, digits, `-`, `_` and `.`.
pub fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if !name.is_empty()
        && name.chars().all(plain)
        && !name.starts_with('.')
        && name.chars().count() <= MAX_NAME
    {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Settings,
        format!(
            "{name:?} is not a valid voice name: use letters, digits, '-' and '_', {MAX_NAME} characters at most"
        ),
    ))
}

/// The file with the pronunciations of the voice in `file`.
pub fn lexicon_of(file: &Path) -> PathBuf {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!("{name}.{LEXICON}"))
}

fn file_of(dir: &Path, name: &str) -> Result<PathBuf> {
    places::file_in(dir, name).ok_or_else(|| {
        Error::new(
            ErrorKind::Settings,
            format!("{name:?} is not a valid voice name"),
        )
    })
}

fn taken(name: &str, file: &Path) -> Error {
    Error::new(
        ErrorKind::Settings,
        format!(
            "the voice {name} already exists, {}: choose another name, or replace it (--replace)",
            file.display()
        ),
    )
}

fn refused(dir: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Open,
        format!("voices cannot be written to {}: {why}", dir.display()),
    )
}

fn make(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(|e| refused(dir, &e))
}

/// Creates a file in `dir` and removes it.
fn tempfile_in(dir: &Path) -> io::Result<()> {
    let probe = dir.join(format!(".probe.{}.{PARTIAL}", std::process::id()));
    File::create(&probe)?;
    fs::remove_file(&probe)
}

/// Waits until no other process changes the voices in `dir`, and keeps others waiting while the value lives. What a killed
/// process has left unfinished is removed.
fn lock(dir: &Path) -> Result<File> {
    let file = File::open(dir).map_err(|e| Error::io(dir, &e))?;
    match file.lock() {
        // Some network file systems have no locks.
        Err(e) if e.kind() != io::ErrorKind::Unsupported => return Err(Error::io(dir, &e)),
        _ => {}
    }
    for entry in fs::read_dir(dir).map_err(|e| Error::io(dir, &e))?.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|ending| ending == PARTIAL) {
            let _ = fs::remove_file(path);
        }
    }
    Ok(file)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    atomic_file::replace(path, bytes).map_err(|e| Error::io(path, &e))
}

/// Removes a file, which need not be there.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io(path, &e)),
        _ => atomic_file::sync_directory(path).map_err(|e| Error::io(path, &e)),
    }
}

/// Returns true if two files hold the same voice.
fn same(a: &Path, b: &Path) -> bool {
    let read = |path| regular_file::read(path, super::MAX_FILE);
    matches!((read(a), read(b)), (Ok(a), Ok(b)) if a == b)
}
