//! Custom metas on buffers of speech.

use super::queue::Origin;
use cosyvoice3::Word;

/// Name of the custom meta on each buffer of speech: a structure with the field `id`.
const META: &str = "GstCosyVoice3UtteranceMeta";

/// Name of the custom meta for each `mark` of SSML in a buffer: a structure with `name` and `sample`, which counts from the
/// start of the buffer.
const MARK_META: &str = "GstCosyVoice3MarkMeta";

/// Name of the custom meta for the words that begin in a buffer: a structure with the array `words` of structures with `text`,
/// and with `start` and `end` in samples from the start of the buffer. A word may end in a later buffer.
const WORDS_META: &str = "GstCosyVoice3WordsMeta";

/// Registers the metas.
pub(super) fn register() {
    for name in [META, MARK_META, WORDS_META] {
        gst::meta::CustomMeta::register(name, &[]);
    }
}

/// Lists the words that begin in a buffer.
pub(super) fn words(buffer: &mut gst::BufferRef, words: &[Word]) {
    if words.is_empty() {
        return;
    }
    let word = |word: &Word| {
        gst::Structure::builder("word")
            .field("text", &word.text)
            .field("start", word.samples.start as u64)
            .field("end", word.samples.end as u64)
            .build()
    };
    if let Ok(mut meta) = gst::meta::CustomMeta::add(buffer, WORDS_META) {
        let words = gst::Array::new(words.iter().map(word));
        meta.mut_structure().set("words", words);
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
