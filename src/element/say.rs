//! Texts of applications, by signal or property: checked when they are queued, then accepted or refused.

use gst::subclass::prelude::*;

use super::{
    logging::CAT,
    object::CosyVoice3Src,
    queue::{Interrupt, Origin},
    settings::Settings,
    state::{DISPLACED, State},
};
use cosyvoice3::{Error, ErrorKind, MAX_TEXT};

/// Reason for refusing a text.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The element is below PAUSED.
    Stopped,
    /// Between FLUSH_START and FLUSH_STOP.
    Flushing,
    /// EOS is out, or the end of the stream is queued.
    Ended,
    /// So many announcements wait, none of lower priority.
    Full(u32),
    /// The text or its settings cannot work.
    Wrong(Error),
}

impl Refusal {
    /// True if the element accepts no text at all at this time. That of the property is said at the next start then.
    fn is_for_now(&self) -> bool {
        matches!(self, Self::Stopped | Self::Flushing | Self::Ended)
    }

    fn into_error(self) -> Error {
        let kind = match self {
            Self::Full(_) => ErrorKind::Busy,
            _ => ErrorKind::Failed,
        };
        let because = match self {
            Self::Stopped => {
                "the element is below PAUSED: start it first, or set the property \"text\", which is spoken at each start"
                    .into()
            }
            Self::Flushing => "a flush is in progress: queue it after the flush".into(),
            Self::Ended => "the stream has ended: queue it after the next start".into(),
            Self::Full(most) => format!(
                "{most} texts of the same or a higher priority are waiting: queue fewer, give this one a higher priority, or raise \"max-queued\""
            ),
            Self::Wrong(error) => return error,
        };
        Error::new(kind, format!("a text was refused because {because}"))
    }
}

impl State {
    /// Fails if the element accepts no texts now.
    fn takes_texts(&self) -> Result<(), Refusal> {
        if self.synth.is_none() || self.stopped {
            Err(Refusal::Stopped)
        } else if self.flushing {
            Err(Refusal::Flushing)
        } else if self.stream.ends() || self.queue.ends() {
            Err(Refusal::Ended)
        } else {
            Ok(())
        }
    }

    /// Makes room for an announcement of this priority: if the queue is full, the last of the least important ones is
    /// cancelled.
    fn make_room(&mut self, priority: i32, max_queued: u32) -> Result<(), Refusal> {
        if self.queue.waiting() < max_queued as usize {
            return Ok(());
        }
        let victim = self.queue.least_important_below(priority);
        let victim = victim.ok_or(Refusal::Full(max_queued))?;
        self.cancel(|id| id == victim, DISPLACED);
        Ok(())
    }
}

impl CosyVoice3Src {
    /// Queues the text of a signal. Returns its id, or 0 with one warning if it is refused.
    pub(super) fn say(
        &self,
        text: String,
        settings: &Settings,
        priority: i32,
        interrupt: Interrupt,
    ) -> u64 {
        self.queue(text, settings, priority, interrupt)
            .unwrap_or_else(|refusal| {
                self.post_warning(&refusal.into_error());
                0
            })
    }

    /// Queues the text of the property, which stays and is said at the next start if it cannot be said now.
    pub(super) fn say_property(&self, text: String, settings: &Settings) {
        match self.queue(text, settings, 0, Interrupt::None) {
            Ok(_) => {}
            Err(refusal) if refusal.is_for_now() => {
                gst::info!(CAT, imp = self, "\"text\" is spoken at the next start");
            }
            Err(refusal) => self.post_warning(&refusal.into_error()),
        }
    }

    fn queue(
        &self,
        text: String,
        settings: &Settings,
        priority: i32,
        interrupt: Interrupt,
    ) -> Result<u64, Refusal> {
        check_length(&text).map_err(Refusal::Wrong)?;
        let (synth_settings, drawn) = settings.to_synth();
        let synth = {
            let state = self.state();
            state.takes_texts()?;
            state.synth.clone().ok_or(Refusal::Stopped)?
        };
        // Reads files, so without the lock.
        synth
            .check(&text, &synth_settings)
            .map_err(|error| Refusal::Wrong(error.context("a text was refused")))?;
        if let Some(seed) = drawn {
            gst::info!(CAT, imp = self, "drew the seed {seed}");
        }
        let id = {
            let mut state = self.state();
            state.takes_texts()?;
            state.make_room(priority, settings.max_queued)?;
            let (id, preemption) = state.queue.say(
                text.clone(),
                synth_settings,
                priority,
                interrupt,
                Origin::Application,
            );
            state.stream.awaits_text = false;
            state.stream.awaits_link = false;
            state.queue_queued_message(id, &text);
            state.preempt(&preemption);
            id
        };
        self.flush_messages();
        self.notify.signal();
        Ok(id)
    }

    /// True, with a warning, if a text from upstream is longer than one request may be.
    pub(super) fn is_too_long(&self, text: &str) -> bool {
        let checked = check_length(text);
        if let Err(error) = &checked {
            self.post_warning(error);
        }
        checked.is_err()
    }

    /// Warns of a string that was not UTF-8.
    pub(super) fn warn_replaced(&self, what: &str) {
        self.post_warning(&Error::new(
            ErrorKind::Text,
            format!("{what} had bytes that are not UTF-8; they were replaced"),
        ));
    }

    /// Cancels the announcements that `wanted` selects; returns their number.
    pub(super) fn cancel(&self, wanted: impl Fn(u64) -> bool) -> usize {
        let count = self.state().cancel(wanted, "cancelled");
        self.notify.signal();
        self.space_available.notify_all();
        self.flush_messages();
        count
    }
}

fn check_length(text: &str) -> Result<(), Error> {
    if text.len() <= MAX_TEXT {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Text,
        format!(
            "a text of {} bytes is refused, the limit is {}: split it",
            text.len(),
            MAX_TEXT
        ),
    ))
}
