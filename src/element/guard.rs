//! The border between C and this element: no panic crosses it, and after one the element still goes down.
//!
//! GStreamer's own guard for Rust elements marks an element that panicked and calls none of its functions again, not even
//! on its way to NULL: the pad's task would run on, and a state change to NULL would wait for it for ever.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use gst::{prelude::*, subclass::prelude::*};

use super::object::CosyVoice3Src;
use cosyvoice3::{Error, ErrorKind};

/// Calls `work`; where it panics, the stream ends with an error and the result is `fallback`. `place` names
/// what panicked, for the error message.
pub(super) fn guarded<R>(
    this: &CosyVoice3Src,
    place: &str,
    fallback: R,
    work: impl FnOnce() -> R,
) -> R {
    // The locks of this element ignore poison, see `lock`.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        this.give_up_after_panic(place, &*panic);
        fallback
    })
}

/// The same for a function of a pad, which is called with the pad's parent; `fallback` without one.
pub(super) fn pad_function<R>(
    parent: Option<&gst::Object>,
    place: &str,
    fallback: R,
    work: impl FnOnce(&CosyVoice3Src) -> R,
) -> R {
    match parent.and_then(|parent| parent.downcast_ref::<super::CosyVoice3Src>()) {
        Some(element) => guarded(element.imp(), place, fallback, || work(element.imp())),
        None => fallback,
    }
}

impl CosyVoice3Src {
    /// Ends the stream of an element in an unknown state. The pad's task pushes EOS, if it is not the one that panicked.
    fn give_up_after_panic(&self, place: &str, panic: &(dyn Any + Send)) {
        let message = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        self.state().stream.broken = true;
        self.post_error(&Error::new(
            ErrorKind::Panicked,
            format!("{place} panicked ({message}): this is a bug, please report it"),
        ));
        self.notify.signal();
        self.space_available.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gst::glib;

    fn element() -> (super::super::CosyVoice3Src, gst::Bus) {
        gst::init().expect("GStreamer starts");
        crate::plugin_register_static().expect("the plugin registers");
        let element = glib::Object::new::<super::super::CosyVoice3Src>();
        element.set_engine(|loading| {
            let (end, ended) = std::sync::mpsc::channel::<()>();
            let _woken = loading.cancel().on_cancel(move || {
                let _ = end.send(());
            });
            let _ = ended.recv();
            Err(Error::cancelled())
        });
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        (element, bus)
    }

    fn errors(bus: &gst::Bus) -> usize {
        bus.iter_filtered(&[gst::MessageType::Error]).count()
    }

    #[test]
    fn after_a_panic_in_a_pad_the_stream_ends_and_the_element_goes_down_and_up_again() {
        let (element, bus) = element();
        for _ in 0..2 {
            let (end, ended) = std::sync::mpsc::channel();
            let sink = gst::Pad::builder(gst::PadDirection::Sink)
                .event_function(move |_, _, event| {
                    if event.type_() == gst::EventType::Eos {
                        end.send(()).expect("the test waits");
                    }
                    true
                })
                .build();
            let source = element.static_pad("src").expect("it is always there");
            source.link(&sink).expect("a pad for anything");
            sink.set_active(true).expect("a pad of its own");
            element.set_state(gst::State::Paused).expect("it starts");
            let parent = element.upcast_ref::<gst::Object>();
            let flow = pad_function(
                Some(parent),
                "the sink pad",
                Err(gst::FlowError::Error),
                |_| panic!("on purpose"),
            );
            assert_eq!(flow, Err::<gst::FlowSuccess, _>(gst::FlowError::Error));
            ended.recv().expect("the stream ends");
            assert_eq!(errors(&bus), 1);
            sink.set_active(false).expect("a pad of its own");
            element.set_state(gst::State::Null).expect("it goes down");
            assert_eq!(source.task_state(), gst::TaskState::Stopped);
            source.unlink(&sink).expect("linked");
        }
    }
}
