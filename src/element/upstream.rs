//! Elements beside this one that may link a text pad later: demuxers, whose pads come when they know their streams.
//!
//! An element is not informed of links that are to come: `qtdemux ! cosyvoice3src` requests no pad before the demuxer has
//! one. What shows the intention is a listener to the demuxer's `pad-added`, of `gst-launch-1.0` or of an application.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use gst::{
    glib::{self, SignalHandlerId, WeakRef, subclass::SignalId},
    prelude::*,
};

use super::{lock::lock, notify::Notify};

struct Candidate {
    element: WeakRef<gst::Element>,
    handler: SignalHandlerId,
    /// It has said that no more pads come.
    done: Arc<AtomicBool>,
}

/// The elements of the same bin that have pads with text at times.
#[derive(Default)]
pub(super) struct Candidates(Mutex<Vec<Candidate>>);

impl Candidates {
    /// Looks for elements that are not known yet. Their `no-more-pads` wakes the waiting task of `element`.
    pub fn watch(&self, element: &gst::Element, notify: &Arc<Notify>) {
        let Some(bin) = element.parent().and_downcast::<gst::Bin>() else {
            return;
        };
        let Some(template) = element.pad_template("sink") else {
            return;
        };
        let mut known = lock(&self.0);
        for other in bin.children() {
            let is_known = known
                .iter()
                .any(|one| one.element.upgrade().as_ref() == Some(&other));
            if is_known || !may_give(&other, template.caps()) {
                continue;
            }
            let done = Arc::new(AtomicBool::new(false));
            let (ended, notify) = (done.clone(), notify.clone());
            let handler = other.connect_no_more_pads(move |_| {
                ended.store(true, Ordering::SeqCst);
                notify.signal();
            });
            known.push(Candidate {
                element: other.downgrade(),
                handler,
                done,
            });
        }
    }

    /// Looks away.
    pub fn forget(&self) {
        for candidate in std::mem::take(&mut *lock(&self.0)) {
            if let Some(element) = candidate.element.upgrade() {
                element.disconnect(candidate.handler);
            }
        }
    }

    /// True if one of them may still have a new pad, and something listens for it.
    pub fn may_link(&self) -> bool {
        lock(&self.0).iter().any(|candidate| {
            let element = candidate.element.upgrade();
            !candidate.done.load(Ordering::SeqCst) && element.is_some_and(|it| is_listened_to(&it))
        })
    }
}

fn may_give(element: &gst::Element, text: &gst::Caps) -> bool {
    element.pad_template_list().iter().any(|template| {
        template.direction() == gst::PadDirection::Src
            && template.presence() == gst::PadPresence::Sometimes
            && template.caps().can_intersect(text)
    })
}

fn is_listened_to(element: &gst::Element) -> bool {
    SignalId::lookup("pad-added", gst::Element::static_type())
        .is_some_and(|signal| glib::signal::signal_has_handler_pending(element, signal, None, true))
}
