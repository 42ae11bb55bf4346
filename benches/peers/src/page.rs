//! What was measured, as a page of Markdown, as CSV, and as a picture.

use crate::{
    case::{Kind, Label, Sample},
    rounds::Measured,
};
use lockline_harness::{
    latency::Latencies,
    race::on_core,
    report::Table,
    stats::{Spread, digits, geometric_mean},
    svg,
};
use std::{collections::HashSet, time::Duration};

/// Threads that ran together for less than this share of the time, or that never sleep and had their
/// cores for less, are not compared.
pub const TOGETHER: f64 = 0.9;

/// One case's line.
#[derive(Clone, Debug)]
pub struct Line {
    /// Whose.
    pub label: Label,
    /// What there is to say of its samples.
    pub figures: Result<Figures, String>,
    /// How many times as fast as the best peer of its row, round by round; or why that is not known.
    pub ratio: Result<Spread, &'static str>,
}

/// A case's samples, put together.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Nanoseconds of wall time for each operation of any thread.
    pub wall: Spread,
    /// Nanoseconds of CPU time for each operation.
    pub cpu: Spread,
    /// The share of time in which all threads ran; `None` where there is one.
    pub overlap: Option<Spread>,
    /// CPU time as a share of what the cores had to give; `None` where threads may sleep.
    pub on_core: Option<Spread>,
    /// Whether all threads were pinned in all rounds.
    pub pinned: bool,
    /// Single operations of all rounds.
    pub latencies: Option<Latencies>,
    /// Nanoseconds that the longest single operation of each round took.
    pub longest: Option<Spread>,
    /// The fewest operations of a thread over the most.
    pub fairness: Option<Spread>,
    /// `wall`, round by round.
    rounds: Vec<f64>,
}

impl Figures {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    fn of(measured: &Measured) -> Result<Self, String> {
        let samples = &measured.samples;
        match &measured.broken {
            Some(wrong) => return Err(format!("broken: {wrong}")),
            None if samples.is_empty() => return Err("not measured".to_owned()),
            None => {}
        }
        let per_op = |time: fn(&Sample) -> Duration| -> Vec<f64> {
            let ns = |sample| time(sample).as_secs_f64() * 1e9;
            samples.iter().map(|sample| ns(sample) / sample.ops.max(1) as f64).collect()
        };
        let overlaps: Vec<_> = samples.iter().map(|sample| sample.overlap).collect();
        let fairness: Vec<_> = samples.iter().filter_map(|sample| sample.fairness).collect();
        let share = |sample: &Sample| on_core(sample.cpu, sample.wall, measured.label.threads);
        let shares: Vec<_> = samples.iter().filter_map(share).collect();
        let longest: Vec<_> = samples
            .iter()
            .filter_map(|sample| sample.latencies.as_ref())
            .map(|latencies| latencies.longest().as_secs_f64() * 1e9)
            .collect();
        let rounds = per_op(|sample| sample.wall);
        Ok(Self {
            wall: Spread::of(&rounds),
            cpu: Spread::of(&per_op(|sample| sample.cpu)),
            overlap: (measured.label.threads > 1).then(|| Spread::of(&overlaps)),
            on_core: (!measured.label.blocks && !shares.is_empty()).then(|| Spread::of(&shares)),
            pinned: samples.iter().all(|sample| sample.pinned),
            latencies: samples.iter().filter_map(|sample| sample.latencies.clone()).reduce(
                |mut all, more| {
                    all.merge(&more);
                    all
                },
            ),
            longest: (!longest.is_empty()).then(|| Spread::of(&longest)),
            fairness: (!fairness.is_empty()).then(|| Spread::of(&fairness)),
            rounds,
        })
    }

    /// Why these figures may not be compared, if so.
    fn flaw(&self) -> Option<&'static str> {
        if self.overlap.is_some_and(|overlap| overlap.median < TOGETHER) {
            Some("threads ran apart")
        } else if self.on_core.is_some_and(|share| share.median < TOGETHER) {
            Some("preempted")
        } else if !self.pinned {
            Some("threads not pinned")
        } else {
            None
        }
    }
}

