//! Labels of texts.

use anyhow::{Result, anyhow};
use wgformer::evaluation::classification;
use wgformer::tasks::Classifier;
use wgformer::text::Text;

use super::report::{Found, Report};
use super::{Arguments, Run, count, known, timed, watched};
use crate::overflow::unsplit;

pub(super) fn measure(arguments: &Arguments) -> Result<Report> {
    let text = arguments.text(&["text"]);
    let (pair, label) = (arguments.pair(&["pair"]), arguments.label(&["label"]));
    let records = arguments.data.read(&[text, pair, label])?;
    let mut texts = Vec::with_capacity(records.len());
    for record in &records {
        let first = record.text(text)?;
        let is_pair = arguments.pair_field.is_some() || record.find(pair).is_some();
        texts.push(match is_pair {
            true => Text::Pair(first, record.text(pair)?),
            false => Text::One(first),
        });
    }
    let right = records.iter().map(|record| record.label(label));
    let right = right.collect::<Result<Vec<_>>>()?;

    let load = |gpu: &_, directory: &_, options: &_| Classifier::load(gpu, directory, options);
    let model = arguments.model.load(load, |it| vec![it.model().plan()])?;
    let long = &arguments.long;
    let model = model.refuse_long_texts(long.refuses());
    let labels = model.labels();
    if labels.len() < 2 {
        return Err(anyhow!(
            "{} has one output and no labels to tell apart: --task rerank is for such a model",
            arguments.model.name()
        ));
    }
    let right = records.iter().zip(&right);
    let right = right.map(|(record, label)| known(record, label, &arguments.label_names, labels));
    let right = right.collect::<Result<Vec<_>>>()?;
    let all = texts.iter().copied();
    let (found, seconds) = unsplit(timed(texts.len(), |progress| {
        model.classify_with(all.clone(), watched(progress, texts.len()))
    }))?;
    let predicted = found.iter().map(|labels| &labels[0].label[..]);
    let predicted: Vec<&str> = predicted.collect();
    let cut = long.cut(texts.len(), || model.are_cut(all.clone()))?;
    let run = Run {
        texts: texts.len(),
        cut: count(&cut),
        seconds,
    };
    let found = Found::Labels(classification(&right, &predicted)?);
    Ok(arguments.report(model.model(), run, found))
}
