//! A table, as Markdown for people and as CSV for programs.

use std::fmt::Write as _;

/// Which way a column leans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// Rows of text under named columns.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// No columns and no rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column of words.
    #[must_use]
    pub fn left(self, name: &str) -> Self {
        self.column(name, Align::Left)
    }

    /// Adds a column of figures.
    #[must_use]
    pub fn right(self, name: &str) -> Self {
        self.column(name, Align::Right)
    }

    /// Adds a column.
    #[must_use]
    pub fn column(mut self, name: &str, align: Align) -> Self {
        self.columns.push((name.to_owned(), align));
        self
    }

    /// Adds a row.
    ///
    /// # Panics
    ///
    /// If it has more or fewer cells than there are columns.
    #[track_caller]
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        assert_eq!(cells.len(), self.columns.len(), "cells and columns: {cells:?}");
        self.rows.push(cells);
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As a Markdown table, its columns aligned so that it can be read unrendered too.
    pub fn markdown(&self) -> String {
        let clean = |cell: &str| cell.replace('|', "\\|").replace('\n', " ");
        let head: Vec<_> = self.columns.iter().map(|(name, _)| clean(name)).collect();
        let rows: Vec<Vec<_>> =
            self.rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| &row[column]).chain([&head[column]]);
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(2)
        };
        let widths: Vec<_> = (0..head.len()).map(width).collect();

        let mut text = String::new();
        let mut line = |cells: &[String]| {
            for ((cell, (_, align)), width) in cells.iter().zip(&self.columns).zip(&widths) {
                let gap = " ".repeat(width - cell.chars().count());
                let (before, after) = match align {
                    Align::Left => ("", gap.as_str()),
                    Align::Right => (gap.as_str(), ""),
                };
                text.extend(["| ", before, cell, after, " "]);
            }
            text.push_str("|\n");
        };
        line(&head);
        let rule = |(width, (_, align)): (&usize, &(_, Align))| match align {
            Align::Left => "-".repeat(*width),
            Align::Right => "-".repeat(width - 1) + ":",
        };
        line(&widths.iter().zip(&self.columns).map(rule).collect::<Vec<_>>());
        for row in &rows {
            line(row);
        }
        text
    }

    /// As CSV (RFC 4180, but with bare newlines), its first line the columns' names.
    pub fn csv(&self) -> String {
        let head: Vec<_> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let mut text = String::new();
        for row in std::iter::once(&head).chain(&self.rows) {
            for (index, cell) in row.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                // Writing to a string cannot fail.
                let _ = if cell.contains([',', '"', '\n', '\r']) {
                    write!(text, "{comma}\"{}\"", cell.replace('"', "\"\""))
                } else {
                    write!(text, "{comma}{cell}")
                };
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new().left("case").right("ns");
        table.row(["one, shared", "22"]);
        table.row(["a|b “ü”", "1,234"]);
        table
    }

    #[test]
    fn markdown_is_aligned_and_escaped() {
        let expected = "\
| case        |    ns |
| ----------- | ----: |
| one, shared |    22 |
| a\\|b “ü”    | 1,234 |
";
        assert_eq!(sample().markdown(), expected);
    }

    #[test]
    fn csv_is_quoted_where_it_must() {
        let mut table = sample();
        table.row(["say \"no\"\n", "3"]);
        let expected = "case,ns\n\"one, shared\",22\na|b “ü”,\"1,234\"\n\"say \"\"no\"\"\n\",3\n";
        assert_eq!(table.csv(), expected);
    }

    #[test]
    #[should_panic(expected = "cells and columns")]
    fn a_row_fits_its_columns() {
        sample().row(["alone"]);
    }
}
