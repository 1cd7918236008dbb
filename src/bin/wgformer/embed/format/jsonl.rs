//! A JSON line per text, or per passage.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::{Row, Rows, Shape, Vector};
use crate::output::Output;

pub(super) struct Jsonl {
    output: Output,
    shape: Shape,
}

#[derive(Serialize)]
struct Line<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<usize>,
    text: &'a str,
    tokens: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
    embedding: Embedding<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Embedding<'a> {
    One(Option<Vector<'a>>),
    PerToken(Vec<Vector<'a>>),
}

impl Jsonl {
    pub(super) fn create(path: Option<&Path>, shape: Shape) -> Result<Self> {
        Ok(Self {
            output: Output::create(path)?,
            shape,
        })
    }
}

impl Rows for Jsonl {
    fn write(&mut self, row: &Row<'_>) -> Result<()> {
        let mut vectors = row.vectors(self.shape.precision);
        let line = Line {
            index: row.index,
            start: row.place.as_ref().map(|place| place.start),
            end: row.place.as_ref().map(|place| place.end),
            text: row.text,
            tokens: row.tokens,
            cut: row.is_cut,
            embedding: if self.shape.per_token {
                Embedding::PerToken(vectors.collect())
            } else {
                Embedding::One(vectors.next())
            },
        };
        serde_json::to_writer(&mut self.output, &line).map_err(io::Error::from)?;
        Ok(self.output.write_all(b"\n")?)
    }

    fn finish(self: Box<Self>, _: usize) -> Result<()> {
        self.output.finish()
    }
}
