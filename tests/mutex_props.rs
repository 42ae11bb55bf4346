//! Properties of `Mutex` and `Condvar`, on programs nobody thought of, with real threads.

use lockline::{
    Condvar, LockStats, MappedMutexGuard, Mutex, MutexGuard, Observed, OwnedMappedMutexGuard,
    OwnedMutexGuard, SendGuards,
};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{TestCaseError, TestCaseResult},
};
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

/// Runs `f` on all of them, each on a thread of its own, all at once.
fn at_once<P: Sync, R: Send>(programs: &[P], f: impl Fn(&P) -> R + Sync) -> Vec<R> {
    // A spin: threads woken one by one would be done before the next one starts.
    let ready = AtomicUsize::new(0);
    let run = |program| {
        ready.fetch_add(1, Relaxed);
        while ready.load(Relaxed) < programs.len() {
            thread::yield_now();
        }
        f(program)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = programs.iter().map(|p| scope.spawn(move || run(p))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

// --------------------------------------------------------------------------------- transfers

const ACCOUNTS: usize = 3;
const BALANCE: u64 = 1_000;

type Accounts = [u64; ACCOUNTS];
type Shared = Arc<Mutex<Accounts, Observed<SendGuards>>>;

/// A way in, and out.
#[derive(Clone, Copy, Debug)]
enum Way {
    Lock,
    TryLock,
    For(Duration),
    Until(Duration),
    Fair,
    Unlocked,
    Mapped,
    MappedFair,
    Owned,
    OwnedFor(Duration),
    OwnedMapped,
    Panic,
}

impl Way {
    /// Whether it gets in however long that takes.
    fn waits(self) -> bool {
        match self {
            Self::TryLock => false,
            Self::For(time) | Self::Until(time) | Self::OwnedFor(time) => time == Duration::MAX,
            _ => true,
        }
    }
}

/// From one account to another, as much, and whether others run meanwhile.
#[derive(Clone, Copy, Debug)]
struct Transfer {
    way: Way,
    from: usize,
    to: usize,
    amount: u64,
    slow: bool,
}

impl Transfer {
    fn apply(self, accounts: &mut Accounts) {
        accounts[self.from] = accounts[self.from].wrapping_sub(self.amount);
        if self.slow {
            thread::yield_now();
        }
        accounts[self.to] = accounts[self.to].wrapping_add(self.amount);
    }

    /// With the lock: nobody else is half way, then this is done.
    fn section(self, accounts: &mut Accounts) {
        let sum = accounts.iter().fold(0, |sum: u64, balance| sum.wrapping_add(*balance));
        assert_eq!(sum, BALANCE, "half a transfer");
        self.apply(accounts);
    }

    /// Whether it got in.
    fn run(self, mutex: &Shared) -> bool {
        let deadline = |time| Instant::now().checked_add(time).unwrap_or_else(far_away);
        match self.way {
            Way::Lock => self.section(&mut mutex.lock()),
            Way::TryLock => return self.with(mutex.try_lock()),
            Way::For(time) => return self.with(mutex.try_lock_for(time)),
            Way::Until(time) => return self.with(mutex.try_lock_until(deadline(time))),
            Way::OwnedFor(time) => return self.with(mutex.clone().try_lock_owned_for(time)),
            Way::Fair => {
                let mut guard = mutex.lock();
                self.section(&mut guard);
                MutexGuard::unlock_fair(guard);
            }
            Way::Unlocked => {
                let mut guard = mutex.lock();
                MutexGuard::unlocked(&mut guard, thread::yield_now);
                self.section(&mut guard);
            }
            Way::Mapped => self.section(&mut MutexGuard::map(mutex.lock(), |accounts| accounts)),
            Way::MappedFair => {
                let mut guard = MutexGuard::map(mutex.lock(), |accounts| accounts);
                self.section(&mut guard);
                MappedMutexGuard::unlock_fair(guard);
            }
            Way::Owned => self.section(&mut mutex.clone().lock_owned()),
            Way::OwnedMapped => {
                let guard = mutex.clone().lock_owned();
                self.section(&mut OwnedMutexGuard::map(guard, |accounts| accounts));
            }
            Way::Panic => {
                let section = || {
                    let mut guard = mutex.lock();
                    self.section(&mut guard);
                    // Without the message on the screen.
                    resume_unwind(Box::new(()));
                };
                let panic = catch_unwind(AssertUnwindSafe(section)).unwrap_err();
                assert!(panic.is::<()>(), "another panic than ours");
            }
        }
        true
    }

    fn with(self, guard: Option<impl std::ops::DerefMut<Target = Accounts>>) -> bool {
        guard.map(|mut guard| self.section(&mut guard)).is_some()
    }
}

fn far_away() -> Instant {
    Instant::now() + Duration::from_secs(1_000_000)
}

fn timeout() -> impl Strategy<Value = Duration> {
    prop_oneof![
        2 => Just(Duration::ZERO),
        4 => (1..200_u64).prop_map(Duration::from_micros),
        1 => Just(Duration::MAX),
    ]
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        Just(Way::Lock),
        Just(Way::TryLock),
        timeout().prop_map(Way::For),
        timeout().prop_map(Way::Until),
        Just(Way::Fair),
        Just(Way::Unlocked),
        Just(Way::Mapped),
        Just(Way::MappedFair),
        Just(Way::Owned),
        timeout().prop_map(Way::OwnedFor),
        Just(Way::OwnedMapped),
        Just(Way::Panic),
    ]
}

fn way_without_waiting() -> impl Strategy<Value = Way> {
    prop_oneof![
        Just(Way::TryLock),
        Just(Way::For(Duration::ZERO)),
        Just(Way::Until(Duration::ZERO)),
        Just(Way::OwnedFor(Duration::ZERO)),
    ]
}

fn transfers(way: impl Strategy<Value = Way>) -> impl Strategy<Value = Vec<Transfer>> {
    let transfer = (way, 0..ACCOUNTS, 0..ACCOUNTS, 0..2 * BALANCE, any::<bool>());
    let transfer =
        transfer.prop_map(|(way, from, to, amount, slow)| Transfer { way, from, to, amount, slow });
    vec(transfer, 0..40)
}

/// The accounts are what the transfers that got in make of them, one after the other, in any order.
fn balances(programs: &[Vec<Transfer>]) -> Result<LockStats, TestCaseError> {
    let start = [BALANCE, 0, 0];
    let mutex = Shared::new(Mutex::with_policy(start));
    let run = |program: &Vec<Transfer>| {
        program.iter().map(|transfer| transfer.run(&mutex)).collect::<Vec<_>>()
    };
    let got_in = at_once(programs, run);
    let mut account = start;
    for (transfer, got_in) in programs.iter().flatten().zip(got_in.iter().flatten()) {
        prop_assert!(*got_in || !transfer.way.waits(), "{:?} did not get in", transfer);
        prop_assert!(*got_in || programs.len() > 1, "{:?} alone did not get in", transfer);
        if *got_in {
            transfer.apply(&mut account);
        }
    }
    prop_assert_eq!(Arc::strong_count(&mutex), 1);
    prop_assert_eq!(*mutex.try_lock().expect("nobody has it"), account);
    Ok(mutex.stats())
}

/// What the statistics may say of programs in which so many acquisitions were tried.
fn agree(stats: LockStats, tried: usize) -> TestCaseResult {
    // `unlocked` locks twice.
    let tried = 2 * u32::try_from(tried).unwrap();
    prop_assert!(stats.contended <= tried.into() && stats.hand_offs <= tried.into(), "{:?}", stats);
    prop_assert!(stats.longest_wait <= stats.total_wait, "{:?}", stats);
    prop_assert!(stats.total_wait <= stats.longest_wait * tried, "{:?}", stats);
    Ok(())
}

// --------------------------------------------------------------------------------- step by step

/// What is done with the lock, by one thread or another, without waiting.
#[derive(Clone, Copy, Debug)]
enum Step {
    Try(Way),
    TryElsewhere,
    Map,
    MapToNothing,
    Drop,
    Fair,
}

enum Held {
    Value(OwnedMutexGuard<Accounts, Observed<SendGuards>>),
    Part(OwnedMappedMutexGuard<Accounts, u64, Observed<SendGuards>>),
}

/// Each step has the result that it must have, given those before it.
fn is_exact(steps: &[Step]) -> TestCaseResult {
    let mutex = Shared::default();
    let mut held = None;
    for step in steps {
        let free = held.is_none();
        prop_assert_eq!(mutex.is_locked(), !free);
        held = match (step, held) {
            (Step::Try(way), held) => {
                let shared = mutex.clone();
                let got = match way {
                    Way::Until(_) => shared.try_lock_owned_until(Instant::now()),
                    Way::For(_) | Way::OwnedFor(_) => shared.try_lock_owned_for(Duration::ZERO),
                    _ => shared.try_lock_owned(),
                };
                prop_assert_eq!(got.is_some(), free);
                got.map(Held::Value).or(held)
            }
            (Step::TryElsewhere, held) => {
                let other = || mutex.try_lock().is_some();
                let got = thread::scope(|scope| scope.spawn(other).join().unwrap());
                prop_assert_eq!(got, free);
                held
            }
            (Step::Map, Some(Held::Value(guard))) => {
                Some(Held::Part(OwnedMutexGuard::map(guard, |value| &mut value[1])))
            }
            (Step::Map, Some(Held::Part(guard))) => {
                Some(Held::Part(OwnedMappedMutexGuard::map(guard, |part| part)))
            }
            (Step::MapToNothing, Some(Held::Value(guard))) => {
                let guard = OwnedMutexGuard::try_map(guard, |_| None::<&mut u64>);
                Some(Held::Value(guard.expect_err("there is nothing")))
            }
            (Step::MapToNothing, Some(Held::Part(guard))) => {
                let guard = OwnedMappedMutexGuard::try_map(guard, |_| None::<&mut u64>);
                Some(Held::Part(guard.expect_err("there is nothing")))
            }
            (Step::Fair, Some(Held::Value(guard))) => {
                OwnedMutexGuard::unlock_fair(guard);
                None
            }
            (Step::Fair, Some(Held::Part(guard))) => {
                OwnedMappedMutexGuard::unlock_fair(guard);
                None
            }
            (Step::Drop, _) | (_, None) => None,
        };
        prop_assert_eq!(Arc::strong_count(&mutex), 1 + usize::from(held.is_some()));
    }
    prop_assert_eq!(mutex.stats(), LockStats::default(), "nobody waited");
    Ok(())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => way_without_waiting().prop_map(Step::Try),
        1 => Just(Step::TryElsewhere),
        2 => Just(Step::Map),
        1 => Just(Step::MapToNothing),
        1 => Just(Step::Drop),
        1 => Just(Step::Fair),
    ];
    vec(step, 0..30)
}

// --------------------------------------------------------------------------------- a bounded buffer

/// How a thread waits until there is an item, or a place.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    Until(Duration),
    For(Duration),
    While(Duration),
    ForEver,
}

