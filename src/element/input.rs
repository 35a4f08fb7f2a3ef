//! State of the text from upstream: its segment, its times, and bytes that wait for the rest of their sentence.

use super::{
    document,
    speakers::Speakers,
    timeline::{Cue, clock_time},
};
use cosyvoice3::{IncrementalText, Language};

/// Use of the times of texts from upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timing {
    /// Each text is spoken at its time.
    Timed,
    /// Each text is spoken as soon as it can be.
    Soon,
    /// Texts are parts of one.
    Stream,
}

/// State of the text that comes in.
#[derive(Default)]
pub(super) struct Input {
    pub segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    pub text: IncrementalText,
    pub document: document::Incoming,
    pub speakers: Speakers,
    /// Language of the last text with letters.
    pub language: Option<Language>,
    pub warned_invalid: bool,
    /// Decided by the first buffer.
    pub timing: Option<Timing>,
    /// Upstream has ended.
    pub eos: bool,
    /// The pad is not active: no thread may wait in it.
    pub closed: bool,
}

impl Input {
    /// True if texts have times of their own.
    pub fn is_timed(&self) -> bool {
        self.timing == Some(Timing::Timed)
    }

    /// A segment from running time 0 that gives speech the stream time of its text.
    pub fn segment_of_speech(&self) -> gst::FormattedSegment<gst::ClockTime> {
        let mut segment = gst::FormattedSegment::new();
        if let (true, Some(upstream)) = (self.is_timed(), &self.segment) {
            let pace = upstream.rate() * upstream.applied_rate();
            if pace > 0.0 && pace.is_finite() {
                segment.set_applied_rate(pace);
                let earlier = upstream.base().unwrap_or_default().nseconds() as f64 * pace;
                let earlier = clock_time(earlier as u64);
                segment.set_time(upstream.time().unwrap_or_default().saturating_sub(earlier));
            }
        }
        segment
    }

    /// Running time and length of a text or gap from upstream; `None` outside the segment.
    pub fn cue(&self, start: gst::ClockTime, duration: Option<gst::ClockTime>) -> Option<Cue> {
        let segment = self.segment.as_ref()?;
        let end = duration.map(|duration| start.saturating_add(duration));
        let (start, end) = segment.clip(start, end)?;
        let start = segment.to_running_time(start)?;
        let end = segment.to_running_time(end);
        Some(Cue {
            start,
            duration: end.map(|end| end.saturating_sub(start)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time() -> impl Strategy<Value = gst::ClockTime> {
        let end = gst::ClockTime::MAX.nseconds();
        prop_oneof![
            any::<u64>(),
            0..100_u64,
            (0..100_u64).prop_map(move |less| end - less),
        ]
        .prop_map(clock_time)
    }

    fn rate() -> impl Strategy<Value = f64> {
        let rates = [
            1.0,
            2.0,
            0.5,
            -1.0,
            1e-300,
            1e300,
            f64::MAX,
            f64::MIN_POSITIVE,
        ];
        prop::sample::select(rates.to_vec())
    }

    proptest! {
        #[test]
        fn no_times_of_upstream_however_large_panic(
            (start, stop, base, offset) in (time(), prop::option::of(time()), time(), time()),
            (time, rate, applied_rate) in (time(), rate(), rate()),
            (pts, duration) in (time(), prop::option::of(time())),
        ) {
            // GStreamer itself refuses others that go backwards.
            prop_assume!(rate > 0.0 || stop.is_some_and(|stop| stop >= offset));
            gst::init().expect("GStreamer starts");
            let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
            segment.set_start(start);
            segment.set_stop(stop);
            segment.set_base(base);
            segment.set_offset(offset);
            segment.set_time(time);
            segment.set_rate(rate);
            segment.set_applied_rate(applied_rate);
            let input = Input {
                segment: Some(segment),
                timing: Some(Timing::Timed),
                ..Input::default()
            };
            if let Some(cue) = input.cue(pts, duration) {
                prop_assert!(cue.end().unwrap_or(cue.start) >= cue.start);
            }
            let speech = input.segment_of_speech();
            prop_assert_eq!(speech.rate(), 1.0);
            let _ = speech.to_stream_time(pts);
        }
    }
}
