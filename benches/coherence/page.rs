//! The page.

use crate::{
    beside,
    cases::{AGAIN, FIRST, PACKED},
    cores, counters,
    layouts::{LAYOUTS, Op, transfer_id},
    picture,
    samples::Samples,
};
use lockline_harness::{
    machine::{self, Load, Machine},
    pin,
    report::Table,
    stats::{Spread, digits},
    verdict::{self, Evidence, Verdict},
};
use std::{fmt::Write as _, io, path::PathBuf};

pub(crate) struct Page<'a> {
    samples: &'a Samples,
    load: Load,
    quick: bool,
    machine: Machine,
    verdict: Verdict,
    /// Nanoseconds of one line transfer, between the two cores that all pairs of threads run on.
    transfer: Option<f64>,
}

impl<'a> Page<'a> {
    pub(crate) fn new(samples: &'a Samples, load: Load, quick: bool) -> Self {
        let together = [FIRST, PACKED, AGAIN]
            .into_iter()
            .filter_map(|case| samples.together(case))
            .fold(f64::INFINITY, f64::min);
        let verdict = verdict::verdict(&Evidence {
            packed: &samples.ns(PACKED),
            padded: &samples.ns(FIRST),
            first: &samples.ns(FIRST),
            again: &samples.ns(AGAIN),
            together,
            cores: pin::cores().len(),
            pinned: samples.pinned(),
        });
        let transfer = match cores::ordered()[..] {
            [a, b, ..] => samples.spread(&transfer_id(a, b)).map(|spread| spread.median),
            _ => None,
        };
        Self { samples, load, quick, machine: machine::describe(), verdict, transfer }
    }

    /// Names of files, and what goes into them.
    pub(crate) fn pictures(&self) -> Vec<(&'static str, String)> {
        let subtitle = format!(
            "{}, {} cores, {}\n{}",
            self.machine.cpu,
            self.machine.cores.len(),
            self.machine.date,
            self.verdict
        );
        let bars = ("coherence.svg", picture::bars(self.samples, &subtitle));
        let heatmap = picture::heatmap(self.samples).map(|svg| ("coherence-cores.svg", svg));
        [Some(bars), heatmap].into_iter().flatten().collect()
    }

    pub(crate) fn print(&self, pictures: &[PathBuf], mut to: impl io::Write) -> io::Result<()> {
        let mut page = String::new();
        // Writing to a string cannot fail.
        let _ = self.text(&mut page, pictures);
        to.write_all(page.as_bytes())?;
        to.flush()
    }

    fn text(&self, page: &mut String, pictures: &[PathBuf]) -> std::fmt::Result {
        writeln!(page, "# What cache coherence costs on this machine\n")?;
        writeln!(page, "**{}**\n", sentence(&self.verdict))?;
        if let (Verdict::Saves(_), Some(packed), Some(padded)) =
            (&self.verdict, self.samples.spread(PACKED), self.samples.spread(FIRST))
        {
            writeln!(
                page,
                "Two threads each add to a word of their own: {packed:#} ns an addition with both words in \
                 one line, {padded:#} ns padded.\n"
            )?;
        }
        if let Some(warning) = self.load.warning() {
            writeln!(page, "> {warning}\n")?;
        }
        if self.quick {
            writeln!(
                page,
                "> a quick run, with little time for each row: for a look, not to be quoted\n"
            )?;
        }
        if cfg!(debug_assertions) {
            writeln!(
                page,
                "> built without optimisation, as for a test: these figures mean nothing\n"
            )?;
        }
        writeln!(page, "{}\n", self.machine)?;
        writeln!(
            page,
            "Times are nanoseconds per operation, as median (smallest–largest). *Transfers* are the time \
             divided by that of moving one line: about 1 where each operation fetches a line, about 0 \
             where none does. *Together* is the share of time for which all threads ran.\n"
        )?;
        self.transfers(page)?;
        self.layouts(page)?;
        self.reader_and_writer(page)?;
        self.counters(page)?;
        self.primitives(page)?;
        for picture in pictures {
            writeln!(page, "Picture: {}", picture.display())?;
        }
        Ok(())
    }

    fn transfers(&self, page: &mut String) -> std::fmt::Result {
        let mut cores = cores::paired();
        cores.sort_unstable();
        let matrix = picture::matrix(self.samples, &cores);
        if matrix.iter().flatten().all(Option::is_none) {
            return Ok(());
        }
        writeln!(page, "## Moving one line between two cores\n")?;
        let mut table = Table::new().right("one way, ns");
        for core in &cores {
            table = table.right(&format!("core {core}"));
        }
        for (core, row) in cores.iter().zip(&matrix) {
            let cells = row.iter().map(|cost| cost.map_or("·".to_owned(), digits));
            table.row([format!("core {core}")].into_iter().chain(cells));
        }
        writeln!(page, "{}", table.markdown())?;
        let all = self.machine.cores.len();
        if cores.len() < all {
            writeln!(page, "{} of {all} cores, evenly chosen.\n", cores.len())?;
        }
        let siblings: Vec<_> = cores::pairs(&cores)
            .into_iter()
            .filter(|&(a, b)| cores::are_siblings(a, b))
            .map(|(a, b)| format!("{a} and {b}"))
            .collect();
        if !siblings.is_empty() {
            writeln!(
                page,
                "Threads of one core, which share its caches: {}.\n",
                siblings.join(", ")
            )?;
        }
        if let [a, b, ..] = cores::ordered()[..] {
            if let Some(spread) = self.samples.spread(&transfer_id(a, b)) {
                writeln!(
                    page,
                    "All that follows with two threads runs on cores {a} and {b}: {spread} ns a transfer.\n"
                )?;
            }
        }
        Ok(())
    }

