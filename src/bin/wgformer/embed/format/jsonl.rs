//! A JSON line per text.

use std::io::{self, Write};
use std::path::Path;

use serde::{Serialize, Serializer};
use wgformer::tasks::SparseEmbedder;

use super::{Kind, Row, Rows};
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
    #[serde(flatten)]
    made: Made<'a>,
}

/// What was made of a text, under a name for each kind.
#[derive(Serialize)]
enum Made<'a> {
    #[serde(rename = "embedding")]
    One(&'a [f32]),
    #[serde(rename = "embedding")]
    PerToken(Vec<&'a [f32]>),
    #[serde(rename = "embeddings")]
    Multi(Vec<&'a [f32]>),
    #[serde(rename = "sparse", serialize_with = "in_order")]
    Sparse(Vec<(String, f32)>),
}

/// A map in the order of its entries.
fn in_order<S: Serializer>(entries: &[(String, f32)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(entries.iter().map(|(token, weight)| (token, weight)))
}

impl Jsonl {
    pub(super) fn create(path: Option<&Path>, per_token: bool) -> anyhow::Result<Self> {
        Ok(Self {
            output: Output::create(path)?,
            per_token,
        })
    }
}

/// Tokens as the vocabulary writes them, with their weights.
fn weights(pairs: &[f32], embedder: &SparseEmbedder) -> Vec<(String, f32)> {
    let token = |id: u32| embedder.token(id).unwrap_or_else(|| id.to_string());
    let pairs = pairs.chunks_exact(2);
    pairs
        .map(|pair| (token(pair[0].to_bits()), pair[1]))
        .collect()
}

impl Rows for Jsonl {
    fn write(&mut self, row: &Row<'_>) -> anyhow::Result<()> {
        let line = Line {
            index: row.index,
            text: row.text,
            tokens: row.tokens,
            made: match row.kind {
                Kind::Vectors(dimensions) if self.per_token => {
                    Made::PerToken(row.values.chunks(dimensions).collect())
                }
                Kind::Vectors(_) => Made::One(row.values),
                Kind::Multi(dimensions) => Made::Multi(row.values.chunks(dimensions).collect()),
                Kind::Sparse(embedder) => Made::Sparse(weights(row.values, embedder)),
            },
        };
        serde_json::to_writer(&mut self.output, &line).map_err(io::Error::from)?;
        Ok(self.output.write_all(b"\n")?)
    }

    fn finish(self: Box<Self>, _: usize) -> anyhow::Result<()> {
        self.output.finish()
    }
}
