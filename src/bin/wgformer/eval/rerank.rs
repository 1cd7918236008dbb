//! Candidates of queries, in the order of their scores.

use std::collections::HashMap;

use anyhow::Result;
use wgformer::evaluation::{ndcg, reciprocal_rank};
use wgformer::plan::Control;

use super::report::{Found, Ranking, Report};
use super::{Arguments, Run, count, timed};
use crate::input::records::{Field, Record};
use crate::overflow::unsplit;
use crate::rerank::Model;

pub(super) fn measure(arguments: &Arguments) -> Result<Report> {
    let queries = Queries::read(arguments)?.queries;
    let long = &arguments.long;
    let model = Model::load(&arguments.model, arguments.late, long.refuses())?;
    let texts = queries.iter().map(|query| query.texts.len()).sum();
    let (scores, seconds) = unsplit(timed(texts, |progress| {
        let mut done = 0;
        let ranked = queries.iter().map(|query| {
            let own = Control::new().progress(|now| progress.reach((done + now.done) as u64));
            let ranked = model.rank(&query.text, &query.texts, own);
            let ranked = ranked.map_err(|error| error.renumbered(|index| done + index))?;
            done += query.texts.len();
            let mut scores = vec![0.0; ranked.len()];
            for it in ranked {
                scores[it.index] = f64::from(it.score);
            }
            Ok(scores)
        });
        ranked.collect::<wgformer::Result<Vec<Vec<f64>>>>()
    }))?;
    let k = arguments.at.map(|at| at as usize);
    let (mut reciprocal_ranks, mut gains) = (0.0, 0.0);
    for (query, scores) in queries.iter().zip(&scores) {
        reciprocal_ranks += reciprocal_rank(&query.relevance, scores, k)?;
        gains += ndcg(&query.relevance, scores, k)?;
    }
    let mut cut = 0;
    for query in &queries {
        let of_query = || model.are_cut(&query.text, &query.texts);
        cut += count(&long.cut(query.texts.len(), of_query)?);
    }
    let run = Run {
        texts,
        cut,
        seconds,
    };
    let count = queries.len() as f64;
    let is_lost = |query: &&Query| query.relevance.iter().all(|it| *it == 0.0);
    let found = Found::Ranking(Ranking {
        queries: queries.len(),
        at: k,
        mrr: reciprocal_ranks / count,
        ndcg: gains / count,
        without_relevant: queries.iter().filter(is_lost).count(),
    });
    Ok(arguments.report(model.model(), run, found))
}

/// A query, and its candidates with the relevance of each.
struct Query {
    text: String,
    texts: Vec<String>,
    relevance: Vec<f64>,
}

/// In the order in which they first appear.
#[derive(Default)]
struct Queries {
    queries: Vec<Query>,
    places: HashMap<String, usize>,
}

impl Queries {
    fn read(arguments: &Arguments) -> Result<Self> {
        let query = arguments.query();
        let text = arguments.text(&["text", "document"]);
        let label = arguments.label(&["label", "relevance"]);
        let positive = Field::new("--text-field", None, &["positive"]);
        let negative = Field::new("--text-field", None, &["negative"]);
        let records = arguments
            .data
            .read(&[query, text, label, positive, negative])?;
        let mut queries = Self::default();
        for record in &records {
            let own = queries.of(record.text(query)?);
            if record.find(positive).is_some() && record.find(text).is_none() {
                for (field, relevance) in [(positive, 1.0), (negative, 0.0)] {
                    let texts = record.texts(field)?;
                    own.relevance.extend(texts.iter().map(|_| relevance));
                    own.texts.extend(texts);
                }
            } else {
                own.texts.push(record.text(text)?.to_owned());
                own.relevance.push(relevance(record, label)?);
            }
        }
        // Lists may have nothing in them.
        queries.queries.retain(|query| !query.texts.is_empty());
        match queries.queries.is_empty() {
            true => Err(records[0].error("and all others have no texts to rank")),
            false => Ok(queries),
        }
    }

    fn of(&mut self, text: &str) -> &mut Query {
        let next = self.queries.len();
        let place = *self.places.entry(text.to_owned()).or_insert(next);
        if place == next {
            self.queries.push(Query {
                text: text.to_owned(),
                texts: Vec::new(),
                relevance: Vec::new(),
            });
        }
        &mut self.queries[place]
    }
}

fn relevance(record: &Record, field: Field<'_>) -> Result<f64> {
    let relevance = record.number(field)?;
    if relevance < 0.0 {
        return Err(record.error(format!(
            "has the relevance {relevance}, and the least there is is 0"
        )));
    }
    Ok(relevance)
}
