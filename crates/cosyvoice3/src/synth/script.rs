//! The utterances of a request, one after another, each with its voice and the pauses around it.

use std::{collections::VecDeque, mem, sync::Arc, time::Duration};

use super::{
    job::{Job, Pause},
    request::{Markup, PromptMode, Request, RequestId, Settings},
};
use crate::{
    Error, ErrorKind, Result, SAMPLE_RATE,
    manifest::Manifest,
    model::Model,
    text::{
        Language, Mode, Prompt, ReadAs, Utterances,
        ssml::{self, Segment},
    },
    voice::Voice,
};

/// Tempo that a request and its document may come to together, as the property `speed` has it.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.5..=2.0;

/// Jobs of a request, made as they are asked for.
pub(super) struct Script {
    model: Arc<Model>,
    /// Voice of texts that name none, if that is not the model's choice.
    default_voice: Option<Arc<Voice>>,
    id: RequestId,
    settings: Settings,
    segments: VecDeque<Segment>,
    /// The text that is being read.
    passage: Option<Passage>,
    /// Pauses since the last utterance.
    pauses: Vec<Pause>,
    /// True if there are pauses at all: then a job is held back, because those at the end belong to the last one.
    has_pauses: bool,
    held: Option<Job>,
    /// Jobs and warnings that are due.
    ready: VecDeque<Result<Job>>,
    /// Number of the next utterance.
    number: usize,
    /// Language of the text before.
    language: Option<Language>,
    unspeakable: usize,
    foreign: Vec<Language>,
    warned: bool,
    done: bool,
}

/// A passage of text with one voice.
struct Passage {
    utterances: Utterances,
    voice: Arc<Voice>,
    settings: Settings,
    /// True if the voice has a transcript.
    transcribed: bool,
}

impl Script {
    /// # Errors
    /// The document cannot be understood, a voice is not there, a lexicon cannot be read: nothing is spoken then.
    pub(super) fn new(
        model: Arc<Model>,
        default_voice: Option<Arc<Voice>>,
        id: RequestId,
        request: &Request,
    ) -> Result<Self> {
        let settings = request.settings.clone();
        let (segments, foreign_to_us) = segments(&request.text, &settings)?;
        let script = Self {
            has_pauses: segments.iter().any(|s| !matches!(s, Segment::Text(_))),
            language: settings.fallback_language,
            model,
            default_voice,
            id,
            settings,
            segments: segments.into(),
            passage: None,
            pauses: Vec::new(),
            held: None,
            ready: unsupported(&foreign_to_us).map(Err).into_iter().collect(),
            number: 0,
            unspeakable: 0,
            foreign: Vec::new(),
            warned: false,
            done: false,
        };
        script.check()?;
        Ok(script)
    }

    /// Checks all parts before the first is synthesized.
    fn check(&self) -> Result<()> {
        check_names(self.segments.iter())?;
        for voice in voices(self.segments.iter(), &self.settings) {
            self.model.check_voice(voice)?;
        }
        self.model
            .lexicon(self.settings.lexicon.as_deref(), None)
            .map(|_| ())
    }

    fn open(&self, text: ssml::Text) -> Result<Passage> {
        let mut settings = self.settings.clone();
        settings.speed =
            (settings.speed * f64::from(text.rate)).clamp(*SPEEDS.start(), *SPEEDS.end());
        settings.voice = text.voice.map(|voice| voice.to_string()).or(settings.voice);
        settings.language = text.language.or(settings.language);
        let (voice, language) = self.speaker(&settings, &text.text)?;
        let end = self.model.front_end().tokenizer().end_of_prompt();
        let transcribed = has_transcript(&voice.prompt_text_ids, end);
        let instructed = settings.instruct.is_some();
        if settings.prompt_mode == PromptMode::ZeroShot && !instructed && !transcribed {
            return Err(Error::new(
                ErrorKind::Settings,
                format!(
                    "the voice \"{}\" has no transcript, which prompt-mode=zero-shot needs: use prompt-mode=auto, or add the \
                     voice again with the words of its recording",
                    voice.name
                ),
            ));
        }
        let read_as = ReadAs {
            language: settings.language,
            digits: settings.reading.unwrap_or(self.model.manifest().reading()),
            stress_mark: settings.stress_mark,
            lexicon: self
                .model
                .lexicon(settings.lexicon.as_deref(), Some(&voice.name))?,
        };
        let utterances = self
            .model
            .front_end()
            .utterances(text.text, language)
            .read_as(read_as)
            .only(&self.model.manifest().spoken_languages());
        Ok(Passage {
            utterances,
            voice,
            settings,
            transcribed,
        })
    }

