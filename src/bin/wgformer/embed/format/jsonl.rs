//! A JSON line per text.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::{Row, Rows};
use crate::output::Output;

pub(super) struct Jsonl {
    output: Output,
    per_token: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    index: usize,
    text: &'a str,
    tokens: usize,
    embedding: Embedding<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Embedding<'a> {
    One(&'a [f32]),
    PerToken(Vec<&'a [f32]>),
}

impl Jsonl {
    pub(super) fn create(path: Option<&Path>, per_token: bool) -> Result<Self> {
        Ok(Self {
            output: Output::create(path)?,
            per_token,
        })
    }
}

impl Rows for Jsonl {
    fn write(&mut self, row: &Row<'_>) -> Result<()> {
        let line = Line {
            index: row.index,
            text: row.text,
            tokens: row.tokens,
            embedding: if self.per_token {
                Embedding::PerToken(row.values.chunks(row.dimensions).collect())
            } else {
                Embedding::One(row.values)
            },
        };
        serde_json::to_writer(&mut self.output, &line).map_err(io::Error::from)?;
        Ok(self.output.write_all(b"\n")?)
    }

    fn finish(self: Box<Self>, _: usize) -> Result<()> {
        self.output.finish()
    }
}
