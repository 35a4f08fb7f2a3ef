//! State changes: loading and freeing the engine, and the ends of all waits.

use std::sync::Arc;

use gst::{prelude::*, subclass::prelude::*};

use super::{
    input::Input,
    lock::lock,
    object::CosyVoice3Src,
    sample::Sample,
    settings::{Settings, non_empty},
    state::Stream,
};
use cosyvoice3::{Options, Recorder, Synthesizer, default_model_dir};

impl CosyVoice3Src {
    /// The element's part of a state change before the pads change theirs.
    pub(super) fn prepare_for(&self, transition: gst::StateChange) -> cosyvoice3::Result<()> {
        match transition {
            gst::StateChange::NullToReady => {
                self.watch_candidates();
                self.prepare()?;
            }
            gst::StateChange::ReadyToPaused => self.start()?,
            gst::StateChange::PausedToPlaying => self.set_playing(true),
            gst::StateChange::PlayingToPaused => self.set_playing(false),
            gst::StateChange::PausedToReady => self.stop(),
            _ => {}
        }
        Ok(())
    }

    /// The part after it.
    pub(super) fn clean_up_after(&self, transition: gst::StateChange, has_failed: bool) {
        match transition {
            // The task is down now: it was the last to use the synthesizer.
            gst::StateChange::PausedToReady => self.release(),
            gst::StateChange::ReadyToPaused if has_failed => {
                self.stop();
                self.release();
            }
            gst::StateChange::ReadyToNull => {
                self.candidates.forget();
                self.kept.release();
            }
            _ => {}
        }
    }

    /// The model directory that the settings name or that is installed.
    pub(super) fn model_dir(settings: &Settings) -> cosyvoice3::Result<std::path::PathBuf> {
        match non_empty(&settings.model_path) {
            Some(path) => Ok(path.into()),
            None => default_model_dir(),
        }
    }

    /// NULL→READY: everything that can be checked without loading or waiting.
    fn prepare(&self) -> cosyvoice3::Result<()> {
        if self.load().is_some() {
            return Ok(());
        }
        let settings = self.settings().clone();
        let voice = non_empty(&settings.voice);
        let options = self.options(&settings)?;
        options.check(voice.as_deref())?;
        match Sample::of(&settings) {
            Some(sample) => sample
                .check(&options.dir)
                .map_err(|e| e.context("voice-sample")),
            None => Ok(()),
        }
    }

    /// The engine's options and the settings of requests.
    pub(super) fn engine(&self) -> cosyvoice3::Result<(Options, cosyvoice3::Settings)> {
        let settings = self.settings().clone();
        Ok((self.options(&settings)?, settings.to_synth().0))
    }

    /// Options of the engine while it loads.
    fn options(&self, settings: &Settings) -> cosyvoice3::Result<Options> {
        let mut options = Options::new(Self::model_dir(settings)?);
        options.threads = settings.threads as usize;
        options.affinity = non_empty(&settings.cpu_affinity);
        options.prefix_caching = settings.prefix_caching();
        options.flow = settings.flow_target();
        options.announcement_caching = settings.announcement_caching();
        options.verify = settings.verify();
        options.default_voice = Sample::of(settings)
            .map(|sample| sample.into_voice(options.dir.clone(), options.threads, options.verify));
        options.keep_alive = Some(self.kept.clone());
        Ok(options)
    }

    /// READY→PAUSED: begins to load, and queues the text of the property.
    fn start(&self) -> cosyvoice3::Result<()> {
        let settings = self.settings().clone();
        let synth = Arc::new(match self.load() {
            Some(load) => Synthesizer::open(Recorder::off(), move |loading| load(loading)),
            None => Synthesizer::open_model(self.options(&settings)?),
        });
        let text = settings.text.clone().unwrap_or_default();
        let (how, _) = settings.to_synth();
        // The text of the property may be markup; without one there is only the voice to look at.
        let how = match text.is_empty() {
            true => how.without_markup(),
            false => how,
        };
        synth.check(&text, &how)?;
        let model = self
            .options(&settings)
            .and_then(|options| options.model_name());
        let notify = self.notify.clone();
        synth.on_event(move || notify.signal());
        self.watch_candidates();
        let may_link = self.candidates.may_link();
        let nothing_to_say = {
            let mut state = self.state();
            state.stream = Stream::new(settings.is_live);
            state.stream.model = model.unwrap_or_default();
            state.stream.sample = Sample::of(&settings).map(|sample| sample.name());
            state.input = Input::default();
            state.flushing = false;
            state.stopped = false;
            state.loading = true;
            state.synth = Some(synth);
            let nothing = settings.text.is_none() && !settings.is_live && !state.has_input;
            state.stream.awaits_link = nothing && may_link;
            nothing && !may_link
        };
        self.post_progress(gst::ProgressType::Start, "loading models");
        if let Some(text) = &settings.text {
            self.say_property(text.clone(), &settings);
        }
        if nothing_to_say {
            self.warn_nothing_to_say();
        }
        Ok(())
    }

    /// PAUSED→READY, before the pads are deactivated: ends every wait of the pad's task.
    fn stop(&self) {
        let (synth, loading) = {
            let mut state = self.state();
            state.stopped = true;
            state.playing = false;
            state.clear("stopped");
            (state.synth.clone(), std::mem::take(&mut state.loading))
        };
        if let Some(synth) = synth {
            synth.close();
        }
        self.notify.signal();
        self.space_available.notify_all();
        self.flush_messages();
        if loading {
            self.post_progress(gst::ProgressType::Canceled, "loading cancelled");
        }
    }

    /// Lets go of the synthesizer, which is closed.
    fn release(&self) {
        let synth = self.state().synth.take();
        let mut leaving = lock(&self.leaving);
        leaving.extend(synth);
        leaving.retain(|synth| synth.is_loading());
    }

    /// PAUSED to PLAYING and back: a live stream stands still in PAUSED.
    fn set_playing(&self, playing: bool) {
        self.state().playing = playing;
        self.notify.signal();
    }

    fn watch_candidates(&self) {
        self.candidates
            .watch(self.obj().upcast_ref::<gst::Element>(), &self.notify);
    }
}