/// A line for each case, with ratios within rows.
pub fn lines(measured: &[Measured]) -> Vec<Line> {
    let figures: Vec<_> = measured.iter().map(Figures::of).collect();
    let best = |label: &Label| {
        let peers = measured.iter().zip(&figures).filter(|(peer, _)| {
            peer.label.kind == Kind::Peer
                && (peer.label.group, &peer.label.row) == (label.group, &label.row)
        });
        peers
            .filter_map(|(_, figures)| figures.as_ref().ok())
            .min_by(|a, b| a.wall.median.total_cmp(&b.wall.median))
    };
    let ratio = |label: &Label, figures: &Result<Figures, String>| {
        let figures = figures.as_ref().map_err(|_| "–")?;
        if let Some(flaw) = figures.flaw() {
            return Err(flaw);
        }
        if label.kind == Kind::Limit {
            return Err("limit");
        }
        let best = best(label).ok_or("no peer")?;
        if best.flaw().is_some() {
            // Were it left out, the next best would pass for the best.
            return Err("best peer flagged");
        }
        if std::ptr::eq(best, figures) {
            return Err("best peer");
        }
        Ok(Spread::of_ratios(&best.rounds, &figures.rounds))
    };
    let line = |(measured, figures): (&Measured, &Result<Figures, String>)| Line {
        label: measured.label.clone(),
        figures: figures.clone(),
        ratio: ratio(&measured.label, figures),
    };
    measured.iter().zip(&figures).map(line).collect()
}

/// The groups' names, in order.
fn groups(lines: &[Line]) -> Vec<&'static str> {
    let mut groups: Vec<_> = lines.iter().map(|line| line.label.group).collect();
    groups.dedup();
    groups
}

/// A heading, a table and its legend for each group.
pub fn markdown(lines: &[Line]) -> String {
    let mut text = String::new();
    for group in groups(lines) {
        let lines: Vec<_> = lines.iter().filter(|line| line.label.group == group).collect();
        text.extend(["## ", group, "\n\n", &group_table(&lines).markdown(), "\n"]);
        text.push_str(&in_the_mean(&lines));
    }
    text.push_str(
        "ns: wall time for each operation, over all threads; CPU ns: processor time of all threads \
         for each operation; both as median (least–most) of the rounds. together: the share of the time \
         in which all threads ran. × best peer: how many times as fast as the row's fastest peer, \
         compared round by round. There is none where threads ran together for less than 90 %, or \
         never sleep and yet were off their cores for more than 10 % (\"preempted\"). longest: the longest \
         operation of each round.\n",
    );
    text
}

/// A sentence for each of our cases that has a ratio in more than one row.
fn in_the_mean(lines: &[&Line]) -> String {
    let ours = || lines.iter().filter(|line| line.label.kind == Kind::Ours);
    let mut names: Vec<_> = ours().map(|line| &line.label.name).collect();
    let mut seen = HashSet::new();
    names.retain(|&name| seen.insert(name));
    let sentence = |name: &String| {
        let ratios =
            ours().filter(|line| line.label.name == *name).filter_map(|line| line.ratio.ok());
        let ratios: Vec<_> = ratios.map(|ratio| ratio.median).collect();
        let mean = geometric_mean(&ratios);
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let rows = ratios.len();
        (rows > 1).then(|| {
            format!(
                "{name}: {mean:.2} times as fast as the best peer, in the geometric mean of {rows} rows; {least:.2} \
                 times in the worst.\n\n"
            )
        })
    };
    names.into_iter().filter_map(sentence).collect()
}

fn group_table(lines: &[&Line]) -> Table {
    let figures = || lines.iter().filter_map(|line| line.figures.as_ref().ok());
    let timed = figures().any(|figures| figures.latencies.is_some());
    let fair = figures().any(|figures| figures.fairness.is_some());
    let mut table =
        Table::new().left("").left("case").right("ns").right("CPU ns").right("together");
    if timed {
        table = table.right("p50").right("p99").right("longest");
    }
    if fair {
        table = table.right("fewest / most");
    }
    table = table.right("× best peer");

    let mut row = "";
    for line in lines {
        // A row's name stands at its first case only.
        let heading = if row == line.label.row { "" } else { &line.label.row };
        row = &line.label.row;
        let name = match line.label.kind {
            Kind::Ours => format!("**{}**", line.label.name),
            Kind::Peer | Kind::Limit => line.label.name.clone(),
        };
        let mut cells = vec![heading.to_owned(), name];
        match &line.figures {
            Ok(figures) => cells.extend(figure_cells(figures, timed, fair)),
            Err(wrong) => {
                cells.push(wrong.clone());
                let rest = 2 + 3 * usize::from(timed) + usize::from(fair);
                cells.extend(std::iter::repeat_n(String::from("–"), rest));
            }
        }
        cells.push(match line.ratio {
            Ok(ratio) => {
                format!("{}× ({}–{})", digits(ratio.median), digits(ratio.min), digits(ratio.max))
            }
            Err(why) => why.to_owned(),
        });
        table.row(cells);
    }
    table
}

