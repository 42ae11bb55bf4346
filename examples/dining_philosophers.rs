//! Five philosophers, five forks, two to eat with: three ways not to starve.
//!
//! * **recover**: each takes the left fork, then the right, which is how they deadlock; `lock_or_deadlock` refuses the wait
//!   that would close the circle, and that philosopher puts the fork down and starts again;
//! * **ordered**: the forks are of five levels, and the last philosopher cannot take them in the wrong order, because that does
//!   not compile;
//! * **together**: the forks are of one level, and `lock_all` takes two at once.
//!
//! `cargo run --release --example dining_philosophers`

use lockline::{
    lock_levels,
    ordered::{After, Always, CheckedMutex, Level, LevelMutex, Unlocked, lock_all, with_root},
};
use std::{
    array, thread,
    time::{Duration, Instant},
};

const SEATS: usize = 5;
const DINNER: Duration = Duration::from_millis(300);

/// How often it was used.
type Fork = u64;
type Meals = [u64; SEATS];

/// All eat with `eat(seat)` until dinner is over; it says whether there was a meal.
fn dine(eat: impl Fn(usize) -> bool + Sync) -> Meals {
    let over = Instant::now() + DINNER;
    let eat = &eat;
    thread::scope(|scope| {
        array::from_fn::<_, SEATS, _>(|seat| {
            scope.spawn(move || {
                let mut meals = 0;
                while Instant::now() < over {
                    meals += u64::from(eat(seat));
                }
                meals
            })
        })
        .map(|philosopher| philosopher.join().expect("nobody panics"))
    })
}

/// Returns the meals, how often the forks were used, and how many waits were refused.
fn recover() -> (Meals, u64, u64) {
    let forks: [CheckedMutex<Fork, Always>; SEATS] = array::from_fn(|_| CheckedMutex::always(0));
    let refused = lockline::Counter::new();
    let meals = dine(|seat| {
        let mut left =
            forks[seat].lock_or_deadlock().expect("whoever has nothing keeps nobody waiting");
        let Ok(mut right) = forks[(seat + 1) % SEATS].lock_or_deadlock() else {
            refused.increment();
            return false;
        };
        *left += 1;
        *right += 1;
        true
    });
    (meals, forks.map(CheckedMutex::into_inner).iter().sum(), refused.sum())
}

lock_levels! {
    levels {
        Fork0;
        Fork1 after Fork0;
        Fork2 after Fork1;
        Fork3 after Fork2;
        Fork4 after Fork3;
    }
}

fn ordered() -> (Meals, u64) {
    fn eat<First, Second>(
        first: &LevelMutex<First, Fork>,
        second: &LevelMutex<Second, Fork>,
    ) -> bool
    where
        First: Level + After<Unlocked>,
        Second: Level + After<First>,
    {
        with_root(|mut token| {
            let (mut first, mut token) = token.lock_and(first);
            let mut second = token.lock(second);
            *first += 1;
            *second += 1;
        });
        true
    }
    let fork0 = LevelMutex::<Fork0, _>::new(0);
    let fork1 = LevelMutex::<Fork1, _>::new(0);
    let fork2 = LevelMutex::<Fork2, _>::new(0);
    let fork3 = LevelMutex::<Fork3, _>::new(0);
    let fork4 = LevelMutex::<Fork4, _>::new(0);
    let meals = dine(|seat| match seat {
        0 => eat(&fork0, &fork1),
        1 => eat(&fork1, &fork2),
        2 => eat(&fork2, &fork3),
        3 => eat(&fork3, &fork4),
        // `eat(&fork4, &fork0)` does not compile.
        _ => eat(&fork0, &fork4),
    });
    let used = fork0.into_inner() + fork1.into_inner() + fork2.into_inner();
    (meals, used + fork3.into_inner() + fork4.into_inner())
}

fn together() -> (Meals, u64) {
    let forks: [CheckedMutex<Fork>; SEATS] = array::from_fn(|_| CheckedMutex::new(0));
    let meals = dine(|seat| {
        let (mut left, mut right) =
            lock_all((&forks[seat], &forks[(seat + 1) % SEATS])).expect("two forks of one kind");
        *left += 1;
        *right += 1;
        true
    });
    (meals, forks.map(CheckedMutex::into_inner).iter().sum())
}

fn main() {
    let (recovered, recovered_used, refused) = recover();
    let (ordered, ordered_used) = ordered();
    let (together, together_used) = together();
    println!("meals of each philosopher in {DINNER:?}");
    for (way, meals, used) in [
        ("recover", recovered, recovered_used),
        ("ordered", ordered, ordered_used),
        ("together", together, together_used),
    ] {
        println!("{way:>9}: {meals:?}");
        assert_eq!(2 * meals.iter().sum::<u64>(), used, "a fork in two hands");
        assert!(meals.iter().all(|&meals| meals > 0), "somebody starved");
    }
    println!("{refused} waits were refused, each of which would have been the deadlock");
}
