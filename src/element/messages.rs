//! Posting of the messages about announcements, and the log of their cost.

use gst::subclass::prelude::*;

use super::{logging::CAT, object::CosyVoice3Src};
use cosyvoice3::Speech;

impl CosyVoice3Src {
    /// Posts the queued messages, without the lock. If a thread is posting already, it goes on with the new ones, so
    /// that messages keep their order and a handler may make requests.
    pub(super) fn flush_messages(&self) {
        let mut state = self.state();
        if std::mem::replace(&mut state.messages.posting, true) {
            return;
        }
        while let Some(structure) = state.messages.waiting.pop_front() {
            drop(state);
            gst::debug!(CAT, imp = self, "{structure:?}");
            let message = gst::message::Element::builder(structure)
                .src(&*self.obj())
                .build();
            self.post(message);
            state = self.state();
        }
        state.messages.posting = false;
    }
}

/// Logs the cost of one utterance.
pub(super) fn log(this: &CosyVoice3Src, speech: &Speech) {
    let stats = &speech.stats;
    gst::info!(
        CAT,
        imp = this,
        "utterance {}: {} tokens ({:?}), prefill {:?}, decode {:?}, flow {:?}, vocoder {:?}",
        speech.utterance,
        stats.tokens,
        stats.stop,
        stats.prefill,
        stats.decode,
        stats.flow,
        stats.vocoder
    );
    gst::debug!(CAT, imp = this, "saying {:?}", speech.text);
}
