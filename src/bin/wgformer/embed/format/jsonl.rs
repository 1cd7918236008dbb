//! A JSON line per text, or per passage.

use std::io::Write;
use std::path::Path;

use serde::{Serialize, Serializer};
use wgformer::tasks::SparseEmbedder;

use super::{Kind, Row, Rows, Shape, Vector};
use crate::output::{Output, write_line};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<&'a str>,
    tokens: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
    #[serde(flatten)]
    made: Made<'a>,
}

/// What was made of a text, under a name for each kind.
#[derive(Serialize)]
enum Made<'a> {
    #[serde(rename = "embedding")]
    One(Vector<'a>),
    #[serde(rename = "embedding")]
    PerToken(Vec<Vector<'a>>),
    #[serde(rename = "embeddings")]
    Multi(Vec<Vector<'a>>),
    #[serde(rename = "sparse", serialize_with = "in_order")]
    Sparse(Vec<(String, f32)>),
}

/// A map in the order of its entries.
fn in_order<S: Serializer>(entries: &[(String, f32)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(entries.iter().map(|(token, weight)| (token, weight)))
}

impl Jsonl {
    pub(super) fn create(path: Option<&Path>, shape: Shape) -> anyhow::Result<Self> {
        Ok(Self {
            output: Output::create(path)?,
            shape,
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
        let Shape {
            per_token,
            precision,
            ..
        } = self.shape;
        let line = Line {
            index: row.index,
            start: row.place.as_ref().map(|place| place.start),
            end: row.place.as_ref().map(|place| place.end),
            text: row.text,
            pair: row.pair,
            tokens: row.tokens,
            cut: row.is_cut,
            made: match row.kind {
                Kind::Vectors(_) if per_token => Made::PerToken(row.vectors(precision).collect()),
                Kind::Vectors(_) => Made::One(precision.of(row.values)),
                Kind::Multi(_) => Made::Multi(row.vectors(precision).collect()),
                Kind::Sparse(embedder) => Made::Sparse(weights(row.values, embedder)),
            },
        };
        write_line(&mut self.output, &line)
    }

    fn rest(&mut self) -> anyhow::Result<()> {
        Ok(self.output.flush()?)
    }

    fn finish(self: Box<Self>, _: usize) -> anyhow::Result<()> {
        self.output.finish()
    }
}
