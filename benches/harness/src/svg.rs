//! Pictures for a report: bars and heat maps, written by hand as SVG.
//!
//! No library: a chart is some rectangles and text, and this way it has no dependency, no font file
//! and no surprise. Each picture brings its own light background, so it reads on a dark page too, and
//! reserves room for text by a width no common sans-serif font exceeds, because the viewer's font is
//! not known here.

use crate::stats::digits;
use std::fmt::Write as _;

/// One measured value with its label.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What was measured, at the left of the bar.
    pub label: String,
    /// The length. Not finite: the bar is left out and its value reads "not measured".
    pub value: f64,
    /// Smallest and largest, drawn as a whisker.
    pub spread: Option<(f64, f64)>,
    /// Bars of one series share a colour and a line in the legend. Empty: no line.
    pub series: String,
}

/// Bars under a common heading.
#[derive(Clone, Debug)]
pub struct Group {
    /// The heading; may be empty.
    pub title: String,
    /// In the order in which they are drawn.
    pub bars: Vec<Bar>,
}

/// Colours that stay apart for every common kind of colour blindness (Okabe and Ito).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const INK: &str = "#1f2328";
const FAINT: &str = "#59636e";
const GRID: &str = "#d8dee4";

/// Width of an average character, as a part of the font's size.
const CHARACTER: f64 = 0.62;
const MARGIN: f64 = 24.0;
/// Length of the axis, at least.
const PLOT: f64 = 440.0;
const ROW: f64 = 24.0;
const THICK: f64 = 14.0;
/// Where values differ by more than this, a linear axis would hide the small ones.
const LOGARITHMIC_FROM: f64 = 40.0;

/// Horizontal bars with whiskers, values at their ends, and a legend of the series.
///
/// The axis becomes logarithmic, and says so, when the largest value is over 40 times the smallest.
/// `subtitle` may have several lines.
pub fn bars(title: &str, subtitle: &str, groups: &[Group], unit: &str) -> String {
    let all = || groups.iter().flat_map(|group| &group.bars);
    let mut axis = Axis::over(all().flat_map(|bar| {
        let (low, high) = bar.spread.unwrap_or((bar.value, bar.value));
        [bar.value, low, high]
    }));
    let mut series: Vec<&str> = Vec::new();
    for bar in all() {
        if !bar.series.is_empty() && !series.contains(&bar.series.as_str()) {
            series.push(&bar.series);
        }
    }

    let labels = all().map(|bar| text_width(&bar.label, 13.0)).fold(60.0, f64::max);
    let values = all().map(|bar| text_width(&value_text(bar), 12.0)).fold(60.0, f64::max);
    let left = MARGIN + labels + 10.0;
    let beside = left + 10.0 + values + MARGIN;
    let lines = subtitle.lines().map(|line| text_width(line, 12.0));
    let width = lines.fold(text_width(title, 18.0), f64::max) + 2.0 * MARGIN;
    axis.length = (width - beside).max(PLOT);
    let width = beside + axis.length;

    let mut body = String::new();
    let mut y = heading(&mut body, title, subtitle);
    y = legend(&mut body, &series, y, width);
    let mut rows = String::new();
    for group in groups {
        if !group.title.is_empty() {
            y += 26.0;
            text(&mut rows, MARGIN, y - 6.0, 13.0, "start", INK, true, &group.title);
        }
        let top = y;
        for bar in &group.bars {
            bar_row(&mut rows, bar, &axis, left, y, &series);
            y += ROW;
        }
        // A group at a time, so that no line crosses a heading; and before the bars, so below them.
        axis.grid(&mut body, left, top, y);
        y += 6.0;
    }
    axis.labels(&mut rows, left, y, unit);
    body.push_str(&rows);
    document(width, y + 50.0, title, &body)
}