    /// The voice for `text`, and the language of parts that have no letters.
    fn speaker(&self, settings: &Settings, text: &str) -> Result<(Arc<Voice>, Option<Language>)> {
        let written = settings.language.or_else(|| Language::detect(text));
        let speaks = self.model.manifest().spoken_languages();
        let before = self
            .language
            .filter(|language| speaks.is_empty() || speaks.contains(language));
        let voice = match (settings.voice.as_deref(), &self.default_voice) {
            (None, Some(voice)) => voice.clone(),
            (name, _) => Arc::new(self.model.voice(name, written.or(before))?),
        };
        let of_voice = voice.spoken_language();
        let unwritten = match settings.voice {
            Some(_) => of_voice.or(before),
            None => before.or(of_voice),
        };
        Ok((voice, written.or(unwritten)))
    }

    /// The next utterance, without the pauses after it.
    fn make(&mut self) -> Option<Result<Job>> {
        loop {
            if let Some(passage) = &mut self.passage {
                let utterance = passage.utterances.next();
                if self.number > 0 || utterance.is_some() {
                    self.foreign = merged(&self.foreign, passage.utterances.foreign());
                }
                match utterance {
                    Some(Ok(utterance)) => return Some(self.job(utterance)),
                    Some(Err(error)) => return Some(Err(error)),
                    None => {
                        self.unspeakable += passage.utterances.unspeakable();
                        self.foreign = merged(&self.foreign, passage.utterances.foreign());
                        self.passage = None;
                    }
                }
            }
            match self.segments.pop_front()? {
                Segment::Text(text) => match self.open(text) {
                    Ok(passage) => self.passage = Some(passage),
                    Err(error) => return Some(Err(error)),
                },
                Segment::Break(length) => self.pauses.push(Pause::Silence(samples(length))),
                Segment::Mark(name) => self.pauses.push(Pause::Mark(name)),
            }
        }
    }

    fn job(&mut self, utterance: crate::text::Utterance) -> Result<Job> {
        let passage = self.passage.as_ref().expect("it gave the utterance");
        self.language = Some(utterance.language);
        let prompt = Prompt::build(
            self.model.front_end().tokenizer(),
            &mode(passage, utterance.language),
            &passage.voice.prompt_text_ids,
            &utterance.ids,
        )?;
        let job = Job {
            request: self.id,
            utterance: self.number,
            text: utterance.text,
            prompt_text_ids: prompt.prompt_text_ids,
            text_ids: prompt.text_ids,
            prompt_speech: prompt.prompt_speech,
            voice: passage.voice.clone(),
            settings: passage.settings.clone(),
            before: mem::take(&mut self.pauses),
            after: Vec::new(),
        };
        self.number += 1;
        Ok(job)
    }

    /// The job that was held back, now that nothing follows it.
    fn last(&mut self) -> Option<Job> {
        let mut job = self.held.take()?;
        job.after = mem::take(&mut self.pauses);
        Some(job)
    }

    /// A warning that some sentences were left out, once, if there is an utterance at all.
    fn left_out(&mut self) -> Option<Error> {
        let due = !self.foreign.is_empty() && self.number > 0;
        (due && !mem::replace(&mut self.warned, true))
            .then(|| LeftOut::new(self.model.manifest()).a_part(&self.foreign))
    }

    /// The reason for which there is no utterance, if there is none.
    fn silence(&mut self) -> Option<Error> {
        if self.number > 0 || mem::replace(&mut self.warned, true) {
            return None;
        }
        match &self.foreign[..] {
            [] if self.unspeakable == 0 && !self.has_pauses => None,
            [] => Some(nothing_to_say()),
            foreign => Some(LeftOut::new(self.model.manifest()).everything(foreign)),
        }
    }
}

impl Iterator for Script {
    type Item = Result<Job>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.done {
            let made = self.make();
            let left_out = self.left_out();
            self.ready.extend(left_out.map(Err));
            match made {
                Some(Ok(job)) => {
                    let job = match self.has_pauses {
                        true => self.held.replace(job),
                        false => Some(job),
                    };
                    self.ready.extend(job.map(Ok));
                }
                Some(Err(error)) => {
                    self.ready.extend(self.held.take().map(Ok));
                    self.ready.push_back(Err(error));
                }
                None => {
                    self.done = true;
                    let (silence, last) = (self.silence(), self.last());
                    self.ready.extend(silence.map(Err));
                    self.ready.extend(last.map(Ok));
                }
            }
        }
        self.ready.pop_front()
    }
}