    fn layouts(&self, page: &mut String) -> std::fmt::Result {
        let mut table = Table::new().left("the two words are");
        for op in ["`fetch_add`, ns", "store, ns"] {
            table = table.right(op).right("transfers").right("together");
        }
        let ids = LAYOUTS.iter().map(|layout| (layout.id, layout.name));
        for (id, name) in [("alone", "(one thread alone)")].into_iter().chain(ids) {
            let cells = [Op::Rmw, Op::Store].into_iter().flat_map(|op| {
                let case = format!("{}/{id}", op.id());
                [self.time(&case), self.moved(&case), self.together(&case)]
            });
            Self::row(&mut table, name, cells);
        }
        if table.is_empty() {
            return Ok(());
        }
        writeln!(page, "## Two threads, a word for each\n\n{}", table.markdown())?;
        writeln!(
            page,
            "A plain store costs less than the line it needs: it waits for the line in the core's store \
             buffer while the core goes on, and all stores that have gathered there leave at one visit of \
             the line. A read-modify-write must have the line before it can finish.\n"
        )
    }

    fn reader_and_writer(&self, page: &mut String) -> std::fmt::Result {
        let case = |layout: &str, side: &str| format!("reader and writer/{layout}/{side}");
        let mut table = Table::new().left("the two words are");
        for side in ["a read, ns", "`fetch_add` beside it, ns"] {
            table = table.right(side).right("transfers");
        }
        table = table.right("together");
        for layout in &LAYOUTS {
            let [reader, writer] = ["reader", "writer"].map(|side| case(layout.id, side));
            let cells = [
                self.time(&reader),
                self.moved(&reader),
                self.time(&writer),
                self.moved(&writer),
                self.together(&reader),
            ];
            Self::row(&mut table, layout.name, cells);
        }
        if table.is_empty() {
            return Ok(());
        }
        writeln!(page, "## One thread reads, the other adds\n\n{}", table.markdown())?;
        writeln!(
            page,
            "The reader changes nothing, and both pay: a line that is read elsewhere must be fetched back \
             before it is written again.\n"
        )
    }

    fn counters(&self, page: &mut String) -> std::fmt::Result {
        let (threads, ways) = (cores::thread_counts(), counters::ways());
        let cores = self.machine.cores.len();
        let mut table = Table::new().left("ns of a core's time for each addition").right("bytes");
        for &threads in &threads {
            let plural = if threads == 1 { "" } else { "s" };
            let shared = if threads > cores { ", sharing cores" } else { "" };
            table = table.right(&format!("{threads} thread{plural}{shared}"));
        }
        for way in &ways {
            let bytes = match u32::try_from(way.bytes) {
                Ok(bytes) if bytes > 99 => digits(f64::from(bytes)),
                _ => way.bytes.to_string(),
            };
            let times: Vec<_> =
                threads.iter().map(|&threads| self.time(&way.id(threads))).collect();
            if times.iter().any(|time| time != MISSING) {
                table.row([way.name.clone(), bytes].into_iter().chain(times));
            }
        }
        if table.is_empty() {
            return Ok(());
        }
        writeln!(page, "## Counting\n\n{}", table.markdown())?;
        writeln!(
            page,
            "A row that stays flat scales: twice the cores count twice as much. What padding costs is in \
             the second column. Of a `Counter`'s bytes, only 128 for each thread that counts are touched.\n"
        )
    }

    fn primitives(&self, page: &mut String) -> std::fmt::Result {
        let mut table =
            Table::new().left("primitive").left("packed").right("ns").right("transfers");
        table = table.left("padded").right("ns").right("transfers").right("saves");
        for beside in &beside::pairs() {
            let [packed, padded] = beside.ids();
            let saves = self.samples.spread(&packed).zip(self.samples.spread(&padded));
            let cells = [
                beside.packed.to_owned(),
                self.time(&packed),
                self.moved(&packed),
                beside.padded.to_owned(),
                self.time(&padded),
                self.moved(&padded),
                saves.map_or(MISSING.to_owned(), |(packed, padded)| self.saving(&packed, &padded)),
            ];
            if saves.is_some() {
                table.row([beside.primitive.to_owned()].into_iter().chain(cells));
            }
        }
        if table.is_empty() {
            return Ok(());
        }
        let title = "## Each primitive, packed beside padded, two threads";
        writeln!(page, "{title}\n\n{}\n{}\n", table.markdown(), beside::NOTE)
    }

    /// Adds a row, unless a filter has left nothing of it.
    fn row(table: &mut Table, name: &str, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<_> = cells.into_iter().collect();
        if cells.iter().any(|cell| cell != MISSING) {
            table.row([name.to_owned()].into_iter().chain(cells));
        }
    }

    fn time(&self, case: &str) -> String {
        self.samples.spread(case).map_or(MISSING.to_owned(), |spread| spread.to_string())
    }

    fn moved(&self, case: &str) -> String {
        let moved = self.samples.spread(case).zip(self.transfer);
        moved.map_or(MISSING.to_owned(), |(spread, transfer)| {
            // Two digits after the point: below that a transfer is an accident.
            format!("{:.2}", spread.median / transfer)
        })
    }

    fn together(&self, case: &str) -> String {
        let share = self.samples.together(case);
        share.map_or(MISSING.to_owned(), |share| format!("{:.0} %", (share * 100.0).floor()))
    }

    /// A ratio, where the machine allows one.
    fn saving(&self, packed: &Spread, padded: &Spread) -> String {
        match self.verdict {
            Verdict::Saves(_) => format!("{}×", digits(packed.median / padded.median)),
            Verdict::Inconclusive(_) => "inconclusive".to_owned(),
        }
    }
}

/// What a filter left out.
const MISSING: &str = "–";

fn sentence(verdict: &Verdict) -> String {
    let text = verdict.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
