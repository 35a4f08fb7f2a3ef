//! Invariants of everything that happened in one sequence.

use std::collections::{BTreeMap, HashMap, HashSet};

use cosyvoice3::text::{IncrementalText, cue, is_speakable};

use crate::{
    fade::{FADE, fade_of},
    script::{speech_of, utterances_of},
    trace::{Entry, Heard, How, Interrupts},
    world::Voice,
};

/// Warnings that sequences may cause.
const WARNINGS: [&str; 6] = [
    "an utterance was left out",
    "a text was refused because",
    "nothing to say",
    "not UTF-8",
    "after its time",
    // Random weights seldom end by themselves.
    " was cut ",
];

/// One accepted text. Messages are posted by one thread at a time, so that they may come later than what they report;
/// their own order counts.
#[derive(Default)]
struct Text {
    text: Option<String>,
    /// Return of the action signal; a text without one counts as never having waited.
    said: Option<usize>,
    priority: i32,
    interrupts: Interrupts,
    started: bool,
    ended: Option<(How, String)>,
    heard: Vec<f32>,
    /// Entry at which it was first heard, and the one since which it was certain to be next.
    first: Option<(usize, usize)>,
    /// Limit of what may still be heard, since it was interrupted.
    most: Option<Most>,
    /// Samples of each buffer that came after its end was reported.
    late: Vec<usize>,
}

impl Text {
    /// Texts that no signal brought have priority 0, and so have those whose signal has not returned yet, as far as is
    /// known.
    fn is_priority_known(&self) -> bool {
        self.said.is_some()
    }
}

enum Most {
    /// One buffer may have been on its way, and for a sentence its rest.
    AfterNext(Interrupts),
    Samples(usize),
}

#[derive(Default)]
struct Epoch {
    live: bool,
    cues: bool,
    caps: bool,
    segment: bool,
    eos: Option<gst::Seqnum>,
    last: Option<Heard>,
}

pub struct Model<'a> {
    pub voice: &'a Voice,
    pub live: bool,
    pub may_become_live: bool,
    pub timed: bool,
}

/// A walk over the entries, which checks each against those before it.
struct Walk<'a> {
    model: &'a Model<'a>,
    entries: &'a [Entry],
    texts: BTreeMap<u64, Text>,
    /// Entry at which the speech of a text was last made.
    vocoded: HashMap<&'a str, usize>,
    /// Entry at which the application last took a buffer.
    last_taken: usize,
    epoch: Epoch,
    /// The sequence harms the element, which may then fail.
    mischief: bool,
    flushed: bool,
    flushes: usize,
    flush_victims: Vec<u64>,
    silenced: HashSet<u64>,
    stops: usize,
    cancelled: HashSet<u64>,
    all_cancelled: bool,
    loading: bool,
}

impl<'a> Walk<'a> {
    fn new(model: &'a Model<'a>, entries: &'a [Entry]) -> Self {
        Self {
            model,
            entries,
            texts: BTreeMap::new(),
            vocoded: HashMap::new(),
            last_taken: 0,
            epoch: Epoch::default(),
            mischief: false,
            flushed: false,
            flushes: 0,
            flush_victims: Vec::new(),
            silenced: HashSet::new(),
            stops: 0,
            cancelled: HashSet::new(),
            all_cancelled: false,
            loading: false,
        }
    }

