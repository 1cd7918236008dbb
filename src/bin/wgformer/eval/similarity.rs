//! How alike two texts are: the model's measure of their vectors beside what people said.

use anyhow::Result;
use wgformer::Embedder;
use wgformer::evaluation::{pearson, spearman};
use wgformer::index::Metric;
use wgformer::tasks::{EmbedderOptions, cosine};

use super::report::{Found, Report, Similarity};
use super::{Arguments, Run, timed, watched};
use crate::overflow::unsplit;

pub(super) fn measure(arguments: &Arguments) -> Result<Report> {
    let first = arguments.text(&["text1", "sentence1"]);
    let second = arguments.pair(&["text2", "sentence2"]);
    let score = arguments.label(&["score"]);
    let records = arguments.data.read(&[first, second, score])?;
    let (mut texts, mut right) = (Vec::new(), Vec::new());
    for record in &records {
        texts.extend([record.text(first)?, record.text(second)?]);
        right.push(record.number(score)?);
    }

    let refuses = arguments.long.refuses();
    let load = |gpu: &_, directory: &_, options: &wgformer::models::ModelOptions| {
        let options = EmbedderOptions::default().model(options.clone());
        Embedder::load_with(gpu, directory, &options.refuse_long_texts(refuses))
    };
    let model = arguments.model.load(load, |it| vec![it.model().plan()])?;
    let metric = model.metric()?;
    let (found, seconds) = unsplit(timed(texts.len(), |progress| {
        let found = model.embeddings_with(&texts, watched(progress, texts.len()));
        found.map_err(|error| error.renumbered(|index| index / 2)) // that of the pair
    }))?;
    let alike = |pair: &[wgformer::tasks::Embedding]| {
        let (a, b) = (&pair[0].values, &pair[1].values);
        f64::from(match metric {
            Metric::DotProduct => a.iter().zip(b).map(|(a, b)| a * b).sum(),
            _ => cosine(a, b),
        })
    };
    let predicted: Vec<f64> = found.chunks_exact(2).map(alike).collect();
    let run = Run {
        texts: texts.len(),
        cut: found.iter().filter(|it| it.is_cut).count(),
        seconds,
    };
    let found = Found::Similarity(Similarity {
        pairs: records.len(),
        spearman: spearman(&right, &predicted)?,
        pearson: pearson(&right, &predicted)?,
    });
    Ok(arguments.report(model.model(), run, found))
}
