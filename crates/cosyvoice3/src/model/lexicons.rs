//! The lexicons of a request, a voice and a model as one, kept as long as their files stay the same.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::SystemTime,
};

use crate::{Error, ErrorKind, Result, lock::lock, text::Lexicon};

/// Lexicon of a model directory, for all its voices.
const OF_MODEL: &str = "lexicon.txt";
/// Largest file, in bytes: 100,000 entries of a line each fit in.
const LARGEST: u64 = 16 << 20;

/// The files of a lexicon, each with time and size, which show a change; `None` where it does not exist.
type Files = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

/// The lexicon read last: announcements in one voice follow each other.
#[derive(Default)]
pub(super) struct Lexicons(Mutex<Option<(Files, Arc<Lexicon>)>>);

impl Lexicons {
    pub(super) fn get(
        &self,
        dir: &Path,
        own: Option<&Path>,
        of_voice: Option<PathBuf>,
    ) -> Result<Arc<Lexicon>> {
        let mut files = Files::new();
        if let Some(own) = own {
            let state = state(own)?.ok_or_else(|| missing(own))?;
            files.push((own.into(), Some(state)));
        }
        for file in of_voice.into_iter().chain([dir.join(OF_MODEL)]) {
            let state = state(&file)?;
            files.push((file, state));
        }
        let mut last = lock(&self.0);
        if let Some((known, lexicon)) = &*last
            && *known == files
        {
            return Ok(lexicon.clone());
        }
        let mut lexicon = Lexicon::default();
        for (file, _) in files.iter().filter(|(_, state)| state.is_some()) {
            lexicon = lexicon.or(read(file)?);
        }
        let lexicon = Arc::new(lexicon);
        *last = Some((files, lexicon.clone()));
        Ok(lexicon)
    }
}

/// Fails where `file` is no lexicon.
pub fn check_lexicon(file: &Path) -> Result<()> {
    /// The file that was read last, as it was then: an application asks before each announcement.
    static CHECKED: Mutex<Option<(PathBuf, (SystemTime, u64))>> = Mutex::new(None);
    let state = state(file)?.ok_or_else(|| missing(file))?;
    let now = Some((file.to_owned(), state));
    if *lock(&CHECKED) != now {
        read(file)?;
        *lock(&CHECKED) = now;
    }
    Ok(())
}

fn missing(file: &Path) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("lexicon: {} does not exist", file.display()),
    )
}

/// When `file` was written, and its size; `None` where it is not there.
fn state(file: &Path) -> Result<Option<(SystemTime, u64)>> {
    let about = match fs::metadata(file) {
        Ok(about) => about,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io(file, &e).context("lexicon")),
    };
    // Anything else could make the reader wait for ever.
    if !about.is_file() || about.len() > LARGEST {
        return Err(Error::damaged(
            file,
            format!("not a lexicon: a regular file of at most {LARGEST} bytes is wanted"),
        ));
    }
    let written = about.modified().map_err(|e| Error::io(file, &e))?;
    Ok(Some((written, about.len())))
}

fn read(file: &Path) -> Result<Lexicon> {
    let bytes = fs::read(file).map_err(|e| Error::io(file, &e).context("lexicon"))?;
    Lexicon::parse(&file.display().to_string(), &bytes)
        .map_err(|e| Error::new(ErrorKind::Damaged, format!("lexicon: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_lexicon_goes_before_the_voices_and_that_before_the_models() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("voices")).unwrap();
        let own = dir.path().join("own.txt");
        fs::write(&own, "a = own\n").unwrap();
        fs::write(
            dir.path().join("voices/v.lexicon.txt"),
            "a = voice\nb = voice\n",
        )
        .unwrap();
        fs::write(
            dir.path().join(OF_MODEL),
            "a = model\nb = model\nc = model\n",
        )
        .unwrap();
        let lexicons = Lexicons::default();
        let of_voice = |name: &str| dir.path().join(format!("voices/{name}.lexicon.txt"));
        let get = |own, voice: Option<&str>| {
            let of_voice = voice.map(of_voice);
            lexicons.get(dir.path(), own, of_voice).unwrap()
        };
        assert_eq!(
            get(Some(&*own), Some("v")).apply("a b c d"),
            "own voice model d"
        );
        assert_eq!(get(None, Some("v")).apply("a b c d"), "voice voice model d");
        assert_eq!(get(None, Some("w")).apply("a b c d"), "model model model d");
    }

    #[test]
    fn a_changed_lexicon_is_read_anew_and_a_wrong_line_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("own.txt");
        let lexicons = Lexicons::default();
        let get = || lexicons.get(dir.path(), Some(&own), None);
        assert_eq!(get().unwrap_err().kind(), ErrorKind::NotFound);
        fs::write(&own, "a = first\n").unwrap();
        assert_eq!(get().unwrap().apply("a"), "first");
        fs::write(&own, "a = the second\n").unwrap();
        assert_eq!(get().unwrap().apply("a"), "the second");
        fs::write(&own, "a = the second\nnonsense\n").unwrap();
        let error = get().unwrap_err().to_string();
        assert!(error.contains("own.txt:2"), "{error}");
        fs::remove_file(&own).unwrap();
        fs::create_dir(&own).unwrap();
        assert_eq!(get().unwrap_err().kind(), ErrorKind::Damaged);
    }
}
