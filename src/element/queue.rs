//! The queue of announcements: order, priorities, preemption.

use std::collections::VecDeque;

use gst::glib;

use super::{cost::Progress, timeline::Cue};
use cosyvoice3::{self as synth, Event, RequestId, Speech};

/// Announcements that are handed to the synthesizer: one that plays, one that is prepared meanwhile.
const AHEAD: usize = 2;

/// Effect of an announcement on those of lower priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3Interrupt")]
#[repr(i32)]
pub enum Interrupt {
    /// Waits for them to end.
    #[default]
    #[enum_value(name = "Waits until the one that is spoken has ended", nick = "none")]
    None = 0,
    /// Ends them.
    #[enum_value(
        name = "Ends the one that is spoken after its sentence",
        nick = "sentence"
    )]
    Sentence = 1,
    /// Cuts them off.
    #[enum_value(name = "Cuts the one that is spoken off", nick = "now")]
    Now = 2,
}

/// Source of an announcement.
#[derive(Debug, Clone, Default)]
pub(super) enum Origin {
    /// A signal or the property.
    #[default]
    Application,
    /// The sink pad: its time if it has one, and a buffer if that carries metas.
    Upstream(Option<Cue>, Option<gst::Buffer>),
}

/// An announcement from its acceptance to its end.
#[derive(Debug)]
pub(super) struct Announcement {
    /// Number that applications know it by.
    pub id: u64,
    pub text: String,
    pub settings: synth::Settings,
    pub priority: i32,
    pub origin: Origin,
    /// Its number in the synthesizer, while it is there.
    request: Option<RequestId>,
    /// Something of it was pushed.
    pub started: bool,
    /// A more important one wants its place: nothing more of it is taken from the engine.
    pub interrupted: bool,
    /// Speech of it was synthesized and dropped.
    pub dropped: bool,
    /// Speech that waits until the announcement is complete, and the event of its completion.
    pub held: Held,
    /// Facts for its messages.
    pub progress: Progress,
}

/// Speech of an announcement that is not to be cut into pieces yet.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub speech: Vec<Speech>,
    /// The engine's last event on the announcement, while speech that was held is pushed.
    pub end: Option<Event>,
}

impl Announcement {
    /// True for an application's announcement of which nothing was pushed.
    fn waits(&self) -> bool {
        !self.started && matches!(self.origin, Origin::Application)
    }

    /// Its slot, if it has one.
    pub fn cue(&self) -> Option<Cue> {
        match self.origin {
            Origin::Upstream(cue, _) => cue,
            Origin::Application => None,
        }
    }
}

/// A place in the queue.
#[derive(Debug)]
pub(super) enum Item {
    /// An announcement.
    Say(Box<Announcement>),
    /// An event that has to stay between the announcements around it.
    Event(gst::Event),
    /// A time without speech.
    Gap(Cue),
    /// The end of the stream.
    End(Option<gst::Seqnum>),
}

/// Amount of synthesized but unpushed speech to drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Discard {
    /// Nothing.
    #[default]
    Nothing,
    /// Sentences of which nothing was pushed.
    NextSentence,
    /// All of it.
    All,
}

/// Consequences of an announcement for those that it preempts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Preemption {
    /// To be cancelled in the synthesizer. Those that had not started wait for another turn.
    pub requests: Vec<RequestId>,
    /// Fate of the speech of the one at the head.
    pub discard: Discard,
}

/// The queue of announcements, and of events, gaps and the end between them.
#[derive(Debug, Default)]
pub(super) struct AnnouncementQueue {
    items: VecDeque<Item>,
    last_id: u64,
}

impl AnnouncementQueue {
    /// The next item.
    pub fn head(&mut self) -> Option<&mut Item> {
        self.items.front_mut()
    }

    /// Takes the next item.
    pub fn pop(&mut self) -> Option<Item> {
        self.items.pop_front()
    }

    /// Appends anything but an announcement.
    pub fn push(&mut self, item: Item) {
        self.items.push_back(item);
    }

    /// Number of announcements that have not ended.
    pub fn texts(&self) -> usize {
        self.says().count()
    }

    /// Number of announcements from upstream that have not ended.
    pub fn upstream_texts(&self) -> usize {
        let from_upstream = |a: &&Announcement| matches!(a.origin, Origin::Upstream(..));
        self.says().filter(from_upstream).count()
    }

    /// Number of applications' announcements that wait: nothing of them was pushed yet.
    pub fn waiting(&self) -> usize {
        self.says().filter(|text| text.waits()).count()
    }

    /// The last of the least important waiting announcements of applications, if its priority is below `priority`.
    pub fn least_important_below(&self, priority: i32) -> Option<u64> {
        let waiting: Vec<_> = self.says().filter(|text| text.waits()).collect();
        // Of equals the first that is met.
        let least = waiting.iter().rev().min_by_key(|text| text.priority)?;
        (least.priority < priority).then_some(least.id)
    }

