//! A bounded cache of sessions, as a service keeps them in memory, with one lock around it.
//!
//! ```text
//! cargo run --release --example session_cache
//! cargo run --release --example session_cache -- --threads 32 --capacity 1000 --requests 1000000
//! ```
//!
//! Workers answer requests: a client with a session is looked up, one without signs in, and some sign out.
//! Sessions that nobody uses expire. There are fewer places than clients. When all are taken, who signs in
//! waits for somebody to leave, but not for long: then the session that has not been used for longest has
//! to go. Clients learn with their next request that theirs is gone, and sign in again.
//!
//! A [`Mutex`] guards the table, a [`Condvar`] tells of free places, and both waits have a deadline. The
//! mutex is [`Observed`], so in the end it tells who waited for it, and for how long. All numbers are held
//! against each other: a session that is neither in the table nor accounted for would be noticed.

use lockline::{Condvar, LockStats, Mutex, Observed};
use std::{
    collections::{BTreeMap, HashMap},
    env, fmt,
    ops::AddAssign,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

const USAGE: &str = "usage: session_cache [--threads N] [--capacity N] [--requests N]";

/// How long a request waits for the table before it answers "busy".
const BUDGET: Duration = Duration::from_millis(100);
/// How long who signs in waits for a place.
const PATIENCE: Duration = Duration::from_micros(300);
/// A session that nobody has used for so long expires.
const LIFETIME: Duration = Duration::from_millis(20);
/// How often that is looked after.
const SWEEP: Duration = Duration::from_millis(5);

// --------------------------------------------------------------------------------- the cache

/// Stands for a token that nobody can guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct SessionId(u64);

struct Session {
    client: usize,
    used: Instant,
    /// Key in `Table::by_use`.
    turn: u64,
}

struct Cache {
    table: Mutex<Table, Observed>,
    /// A place is free, or several are.
    room: Condvar,
    /// The service ends.
    closing: Condvar,
}

struct Table {
    capacity: usize,
    sessions: HashMap<SessionId, Session>,
    /// Least recently used first.
    by_use: BTreeMap<u64, SessionId>,
    turns: u64,
    closed: bool,
    ended: Ended,
}

/// How sessions ended.
#[derive(Clone, Copy, Default)]
struct Ended {
    signed_out: u64,
    expired: u64,
    evicted: u64,
}

/// How a session began.
enum SignedIn {
    AtOnce,
    AfterAWait,
    /// Nobody left in time, so somebody had to.
    InsteadOfAnother,
}

enum Found {
    Client(usize),
    Gone,
    Busy,
}

impl Cache {
    fn new(capacity: usize) -> Self {
        let table = Table {
            capacity,
            sessions: HashMap::with_capacity(capacity),
            by_use: BTreeMap::new(),
            turns: 0,
            closed: false,
            ended: Ended::default(),
        };
        Self { table: Mutex::with_policy(table), room: Condvar::new(), closing: Condvar::new() }
    }

    /// A session for `client`, in any case: if there is no place in time, another one's.
    fn sign_in(&self, client: usize) -> (SessionId, SignedIn) {
        let mut table = self.table.lock();
        let mut how = SignedIn::AtOnce;
        if table.is_full() {
            let waited = self.room.wait_while_for(&mut table, |table| table.is_full(), PATIENCE);
            how = SignedIn::AfterAWait;
            if waited.timed_out() {
                table.evict();
                how = SignedIn::InsteadOfAnother;
            }
        }
        (table.insert(client), how)
    }

    /// Whose session it is. This counts as using it.
    fn look_up(&self, id: SessionId) -> Found {
        // A request that is late is of no use to anybody: better to say so.
        let Some(mut table) = self.table.try_lock_for(BUDGET) else { return Found::Busy };
        table.touch(id).map_or(Found::Gone, Found::Client)
    }

    /// Ends a session, unless something else did.
    fn sign_out(&self, id: SessionId) -> bool {
        let mut table = self.table.lock();
        let was_there = table.remove(id).is_some();
        table.ended.signed_out += u64::from(was_there);
        // First unlocked, then told: who wakes up finds the table free.
        drop(table);
        if was_there {
            self.room.notify_one();
        }
        was_there
    }

    /// Ends what nobody uses any more, now and then, until the cache is closed.
    fn expire_until_closed(&self) {
        let mut table = self.table.lock();
        while !table.closed {
            let expired = table.expire(Instant::now());
            table.ended.expired += expired;
            // Told while locked, as the lock is not given up here anyway before the wait.
            match expired {
                0 => {}
                1 => drop(self.room.notify_one()),
                _ => drop(self.room.notify_all()),
            }
            self.closing.wait_for(&mut table, SWEEP);
        }
    }

    fn close(&self) {
        self.table.lock().closed = true;
        self.closing.notify_all();
    }
}

impl Table {
    fn is_full(&self) -> bool {
        self.sessions.len() == self.capacity
    }

    fn insert(&mut self, client: usize) -> SessionId {
        let turn = self.next_turn();
        let id = SessionId(turn);
        self.sessions.insert(id, Session { client, used: Instant::now(), turn });
        self.by_use.insert(turn, id);
        assert!(self.sessions.len() <= self.capacity, "more sessions than places");
        id
    }

    fn touch(&mut self, id: SessionId) -> Option<usize> {
        let turn = self.next_turn();
        let session = self.sessions.get_mut(&id)?;
        self.by_use.remove(&session.turn);
        self.by_use.insert(turn, id);
        (session.used, session.turn) = (Instant::now(), turn);
        Some(session.client)
    }

    fn remove(&mut self, id: SessionId) -> Option<Session> {
        let session = self.sessions.remove(&id)?;
        self.by_use.remove(&session.turn);
        Some(session)
    }

    /// Ends the session that has not been used for longest.
    fn evict(&mut self) {
        if let Some((_, id)) = self.by_use.pop_first() {
            self.sessions.remove(&id);
            self.ended.evicted += 1;
        }
    }

    /// Ends those past their lifetime, and says how many these were.
    fn expire(&mut self, now: Instant) -> u64 {
        let mut expired = 0;
        while let Some((_, id)) = self.by_use.first_key_value() {
            let id = *id;
            if now.saturating_duration_since(self.sessions[&id].used) < LIFETIME {
                break;
            }
            self.remove(id);
            expired += 1;
        }
        expired
    }

    fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }
}

