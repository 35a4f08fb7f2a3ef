//! Arithmetic of the stream, in samples from running time 0: stamps, due times, cuts and their fades. No pads, no locks.
//!
//! Times come from other elements and may be anything up to 2⁶⁴-2 ns, so every sum saturates.

use std::{collections::VecDeque, sync::Arc};

use cosyvoice3::{Language, SAMPLE_RATE, Word};

/// Samples of one buffer of silence: 20 ms, as much as the usual RTP packet holds.
pub(super) const TICK: u64 = 480;
/// Samples over which speech fades that is cut: 5 ms, too short to be heard as a fade and long enough not to click.
pub(super) const FADE: u64 = 120;
/// A live stream that is so far behind the clock does not catch up, but goes on at the clock's time.
const FAR_BEHIND: u64 = SAMPLE_RATE as u64;

/// Slot of an announcement, in running time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cue {
    pub start: gst::ClockTime,
    pub duration: Option<gst::ClockTime>,
}

impl Cue {
    /// End of the slot, if it has one.
    pub fn end(&self) -> Option<gst::ClockTime> {
        self.duration
            .map(|duration| self.start.saturating_add(duration))
    }
}

/// A time from a number that may be too large for one; the largest time then.
pub(super) fn clock_time(nanoseconds: u64) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(nanoseconds.min(gst::ClockTime::MAX.nseconds()))
}

