//! Finished announcements, kept so that the same text is heard at once.
//!
//! The key of an entry is the SHA-256 of everything that decides its sound: program, model, settings, voice and the
//! utterances as the language model reads them, lexicons included. So no entry is ever out of date.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    ops::Range,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    job::Job,
    request::{Event, Mark, RequestId, Speech, UtteranceStats},
    words::Word,
};
use crate::{
    cache_dir::PrivateFiles,
    constants::SAMPLE_RATE,
    lm::{Hit, StopReason},
    lock::lock,
    voice::Voice,
};

/// Longest text that is looked up, in bytes: all its utterances are read before the first is spoken.
pub(super) const MAX_TEXT: usize = 2048;
/// Longest announcement that is kept, in samples.
const MAX_SAMPLES: usize = 60 * SAMPLE_RATE as usize;
/// Most bytes in memory: some six minutes.
const MEMORY_LIMIT: usize = 32 << 20;
/// Most bytes on disk: some 45 minutes.
const DISK_LIMIT: u64 = 256 << 20;
const EXTENSION: &str = "speech";
/// The first bytes of a file, the version of this layout in them.
const MAGIC: [u8; 8] = *b"CV3SPE\0\x02";

/// Storage of finished announcements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AnnouncementCaching {
    /// Nowhere.
    #[default]
    Off,
    /// In memory, for as long as the model is loaded.
    Memory,
    /// In memory and in the user's cache directory.
    Disk,
}

/// Key of an announcement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The utterances of one announcement, or their pieces as they left.
type Utterances = Arc<Vec<Speech>>;

/// The finished announcements of one model, shared by its synthesizers.
pub struct Announcements {
    /// Program and model.
    origin: String,
    /// The most recently used last.
    memory: Mutex<VecDeque<(Key, Utterances)>>,
    files: Option<PrivateFiles>,
}

impl Announcements {
    /// None yet, for the program and model that `origin` identifies; `dir` holds those of earlier processes, and may not
    /// exist yet.
    pub fn new(origin: String, dir: Option<PathBuf>) -> Self {
        Self {
            origin,
            memory: Mutex::default(),
            files: dir.map(|dir| PrivateFiles::new(dir, DISK_LIMIT, EXTENSION)),
        }
    }

    /// Hash of all that the sound of `jobs` depends on.
    pub fn key(&self, jobs: &[Job]) -> Key {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        add(self.origin.as_bytes());
        let mut last: Option<&Arc<Voice>> = None;
        for job in jobs {
            add(job.text.as_bytes());
            add(bytemuck::cast_slice(&job.prompt_text_ids));
            add(bytemuck::cast_slice(&job.text_ids));
            // Derived, so that a setting that is added cannot be forgotten here.
            let rest = (job.prompt_speech, &job.settings, &job.before, &job.after);
            add(format!("{rest:?}").as_bytes());
            if last.is_some_and(|last| Arc::ptr_eq(last, &job.voice)) {
                continue;
            }
            add(bytemuck::cast_slice(&job.voice.prompt_tokens));
            add(bytemuck::cast_slice(&job.voice.tail_tokens));
            add(bytemuck::cast_slice(job.voice.prompt_mel.as_slice()));
            add(bytemuck::cast_slice(&job.voice.embedding));
            last = Some(&job.voice);
        }
        Key(hash.finalize().into())
    }

    /// The announcement of `key`.
    pub fn get(&self, key: &Key, caching: AnnouncementCaching) -> Option<Utterances> {
        if caching == AnnouncementCaching::Off {
            return None;
        }
        let found = {
            let memory = lock(&self.memory);
            let found = memory.iter().find(|(known, _)| known == key);
            found.map(|(_, utterances)| utterances.clone())
        };
        let utterances = match (found, &self.files) {
            (Some(utterances), _) => utterances,
            (None, Some(files)) if caching == AnnouncementCaching::Disk => {
                Arc::new(files.load(&key.to_string(), |bytes| decode(key, bytes))?)
            }
            (None, _) => return None,
        };
        self.put_in_memory(*key, utterances.clone());
        Some(utterances)
    }

    /// Keeps an announcement.
    pub fn put(&self, key: Key, utterances: Vec<Speech>, caching: AnnouncementCaching) {
        if caching == AnnouncementCaching::Off {
            return;
        }
        if let (Some(files), AnnouncementCaching::Disk) = (&self.files, caching)
            && let Some(bytes) = encode(&key, &utterances)
        {
            files.store(&key.to_string(), &bytes);
        }
        self.put_in_memory(key, Arc::new(utterances));
    }

