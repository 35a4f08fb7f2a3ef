//! Running a pipeline to its end: messages, progress, Ctrl-C.

use std::{cell::RefCell, ops::ControlFlow, rc::Rc, time::Duration};

use anyhow::{Context, Error, Result, anyhow};
use gst::{glib, prelude::*};

use crate::progress::Progress;

/// Time that an interrupted file has to be finished.
const LAST_MOMENTS: Duration = Duration::from_secs(5);
/// Interval between two updates of the progress.
const TICK: Duration = Duration::from_millis(200);

/// The beginning of the names of messages about texts; the rest is the kind.
const MESSAGES: &str = "cosyvoice3/utterance-";

/// The end of a run.
#[derive(Default)]
pub struct Outcome {
    /// The first error.
    pub error: Option<Error>,
    /// The user pressed Ctrl-C.
    pub interrupted: bool,
    /// Speech that was made.
    pub made: Duration,
}

/// A pipeline with one `cosyvoice3src`.
pub struct Player {
    pub pipeline: gst::Pipeline,
    pub speech: gst::Element,
    /// True to finish the output after Ctrl-C: it goes to a file.
    pub finish: bool,
}

struct State<F> {
    outcome: Outcome,
    progress: Progress,
    note: F,
}

impl Player {
    /// Plays to the end; `begin` runs once the pipeline has started, `note` gets the kind of each message about a text
    /// (`queued`, `started`, `finished`, `cancelled`, `failed`) with its fields.
    pub fn play(
        &self,
        begin: impl FnOnce() -> Result<()>,
        note: impl FnMut(&str, &gst::StructureRef) + 'static,
    ) -> Result<Outcome> {
        let main_loop = glib::MainLoop::new(None, false);
        let state = Rc::new(RefCell::new(State {
            outcome: Outcome::default(),
            progress: Progress::new(),
            note,
        }));
        let bus = self.pipeline.bus().context("a pipeline has a bus")?;
        let _watch = bus.add_watch_local({
            let (state, main_loop) = (state.clone(), main_loop.clone());
            move |_, message| {
                if state.borrow_mut().take(message).is_break() {
                    main_loop.quit();
                }
                glib::ControlFlow::Continue
            }
        })?;
        let signals =
            [libc::SIGINT, libc::SIGTERM].map(|signal| self.stop_at(signal, &state, &main_loop));
        let ticker = glib::timeout_add_local(TICK, {
            let (state, speech) = (state.clone(), self.speech.clone());
            move || {
                if let Some(position) = speech.query_position::<gst::ClockTime>() {
                    state.borrow().progress.made(position.into());
                }
                glib::ControlFlow::Continue
            }
        });
        // A failed start is on the bus too, in more words.
        let started = self
            .pipeline
            .set_state(gst::State::Playing)
            .map_err(Error::from);
        let started = started.map(|_| ()).and_then(|()| begin());
        match started {
            Ok(()) => main_loop.run(),
            Err(error) => state.borrow_mut().fail(&bus, error),
        }
        ticker.remove();
        signals.into_iter().for_each(glib::SourceId::remove);
        // A pipeline that is stopped posts nothing that matters, and may wait for a step of the models.
        let _ = self.pipeline.set_state(gst::State::Null);
        let state = &mut *state.borrow_mut();
        state.progress.done();
        Ok(std::mem::take(&mut state.outcome))
    }

    /// Ends the run at `signal`: at once, or where a file is written once it is finished. The second signal ends both.
    fn stop_at<F: 'static>(
        &self,
        signal: i32,
        state: &Rc<RefCell<State<F>>>,
        main_loop: &glib::MainLoop,
    ) -> glib::SourceId {
        let (state, main_loop, speech) = (state.clone(), main_loop.clone(), self.speech.clone());
        let finish = self.finish;
        glib_unix::unix_signal_add_local(signal, move || {
            let again = std::mem::replace(&mut state.borrow_mut().outcome.interrupted, true);
            if again || !finish || !speech.send_event(gst::event::Eos::new()) {
                main_loop.quit();
            } else {
                let main_loop = main_loop.clone();
                glib::timeout_add_local_once(LAST_MOMENTS, move || main_loop.quit());
            }
            glib::ControlFlow::Continue
        })
    }
}

impl<F> State<F> {
    /// The first error of the bus, or `other` if there is none.
    fn fail(&mut self, bus: &gst::Bus, other: Error) {
        let message = bus.pop_filtered(&[gst::MessageType::Error]);
        let of_the_bus = message.and_then(|message| match message.view() {
            gst::MessageView::Error(error) => Some(describe(error)),
            _ => None,
        });
        self.outcome
            .error
            .get_or_insert(of_the_bus.unwrap_or(other));
    }
}

impl<F: FnMut(&str, &gst::StructureRef)> State<F> {
    /// Takes a message; breaks at the last one.
    fn take(&mut self, message: &gst::Message) -> ControlFlow<()> {
        match message.view() {
            gst::MessageView::Eos(_) => return ControlFlow::Break(()),
            gst::MessageView::Error(error) => {
                // The first one is the cause of the others.
                self.outcome.error.get_or_insert_with(|| describe(error));
                return ControlFlow::Break(());
            }
            gst::MessageView::Warning(warning) => {
                self.progress.line(&format!("warning: {}", warning.error()));
                if of_factory(message, "autoaudiosink") {
                    self.progress.line(
                        "nothing will be heard: install gstreamer1.0-alsa or gstreamer1.0-pulseaudio, or write \
                         a file with -o FILE",
                    );
                }
            }
            gst::MessageView::Progress(progress) => self.progress.work(progress.get().2),
            gst::MessageView::Element(element) => {
                if let Some(fields) = element.structure()
                    && let Some(kind) = fields.name().strip_prefix(MESSAGES)
                {
                    self.hear(kind, fields);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn hear(&mut self, kind: &str, fields: &gst::StructureRef) {
        match kind {
            "started" => self.progress.saying(fields.get("text").unwrap_or_default()),
            "finished" | "cancelled" | "failed" => {
                let made = fields.get::<Option<gst::ClockTime>>("duration");
                self.outcome.made += made.ok().flatten().map_or(Duration::ZERO, Duration::from);
            }
            _ => {}
        }
        (self.note)(kind, fields);
    }
}

/// Text of an error. That of the speaking element is complete; of other elements the cause is in the debug string.
fn describe(error: &gst::message::Error) -> Error {
    let words = error.error();
    let debug = error.debug();
    let cause = debug.as_deref().and_then(|debug| debug.split_once('\n'));
    match cause {
        Some((_, cause)) => anyhow!("{words} ({})", cause.trim()),
        None => anyhow!("{words}"),
    }
}

fn of_factory(message: &gst::Message, name: &str) -> bool {
    let element = message
        .src()
        .and_then(|source| source.downcast_ref::<gst::Element>());
    let factory = element.and_then(gst::prelude::ElementExt::factory);
    factory.is_some_and(|factory| factory.name() == name)
}
