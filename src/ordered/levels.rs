//! Levels, and the order between them: declared by `lock_levels!`, looked up by the compiler and at run time.

use core::any::TypeId;

/// A place in the lock order. Made by [`lock_levels!`](crate::lock_levels).
///
/// Implementing it by hand is possible and gains nothing: whatever such an implementation says, a program in which
/// some thread blocks without its [`RANK`](Self::RANK) rising does not build.
pub trait Level: Sized + 'static {
    /// As declared.
    const NAME: &'static str;
    /// The length of the longest chain of levels that come before this one, and so higher than that of each of them.
    const RANK: u32;
    #[doc(hidden)]
    const PLACE: Place;
}

/// The level of a thread that holds nothing: before all others.
#[derive(Debug)]
pub enum Unlocked {}

impl Level for Unlocked {
    const NAME: &'static str = "Unlocked";
    const RANK: u32 = 0;
    const PLACE: Place =
        Place { name: Self::NAME, block: TypeId::of::<Self>, index: 0, before: 0, base: None };
}

/// `M: After<Held>` says that a lock of level `M` may be waited for while `Held` is the newest level held.
///
/// It holds where the declaration says so, directly or over levels in between. Functions that are generic in the level
/// they are called at name it as a bound.
#[diagnostic::on_unimplemented(
    message = "lock order violation: `{Self}` may not be locked while `{Held}` is held",
    label = "`{Self}` is not declared `after {Held}`, directly or over other levels",
    note = "acquire the `{Self}` lock first, or drop the `{Held}` guard before this call, or declare the order in `lock_levels!`; what is of one level is acquired together, by `lock_all` or `acquire_many`"
)]
pub trait After<Held> {}

// Otherwise the message would be about `Reach` and `Bool`.
#[diagnostic::do_not_recommend]
impl<Held, M> After<Held> for M
where
    M: Reach<Held>,
    <M as Reach<Held>>::After: True,
{
}

/// The barrier behind the barrier: no hand-written `Reach` gets past it. Evaluated for each pair of levels
/// that a program is built with.
pub(super) const fn ranks_rise<Held: Level, M: Level>() {
    assert!(
        Held::RANK < M::RANK,
        "lock order violation: the rank does not rise (an implementation of `Level` written by hand?)"
    );
}

/// What the declaration says about a pair: emitted by `lock_levels!` for each.
#[doc(hidden)]
pub trait Reach<Held> {
    type After;
    type AtOrAfter;
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Bool<const VALUE: bool>;

#[doc(hidden)]
pub trait True {}

impl True for Bool<true> {}

/// A level as a value, for the checks at run time.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub name: &'static str,
    /// Tells the declarations apart.
    pub block: fn() -> TypeId,
    /// Which of its declaration.
    pub index: u32,
    /// Bit i: it comes after level i of its declaration.
    pub before: u64,
    /// What its whole declaration comes after.
    pub base: Option<&'static Place>,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && (self.block)() == (other.block)()
    }
}

impl Place {
    /// The run-time form of [`After`].
    pub(super) fn is_after(&self, other: &Self) -> bool {
        if (self.block)() == (other.block)() {
            return self.before >> other.index & 1 == 1;
        }
        self.base.is_some_and(|base| base == other || base.is_after(other))
    }
}

/// Which levels each comes after, given those that each is declared after. Bit i stands for level i.
#[doc(hidden)]
#[must_use]
pub const fn closure<const N: usize>(mut before: [u64; N]) -> [u64; N] {
    assert!(
        N <= 64,
        "lock_levels!: at most 64 levels; declare more in a second block `after` one of these"
    );
    let mut i = 0;
    while i < N {
        assert!(
            before[i] >> i == 0,
            "lock_levels!: a level can only be declared `after` levels that stand above it, so that there are no cycles"
        );
        let mut j = 0;
        while j < i {
            if before[i] >> j & 1 == 1 {
                before[i] |= before[j];
            }
            j += 1;
        }
        i += 1;
    }
    before
}

/// The rank of each level, given its [`closure`] and the rank of what all of them come after.
#[doc(hidden)]
#[must_use]
pub const fn ranks<const N: usize>(before: &[u64; N], base: u32) -> [u32; N] {
    let mut ranks = [0; N];
    let mut i = 0;
    while i < N {
        let mut highest = base;
        let mut j = 0;
        while j < i {
            if before[i] >> j & 1 == 1 && ranks[j] > highest {
                highest = ranks[j];
            }
            j += 1;
        }
        ranks[i] = highest + 1;
        i += 1;
    }
    ranks
}

