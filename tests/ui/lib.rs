//! What the programs beside this file are about: a bank. Each begins with the errors that it must be rejected with.

use lockline::{lock_levels, ordered::LevelMutex};

lock_levels! {
    pub levels {
        Registry;
        Account after Registry;
        Audit after Registry;
        Journal after Account, Audit;
    }
}

pub static REGISTRY: LevelMutex<Registry, u32> = LevelMutex::new(0);
pub static ALICE: LevelMutex<Account, u32> = LevelMutex::new(0);
pub static BOB: LevelMutex<Account, u32> = LevelMutex::new(0);
pub static AUDIT: LevelMutex<Audit, u32> = LevelMutex::new(0);
pub static JOURNAL: LevelMutex<Journal, u32> = LevelMutex::new(0);
