//! Eight threads move money between accounts, to and fro, and each move locks two accounts at once.
//!
//! The two locks of a transfer are of one level, so they are taken together, by `lock_all`: in whatever order the caller names
//! them, and whatever the others do, nobody deadlocks. The journal is of a later level; it is written while the accounts
//! are locked, and the token says that this is allowed.
//!
//! `cargo run --release --example bank_transfer`

use lockline::{
    lock_levels,
    ordered::{DuplicateLock, LevelMutex, Root, Token, Unlocked},
};
use std::{fmt, thread};

lock_levels! {
    levels {
        Account;
        Journal after Account;
    }
}

const THREADS: u64 = 8;
const TRANSFERS: u64 = 50_000;
const ACCOUNTS: usize = 16;
const EACH: i64 = 1_000;

struct Bank {
    accounts: Vec<LevelMutex<Account, i64>>,
    journal: LevelMutex<Journal, Totals>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    transfers: u64,
    moved: i64,
    refused: u64,
}

#[derive(Debug)]
enum Refusal {
    /// From an account to itself.
    SameAccount,
    NotEnough,
}

impl From<DuplicateLock> for Refusal {
    fn from(_: DuplicateLock) -> Self {
        Self::SameAccount
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SameAccount => "from an account to itself",
            Self::NotEnough => "not enough money",
        })
    }
}

impl Bank {
    /// Both accounts, then the journal. That the journal comes first somewhere else is not possible: in this function,
    /// `token.lock_and(&self.journal)` before the accounts is the compile error
    /// ``lock order violation: `Account` may not be locked while `Journal` is held``.
    fn transfer(
        &self,
        token: &mut Token<'_, Unlocked>,
        from: usize,
        to: usize,
        amount: i64,
    ) -> Result<(), Refusal> {
        let ((mut from, mut to), mut token) =
            token.lock_all((&self.accounts[from], &self.accounts[to]))?;
        if *from < amount {
            return Err(Refusal::NotEnough);
        }
        *from -= amount;
        *to += amount;
        let mut journal = token.lock(&self.journal);
        journal.transfers += 1;
        journal.moved += amount;
        Ok(())
    }

    /// All accounts at one moment.
    fn total(&self, token: &mut Token<'_, Unlocked>) -> i64 {
        let all: Vec<_> = self.accounts.iter().collect();
        let (balances, _) = token.lock_all(&all[..]).expect("each account is there once");
        balances.iter().map(|balance| **balance).sum()
    }
}

fn main() {
    let bank = Bank {
        accounts: (0..ACCOUNTS).map(|_| LevelMutex::new(EACH)).collect(),
        journal: LevelMutex::new(Totals::default()),
    };
    let all = EACH * i64::try_from(ACCOUNTS).expect("few accounts");

    thread::scope(|scope| {
        for seed in 1..=THREADS {
            let bank = &bank;
            scope.spawn(move || {
                let mut root = Root::take().expect("a thread that has just begun");
                let mut token = root.token();
                let mut random = seed;
                let mut below = |n: u64| {
                    // Knuth's multiplier; the high bits are the random ones.
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed);
                    usize::try_from((random >> 33) % n).expect("a small number")
                };
                let mut refused = 0;
                for _ in 0..TRANSFERS {
                    let (from, to) = (below(ACCOUNTS as u64), below(ACCOUNTS as u64));
                    let amount = i64::try_from(below(100)).expect("a small number");
                    match bank.transfer(&mut token, from, to, amount) {
                        Ok(()) => {}
                        Err(Refusal::SameAccount) => assert_eq!(from, to),
                        Err(Refusal::NotEnough) => refused += 1,
                    }
                }
                token.lock(&bank.journal).refused += refused;
            });
        }
        // Somebody looks on, and always sees all the money.
        let bank = &bank;
        scope.spawn(move || {
            let mut root = Root::take().expect("a thread that has just begun");
            for _ in 0..100 {
                assert_eq!(bank.total(&mut root.token()), all);
            }
        });
    });

    let mut root = Root::take().expect("nobody has it");
    let mut token = root.token();
    let to_itself = bank.transfer(&mut token, 3, 3, 10).expect_err("refused");
    println!("{:?}", *token.lock(&bank.journal));
    println!("a transfer {to_itself} is refused");
    println!("{} in {ACCOUNTS} accounts, as at the start", bank.total(&mut token));
    assert_eq!(bank.total(&mut token), all);
}
