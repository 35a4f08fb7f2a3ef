//! Places of a model's voices: the user's own directory, and the model directory.
//!
//! An installed model lies where its users cannot write, and one that many share is no place for the voice of one of them.
//! So a user's voices lie in a directory of the user's, one for each model by its name: a voice is made for the tokens
//! of one family of models, and says nothing sensible in another. All conversions of a checkpoint have its name, and with it
//! the same voices.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use super::{EXTENSION, VOICES};
use crate::{Error, ErrorKind, Result, manifest::Manifest};

/// The directories in which the voices of one model lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    own: Option<PathBuf>,
    of_model: PathBuf,
}

impl Places {
    /// Those of the model directory `model`, whose manifest names it.
    ///
    /// # Errors
    /// The manifest cannot be read.
    pub fn of(model: &Path) -> Result<Self> {
        Ok(Self::new(model, &Manifest::read(model)?.name))
    }

    /// Those of the model `name` in the directory `model`.
    pub fn new(model: &Path, name: &str) -> Self {
        Self {
            own: data_dir().map(|data| data.join(VOICES).join(directory_name(name))),
            of_model: model.join(VOICES),
        }
    }

    /// The user's directory, which need not be there; `None` for a user without a home.
    pub fn own(&self) -> Option<&Path> {
        self.own.as_deref()
    }

    /// The directory inside the model's, for everybody who uses the model. It need not be there.
    pub fn of_model(&self) -> &Path {
        &self.of_model
    }

    /// The file of the voice `name`: the user's own if there is one, else the model's.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        self.all()
            .filter_map(|dir| file_in(dir, name))
            .find(|file| file.exists())
    }

    /// The model's file of the voice `name`, also where one of the user's hides it.
    pub fn find_in_model(&self, name: &str) -> Option<PathBuf> {
        file_in(&self.of_model, name).filter(|file| file.exists())
    }

    /// The file of the voice `name`.
    ///
    /// # Errors
    /// There is none; the message names the existing ones. Or a directory cannot be read.
    pub fn locate(&self, name: &str) -> Result<PathBuf> {
        if let Some(file) = self.find(name) {
            return Ok(file);
        }
        let voices = self.names()?;
        let model = self.of_model.parent().unwrap_or(&self.of_model).display();
        let remedy = match voices.is_empty() {
            true => {
                format!(
                    "{model} has no voice yet; `cosyvoice3 voice add` makes one from a recording"
                )
            }
            false => format!("{model} has {}", voices.join(", ")),
        };
        let what = match name {
            "" => "no voice is chosen".into(),
            name => format!("no voice \"{name}\""),
        };
        Err(Error::new(ErrorKind::NotFound, format!("{what}: {remedy}")))
    }

    /// Names of all voices, sorted, each once.
    ///
    /// # Errors
    /// A directory is there and cannot be read.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for dir in self.all() {
            names.extend(names_in(dir)?);
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn all(&self) -> impl Iterator<Item = &Path> {
        self.own
            .iter()
            .chain([&self.of_model])
            .map(PathBuf::as_path)
    }
}

/// The file of the voice `name` in the directory `dir`, whether or not it is there. `None` for a name that would lead out
/// of it.
pub fn file_in(dir: &Path, name: &str) -> Option<PathBuf> {
    let mut parts = Path::new(name).components();
    let plain = matches!(parts.next(), Some(Component::Normal(part)) if part == name);
    (plain && parts.next().is_none()).then(|| dir.join(format!("{name}.{EXTENSION}")))
}

/// Names of the voices in the directory `dir`, sorted. None where it is not there.
///
/// # Errors
/// It is there and cannot be read.
pub fn names_in(dir: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io(dir, &e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io(dir, &e))?.path();
        if path.extension().is_some_and(|e| e == EXTENSION)
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// `$XDG_DATA_HOME/cosyvoice3`, else `~/.local/share/cosyvoice3`; `None` where the user has no home.
pub fn data_dir() -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|base| base.join("cosyvoice3"))
}

/// A model's name as that of a directory.
fn directory_name(model: &str) -> String {
    let plain = |c: char| {
        if c.is_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = model.chars().take(100).map(plain).collect();
    match name.trim_start_matches('.') {
        "" => "model".into(),
        name => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(root: &Path) -> Places {
        Places {
            own: Some(root.join("own")),
            of_model: root.join("model"),
        }
    }

    fn put(dir: &Path, files: &[&str]) {
        fs::create_dir_all(dir).unwrap();
        for file in files {
            fs::write(dir.join(file), "").unwrap();
        }
    }

    #[test]
    fn a_users_voice_goes_before_the_models_of_the_same_name() {
        let root = tempfile::tempdir().unwrap();
        let places = places(root.path());
        assert_eq!(places.names().unwrap(), [""; 0]);
        put(
            places.of_model(),
            &["anna.safetensors", "б.safetensors", "notes.txt"],
        );
        assert_eq!(
            places.find("anna"),
            Some(root.path().join("model/anna.safetensors"))
        );
        put(
            places.own().unwrap(),
            &["anna.safetensors", "me.safetensors"],
        );
        assert_eq!(
            places.find("anna"),
            Some(root.path().join("own/anna.safetensors"))
        );
        let of_model = |name: &str| places.find_in_model(name);
        assert_eq!(
            of_model("anna"),
            Some(root.path().join("model/anna.safetensors"))
        );
        assert_eq!(of_model("me"), None);
        assert_eq!(places.names().unwrap(), ["anna", "me", "б"]);
        assert_eq!(places.find("nobody"), None);
    }

    #[test]
    fn no_name_leads_out_of_the_directories() {
        let root = tempfile::tempdir().unwrap();
        let places = places(root.path());
        put(root.path(), &["secret.safetensors"]);
        put(&root.path().join("own/sub"), &["deep.safetensors"]);
        for name in [
            "../secret",
            "sub/deep",
            "",
            ".",
            "..",
            "/secret",
            "sub/../../secret",
            "./x",
        ] {
            assert_eq!(places.find(name), None, "{name:?}");
        }
    }

    #[test]
    fn every_name_of_a_model_is_the_name_of_one_directory() {
        for (model, directory) in [
            ("demo", "demo"),
            ("Fun-CosyVoice3-0.5B-2512", "Fun-CosyVoice3-0.5B-2512"),
            ("../../etc", "_.._etc"),
            ("a b/c\0", "a_b_c_"),
            ("...", "model"),
            ("", "model"),
        ] {
            assert_eq!(directory_name(model), directory);
        }
        assert!(directory_name(&"я".repeat(1_000)).len() < 255);
    }
}
