//! What was found: a table for people, a document for programs.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;
use wgformer::evaluation::{Averages, ClassScore, Classification, Score, Tagging};

use crate::numbers::table;
use crate::output::{Output, printable};

#[derive(Serialize)]
pub(super) struct Report {
    pub(super) model: String,
    pub(super) adapter: String,
    pub(super) data: String,
    /// Or pairs, as the model read them.
    pub(super) texts: usize,
    /// Of how many only a part was read.
    pub(super) cut: usize,
    pub(super) seconds: f64,
    pub(super) texts_per_second: f64,
    #[serde(flatten)]
    pub(super) found: Found,
}

#[derive(Serialize)]
#[serde(tag = "task", rename_all = "lowercase")]
pub(super) enum Found {
    #[serde(rename = "classify")]
    Labels(Classification),
    #[serde(rename = "tag")]
    Tags(Tags),
    #[serde(rename = "rerank")]
    Ranking(Ranking),
    Similarity(Similarity),
}

#[derive(Serialize)]
pub(super) struct Tags {
    #[serde(flatten)]
    pub(super) entities: Tagging,
    pub(super) tokens: usize,
    /// Tokens that the model did not read, which count as `O`.
    pub(super) unread: usize,
    /// Of each token for itself.
    pub(super) of_tokens: Classification,
}

#[derive(Serialize)]
pub(super) struct Ranking {
    pub(super) queries: usize,
    /// How many of each query count, if not all.
    pub(super) at: Option<usize>,
    pub(super) mrr: f64,
    pub(super) ndcg: f64,
    /// Queries for which nothing is relevant, which count as 0.
    pub(super) without_relevant: usize,
}

#[derive(Serialize)]
pub(super) struct Similarity {
    pub(super) pairs: usize,
    /// Null where all of the data, or of the predictions, are the same.
    pub(super) spearman: Option<f64>,
    pub(super) pearson: Option<f64>,
}

/// A confusion matrix of more labels is for the page.
const MOST_COLUMNS: usize = 12;

impl Report {
    pub(super) fn print(&self) -> Result<()> {
        let mut stdout = Output::stdout();
        for line in self.headlines() {
            writeln!(stdout, "{line}")?;
        }
        if let Some((classes, averages)) = self.scores() {
            let mut table = table(&SCORES, 1);
            for row in score_rows(classes, averages) {
                table.add_row(row.map(|cell| printable(&cell)));
            }
            writeln!(stdout, "\n{}", table.trim_fmt())?;
        }
        if let Some(matrix) = self.matrix() {
            writeln!(stdout, "\n{}", print_matrix(matrix))?;
        }
        writeln!(stdout, "\n{}", self.about())?;
        stdout.finish()
    }

    /// The numbers that one looks for first.
    pub(super) fn headlines(&self) -> Vec<String> {
        match &self.found {
            Found::Labels(found) => vec![format!(
                "accuracy {:.3} of {} texts",
                found.accuracy, self.texts
            )],
            Found::Tags(found) => {
                let Tags {
                    entities,
                    tokens,
                    unread,
                    ..
                } = found;
                let micro = entities.averages.micro;
                let entities = format!("F1 {:.3} of {} entities", micro.f1, micro.support);
                let accuracy = found.entities.accuracy;
                let unread = match unread {
                    0 => String::new(),
                    unread => format!("; {unread} were not read, and count as O"),
                };
                vec![
                    entities,
                    format!("accuracy {accuracy:.3} of {tokens} tokens{unread}"),
                ]
            }
            Found::Ranking(found) => {
                let at = found.at.map(|at| format!("@{at}")).unwrap_or_default();
                let mut lines = vec![
                    format!("MRR{at} {:.3} of {} queries", found.mrr, found.queries),
                    format!("nDCG{at} {:.3}", found.ndcg),
                ];
                if found.without_relevant > 0 {
                    let count = found.without_relevant;
                    lines.push(format!(
                        "{count} queries have nothing relevant, and count as 0"
                    ));
                }
                lines
            }
            Found::Similarity(found) => {
                let value = |value: Option<f64>| match value {
                    Some(value) => format!("{value:.3}"),
                    None => "undefined (all scores are the same)".to_owned(),
                };
                vec![
                    format!(
                        "Spearman {} of {} pairs",
                        value(found.spearman),
                        found.pairs
                    ),
                    format!("Pearson {}", value(found.pearson)),
                ]
            }
        }
    }

    pub(super) fn scores(&self) -> Option<(&[ClassScore], &Averages)> {
        match &self.found {
            Found::Labels(found) => Some((&found.classes, &found.averages)),
            Found::Tags(found) => Some((&found.entities.classes, &found.entities.averages)),
            Found::Ranking(_) | Found::Similarity(_) => None,
        }
    }

    /// What was taken for what.
    pub(super) fn matrix(&self) -> Option<&Classification> {
        match &self.found {
            Found::Labels(found) => Some(found),
            Found::Tags(found) => Some(&found.of_tokens),
            Found::Ranking(_) | Found::Similarity(_) => None,
        }
    }

    /// What ran on what.
    pub(super) fn about(&self) -> String {
        let cut = match self.cut {
            0 => String::new(),
            cut => format!(", {cut} of them cut to the model's length"),
        };
        format!(
            "{} with {}: {} texts{cut} in {:.1} s, {:.1} a second, on {}",
            self.data, self.model, self.texts, self.seconds, self.texts_per_second, self.adapter
        )
    }
}

pub(super) const SCORES: [&str; 5] = ["label", "precision", "recall", "F1", "support"];

/// Each label, then the averages.
pub(super) fn score_rows(classes: &[ClassScore], averages: &Averages) -> Vec<[String; 5]> {
    let row = |name: &str, score: &Score| {
        let number = |value: f64| format!("{value:.3}");
        [
            name.to_owned(),
            number(score.precision),
            number(score.recall),
            number(score.f1),
            score.support.to_string(),
        ]
    };
    let rows = classes.iter().map(|class| row(&class.label, &class.score));
    let averages = [
        ("micro average", &averages.micro),
        ("macro average", &averages.macro_),
        ("weighted average", &averages.weighted),
    ];
    rows.chain(averages.map(|(name, score)| row(name, score)))
        .collect()
}

fn print_matrix(found: &Classification) -> String {
    let labels = found.labels();
    if labels.len() > MOST_COLUMNS {
        return format!(
            "a confusion matrix of {} labels: --html draws it",
            labels.len()
        );
    }
    let header: Vec<String> = ["true \\ predicted".to_owned()]
        .into_iter()
        .chain(labels.iter().map(|label| printable(label)))
        .collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = table(&header, 1);
    for (label, row) in labels.iter().zip(&found.confusion) {
        let counts = row.iter().map(usize::to_string);
        table.add_row([printable(label)].into_iter().chain(counts));
    }
    table.trim_fmt()
}