/// Time of a sample, rounded down; the largest time for samples beyond it.
pub(super) fn time_of(samples: u64) -> gst::ClockTime {
    let nanoseconds = u128::from(samples) * 1_000_000_000 / u128::from(SAMPLE_RATE);
    clock_time(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// The first sample that is not before `time`. At most 4.5e14, so that a few more can always be added.
pub(super) fn sample_at(time: gst::ClockTime) -> u64 {
    (u128::from(time.nseconds()) * u128::from(SAMPLE_RATE)).div_ceil(1_000_000_000) as u64
}

/// Duration of the samples from `from` to `to`, as the difference of their times: rounding never adds up.
pub(super) fn duration_of(from: u64, to: u64) -> gst::ClockTime {
    time_of(to).saturating_sub(time_of(from))
}

/// Gain of sample number `index` of a fade over `length` samples: a raised cosine that ends at 0.
fn gain(index: u64, length: u64) -> f32 {
    let phase = (index + 1) as f32 / length as f32;
    0.5 * (1.0 + (std::f32::consts::PI * phase).cos())
}

/// A fade of speech to silence.
#[derive(Debug, Clone, Copy)]
struct Fade {
    /// Its first sample.
    from: u64,
    /// The sample behind its last one, at which speech is cut.
    to: u64,
}

/// A buffer without stamps: an utterance or a part of it.
pub(super) struct Piece {
    pub buffer: gst::Buffer,
    pub samples: u64,
    /// The text it belongs to.
    pub id: u64,
    /// Time of the text, on its first piece.
    pub cue: Option<Cue>,
    /// It keeps the time of its text beside earlier speech.
    pub overlaps: bool,
    /// An utterance begins with it.
    pub first: bool,
    /// The sample at which it is cut, if its slot has an end that counts.
    pub until: Option<u64>,
    /// The fade of a cut that has been made, in samples from the beginning of this piece.
    fade: Option<CutFade>,
    pub language: Option<Language>,
    /// The voice that was asked for.
    pub voice: Option<String>,
    /// Named places and the samples of the piece before which they lie.
    pub marks: Vec<(Arc<str>, u64)>,
    /// Words that begin in it, in samples from its first one.
    pub words: Vec<Word>,
}

/// The share of a piece in the fade of a cut: the piece begins with sample `index` of `length`.
#[derive(Clone, Copy)]
struct CutFade {
    index: u64,
    length: u64,
}

impl Piece {
    /// Up to `samples` of an utterance of the text `id`.
    pub fn new(buffer: gst::Buffer, samples: u64, id: u64) -> Self {
        Self {
            buffer,
            samples,
            id,
            cue: None,
            overlaps: false,
            first: false,
            until: None,
            fade: None,
            language: None,
            voice: None,
            marks: Vec::new(),
            words: Vec::new(),
        }
    }

    fn shorten(&mut self, samples: u64) {
        if samples >= self.samples {
            return;
        }
        self.samples = samples;
        self.marks.retain(|(_, at)| *at < samples);
        self.words
            .retain(|word| (word.samples.start as u64) < samples);
        for word in &mut self.words {
            word.samples.end = word.samples.end.min(samples as usize);
        }
        // GStreamer copies no empty region, and what has no samples is not pushed.
        if samples > 0 {
            self.buffer = self
                .buffer
                .copy_region(gst::BufferCopyFlags::all(), ..samples as usize * 4)
                .expect("a part of the buffer");
        }
    }

    /// Multiplies its samples by `fade`; `at` is the number of its first one.
    fn apply(&mut self, fade: Fade, at: u64) {
        let length = fade.to.saturating_sub(fade.from);
        let mut map = self
            .buffer
            .make_mut()
            .map_writable()
            .expect("memory of our own, or a copy of it");
        let before = fade.from.saturating_sub(at).min(self.samples);
        let faded = map[before as usize * 4..].chunks_exact_mut(4);
        for (bytes, number) in faded.zip(at.max(fade.from)..fade.to) {
            let sample = f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            bytes.copy_from_slice(&(sample * gain(number - fade.from, length)).to_ne_bytes());
        }
    }
}

/// Result of a cut.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Remains {
    /// Speech was thrown away or made silent.
    pub any: bool,
    /// Samples that fade out, still to be pushed.
    pub fading: u64,
    /// The text that they belong to.
    pub id: u64,
}

/// A piece that has its place.
pub(super) struct Placed {
    /// The piece, with stamps unless it is empty.
    pub piece: Piece,
    /// Its first sample.
    pub at: u64,
    /// The end of what was pushed before it.
    pub before: u64,
    /// By how much it comes later than its cue and the latency allow.
    pub late: Option<gst::ClockTime>,
}

/// Position of the stream, and the speech that was made and not pushed yet.
#[derive(Default)]
pub(super) struct Timeline {
    /// Samples from running time 0 to the end of what was pushed.
    pub position: u64,
    /// Stamps follow the clock.
    pub live: bool,
    /// A live stream has taken its first position from the clock.
    placed: bool,
    /// The next buffer does not follow its predecessor.
    pub discont: bool,
    /// Pieces of one utterance that are still to be pushed; the end of a cut one may stand before them.
    pieces: VecDeque<Piece>,
    /// The first sample of the utterance that is being pushed.
    utterance: u64,
}

impl Timeline {
    /// The beginning of a stream; `live` stamps follow the clock.
    pub fn new(live: bool) -> Self {
        Self {
            live,
            ..Self::default()
        }
    }

    /// The piece that comes next.
    pub fn front(&self) -> Option<&Piece> {
        self.pieces.front()
    }

    /// True if nothing is left to be pushed.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Appends a piece.
    pub fn push(&mut self, piece: Piece) {
        self.pieces.push_back(piece);
    }

    /// Keeps a live stream's position near the clock's, `now` in samples. `waits` says that nothing fills the time between
    /// utterances.
    pub fn place(&mut self, now: u64, waits: bool) {
        // If nothing fills the time, an utterance begins when it is ready; its pieces follow each other without a hole.
        let begins = self.pieces.front().is_some_and(|piece| piece.first);
        let jump = !self.placed
            || now > self.position.saturating_add(FAR_BEHIND)
            || (waits && begins && now > self.position.saturating_add(TICK));
        if jump && now > self.position {
            self.position = now;
            self.discont = true;
        }
        self.placed = true;
    }

    /// The sample at which a piece is due.
    pub fn due(&self, piece: &Piece) -> u64 {
        match piece.cue.map(|cue| sample_at(cue.start)) {
            Some(start) if piece.overlaps => start,
            Some(start) => start.max(self.position),
            None => self.position,
        }
    }

    /// Takes the next piece and gives it its place: at its cue, but not before `earliest`, and no further than its slot, in
    /// which there may be room for none of its samples.
    pub fn take(&mut self, earliest: Option<u64>) -> Option<Placed> {
        let mut piece = self.pieces.pop_front()?;
        let before = self.position;
        let mut at = self.due(&piece);
        let mut late = None;
        if let (Some(earliest), Some(_)) = (earliest, piece.cue)
            && earliest > at
        {
            late = Some(duration_of(at, earliest));
            at = earliest;
        }
        self.discont |= at != before;
        self.position = at;
        if piece.first {
            self.utterance = at;
        }
        if let Some(until) = piece.until {
            let end = at.saturating_add(piece.samples).saturating_add(self.rest());
            piece.shorten(until.saturating_sub(at));
            if end > until {
                self.fade_slot(&mut piece, at, until);
            }
        }
        if let Some(CutFade { index, length }) = piece.fade {
            let fade = Fade {
                from: 0,
                to: length,
            };
            piece.apply(fade, index);
        }
        if piece.samples > 0 {
            let samples = piece.samples;
            self.stamp(piece.buffer.make_mut(), samples);
        }
        Some(Placed {
            piece,
            at,
            before,
            late,
        })
    }

    /// Samples of the utterance behind the piece that was taken.
    fn rest(&self) -> u64 {
        let pieces = self.pieces.iter().take_while(|piece| !piece.first);
        pieces.map(|piece| piece.samples).sum()
    }

    /// Fades what lies in the last samples before the end of the slot.
    fn fade_slot(&self, piece: &mut Piece, at: u64, until: u64) {
        // An utterance that begins in them fades over what there is.
        let from = until.saturating_sub(FADE).max(self.utterance);
        if at.saturating_add(piece.samples) > from {
            piece.apply(Fade { from, to: until }, at);
        }
    }

    /// Stamps a buffer of so many samples with the position, and advances it.
    pub fn stamp(&mut self, buffer: &mut gst::BufferRef, samples: u64) {
        let (from, to) = (self.position, self.position.saturating_add(samples));
        buffer.set_pts(time_of(from));
        buffer.set_duration(duration_of(from, to));
        buffer.set_offset(from);
        buffer.set_offset_end(to);
        if std::mem::take(&mut self.discont) {
            buffer.set_flags(gst::BufferFlags::DISCONT);
        }
        self.position = to;
    }

    /// Advances to the sample `to` without a buffer; where it was before, if it was not there yet.
    pub fn skip(&mut self, to: u64) -> Option<u64> {
        let from = self.position;
        (to > from).then(|| {
            self.position = to;
            self.discont = true;
            from
        })
    }

    /// Throws away what was made but not pushed; whether there was any.
    pub fn drop_all(&mut self) -> bool {
        let any = !self.pieces.is_empty();
        self.pieces.clear();
        any
    }

    /// The same, but what is left of an utterance that was begun stays.
    pub fn drop_what_has_not_begun(&mut self) -> bool {
        // There are pieces of one utterance only.
        let begins = self.pieces.front().is_some_and(|piece| piece.first);
        begins && self.drop_all()
    }

    /// The same, but of an utterance that was begun the next [`FADE`] samples stay, and fade.
    pub fn cut(&mut self) -> Remains {
        let samples = self.pieces.iter().map(|piece| piece.samples).sum();
        let id = match self.pieces.front() {
            // Cut already: what is left is its fade.
            Some(front) if front.fade.is_some() => {
                return Remains {
                    any: false,
                    fading: samples,
                    id: front.id,
                };
            }
            Some(front) if !front.first => front.id,
            _ => {
                return Remains {
                    any: self.drop_all(),
                    ..Remains::default()
                };
            }
        };
        let length = FADE.min(samples);
        let mut index = 0;
        for piece in &mut self.pieces {
            piece.shorten(length - index);
            piece.fade = Some(CutFade { index, length });
            index += piece.samples;
        }
        self.pieces.retain(|piece| piece.samples > 0);
        Remains {
            any: true,
            fading: length,
            id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Speech of ones, in pieces of these lengths.
    fn timeline(position: u64, lengths: &[u64]) -> Timeline {
        gst::init().expect("GStreamer starts");
        let mut timeline = Timeline {
            position,
            ..Timeline::default()
        };
        for (number, length) in lengths.iter().enumerate() {
            let ones = 1_f32.to_ne_bytes().repeat(*length as usize);
            timeline.push(Piece {
                first: number == 0,
                ..Piece::new(gst::Buffer::from_slice(ones), *length, 7)
            });
        }
        timeline
    }

    fn samples(piece: &Piece) -> Vec<f32> {
        if piece.samples == 0 {
            return Vec::new();
        }
        let map = piece.buffer.map_readable().expect("readable");
        let bytes = map.chunks_exact(4);
        bytes
            .map(|bytes| f32::from_ne_bytes(bytes.try_into().expect("four")))
            .collect()
    }

    /// All that is still pushed.
    fn rest(timeline: &mut Timeline) -> Vec<f32> {
        let mut all = Vec::new();
        while let Some(placed) = timeline.take(None) {
            all.extend(samples(&placed.piece));
        }
        all
    }

    /// Number of samples at the end that are no ones any more; fails unless they go down evenly to 0.
    fn faded(samples: &[f32]) -> usize {
        let whole = samples.iter().take_while(|sample| **sample == 1.0).count();
        let fade = &samples[whole..];
        assert!(fade.is_sorted_by(|a, b| a > b), "{fade:?}");
        assert!(fade.last().is_none_or(|last| last.abs() < 1e-6), "{fade:?}");
        let steps = fade.windows(2).map(|pair| pair[0] - pair[1]);
        let most = std::f32::consts::PI / 2.0 / fade.len().max(1) as f32;
        assert!(steps.into_iter().all(|step| step <= most * 1.01));
        fade.len()
    }

    #[test]
    fn what_is_cut_in_the_middle_fades_over_5_ms_or_what_is_left() {
        for (lengths, taken, fade) in [
            (&[480, 480, 480][..], 1, 120),
            (&[480, 50, 480], 1, 120),
            (&[480, 30, 30], 1, 60),
            (&[24; 20], 3, 120),
            (&[480, 1], 1, 1),
            // Nothing of it was heard.
            (&[480, 480], 0, 0),
            // Nothing of it is left.
            (&[480], 1, 0),
        ] {
            let mut timeline = timeline(0, lengths);
            for _ in 0..taken {
                timeline.take(None).expect("there are more");
            }
            let remains = timeline.cut();
            let any = lengths.len() > taken;
            let id = if fade > 0 { 7 } else { 0 };
            let (fading, expected) = (
                fade as u64,
                Remains {
                    any,
                    fading: fade as u64,
                    id,
                },
            );
            assert_eq!(remains, expected, "{lengths:?}");
            // A second cut leaves it as it is.
            assert_eq!(timeline.cut().fading, fading);
            let position = timeline.position;
            let samples = rest(&mut timeline);
            assert_eq!(
                (samples.len(), faded(&samples)),
                (fade, fade),
                "{lengths:?}"
            );
            assert_eq!(timeline.position, position + fading);
        }
    }

    #[test]
    fn what_is_longer_than_its_slot_fades_before_the_end_of_the_slot_and_not_a_sample_longer() {
        for (lengths, until, heard, fade) in [
            (&[960][..], 480, 480, 120),
            // The fade begins in the piece before the one in which the slot ends.
            (&[240, 240, 240], 500, 500, 120),
            (&[24; 40], 480, 480, 120),
            (&[960], 100, 100, 100),
            // Speech that ends by itself does not fade.
            (&[480], 480, 480, 0),
            (&[480], 500, 480, 0),
            (&[480], 0, 0, 0),
        ] {
            for start in [0, 1000] {
                let mut timeline = timeline(start, lengths);
                for piece in &mut timeline.pieces {
                    piece.until = Some(start + until);
                }
                let samples = rest(&mut timeline);
                let found = (samples.len(), faded(&samples));
                assert_eq!(found, (heard, fade), "{lengths:?} until {until}");
                assert_eq!(timeline.position, start + heard as u64);
            }
        }
    }

    #[test]
    fn a_live_stream_follows_the_clock_and_keeps_an_utterance_together() {
        // Position, whether it was placed, the clock, whether nothing fills the time, whether an utterance begins; the
        // position afterwards.
        for (position, placed, now, waits, begins, after) in [
            (0, false, 5000, false, false, 5000),
            (5000, true, 5100, false, false, 5000),
            (5000, true, 29_000, false, false, 5000),
            (5000, true, 29_001, false, false, 29_001),
            (5000, true, 5480, true, true, 5000),
            (5000, true, 5481, true, true, 5481),
            (5000, true, 5481, true, false, 5000),
            (5000, false, 100, false, false, 5000),
        ] {
            let lengths: &[u64] = if begins { &[480] } else { &[] };
            let mut timeline = Timeline {
                placed,
                ..timeline(position, lengths)
            };
            timeline.place(now, waits);
            assert_eq!(timeline.position, after, "{position} at {now}");
            assert_eq!(timeline.discont, after != position);
        }
    }

    #[test]
    fn a_late_text_is_moved_to_where_it_is_still_in_time() {
        for (start, earliest, at, late) in [
            (1000, None, 1000, None),
            (1000, Some(900), 1000, None),
            (
                1000,
                Some(1240),
                1240,
                Some(gst::ClockTime::from_mseconds(10)),
            ),
        ] {
            let mut timeline = timeline(0, &[480]);
            timeline.pieces[0].cue = Some(Cue {
                start: time_of(start),
                duration: None,
            });
            let placed = timeline.take(earliest).expect("a piece");
            assert_eq!((placed.at, placed.before, placed.late), (at, 0, late));
            assert_eq!(placed.piece.buffer.pts(), Some(time_of(at)));
        }
    }

    /// Numbers at the ends of what there is, and between.
    fn extreme() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            0..100_u64,
            (0..100_u64).prop_map(|less| u64::MAX - less),
            (0..100_u64).prop_map(|less| (1 << 63) - less),
        ]
    }

    proptest! {
        #[test]
        fn a_sample_is_found_again_by_its_time(sample in 0..sample_at(gst::ClockTime::MAX)) {
            prop_assert_eq!(sample_at(time_of(sample)), sample);
        }

        #[test]
        fn times_of_any_samples_grow_and_durations_are_never_negative(a in extreme(), b in extreme()) {
            let (a, b) = (a.min(b), a.max(b));
            prop_assert!(time_of(a) <= time_of(b));
            let end = time_of(a).checked_add(duration_of(a, b));
            prop_assert_eq!(end, Some(time_of(b)));
            prop_assert!(sample_at(clock_time(a)) <= sample_at(clock_time(b)));
        }

        #[test]
        fn no_time_however_large_panics(
            position in extreme(),
            start in extreme(),
            duration in prop::option::of(extreme()),
            now in extreme(),
            earliest in prop::option::of(extreme()),
            until in prop::option::of(extreme()),
            waits in any::<bool>(),
        ) {
            let mut timeline = timeline(position, &[100, 100]);
            let cue = Cue {
                start: clock_time(start),
                duration: duration.map(clock_time),
            };
            for piece in &mut timeline.pieces {
                piece.until = until;
            }
            timeline.pieces[0].cue = Some(cue);
            timeline.place(now, waits);
            prop_assert!(timeline.due(&timeline.pieces[0]) >= timeline.position);
            let mut before = timeline.position;
            let mut count = 0;
            while let Some(placed) = timeline.take(earliest) {
                prop_assert!(placed.at >= before && timeline.position >= placed.at);
                before = timeline.position;
                count += 1;
            }
            prop_assert_eq!(count, 2);
            timeline.skip(sample_at(cue.end().unwrap_or(cue.start)));
            prop_assert!(timeline.position >= before);
        }
    }
}
