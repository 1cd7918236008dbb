//! The lines of a file through `Embedder::stream`, beside the same batches alone: tokenised and packed before, run one
//! after another. What reading, tokenising and handing over cost beyond that is what the stages could not overlap.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, Write};

use wgformer::Result;
use wgformer::models::{Batch, Model};
use wgformer::tasks::{Embedder, Embedding, StreamOptions};
use wgformer::text::Tokenizer;

use super::report::{Row, Target};
use super::{Bench, Best, minilm};

/// Many short ones: whatever else the machine does comes and goes within seconds.
const ROUNDS: usize = 7;

/// On a software adapter fewer, where all take minutes a round: `WGFORMER_BULK_LINES=20000` has them once.
const LINES: [usize; 2] = [20_000, 256];

/// How many are looked at first.
const VERIFIED: usize = 40;

pub(crate) struct Figures {
    lines: usize,
    tokens: usize,
    batches: f64,
    stream: f64,
}

pub(crate) fn measure(bench: &Bench) -> Figures {
    let embedder = Embedder::load(&bench.gpu, minilm::MODEL).expect("run `make model` first");
    let is_software = bench.gpu.capabilities().is_software();
    let asked = std::env::var("WGFORMER_BULK_LINES").ok();
    let asked = asked.map(|count| count.parse().expect("a number of lines"));
    let (count, rounds) = match asked {
        _ if !bench.is_timed => (VERIFIED, 0),
        Some(count) => (count, 1),
        None => (LINES[usize::from(is_software)], ROUNDS),
    };
    let lines = lines(count);
    verify(&embedder, &lines[..VERIFIED.min(count)]);
    let file = written(&lines);
    let (packed, tokens) = pack(&embedder, &lines);
    let (mut batches, mut stream) = (Best::new(), Best::new());
    for _ in 0..rounds {
        batches.time(|| run_all(embedder.model(), &packed));
        stream.time(|| assert_eq!(stream_all(&embedder, &file).len(), lines.len()));
    }
    Figures {
        lines: lines.len(),
        tokens,
        batches: batches.0,
        stream: stream.0,
    }
}

/// Sentences of a novel, over and over, in another order each time.
fn lines(count: usize) -> Vec<String> {
    let text = std::fs::read_to_string("tests/data/sentences.txt").unwrap();
    let sentences: Vec<&str> = text.lines().collect();
    let line = |place: usize| sentences[(place * 37 + place / sentences.len()) % sentences.len()];
    (0..count).map(|place| line(place).to_owned()).collect()
}

/// A file of lines, which is gone when it is closed.
fn written(lines: &[String]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all((lines.join("\n") + "\n").as_bytes())
        .unwrap();
    file
}

fn stream_all(embedder: &Embedder, file: &File) -> Vec<Embedding> {
    let mut file = file.try_clone().unwrap();
    file.rewind().unwrap();
    let lines = BufReader::new(file).lines().map(|line| Ok(line.unwrap()));
    let stream = embedder.stream(lines, &StreamOptions::default());
    stream.map(|item: Result<_>| item.unwrap().1).collect()
}

/// The same vectors as without a stream, to the bit.
fn verify(embedder: &Embedder, lines: &[String]) {
    assert!(stream_all(embedder, &written(lines)) == embedder.embeddings(lines).unwrap());
}

/// All lines in full batches, the longest first, and their tokens.
fn pack(embedder: &Embedder, lines: &[String]) -> (Vec<Batch>, usize) {
    let model = embedder.model();
    let path = format!("{}/tokenizer.json", minilm::MODEL);
    let tokenizer = Tokenizer::load(path.as_ref(), model.max_tokens()).unwrap();
    let mut texts = tokenizer.encode(lines).unwrap();
    texts.sort_by_key(|tokens| std::cmp::Reverse(tokens.ids.len()));
    let mut batches = vec![Batch::new()];
    for tokens in &texts {
        let last = batches.last().expect("there is one").sizes();
        if last.tokens + tokens.ids.len() > model.batch_tokens()
            || last.sequences == model.batch_sequences()
        {
            batches.push(Batch::new());
        }
        let last = batches.last_mut().expect("there is one");
        last.push(&tokens.ids, &tokens.types);
    }
    let tokens = texts.iter().map(|tokens| tokens.ids.len()).sum();
    (batches, tokens)
}

fn run_all(model: &Model, batches: &[Batch]) {
    for batch in batches {
        model.run(batch).unwrap();
    }
}

impl Figures {
    pub(crate) fn rows(&self) -> Vec<Row> {
        let Self {
            lines,
            tokens,
            batches,
            stream,
        } = self;
        vec![Row {
            what: format!("{lines} lines: their batches alone / streamed from text to vector"),
            measured: format!("{tokens} tokens in {batches:.2} s, streamed in {stream:.2} s"),
            figure: Some(batches / stream),
            target: Target {
                adapter: "",
                unit: "",
                least: 0.9,
                aim: 1.0,
            },
        }]
    }
}
