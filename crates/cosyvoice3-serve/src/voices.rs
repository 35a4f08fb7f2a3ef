//! The voices of the model directory and of the user, by the names that clients use.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use cosyvoice3::{
    Enroller, ErrorKind, Language,
    manifest::Manifest,
    voice::{Library, Place, Places, Voice, library},
};
use serde::Serialize;

use crate::{
    enrolment::{self, Order},
    http::{Form, Refusal, wrong},
    log::log,
    options::Arguments,
};

/// Names by which clients ask for the voice that the model has for the text's language.
const ANY: [&str; 2] = ["", "default"];

/// The voices, read from the directory anew for each question: others may add some.
#[derive(Clone)]
pub struct Voices(Arc<State>);

struct State {
    dir: PathBuf,
    manifest: Manifest,
    /// The model's voices, and the user's own.
    places: Places,
    aliases: BTreeMap<String, String>,
    /// Clients may add and delete voices.
    changes: bool,
}

/// A voice as clients see it.
#[derive(Serialize)]
pub struct Described {
    pub id: String,
    pub object: &'static str,
    pub name: String,
    /// Language of its recording.
    pub language: Option<String>,
    /// Languages whose texts it speaks where no voice is named.
    pub default_for: Vec<String>,
    /// The voice that it is another name of.
    pub alias_of: Option<String>,
    /// Clients may delete it.
    pub removable: bool,
}

impl Voices {
    /// # Errors
    /// The directory has no manifest, or an alias names no voice.
    pub fn new(dir: &Path, arguments: &Arguments) -> Result<Self> {
        let manifest = Manifest::read(dir)?;
        let places = Places::new(dir, &manifest.name);
        let names = places.names()?;
        let mut aliases = BTreeMap::new();
        for pair in &arguments.voice_alias {
            let (name, of) = pair
                .split_once('=')
                .with_context(|| format!("--voice-alias {pair}: expected NAME=VOICE"))?;
            ensure!(
                names.iter().any(|known| known == of),
                "--voice-alias {pair}: there is no voice {of:?}, but {}",
                names.join(", ")
            );
            aliases.insert(name.to_string(), of.to_string());
        }
        Ok(Self(Arc::new(State {
            dir: dir.to_owned(),
            manifest,
            places,
            aliases,
            changes: arguments.voice_changes,
        })))
    }

    /// Name of the model.
    pub fn model(&self) -> &str {
        &self.0.manifest.name
    }

