//! Which cores we measure on, and which pairs of them.

use lockline_harness::pin;
use std::fs;

/// Pairs grow with the square of the cores; this many cores are 36 pairs.
const PAIRED: usize = 9;

/// The cores we may use, the first thread of each physical core before any second one: two threads of
/// one core share its first cache, so a line moves between them for next to nothing.
pub(crate) fn ordered() -> Vec<usize> {
    first_threads_first(&pin::cores(), siblings)
}

/// The cores between whose pairs a line is passed: all, or as many, evenly chosen, as there is time for.
pub(crate) fn paired() -> Vec<usize> {
    sample(&ordered(), PAIRED)
}

/// Each two of `cores`, in order.
pub(crate) fn pairs(cores: &[usize]) -> Vec<(usize, usize)> {
    let with = |(at, &a): (usize, &usize)| {
        cores[at + 1..].iter().map(move |&b| (a, b)).collect::<Vec<_>>()
    };
    cores.iter().enumerate().flat_map(with).collect()
}

/// Whether two cores are threads of one, as far as the system tells.
pub(crate) fn are_siblings(a: usize, b: usize) -> bool {
    siblings(a).is_some_and(|of_a| Some(of_a) == siblings(b))
}

/// The numbers of threads to count with: powers of two, up to two threads a core.
pub(crate) fn thread_counts() -> Vec<usize> {
    let most = 2 * pin::cores().len();
    std::iter::successors(Some(1), |threads| Some(threads * 2))
        .take_while(|threads| *threads <= most)
        .collect()
}

/// `threads` cores, again from the first when there are more threads.
pub(crate) fn spread(threads: usize) -> Vec<usize> {
    ordered().into_iter().cycle().take(threads).collect()
}

/// A name that `core` has in common with the other threads of its physical core, and with no others.
fn siblings(core: usize) -> Option<String> {
    let path = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
    fs::read_to_string(path).ok()
}

fn first_threads_first(cores: &[usize], group: impl Fn(usize) -> Option<String>) -> Vec<usize> {
    let mut seen = Vec::new();
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for &core in cores {
        match group(core) {
            Some(group) if seen.contains(&group) => rest.push(core),
            group => {
                seen.extend(group);
                first.push(core);
            }
        }
    }
    first.append(&mut rest);
    first
}

/// The first two, which calibrate everything, and `most - 2` of the others.
fn sample(cores: &[usize], most: usize) -> Vec<usize> {
    if cores.len() <= most {
        return cores.to_vec();
    }
    let (calibrating, others) = cores.split_at(2);
    let wanted = most - 2;
    let chosen = (0..wanted).map(|at| others[at * (others.len() - 1) / (wanted - 1)]);
    calibrating.iter().copied().chain(chosen).collect()
}

/// A bench target has no test runner: checked at each start, which costs nothing that can be measured.
pub(crate) fn check() {
    let of_two = |core: usize| Some((core / 2).to_string());
    assert_eq!(first_threads_first(&[0, 1, 2, 3, 4], of_two), [0, 2, 4, 1, 3]);
    assert_eq!(first_threads_first(&[3, 1], |_| None), [3, 1]);
    let many: Vec<usize> = (0..64).collect();
    assert_eq!(sample(&many, 9), [0, 1, 2, 12, 22, 32, 42, 52, 63]);
    assert_eq!(sample(&many[..9], 9), many[..9]);
    assert_eq!(pairs(&[0, 1, 5]), [(0, 1), (0, 5), (1, 5)]);
}
