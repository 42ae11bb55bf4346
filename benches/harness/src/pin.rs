//! Which cores this process may use, and a thread's place on one of them.
//!
//! Affinity is Linux's; elsewhere [`pin`] refuses, and reports say that threads were not pinned.

use std::io;

/// The cores this process may run on, by the system's numbers.
///
/// Where the system does not say, as many as it says there are, from 0.
pub fn cores() -> Vec<usize> {
    imp::cores().filter(|cores| !cores.is_empty()).unwrap_or_else(|| {
        (0..std::thread::available_parallelism().map_or(1, usize::from)).collect()
    })
}

/// Keeps the calling thread on `core` from now on.
///
/// # Errors
///
/// What the system says, or [`Unsupported`](io::ErrorKind::Unsupported) where we don't know how.
pub fn pin(core: usize) -> io::Result<()> {
    imp::pin(core)
}

/// One core for each of `threads`: the allowed ones in order, again from the first when there are more
/// threads than cores.
pub fn spread(threads: usize) -> Vec<usize> {
    cores().into_iter().cycle().take(threads).collect()
}

#[cfg(target_os = "linux")]
mod imp {
    use std::{io, mem};

    const CPUS: usize = libc::CPU_SETSIZE as usize;

    fn empty() -> libc::cpu_set_t {
        // SAFETY: `cpu_set_t` is an array of integers, for which all zeroes is a value.
        unsafe { mem::zeroed() }
    }

    pub(super) fn cores() -> Option<Vec<usize>> {
        let mut set = empty();
        // SAFETY: `set` is ours and as large as we say; 0 is the calling thread.
        let result = unsafe { libc::sched_getaffinity(0, mem::size_of_val(&set), &raw mut set) };
        (result == 0).then(|| {
            // SAFETY: every number is below the set's capacity.
            (0..CPUS).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect()
        })
    }

    pub(super) fn pin(core: usize) -> io::Result<()> {
        if core >= CPUS {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no such core"));
        }
        let mut set = empty();
        // SAFETY: `core` is below the set's capacity.
        unsafe { libc::CPU_SET(core, &mut set) };
        // SAFETY: `set` is ours and as large as we say; 0 is the calling thread.
        match unsafe { libc::sched_setaffinity(0, mem::size_of_val(&set), &raw const set) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::io;

    pub(super) fn cores() -> Option<Vec<usize>> {
        None
    }

    pub(super) fn pin(_core: usize) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "pinning is not supported on this system"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_repeats_the_cores_in_order() {
        let cores = cores();
        let spread = spread(2 * cores.len() + 1);
        assert_eq!(spread[..cores.len()], cores);
        assert_eq!(spread[cores.len()], cores[0]);
        assert_eq!(spread.len(), 2 * cores.len() + 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pinned_thread_has_one_core_left() {
        let last = *cores().last().expect("a core");
        std::thread::spawn(move || {
            pin(last).expect("an allowed core");
            assert_eq!(cores(), [last]);
        })
        .join()
        .expect("no panic");
    }

    #[test]
    fn a_core_that_cannot_exist_is_refused() {
        assert!(pin(usize::MAX).is_err());
    }
}
