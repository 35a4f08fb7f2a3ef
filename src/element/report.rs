//! Reports on each announcement: element messages on the bus, and the meta on its buffers.

use gst::subclass::prelude::*;

use super::{agenda::Origin, logging::CAT, object::CosyVoice3Src};
use cosyvoice3::Speech;

/// Name of the custom meta on each buffer of speech: a structure with the field `id`.
pub(super) const META: &str = "GstCosyVoice3UtteranceMeta";

/// Name of the custom meta for each `mark` of SSML in a buffer: a structure with `name` and `sample`, which counts from the
/// start of the buffer.
pub(super) const MARK_META: &str = "GstCosyVoice3MarkMeta";

impl CosyVoice3Src {
    /// Posts the noted messages, without the lock. If a thread is posting already, it goes on with the new ones, so
    /// that messages keep their order and a handler may make requests.
    pub(super) fn post_reports(&self) {
        let mut state = self.state();
        if std::mem::replace(&mut state.outbox.posting, true) {
            return;
        }
        while let Some(structure) = state.outbox.waiting.pop_front() {
            drop(state);
            gst::debug!(CAT, imp = self, "{structure:?}");
            let message = gst::message::Element::builder(structure)
                .src(&*self.obj())
                .build();
            self.post(message);
            state = self.state();
        }
        state.outbox.posting = false;
    }
}

/// Names the sample `sample` of a buffer.
pub(super) fn mark(buffer: &mut gst::BufferRef, name: &str, sample: u64) {
    if let Ok(mut meta) = gst::meta::CustomMeta::add(buffer, MARK_META) {
        meta.mut_structure().set("name", name);
        meta.mut_structure().set("sample", sample);
    }
}

/// Labels a buffer as part of the announcement `id`.
pub(super) fn label(buffer: &mut gst::BufferRef, id: u64) {
    if let Ok(mut meta) = gst::meta::CustomMeta::add(buffer, META) {
        meta.mut_structure().set("id", id);
    }
}

/// Meta that `scaletempo` (1.26) reads to fit speech into the slot of its text.
const TARGET_DURATION: &str = "GstScaletempoTargetDurationMeta";

/// Attaches an announcement's target duration and source metas to its first buffer.
pub(super) fn copy_metas(buffer: &mut gst::BufferRef, origin: &Origin) {
    let Origin::Upstream(cue, source) = origin else {
        return;
    };
    if let Some(duration) = cue.and_then(|cue| cue.duration)
        && gst::meta::CustomMeta::is_registered(TARGET_DURATION)
        && let Ok(mut meta) = gst::meta::CustomMeta::add(buffer, TARGET_DURATION)
    {
        meta.mut_structure().set("duration", duration.nseconds());
    }
    // Metas with tags describe the memory of the text buffer.
    for meta in source
        .iter()
        .flat_map(|source| source.iter_meta::<gst::Meta>())
    {
        if meta.tags().is_empty() {
            let _ = meta.transform(buffer, &gst::meta::MetaTransformCopy::new(..));
        }
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
