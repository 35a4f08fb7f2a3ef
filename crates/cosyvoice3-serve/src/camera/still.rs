//! Black pictures, for a camera that has sent none yet.
//!
//! Made by GStreamer's `videotestsrc pattern=black` (640x360) with `x264enc` (constrained baseline), `x265enc` and
//! `jpegenc`; the parameter sets are in front of the picture, the encoders' notes are left out.

use super::source::Format;

/// One black picture, and its caps.
pub fn black(format: Format) -> (gst::Buffer, gst::Caps) {
    let bytes: &[u8] = match format {
        Format::H264 => include_bytes!("black.h264"),
        Format::H265 => include_bytes!("black.h265"),
        Format::Jpeg => include_bytes!("black.jpg"),
    };
    let size = gst::Caps::builder("image/jpeg")
        .field("width", 640)
        .field("height", 360)
        .build();
    (gst::Buffer::from_slice(bytes), format.caps_of(&size))
}
