//! The order that a program was seen to lock in, to look at and to declare.

use super::{origin::Origin, watch};
use crate::raw::order::{Edge, Site};
use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};

/// The order in which the watched locks of this program have been asked for so far: [`observed`] makes it.
///
/// Run the tests of a service, dump it, and there is the declaration to start from.
///
/// # Examples
///
/// ```
/// use lockline::ordered::{Always, CheckedMutex, observed};
///
/// lockline::lock_levels! { levels { Users; Log after Users; } }
/// static USERS: CheckedMutex<u32, Always> = CheckedMutex::always_leveled::<Users>(0);
/// static LOG: CheckedMutex<u32, Always> = CheckedMutex::always_leveled::<Log>(0);
///
/// {
///     let _users = USERS.lock();
///     let _log = LOG.lock();
/// }
/// assert_eq!(observed().levels(), "lock_levels! {\n    pub levels {\n        Users;\n        Log after Users;\n    }\n}\n");
/// ```
#[derive(Clone, Debug)]
pub struct ObservedOrder {
    /// A name for each class, fit for a type.
    names: Vec<String>,
    origins: Vec<Origin>,
    edges: Vec<Edge>,
    incomplete: bool,
}

/// What was observed until now.
pub fn observed() -> ObservedOrder {
    let (origins, edges, incomplete) = watch::order();
    ObservedOrder { names: names(&origins), origins, edges, incomplete }
}

impl ObservedOrder {
    /// How many classes of locks there are.
    pub fn classes(&self) -> usize {
        self.origins.len()
    }

    /// Whether there were more classes than the checks have room for, 1,023: then some locks were not checked and
    /// are not here.
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// A graph for Graphviz: a node for each class, and for each edge where the first was held and the second asked for.
    pub fn dot(&self) -> String {
        let mut dot = "digraph locks {\n    node [shape=box];\n".to_owned();
        for (name, origin) in self.names.iter().zip(&self.origins) {
            let label = match origin.site() {
                Some(at) => format!("{name}\\n{}", place(at)),
                None => name.clone(),
            };
            let _ = writeln!(dot, "    {name} [label=\"{label}\"];");
        }
        for Edge { before, after, held_at, asked_at } in &self.edges {
            let (before, after) = (&self.names[before.index()], &self.names[after.index()]);
            let (held_at, asked_at) = (place(held_at), place(asked_at));
            let _ = writeln!(
                dot,
                "    {before} -> {after} [label=\"held {held_at}\\nasked {asked_at}\"];"
            );
        }
        dot += "}\n";
        dot
    }

    /// A declaration of this order for [`lock_levels!`](crate::lock_levels): each level after those that nothing stands between.
    /// Where a class is a place in the sources, the level's name is made of that.
    pub fn levels(&self) -> String {
        let mut block = "lock_levels! {\n    pub levels {\n".to_owned();
        for class in self.sorted() {
            if self.is_items_alone(class) {
                continue;
            }
            let _ = match self.origins[class] {
                Origin::Site(at) | Origin::Permits(at) => {
                    writeln!(block, "        /// Made at {}.", place(at))
                }
                Origin::Room(at) => {
                    writeln!(block, "        /// Room in the queue made at {}.", place(at))
                }
                Origin::Items(at) => {
                    writeln!(block, "        /// Items of the queue made at {}.", place(at))
                }
                Origin::Thread(at) => {
                    writeln!(block, "        /// Threads, started at {}.", place(at))
                }
                Origin::Level(_) => Ok(()),
            };
            let before: Vec<&str> = self
                .nearest_before(class)
                .into_iter()
                .map(|before| self.names[before].as_str())
                .collect();
            let after = if before.is_empty() {
                String::new()
            } else {
                format!(" after {}", before.join(", "))
            };
            let _ = writeln!(block, "        {}{after};", self.names[class]);
        }
        block += "    }\n}\n";
        block
    }

    /// Whether these are items of a queue that come before and after nothing: there is nothing to declare.
    fn is_items_alone(&self, class: usize) -> bool {
        let at_class = |edge: &Edge| [edge.before.index(), edge.after.index()].contains(&class);
        matches!(self.origins[class], Origin::Items(_)) && !self.edges.iter().any(at_class)
    }

    fn before(&self, class: usize) -> BTreeSet<usize> {
        let into = self.edges.iter().filter(|edge| edge.after.index() == class);
        into.map(|edge| edge.before.index()).collect()
    }

    /// Each after all that come before it, and otherwise as they were first used.
    fn sorted(&self) -> Vec<usize> {
        let mut left: BTreeMap<usize, BTreeSet<usize>> =
            (0..self.origins.len()).map(|class| (class, self.before(class))).collect();
        let mut sorted = Vec::new();
        // The order has no circle, so there is always one that waits for no other.
        while let Some(next) =
            left.iter().find(|(_, before)| before.is_empty()).map(|(class, _)| *class)
        {
            left.remove(&next);
            for before in left.values_mut() {
                before.remove(&next);
            }
            sorted.push(next);
        }
        sorted
    }

    /// Those before it that are not before another that is before it.
    fn nearest_before(&self, class: usize) -> BTreeSet<usize> {
        let direct = self.before(class);
        let mut farther = BTreeSet::new();
        let mut next: Vec<usize> = direct.iter().copied().collect();
        while let Some(class) = next.pop() {
            for before in self.before(class) {
                if farther.insert(before) {
                    next.push(before);
                }
            }
        }
        direct.difference(&farther).copied().collect()
    }
}

/// One of its own for each.
fn names(origins: &[Origin]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for origin in origins {
        let name = match origin {
            Origin::Level(place) => place.name.to_owned(),
            Origin::Items(at) => format!("{}Items", name_of(at)),
            Origin::Site(at) | Origin::Permits(at) | Origin::Room(at) | Origin::Thread(at) => {
                name_of(at)
            }
        };
        let mut own = name.clone();
        let mut n = 2;
        while names.contains(&own) {
            own = format!("{name}{n}");
            n += 1;
        }
        names.push(own);
    }
    names
}

/// `src/net/conn_pool.rs:12` becomes `ConnPoolL12`.
fn name_of(at: Site) -> String {
    let file = at.file().rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name = String::new();
    for word in file.trim_end_matches(".rs").split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        name.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        name.extend(letters);
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert_str(0, "Lock");
    }
    format!("{name}L{}", at.line())
}

/// For a text in double quotes.
fn place(at: Site) -> String {
    format!("{}:{}:{}", at.file().replace('\\', "/"), at.line(), at.column())
}
