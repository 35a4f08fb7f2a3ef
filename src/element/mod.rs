//! The element `cosyvoice3src`: text in, 24 kHz mono F32 speech out.
//!
//! SECTION:element-cosyvoice3src
//!
//! `cosyvoice3src` speaks the text of its property in a cloned voice, with CosyVoice3 running in this process. It
//! pushes one buffer per utterance, stamped from 0 to the sample, and then EOS.
//!
//! ```bash
//! # Speak to the default sound device
//! gst-launch-1.0 cosyvoice3src text="Привет, как дела?" ! audioconvert ! audioresample ! autoaudiosink
//! # Render to a file
//! gst-launch-1.0 cosyvoice3src text="Готово." voice=anna ! wavenc ! filesink location=ready.wav
//! # What a model directory offers
//! gst-launch-1.0 cosyvoice3src model-path=models/demo text="Hello." speed=1.2 ! audioconvert ! autoaudiosink
//! ```
//!
//! An empty string on a command line is `'text=""'`: a bare `text=` swallows the word that follows.
//!
//! Models load in the background between READY and PAUSED; their progress is posted as `GST_MESSAGE_PROGRESS` with the
//! code `open`. Everything that goes wrong is one message on the bus that says what to do.

use gst::{glib, prelude::*};

mod bus;
mod gvalue;
mod imp;
mod logging;
mod settings;
mod stream;

glib::wrapper! {
    /// The element `cosyvoice3src`.
    pub struct CosyVoice3Src(ObjectSubclass<imp::CosyVoice3Src>) @extends gst::Element, gst::Object;
}

/// Registers the element. Loads no runtime and touches no device: the plugin scanner runs this too.
pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(
        Some(plugin),
        "cosyvoice3src",
        gst::Rank::NONE,
        CosyVoice3Src::static_type(),
    )
}
