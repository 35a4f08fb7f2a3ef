//! Making elements; those that are missing are named with what to install.

use anyhow::{Result, anyhow};
use gst::prelude::*;

/// Factories that are used here, by the Debian package that brings them.
const PACKAGES: [(&str, &[&str]); 3] = [
    (
        "libgstreamer1.0-0",
        &["fdsrc", "filesrc", "filesink", "capsfilter"],
    ),
    (
        "gstreamer1.0-plugins-base",
        &[
            "appsink",
            "appsrc",
            "audioconvert",
            "audiorate",
            "audioresample",
            "decodebin",
            "oggmux",
            "opusenc",
        ],
    ),
    (
        "gstreamer1.0-plugins-good",
        &[
            "autoaudiosink",
            "flacenc",
            "lamemp3enc",
            "mulawenc",
            "rtppcmupay",
            "udpsink",
            "wavenc",
        ],
    ),
];

/// A new element of the factory `name`.
///
/// # Errors
/// There is no such factory: the message names the Debian package that has it.
pub fn make(name: &str) -> Result<gst::Element> {
    let factory = gst::ElementFactory::find(name).ok_or_else(|| missing(name))?;
    Ok(factory.create().build()?)
}

/// The sound as `format` at whatever rate, channels and format it has: a filter of caps.
pub fn raw(format: &str) -> Result<gst::Element> {
    let filter = make("capsfilter")?;
    let caps = gst::Caps::builder("audio/x-raw")
        .field("format", format)
        .build();
    filter.set_property("caps", caps);
    Ok(filter)
}

fn missing(name: &str) -> anyhow::Error {
    let package = PACKAGES.iter().find(|(_, names)| names.contains(&name));
    match package {
        Some((package, _)) => anyhow!(
            "GStreamer's element {name} is missing: install the package {package} (apt-get install {package})"
        ),
        None => anyhow!("GStreamer's element {name} is missing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_element_is_named_with_its_package() {
        let words = missing("opusenc").to_string();
        assert!(words.contains("opusenc"), "{words}");
        assert!(
            words.contains("apt-get install gstreamer1.0-plugins-base"),
            "{words}"
        );
    }
}
