//! Speech of the engine on its way into the timeline: held until it can be fitted into its slot, cut into pieces.

use super::{
    enums::OverflowSetting,
    metas,
    queue::Origin,
    settings::Settings,
    state::State,
    stretch,
    timeline::{Cue, Piece, clock_time, sample_at},
};
use cosyvoice3::{Event, Language, Speech};

/// Most that speech is compressed: more cannot be understood.
const MAX_COMPRESSION: f64 = 2.0;

impl State {
    /// Takes the speech of one utterance. Returns false if its announcement is cancelled.
    pub fn take_speech(&mut self, speech: Speech, settings: &Settings) -> bool {
        let Some(announcement) = self.queue.current(speech.request) else {
            return false;
        };
        if announcement.interrupted {
            announcement.dropped = true;
            return true;
        }
        announcement.progress.add(&speech);
        if speech.samples.is_empty() {
            return true;
        }
        self.stream.failures = 0;
        self.stream.failure = None;
        self.stream.spoken = true;
        let has_slot = announcement.cue().is_some_and(|cue| cue.duration.is_some());
        if has_slot && settings.overflow == OverflowSetting::Compress {
            // The factor is known when the announcement is complete.
            announcement.held.speech.push(speech);
        } else {
            self.cut_into_pieces(speech, settings);
        }
        true
    }

    /// At the end of a request: moves the speech that was held for it into the timeline, compressed to the time of its slot.
    /// The event is then kept until that speech is pushed. Returns false if no speech was held.
    pub fn release_held(&mut self, end: &Event, settings: &Settings) -> bool {
        let Event::Finished { request, .. } = end else {
            return false;
        };
        let position = self.stream.timeline.position;
        let Some(announcement) = self.queue.current(*request) else {
            return false;
        };
        let speech = std::mem::take(&mut announcement.held.speech);
        if speech.is_empty() {
            return false;
        }
        announcement.held.end = Some(end.clone());
        let length = speech.iter().map(|speech| speech.samples.len()).sum();
        let factor = announcement
            .cue()
            .and_then(|cue| compression(cue, position, length, settings.max_overflow));
        announcement.progress.compression = factor;
        for mut speech in speech {
            if let Some(factor) = factor {
                compress(&mut speech, factor);
            }
            self.cut_into_pieces(speech, settings);
        }
        true
    }

    /// Cuts the speech of one utterance of the announcement at the head into buffers without stamps.
    fn cut_into_pieces(&mut self, speech: Speech, settings: &Settings) {
        let Some(announcement) = self.queue.current(speech.request) else {
            return;
        };
        let samples = speech.samples.len() as u64;
        let until = match settings.overflow {
            OverflowSetting::Clip => announcement.cue().and_then(|cue| cue.end()).map(sample_at),
            _ => None,
        };
        // For muxing subtitles that became a sound track; an application's own announcement needs no label.
        let language = match announcement.origin {
            Origin::Upstream(..) => Language::detect(&speech.text),
            Origin::Application => None,
        };
        let voice = announcement.settings.voice.clone();
        // Only the first utterance of an announcement has its time; the others follow it.
        let first = announcement.progress.made == 0;
        let cue = announcement.cue().filter(|_| first);
        announcement.progress.made += samples;
        let whole = gst::Buffer::from_mut_slice(Samples(speech.samples));
        let piece_length = match settings.buffer_duration {
            0 => samples,
            nanoseconds => sample_at(clock_time(nanoseconds)).max(1),
        };
        let mut marks = speech.marks.into_iter().peekable();
        let mut words = speech.words.into_iter().peekable();
        let mut from = 0;
        while from < samples {
            let count = piece_length.min(samples - from);
            let end = from + count;
            let mut piece = Piece::new(part(&whole, from, count), count, announcement.id);
            metas::label(piece.buffer.make_mut(), piece.id);
            while let Some(mark) =
                marks.next_if(|mark| (mark.sample as u64) < end || end == samples)
            {
                let at = mark.sample as u64 - from;
                metas::mark(piece.buffer.make_mut(), &mark.name, at);
                piece.marks.push((mark.name, at));
            }
            while let Some(mut word) =
                words.next_if(|word| (word.samples.start as u64) < end || end == samples)
            {
                word.samples.start -= from as usize;
                word.samples.end -= from as usize;
                piece.words.push(word);
            }
            piece.first = from == 0;
            if first && piece.first {
                metas::copy_metas(piece.buffer.make_mut(), &announcement.origin);
            }
            piece.cue = cue.filter(|_| piece.first);
            piece.overlaps = settings.overflow == OverflowSetting::Overlap;
            piece.until = until;
            piece.language = language;
            piece.voice.clone_from(&voice);
            self.stream.timeline.push(piece);
            from = end;
        }
    }
}

