//! Closing, and changing the number of permits.

use super::{Books, CLOSED, LOOK, MAX_PERMITS, PERMIT, RawSemaphore, Refused, SHUT};
use crate::sync::atomic::Ordering::{Relaxed, Release};

impl RawSemaphore {
    /// Nobody gets any more; all who wait are told. Says whether it was open.
    pub(crate) fn close(&self) -> bool {
        let mut was_open = false;
        let more = self.list.with(|line, wakes| {
            // Relaxed: under the lock; no data passes by it.
            was_open = self.word.fetch_or(CLOSED, Relaxed) & CLOSED == 0;
            self.serve(line, wakes)
        });
        if more {
            self.serve_all();
        }
        was_open
    }

    /// Adds permits, paying what is owed first. False, and nothing done, if these are too many.
    pub(crate) fn add(&self, n: usize) -> bool {
        let mut fits = false;
        let more = self.list.with(|line, wakes| {
            let limit = self.limit();
            fits = n <= MAX_PERMITS && limit + n <= MAX_PERMITS;
            if !fits {
                return false;
            }
            self.limit.store(limit + n, Relaxed);
            let paid = line.state.owed.min(n);
            line.state.owed -= paid;
            // Release: hand-off, as in `release`.
            self.word.fetch_add((n - paid) * PERMIT, Release);
            self.serve(line, wakes)
        });
        if more {
            self.serve_all();
        }
        fits
    }

    /// Removes permits: free ones now, others when they come back. Says how many there were to remove.
    pub(crate) fn remove(&self, n: usize) -> usize {
        let mut removed = 0;
        self.shrink(|books, limit| {
            removed = n.min(limit - books.spare);
            let owed = removed - self.take_up_to(removed);
            books.owed += owed;
            if owed != 0 {
                // Relaxed: under the lock; a release that misses it leaves free what the next pays.
                self.word.fetch_or(LOOK | SHUT, Relaxed);
            }
            removed
        });
        removed
    }

    /// Removes permits that somebody has, who will not give them back.
    pub(crate) fn forget(&self, n: usize) {
        self.shrink(|books, _| {
            let paid = books.owed.min(n);
            books.owed -= paid;
            n - paid
        });
    }

    /// Lowers the limit by what `by` says, and ends the waits that this makes vain.
    fn shrink(&self, by: impl FnOnce(&mut Books, usize) -> usize) {
        let mut by = Some(by);
        while self.list.with(|line, wakes| {
            if let Some(by) = by.take() {
                let limit = self.limit();
                self.limit.store(limit - by(&mut line.state, limit), Relaxed);
            }
            self.dismiss(line, wakes, Refused::TooMany, self.limit()) || self.serve(line, wakes)
        }) {}
    }
}