    fn put_in_memory(&self, key: Key, utterances: Utterances) {
        let mut memory = lock(&self.memory);
        memory.retain(|(known, _)| *known != key);
        memory.push_back((key, utterances));
        let size = |memory: &VecDeque<(Key, Utterances)>| -> usize {
            memory.iter().map(|(_, utterances)| bytes(utterances)).sum()
        };
        while size(&memory) > MEMORY_LIMIT {
            memory.pop_front();
        }
    }
}

fn bytes(utterances: &[Speech]) -> usize {
    utterances
        .iter()
        .map(|speech| size_of_val(&speech.samples[..]))
        .sum()
}

/// One utterance or piece in a file, without its samples.
#[derive(Serialize, Deserialize)]
struct Header {
    utterance: usize,
    piece: usize,
    last: bool,
    text: String,
    samples: usize,
    marks: Vec<(String, usize)>,
    /// Each word with its range of samples.
    words: Vec<(String, Range<usize>)>,
    tokens: usize,
}

/// The bytes of a file: magic, key, length of the headers, headers as JSON, samples, checksum; numbers little-endian.
fn encode(key: &Key, utterances: &[Speech]) -> Option<Vec<u8>> {
    let headers: Vec<Header> = utterances
        .iter()
        .map(|speech| Header {
            utterance: speech.utterance,
            piece: speech.piece,
            last: speech.last,
            text: speech.text.clone(),
            samples: speech.samples.len(),
            marks: speech
                .marks
                .iter()
                .map(|mark| (mark.name.to_string(), mark.sample))
                .collect(),
            words: speech
                .words
                .iter()
                .map(|word| (word.text.clone(), word.samples.clone()))
                .collect(),
            tokens: speech.stats.tokens,
        })
        .collect();
    let headers = serde_json::to_vec(&headers).ok()?;
    let mut bytes = Vec::new();
    bytes.extend(MAGIC);
    bytes.extend(key.0);
    bytes.extend((headers.len() as u64).to_le_bytes());
    bytes.extend(headers);
    for speech in utterances {
        bytes.extend(
            speech
                .samples
                .iter()
                .flat_map(|sample| sample.to_le_bytes()),
        );
    }
    bytes.extend(Sha256::digest(&bytes));
    Some(bytes)
}

/// Decodes what [`encode`] wrote under `key`; `None` for anything else.
fn decode(key: &Key, bytes: &[u8]) -> Option<Vec<Speech>> {
    let (content, checksum) = bytes.split_last_chunk::<32>()?;
    let rest = content.strip_prefix(&MAGIC)?.strip_prefix(&key.0)?;
    if Sha256::digest(content)[..] != checksum[..] {
        return None;
    }
    let (length, rest) = rest.split_first_chunk()?;
    let (headers, mut rest) = rest.split_at_checked(u64::from_le_bytes(*length) as usize)?;
    let headers: Vec<Header> = serde_json::from_slice(headers).ok()?;
    let mut utterances = Vec::with_capacity(headers.len());
    for header in headers {
        let (samples, after) = rest.split_at_checked(header.samples.checked_mul(4)?)?;
        rest = after;
        let samples = samples.as_chunks().0.iter();
        utterances.push(kept(Speech {
            request: 0,
            utterance: header.utterance,
            piece: header.piece,
            last: header.last,
            text: header.text,
            samples: samples.map(|sample| f32::from_le_bytes(*sample)).collect(),
            marks: header
                .marks
                .into_iter()
                .map(|(name, sample)| Mark {
                    name: name.into(),
                    sample,
                })
                .collect(),
            words: header
                .words
                .into_iter()
                .map(|(text, samples)| Word { text, samples })
                .collect(),
            stats: stats(header.tokens),
        }));
    }
    rest.is_empty().then_some(utterances)
}

/// `speech` as it is kept: without the cost that it had.
fn kept(speech: Speech) -> Speech {
    Speech {
        stats: stats(speech.stats.tokens),
        ..speech
    }
}

fn stats(tokens: usize) -> UtteranceStats {
    UtteranceStats {
        tokens,
        stop: StopReason::Natural,
        prefill: Duration::ZERO,
        hit: Hit::None,
        decode: Duration::ZERO,
        flow: Duration::ZERO,
        kept: true,
        flow_backend: None,
        vocoder: Duration::ZERO,
        since_request: Duration::ZERO,
        elapsed: Duration::ZERO,
        playback: None,
    }
}

