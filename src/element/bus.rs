//! The engine's errors as GStreamer users see them.

use gst::glib::{self, translate::IntoGlib};

use cosyvoice3::{Error, ErrorKind};

/// Domain and code of an error, with its message.
pub(super) fn glib_error(error: &Error) -> glib::Error {
    use gst::{LibraryError, ResourceError, StreamError};
    let text = error.to_string();
    match error.kind() {
        ErrorKind::Settings => glib::Error::new(ResourceError::Settings, &text),
        ErrorKind::NotFound => glib::Error::new(ResourceError::NotFound, &text),
        ErrorKind::Open => glib::Error::new(ResourceError::OpenRead, &text),
        ErrorKind::Damaged => glib::Error::new(ResourceError::Read, &text),
        ErrorKind::Library => glib::Error::new(LibraryError::Init, &text),
        ErrorKind::NoSpace => glib::Error::new(ResourceError::NoSpaceLeft, &text),
        ErrorKind::Busy => glib::Error::new(ResourceError::Busy, &text),
        ErrorKind::Device => glib::Error::new(ResourceError::Failed, &text),
        ErrorKind::Markup => glib::Error::new(StreamError::Format, &text),
        ErrorKind::Text | ErrorKind::Language | ErrorKind::Recording => {
            glib::Error::new(StreamError::Decode, &text)
        }
        // Failed, panicked, cancelled, and what a later engine may add.
        _ => glib::Error::new(StreamError::Failed, &text),
    }
}

/// True if every further text would fail the same way. A voice that is missing, damaged or of another model is the
/// trouble of the texts that want it.
pub(super) fn is_lasting(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Library | ErrorKind::NoSpace | ErrorKind::Device | ErrorKind::Panicked
    )
}

/// An error message from `src`.
pub(super) fn error_message(
    src: &impl glib::object::IsA<gst::Object>,
    error: &Error,
) -> gst::Message {
    gst::message::Error::builder_from_error(glib_error(error))
        .src(src)
        .build()
}

/// A warning message from `src`.
pub(super) fn warning_message(
    src: &impl glib::object::IsA<gst::Object>,
    error: &Error,
) -> gst::Message {
    gst::message::Warning::builder_from_error(glib_error(error))
        .src(src)
        .build()
}

/// A progress message of loading the models.
pub(super) fn progress_message(
    src: &impl glib::object::IsA<gst::Object>,
    kind: gst::ProgressType,
    text: &str,
) -> gst::Message {
    gst::message::Progress::builder(kind, "open", text)
        .src(src)
        .build()
}

/// The error of every source whose data downstream refuses.
pub(super) fn flow_error_message(
    src: &impl glib::object::IsA<gst::Object>,
    flow: gst::FlowError,
) -> gst::Message {
    gst::message::Error::builder(gst::StreamError::Failed, "Internal data stream error.")
        .debug(&format!("streaming stopped, reason {flow}"))
        .details(
            gst::Structure::builder("details")
                .field("flow-return", flow.into_glib())
                .build(),
        )
        .src(src)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_is_busy_on_the_bus_and_ends_nothing() {
        let error = glib_error(&Error::new(ErrorKind::Busy, "16 are waiting"));
        assert!(error.matches(gst::ResourceError::Busy));
        assert!(!is_lasting(ErrorKind::Busy));
    }
}
