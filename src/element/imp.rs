//! The GObject subclass: state, properties, pads, state changes.

use std::sync::LazyLock;

use gst::{glib, prelude::*, subclass::prelude::*};

use super::{
    guard::{guarded, pad_function},
    logging::{self, CAT},
    object::CosyVoice3Src,
    properties, signals, sinkpad, srcpad, task, uri,
};
use cosyvoice3::{Error, SAMPLE_RATE};

#[glib::object_subclass]
impl ObjectSubclass for CosyVoice3Src {
    const NAME: &'static str = "GstCosyVoice3Src";
    type Type = super::CosyVoice3Src;
    type ParentType = gst::Element;
    type Interfaces = (gst::URIHandler,);

    fn with_class(class: &Self::Class) -> Self {
        const PAD: &str = "the source pad";
        let template = class.pad_template("src").expect("installed by the class");
        let srcpad = gst::Pad::builder_from_template(&template)
            .activatemode_function(|pad, parent, mode, active| {
                let panicked = Err(gst::loggable_error!(CAT, "panic while activating"));
                pad_function(parent, PAD, panicked, |this| {
                    task::activate(this, pad, mode, active)
                })
            })
            .query_function(|pad, parent, query| {
                pad_function(parent, PAD, false, |this| srcpad::query(this, pad, query))
            })
            .event_function(|pad, parent, event| {
                pad_function(parent, PAD, false, |this| srcpad::event(this, pad, event))
            })
            .flags(gst::PadFlags::FIXED_CAPS)
            .build();
        Self::new(srcpad)
    }
}

impl ObjectImpl for CosyVoice3Src {
    fn properties() -> &'static [glib::ParamSpec] {
        &properties::SPECS
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        &signals::SIGNALS
    }

    fn constructed(&self) {
        self.parent_constructed();
        logging::join();
        let element = self.obj();
        element
            .add_pad(&self.srcpad)
            .expect("a new element has no pad");
        element.set_element_flags(gst::ElementFlags::SOURCE);
    }

    fn set_property(&self, id: usize, value: &glib::Value, _pspec: &glib::ParamSpec) {
        guarded(self, "setting a property", (), || {
            properties::set(self, id, value);
        });
    }

    fn property(&self, id: usize, _pspec: &glib::ParamSpec) -> glib::Value {
        properties::get(self, id)
    }
}

impl URIHandlerImpl for CosyVoice3Src {
    const URI_TYPE: gst::URIType = gst::URIType::Src;

    fn protocols() -> &'static [&'static str] {
        &[uri::SCHEME]
    }

    fn uri(&self) -> Option<String> {
        uri::get(&self.settings())
    }

    fn set_uri(&self, uri: &str) -> Result<(), glib::Error> {
        uri::set(&mut self.settings(), uri)?;
        // Outside the lock, for handlers that read the properties.
        self.obj().notify("text");
        self.obj().notify("voice");
        Ok(())
    }
}

impl GstObjectImpl for CosyVoice3Src {}

impl ElementImpl for CosyVoice3Src {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "CosyVoice3 speech source",
                "Source/Audio",
                "Speaks text in a cloned voice with CosyVoice3 (language model and vocoder on the CPU, flow model on CPU or NPU)",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = gst_audio::AudioCapsBuilder::new_interleaved()
                .format(gst_audio::AUDIO_FORMAT_F32)
                .rate(SAMPLE_RATE as i32)
                .channels(1)
                .build();
            vec![
                gst::PadTemplate::new(
                    "src",
                    gst::PadDirection::Src,
                    gst::PadPresence::Always,
                    &caps,
                )
                .expect("a template of fixed caps"),
                gst::PadTemplate::new(
                    "sink",
                    gst::PadDirection::Sink,
                    gst::PadPresence::Request,
                    &sinkpad::caps(),
                )
                .expect("a template of fixed caps"),
            ]
        });
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        gst::debug!(CAT, imp = self, "{transition:?}");
        let failed = |error: Error| {
            self.post_error(&error);
            gst::StateChangeError
        };
        let prepared = guarded(self, "a state change", None, || {
            Some(self.prepare_for(transition))
        });
        match prepared {
            Some(prepared) => prepared.map_err(failed)?,
            // On the way down nothing may fail, not even by a panic.
            None if transition.next() > transition.current() => return Err(gst::StateChangeError),
            None => {}
        }
        let mut success = self.parent_change_state(transition);
        if matches!(
            transition,
            gst::StateChange::ReadyToPaused | gst::StateChange::PlayingToPaused
        ) && self.settings().is_live
        {
            success = success.map(|_| gst::StateChangeSuccess::NoPreroll);
        }
        let has_failed = success.is_err();
        guarded(self, "a state change", (), || {
            self.clean_up_after(transition, has_failed)
        });
        success
    }

    fn send_event(&self, event: gst::Event) -> bool {
        guarded(self, "an event", false, || {
            srcpad::element_event(self, event)
        })
    }

    fn request_new_pad(
        &self,
        template: &gst::PadTemplate,
        _name: Option<&str>,
        _caps: Option<&gst::Caps>,
    ) -> Option<gst::Pad> {
        guarded(self, "requesting the sink pad", None, || {
            sinkpad::add(self, template)
        })
    }

    fn release_pad(&self, pad: &gst::Pad) {
        guarded(self, "releasing the sink pad", (), || {
            sinkpad::remove(self, pad);
        });
    }
}
