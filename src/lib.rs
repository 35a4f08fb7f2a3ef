//! GStreamer plugin that speaks: the element [`cosyvoice3src`](element) around the engine of the crate `cosyvoice3`.

pub mod element;
pub mod recording;

#[allow(missing_docs)] // what plugin_define! makes
mod plugin {
    fn plugin_init(plugin: &gst::Plugin) -> Result<(), gst::glib::BoolError> {
        crate::element::register(plugin)
    }

    gst::plugin_define!(
        cosyvoice3,
        env!("CARGO_PKG_DESCRIPTION"),
        plugin_init,
        concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
        "MIT/X11",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_REPOSITORY"),
        env!("BUILD_REL_DATE")
    );
}

pub use plugin::plugin_register_static;
