//! Work that takes a known time and touches no memory.

use core::hint::black_box;

/// So many multiplications and rotations, each waiting for the one before. What comes after begins when they are done.
#[inline]
pub fn work(steps: u64) {
    if steps > 0 {
        chain(steps);
    }
}

/// The chain stays in registers: one that goes through memory takes 1.2 or 2 ns a step here, depending on whether the
/// processor guesses where each load comes from, which differs from one copy of the loop to the next. For the same
/// reason this is one copy for all who are compared.
#[inline(never)]
fn chain(steps: u64) {
    let mut x = black_box(steps);
    for _ in 0..steps {
        x = x.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(5);
    }
    black_box(x);
    // A processor that looks far ahead begins the next chain of its thread while this one is under way: then 80 steps,
    // which take 90 ns, took 50, and only where a thread takes a lock again that it has just released.
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every such processor has it.
    unsafe {
        core::arch::x86_64::_mm_lfence();
    }
    // There a spin hint is such a fence.
    #[cfg(target_arch = "aarch64")]
    core::hint::spin_loop();
}