    fn take(&mut self, at: usize, entry: &'a Entry) -> Result<(), String> {
        match entry {
            Entry::Runs | Entry::FlushBegins | Entry::Flushed | Entry::FlushEnds => {
                self.stream(entry);
            }
            Entry::Stopped => self.stops += 1,
            Entry::Cancels(Some(id)) => {
                self.cancelled.insert(*id);
            }
            Entry::Cancels(None) => self.all_cancelled = true,
            Entry::Mischief => self.mischief = true,
            Entry::Queued { id, text } => {
                let known = self.texts.entry(*id).or_default();
                if known.text.replace(text.clone()).is_some() {
                    return Err(format!("text {id} is queued twice"));
                }
            }
            Entry::Said {
                id,
                priority,
                interrupts,
            } => self.said(at, *id, *priority, *interrupts),
            Entry::Vocoded { text } => {
                self.vocoded.insert(text, at);
            }
            Entry::Started { id } => {
                let text = self.texts.entry(*id).or_default();
                if text.text.is_none() || text.ended.is_some() || text.started {
                    return Err(format!("text {id} starts before it is queued, or again"));
                }
                text.started = true;
            }
            Entry::Ended {
                id,
                how,
                reason,
                duration,
            } => self.ended(at, *id, *how, reason, *duration)?,
            Entry::Event { kind, seqnum } => match kind {
                gst::EventType::Caps => self.epoch.caps = true,
                gst::EventType::Segment => self.epoch.segment = true,
                gst::EventType::Eos if self.epoch.eos.replace(*seqnum).is_some() => {
                    return Err("a second EOS".into());
                }
                _ => {}
            },
            Entry::Buffer(heard) => self.buffer(at, heard)?,
            Entry::Taken => self.last_taken = at,
            Entry::Error(message) if !self.mischief => return Err(format!("an error: {message}")),
            Entry::Warning(message) if !WARNINGS.iter().any(|known| message.contains(known)) => {
                return Err(format!("a warning: {message}"));
            }
            Entry::Progress(kind) => self.progress(*kind)?,
            Entry::Does(_)
            | Entry::Error(_)
            | Entry::Warning(_)
            | Entry::Property { .. }
            | Entry::UpstreamBegins { .. }
            | Entry::Pushed { .. }
            | Entry::UpstreamEnds => {}
        }
        Ok(())
    }

    fn stream(&mut self, entry: &Entry) {
        match entry {
            Entry::FlushBegins => {
                self.flushes += 1;
                self.flush_victims = self.texts.keys().copied().collect();
            }
            Entry::Flushed => {
                self.flushed = true;
                self.silenced.extend(self.flush_victims.drain(..));
            }
            Entry::FlushEnds => {
                let caps = self.epoch.caps;
                self.epoch = Epoch {
                    caps,
                    ..self.model.epoch()
                };
                self.flushed = false;
            }
            _ => {
                self.epoch = self.model.epoch();
                self.flushed = false;
            }
        }
    }

    fn said(&mut self, at: usize, id: u64, priority: i32, interrupts: Interrupts) {
        let text = self.texts.entry(id).or_default();
        (text.said, text.priority, text.interrupts) = (Some(at), priority, interrupts);
        if interrupts == Interrupts::No {
            return;
        }
        // The signal may return late: a text first heard after this one was not interrupted by it.
        let unheard = if text.ended.is_some() { 0 } else { at };
        let until = text.first.map_or(unheard, |(first, _)| first);
        for other in self.texts.values_mut() {
            if other.first.is_some_and(|(first, _)| first < until)
                && other.ended.is_none()
                && other.priority < priority
                && other.is_priority_known()
            {
                other.most.get_or_insert(Most::AfterNext(interrupts));
            }
        }
    }