/// When the other side is told, and how many of it.
#[derive(Clone, Copy, Debug)]
enum Telling {
    Locked,
    Unlocked,
    All,
}

type Worker = Vec<(Waiting, Telling)>;

#[derive(Debug)]
struct Program {
    places: usize,
    producers: Vec<Worker>,
    consumers: Vec<Worker>,
}

#[derive(Default)]
struct Buffer {
    items: Mutex<VecDeque<u64>>,
    item: Condvar,
    place: Condvar,
    /// Waiters that a notification said it woke.
    notified: AtomicU64,
    /// Waits that did not time out.
    woken: AtomicU64,
}

impl Buffer {
    /// Waits until `ready`, and does `change`; then tells the other side.
    fn work<R>(
        &self,
        (waiting, telling): (Waiting, Telling),
        (wait, tell): (&Condvar, &Condvar),
        ready: impl Fn(&VecDeque<u64>) -> bool,
        change: impl FnOnce(&mut VecDeque<u64>) -> R,
    ) -> R {
        let mut items = self.items.lock();
        while !ready(&items) {
            let (waits, timed_out) = match waiting {
                Waiting::Until(time) => {
                    (1, wait.wait_until(&mut items, Instant::now() + time).timed_out())
                }
                Waiting::For(time) => (1, wait.wait_for(&mut items, time).timed_out()),
                Waiting::ForEver => {
                    wait.wait(&mut items);
                    (1, false)
                }
                Waiting::While(time) => {
                    let mut looks = 0;
                    let condition = |items: &mut VecDeque<u64>| {
                        looks += 1;
                        !ready(items)
                    };
                    let result = wait.wait_while_for(&mut items, condition, time);
                    (looks - 1, result.timed_out())
                }
            };
            // Of a wait in a loop, the last may have timed out and found the condition fulfilled: that it does not
            // tell, so it counts as woken.
            self.woken.fetch_add(waits - u64::from(timed_out), Relaxed);
        }
        let result = change(&mut items);
        let told = match telling {
            Telling::Locked => u64::from(tell.notify_one()),
            Telling::Unlocked => {
                drop(items);
                u64::from(tell.notify_one())
            }
            Telling::All => tell.notify_all() as u64,
        };
        self.notified.fetch_add(told, Relaxed);
        result
    }
}

