//! Admission of connections: a limit for all, a share for each peer, and the oldest unsettled one goes when full.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
};

/// Connections in the order of their arrival, each with a handle by which it can be ended.
///
/// A connection is unsettled until it has done its part, such as sent its request.
pub struct Connections<T> {
    limit: usize,
    share: usize,
    next: u64,
    members: BTreeMap<u64, Member<T>>,
}

struct Member<T> {
    peer: IpAddr,
    settled: bool,
    handle: T,
}

/// An admitted connection.
#[derive(Debug, PartialEq)]
pub struct Admitted<T> {
    pub id: u64,
    /// A connection that had to go, no longer counted: end it.
    pub evicted: Option<T>,
}

impl<T> Connections<T> {
    /// Room for `limit` connections, `share` of them of one peer.
    pub fn new(limit: usize, share: usize) -> Self {
        Self {
            limit,
            share,
            next: 0,
            members: BTreeMap::new(),
        }
    }

    /// Admits a connection of `peer`; `None` where all that could make room are settled.
    pub fn admit(&mut self, peer: IpAddr, handle: T) -> Option<Admitted<T>> {
        let peer = one_peer(peer);
        let its_own = self.members.values().filter(|m| m.peer == peer).count();
        let evicted = if its_own >= self.share {
            Some(self.evict(|member| member.peer == peer)?)
        } else if self.members.len() >= self.limit {
            Some(self.evict(|_| true)?)
        } else {
            None
        };
        let (id, settled) = (self.next, false);
        self.next += 1;
        let member = Member {
            peer,
            settled,
            handle,
        };
        self.members.insert(id, member);
        Some(Admitted { id, evicted })
    }

    /// Takes out the oldest unsettled connection, to make room for something else: end it.
    pub fn evict_oldest(&mut self) -> Option<T> {
        self.evict(|_| true)
    }

    /// Notes whether the connection has done its part. Does nothing for one that is gone.
    pub fn set_settled(&mut self, id: u64, settled: bool) {
        if let Some(member) = self.members.get_mut(&id) {
            member.settled = settled;
        }
    }

    /// Forgets a connection that has ended.
    pub fn remove(&mut self, id: u64) -> Option<T> {
        self.members.remove(&id).map(|member| member.handle)
    }

    fn evict(&mut self, among: impl Fn(&Member<T>) -> bool) -> Option<T> {
        let mut unsettled = self.members.iter().filter(|(_, m)| !m.settled && among(m));
        let id = *unsettled.next()?.0;
        self.remove(id)
    }
}

/// The address by which connections of one peer are counted: with IPv6 a peer has a network of 64 bits.
fn one_peer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u8) -> IpAddr {
        [10, 0, 0, number].into()
    }

    /// Name of the evicted connection.
    fn admit(
        connections: &mut Connections<&'static str>,
        from: u8,
        name: &'static str,
    ) -> Option<Option<&'static str>> {
        connections
            .admit(peer(from), name)
            .map(|admitted| admitted.evicted)
    }

    #[test]
    fn a_peer_that_uses_up_its_share_pushes_out_its_own_oldest() {
        let mut connections = Connections::new(4, 2);
        assert_eq!(admit(&mut connections, 2, "other"), Some(None));
        assert_eq!(admit(&mut connections, 1, "a"), Some(None));
        assert_eq!(admit(&mut connections, 1, "b"), Some(None));
        assert_eq!(admit(&mut connections, 1, "c"), Some(Some("a")));
    }

    #[test]
    fn when_all_places_are_taken_the_oldest_unsettled_one_goes() {
        let mut connections = Connections::new(2, 2);
        let first = connections.admit(peer(1), "first").unwrap().id;
        admit(&mut connections, 2, "second");
        connections.set_settled(first, true);
        assert_eq!(admit(&mut connections, 3, "third"), Some(Some("second")));
        connections.set_settled(first, false);
        assert_eq!(admit(&mut connections, 4, "fourth"), Some(Some("first")));
    }

    #[test]
    fn settled_connections_stay_and_the_newcomer_is_turned_away() {
        let mut connections = Connections::new(2, 1);
        let first = connections.admit(peer(1), "first").unwrap().id;
        connections.set_settled(first, true);
        assert_eq!(admit(&mut connections, 1, "its own"), None);
        let second = connections.admit(peer(2), "second").unwrap().id;
        connections.set_settled(second, true);
        assert_eq!(admit(&mut connections, 3, "third"), None);
        assert_eq!(connections.evict_oldest(), None);
        assert_eq!(connections.remove(first), Some("first"));
        assert_eq!(admit(&mut connections, 3, "third"), Some(None));
    }

    #[test]
    fn a_network_of_ipv6_is_one_peer_and_ipv4_is_itself_in_both_notations() {
        let same = |a: &str, b: &str| one_peer(a.parse().unwrap()) == one_peer(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff:1"));
        assert!(!same("2001:db8:0:1::1", "2001:db8:0:2::1"));
        assert!(same("::ffff:10.0.0.1", "10.0.0.1"));
        assert!(!same("::ffff:10.0.0.1", "::ffff:10.0.0.2"));
    }
}
