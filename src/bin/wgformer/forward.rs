//! `forward`: what a model makes of token ids, at every position.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::Args;
use comfy_table::CellAlignment;
use serde::Serialize;
use wgformer::Error;
use wgformer::Gpu;
use wgformer::models::{Batch, Head, MaskedLm, Model, ModelOptions, SentenceTransformer};
use wgformer::plan::{Control, Plan};
use wgformer::text::Tokenizer;

use crate::ids;
use crate::input::Texts;
use crate::lines::{self, Lines};
use crate::model_args::TaskModelArgs;
use crate::numbers::table;
use crate::output::{Output, printable, write_line};
use crate::progress::Progress;

#[derive(Args)]
pub(crate) struct Arguments {
    /// A sequence of token ids, such as "5 17 3"; may be given several times.
    #[arg(long, value_name = "IDS", required_unless_present = "input")]
    ids: Vec<String>,
    /// A file of any number of sequences, one per line, or - for standard input.
    #[arg(long, value_name = "FILE|-", conflicts_with = "ids")]
    input: Option<PathBuf>,
    /// How many tokens to show for each position.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    topk: u32,
    /// All logits of each position; with --json beside the best tokens, else instead of them.
    #[arg(long)]
    logits: bool,
    /// The hidden state of each position instead of tokens; of any model.
    #[arg(long, conflicts_with_all = ["logits", "topk"])]
    hidden: bool,
    /// A JSON line per sequence instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: TaskModelArgs,
}

#[derive(Serialize)]
struct Line<'a> {
    ids: &'a [u32],
    /// For each position the best tokens, the best first.
    #[serde(skip_serializing_if = "Option::is_none")]
    top: Option<Vec<&'a [Token]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logits: Option<Vec<&'a [f32]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<Vec<&'a [f32]>>,
}

#[derive(Serialize)]
struct Token {
    token: u32,
    logit: f32,
}

/// What comes out at one position.
struct Position {
    top: Vec<Token>,
    /// The logits or the hidden state, if they are asked for.
    values: Vec<f32>,
}

/// What runs.
enum Network {
    Logits(MaskedLm),
    Hidden(Model),
}

/// With the texts of its tokens, if there is a tokenizer.
struct Loaded {
    network: Network,
    tokenizer: Option<Tokenizer>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let sequences = arguments.open()?;
    let loaded = arguments.load()?;
    let mut stdout = Output::stdout();
    let mut progress = Progress::new(sequences.total, "sequences");
    let (mut lines, mut number) = (sequences.texts, 0);
    loop {
        let piece = lines.by_ref().take(PIECE).collect::<Result<Vec<_>>>()?;
        if piece.is_empty() {
            break;
        }
        // What is wrong with any is said before the first is run.
        let sequences = (number..).zip(&piece).map(|(number, line)| {
            let ids = ids::parse(line).and_then(|ids| loaded.checked(ids));
            ids.map_err(|message| anyhow!("sequence {number}: {message}"))
        });
        let sequences = sequences.collect::<Result<Vec<_>>>()?;
        for sequences in loaded.batches(&sequences) {
            let mut positions = &loaded.run(number, sequences, arguments)?[..];
            for ids in sequences {
                let own;
                (own, positions) = positions.split_at(ids.len());
                arguments.write(&mut stdout, &loaded, (number, ids), own)?;
                number += 1;
            }
            progress.advance(sequences.len());
        }
    }
    stdout.finish()
}

/// Sequences that are held in memory together.
const PIECE: usize = 4096;

impl Arguments {
    fn open(&self) -> Result<Texts> {
        let Some(path) = &self.input else {
            return Ok(Texts {
                total: Some(self.ids.len() as u64),
                texts: Box::new(self.ids.clone().into_iter().map(Ok)),
            });
        };
        Ok(Texts {
            texts: Box::new(Lines::open(path)?),
            total: lines::count(path),
        })
    }

    fn load(&self) -> Result<Loaded> {
        let mut tokenizer = None;
        let load = |gpu: &Gpu, directory: &Path, options: &ModelOptions| {
            let own = SentenceTransformer::read(directory)?;
            let (folder, most) = (&own.transformer, own.max_tokens.unwrap_or(usize::MAX));
            let path = folder.join("tokenizer.json");
            if path.exists() {
                tokenizer = Some(Tokenizer::load(&path, usize::MAX)?);
            }
            Ok(if self.hidden {
                Network::Hidden(Model::load(gpu, folder, Head::HiddenStates, most, options)?)
            } else {
                Network::Logits(MaskedLm::load(gpu, folder, most, options)?)
            })
        };
        let network = self.model.load(load, Network::plans);
        let network = network.map_err(|error| match error.downcast_ref() {
            Some(Error::HeadMissing { .. }) => {
                anyhow!("{error}; --hidden shows this one's hidden states")
            }
            _ => error,
        })?;
        Ok(Loaded { network, tokenizer })
    }

