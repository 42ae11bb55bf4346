//! In which order locks of different classes were asked for, and whether a new wish fits.
//!
//! A graph of classes, with an edge where some thread held the one and asked for the other. It has no cycle,
//! because an edge that would close one is refused. One bit for each pair says that the edge is there:
//! whoever asks in a known order reads one word for each lock held and shares no lock with anybody. The alternatives
//! keep the graph under one lock and take that on each acquisition (`tracing-mutex`, Abseil), or
//! hash the whole chain of held locks (Linux), which pays where a chain is long.
//!
//! # State
//!
//! | word            | value                                        | who may change it                       |
//! |-----------------|----------------------------------------------|-----------------------------------------|
//! | `known[a]`, bit b | b was asked for while a was held, and that fits | set under the lock of `book`, never cleared |
//! | `book`          | what each class is, and each edge with its places | whoever has its lock               |
//! | a [`ClassCell`] | 0 before its lock was first used, then its class | set once, to what all would set it to |
//!
//! Class [`UNCHECKED`] is for locks that come when all others are given out: any order fits it, by its bits being set.
//!
//! # Transitions
//!
//! | by       | from → to                 | when                                                     |
//! |----------|---------------------------|----------------------------------------------------------|
//! | `class`  | none → a class            | the lock, or one of the same origin, is first used       |
//! | `admit`  | no edge → edges from all held to the wanted | the wanted reaches none of them; otherwise none is added |
//!
//! # Edges
//!
//! None between threads: a bit and a class are numbers that mean the same whenever they are read, so they are
//! relaxed. A reader that misses a bit asks the book, which has it.
//!
//! # Progress
//!
//! Wait-free in a known order. A new edge waits for those who add theirs; the search visits each edge at most once.
//!
//! # Checked by
//!
//! `tests/loom/tests/models/ordered.rs`: of two, and of three, first acquisitions that together make a cycle, exactly one
//! is refused. `tests/ordered_props.rs` compares random traces with a graph that is searched by brute force.

use crate::sync::{
    array,
    atomic::{AtomicUsize, Ordering::Relaxed},
    const_new,
    lock::Lock,
    sizes::CLASSES,
};
use core::{mem, panic::Location};
use std::collections::VecDeque;

/// A place in somebody's sources.
pub(crate) type Site = &'static Location<'static>;

const BITS: usize = usize::BITS as usize;
const WORDS: usize = CLASSES.div_ceil(BITS);

/// A node of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Class(usize);

/// For what there is no place for.
pub(crate) const UNCHECKED: Class = Class(CLASSES - 1);

impl Class {
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

/// Remembers the class of one lock.
#[derive(Debug)]
pub(crate) struct ClassCell(AtomicUsize);

impl ClassCell {
    const_new! {
        pub(crate) const fn new() -> Self {
            Self(AtomicUsize::new(0))
        }
    }
}

/// A lock that the calling thread holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) class: Class,
    /// Tells it from others of its class.
    pub(crate) address: usize,
    /// So many permits of a semaphore; 1 of what is held whole.
    pub(crate) count: usize,
    pub(crate) at: Site,
}

/// `before` was held when `after` was first asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) before: Class,
    pub(crate) after: Class,
    pub(crate) held_at: Site,
    pub(crate) asked_at: Site,
}

/// Why a wish does not fit.
#[derive(Debug)]
pub(crate) enum Misfit {
    /// A lock of the same class is held.
    Same(Held),
    /// The declared order says otherwise.
    Declared(Held),
    /// The chain leads from the wanted to the held.
    Inverted(Held, Vec<Edge>),
}

/// The graph, of classes that have an origin `C` each.
#[derive(Debug)]
pub(crate) struct Order<C> {
    known: [[AtomicUsize; WORDS]; CLASSES],
    book: Lock<Book<C>>,
}

#[derive(Debug)]
struct Book<C> {
    nodes: Vec<Node<C>>,
    /// Whether somebody found no place.
    full: bool,
}

#[derive(Debug)]
struct Node<C> {
    origin: C,
    edges: Vec<Edge>,
}

impl<C: Copy + PartialEq> Order<C> {
    const_new! {
        #[allow(clippy::large_stack_arrays, reason = "for a static")]
        pub(crate) const fn new() -> Self {
            Self {
                known: array![array![AtomicUsize::new(0); WORDS]; CLASSES],
                book: Lock::new(Book { nodes: Vec::new(), full: false }),
            }
        }
    }

    /// The class of a lock of this origin.
    #[inline]
    pub(crate) fn class(&self, cell: &ClassCell, origin: C) -> Class {
        match cell.0.load(Relaxed) {
            0 => self.class_slow(cell, origin),
            known => Class(known - 1),
        }
    }

