//! A store-then-load fence that costs the frequent side nothing, where the system has `membarrier`.
//!
//! One side ([`light_fence`]) runs on each release of a lock, the other ([`heavy_fence`]) only before a
//! thread parks. Where the kernel can run a full barrier on every core that runs this process, the
//! frequent side needs no instruction at all; elsewhere the frequent side uses a locked instruction and
//! the rare side a word that both modify. The idea is that of
//! [liburcu's and folly's asymmetric barriers](https://wg21.link/p1202).
//!
//! # State
//!
//! | `MODE`       | releasing               | parking                           |
//! |--------------|-------------------------|-----------------------------------|
//! | `UNDECIDED`  | locked                  | nothing                           |
//! | `LOCKED`     | locked                  | nothing                           |
//! | `PREPARED`   | locked                  | `membarrier`                      |
//! | `PLAIN`      | store, [`light_fence`]  | `membarrier`                      |
//! | `REVOKED`    | locked                  | nothing, and parks for short times |
//!
//! # Transitions
//!
//! | by             | from → to              | when                                                  |
//! |----------------|------------------------|-------------------------------------------------------|
//! | `decide`       | `UNDECIDED → LOCKED`   | the first release in the process, or just before it, which starts `register` |
//! | `register`     | `LOCKED → PREPARED`    | the kernel took the registration                      |
//! | `register`     | `PREPARED → PLAIN`     | after two `membarrier`s of its own                    |
//! | `heavy_fence`  | any → `REVOKED`        | the kernel refuses after all                          |
//!
//! A thread that parks first announces itself, then reads `MODE`. If it read it before `PREPARED`, its
//! announcement came before its part in the first `membarrier` that precedes `PLAIN`, so `register` sees it by the time
//! of the second. Whoever reads `PLAIN` has taken part in the second, and so sees what `register` saw. (One would not
//! do, where loads may run ahead: the part of a thread that releases may come before that of one that parks.)
//! If it read `MODE` later, it makes a `membarrier` itself, which covers releases of either kind. After `REVOKED` a
//! release that read `PLAIN` long ago may still miss somebody, who therefore sleeps only for a short time.

#[cfg(lockline_hooks)]
pub mod hooks;

use core::sync::atomic::{
    AtomicU8,
    Ordering::{Relaxed, SeqCst},
    compiler_fence,
};

const UNDECIDED: u8 = 0;
const LOCKED: u8 = 1;
const PREPARED: u8 = 2;
const PLAIN: u8 = 3;
const REVOKED: u8 = 4;

static MODE: AtomicU8 = AtomicU8::new(UNDECIDED);

/// Whether a release may be a plain store with a [`light_fence`].
#[inline]
pub(crate) fn releases_by_store() -> bool {
    MODE.load(Relaxed) == PLAIN
}

/// The frequent side: keeps the compiler from moving the load that follows above the store before.
#[inline]
pub(crate) fn light_fence() {
    // SeqCst: a store must not pass the load after it; the other half is `heavy_fence`.
    compiler_fence(SeqCst);
}

/// How a thread that is about to park looks at the lock once more, and how it may sleep then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sleep {
    /// It looks by a load, and sleeps until woken.
    Fenced,
    /// It looks by a modification, as a release modifies too, and sleeps until woken.
    Chained,
    /// It looks by a modification, and sleeps for a short time: a release may have missed it.
    Short,
}

impl Sleep {
    /// Rather than by a modification.
    pub(crate) fn looks_by_load(self) -> bool {
        self == Self::Fenced
    }
}

/// The rare side, after the announcement and before the last look at the lock.
pub(crate) fn heavy_fence() -> Sleep {
    // SeqCst: the compiler must not read `MODE` before the announcement, which may be relaxed; a core may, as the
    // `membarrier` that counts comes at one point of the program.
    compiler_fence(SeqCst);
    match MODE.load(Relaxed) {
        PREPARED | PLAIN if !membarrier::everywhere() => {
            MODE.store(REVOKED, Relaxed);
            Sleep::Short
        }
        REVOKED => Sleep::Short,
        PLAIN => Sleep::Fenced,
        _ => Sleep::Chained,
    }
}

/// Called after a release that was not [by store](releases_by_store): the first one in the process has the
/// mode decided.
#[inline]
pub(crate) fn released_by_swap() {
    if MODE.load(Relaxed) == UNDECIDED {
        decide();
    }
}

/// Called before a park that [releases](super::park::park_releasing), so that this release finds the mode decided:
/// `decide` starts a thread, which allocates, and an allocator that parks must not do so in the middle of a park.
#[inline]
pub(crate) fn about_to_release() {
    released_by_swap();
}

#[cold]
fn decide() {
    // Relaxed: whoever wins starts the registration; nothing else is shared.
    if MODE.compare_exchange(UNDECIDED, LOCKED, Relaxed, Relaxed).is_ok() {
        membarrier::register_elsewhere();
    }
}

#[cfg(target_os = "linux")]
mod membarrier {
    use super::{LOCKED, MODE, PLAIN, PREPARED, Relaxed};

    /// Takes a grace period of the kernel, over ten milliseconds, once other threads run. So another thread
    /// does it; if none can be had, the locked release stays.
    pub(super) fn register_elsewhere() {
        let thread = std::thread::Builder::new().name("lockline-membarrier".to_owned());
        drop(thread.stack_size(64 * 1024).spawn(register));
    }

    pub(super) fn register() {
        if !call(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) {
            return;
        }
        // Relaxed, here and below: the membarriers are what orders; a REVOKED stays.
        if MODE.compare_exchange(LOCKED, PREPARED, Relaxed, Relaxed).is_ok()
            && everywhere()
            && everywhere()
        {
            let _ = MODE.compare_exchange(PREPARED, PLAIN, Relaxed, Relaxed);
        }
    }

    /// A full barrier on every core that runs this process.
    pub(super) fn everywhere() -> bool {
        call(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
    }

    fn call(command: libc::c_int) -> bool {
        #[cfg(lockline_hooks)]
        if let Some(answer) = super::hooks::answer() {
            return answer;
        }
        // SAFETY: this system call reads its arguments and nothing else.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }
}

#[cfg(not(target_os = "linux"))]
mod membarrier {
    pub(super) fn register_elsewhere() {}

    #[cfg(lockline_hooks)]
    pub(super) fn register() {}

    pub(super) fn everywhere() -> bool {
        false
    }
}