/// Announcements that are being made, until they are finished and can be kept.
#[derive(Default)]
pub(super) struct Recordings(Mutex<HashMap<RequestId, (Key, Vec<Speech>)>>);

impl Recordings {
    /// Records the events of `request`.
    pub fn begin(&self, request: RequestId, key: Key) {
        lock(&self.0).insert(request, (key, Vec::new()));
    }

    /// Records `event` if its request is being recorded. Whatever went wrong is not kept, so that it is heard of again.
    pub fn add(&self, event: &Event) {
        match event {
            Event::Speech(speech) => {
                let mut recordings = lock(&self.0);
                let Some((_, utterances)) = recordings.get_mut(&speech.request) else {
                    return;
                };
                utterances.push(kept(speech.clone()));
                let samples = utterances.iter().map(|speech| speech.samples.len());
                if samples.sum::<usize>() > MAX_SAMPLES {
                    recordings.remove(&speech.request);
                }
            }
            Event::UtteranceFailed { request, .. }
            | Event::Warning {
                request: Some(request),
                ..
            } => {
                lock(&self.0).remove(request);
            }
            _ => {}
        }
    }

    /// Ends the recording of `request`.
    pub fn end(&self, request: RequestId) -> Option<(Key, Vec<Speech>)> {
        let (key, utterances) = lock(&self.0).remove(&request)?;
        (!utterances.is_empty()).then_some((key, utterances))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speech(text: &str, samples: usize) -> Speech {
        kept(Speech {
            request: 0,
            utterance: 0,
            piece: 0,
            last: true,
            text: text.into(),
            samples: (0..samples).map(|i| i as f32 / 7.0).collect(),
            marks: vec![Mark {
                name: "here".into(),
                sample: 3,
            }],
            words: vec![Word {
                text: "Hello,".into(),
                samples: 1..4,
            }],
            stats: stats(5),
        })
    }

    #[test]
    fn what_was_written_comes_back_and_anything_else_is_nothing() {
        let key = Key([7; 32]);
        let piece = |piece, last| Speech {
            utterance: 1,
            piece,
            last,
            ..speech("two", 20)
        };
        let one = vec![speech("one", 100), piece(0, false), piece(1, true)];
        let bytes = encode(&key, &one).unwrap();
        assert_eq!(decode(&key, &bytes), Some(one));
        for length in 0..bytes.len() {
            assert_eq!(decode(&key, &bytes[..length]), None, "{length} bytes");
        }
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 4;
            assert_eq!(decode(&key, &bad), None, "byte {at} flipped");
        }
        assert_eq!(decode(&Key([8; 32]), &bytes), None);
    }

    #[test]
    fn memory_is_bounded_and_the_least_recently_used_goes_first() {
        let cache = Announcements::new("a test".into(), None);
        let third = MEMORY_LIMIT / size_of::<f32>() / 3;
        let keys = [1, 2, 3, 4].map(|n| Key([n; 32]));
        for key in &keys[..3] {
            cache.put(
                *key,
                vec![speech("text", third)],
                AnnouncementCaching::Memory,
            );
        }
        assert!(cache.get(&keys[0], AnnouncementCaching::Memory).is_some());
        cache.put(
            keys[3],
            vec![speech("text", third)],
            AnnouncementCaching::Memory,
        );
        let there = keys.map(|key| cache.get(&key, AnnouncementCaching::Memory).is_some());
        assert_eq!(there, [true, false, true, true]);
        assert!(cache.get(&keys[0], AnnouncementCaching::Off).is_none());
    }

    #[test]
    fn only_on_disk_does_an_announcement_outlive_the_model() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Announcements::new("a test".into(), Some(dir.path().join("cache/speech")));
        let (key, other) = (Key([1; 32]), Key([2; 32]));
        let first = open();
        first.put(key, vec![speech("text", 10)], AnnouncementCaching::Disk);
        first.put(other, vec![speech("text", 10)], AnnouncementCaching::Memory);
        let second = open();
        assert!(second.get(&key, AnnouncementCaching::Memory).is_none());
        let found = second.get(&key, AnnouncementCaching::Disk).unwrap();
        assert_eq!(*found, [speech("text", 10)]);
        assert!(second.get(&other, AnnouncementCaching::Disk).is_none());
    }
}
