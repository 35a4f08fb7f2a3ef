//! The engine's `tracing` events in GStreamer's debug log.

use std::{
    fmt::{self, Write},
    sync::{LazyLock, Once},
};

use gst::prelude::*;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// The element.
pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "cosyvoice3src",
        gst::DebugColorFlags::empty(),
        Some("CosyVoice3 speech source"),
    )
});

static ENGINE: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "cosyvoice3-engine",
        gst::DebugColorFlags::empty(),
        Some("CosyVoice3 stages"),
    )
});

static LLAMA: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "cosyvoice3-llama",
        gst::DebugColorFlags::empty(),
        Some("llama.cpp in the CosyVoice3 plugin"),
    )
});

static ORT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "cosyvoice3-ort",
        gst::DebugColorFlags::empty(),
        Some("ONNX Runtime in the CosyVoice3 plugin"),
    )
});

/// Sends the engine's events to GStreamer's log from now on, unless the application has a subscriber of its own.
pub(super) fn join() {
    static JOINED: Once = Once::new();
    JOINED.call_once(|| {
        LazyLock::force(&ENGINE);
        LazyLock::force(&LLAMA);
        LazyLock::force(&ORT);
        if tracing::subscriber::set_global_default(GstSubscriber).is_err() {
            gst::info!(
                CAT,
                "the application has a tracing subscriber: the engine logs there"
            );
        }
    });
}

/// The category for a target of this plugin; other crates of the process are not ours to log.
fn category(target: &str) -> Option<gst::DebugCategory> {
    match target.split("::").next() {
        Some("cosyvoice3" | "cosyvoice3_text" | "gstcosyvoice3") => Some(*ENGINE),
        Some("llama") => Some(*LLAMA),
        Some("ort" | "onnxruntime") => Some(*ORT),
        _ => None,
    }
}

fn gst_level(level: &Level, target: &str) -> gst::DebugLevel {
    // ONNX Runtime calls every node it looks at an info; one line per node is a trace.
    let foreign = !target.starts_with("cosyvoice3") && !target.starts_with("gstcosyvoice3");
    match *level {
        Level::ERROR => gst::DebugLevel::Error,
        Level::WARN => gst::DebugLevel::Warning,
        Level::INFO if foreign => gst::DebugLevel::Debug,
        Level::INFO => gst::DebugLevel::Info,
        Level::DEBUG if foreign => gst::DebugLevel::Trace,
        Level::DEBUG => gst::DebugLevel::Debug,
        Level::TRACE => gst::DebugLevel::Trace,
    }
}

struct GstSubscriber;

impl Subscriber for GstSubscriber {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && category(metadata.target()).is_some_and(|category| {
                category.above_threshold(gst_level(metadata.level(), metadata.target()))
            })
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let Some(category) = category(metadata.target()) else {
            return;
        };
        let mut line = Line::default();
        event.record(&mut line);
        category.log(
            None::<&gst::glib::Object>,
            gst_level(metadata.level(), metadata.target()),
            gst::glib::GString::from(metadata.file().unwrap_or_default()).as_gstr(),
            metadata.module_path().unwrap_or_default(),
            metadata.line().unwrap_or(0),
            format_args!("{}", line.0),
        );
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}
    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}
    fn enter(&self, _span: &span::Id) {}
    fn exit(&self, _span: &span::Id) {}
}

/// `message, field=value, field=value`
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let rest = std::mem::take(&mut self.0);
            let _ = write!(self.0, "{value:?}{rest}");
        } else {
            let _ = write!(self.0, ", {}={value:?}", field.name());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_and_both_libraries_reach_the_log_and_other_crates_do_not() {
        gst::init().unwrap();
        for (target, name) in [
            ("cosyvoice3::lm::session", "cosyvoice3-engine"),
            ("cosyvoice3_text", "cosyvoice3-engine"),
            ("llama", "cosyvoice3-llama"),
            ("ort::session", "cosyvoice3-ort"),
            ("onnxruntime", "cosyvoice3-ort"),
        ] {
            let category = category(target).expect(target);
            assert_eq!(category.name(), name, "{target}");
        }
        assert!(category("hyper::client").is_none());
    }
}
