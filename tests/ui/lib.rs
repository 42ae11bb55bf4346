//! What the programs beside this file are about: a bank. Each begins with the errors that it must be rejected with.

use lockline::{
    lock_levels,
    ordered::{LevelMutex, LevelQueue, LevelSemaphore},
};
use std::sync::LazyLock;

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

lock_levels! {
    pub levels {
        Settings;
        Connections after Settings;
        Statistics after Connections;
    }
}

pub static SETTINGS: LevelMutex<Settings, u32> = LevelMutex::new(0);
pub static POOL: LevelSemaphore<Connections> = LevelSemaphore::new(5);
pub static QUERIES: LevelMutex<Statistics, u32> = LevelMutex::new(0);

lock_levels! {
    pub levels {
        Config;
        Jobs after Config;
        Results after Jobs;
        Stats after Jobs;
    }
}

pub static CONFIG: LevelMutex<Config, u32> = LevelMutex::new(1);
pub static JOBS: LazyLock<LevelQueue<Jobs, u32>> = LazyLock::new(|| LevelQueue::new(2));
pub static RESULTS: LazyLock<LevelQueue<Results, u32>> = LazyLock::new(|| LevelQueue::new(2));
pub static STATS: LevelMutex<Stats, u32> = LevelMutex::new(0);

/// For tasks.
pub mod tasks {
    use super::{Account, Connections, Journal};
    use lockline::ordered::{LevelAsyncMutex, LevelAsyncSemaphore};

    pub static ALICE: LevelAsyncMutex<Account, u32> = LevelAsyncMutex::new(0);
    pub static BOB: LevelAsyncMutex<Account, u32> = LevelAsyncMutex::new(0);
    pub static JOURNAL: LevelAsyncMutex<Journal, u32> = LevelAsyncMutex::new(0);

    pub static POOL: LevelAsyncSemaphore<Connections> = LevelAsyncSemaphore::new(5);

    /// As a runtime's.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(_task: F) {}

    /// Polls both.
    pub async fn join(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
        one.await;
        other.await;
    }
}
