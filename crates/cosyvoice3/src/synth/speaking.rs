//! One request as an iterator over its speech.

use super::{
    request::{Event, Request, RequestId, Speech},
    shared::{self, Events, Shared},
};
use crate::{Error, ErrorKind, Result};

/// The speech of one request, utterance by utterance; made by [`Synthesizer::speak`](super::Synthesizer::speak). Dropping it cancels the request.
///
/// An item is an error where an utterance failed (the next ones still come), where the request was cancelled or the
/// synthesizer closed (nothing follows), and where nothing of the text can be spoken. What a user should know beside
/// that is logged as a warning of [`tracing`].
pub struct Speaking<'a> {
    shared: &'a Shared,
    request: RequestId,
    events: Events,
    /// Neither speech nor a failure was handed out yet.
    nothing_yet: bool,
    /// Why nothing was spoken, if nothing is.
    warning: Option<Error>,
    done: bool,
}

impl<'a> Speaking<'a> {
    pub(super) fn new(shared: &'a Shared, request: Request) -> Self {
        let events = shared::events();
        Self {
            shared,
            request: shared.say(request, Some(events.clone())),
            events,
            nothing_yet: true,
            warning: None,
            done: false,
        }
    }

    /// Number of the request, for [`Synthesizer::cancel`](super::Synthesizer::cancel).
    pub fn request(&self) -> RequestId {
        self.request
    }

    /// The last item.
    fn end(&mut self, error: Option<Error>) -> Option<Result<Speech>> {
        self.done = true;
        error.map(Err)
    }
}

impl Iterator for Speaking<'_> {
    type Item = Result<Speech>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            let item = match self.events.pop() {
                Some(Event::Speech(speech)) => Ok(speech),
                Some(Event::UtteranceFailed { error, .. }) => Err(error),
                Some(Event::LoadFailed(error)) => return self.end(Some(error)),
                Some(Event::Warning { kind, message, .. }) => {
                    tracing::warn!("{message}");
                    if kind == ErrorKind::Text {
                        self.warning = Some(Error::new(kind, message));
                    }
                    continue;
                }
                Some(Event::Finished { cancelled, .. }) => {
                    let unsaid = self.warning.take().filter(|_| self.nothing_yet);
                    return self.end(if cancelled {
                        Some(Error::cancelled())
                    } else {
                        unsaid
                    });
                }
                Some(_) => continue,
                None => return self.end(Some(Error::cancelled())),
            };
            self.nothing_yet = false;
            return Some(item);
        }
        None
    }
}

impl Drop for Speaking<'_> {
    fn drop(&mut self) {
        let request = self.request;
        self.shared.cancel(|id| id == request);
        // The vocoder may wait for room here.
        self.events.close();
    }
}
