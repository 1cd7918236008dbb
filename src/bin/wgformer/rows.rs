//! A table that is written row by row, as its rows come: nothing is kept of it, so columns are as wide as what may come.

use std::io::Write;

use anyhow::Result;

use crate::output::Output;

pub(crate) struct Rows {
    columns: Vec<Column>,
    /// What stands above the last column.
    last: &'static str,
    is_empty: bool,
}

/// A column but the last one.
pub(crate) struct Column {
    pub(crate) header: &'static str,
    /// In characters; what is wider moves the rest of its row.
    pub(crate) width: usize,
    pub(crate) is_number: bool,
}

impl Column {
    /// Of numbers.
    pub(crate) fn number(header: &'static str, width: usize) -> Self {
        Self {
            header,
            width,
            is_number: true,
        }
    }

    /// Of words.
    pub(crate) fn words(header: &'static str, width: usize) -> Self {
        Self {
            header,
            width,
            is_number: false,
        }
    }

    /// Of the places of so many texts, counted from 1.
    pub(crate) fn places(header: &'static str, total: Option<u64>) -> Self {
        Self::number(header, total.map_or(7, |total| total.to_string().len()))
    }

    fn cell(&self, text: &str) -> String {
        let width = self.width.max(self.header.len());
        if self.is_number {
            format!("{text:>width$}")
        } else {
            format!("{text:<width$}")
        }
    }
}

impl Rows {
    /// `last`: the header of the last column, which is words as long as they are.
    pub(crate) fn new(columns: Vec<Column>, last: &'static str) -> Self {
        Self {
            columns,
            last,
            is_empty: true,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// A row, and before the first one the header.
    pub(crate) fn write(&mut self, output: &mut Output, row: &[String]) -> Result<()> {
        if self.is_empty {
            self.is_empty = false;
            let header = self.columns.iter().map(|column| column.header);
            let header: Vec<String> = header.chain([self.last]).map(str::to_owned).collect();
            self.write_cells(output, &header)?;
        }
        self.write_cells(output, row)
    }

    fn write_cells(&self, output: &mut Output, row: &[String]) -> Result<()> {
        let cells = self.columns.iter().zip(row);
        let cells = cells.map(|(column, text)| column.cell(text));
        let cells: Vec<String> = cells.chain(row.last().cloned()).collect();
        let line = format!(" {}", cells.join("  "));
        writeln!(output, "{}", line.trim_end())?;
        Ok(())
    }
}