    /// True if the end of the stream is queued.
    pub fn ends(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::End(_)))
    }

    /// Queues a text: behind all of its priority and above, before those below. Returns its id, and what it preempts.
    pub fn say(
        &mut self,
        text: String,
        settings: synth::Settings,
        priority: i32,
        interrupt: Interrupt,
        origin: Origin,
    ) -> (u64, Preemption) {
        self.last_id += 1;
        let id = self.last_id;
        let below = |item: &Item| matches!(item, Item::Say(other) if other.priority < priority);
        // An announcement that has started keeps its place: it is ended there.
        let movable = |item: &Item| !matches!(item, Item::Say(other) if other.started);
        let place = self
            .items
            .iter()
            .position(|item| below(item) && movable(item))
            .unwrap_or(self.items.len());
        let mut preemption = Preemption::default();
        for (index, item) in self.items.iter_mut().enumerate() {
            let Item::Say(other) = item else { continue };
            if !other.started && index >= place {
                preemption.requests.extend(other.request.take());
                other.progress = Progress::default();
                other.held = Held::default();
                if index == 0 {
                    preemption.discard = Discard::All;
                }
            } else if other.started && other.priority < priority {
                preemption.discard = match interrupt {
                    Interrupt::None => continue,
                    Interrupt::Sentence => Discard::NextSentence,
                    Interrupt::Now => Discard::All,
                };
                other.interrupted = true;
                preemption.requests.extend(other.request);
            }
        }
        let announcement = Announcement {
            id,
            text,
            settings,
            priority,
            origin,
            request: None,
            started: false,
            interrupted: false,
            dropped: false,
            held: Held::default(),
            progress: Progress::default(),
        };
        self.items.insert(place, Item::Say(Box::new(announcement)));
        (id, preemption)
    }

    /// Hands announcements to the synthesizer by `say`, as far ahead as is useful.
    pub fn feed(&mut self, mut say: impl FnMut(synth::Request) -> RequestId) {
        let says = self.items.iter_mut().filter_map(|item| match item {
            Item::Say(announcement) => Some(announcement),
            _ => None,
        });
        for announcement in says.take(AHEAD) {
            if announcement.request.is_none() {
                let request = synth::Request::new(announcement.text.clone());
                announcement.request =
                    Some(say(request.with_settings(announcement.settings.clone())));
            }
        }
    }

    /// The announcement at the head, if it is this request.
    pub fn current(&mut self, request: RequestId) -> Option<&mut Announcement> {
        match self.items.front_mut() {
            Some(Item::Say(announcement)) if announcement.request == Some(request) => {
                Some(announcement)
            }
            _ => None,
        }
    }

    /// The announcement at the head, if a more important one wants its place.
    pub fn interrupted(&mut self) -> Option<&mut Announcement> {
        match self.items.front_mut() {
            Some(Item::Say(announcement)) if announcement.interrupted => Some(announcement),
            _ => None,
        }
    }

    /// The last event on the announcement at the head, if it had to wait for speech that was held.
    pub fn held_end(&mut self) -> Option<Event> {
        match self.items.front_mut() {
            Some(Item::Say(announcement)) => announcement.held.end.take(),
            _ => None,
        }
    }

    /// Takes the announcement at the head, if it is this request.
    pub fn finish(&mut self, request: RequestId) -> Option<Announcement> {
        self.current(request)?;
        match self.items.pop_front() {
            Some(Item::Say(announcement)) => Some(*announcement),
            _ => None,
        }
    }

    /// Takes the announcements that `wanted` selects out of the queue; returns them and their requests.
    pub fn cancel(&mut self, wanted: impl Fn(u64) -> bool) -> (Vec<Announcement>, Preemption) {
        let mut gone = Vec::new();
        let mut preemption = Preemption::default();
        let items = std::mem::take(&mut self.items);
        for (index, item) in items.into_iter().enumerate() {
            match item {
                Item::Say(announcement) if wanted(announcement.id) => {
                    preemption.requests.extend(announcement.request);
                    if index == 0 {
                        preemption.discard = Discard::All;
                    }
                    gone.push(*announcement);
                }
                item => self.items.push_back(item),
            }
        }
        (gone, preemption)
    }

    /// Takes everything; returns the announcements among it.
    pub fn clear(&mut self) -> Vec<Announcement> {
        let (gone, _) = self.cancel(|_| true);
        self.items.clear();
        gone
    }

    fn says(&self) -> impl Iterator<Item = &Announcement> {
        self.items.iter().filter_map(|item| match item {
            Item::Say(announcement) => Some(&**announcement),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(
        queue: &mut AnnouncementQueue,
        priority: i32,
        interrupt: Interrupt,
    ) -> (u64, Preemption) {
        queue.say(
            "x".into(),
            synth::Settings::default(),
            priority,
            interrupt,
            Origin::Application,
        )
    }

    fn feed(queue: &mut AnnouncementQueue, next: &mut RequestId) {
        queue.feed(|_| {
            *next += 1;
            *next
        });
    }

    fn order(queue: &AnnouncementQueue) -> Vec<u64> {
        queue.says().map(|announcement| announcement.id).collect()
    }

    #[test]
    fn equals_keep_their_order_and_the_more_important_go_first() {
        let mut queue = AnnouncementQueue::default();
        for priority in [0, 0, 5, 0, 5, 9] {
            say(&mut queue, priority, Interrupt::None);
        }
        assert_eq!(order(&queue), [6, 3, 5, 1, 2, 4]);
    }

    #[test]
    fn what_has_started_ends_where_it_stands() {
        let mut queue = AnnouncementQueue::default();
        let mut next = 0;
        say(&mut queue, 0, Interrupt::None);
        say(&mut queue, 0, Interrupt::None);
        feed(&mut queue, &mut next);
        queue.current(1).unwrap().started = true;
        let (id, preemption) = say(&mut queue, 1, Interrupt::None);
        assert_eq!((id, order(&queue)), (3, vec![1, 3, 2]));
        // The second was prepared too early, and is given another turn.
        assert_eq!(
            preemption,
            Preemption {
                requests: vec![2],
                discard: Discard::Nothing
            }
        );
        feed(&mut queue, &mut next);
        assert!(queue.finish(2).is_none());
        assert_eq!(queue.finish(1).unwrap().id, 1);
        assert_eq!(queue.finish(3).unwrap().id, 3);
    }

    #[test]
    fn an_interruption_cuts_what_is_heard_and_only_if_it_matters_less() {
        let mut queue = AnnouncementQueue::default();
        let mut next = 0;
        say(&mut queue, 5, Interrupt::None);
        feed(&mut queue, &mut next);
        queue.current(1).unwrap().started = true;
        let (_, preemption) = say(&mut queue, 5, Interrupt::Now);
        assert_eq!(preemption, Preemption::default());
        let (_, preemption) = say(&mut queue, 6, Interrupt::Sentence);
        assert!(queue.current(1).unwrap().interrupted);
        assert_eq!(
            preemption,
            Preemption {
                requests: vec![1],
                discard: Discard::NextSentence
            }
        );
        let (_, preemption) = say(&mut queue, 7, Interrupt::Now);
        assert_eq!(
            preemption,
            Preemption {
                requests: vec![1],
                discard: Discard::All
            }
        );
    }

    #[test]
    fn what_is_made_and_not_heard_waits_for_another_turn() {
        let mut queue = AnnouncementQueue::default();
        let mut next = 0;
        say(&mut queue, 0, Interrupt::None);
        feed(&mut queue, &mut next);
        queue.current(1).unwrap().progress.made = 960;
        let (id, preemption) = say(&mut queue, 1, Interrupt::Now);
        assert_eq!((id, order(&queue)), (2, vec![2, 1]));
        assert_eq!(
            preemption,
            Preemption {
                requests: vec![1],
                discard: Discard::All
            }
        );
        feed(&mut queue, &mut next);
        queue.finish(2).unwrap();
        let again = queue.current(3).unwrap();
        assert!(!again.interrupted);
        assert_eq!(again.progress.made, 0);
    }

    #[test]
    fn no_more_is_prepared_than_is_useful() {
        let mut queue = AnnouncementQueue::default();
        let mut next = 0;
        for _ in 0..10 {
            say(&mut queue, 0, Interrupt::None);
        }
        feed(&mut queue, &mut next);
        feed(&mut queue, &mut next);
        assert_eq!(next, AHEAD as u64);
    }

    #[test]
    fn the_last_of_the_least_important_makes_room_for_the_more_important_alone() {
        let mut queue = AnnouncementQueue::default();
        for priority in [1, 0, 0, 2] {
            say(&mut queue, priority, Interrupt::None);
        }
        assert_eq!(queue.waiting(), 4);
        let victims = [0, 1, 2, 3].map(|priority| queue.least_important_below(priority));
        assert_eq!(victims, [None, Some(3), Some(3), Some(3)]);
        queue.cancel(|id| id == 2 || id == 3);
        let victims = [0, 1, 2, 3].map(|priority| queue.least_important_below(priority));
        assert_eq!(victims, [None, None, Some(1), Some(1)]);
        // An announcement that has started has its place, and those of upstream have a limit of their own.
        let mut next = 0;
        feed(&mut queue, &mut next);
        queue.current(1).unwrap().started = true;
        let upstream = Origin::Upstream(None, None);
        queue.say(
            "x".into(),
            synth::Settings::default(),
            0,
            Interrupt::None,
            upstream,
        );
        assert_eq!(queue.waiting(), 1);
        assert_eq!(queue.least_important_below(9), Some(1));
    }

    #[test]
    fn a_cancelled_text_leaves_the_queue_with_its_request() {
        let mut queue = AnnouncementQueue::default();
        let mut next = 0;
        for _ in 0..3 {
            say(&mut queue, 0, Interrupt::None);
        }
        feed(&mut queue, &mut next);
        let (gone, preemption) = queue.cancel(|id| id == 2);
        assert_eq!(gone.len(), 1);
        assert_eq!(
            preemption,
            Preemption {
                requests: vec![2],
                discard: Discard::Nothing
            }
        );
        assert_eq!(order(&queue), [1, 3]);
    }
}
