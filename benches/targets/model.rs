//! The default model, from text to vector.

use wgformer::models::ModelOptions;
use wgformer::tasks::{Embedder, EmbedderOptions};
use wgformer::tensor::WeightType;
use wgformer::text::Tokenizer;

use super::report::{Row, Target};
use super::{Bench, Best, minilm};

const ROUNDS: usize = 3;

/// What 8 texts of 128 tokens take: for each token and layer 4 products of 384 x 384 and 2 of 384 x 1536, and attention.
const WHOLE_GFLOP: f64 = 22.9;

/// B of the machine that the milliseconds are meant for, in GFLOP/s.
const USUAL_B: f64 = 190.0;

/// How many of the sentences are padded to one length.
const PADDED_TOGETHER: usize = 32;

pub(crate) struct Figures {
    whole: (WeightType, f64),
    short: (WeightType, f64),
    sentences: Sentences,
    mixed: f64,
    padded: f64,
}

pub(crate) fn measure(bench: &mut Bench) -> Figures {
    let load = |weight_type| {
        let options =
            EmbedderOptions::default().model(ModelOptions::default().weight_type(weight_type));
        let embedder = Embedder::load_with(&bench.gpu, minilm::MODEL, &options)
            .expect("run `make model` first");
        minilm::verify(&embedder);
        embedder
    };
    let embedders = WeightType::ALL.map(load);
    let (whole, short) = (minilm::texts(8, 128), minilm::texts(1, 16));
    let mut bests = WeightType::ALL.map(|weight_type| (weight_type, [Best::new(), Best::new()]));
    for _ in 0..rounds(bench) {
        bench.openblas.sample();
        for (embedder, (_, [of_whole, of_short])) in embedders.iter().zip(&mut bests) {
            let embed = |texts: &[String]| embedder.embed(texts).unwrap();
            of_whole.time(|| embed(&whole));
            for _ in 0..10 {
                of_short.time(|| embed(&short));
            }
        }
    }
    let fastest = |kind: usize| {
        let times = bests
            .iter()
            .map(|(weight_type, bests)| (*weight_type, bests[kind].0));
        times
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .expect("there are weight types")
    };
    let (whole, short) = (fastest(0), fastest(1));

    let embedder = embedders
        .iter()
        .find(|embedder| embedder.model().plan().weight_type() == whole.0)
        .expect("one of them was the fastest");
    let sentences = Sentences::read();
    sentences.verify(embedder);
    let (mut mixed, mut padded) = (Best::new(), Best::new());
    for _ in 0..rounds(bench) {
        mixed.time(|| embedder.embed(&sentences.texts).unwrap());
        padded.time(|| embedder.embed(&sentences.padded).unwrap());
    }
    Figures {
        whole,
        short,
        sentences,
        mixed: mixed.0,
        padded: padded.0,
    }
}

fn rounds(bench: &Bench) -> usize {
    if bench.is_timed { ROUNDS } else { 0 }
}

/// Real sentences, and the same with one word repeated at the end until each has as many tokens as the longest of its
/// 32 in file order: what an engine that pads its batches computes, through the same code.
struct Sentences {
    texts: Vec<String>,
    padded: Vec<String>,
    /// How many tokens both have.
    tokens: [usize; 2],
}

impl Sentences {
    fn read() -> Self {
        let text = std::fs::read_to_string("tests/data/sentences.txt").unwrap();
        let texts: Vec<String> = text.lines().map(str::to_owned).collect();
        let path = format!("{}/tokenizer.json", minilm::MODEL);
        let tokenizer = Tokenizer::load(path.as_ref(), usize::MAX).unwrap();
        let count = |texts: &[String]| -> Vec<usize> {
            let tokens = tokenizer.encode(texts).unwrap();
            tokens.iter().map(|tokens| tokens.ids.len()).collect()
        };
        let lengths = count(&texts);
        let total: usize = lengths.iter().sum();
        assert_eq!(lengths.len(), 256);
        assert!(lengths.iter().all(|length| (5..=200).contains(length)));
        assert!(total <= 50 * lengths.len(), "{total} tokens");

        let longest = |lengths: &[usize]| vec![*lengths.iter().max().unwrap(); lengths.len()];
        let wanted: Vec<usize> = lengths.chunks(PADDED_TOGETHER).flat_map(longest).collect();
        let pad = |(text, (length, wanted)): (&String, (&usize, &usize))| {
            text.clone() + &" time".repeat(wanted - length)
        };
        let padded: Vec<String> = texts
            .iter()
            .zip(lengths.iter().zip(&wanted))
            .map(pad)
            .collect();
        assert_eq!(count(&padded), wanted, "every word more is a token more");
        Self {
            texts,
            padded,
            tokens: [total, wanted.iter().sum()],
        }
    }

    /// A sentence's vector is the same among all the others as alone, to the bit.
    fn verify(&self, embedder: &Embedder) {
        let together = embedder.embed(&self.texts).unwrap();
        for place in (0..self.texts.len()).step_by(PADDED_TOGETHER) {
            let alone = embedder.embed(&self.texts[place..=place]).unwrap();
            assert!(alone[0] == together[place], "line {}", place + 1);
        }
    }
}

impl Figures {
    pub(crate) fn rows(&self, b: Option<f64>) -> Vec<Row> {
        let (weight_type, seconds) = self.whole;
        let gflops = WHOLE_GFLOP / seconds;
        let whole = Row {
            what: "MiniLM-L6, 8 x 128 tokens: 22.9 GFLOP / time / B".to_owned(),
            measured: format!(
                "{weight_type}, {:.0} ms, {gflops:.1} GFLOP/s",
                1e3 * seconds
            ),
            figure: b.map(|b| gflops / b),
            target: Target {
                adapter: "llvmpipe",
                unit: "",
                least: 0.27,
                aim: 0.40,
            },
        };
        let (weight_type, seconds) = self.short;
        let slower = USUAL_B / b.unwrap_or(USUAL_B);
        let short = Row {
            what: "MiniLM-L6, one text of 16 tokens, warm".to_owned(),
            measured: weight_type.to_string(),
            figure: Some(1e3 * seconds),
            target: Target {
                adapter: "llvmpipe",
                unit: " ms",
                least: 20.0 * slower,
                aim: 10.0 * slower,
            },
        };
        let [tokens, padded] = self.sentences.tokens;
        let mixed = Row {
            what: "256 sentences / the same, each padded to the longest of its 32".to_owned(),
            measured: format!(
                "{}, {tokens} tokens in {:.2} s, {padded} in {:.2} s",
                self.whole.0, self.mixed, self.padded
            ),
            figure: Some(self.padded / self.mixed),
            target: Target {
                adapter: "",
                unit: " x",
                least: 2.0,
                aim: 3.0,
            },
        };
        vec![whole, short, mixed]
    }
}
