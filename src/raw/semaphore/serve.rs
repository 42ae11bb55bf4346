//! What is done for those who stand in line, under the list's lock.

use super::{
    AWAKE, Books, CLOSED, LOOK, MOST_AWAKE, PERMIT, Queue, RawSemaphore, Refused, Request, SHUT,
    awake, permits,
};
use crate::{
    raw::wait_list::{Turn, Wakes},
    sync::atomic::Ordering::Relaxed,
};

impl RawSemaphore {
    /// Does for the waiters what the word allows.
    pub(super) fn serve_all(&self) {
        while self.list.with(|line, wakes| self.serve(line, wakes)) {}
    }

    /// Says whether there is more to do, in another section.
    pub(super) fn serve(&self, line: &mut Queue, wakes: &mut Wakes) -> bool {
        self.collect(&mut line.state);
        loop {
            let word = self.word.load(Relaxed);
            if line.is_empty() {
                if line.state.owed == 0 && word & LOOK != 0 {
                    // Relaxed: under the lock. Whoever joins sets them anew.
                    self.word.fetch_and(!(LOOK | SHUT), Relaxed);
                }
                return false;
            }
            if word & CLOSED != 0 {
                if self.dismiss(line, wakes, Refused::Closed, 0) {
                    return true;
                }
            } else if word & SHUT != 0 {
                if self.grant(line, wakes) {
                    return true;
                }
                let reserved = self.fair || line.state.owed != 0;
                if !line.is_empty() {
                    if reserved || line.first(Request::is_long) == Some(true) {
                        return false;
                    }
                    // Relaxed: under the lock; newcomers may take again, and the others are nudged.
                    self.word.fetch_and(!SHUT, Relaxed);
                }
            } else {
                let (more, starves) = self.nudge(line, wakes, word);
                if !starves {
                    return more;
                }
                // Relaxed: under the lock.
                self.word.fetch_or(SHUT, Relaxed);
            }
        }
    }

    /// Hands permits out in order.
    fn grant(&self, line: &mut Queue, wakes: &mut Wakes) -> bool {
        line.serve(wakes, |_, request, nudged| {
            let counted = if nudged { AWAKE } else { 0 };
            if self.take_or(request.wanted, 0, |left| left - counted, |word| word) {
                Turn::Grant
            } else {
                Turn::Stop
            }
        })
    }

    /// Has the first waiters look, as many as there are permits for; and says whether the first is not among them and
    /// has waited for long.
    fn nudge(&self, line: &mut Queue, wakes: &mut Wakes, word: usize) -> (bool, bool) {
        let mut left = permits(word);
        let mut first = true;
        let mut starves = false;
        let more = line.serve(wakes, |_, request, nudged| {
            let is_first = core::mem::replace(&mut first, false);
            if nudged {
                left = left.saturating_sub(request.wanted);
                return Turn::Skip;
            }
            // One that wants none has its turn with nothing free.
            if left == 0 && (request.wanted != 0 || !is_first) {
                return Turn::Stop;
            }
            if request.wanted > left {
                starves = is_first && request.is_long();
                return Turn::Stop;
            }
            if awake(self.word.load(Relaxed)) == MOST_AWAKE {
                return Turn::Stop;
            }
            left -= request.wanted;
            // Relaxed: under the lock; a release that misses it serves in vain.
            self.word.fetch_add(AWAKE, Relaxed);
            Turn::Nudge
        });
        (more, starves)
    }

    /// Ends the wait of all who want more than `most`.
    pub(super) fn dismiss(
        &self,
        line: &mut Queue,
        wakes: &mut Wakes,
        why: Refused,
        most: usize,
    ) -> bool {
        line.serve(wakes, |_, request, nudged| {
            if request.wanted <= most && why == Refused::TooMany {
                return Turn::Skip;
            }
            request.outcome = Err(why);
            if nudged {
                // Relaxed: under the lock.
                self.word.fetch_sub(AWAKE, Relaxed);
            }
            Turn::Grant
        })
    }

    /// Takes what is owed out of the free permits.
    pub(super) fn collect(&self, books: &mut Books) {
        books.owed -= if books.owed == 0 { 0 } else { self.take_up_to(books.owed) };
    }

    /// Takes at most so many, and says how many.
    pub(super) fn take_up_to(&self, most: usize) -> usize {
        let mut word = self.word.load(Relaxed);
        loop {
            let taken = permits(word).min(most);
            // Relaxed: these are nobody's any more.
            match self.word.compare_exchange_weak(word, word - taken * PERMIT, Relaxed, Relaxed) {
                Ok(_) => return taken,
                Err(now) => word = now,
            }
        }
    }
}
