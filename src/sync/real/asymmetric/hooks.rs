//! What the tests in `tests/hooks` do to the mode, in their build alone: they choose it, and play the kernel's part.

use super::{LOCKED, MODE, PLAIN, PREPARED, REVOKED, Relaxed, UNDECIDED, membarrier};
use core::sync::atomic::AtomicU8;

/// Who answers when the kernel is called.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub enum Kernel {
    /// It does itself.
    Itself,
    /// It is not asked, and the answer is no.
    Refuses,
    /// It is not asked, and the answer is yes: the rare side of the fence does nothing.
    Pretends,
}

/// `MODE`, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "in the parent's table")]
pub enum Mode {
    Undecided,
    Locked,
    Prepared,
    Plain,
    Revoked,
}

static KERNEL: AtomicU8 = AtomicU8::new(Kernel::Itself as u8);

/// From now on calls of the kernel are answered like that.
pub fn kernel(answers: Kernel) {
    KERNEL.store(answers as u8, Relaxed);
}

/// The answer, where the kernel is not to be asked.
pub(super) fn answer() -> Option<bool> {
    match KERNEL.load(Relaxed) {
        asked if asked == Kernel::Itself as u8 => None,
        asked => Some(asked == Kernel::Pretends as u8),
    }
}

/// The mode at this moment.
pub fn mode() -> Mode {
    match MODE.load(Relaxed) {
        UNDECIDED => Mode::Undecided,
        LOCKED => Mode::Locked,
        PREPARED => Mode::Prepared,
        PLAIN => Mode::Plain,
        REVOKED => Mode::Revoked,
        other => unreachable!("no such mode: {other}"),
    }
}

/// The frequent side of the fence.
pub fn light() {
    super::light_fence();
}

/// The rare side of the fence.
pub fn heavy() {
    super::heavy_fence();
}

/// As in a process that has released nothing yet. No lock is in use meanwhile.
pub fn start_over() {
    MODE.store(UNDECIDED, Relaxed);
}

/// Releases are by swap, and nobody asks the kernel. No lock is in use meanwhile.
pub fn by_swap() {
    MODE.store(LOCKED, Relaxed);
}

/// Does what follows the first release on this thread, at any moment after it. Whether releases are by store now.
pub fn by_store() -> bool {
    membarrier::register();
    mode() == Mode::Plain
}
