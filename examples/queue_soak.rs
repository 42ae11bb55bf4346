//! A thousand million items through one queue, from four threads to four others, none lost, doubled or out of order.
//!
//! ```text
//! cargo run --release --example queue_soak                   # 10^9 items through 1,024 places
//! cargo run --release --example queue_soak -- 20000000       # fewer
//! cargo run --release --example queue_soak -- 20000000 1     # through one place
//! ```
//!
//! Half of the threads on either side take one item at a time and half of them up to 32. Producers and consumers
//! count, add and `xor` what passes through their hands, and each consumer sees that the items of each producer come in
//! its order. The exit status is 1 if anything is wrong, and if nothing moves any more.

use lockline::{Counter, WorkQueue};
use std::{
    env,
    process::{self, ExitCode},
    thread,
    time::{Duration, Instant},
};

const USAGE: &str = "usage: queue_soak [ITEMS [CAPACITY]]";

const PRODUCERS: u32 = 4;
const CONSUMERS: u64 = 4;
const BATCH: usize = 32;
/// An item is its producer's number, above its own.
const OWN: u32 = 48;

/// Looks at how far it is, a tenth of a second apart.
const LOOKS_PER_SECOND: u32 = 10;
/// Seconds between two lines of progress.
const NEWS: u32 = 5;
/// Seconds without an item after which something sleeps that should not. Nobody sleeps so long for want of a core.
const STUCK: u32 = 60;

/// What passed through the hands of a thread, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    count: u64,
    sum: u64,
    xor: u64,
}

impl Tally {
    fn see(&mut self, item: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(item);
        // Neighbours as they are cancel each other out.
        self.xor ^= item.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn with(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum.wrapping_add(other.sum),
            xor: self.xor ^ other.xor,
        }
    }
}

fn produce(queue: &WorkQueue<u64>, nth: u64, items: u64) -> Tally {
    let mut tally = Tally::default();
    let mut batch = Vec::with_capacity(BATCH);
    for n in 0..items {
        let item = nth << OWN | n;
        tally.see(item);
        if nth % 2 == 0 {
            queue.push(item).expect("open until all producers are done");
        } else {
            batch.push(item);
            if batch.len() == BATCH || n + 1 == items {
                queue.push_batch(&mut batch).expect("open until all producers are done");
            }
        }
    }
    tally
}

/// A consumer's tally, and how many items came that were not above the last of the same producer.
fn consume(queue: &WorkQueue<u64>, nth: u64, taken: &Counter) -> (Tally, u64) {
    let (mut tally, mut disorder) = (Tally::default(), 0);
    // The least that may come next.
    let mut next = [0; PRODUCERS as usize];
    let mut see = |item: u64| {
        tally.see(item);
        let next = usize::try_from(item >> OWN).ok().and_then(|producer| next.get_mut(producer));
        let own = item & ((1 << OWN) - 1);
        match next {
            Some(next) if own >= *next => *next = own + 1,
            _ => disorder += 1,
        }
    };
    if nth % 2 == 0 {
        for item in queue {
            see(item);
            taken.increment();
        }
    } else {
        let mut batch = Vec::with_capacity(BATCH);
        while queue.pop_batch(&mut batch, BATCH) > 0 {
            taken.add(batch.len() as u64);
            batch.drain(..).for_each(&mut see);
        }
    }
    (tally, disorder)
}

/// Prints how far it is, until `done`.
fn watch(items: u64, taken: &Counter, done: impl Fn() -> bool) {
    let (mut last, mut still) = (0, 0);
    for look in 1_u32.. {
        if done() {
            break;
        }
        // Looks are counted, and not the time: who is stopped in the meantime is not stuck.
        thread::sleep(Duration::from_secs(1) / LOOKS_PER_SECOND);
        let now = taken.sum();
        if look % (NEWS * LOOKS_PER_SECOND) == 0 {
            println!("{now} of {items} items");
        }
        still = if now == last { still + 1 } else { 0 };
        last = now;
        if still == STUCK * LOOKS_PER_SECOND {
            println!("STUCK: no item for {STUCK} seconds, after {now} of {items}");
            process::exit(1);
        }
    }
}

fn soak(items: u64, capacity: usize) -> bool {
    let queue = &WorkQueue::new(capacity);
    let taken = &Counter::new();
    let start = Instant::now();
    let (put, got, disorder) = thread::scope(|scope| {
        let consumers: Vec<_> =
            (0..CONSUMERS).map(|nth| scope.spawn(move || consume(queue, nth, taken))).collect();
        let producers: Vec<_> = (0..u64::from(PRODUCERS))
            .map(|nth| {
                let share =
                    items / u64::from(PRODUCERS) + u64::from(nth < items % u64::from(PRODUCERS));
                scope.spawn(move || produce(queue, nth, share))
            })
            .collect();
        watch(items, taken, || producers.iter().all(thread::ScopedJoinHandle::is_finished));
        let put = producers.into_iter().map(|producer| producer.join().expect("no panic"));
        let put = put.fold(Tally::default(), Tally::with);
        queue.close();
        watch(items, taken, || consumers.iter().all(thread::ScopedJoinHandle::is_finished));
        let (mut got, mut disorder) = (Tally::default(), 0);
        for consumer in consumers {
            let (tally, out_of_order) = consumer.join().expect("no panic");
            got = got.with(tally);
            disorder += out_of_order;
        }
        (put, got, disorder)
    });
    println!("put in    {put:x?}\ntaken out {got:x?}\n{disorder} out of order");
    let right = put == got && put.count == items && disorder == 0 && queue.is_empty();
    let verdict = if right { "ok" } else { "WRONG" };
    println!("{verdict}: {items} items, capacity {capacity}, in {:.1?}", start.elapsed());
    right
}

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let number = |arg: &String| arg.parse::<u64>().ok().filter(|number| *number < 1 << OWN);
    let (items, capacity) = match args.as_slice() {
        [] => (Some(1_000_000_000), Some(1024)),
        [items] => (number(items), Some(1024)),
        [items, capacity] => (number(items), capacity.parse().ok().filter(|n| *n > 0)),
        _ => (None, None),
    };
    let (Some(items), Some(capacity)) = (items, capacity) else {
        eprintln!("queue_soak: a number of items and a capacity, not {args:?}\n{USAGE}");
        return ExitCode::from(2);
    };
    if soak(items, capacity) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
