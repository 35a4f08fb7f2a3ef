//! The decision on the next step of the pad's task: a function of the state, the time and the settings. No pads, no locks.

use super::{
    enums::IdleSetting,
    queue::Item,
    settings::Settings,
    state::State,
    timeline::{TICK, Timeline, sample_at, time_of},
};
use cosyvoice3::Event;

/// The next step of the task.
#[derive(Debug)]
pub(super) enum Action {
    /// Push the next piece of speech.
    Piece,
    /// Push an event or a gap that was queued between announcements.
    Item(Item),
    /// Push a tick of silence.
    Silence,
    /// Push a gap of one tick.
    Gap,
    /// Handle an event of the engine.
    Engine(Box<Event>),
    /// Wait for a change.
    Wait,
    /// Wait for a change, but at most until this running time.
    WaitUntil(gst::ClockTime),
    /// There is nothing to say, unless upstream links.
    NothingToSay,
    /// Push EOS: because nothing more is queued, or because it was requested.
    End { all_said: bool },
    /// The task has nothing more to do.
    Stop,
}

/// Events of the engine that the task can handle at this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Any.
    All,
    /// Events that belong to no announcement, such as progress of loading.
    OfTheEngine,
}

/// Decides on the next step, and takes what it needs out of the state. `now` is the running time, if there is a clock;
/// `event` takes the engine's next event, if it is one of those wanted.
pub(super) fn next(
    state: &mut State,
    now: Option<gst::ClockTime>,
    settings: &Settings,
    event: impl FnOnce(Wanted) -> Option<Event>,
) -> Action {
    if state.flushing || state.stopped {
        return Action::Stop;
    }
    if state.stream.broken {
        state.stream.ended = true;
        return Action::End { all_said: false };
    }
    state.feed();
    let live = state.stream.timeline.live;
    // In PAUSED a live stream stands still, but events of the engine are passed on.
    let still = state.is_still();
    follow_clock(state, now, settings);
    cut_for_eos(state);
    if still && !state.stream.timeline.is_empty() {
        return Action::Wait;
    }
    if let Some(action) = speech(state, now, settings.idle) {
        return action;
    }
    if let Some(event) = state.queue.held_end() {
        return Action::Engine(Box::new(event));
    }
    // Events and gaps queued before an announcement precede its speech, which may be there already.
    let between = matches!(state.queue.head(), Some(Item::Event(_) | Item::Gap(_)));
    if between && !still {
        return Action::Item(state.queue.pop().expect("just seen"));
    }
    let wanted = match between {
        true => Wanted::OfTheEngine,
        false => Wanted::All,
    };
    if let Some(event) = event(wanted) {
        return Action::Engine(Box::new(event));
    }
    if let Some(action) = end(state) {
        return action;
    }
    if live && !still {
        return idle(&state.stream.timeline, now, settings.idle, u64::MAX);
    }
    Action::Wait
}

/// Keeps the position of a live stream near the clock's.
fn follow_clock(state: &mut State, now: Option<gst::ClockTime>, settings: &Settings) {
    if state.stream.timeline.live
        && !state.is_still()
        && let Some(now) = now
    {
        let waits = settings.idle == IdleSetting::None;
        state.stream.timeline.place(sample_at(now), waits);
    }
}

/// Cuts the speech of a live stream that is to end. Elsewhere synthesized speech is pushed at once; here that would take as
/// long as it plays. In PAUSED not even a fade can be pushed.
fn cut_for_eos(state: &mut State) {
    if !state.stream.timeline.live || state.stream.eos_asked.is_none() {
        return;
    }
    let cut = match state.is_still() {
        true => state.stream.timeline.drop_all(),
        false => state.stream.timeline.cut().any,
    };
    if cut && let Some(Item::Say(announcement)) = state.queue.head() {
        announcement.dropped = true;
    }
}

/// The step for synthesized speech, if there is any. A live source pushes what is due; elsewhere the sink waits. A requested
/// EOS waits for nothing.
fn speech(state: &State, now: Option<gst::ClockTime>, idle_setting: IdleSetting) -> Option<Action> {
    let timeline = &state.stream.timeline;
    let due = timeline.due(timeline.front()?);
    let paced = timeline.live && state.stream.eos_asked.is_none();
    Some(match now {
        Some(time) if paced && sample_at(time) < due => idle(timeline, now, idle_setting, due),
        _ => Action::Piece,
    })
}

