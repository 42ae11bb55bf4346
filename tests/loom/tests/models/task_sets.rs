//! Sets of async mutexes that tasks take with their tokens.

use crate::{
    executor::{Task, block_on, poll},
    harness::{Model, spawn},
};
use lockline_loom::{
    lock_levels,
    ordered::{LevelAsyncMutex, TaskToken, Unlocked, ordered},
};
use std::sync::Arc;

lock_levels! { levels { Account; } }

type Balance = LevelAsyncMutex<Account, u32>;

fn balances<const N: usize>() -> Arc<[Balance; N]> {
    Arc::new([(); N].map(|()| Balance::new(0)))
}

/// A task that adds one to each.
async fn add<const N: usize>(set: [&Balance; N]) {
    ordered(async move |mut token: TaskToken<'_, Unlocked>| {
        let (mut balances, _) = token.lock_all(&set).await.expect("no duplicate");
        for balance in &mut balances {
            **balance += 1;
        }
    })
    .await;
}

async fn add_both(first: &Balance, second: &Balance) {
    ordered(async move |mut token: TaskToken<'_, Unlocked>| {
        let (mut first, mut second, _) = token.lock_both(first, second).await.expect("two");
        *first += 1;
        *second += 1;
    })
    .await;
}

fn all_are<const N: usize>(balances: &[Balance; N], expected: u32) {
    block_on(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        for balance in balances {
            assert_eq!(*token.try_lock(balance).expect("nobody has it"), expected);
        }
    }));
}

pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "task_sets::in_both_orders",
        promise: "two tasks that take the same two locks in opposite orders both get them",
        bound: Some(3),
        body: || {
            let b = balances::<2>();
            let other = spawn(&b, |[x, y]| block_on(add([y, x])));
            let [x, y] = &*b;
            block_on(add([x, y]));
            other.join().unwrap();
            all_are(&b, 2);
        },
    },
    Model {
        name: "task_sets::both_against_all",
        promise: "a pair gets along with a set of the same two in the opposite order",
        bound: Some(3),
        body: || {
            let b = balances::<2>();
            let other = spawn(&b, |[x, y]| block_on(add_both(y, x)));
            let [x, y] = &*b;
            block_on(add([x, y]));
            other.join().unwrap();
            all_are(&b, 2);
        },
    },
    Model {
        name: "task_sets::dropped",
        promise: "a task that is dropped while it waits for a set leaves none of it locked, and nobody asleep",
        bound: Some(3),
        body: || {
            let b = balances::<2>();
            let other = spawn(&b, |[x, y]| {
                let mut task = Box::pin(add([y, x]));
                poll(task.as_mut(), &Task::new(|| {})).is_ready()
            });
            let [x, y] = &*b;
            block_on(add([x, y]));
            let done = other.join().unwrap();
            all_are(&b, 1 + u32::from(done));
        },
    },
];