    fn ended(
        &mut self,
        at: usize,
        id: u64,
        how: How,
        reason: &str,
        duration: u64,
    ) -> Result<(), String> {
        let text = self.texts.entry(id).or_default();
        if text.text.is_none() {
            return Err(format!("text {id} ends before it is queued"));
        }
        if text.ended.replace((how, reason.to_owned())).is_some() {
            return Err(format!("text {id} ends twice"));
        }
        if how == How::Finished && duration != time_of(text.heard.len()) {
            return Err(format!(
                "text {id} was heard for {} samples, its end reports {duration} ns",
                text.heard.len()
            ));
        }
        let priority = text.priority;
        let has_cause = match reason {
            "cancelled" => self.all_cancelled || self.cancelled.contains(&id),
            "flushed" => self.flushes > 0,
            "stopped" => self.stops > 0 || self.entries[at..].iter().any(is_stop),
            "the stream has ended" => self.mischief,
            // By a text whose messages come later.
            "displaced" => true,
            "interrupted" => self.texts.values().any(|other| {
                // The signal may not have returned yet.
                (other.interrupts != Interrupts::No && other.priority > priority)
                    || other.said.is_none()
            }),
            _ if how == How::Failed => self.mischief,
            _ => how == How::Finished,
        };
        if has_cause {
            Ok(())
        } else {
            Err(format!("text {id} ended for no reason: {how:?}, {reason}"))
        }
    }

    fn buffer(&mut self, at: usize, heard: &Heard) -> Result<(), String> {
        if self.flushed {
            return Err(format!("{heard:?} is heard during a flush"));
        }
        self.model.check_stamps(&self.epoch, heard)?;
        if let Some(id) = heard.id {
            if self.silenced.contains(&id) {
                return Err(format!("text {id} is heard after a flush"));
            }
            let text = self.texts.entry(id).or_default();
            let made = text.text.as_deref().and_then(|text| self.vocoded.get(text));
            let since = self.last_taken.max(made.copied().unwrap_or(0));
            self.model.hear(text, id, heard, (at, since))?;
        }
        self.epoch.last = Some(heard.clone());
        Ok(())
    }

    fn progress(&mut self, kind: gst::ProgressType) -> Result<(), String> {
        match kind {
            gst::ProgressType::Start if std::mem::replace(&mut self.loading, true) => {
                Err("loading is reported to begin twice".into())
            }
            gst::ProgressType::Start | gst::ProgressType::Continue => Ok(()),
            _ if !std::mem::take(&mut self.loading) => Err(format!("loading ends again: {kind:?}")),
            _ => Ok(()),
        }
    }
}