/// The mode for an utterance in `language`.
fn mode(passage: &Passage, language: Language) -> Mode {
    let settings = &passage.settings;
    if let Some(instruction) = &settings.instruct {
        return Mode::Instruct(instruction.clone());
    }
    let foreign = || {
        let own = passage.voice.spoken_language();
        own.is_some_and(|own| own != language)
    };
    match settings.prompt_mode {
        PromptMode::Auto if !passage.transcribed || foreign() => Mode::CrossLingual,
        PromptMode::Auto | PromptMode::ZeroShot => Mode::ZeroShot,
        PromptMode::CrossLingual => Mode::CrossLingual,
    }
}

/// True if `ids`, those of a voice's prompt, hold more than the system prefix, which `end_of_prompt` ends.
fn has_transcript(ids: &[u32], end_of_prompt: u32) -> bool {
    let prefix = ids.iter().rposition(|id| *id == end_of_prompt);
    prefix.map_or(0, |end| end + 1) < ids.len()
}

/// The parts of a text in the markup that `settings` name, and the markup's unsupported elements.
pub(super) fn segments(text: &str, settings: &Settings) -> Result<(Vec<Segment>, Vec<String>)> {
    match settings.markup {
        Markup::None => {
            let whole = ssml::Text {
                text: text.to_owned(),
                voice: None,
                language: None,
                rate: 1.0,
            };
            Ok((vec![Segment::Text(whole)], Vec::new()))
        }
        Markup::Ssml => {
            let document = ssml::parse(text, settings.language)
                .map_err(|e| Error::new(ErrorKind::Markup, e.to_string()))?;
            Ok((document.segments, document.unsupported))
        }
    }
}

/// Checks that a document names voices and no files: it may be a stranger's.
fn check_names<'a>(segments: impl Iterator<Item = &'a Segment>) -> Result<()> {
    for segment in segments {
        if let Segment::Text(text) = segment
            && let Some(voice) = text.voice.as_deref()
            && voice.contains('/')
        {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("no voice \"{voice}\": a document may name voices, but no files"),
            ));
        }
    }
    Ok(())
}

/// The names of voices in a request, each once.
pub(super) fn voices<'a>(
    segments: impl IntoIterator<Item = &'a Segment>,
    settings: &'a Settings,
) -> Vec<&'a str> {
    let mut voices: Vec<&str> = settings.voice.as_deref().into_iter().collect();
    for segment in segments {
        if let Segment::Text(text) = segment
            && let Some(voice) = text.voice.as_deref()
            && !voices.contains(&voice)
        {
            voices.push(voice);
        }
    }
    voices
}

fn samples(length: Duration) -> usize {
    (length.as_nanos() * u128::from(SAMPLE_RATE) / 1_000_000_000) as usize
}

fn merged(some: &[Language], others: &[Language]) -> Vec<Language> {
    let mut all = some.to_vec();
    all.extend(others.iter().filter(|language| !some.contains(language)));
    all
}

/// One warning that names everything unsupported in a document.
fn unsupported(names: &[String]) -> Option<Error> {
    (!names.is_empty()).then(|| {
        Error::new(
            ErrorKind::Text,
            format!(
                "SSML: not supported, read as plain text: {}",
                names.join(", ")
            ),
        )
    })
}

fn nothing_to_say() -> Error {
    Error::new(
        ErrorKind::Text,
        "nothing to say: the text has no letters or digits",
    )
}

/// Words for text in languages that a model does not speak.
struct LeftOut {
    model: String,
    speaks: String,
}

impl LeftOut {
    fn new(manifest: &Manifest) -> Self {
        Self {
            model: manifest.name.clone(),
            speaks: manifest.languages.join(", "),
        }
    }

    /// A warning: the rest is spoken.
    fn a_part(&self, foreign: &[Language]) -> Error {
        Error::new(ErrorKind::Text, self.words("sentences", foreign))
    }

    /// A failure: nothing is spoken.
    fn everything(&self, foreign: &[Language]) -> Error {
        Error::new(ErrorKind::Language, self.words("a text", foreign))
    }

    fn words(&self, what: &str, foreign: &[Language]) -> String {
        let foreign: Vec<_> = foreign.iter().map(|language| language.tag()).collect();
        format!(
            "{what} in {} left out: the model \"{}\" speaks {}",
            foreign.join(", "),
            self.model,
            self.speaks
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_of_the_system_prefix_alone_is_no_transcript() {
        const END: u32 = 9;
        for (ids, transcript) in [
            (&[][..], false),
            (&[1, 2, END], false),
            (&[1, 2, END, 3], true),
            (&[3, 4], true),
        ] {
            assert_eq!(has_transcript(ids, END), transcript, "{ids:?}");
        }
    }
}