/// The end of the stream, if nothing precedes it any more.
fn end(state: &mut State) -> Option<Action> {
    let stream = &mut state.stream;
    if stream.eos_asked.is_some() {
        stream.ended = true;
        return Some(Action::End { all_said: false });
    }
    match state.queue.head() {
        Some(Item::End(seqnum)) => stream.eos_asked = *seqnum,
        // Without an upstream an offline stream ends by itself.
        None if !stream.timeline.live
            && !state.has_input
            && stream.ready
            && !stream.awaits_text =>
        {
            if stream.awaits_link {
                return Some(Action::NothingToSay);
            }
        }
        _ => return None,
    }
    stream.ended = true;
    Some(Action::End { all_said: true })
}

/// The step of a live stream while nothing is due before the sample `until`.
fn idle(timeline: &Timeline, now: Option<gst::ClockTime>, idle: IdleSetting, until: u64) -> Action {
    let end = timeline.position.saturating_add(TICK);
    match idle {
        IdleSetting::None if until == u64::MAX => return Action::Wait,
        IdleSetting::None => return Action::WaitUntil(time_of(until)),
        _ if end > until => return Action::WaitUntil(time_of(until)),
        _ => {}
    }
    // Behind the clock, so that speech that becomes ready meanwhile can follow without a hole.
    match now {
        Some(now) if sample_at(now) >= end && idle == IdleSetting::Gap => Action::Gap,
        Some(now) if sample_at(now) >= end => Action::Silence,
        _ => Action::WaitUntil(time_of(end)),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::state::Stream, *};
    use crate::element::{
        queue::{Interrupt, Origin},
        timeline::{Cue, Piece},
    };

    /// A state in PLAYING.
    fn playing(live: bool) -> State {
        gst::init().expect("GStreamer starts");
        State {
            stream: Stream::new(live),
            playing: true,
            ..State::default()
        }
    }

    fn paused(live: bool) -> State {
        State {
            playing: false,
            ..playing(live)
        }
    }

    fn with(mut state: State, change: impl FnOnce(&mut State)) -> State {
        change(&mut state);
        state
    }

    fn say(state: &mut State) {
        let settings = cosyvoice3::Settings::default();
        let origin = Origin::Application;
        state
            .queue
            .say("x".into(), settings, 0, Interrupt::None, origin);
    }

    fn gap(state: &mut State) {
        state.queue.push(Item::Gap(Cue {
            start: gst::ClockTime::ZERO,
            duration: None,
        }));
    }

    /// 20 ms of speech that is due at a time, in the middle of an utterance.
    fn speech(state: &mut State, due_ms: u64) {
        let buffer = gst::Buffer::from_slice(vec![0; 480 * 4]);
        let mut piece = Piece::new(buffer, 480, 1);
        piece.cue = Some(Cue {
            start: gst::ClockTime::from_mseconds(due_ms),
            duration: None,
        });
        state.stream.timeline.push(piece);
    }

    fn eos(state: &mut State) {
        state.stream.eos_asked = Some(gst::Seqnum::next());
    }

    fn ended(state: &mut State) {
        state.queue.push(Item::End(None));
    }

    /// The step at a running time in milliseconds, and the events of the engine that were asked for.
    fn decide(state: &mut State, now_ms: Option<u64>, idle: IdleSetting) -> String {
        let settings = Settings {
            idle,
            ..Settings::default()
        };
        let mut wanted = None;
        let now = now_ms.map(gst::ClockTime::from_mseconds);
        let action = next(state, now, &settings, |of| {
            wanted = Some(of);
            None
        });
        let step = match action {
            Action::Item(Item::Gap(_)) => "gap of the queue".into(),
            Action::WaitUntil(time) => format!("until {}", time.mseconds()),
            other => format!("{other:?}"),
        };
        match wanted {
            None => step,
            Some(Wanted::All) => format!("asked, {step}"),
            Some(Wanted::OfTheEngine) => format!("asked the engine, {step}"),
        }
    }

    const ALL_SAID: &str = "asked, End { all_said: true }";
    const REQUESTED: &str = "asked, End { all_said: false }";

    #[test]
    fn an_offline_stream_pushes_at_once_and_ends_when_all_is_said() {
        let ready = |state: &mut State| state.stream.ready = true;
        for (case, mut state, expected) in [
            ("models load", playing(false), "asked, Wait"),
            ("nothing to say", with(playing(false), ready), ALL_SAID),
            ("paused", with(paused(false), ready), ALL_SAID),
            (
                "upstream may link",
                with(playing(false), |state| {
                    ready(state);
                    state.stream.awaits_link = true;
                }),
                "asked, NothingToSay",
            ),
            (
                "after a flush",
                with(playing(false), |state| {
                    ready(state);
                    state.stream.awaits_text = true;
                }),
                "asked, Wait",
            ),
            (
                "upstream is silent",
                with(playing(false), |state| {
                    ready(state);
                    state.has_input = true;
                }),
                "asked, Wait",
            ),
            ("a text waits", with(playing(false), say), "asked, Wait"),
            (
                "speech of the future",
                with(playing(false), |state| speech(state, 5000)),
                "Piece",
            ),
            (
                "speech before a gap",
                with(playing(false), |state| {
                    speech(state, 0);
                    gap(state);
                }),
                "Piece",
            ),
            ("a gap", with(playing(false), gap), "gap of the queue"),
            ("the end of upstream", with(playing(false), ended), ALL_SAID),
            (
                "EOS and speech",
                with(playing(false), |state| {
                    eos(state);
                    speech(state, 0);
                }),
                "Piece",
            ),
            ("EOS", with(playing(false), eos), REQUESTED),
        ] {
            let found = decide(&mut state, None, IdleSetting::Silence);
            assert_eq!(found, expected, "{case}");
            assert_eq!(state.stream.ended, found.contains("End {"), "{case}");
        }
    }

    #[test]
    fn a_live_stream_fills_the_time_by_its_setting_and_stands_still_in_paused() {
        use IdleSetting::{Gap, None as Nothing, Silence};
        let positioned = |at_ms: u64| {
            with(playing(true), |state| {
                state.stream.timeline.place(at_ms * 24, false);
            })
        };
        for (case, mut state, now, idle, expected) in [
            (
                "nothing",
                positioned(100),
                Some(130),
                Nothing,
                "asked, Wait",
            ),
            (
                "silence",
                positioned(100),
                Some(120),
                Silence,
                "asked, Silence",
            ),
            ("gaps", positioned(100), Some(120), Gap, "asked, Gap"),
            (
                "a tick ahead",
                positioned(100),
                Some(119),
                Gap,
                "asked, until 120",
            ),
            (
                "no clock",
                positioned(100),
                None,
                Silence,
                "asked, until 120",
            ),
            (
                "not due, nothing",
                with(positioned(100), |state| speech(state, 300)),
                Some(110),
                Nothing,
                "until 300",
            ),
            (
                "not due, silence",
                with(positioned(100), |state| speech(state, 300)),
                Some(120),
                Silence,
                "Silence",
            ),
            (
                "due within a tick",
                with(positioned(100), |state| speech(state, 110)),
                Some(105),
                Silence,
                "until 110",
            ),
            (
                "due",
                with(positioned(100), |state| speech(state, 110)),
                Some(110),
                Silence,
                "Piece",
            ),
            (
                "EOS waits for no time",
                with(positioned(100), |state| {
                    speech(state, 5000);
                    eos(state);
                }),
                Some(110),
                Silence,
                "Piece",
            ),
            ("paused", paused(true), Some(500), Silence, "asked, Wait"),
            (
                "paused with speech",
                with(paused(true), |state| speech(state, 0)),
                Some(500),
                Silence,
                "Wait",
            ),
            (
                "paused with a gap",
                with(paused(true), gap),
                Some(500),
                Silence,
                "asked the engine, Wait",
            ),
            (
                "EOS in PAUSED drops speech",
                with(paused(true), |state| {
                    speech(state, 0);
                    eos(state);
                }),
                Some(500),
                Silence,
                REQUESTED,
            ),
            (
                "end-of-stream",
                with(playing(true), ended),
                Some(0),
                Silence,
                ALL_SAID,
            ),
        ] {
            assert_eq!(decide(&mut state, now, idle), expected, "{case}");
        }
    }

    #[test]
    fn nothing_is_done_in_a_flush_or_below_paused_and_only_the_end_after_a_panic() {
        for (case, change, expected) in [
            (
                "flush",
                (|state| state.flushing = true) as fn(&mut State),
                "Stop",
            ),
            ("stopped", |state| state.stopped = true, "Stop"),
            (
                "broken",
                |state| state.stream.broken = true,
                "End { all_said: false }",
            ),
        ] {
            for live in [false, true] {
                let mut state = with(playing(live), |state| {
                    speech(state, 0);
                    gap(state);
                    change(state);
                });
                let found = decide(&mut state, Some(0), IdleSetting::Silence);
                assert_eq!(found, expected, "{case}");
            }
        }
    }

    #[test]
    fn a_live_stream_that_ends_marks_the_announcement_whose_speech_it_drops() {
        let mut state = with(paused(true), |state| {
            say(state);
            speech(state, 0);
            eos(state);
        });
        decide(&mut state, Some(0), IdleSetting::Silence);
        let Some(Item::Say(announcement)) = state.queue.head() else {
            panic!("it is forgotten");
        };
        assert!(announcement.dropped);
    }
}
