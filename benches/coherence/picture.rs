//! The pictures: bars of the whole page, and a heat map where there are more than two cores.

use crate::{
    beside, cores, counters,
    layouts::{LAYOUTS, Op, transfer_id},
    samples::Samples,
};
use lockline_harness::svg::{self, Bar, Group};

const SHARED: &str = "a line shared";
const APART: &str = "lines apart";

fn bar(samples: &Samples, case: &str, label: &str, series: &str) -> Option<Bar> {
    let spread = samples.spread(case)?;
    Some(Bar {
        label: label.replace('`', ""),
        value: spread.median,
        spread: Some((spread.min, spread.max)),
        series: series.to_owned(),
    })
}

/// Bars for every table, in the order of the page.
pub(crate) fn bars(samples: &Samples, subtitle: &str) -> String {
    // 64 bytes apart is apart wherever lines have 64 bytes: the point of the row is to show it.
    let series = |layout: usize| if layout < 2 { SHARED } else { APART };
    let mut groups = Vec::new();
    let mut group = |title: &str, bars: Vec<Bar>| {
        if !bars.is_empty() {
            groups.push(Group { title: title.to_owned(), bars });
        }
    };
    let layouts = |case: &dyn Fn(&str) -> String| {
        let each = |(at, layout): (usize, &crate::layouts::Layout)| {
            bar(samples, &case(layout.id), layout.name, series(at))
        };
        LAYOUTS.iter().enumerate().filter_map(each).collect::<Vec<_>>()
    };
    for (op, title) in [
        (Op::Rmw, "Two threads, each adding to its word by fetch_add"),
        (Op::Store, "Two threads, each storing to its word"),
    ] {
        let mut bars = layouts(&|layout| format!("{}/{layout}", op.id()));
        let alone = bar(samples, &format!("{}/alone", op.id()), "(one thread alone)", APART);
        bars.splice(..0, alone);
        group(title, bars);
    }
    for (side, title) in
        [("reader", "A reader beside a writer"), ("writer", "The writer beside that reader")]
    {
        group(title, layouts(&|layout| format!("reader and writer/{layout}/{side}")));
    }
    let threads = cores::thread_counts();
    // As many threads as cores, or the most below that.
    let most = threads.iter().rev().nth(1).or(threads.last()).copied().unwrap_or(1);
    let ways = counters::ways();
    let counted = ways.iter().enumerate().filter_map(|(at, way)| {
        // The atomic, and the stripes that lie side by side.
        let series = if at == 1 || at == 2 { SHARED } else { APART };
        bar(samples, &way.id(most), &way.name, series)
    });
    group(&format!("Counting with {most} threads"), counted.collect());
    let pairs = beside::pairs();
    let primitives = pairs.iter().flat_map(|beside| {
        let [packed, padded] = beside.ids();
        let name = |what| format!("{}, {what}", beside.primitive);
        [
            bar(samples, &packed, &name("packed"), SHARED),
            bar(samples, &padded, &name("padded"), APART),
        ]
    });
    group("Primitives, packed and padded, two threads", primitives.flatten().collect());
    svg::bars("What cache coherence costs", subtitle, &groups, "ns per operation and thread")
}

/// The cost of a line between each two cores.
pub(crate) fn matrix(samples: &Samples, cores: &[usize]) -> Vec<Vec<Option<f64>>> {
    let cost = |a: usize, b: usize| {
        let measured = |a, b| samples.spread(&transfer_id(a, b));
        measured(a, b).or_else(|| measured(b, a)).map(|spread| spread.median)
    };
    cores.iter().map(|&a| cores.iter().map(|&b| cost(a, b)).collect()).collect()
}

/// The heat map, with more than two cores.
pub(crate) fn heatmap(samples: &Samples) -> Option<String> {
    let cores = {
        let mut cores = cores::paired();
        cores.sort_unstable();
        cores
    };
    let matrix = matrix(samples, &cores);
    let labels: Vec<_> = cores.iter().map(usize::to_string).collect();
    (cores.len() > 2 && matrix.iter().flatten().any(Option::is_some))
        .then(|| svg::heatmap("One line, one way, between each two cores", &labels, &matrix, "ns"))
}