/// Declares the levels of an order of locks, each with the levels that it comes after.
///
/// Each level becomes a type, which is the first parameter of a [`LevelMutex`](crate::ordered::LevelMutex). It comes after
/// those it is declared after and all that these come after. A level can be declared only after levels that stand above
/// it: so there are no cycles. Two levels that have no order between them are never held together, except by
/// [`try_lock`](crate::ordered::Token::try_lock).
///
/// A second declaration, in this crate or in one that depends on it, goes on where the first ended: `levels after LEVEL`
/// puts all of its levels after that one. Blocks of up to 32 levels compile in less than about a second; 64 is the most.
///
/// # Examples
///
/// ```
/// use lockline::ordered::{Level, LevelMutex, with_root};
///
/// lockline::lock_levels! {
///     pub levels {
///         Registry;
///         Account after Registry;
///         Audit after Registry;
///         /// Written last, whatever happened.
///         Journal after Account, Audit;
///     }
/// }
///
/// lockline::lock_levels! {
///     levels after Journal { Metrics; }
/// }
///
/// static REGISTRY: LevelMutex<Registry, u32> = LevelMutex::new(0);
/// static METRICS: LevelMutex<Metrics, u32> = LevelMutex::new(0);
///
/// with_root(|mut token| {
///     let (registry, mut token) = token.lock_and(&REGISTRY);
///     *token.lock(&METRICS) += *registry;
/// });
/// assert_eq!((Registry::RANK, Journal::RANK, Metrics::RANK), (1, 3, 4));
/// ```
///
/// A cycle cannot be declared:
///
/// ```compile_fail,E0080
/// lockline::lock_levels! { levels { Chicken after Egg; Egg after Chicken; } }
/// ```
#[macro_export]
macro_rules! lock_levels {
    ($visibility:vis levels { $($levels:tt)+ }) => {
        $crate::lock_levels!(@declare $visibility [$crate::ordered::Unlocked] [] $($levels)+);
    };
    ($visibility:vis levels after $base:path { $($levels:tt)+ }) => {
        $crate::lock_levels!(@declare $visibility [$base] [after] $($levels)+);
    };
    (
        @declare $visibility:vis [$base:path] [$($after_base:ident)?]
        $($(#[$meta:meta])* $level:ident $(after $($before:ident),+)?;)+
    ) => {
        $(
            $(#[$meta])*
            #[doc = concat!("A level of lock order", $($(", after `", stringify!($before), "`"),+,)? ".")]
            #[allow(dead_code)]
            #[derive(Debug)]
            $visibility enum $level {}
        )+
        const _: () = {
            #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
            enum __Index { $($level),+ }
            const __BEFORE: [u64; [$(stringify!($level)),+].len()] =
                $crate::ordered::__private::closure([
                    $(0 $($(| 1_u64 << __Index::$before as u64)+)?),+
                ]);
            const __RANKS: [u32; __BEFORE.len()] = $crate::ordered::__private::ranks(
                &__BEFORE,
                <$base as $crate::ordered::Level>::RANK,
            );
            $(
                impl $crate::ordered::Level for $level {
                    const NAME: &'static str = stringify!($level);
                    const RANK: u32 = __RANKS[__Index::$level as usize];
                    const PLACE: $crate::ordered::__private::Place =
                        $crate::ordered::__private::Place {
                            name: stringify!($level),
                            block: ::core::any::TypeId::of::<__Index>,
                            index: __Index::$level as u32,
                            before: __BEFORE[__Index::$level as usize],
                            base: Some(&<$base as $crate::ordered::Level>::PLACE),
                        };
                }
            )+
            $crate::lock_levels!(@base [$($after_base)?] [$base] [$($level)+]);
            $crate::lock_levels!(@rows [$($level)+] [$($level)+]);
        };
    };
    (@base [] [$base:path] [$($level:ident)+]) => {
        $(
            impl $crate::ordered::__private::Reach<$base> for $level {
                type After = $crate::ordered::__private::Bool<true>;
                type AtOrAfter = $crate::ordered::__private::Bool<true>;
            }
        )+
    };
    (@base [after] [$base:path] [$($level:ident)+]) => {
        $(
            // After all that the base is at or after, and so after the base itself.
            impl<Held> $crate::ordered::__private::Reach<Held> for $level
            where
                $base: $crate::ordered::__private::Reach<Held>,
            {
                type After = <$base as $crate::ordered::__private::Reach<Held>>::AtOrAfter;
                type AtOrAfter = <$base as $crate::ordered::__private::Reach<Held>>::AtOrAfter;
            }
        )+
    };
    (@rows [$($level:ident)+] $all:tt) => {
        $($crate::lock_levels!(@cells $level $all);)+
    };
    (@cells $level:ident [$($held:ident)+]) => {
        $(
            impl $crate::ordered::__private::Reach<$held> for $level {
                type After = $crate::ordered::__private::Bool<
                    { __BEFORE[__Index::$level as usize] >> __Index::$held as u64 & 1 == 1 },
                >;
                type AtOrAfter = $crate::ordered::__private::Bool<
                    {
                        __Index::$level as usize == __Index::$held as usize
                            || __BEFORE[__Index::$level as usize] >> __Index::$held as u64 & 1 == 1
                    },
                >;
            }
        )+
    };
}