    fn write(
        &self,
        stdout: &mut Output,
        loaded: &Loaded,
        (number, ids): (usize, &[u32]),
        positions: &[Position],
    ) -> Result<()> {
        if self.json {
            let values = || positions.iter().map(|it| &it.values[..]).collect();
            let top = || positions.iter().map(|it| &it.top[..]).collect();
            return write_line(
                stdout,
                &Line {
                    ids,
                    top: (!self.hidden).then(top),
                    logits: self.logits.then(values),
                    hidden: self.hidden.then(values),
                },
            );
        }
        let what = match (self.hidden, self.logits) {
            (true, _) => "hidden state",
            (_, true) => "logits",
            _ => "the best tokens and their logits",
        };
        let mut table = table(&["position", "id", what], 0);
        if let Some(column) = table.column_mut(2) {
            column.set_cell_alignment(CellAlignment::Left);
        }
        for (place, (id, position)) in ids.iter().zip(positions).enumerate() {
            let cell = if self.hidden || self.logits {
                let values = position.values.iter().map(|value| format!("{value:.4}"));
                values.collect::<Vec<_>>().join(" ")
            } else {
                let top = position.top.iter().map(|it| loaded.describe(it));
                top.collect::<Result<Vec<_>>>()?.join(", ")
            };
            table.add_row([place.to_string(), id.to_string(), cell]);
        }
        if number > 0 {
            writeln!(stdout)?;
        }
        writeln!(stdout, "{}", table.trim_fmt())?;
        Ok(())
    }
}

impl Network {
    fn plans(&self) -> Vec<&Plan> {
        match self {
            Self::Logits(model) => model.plans(),
            Self::Hidden(model) => vec![model.plan()],
        }
    }

    fn encoder(&self) -> &Model {
        match self {
            Self::Logits(model) => model.encoder(),
            Self::Hidden(model) => model,
        }
    }
}

impl Loaded {
    /// Ids that the model takes.
    fn checked(&self, ids: Vec<u32>) -> Result<Vec<u32>, String> {
        let encoder = self.network.encoder();
        let (vocabulary, most) = (encoder.vocabulary(), encoder.max_tokens());
        if let Some(id) = ids.iter().find(|id| **id as usize >= vocabulary) {
            return Err(format!(
                "{id} is no token id of this model: its vocabulary has {vocabulary} entries, from 0 on"
            ));
        }
        if ids.len() > most {
            return Err(format!(
                "has {} token ids, and the model takes {most} at most",
                ids.len()
            ));
        }
        Ok(ids)
    }

    /// As many sequences at a time as the model takes.
    fn batches<'a>(&self, mut sequences: &'a [Vec<u32>]) -> Vec<&'a [Vec<u32>]> {
        let encoder = self.network.encoder();
        let mut batches = Vec::new();
        while !sequences.is_empty() {
            let ends = sequences.iter().scan(0, |tokens, ids| {
                *tokens += ids.len();
                Some(*tokens)
            });
            let fitting = ends.take_while(|tokens| *tokens <= encoder.batch_tokens());
            let count = fitting.count().clamp(1, encoder.batch_sequences());
            let batch;
            (batch, sequences) = sequences.split_at(count.min(sequences.len()));
            batches.push(batch);
        }
        batches
    }

    /// Every position of some sequences, of which the first is called `number`.
    fn run(
        &self,
        number: usize,
        sequences: &[Vec<u32>],
        arguments: &Arguments,
    ) -> Result<Vec<Position>> {
        let mut batch = Batch::new();
        for ids in sequences {
            batch.push(ids, &vec![0; ids.len()]);
        }
        let mut positions = Vec::new();
        match &self.network {
            Network::Hidden(model) => {
                let hidden_states = model.run(&batch)?;
                if let Some(value) = hidden_states.iter().find(|it| !it.is_finite()) {
                    return Err(not_finite("hidden state", number, sequences.len(), *value));
                }
                let rows = hidden_states.chunks_exact(model.columns());
                positions.extend(rows.map(|row| Position {
                    top: vec![],
                    values: row.to_vec(),
                }));
            }
            Network::Logits(model) => {
                let places: Vec<usize> = (0..batch.sizes().tokens).collect();
                let mut overflow = None;
                let each = |logits: &[f32]| {
                    overflow = overflow.or(logits.iter().copied().find(|it| !it.is_finite()));
                    positions.push(Position {
                        top: best(logits, arguments.topk as usize),
                        values: if arguments.logits {
                            logits.to_vec()
                        } else {
                            vec![]
                        },
                    });
                };
                pollster::block_on(model.for_each_async(&batch, &places, Control::new(), each))?;
                if let Some(value) = overflow {
                    return Err(not_finite("logit", number, sequences.len(), value));
                }
            }
        }
        Ok(positions)
    }

    /// As people read it.
    fn describe(&self, Token { token, logit }: &Token) -> Result<String> {
        match &self.tokenizer {
            None => Ok(format!("{token} {logit:.3}")),
            Some(tokenizer) => {
                let text = tokenizer.decode(&[*token])?;
                Ok(format!("{token} {} {logit:.3}", printable(&text)))
            }
        }
    }
}

/// The largest logits, the largest first, of equal ones the earlier.
fn best(logits: &[f32], count: usize) -> Vec<Token> {
    let count = count.min(logits.len());
    let mut order: Vec<usize> = (0..logits.len()).collect();
    let better = |a: &usize, b: &usize| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b));
    if count < order.len() {
        order.select_nth_unstable_by(count, better);
    }
    order.truncate(count);
    order.sort_by(better);
    let token = |place: usize| Token {
        token: place as u32,
        logit: logits[place],
    };
    order.into_iter().map(token).collect()
}

fn not_finite(what: &str, first: usize, count: usize, value: f32) -> anyhow::Error {
    let last = first + count - 1;
    anyhow!(
        "a {what} of sequences {first} to {last} is {value}: run the model with f32 weights, or check them"
    )
}