// --------------------------------------------------------------------------------- the workers

/// What a worker's clients met with.
#[derive(Clone, Copy, Default)]
struct Tally {
    at_once: u64,
    after_a_wait: u64,
    instead_of_another: u64,
    found: u64,
    gone: u64,
    busy: u64,
    signed_out: u64,
    /// It wanted to, but had no session any more.
    too_late: u64,
    /// Believe in the end that they have a session, and are right.
    still_in: u64,
    /// Believe so, and are wrong.
    unaware: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.at_once += other.at_once;
        self.after_a_wait += other.after_a_wait;
        self.instead_of_another += other.instead_of_another;
        self.found += other.found;
        self.gone += other.gone;
        self.busy += other.busy;
        self.signed_out += other.signed_out;
        self.too_late += other.too_late;
        self.still_in += other.still_in;
        self.unaware += other.unaware;
    }
}

/// Answers `requests` requests of `clients`, each of which speaks to no other worker.
fn work(cache: &Cache, clients: std::ops::Range<usize>, requests: u64) -> (Tally, Vec<SessionId>) {
    let mut random = 1 + clients.start as u64;
    let mut tally = Tally::default();
    let mut cookies: Vec<Option<SessionId>> = vec![None; clients.len()];
    for _ in 0..requests {
        // Knuth's linear congruential generator.
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (choice, signs_out) = ((random >> 33) as usize, (random >> 24) % 8 == 0);
        // The later ones speak less often: of two draws the lesser.
        let which = (choice % cookies.len()).min((choice >> 10) % cookies.len());
        let client = clients.start + which;
        let cookie = &mut cookies[which];
        match *cookie {
            None => {
                let (id, how) = cache.sign_in(client);
                *cookie = Some(id);
                match how {
                    SignedIn::AtOnce => tally.at_once += 1,
                    SignedIn::AfterAWait => tally.after_a_wait += 1,
                    SignedIn::InsteadOfAnother => tally.instead_of_another += 1,
                }
            }
            Some(id) if signs_out => {
                *cookie = None;
                let was_there = cache.sign_out(id);
                *(if was_there { &mut tally.signed_out } else { &mut tally.too_late }) += 1;
            }
            Some(id) => match cache.look_up(id) {
                Found::Client(found) => {
                    assert_eq!(found, client, "somebody else's session");
                    tally.found += 1;
                }
                Found::Gone => {
                    *cookie = None;
                    tally.gone += 1;
                }
                Found::Busy => tally.busy += 1,
            },
        }
        answer();
    }
    (tally, cookies.into_iter().flatten().collect())
}

/// What a request is about, in place of it: a few microseconds without the lock.
fn answer() {
    let start = Instant::now();
    while start.elapsed() < Duration::from_micros(10) {
        std::hint::spin_loop();
    }
}

// --------------------------------------------------------------------------------- the report

struct Options {
    threads: usize,
    capacity: usize,
    requests: u64,
}