/// All items come out once, and each notification that says it woke somebody is a wait that did not time out.
fn passes_on(program: &Program) -> TestCaseResult {
    let buffer = Buffer::default();
    let workers = program.producers.iter().map(|worker| (true, worker));
    let workers = workers.chain(program.consumers.iter().map(|worker| (false, worker)));
    let workers: Vec<_> = workers.collect();
    let next = AtomicU64::new(0);
    let out = at_once(&workers, |&(produces, worker)| {
        let mut out = Vec::new();
        for &how in worker {
            if produces {
                let item = next.fetch_add(1, Relaxed);
                let ends = (&buffer.place, &buffer.item);
                let ready = |items: &VecDeque<u64>| items.len() < program.places;
                buffer.work(how, ends, ready, |items| items.push_back(item));
            } else {
                let ends = (&buffer.item, &buffer.place);
                let ready = |items: &VecDeque<u64>| !items.is_empty();
                out.extend(buffer.work(how, ends, ready, VecDeque::pop_front));
            }
        }
        out
    });
    let mut out = out.concat();
    out.sort_unstable();
    let items: Vec<_> = (0..next.into_inner()).collect();
    prop_assert_eq!(out, items);
    prop_assert!(buffer.items.try_lock().expect("nobody has it").is_empty());
    let (notified, woken) = (buffer.notified.into_inner(), buffer.woken.into_inner());
    prop_assert!(notified <= woken, "{} notified, {} woken", notified, woken);
    prop_assert!(!buffer.item.notify_one() && buffer.place.notify_all() == 0, "nobody is left");
    Ok(())
}