impl Model<'_> {
    fn speech(&self, text: &str) -> Result<Vec<f32>, String> {
        match self.voice {
            Voice::Script => Ok(speech_of(text)),
            Voice::Model { texts, .. } => texts
                .iter()
                .find(|(known, _)| known == text)
                .map(|(_, speech)| speech.clone())
                .ok_or_else(|| format!("the speech is unknown of {text:?}")),
        }
    }

    /// The end of the utterance that the sample before `at` belongs to.
    fn end_of_utterance(&self, text: &str, at: usize) -> usize {
        if !matches!(self.voice, Voice::Script) {
            return usize::MAX;
        }
        let mut end = 0;
        for utterance in utterances_of(text) {
            if end >= at {
                break;
            }
            end += utterance.len();
        }
        end.max(at)
    }

    /// Fails with the invariant that does not hold.
    pub fn check(&self, entries: &[Entry]) -> Result<(), String> {
        let mut walk = Walk::new(self, entries);
        for (at, entry) in entries.iter().enumerate() {
            walk.take(at, entry)?;
        }
        if walk.loading {
            return Err("the end of loading is not reported".into());
        }
        Self::check_order(&walk.texts)?;
        Self::check_displaced(&walk.texts)?;
        for (id, text) in &walk.texts {
            self.check_end(*id, text)?;
        }
        self.check_upstream(entries)
    }

    fn epoch(&self) -> Epoch {
        Epoch {
            live: self.live || self.may_become_live,
            cues: self.timed,
            ..Epoch::default()
        }
    }

    fn check_stamps(&self, epoch: &Epoch, heard: &Heard) -> Result<(), String> {
        let fail = |what: &str| Err(format!("{what}: {heard:?} after {:?}", epoch.last));
        if !epoch.caps || !epoch.segment {
            return fail("no caps or segment before a buffer");
        }
        if epoch.eos.is_some() {
            return fail("a buffer after EOS");
        }
        if heard.offset_end - heard.offset != heard.samples.len() as u64 {
            return fail("another count of samples");
        }
        let end = time_of(heard.offset_end as usize);
        if heard.pts != time_of(heard.offset as usize) || heard.pts + heard.duration != end {
            return fail("stamps that are not those of the samples");
        }
        let expected = epoch.last.as_ref().map(|last| last.offset_end);
        if heard.offset < expected.unwrap_or(0) {
            return fail("time jumps back");
        }
        if expected.is_none() != heard.discont && expected.is_none() {
            return fail("a stream begins without DISCONT");
        }
        if expected.is_some_and(|expected| expected != heard.offset) && !heard.discont {
            return fail("time jumps without DISCONT");
        }
        if !epoch.live && !epoch.cues {
            if heard.offset != expected.unwrap_or(0) {
                return fail("a hole in an offline stream");
            }
            if expected.is_some() && heard.discont {
                return fail("DISCONT in an offline stream");
            }
        }
        if heard.gap != heard.id.is_none() || (heard.gap && !epoch.live) {
            return fail("neither speech nor the silence of a live stream");
        }
        if heard.gap && heard.samples.iter().any(|sample| *sample != 0.0) {
            return fail("silence that is not silent");
        }
        Ok(())
    }

    /// `at`: this entry, and the one since which it was certain that this text would be next.
    fn hear(
        &self,
        text: &mut Text,
        id: u64,
        heard: &Heard,
        at: (usize, usize),
    ) -> Result<(), String> {
        text.first.get_or_insert(at);
        text.heard.extend(&heard.samples);
        if let Some((how, _)) = &text.ended {
            text.late.push(heard.samples.len());
            // One buffer may have been on its way, and then the fade of what was cut.
            let fade: usize = text.late[1..].iter().sum();
            if *how != How::Cancelled || fade > FADE {
                return Err(format!("text {id} is heard after its end"));
            }
        }
        let most = match &text.most {
            None => None,
            Some(Most::Samples(most)) => Some(*most),
            Some(Most::AfterNext(Interrupts::Sentence)) => {
                let words = text.text.as_deref().unwrap_or_default();
                Some(self.end_of_utterance(words, text.heard.len()))
            }
            Some(Most::AfterNext(_)) => Some(text.heard.len() + FADE),
        };
        if let Some(most) = most {
            if text.heard.len() > most {
                return Err(format!("text {id} goes on after it was interrupted"));
            }
            text.most = Some(Most::Samples(most));
        }
        Ok(())
    }

    /// Higher priorities go first, and equal ones in their order.
    fn check_order(texts: &BTreeMap<u64, Text>) -> Result<(), String> {
        let heard = || {
            let texts = texts.iter().filter(|(_, text)| text.said.is_some());
            texts.filter_map(|(id, text)| Some((id, text, text.first?)))
        };
        for (id, text, (first, since)) in heard() {
            for (other_id, other, (other_first, _)) in heard() {
                let goes_first = other.priority > text.priority
                    || (other.priority == text.priority && other_id < id);
                if goes_first && other_first > first && other.said.is_some_and(|said| said < since)
                {
                    return Err(format!("text {id} is heard before {other_id}"));
                }
            }
        }
        Ok(())
    }

    /// Only a text that was not heard is displaced, and only by one of higher priority.
    fn check_displaced(texts: &BTreeMap<u64, Text>) -> Result<(), String> {
        for (id, text) in texts {
            let displaced = text
                .ended
                .as_ref()
                .is_some_and(|(_, reason)| reason == "displaced");
            let mut later = texts.range(id + 1..).map(|(_, other)| other);
            let more_important = later.any(|other| other.priority > text.priority);
            if displaced && (!text.heard.is_empty() || text.started || !more_important) {
                return Err(format!("text {id} was displaced for no reason"));
            }
        }
        Ok(())
    }

    fn check_end(&self, id: u64, text: &Text) -> Result<(), String> {
        let Some(words) = &text.text else {
            return Err(format!("text {id} was never reported as queued"));
        };
        let Some((how, _)) = &text.ended else {
            return Err(format!("text {id} ({words:?}) never ended"));
        };
        if text.heard.is_empty() && *how != How::Finished {
            return Ok(());
        }
        if !text.started && !text.heard.is_empty() {
            return Err(format!(
                "text {id} was heard, and its start was not reported"
            ));
        }
        let whole = self.speech(words)?;
        let holds = match how {
            How::Finished => text.heard == whole,
            // A failure for good comes in the middle.
            How::Cancelled | How::Failed => fade_of(&text.heard, &whole).is_some(),
        };
        match holds {
            true => Ok(()),
            false => Err(format!(
                "text {id} ({words:?}) is {how:?}, and {} of its {} samples were heard, or others",
                text.heard.len(),
                whole.len()
            )),
        }
    }

    /// Each text that upstream pushed successfully is accepted, once and in order.
    fn check_upstream(&self, entries: &[Entry]) -> Result<(), String> {
        let properties: HashSet<&String> = entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Property { text } => Some(text),
                _ => None,
            })
            .collect();
        let said: HashSet<u64> = entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Said { id, .. } => Some(*id),
                _ => None,
            })
            .collect();
        let mut queued = entries.iter().filter_map(|entry| match entry {
            Entry::Queued { id, text } if !said.contains(id) && !properties.contains(text) => {
                Some(text)
            }
            _ => None,
        });
        // Texts of a model are not unique: its properties would be taken for upstream's.
        if !matches!(self.voice, Voice::Script) {
            return Ok(());
        }
        let begins = |entry: &&Entry| matches!(entry, Entry::UpstreamBegins { .. });
        for epoch in entries.split_inclusive(|entry| begins(&entry)).skip(1) {
            if matches!(epoch.last(), Some(Entry::UpstreamBegins { sure: false })) {
                return Ok(());
            }
            let (sure, all) = expected(epoch);
            for (i, text) in all.iter().enumerate() {
                let mut ahead = queued.clone();
                // Lines of one cue that are one sentence are queued as one line.
                if ahead
                    .next()
                    .is_some_and(|queued| cue::joined(queued) == cue::joined(text))
                {
                    queued = ahead;
                } else if i < sure {
                    return Err(format!("{text:?} from upstream is lost"));
                } else {
                    break;
                }
            }
        }
        match queued.next() {
            Some(text) => Err(format!("{text:?} did not come from upstream so")),
            None => Ok(()),
        }
    }
}

/// The texts of one stream from upstream: how many must have been accepted, and all that may.
fn expected(entries: &[Entry]) -> (usize, Vec<String>) {
    let mut text = IncrementalText::new();
    let mut all = Vec::new();
    let (mut sure, mut failed) = (0, false);
    for entry in entries {
        match entry {
            Entry::Pushed {
                bytes,
                timed,
                taken,
            } => {
                if *timed {
                    let text = String::from_utf8_lossy(bytes);
                    all.push(cue::plain(
                        &text,
                        cue::Format::Srt,
                        cue::LeaveOut::default(),
                    ));
                } else {
                    all.extend(text.push(bytes));
                }
                all.retain(|text: &String| is_speakable(text));
                failed |= !taken;
                if !failed {
                    sure = all.len();
                }
            }
            Entry::UpstreamEnds => {
                all.extend(text.finish());
                all.retain(|text| is_speakable(text));
            }
            _ => {}
        }
    }
    (sure, all)
}

fn is_stop(entry: &Entry) -> bool {
    matches!(entry, Entry::Stopped)
}

/// Nanoseconds of so many samples.
fn time_of(samples: usize) -> u64 {
    (samples as u128 * 1_000_000_000 / 24_000) as u64
}
