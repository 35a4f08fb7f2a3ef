//! The element `cosyvoice3src`.
/// Registers the element.
pub fn register(_plugin: &gst::Plugin) -> Result<(), gst::glib::BoolError> {
    Ok(())
}