/// A matrix in colour: `matrix[row][column]`, `None` where there is nothing to show.
///
/// Cells carry their value while there is room for it, up to 20 rows; beyond that only the colour.
pub fn heatmap(title: &str, labels: &[String], matrix: &[Vec<Option<f64>>], unit: &str) -> String {
    let finite = || matrix.iter().flatten().flatten().copied().filter(|value| value.is_finite());
    let (low, high) = finite()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
    let cell = match labels.len() {
        0..=10 => 52.0,
        11..=20 => 40.0,
        _ => 18.0,
    };
    let size = if cell > 50.0 { 13.0 } else { 11.0 };
    let label = if cell > 20.0 { 12.0 } else { 10.0 };

    let gutter = labels.iter().map(|l| text_width(l, label)).fold(20.0, f64::max);
    // Labels wider than a cell stand upright above their columns.
    let upright = gutter > cell - 4.0;
    let left = MARGIN + gutter + 8.0;
    let height = cell * count(labels.len());
    let mut body = String::new();
    let top = heading(&mut body, title, "") + if upright { gutter + 8.0 } else { 20.0 };

    for (i, name) in labels.iter().enumerate() {
        let middle = (count(i) + 0.5) * cell;
        text(&mut body, left - 8.0, top + middle + 4.0, label, "end", FAINT, false, name);
        let (x, y) = (left + middle, top - 8.0);
        if upright {
            let _ = write!(body, r#"<g transform="rotate(-90 {x:.1} {y:.1})">"#);
            text(&mut body, x, y + 4.0, label, "start", FAINT, false, name);
            body.push_str("</g>\n");
        } else {
            text(&mut body, x, y, label, "middle", FAINT, false, name);
        }
    }
    for (row, values) in matrix.iter().enumerate() {
        for (column, value) in values.iter().enumerate() {
            let (x, y) = (left + count(column) * cell, top + count(row) * cell);
            let value = value.filter(|value| value.is_finite());
            let (fill, ink) = value.map_or(("#f0f2f4".into(), FAINT), |value| {
                // With all values alike there is no low end to be at.
                heat(if high > low { (value - low) / (high - low) } else { 0.0 })
            });
            let inner = cell - 1.0;
            let _ = writeln!(
                body,
                r#"<rect x="{x:.1}" y="{y:.1}" width="{inner:.1}" height="{inner:.1}" fill="{fill}"/>"#
            );
            if cell > 20.0 {
                let shown = value.map_or_else(|| "·".into(), digits);
                let (x, y) = (x + inner / 2.0, y + inner / 2.0 + 4.0);
                text(&mut body, x, y, size, "middle", ink, false, &shown);
            }
        }
    }

    let mut y = top + height + 22.0;
    let _ = write!(body, r#"<defs><linearGradient id="scale">"#);
    for step in 0..=8 {
        let at = count(step) / 8.0;
        let _ = write!(body, r#"<stop offset="{at:.3}" stop-color="{}"/>"#, heat(at).0);
    }
    body.push_str("</linearGradient></defs>\n");
    let (from, to) = (format!("{} {unit}", digits(low)), format!("{} {unit}", digits(high)));
    let bar = left + text_width(&from, 12.0) + 8.0;
    text(&mut body, left, y + 10.0, 12.0, "start", FAINT, false, &from);
    let _ = writeln!(
        body,
        r#"<rect x="{bar:.1}" y="{y:.1}" width="140" height="12" fill="url(#scale)"/>"#
    );
    text(&mut body, bar + 148.0, y + 10.0, 12.0, "start", FAINT, false, &to);
    y += 12.0;
    let width = (left + height + MARGIN)
        .max(bar + 148.0 + text_width(&to, 12.0) + MARGIN)
        .max(text_width(title, 18.0) + 2.0 * MARGIN);
    document(width, y + MARGIN, title, &body)
}

/// Maps values to places on a line.
struct Axis {
    length: f64,
    logarithmic: bool,
    from: f64,
    to: f64,
    ticks: Vec<f64>,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite() && *value > 0.0)
            .fold((f64::INFINITY, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
        if high == 0.0 {
            return Self {
                length: PLOT,
                logarithmic: false,
                from: 0.0,
                to: 1.0,
                ticks: vec![0.0, 1.0],
            };
        }
        if high / low > LOGARITHMIC_FROM {
            // A bar must have some length at the smallest value too.
            let from = 10_f64.powf((low * 0.8).log10().floor());
            let decades = (high / from).log10();
            let between: &[f64] = if decades > 4.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
            let mut ticks = Vec::new();
            let mut power = from;
            while power <= high {
                ticks.extend(between.iter().map(|factor| factor * power));
                power *= 10.0;
            }
            return Self { length: PLOT, logarithmic: true, from, to: high, ticks };
        }
        // The largest of 1, 2, 5 times a power of ten that gives at least four steps.
        let power = 10_f64.powf((high / 4.0).log10().floor());
        let step = [5.0, 2.0, 1.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| high / step >= 4.0)
            .unwrap_or(power);
        let mut ticks = vec![0.0];
        while let Some(last) = ticks.last().copied().filter(|last| last + step <= high * 1.001) {
            ticks.push(last + step);
        }
        Self { length: PLOT, logarithmic: false, from: 0.0, to: high, ticks }
    }

    fn place(&self, value: f64) -> f64 {
        if !value.is_finite() || value <= self.from {
            return 0.0;
        }
        let part = if self.logarithmic {
            (value / self.from).log10() / (self.to / self.from).log10()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        part.clamp(0.0, 1.0) * self.length
    }

    /// The ticks as far as the axis goes.
    fn shown(&self) -> impl Iterator<Item = f64> {
        self.ticks.iter().copied().filter(|tick| *tick <= self.to * 1.001)
    }

    fn grid(&self, out: &mut String, left: f64, top: f64, bottom: f64) {
        for tick in self.shown() {
            let x = left + self.place(tick);
            let _ = writeln!(
                out,
                r#"<line x1="{x:.1}" y1="{top:.1}" x2="{x:.1}" y2="{bottom:.1}" stroke="{GRID}"/>"#
            );
        }
    }

    fn labels(&self, out: &mut String, left: f64, y: f64, unit: &str) {
        for tick in self.shown() {
            let label = if tick.fract() == 0.0 && tick < 1e6 {
                format!("{tick:.0}")
            } else {
                format!("{}", (tick * 1e6).round() / 1e6)
            };
            let x = left + self.place(tick);
            text(out, x, y + 12.0, 11.0, "middle", FAINT, false, &label);
        }
        let scale = if self.logarithmic { ", logarithmic" } else { "" };
        let caption = format!("{unit}{scale}");
        text(out, left + self.length / 2.0, y + 32.0, 12.0, "middle", FAINT, false, &caption);
    }
}

fn bar_row(out: &mut String, bar: &Bar, axis: &Axis, left: f64, y: f64, series: &[&str]) {
    let middle = y + ROW / 2.0;
    text(out, left - 10.0, middle + 4.0, 13.0, "end", INK, false, &bar.label);
    let length = axis.place(bar.value);
    let mut end = left + length;
    if bar.value.is_finite() {
        let colour = series.iter().position(|name| *name == bar.series).unwrap_or(0);
        let fill = COLOURS[colour % COLOURS.len()];
        let (top, length) = (middle - THICK / 2.0, length.max(1.0));
        let _ = writeln!(
            out,
            r#"<rect x="{left:.1}" y="{top:.1}" width="{length:.1}" height="{THICK}" rx="1.5" fill="{fill}"/>"#
        );
        if let Some((low, high)) = bar.spread.filter(|(l, h)| l.is_finite() && h.is_finite()) {
            let (low, high) = (left + axis.place(low), left + axis.place(high));
            let (above, below) = (middle - 4.0, middle + 4.0);
            let _ = writeln!(
                out,
                r#"<path d="M{low:.1} {above:.1}V{below:.1}M{low:.1} {middle:.1}H{high:.1}M{high:.1} {above:.1}V{below:.1}" stroke="{INK}" fill="none"/>"#
            );
            end = end.max(high);
        }
    }
    text(out, end + 8.0, middle + 4.0, 12.0, "start", INK, false, &value_text(bar));
}

fn value_text(bar: &Bar) -> String {
    if bar.value.is_finite() { digits(bar.value) } else { "not measured".into() }
}

/// Writes the title and returns where the rest begins.
fn heading(out: &mut String, title: &str, subtitle: &str) -> f64 {
    text(out, MARGIN, 36.0, 18.0, "start", INK, true, title);
    let mut y = 52.0;
    for line in subtitle.lines() {
        text(out, MARGIN, y + 4.0, 12.0, "start", FAINT, false, line);
        y += 18.0;
    }
    y
}

fn legend(out: &mut String, series: &[&str], y: f64, width: f64) -> f64 {
    if series.is_empty() {
        return y;
    }
    let (mut x, mut y) = (MARGIN, y + 6.0);
    for (i, name) in series.iter().enumerate() {
        let needed = 18.0 + text_width(name, 12.0) + 18.0;
        if x > MARGIN && x + needed > width - MARGIN {
            (x, y) = (MARGIN, y + 18.0);
        }
        let fill = COLOURS[i % COLOURS.len()];
        let _ = writeln!(
            out,
            r#"<rect x="{x:.1}" y="{y:.1}" width="12" height="12" rx="1.5" fill="{fill}"/>"#
        );
        text(out, x + 18.0, y + 10.0, 12.0, "start", INK, false, name);
        x += needed;
    }
    y + 22.0
}

fn document(width: f64, height: f64, title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" font-family="'DejaVu Sans', Verdana, 'Segoe UI', Helvetica, Arial, sans-serif" role="img">
<title>{title}</title>
<rect x="0.5" y="0.5" width="{:.1}" height="{:.1}" rx="6" fill="#ffffff" stroke="{GRID}"/>
{body}</svg>
"##,
        width.round() - 1.0,
        height.round() - 1.0,
    )
}

#[allow(clippy::too_many_arguments, reason = "what a text element has")]
fn text(
    out: &mut String,
    x: f64,
    y: f64,
    size: f64,
    anchor: &str,
    fill: &str,
    bold: bool,
    content: &str,
) {
    let weight = if bold { r#" font-weight="600""# } else { "" };
    let content = escape(content);
    let _ = writeln!(
        out,
        r#"<text x="{x:.1}" y="{y:.1}" font-size="{size}" text-anchor="{anchor}" fill="{fill}"{weight}>{content}</text>"#
    );
}

fn text_width(text: &str, size: f64) -> f64 {
    count(text.chars().count()) * size * CHARACTER
}

#[allow(clippy::cast_precision_loss, reason = "counts of labels and rows")]
fn count(n: usize) -> f64 {
    n as f64
}

/// A colour between light yellow at 0 and dark violet at 1, and the ink that reads on it.
fn heat(part: f64) -> (String, &'static str) {
    const STOPS: [[f64; 3]; 4] =
        [[254.0, 246.0, 213.0], [250.0, 176.0, 96.0], [190.0, 56.0, 106.0], [58.0, 15.0, 90.0]];
    let (mut part, mut stop) = (part.clamp(0.0, 1.0) * 3.0, 0);
    while part > 1.0 && stop < 2 {
        (part, stop) = (part - 1.0, stop + 1);
    }
    let part = part.min(1.0);
    let mix = |channel: usize| {
        let (from, to) = (STOPS[stop][channel], STOPS[stop + 1][channel]);
        (from + (to - from) * part).round()
    };
    let (red, green, blue) = (mix(0), mix(1), mix(2));
    let bright = 0.299 * red + 0.587 * green + 0.114 * blue;
    (format!("rgb({red},{green},{blue})"), if bright > 140.0 { INK } else { "#ffffff" })
}

/// Text as XML takes it. Control characters, which XML has no way to write, become spaces.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
