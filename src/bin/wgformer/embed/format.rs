//! What `embed` writes.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use wgformer::tasks::Embedding;

use super::Format;
use super::npy::Npy;
use crate::output::Output;

/// A JSON line per text, or one array at the end.
pub(super) struct Writer {
    output: Output,
    npy: Option<Npy>,
    per_token: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    index: usize,
    text: &'a str,
    tokens: usize,
    embedding: Vectors<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vectors<'a> {
    One(&'a [f32]),
    PerToken(Vec<&'a [f32]>),
}

impl Writer {
    pub(super) fn create(format: Format, path: Option<&Path>, per_token: bool) -> Result<Self> {
        let npy = match format {
            Format::Jsonl => None,
            Format::Npy => Some(Npy::create(path, per_token)?),
        };
        Ok(Self {
            output: Output::create(path)?,
            npy,
            per_token,
        })
    }

    pub(super) fn write(
        &mut self,
        index: usize,
        text: &str,
        embedding: &Embedding,
        hidden: usize,
    ) -> Result<()> {
        if let Some(npy) = &mut self.npy {
            return npy.write(embedding);
        }
        let values = &embedding.values[..];
        let embedding_values = if self.per_token {
            Vectors::PerToken(values.chunks(hidden).collect())
        } else {
            Vectors::One(values)
        };
        let line = Line {
            index,
            text,
            tokens: embedding.tokens,
            embedding: embedding_values,
        };
        serde_json::to_writer(&mut self.output, &line).map_err(io::Error::from)?;
        Ok(self.output.write_all(b"\n")?)
    }

    pub(super) fn finish(self, hidden: usize) -> Result<()> {
        match self.npy {
            Some(npy) => npy.finish(self.output, hidden),
            None => self.output.finish(),
        }
    }
}