fn figure_cells(figures: &Figures, timed: bool, fair: bool) -> Vec<String> {
    let none = || String::from("–");
    let mut cells = vec![figures.wall.to_string(), figures.cpu.to_string()];
    cells.push(figures.overlap.map_or_else(none, |overlap| {
        let flag = if overlap.median < TOGETHER { " (!)" } else { "" };
        format!("{} %{flag}", (overlap.median * 100.0).floor())
    }));
    if timed {
        let of = |at: fn(&Latencies) -> Duration| {
            figures.latencies.as_ref().map_or_else(none, |latencies| short(at(latencies)))
        };
        cells.extend([of(Latencies::p50), of(Latencies::p99)]);
        cells.push(figures.longest.map_or_else(none, |longest| {
            let [median, min, max] = [longest.median, longest.min, longest.max].map(short_nanos);
            format!("{median} ({min}–{max})")
        }));
    }
    if fair {
        cells.push(figures.fairness.map_or_else(none, |fairness| digits(fairness.median)));
    }
    cells
}

fn short_nanos(nanos: f64) -> String {
    short(Duration::from_secs_f64(nanos / 1e9))
}

/// "310 ns", "4.2 µs", "18 ms", "1.5 s".
fn short(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (value, unit) = match time.as_nanos() {
        0..1_000 => (seconds * 1e9, "ns"),
        1_000..1_000_000 => (seconds * 1e6, "µs"),
        1_000_000..1_000_000_000 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    format!("{} {unit}", digits(value))
}

/// A line of plain numbers for each case; empty where there is none.
pub fn csv(lines: &[Line]) -> String {
    let mut table = Table::new();
    for name in ["group", "row", "case", "kind", "threads", "rounds"] {
        table = table.left(name);
    }
    for name in ["ns", "cpu_ns", "overlap", "on_core", "fairness", "times_best_peer"] {
        table = table.right(&format!("{name}_median"));
        table = table.right(&format!("{name}_min"));
        table = table.right(&format!("{name}_max"));
    }
    for name in ["p50_ns", "p99_ns", "longest_ns", "remark"] {
        table = table.right(name);
    }
    for line in lines {
        let Label { group, row, name, kind, threads, .. } = &line.label;
        let figures = line.figures.as_ref().ok();
        let kind = match kind {
            Kind::Ours => "ours",
            Kind::Peer => "peer",
            Kind::Limit => "limit",
        };
        let rounds = figures.map_or(0, |figures| figures.rounds.len());
        let mut cells = vec![group.to_string(), row.clone(), name.clone(), kind.to_owned()];
        cells.extend([threads.to_string(), rounds.to_string()]);
        let spreads = [
            figures.map(|figures| figures.wall),
            figures.map(|figures| figures.cpu),
            figures.and_then(|figures| figures.overlap),
            figures.and_then(|figures| figures.on_core),
            figures.and_then(|figures| figures.fairness),
            line.ratio.ok(),
        ];
        for spread in spreads {
            let number = |of: fn(&Spread) -> f64| {
                spread.as_ref().map_or_else(String::new, |spread| format!("{:.4}", of(spread)))
            };
            cells.extend([number(|s| s.median), number(|s| s.min), number(|s| s.max)]);
        }
        let latencies = figures.and_then(|figures| figures.latencies.as_ref());
        let nanos = |at: fn(&Latencies) -> Duration| {
            latencies.map_or_else(String::new, |latencies| at(latencies).as_nanos().to_string())
        };
        cells.extend([nanos(Latencies::p50), nanos(Latencies::p99), nanos(Latencies::longest)]);
        cells.push(match (&line.figures, line.ratio) {
            (Err(wrong), _) => wrong.clone(),
            (Ok(_), Err(why)) => why.to_owned(),
            (Ok(_), Ok(_)) => String::new(),
        });
        table.row(cells);
    }
    table.csv()
}

/// Bars of wall time, a heading for each row.
pub fn picture(lines: &[Line], subtitle: &str) -> String {
    let mut rows: Vec<svg::Group> = Vec::new();
    for line in lines {
        let title = format!("{}: {}", line.label.group, line.label.row);
        if rows.last().is_none_or(|row| row.title != title) {
            rows.push(svg::Group { title, bars: Vec::new() });
        }
        let wall = line.figures.as_ref().map(|figures| figures.wall).ok();
        let flag = match &line.figures {
            Ok(figures) => figures.flaw().map_or_else(String::new, |flaw| format!(" ({flaw})")),
            Err(_) => " (broken)".to_owned(),
        };
        let bar = svg::Bar {
            label: format!("{}{flag}", line.label.name),
            value: wall.map_or(f64::NAN, |wall| wall.median),
            spread: wall.map(|wall| (wall.min, wall.max)),
            series: match line.label.kind {
                Kind::Ours => "lockline",
                Kind::Peer => "peers",
                Kind::Limit => "limits, which promise less",
            }
            .to_owned(),
        };
        if let Some(row) = rows.last_mut() {
            row.bars.push(bar);
        }
    }
    svg::bars("lockline beside its peers", subtitle, &rows, "ns per operation, over all threads")
}
