//! Bounded queues that threads wait on. Not among them: rapidfire, which has no waits but for tasks.

use super::{Item, Queue};
use lockline::WorkQueue;
use std::hint;

impl<T: Item> Queue<T> for WorkQueue<T> {
    fn new(capacity: usize) -> Self {
        Self::new(capacity)
    }

    #[inline]
    fn put(&self, item: T) {
        self.push(item).expect("open");
    }

    #[inline]
    fn take(&self) -> T {
        self.pop().expect("open")
    }
}

/// Both ends of a peer's channel.
macro_rules! peer {
    ($name:ident, $sender:ty, $receiver:ty, $make:expr, $put:ident, $take:ident) => {
        pub(super) struct $name<T: Item>($sender, $receiver);

        impl<T: Item> Queue<T> for $name<T> {
            fn new(capacity: usize) -> Self {
                let (sender, receiver) = $make(capacity);
                Self(sender, receiver)
            }

            #[inline]
            fn put(&self, item: T) {
                self.0.$put(item).expect("open");
            }

            #[inline]
            fn take(&self) -> T {
                self.1.$take().expect("open")
            }
        }
    };
}

peer!(
    Crossbeam,
    crossbeam_channel::Sender<T>,
    crossbeam_channel::Receiver<T>,
    crossbeam_channel::bounded,
    send,
    recv
);
peer!(
    Crossfire,
    crossfire::MTx<crossfire::mpmc::Array<T>>,
    crossfire::MRx<crossfire::mpmc::Array<T>>,
    crossfire::mpmc::bounded_blocking,
    send,
    recv
);
peer!(Kanal, kanal::Sender<T>, kanal::Receiver<T>, kanal::bounded, send, recv);
peer!(Flume, flume::Sender<T>, flume::Receiver<T>, flume::bounded, send, recv);
peer!(
    AsyncChannel,
    async_channel::Sender<T>,
    async_channel::Receiver<T>,
    async_channel::bounded,
    send_blocking,
    recv_blocking
);

/// The receiver is one thread's; a lock that nobody else takes stands for that.
pub(super) struct Std<T>(std::sync::mpsc::SyncSender<T>, Exclusive<std::sync::mpsc::Receiver<T>>);

/// Used by one thread at a time, by the case's construction.
struct Exclusive<T>(std::cell::UnsafeCell<T>);

// SAFETY: one thread of a case uses it, and the case has it dropped after that thread ended.
unsafe impl<T: Send> Sync for Exclusive<T> {}

impl<T> Exclusive<T> {
    fn new(content: T) -> Self {
        Self(std::cell::UnsafeCell::new(content))
    }

    #[allow(clippy::mut_from_ref, reason = "see above")]
    fn get(&self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.0.get() }
    }
}

impl<T: Item> Queue<T> for Std<T> {
    fn new(capacity: usize) -> Self {
        let (sender, receiver) = std::sync::mpsc::sync_channel(capacity);
        Self(sender, Exclusive::new(receiver))
    }

    #[inline]
    fn put(&self, item: T) {
        self.0.send(item).expect("open");
    }

    #[inline]
    fn take(&self) -> T {
        self.1.get().recv().expect("open")
    }
}

/// Slots that are written in place and keep their content; items are copied in and out, as elsewhere.
pub(super) struct Thingbuf<T>(
    thingbuf::mpsc::blocking::Sender<T>,
    thingbuf::mpsc::blocking::Receiver<T>,
);

impl<T: Item> Queue<T> for Thingbuf<T> {
    fn new(capacity: usize) -> Self {
        let (sender, receiver) = thingbuf::mpsc::blocking::channel(capacity);
        Self(sender, receiver)
    }

    #[inline]
    fn put(&self, item: T) {
        self.0.send(item).expect("open");
    }

    #[inline]
    fn take(&self) -> T {
        self.1.recv().expect("open")
    }
}

pub(super) struct Rtrb<T>(Exclusive<rtrb::Producer<T>>, Exclusive<rtrb::Consumer<T>>);

impl<T: Item> Queue<T> for Rtrb<T> {
    fn new(capacity: usize) -> Self {
        let (producer, consumer) = rtrb::RingBuffer::new(capacity);
        Self(Exclusive::new(producer), Exclusive::new(consumer))
    }

    #[inline]
    fn put(&self, item: T) {
        while self.0.get().push(item).is_err() {
            hint::spin_loop();
        }
    }

    #[inline]
    fn take(&self) -> T {
        loop {
            if let Ok(item) = self.1.get().pop() {
                return item;
            }
            hint::spin_loop();
        }
    }
}