fn buffer_program() -> impl Strategy<Value = Program> {
    let moment = || (0..100_u64).prop_map(Duration::from_micros);
    let waiting = prop_oneof![
        1 => moment().prop_map(Waiting::Until),
        1 => moment().prop_map(Waiting::For),
        1 => moment().prop_map(Waiting::While),
        1 => Just(Waiting::While(Duration::MAX)),
        1 => Just(Waiting::For(Duration::MAX)),
        3 => Just(Waiting::ForEver),
    ];
    let telling = prop_oneof![Just(Telling::Locked), Just(Telling::Unlocked), Just(Telling::All)];
    let hows = vec((waiting, telling), 60);
    (1..4_usize, hows, vec(0..15_usize, 1..3), vec(0..1_000_usize, 0..2)).prop_map(
        |(places, hows, producers, cuts)| {
            let mut producers: Vec<Worker> =
                producers.iter().map(|&items| hows[..items].to_vec()).collect();
            let items: usize = producers.iter().map(Vec::len).sum();
            // As many come out as went in, by one thread or two.
            let hows = &hows[60 - items..];
            let cut = cuts.first().map_or(items, |cut| cut % (items + 1));
            let consumers = vec![hows[..cut].to_vec(), hows[cut..].to_vec()];
            producers.retain(|worker| !worker.is_empty());
            Program { places, producers, consumers }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_transfers_balance(programs in vec(transfers(way()), 2..=4)) {
        let stats = balances(&programs)?;
        agree(stats, programs.iter().map(Vec::len).sum())?;
    }

    #[test]
    fn one_thread_never_waits(program in transfers(way())) {
        prop_assert_eq!(balances(&[program])?, LockStats::default());
    }

    #[test]
    fn without_time_nobody_waits(programs in vec(transfers(way_without_waiting()), 2..=4)) {
        prop_assert_eq!(balances(&programs)?, LockStats::default());
    }

    #[test]
    fn without_waiting_each_step_is_exact(steps in steps()) {
        is_exact(&steps)?;
    }

    #[test]
    fn any_buffer_passes_everything_on(program in buffer_program()) {
        passes_on(&program)?;
    }
}
