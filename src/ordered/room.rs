//! What stands beside a queue that is checked at run time: its consumers and its producers, as holders of something.

use super::{
    error::{OrderError, OrderErrorKind},
    origin::Origin,
    watch::{Idle, Node, held, hold, let_go, refused},
};
use crate::raw::{
    order::{Held, Site},
    waits,
};

/// What is waited for at an end of a queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Side {
    /// By who pushes, for the consumers.
    Room,
    /// By who pops, for the producers.
    Items,
}

/// What there is to do beside pushing and popping.
pub(super) trait QueueWatch {
    fn new(room: Origin, items: Origin) -> Self;
    /// Whether the calling thread may wait for this, by what it holds and by the order.
    fn admit(&self, side: Side, at: Site) -> Result<(), OrderError>;
    /// Others wait for the calling thread from now on, where they wait for this.
    fn hold(&self, side: Side, at: Site);
    /// They do not any more.
    fn let_go(&self, side: Side);
}

impl QueueWatch for Idle {
    fn new(room: Origin, _items: Origin) -> Self {
        Self::new(room)
    }

    #[inline]
    fn admit(&self, _side: Side, _at: Site) -> Result<(), OrderError> {
        Ok(())
    }

    #[inline]
    fn hold(&self, _side: Side, _at: Site) {}

    #[inline]
    fn let_go(&self, _side: Side) {}
}

/// Of a queue that is watched.
///
/// Nothing is known about how many consume it: to the order, the room is held by each that does. What is waited for at one side is
/// not held up by who waits at the other side of the same queue: who waits for items has left room, and the other way round.
#[derive(Debug)]
#[allow(unnameable_types, reason = "part of a sealed trait")]
pub struct WatchingQueue {
    room: Node,
    items: Node,
}

impl WatchingQueue {
    /// Of that side, then of the other.
    #[inline]
    fn sides(&self, side: Side) -> (&Node, &Node) {
        match side {
            Side::Room => (&self.room, &self.items),
            Side::Items => (&self.items, &self.room),
        }
    }

    /// In better words, if it is this very queue that does not fit.
    #[cold]
    fn explain(node: &Node, refusal: OrderError, at: Site) -> OrderError {
        match held().into_iter().find(|held| held.address == waits::address(node)) {
            None => refusal,
            this => refused(OrderErrorKind::SelfDeadlock, node.origin(), at, this, Vec::new()),
        }
    }
}

impl QueueWatch for WatchingQueue {
    fn new(room: Origin, items: Origin) -> Self {
        Self { room: Node::new(room), items: Node::new(items) }
    }

    #[inline]
    fn admit(&self, side: Side, at: Site) -> Result<(), OrderError> {
        let (node, other) = self.sides(side);
        let admitted = node.admit_but(waits::address(other), at);
        admitted.map_err(|refusal| Self::explain(node, refusal, at))
    }

    #[inline]
    fn hold(&self, side: Side, at: Site) {
        let (node, _) = self.sides(side);
        hold(Held { class: node.class(), address: waits::address(node), count: 1, at });
    }

    #[inline]
    fn let_go(&self, side: Side) {
        let_go(waits::address(self.sides(side).0), 1);
    }
}
