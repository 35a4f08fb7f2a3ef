//! Announcements on the sound device of this machine.

use anyhow::{Context, Result, anyhow};
use gst::prelude::*;
use gst_app::AppSrc;

use super::pipeline::Speech;
use crate::log::log;

/// Buffers of 20 ms that may wait for the device; a device that hangs loses what is older.
const QUEUED: u64 = 100;

/// Plays all announcements with the sink `name` for as long as the pipeline exists, which is returned.
///
/// # Errors
/// There is no such sink.
pub fn start(speech: &Speech, name: &str) -> Result<gst::Pipeline> {
    let make = |name: &str| {
        let factory = gst::ElementFactory::find(name);
        let factory = factory.with_context(|| {
            format!("--play {name}: GStreamer has no element of this name (gst-inspect-1.0 lists the sinks)")
        })?;
        Ok::<_, anyhow::Error>(factory.create().build()?)
    };
    let source = make("appsrc")?
        .downcast::<AppSrc>()
        .map_err(|_| anyhow!("GStreamer's appsrc is another element"))?;
    source.set_is_live(true);
    source.set_format(gst::Format::Time);
    source.set_max_bytes(0);
    source.set_max_buffers(QUEUED);
    source.set_leaky_type(gst_app::AppLeakyType::Downstream);
    source.set_latency(gst::ClockTime::from_mseconds(40), gst::ClockTime::NONE);
    let chain = [
        source.clone().upcast(),
        make("audioconvert")?,
        make("audioresample")?,
        make(name)?,
    ];
    let pipeline = gst::Pipeline::new();
    pipeline.use_clock(Some(&gst::SystemClock::obtain()));
    pipeline.add_many(&chain)?;
    gst::Element::link_many(&chain)
        .with_context(|| format!("--play {name} does not accept audio"))?;
    speech.add_listener(&source);
    let bus = pipeline.bus().context("a pipeline has a bus")?;
    bus.set_sync_handler(|_, message| {
        if let gst::MessageView::Error(error) = message.view() {
            log!(
                "error: announcements are no longer played here: {}",
                error.error()
            );
        }
        gst::BusSyncReply::Drop
    });
    pipeline
        .set_state(gst::State::Playing)
        .with_context(|| format!("--play {name} cannot be started"))?;
    Ok(pipeline)
}