fn options(args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { threads: 8, capacity: 64, requests: 50_000 };
    let mut args = args;
    while let Some(option) = args.next() {
        let number = args.next().and_then(|number| number.parse().ok());
        match (option.as_str(), number) {
            ("--threads", Some(n @ 1..=1_000)) => options.threads = n,
            ("--capacity", Some(n @ 1..=1_000_000)) => options.capacity = n,
            ("--requests", Some(n @ 1..=1_000_000_000)) => options.requests = n as u64,
            ("--threads", _) => return Err("--threads wants a number up to 1,000".to_owned()),
            ("--capacity", _) => return Err("--capacity wants a number up to 1,000,000".to_owned()),
            ("--requests", _) => {
                return Err("--requests wants a number up to 1,000,000,000".to_owned());
            }
            _ => return Err(format!("unknown option {option:?}")),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    if env::args().skip(1).any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match options(env::args().skip(1)) {
        Ok(options) => options,
        Err(mistake) => {
            eprintln!("session_cache: {mistake}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let cache = Cache::new(options.capacity);
    // More than there are places.
    let clients_each = (options.capacity + options.capacity / 2).div_ceil(options.threads);
    let start = Instant::now();
    let (mut total, mut cookies) = (Tally::default(), Vec::new());
    thread::scope(|scope| {
        scope.spawn(|| cache.expire_until_closed());
        let workers: Vec<_> = (0..options.threads)
            .map(|worker| {
                let clients = worker * clients_each..(worker + 1) * clients_each;
                let extra = (worker as u64) < options.requests % options.threads as u64;
                let requests = options.requests / options.threads as u64 + u64::from(extra);
                let cache = &cache;
                scope.spawn(move || work(cache, clients, requests))
            })
            .collect();
        let done: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        // Before anything that may panic: the scope waits for who expires.
        cache.close();
        for done in done {
            let (tally, kept) = done.expect("a worker found something wrong");
            total += tally;
            cookies.extend(kept);
        }
    });
    let took = start.elapsed();

    let stats = cache.table.stats();
    let table = cache.table.into_inner();
    for id in cookies {
        let there = table.sessions.contains_key(&id);
        *(if there { &mut total.still_in } else { &mut total.unaware }) += 1;
    }
    print!("{}", report(&options, took, &total, &table, &stats));
    check(&options, &total, &table, &stats);
    ExitCode::SUCCESS
}

/// Whether all numbers fit together.
fn check(options: &Options, total: &Tally, table: &Table, stats: &LockStats) {
    let Ended { signed_out, expired, evicted } = table.ended;
    let left = table.sessions.len() as u64;
    let signed_in = total.at_once + total.after_a_wait + total.instead_of_another;
    let asked = total.found + total.gone + total.busy + total.signed_out + total.too_late;
    assert_eq!(signed_in + asked, options.requests, "each request has its answer");
    assert_eq!(signed_in, signed_out + expired + evicted + left, "each session ends once");
    assert_eq!(signed_out, total.signed_out);
    assert_eq!(evicted, total.instead_of_another, "one goes for one who comes");
    assert_eq!(expired + evicted, total.gone + total.too_late + total.unaware, "and is missed");
    assert_eq!(left, total.still_in, "each place is somebody's");
    assert_eq!(table.by_use.len(), table.sessions.len());
    assert!(table.sessions.len() <= table.capacity, "more sessions than places");
    assert!(stats.longest_wait <= stats.total_wait);
}

fn report(
    options: &Options,
    took: Duration,
    total: &Tally,
    table: &Table,
    stats: &LockStats,
) -> String {
    let Options { threads, capacity, requests } = *options;
    let Ended { signed_out, expired, evicted } = table.ended;
    let signed_in = total.at_once + total.after_a_wait + total.instead_of_another;
    let mean = stats.total_wait.checked_div(u32::try_from(stats.contended).unwrap_or(u32::MAX));
    let mut out =
        format!("{requests} requests, {threads} workers, {capacity} places: {took:.2?}\n");
    let mut line = |name: &str, value: &dyn fmt::Display, note: &str| {
        out += format!("{name:>24} {value:>10}  {note}").trim_end();
        out.push('\n');
    };
    line("signed in", &signed_in, "");
    line("at once", &total.at_once, "");
    line("after a wait", &total.after_a_wait, "somebody left in time");
    line("instead of another", &total.instead_of_another, "nobody did");
    line("looked up, found", &total.found, "");
    line("gone", &(total.gone + total.too_late), "and the client learnt of it");
    line("busy", &total.busy, "the table was not to be had in time");
    line("ended by signing out", &signed_out, "");
    line("expiry", &expired, "not used for a while");
    line("eviction", &evicted, "used least recently when a place was wanted");
    line("in the table", &table.sessions.len(), "");
    line("the lock: had to wait", &stats.contended, "acquisitions, beyond a brief spin");
    line("mean wait", &format!("{:.1?}", mean.unwrap_or_default()), "");
    line("longest wait", &format!("{:.1?}", stats.longest_wait), "");
    line("parks", &stats.parks, "a waiter went to sleep");
    line("hand-offs", &stats.hand_offs, "closed to newcomers for a waiter");
    out
}
