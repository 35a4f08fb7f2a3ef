//! Properties as GObject sees them: the stored ones of `settings`, those that are computed, and effects of setting one.

use std::sync::LazyLock;

use gst::{glib, prelude::*, subclass::prelude::*};

use super::{
    object::CosyVoice3Src,
    settings::{PROPERTIES, Settings},
};
use cosyvoice3::Options;

/// A property that is computed when it is read.
struct Computed {
    spec: glib::ParamSpec,
    get: fn(&CosyVoice3Src) -> glib::Value,
}

static COMPUTED: LazyLock<[Computed; 2]> = LazyLock::new(|| {
    [
        Computed {
            spec: glib::ParamSpecBoxed::builder::<glib::StrV>("voices")
                .nick("Voices")
                .blurb("Names of the voices: those of the model directory, and your own (`cosyvoice3 voice add`)")
                .read_only()
                .build(),
            get: voices,
        },
        Computed {
            spec: glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
                .nick("Statistics")
                .blurb("Counts since the element was made: texts, seconds of each stage's work (\"rtf-\": per second of speech), hits of the prefix cache, first audio in seconds")
                .read_only()
                .build(),
            get: stats,
        },
    ]
});

/// All properties.
pub(super) static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    let stored = PROPERTIES.iter().map(|property| property.spec.clone());
    stored
        .chain(COMPUTED.iter().map(|property| property.spec.clone()))
        .collect()
});

fn voices(this: &CosyVoice3Src) -> glib::Value {
    let settings = this.settings().clone();
    let names = CosyVoice3Src::model_dir(&settings)
        .and_then(|dir| Options::new(dir).voices())
        .unwrap_or_default();
    glib::StrV::from(names).to_value()
}

fn stats(this: &CosyVoice3Src) -> glib::Value {
    let state = this.state();
    state.totals.structure(state.queue.texts()).to_value()
}

/// The value of the property number `id`, which counts from 1 in the order of [`SPECS`].
pub(super) fn get(this: &CosyVoice3Src, id: usize) -> glib::Value {
    let index = id - 1;
    match PROPERTIES.get(index) {
        Some(property) => (property.get)(&this.settings()),
        None => (COMPUTED[index - PROPERTIES.len()].get)(this),
    }
}

/// Sets the property number `id`, and applies its effects. The lock is free by then: a `notify` handler may read
/// properties.
pub(super) fn set(this: &CosyVoice3Src, id: usize, value: &glib::Value) {
    // GObject sets no property that is only read.
    let property = &PROPERTIES[id - 1];
    let (settings, replaced) = {
        let mut settings = this.settings();
        let replaced = (property.set)(&mut settings, value);
        (settings.clone(), replaced)
    };
    let name = property.spec.name();
    if replaced {
        this.warn_replaced(&format!("\"{name}\""));
    }
    apply(this, name, &settings);
}

/// Effects of setting a property beyond the stored value.
fn apply(this: &CosyVoice3Src, name: &str, settings: &Settings) {
    let element = this.obj();
    match name {
        "text" => {
            if let Some(text) = &settings.text {
                this.say_property(text.clone(), settings);
            }
        }
        "latency" => this.post_latency(),
        "is-live" if settings.is_live => {
            element.set_element_flags(gst::ElementFlags::REQUIRE_CLOCK);
        }
        "is-live" => element.unset_element_flags(gst::ElementFlags::REQUIRE_CLOCK),
        _ => {}
    }
}