    #[cold]
    fn class_slow(&self, cell: &ClassCell, origin: C) -> Class {
        let class = self.book.with(|book| {
            let found = book.nodes.iter().position(|node| node.origin == origin);
            Class(found.unwrap_or_else(|| {
                if book.nodes.len() == UNCHECKED.0 {
                    if !mem::replace(&mut book.full, true) {
                        self.let_unchecked_pass();
                    }
                    return UNCHECKED.0;
                }
                book.nodes.push(Node { origin, edges: Vec::new() });
                book.nodes.len() - 1
            }))
        });
        cell.0.store(class.0 + 1, Relaxed);
        class
    }

    fn let_unchecked_pass(&self) {
        for (class, row) in self.known.iter().enumerate() {
            for (word, bits) in row.iter().enumerate() {
                let column = usize::from(word == UNCHECKED.0 / BITS) << (UNCHECKED.0 % BITS);
                let all = if class == UNCHECKED.0 { usize::MAX } else { column };
                // Relaxed: whoever misses it asks the book.
                bits.fetch_or(all, Relaxed);
            }
        }
    }

    /// Whether `wanted` was asked for before while each of `held` was held.
    #[inline]
    pub(crate) fn knows(&self, held: &[Held], wanted: Class) -> bool {
        held.iter().all(|held| {
            self.known[held.class.0][wanted.0 / BITS].load(Relaxed) >> (wanted.0 % BITS) & 1 == 1
        })
    }

    /// Adds that `wanted` is asked for, `at` this place, while `held` are held; or says why it must not be.
    /// `declared` is asked whether the second may come after the first as far as declared.
    #[cold]
    pub(crate) fn admit(
        &self,
        held: &[Held],
        wanted: Class,
        at: Site,
        declared: impl Fn(&C, &C) -> bool,
    ) -> Result<(), Misfit> {
        let new: Vec<Held> = held
            .iter()
            .filter(|held| {
                !self.knows(&[**held], wanted) && ![held.class, wanted].contains(&UNCHECKED)
            })
            .copied()
            .collect();
        self.book.with(|book| {
            for held in &new {
                if held.class == wanted {
                    return Err(Misfit::Same(*held));
                }
                if !declared(&book.nodes[held.class.0].origin, &book.nodes[wanted.0].origin) {
                    return Err(Misfit::Declared(*held));
                }
            }
            // All new edges end in `wanted`, so none of them is on a way from it.
            if let Some((held, chain)) = book.way(wanted, &new) {
                return Err(Misfit::Inverted(held, chain));
            }
            for held in new {
                let Held { class: before, at: held_at, .. } = held;
                let edges = &mut book.nodes[before.0].edges;
                // Another thread may have added it meanwhile.
                if !edges.iter().any(|edge| edge.after == wanted) {
                    edges.push(Edge { before, after: wanted, held_at, asked_at: at });
                    // Relaxed: whoever misses it asks the book.
                    self.known[before.0][wanted.0 / BITS].fetch_or(1 << (wanted.0 % BITS), Relaxed);
                }
            }
            Ok(())
        })
    }

    /// What this class is; none for [`UNCHECKED`].
    pub(crate) fn origin(&self, class: Class) -> Option<C> {
        self.book.with(|book| book.nodes.get(class.0).map(|node| node.origin))
    }

    /// All classes in order of their numbers, all edges in order of what is before, and whether there are locks that are not checked.
    pub(crate) fn snapshot(&self) -> (Vec<C>, Vec<Edge>, bool) {
        self.book.with(|book| {
            let edges = book.nodes.iter().flat_map(|node| node.edges.iter().copied());
            (book.nodes.iter().map(|node| node.origin).collect(), edges.collect(), book.full)
        })
    }
}

impl<C> Book<C> {
    /// The shortest way from a class to one of those held.
    fn way(&self, from: Class, to: &[Held]) -> Option<(Held, Vec<Edge>)> {
        let mut came_by: Vec<Option<Edge>> = vec![None; self.nodes.len()];
        let mut next = VecDeque::from([from]);
        while let Some(class) = next.pop_front() {
            if let Some(held) = to.iter().find(|held| held.class == class) {
                let mut way = Vec::new();
                let mut class = class;
                while class != from {
                    let edge = came_by[class.0]?;
                    way.push(edge);
                    class = edge.before;
                }
                way.reverse();
                return Some((*held, way));
            }
            for edge in &self.nodes[class.0].edges {
                let way = &mut came_by[edge.after.0];
                if way.is_none() && edge.after != from {
                    *way = Some(*edge);
                    next.push_back(edge.after);
                }
            }
        }
        None
    }
}