    /// Languages that the model speaks, by their tags.
    pub fn languages(&self) -> Vec<&'static str> {
        let languages = self.0.manifest.spoken_languages();
        let languages = match languages.is_empty() {
            true => vec![Language::Russian, Language::English, Language::Chinese],
            false => languages,
        };
        languages.into_iter().map(Language::tag).collect()
    }

    /// The voice for texts of a language, by its tag (`ru`, `en-GB`).
    pub fn for_language(&self, tag: &str) -> Option<String> {
        let language = tag.split(['-', '_']).next()?.to_ascii_lowercase();
        self.0.manifest.voice_for_language.get(&language).cloned()
    }

    /// The names of the voices and the other names for them.
    pub fn names(&self) -> Vec<String> {
        let mut names = self.own_names();
        names.extend(self.0.aliases.keys().cloned());
        names
    }

    fn own_names(&self) -> Vec<String> {
        self.0.places.names().unwrap_or_else(|error| {
            log!("warning: {error}");
            Vec::new()
        })
    }

    /// The voice that a client means; `None` for that of the text's language.
    ///
    /// # Errors
    /// There is no such voice; the refusal names those that there are.
    pub fn find(&self, name: &str) -> Result<Option<String>, Refusal> {
        if ANY.contains(&name) {
            return Ok(None);
        }
        if let Some(of) = self.0.aliases.get(name) {
            return Ok(Some(of.clone()));
        }
        let names = self.names();
        match names.iter().any(|known| known == name) {
            true => Ok(Some(name.into())),
            false => Err(wrong(format!(
                "there is no voice {name:?}, but {}",
                names.join(", ")
            ))
            .param("voice")
            .code("voice_not_found")),
        }
    }

    /// All voices, and the other names for them.
    pub fn describe(&self) -> Vec<Described> {
        self.names()
            .into_iter()
            .map(|name| self.describe_one(name))
            .collect()
    }

    /// Returns true if clients may add and delete voices.
    pub fn changes(&self) -> bool {
        self.0.changes
    }

    /// A voice by one of its names.
    pub fn describe_one(&self, name: String) -> Described {
        let alias_of = self.0.aliases.get(&name).cloned();
        let of = alias_of.as_ref().unwrap_or(&name);
        let file = self.0.places.find(of);
        let language = file.and_then(|file| Voice::load(&file).ok()?.language);
        let languages = self.0.manifest.voice_for_language.iter();
        let default_for = languages
            .filter(|(_, voice)| *voice == of)
            .map(|(language, _)| language.clone())
            .collect();
        Described {
            id: name.clone(),
            object: "audio.voice",
            removable: alias_of.is_none()
                && self.0.changes
                && matches!(self.standing(&name), Standing::Removable),
            name,
            language,
            default_for,
            alias_of,
        }
    }

    /// Checks that clients may add and delete voices.
    ///
    /// # Errors
    /// The server does not allow it.
    pub fn check_changes(&self) -> Result<(), Refusal> {
        if self.0.changes {
            return Ok(());
        }
        let words =
            "clients may not change voices: start the server with --voice-changes to allow it";
        Err(Refusal::new(StatusCode::FORBIDDEN, words).code("voice_changes_not_allowed"))
    }

    /// Checks that the model has the networks that make voices of recordings.
    ///
    /// # Errors
    /// It has not; the refusal names them, and the remedy.
    pub fn check_networks(&self) -> Result<(), Refusal> {
        Enroller::check_networks(&self.0.dir).map_err(|error| match error.kind() {
            ErrorKind::NotFound => enrolment::without_networks(error.to_string()),
            _ => enrolment::impossible(&error),
        })
    }

    /// Checks that a new voice can have this name, before the work of making it.
    ///
    /// # Errors
    /// It is no name of a voice, or has a meaning; there is such a voice and `overwrite` is false; or voices cannot be written.
    pub fn check_new(&self, name: &str, overwrite: bool) -> Result<(), Refusal> {
        if ANY.contains(&name) || self.0.aliases.contains_key(name) {
            let words = format!("{name:?} is another name for a voice here: choose another one");
            return Err(wrong(words).param("name").code("voice_name_invalid"));
        }
        library::check_name(name).map_err(|error| {
            wrong(error.to_string())
                .param("name")
                .code("voice_name_invalid")
        })?;
        if !overwrite && self.0.places.find(name).is_some() {
            return Err(enrolment::taken(name));
        }
        let library = Library::of(&self.0.dir);
        let checked = library.and_then(|library| library.check_new(name, Place::Own, overwrite));
        checked.map_err(|error| enrolment::impossible(&error))
    }

    /// The order for a voice of a client's recording.
    pub fn order(&self, form: Form) -> (File, Order) {
        let origin = "added by HTTP";
        let order = Order {
            model: self.0.dir.clone(),
            name: form.name,
            transcript: form.text,
            language: form.language,
            provenance: Some(match form.consent {
                Some(consent) => format!("{origin}; consent: {consent}"),
                None => origin.into(),
            }),
            trim: form.trim,
            overwrite: form.overwrite,
        };
        (form.recording, order)
    }

    /// Deletes a voice of the user's own.
    ///
    /// # Errors
    /// The server does not allow it, there is no such voice, it is the model's, texts without a voice need it, or the file cannot
    /// be removed.
    pub fn delete(&self, name: &str) -> Result<(), Refusal> {
        self.check_changes()?;
        match self.standing(name) {
            Standing::None => {
                let words = format!(
                    "there is no voice {name:?}, but {}",
                    self.own_names().join(", ")
                );
                return Err(Refusal::new(StatusCode::NOT_FOUND, words).code("voice_not_found"));
            }
            Standing::OfModel => {
                let words = format!(
                    "the voice {name:?} is the model's: by HTTP only voices of the user's own are deleted"
                );
                return Err(Refusal::new(StatusCode::FORBIDDEN, words).code("voice_of_model"));
            }
            Standing::Needed => {
                let words = format!(
                    "the voice {name:?} is the default voice or has an alias, so it is not removed"
                );
                return Err(Refusal::new(StatusCode::CONFLICT, words).code("voice_in_use"));
            }
            Standing::Removable => {}
        }
        let removed = Library::of(&self.0.dir).and_then(|library| library.remove(name));
        removed.map(|_| ()).map_err(|error| {
            log!("warning: {error}");
            Refusal::from(&error)
        })
    }

    fn standing(&self, name: &str) -> Standing {
        let State {
            places,
            manifest,
            aliases,
            ..
        } = &*self.0;
        let Some(file) = places.find(name) else {
            return Standing::None;
        };
        // The user's own may hide one of the model's, which is heard again afterwards.
        let of_model = places.find_in_model(name);
        if of_model.as_ref() == Some(&file) {
            return Standing::OfModel;
        }
        let needed = manifest.default_voice == name
            || manifest
                .voice_for_language
                .values()
                .any(|voice| voice == name)
            || aliases.values().any(|voice| voice == name);
        match needed && of_model.is_none() {
            true => Standing::Needed,
            false => Standing::Removable,
        }
    }
}

/// Reasons for and against deleting a voice.
enum Standing {
    /// There is none.
    None,
    /// It belongs to the model.
    OfModel,
    /// Texts without a voice, or an alias, need it.
    Needed,
    /// Nothing.
    Removable,
}
