//! The time in which a request has to arrive.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// Arrival of one request, from the connection on. Handlers find it among the request's extensions.
#[derive(Clone)]
pub struct Arrival {
    begin: Instant,
    /// Seconds that it may take.
    seconds: Arc<AtomicU64>,
    complete: Arc<Notify>,
}

impl Arrival {
    /// One that begins now and may take `limit`, in whole seconds.
    pub fn new(limit: Duration) -> Self {
        Self {
            begin: Instant::now(),
            seconds: Arc::new(limit.as_secs().into()),
            complete: Arc::default(),
        }
    }

    /// Lets the request take `limit` in all, if that is longer than before.
    pub fn allow(&self, limit: Duration) {
        self.seconds.fetch_max(limit.as_secs(), Ordering::SeqCst);
    }

    /// The time that it may take.
    pub fn limit(&self) -> Duration {
        Duration::from_secs(self.seconds.load(Ordering::SeqCst))
    }

    /// Notes that all of the request that matters is here.
    pub fn note_complete(&self) {
        self.complete.notify_one();
    }

    /// Waits for [`note_complete`](Self::note_complete).
    pub async fn complete(&self) {
        self.complete.notified().await;
    }

    /// Waits until the request has taken too long.
    pub async fn late(&self) {
        loop {
            let limit = self.limit();
            sleep_until(self.begin + limit).await;
            if limit == self.limit() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_may_take_the_longest_time_that_it_was_allowed() {
        let arrival = Arrival::new(Duration::from_secs(10));
        arrival.clone().allow(Duration::from_secs(60));
        arrival.allow(Duration::from_secs(20));
        assert_eq!(arrival.limit(), Duration::from_secs(60));
    }
}