/// A part of a buffer of samples, without a copy.
fn part(whole: &gst::Buffer, from: u64, count: u64) -> gst::Buffer {
    if count as usize * 4 == whole.size() {
        return whole.clone();
    }
    let range = from as usize * 4..(from + count) as usize * 4;
    whole
        .copy_region(gst::BufferCopyFlags::MEMORY, range)
        .expect("a part of the buffer")
}

/// Factor by which `length` samples have to be compressed, if they are too long for their slot and `max_overflow`
/// milliseconds behind it. They begin when earlier speech has ended, at `position`.
fn compression(cue: Cue, position: u64, length: usize, max_overflow: u32) -> Option<f64> {
    let end = cue.end()?;
    let end = end.saturating_add(gst::ClockTime::from_mseconds(max_overflow.into()));
    let room = sample_at(end).saturating_sub(position.max(sample_at(cue.start)));
    (length as u64 > room).then(|| (length as f64 / room as f64).min(MAX_COMPRESSION))
}

fn compress(speech: &mut Speech, factor: f64) {
    // A quotient that is whole but for its last bit is whole.
    let place = |sample: usize| (sample as f64 / factor + 1e-6) as usize;
    speech.samples = stretch::compress(&speech.samples, place(speech.samples.len()));
    for mark in &mut speech.marks {
        mark.sample = place(mark.sample);
    }
    for word in &mut speech.words {
        word.samples = place(word.samples.start)..place(word.samples.end);
    }
}

/// Samples as the bytes of a buffer, without a copy.
struct Samples(Vec<f32>);

impl AsRef<[u8]> for Samples {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl AsMut<[u8]> for Samples {
    fn as_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_is_compressed_by_what_it_is_too_long_for_its_slot_and_at_most_to_half() {
        let slot = |start_ms, duration_ms| Cue {
            start: gst::ClockTime::from_mseconds(start_ms),
            duration: Some(gst::ClockTime::from_mseconds(duration_ms)),
        };
        for (cue, position_ms, length_ms, max_overflow, factor) in [
            (slot(1000, 2000), 0, 2000, 0, None),
            (slot(1000, 2000), 0, 2500, 0, Some(1.25)),
            (slot(1000, 2000), 0, 2500, 500, None),
            (slot(1000, 2000), 0, 3000, 500, Some(1.2)),
            // Earlier speech takes a part of the slot, or all of it.
            (slot(1000, 2000), 2000, 1500, 0, Some(1.5)),
            (slot(1000, 2000), 3000, 1500, 0, Some(2.0)),
            (slot(1000, 2000), 9000, 1500, 500, Some(2.0)),
            (slot(1000, 2000), 0, 9000, 0, Some(2.0)),
        ] {
            let found = compression(cue, position_ms * 24, length_ms * 24, max_overflow);
            assert_eq!(found, factor, "{length_ms} ms at {position_ms} ms");
        }
        let endless = Cue {
            duration: None,
            ..slot(0, 0)
        };
        assert_eq!(compression(endless, 0, 1_000_000, 0), None);
    }
}
