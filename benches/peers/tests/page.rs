//! What the page says of samples, whoever took them.

use lockline_peers::{
    case::{Case, Kind, Label, Sample, repeat, same},
    page,
    rounds::{Broken, Measured, Plan, measure},
};
use std::{
    sync::atomic::{
        AtomicU64, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
    thread,
    time::Duration,
};

fn label(name: &str, kind: Kind, threads: usize) -> Label {
    Label {
        group: "example",
        row: format!("{threads} threads"),
        name: name.to_owned(),
        kind,
        threads,
        blocks: true,
    }
}

/// A case of 1,000 operations a round, `nanos` each, whose threads overlapped so much.
fn measured(name: &str, kind: Kind, nanos: &[u64], overlap: f64) -> Measured {
    let sample = |&nanos: &u64| Sample {
        ops: 1_000,
        wall: Duration::from_nanos(1_000 * nanos),
        cpu: Duration::from_nanos(2_000 * nanos),
        overlap,
        pinned: true,
        latencies: None,
        fairness: None,
    };
    let samples = nanos.iter().map(sample).collect();
    Measured { label: label(name, kind, 2), samples, in_vain: 0, disturbed: 0, broken: None }
}

#[test]
fn ratios_are_to_the_fastest_peer_round_by_round() {
    let lines = page::lines(&[
        measured("ours", Kind::Ours, &[2, 6, 2], 1.0),
        measured("slow", Kind::Peer, &[20, 60, 20], 1.0),
        measured("fast", Kind::Peer, &[8, 24, 10], 1.0),
        measured("bare", Kind::Limit, &[1, 3, 1], 1.0),
    ]);
    let ratio = lines[0].ratio.expect("comparable");
    assert_eq!((ratio.median, ratio.min, ratio.max), (4.0, 4.0, 5.0));
    assert_eq!(lines[1].ratio.map(|ratio| ratio.median.to_string()), Ok("0.4".to_owned()));
    assert_eq!(lines[2].ratio, Err("best peer"));
    assert_eq!(lines[3].ratio, Err("limit"), "a limit is no peer");
    let figures = lines[0].figures.as_ref().expect("measured");
    assert_eq!((figures.wall.median, figures.wall.max, figures.cpu.median), (2.0, 6.0, 4.0));
}

#[test]
fn threads_that_ran_apart_are_flagged_and_not_compared() {
    let lines = page::lines(&[
        measured("ours", Kind::Ours, &[2], 0.89),
        measured("theirs", Kind::Peer, &[8], 0.9),
    ]);
    assert_eq!(lines[0].ratio, Err("threads ran apart"));
    assert_eq!(lines[1].ratio, Err("best peer"));
    let text = page::markdown(&lines);
    assert!(text.contains("89 % (!)") && text.contains("threads ran apart"), "{text}");
    assert!(text.contains("| 90 % |") || text.contains(" 90 % |"), "{text}");
}

#[test]
fn no_ratio_to_a_flagged_peer_nor_to_the_next_best_instead() {
    let lines = page::lines(&[
        measured("ours", Kind::Ours, &[2], 1.0),
        measured("apart", Kind::Peer, &[4], 0.3),
        measured("slow", Kind::Peer, &[20], 1.0),
    ]);
    assert_eq!(lines[0].ratio, Err("best peer flagged"));
}

#[test]
fn unpinned_threads_are_not_compared() {
    let mut unpinned = measured("ours", Kind::Ours, &[2], 1.0);
    unpinned.samples[0].pinned = false;
    let lines = page::lines(&[unpinned, measured("theirs", Kind::Peer, &[4], 1.0)]);
    assert_eq!(lines[0].ratio, Err("threads not pinned"));
}

#[test]
fn threads_that_never_sleep_need_their_cores() {
    let mut ours = measured("ours", Kind::Ours, &[2], 1.0);
    ours.samples[0].cpu = ours.samples[0].wall / 2;
    let lines = |ours| page::lines(&[ours, measured("theirs", Kind::Peer, &[4], 1.0)]);
    assert!(lines(ours.clone())[0].ratio.is_ok(), "asleep, for all one knows");
    ours.label.blocks = false;
    assert_eq!(lines(ours)[0].ratio, Err("preempted"));
}

#[test]
fn tables_have_their_shape() {
    let mut broken = measured("broken, \"fast\"", Kind::Peer, &[1], 1.0);
    broken.broken = Some(Broken::Wrong("counted 1 of 2".to_owned()));
    let lines = page::lines(&[
        measured("ours", Kind::Ours, &[2], 1.0),
        measured("theirs", Kind::Peer, &[8], 1.0),
        broken,
    ]);

    let csv = page::csv(&lines);
    let mut rows = csv.lines();
    let columns = rows.next().expect("a head").split(',').count();
    assert!(
        csv.starts_with("group,row,case,kind,threads,rounds,ns_median,ns_min,ns_max,cpu_ns_median")
    );
    let ours: Vec<_> = rows.next().expect("a row").split(',').collect();
    assert_eq!(ours.len(), columns);
    assert_eq!(ours[..7], ["example", "2 threads", "ours", "ours", "2", "1", "2.0000"]);
    assert!(csv.contains("\"broken, \"\"fast\"\"\",peer,2,0,,,"), "{csv}");
    assert!(csv.trim_end().ends_with("broken: counted 1 of 2"), "{csv}");

    let text = page::markdown(&lines);
    let table: Vec<_> = text.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(table.len(), 2 + 3, "{text}");
    let cells = |line: &str| line.matches('|').count();
    assert!(table.iter().all(|line| cells(line) == cells(table[0])), "{text}");
    assert!(table[2].contains("| **ours**") && table[2].contains("4.0× (4.0–4.0)"), "{text}");
    assert!(table[4].contains("broken: counted 1 of 2"), "{text}");

    let picture = page::picture(&lines, "a machine");
    assert!(picture.starts_with("<svg") && picture.contains("(broken)"), "{picture}");
}

#[test]
fn rows_have_a_mean() {
    let row = |threads: usize, ours: u64, theirs: u64| {
        [("ours", Kind::Ours, ours), ("theirs", Kind::Peer, theirs), ("bare", Kind::Limit, 1)].map(
            |(name, kind, nanos)| Measured {
                label: label(name, kind, threads),
                ..measured(name, kind, &[nanos], 1.0)
            },
        )
    };
    let rows = [row(1, 10, 80), row(2, 20, 10), row(8, 10, 20)].concat();
    let text = page::markdown(&page::lines(&rows));
    let mean = "ours: 2.00 times as fast as the best peer, in the geometric mean of 3 rows; 0.50 times in the worst.";
    assert!(text.contains(mean), "{text}");
    assert!(!text.contains("theirs: "), "{text}");
    let text = page::markdown(&page::lines(&rows[..3]));
    assert!(!text.contains("mean"), "of one row: {text}");
}

const SHORT: Plan = Plan {
    rounds: 3,
    budget: Duration::from_millis(10),
    tries: 1,
    patience: Duration::from_mins(1),
};

#[test]
fn a_case_whose_threads_never_overlap_is_flagged() {
    // Neither does anything while the other works, but each runs well by itself.
    let turns = Case::race(
        label("turns", Kind::Ours, 2),
        || AtomicUsize::new(0),
        |turn, thread, _| {
            while turn.load(Acquire) != thread {
                thread::yield_now();
            }
            thread::sleep(Duration::from_millis(20));
            turn.store(thread + 1, Release);
        },
        |turn, _| same(turn.load(Relaxed) as u64, 2),
    );
    let lines = page::lines(&measure(vec![turns], SHORT, |_| ()));
    assert_eq!(lines[0].ratio, Err("threads ran apart"));
    assert!(page::markdown(&lines).contains("(!)"));
}

#[test]
fn a_case_that_loses_operations_is_broken_however_fast() {
    let case = |name, kind, lost: u64| {
        Case::race(
            label(name, kind, 2),
            || AtomicU64::new(0),
            move |count, _, ops| {
                repeat(ops - lost, |_| {
                    count.fetch_add(1, Relaxed);
                });
            },
            |count, ops| same(count.load(Relaxed), 2 * ops),
        )
    };
    let cases = vec![case("ours", Kind::Ours, 0), case("lossy", Kind::Peer, 1)];
    let mut told = String::new();
    let lines = page::lines(&measure(cases, SHORT, |line| told.push_str(line)));
    assert!(lines[0].figures.is_ok());
    assert!(lines[1].figures.as_ref().is_err_and(|wrong| wrong.starts_with("broken: counted ")));
    assert!(told.contains("broken: example / 2 threads / lossy"), "{told}");
}

#[test]
fn a_loop_that_was_folded_is_broken_too() {
    let folded = Case::race(
        label("folded", Kind::Peer, 1),
        || AtomicU64::new(0),
        |count, _, ops| {
            count.fetch_add(ops, Relaxed);
        },
        |count, ops| same(count.load(Relaxed), ops),
    );
    // Longer than a time slice, or being preempted once would pass for work.
    let plan = Plan { rounds: 1, budget: Duration::from_secs(4), ..SHORT };
    let broken = measure(vec![folded], plan, |_| ()).remove(0).broken;
    assert!(broken.is_some_and(|why| why.to_string().contains("the loop was folded")));
}

#[test]
fn waits_and_fairness_have_columns_where_a_case_asks() {
    let timed = Case::timed(
        label("timed", Kind::Ours, 2),
        || AtomicU64::new(0),
        |count, _, ops, waits| {
            for nth in 0..ops {
                count.fetch_add(1, Relaxed);
                // The longest first: a case that was sized while others had the cores has few operations.
                waits.record(Duration::from_nanos(700 - nth.min(699)));
            }
        },
        |count, ops| same(count.load(Relaxed), 2 * ops),
    );
    let fair = Case::sprint(
        label("sprint", Kind::Peer, 2),
        || AtomicU64::new(0),
        |count, _, stop| {
            let mut ops = 0;
            while !stop.now() {
                count.fetch_add(1, Relaxed);
                ops += 1;
            }
            ops
        },
        |count, ops| same(count.load(Relaxed), ops.iter().sum()),
    );
    let lines = page::lines(&measure(vec![timed, fair], SHORT, |_| ()));
    let of = |index: usize| lines[index].figures.as_ref().expect("measured");
    let waits = of(0).latencies.as_ref().expect("asked for");
    assert_eq!(waits.longest(), Duration::from_nanos(700));
    assert!(of(0).fairness.is_none() && of(1).latencies.is_none());
    let fairness = of(1).fairness.expect("asked for");
    assert!((0.0..=1.0).contains(&fairness.min) && fairness.max <= 1.0);
    let text = page::markdown(&lines);
    for column in ["p50", "p99", "longest", "fewest / most"] {
        assert!(text.contains(column), "{text}");
    }
}
