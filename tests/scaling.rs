//! Attention over one long text: four times the tokens take at most sixteen times the time and four times the memory, and
//! no score is ever stored.

mod common;

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use wgformer::ops::AttentionOptions;
use wgformer::plan::{Plan, PlanOptions, Value, interpret};
use wgformer::tensor::{Dim, Sizes};
use wgformer::verify::{Random, Tolerance};
use wgformer::{Gpu, Graph};

const HEAD_DIM: usize = 32; // of one head
const SCALE: f32 = 0.5; // scores to about 5

/// The longest text; the others are a quarter and a sixteenth of it. The second is for adapters that are not at home with
/// the kernel: where [`PATIENCE`] ends before the first is done.
const LONGEST: [usize; 2] = [8192, 2048];

/// How much longer as many scores may take at four times the length.
const NOISE: f64 = 1.25;

/// The best of so many runs of each length, and of up to the second number where the machine is not quiet.
const ROUNDS: [usize; 2] = [5, 100];

/// The most seconds of one run.
const PATIENCE: f64 = 4.0;

/// A text, and as many dispatches of attention over it as make up the square of the longest text's tokens in scores: if
/// attention is quadratic, these take the same time for every text.
struct Text {
    sizes: Sizes,
    plan: Plan,
    offsets: [u32; 2],
    qkv: Vec<f32>,
    /// Seconds, the best so far.
    best: f64,
}

fn graph(dispatches: usize) -> Graph {
    let mut graph = Graph::new();
    let offsets = graph.segment_offsets();
    let (three, one, columns) = (Dim::Fixed(3), Dim::Fixed(1), Dim::Fixed(HEAD_DIM));
    let qkv = graph.input("qkv", [three, one, Dim::Tokens, columns]);
    for _ in 0..dispatches {
        let options = AttentionOptions::new(SCALE);
        graph.attention(qkv, offsets, options).unwrap();
    }
    graph
}

fn sizes(tokens: usize) -> Sizes {
    Sizes {
        tokens,
        sequences: 1,
        longest: tokens,
    }
}

impl Text {
    /// Of the same few tokens over and over.
    ///
    /// `qkv`: of these.
    fn new(gpu: &Gpu, tokens: usize, dispatches: usize, qkv: &[f32]) -> Self {
        let (graph, sizes) = (graph(dispatches), sizes(tokens));
        let parts = qkv.chunks(qkv.len() / 3);
        Self {
            sizes,
            plan: Plan::compile(
                gpu,
                &graph,
                Arc::new(HashMap::new()),
                &PlanOptions::new(sizes),
            )
            .unwrap(),
            offsets: [0, tokens as u32],
            qkv: parts
                .flat_map(|part| part.repeat(tokens / (part.len() / HEAD_DIM)))
                .collect(),
            best: f64::INFINITY,
        }
    }

    fn run(&mut self) -> Vec<f32> {
        let start = Instant::now();
        let values = [Value::U32(&self.offsets), Value::F32(&self.qkv)];
        let result = self.plan.run(&self.sizes, &values).unwrap();
        self.best = self.best.min(start.elapsed().as_secs_f64());
        result
    }

    /// What goes in and what comes out.
    fn bytes(&self) -> u64 {
        4 * (4 * self.sizes.tokens * HEAD_DIM) as u64
    }
}

/// What the device has allocated, where the back end keeps count.
fn allocated(gpu: &Gpu) -> Option<u64> {
    let report = gpu.device().generate_allocator_report()?;
    Some(report.total_allocated_bytes)
}

/// Whether the adapter is done with the longest text while it is waited for.
fn is_quick(gpu: &Gpu) -> bool {
    let tokens = LONGEST[0] / 16;
    let mut text = Text::new(gpu, tokens, 1, &qkv(tokens));
    text.run();
    text.run();
    256.0 * text.best < PATIENCE
}

/// Query, key and value, `[3, 1, tokens, HEAD_DIM]`.
fn qkv(tokens: usize) -> Vec<f32> {
    let mut random = Random::new(1);
    (0..3 * tokens * HEAD_DIM).map(|_| random.unit()).collect()
}

/// What the reference says.
fn expected(tokens: usize, qkv: &[f32]) -> Vec<f32> {
    let graph = graph(1);
    let values = [Value::U32(&[0, tokens as u32]), Value::F32(qkv)];
    let mut tensors = interpret(&graph, &HashMap::new(), &sizes(tokens), &values).unwrap();
    let result = tensors.remove(&graph.output().unwrap()).unwrap();
    result.f32().to_vec()
}

#[test]
fn attention_takes_quadratic_time_and_linear_memory() {
    let (gpu, _turn) = common::gpu();
    let longest = if is_quick(&gpu) {
        LONGEST[0]
    } else {
        LONGEST[1]
    };
    let shortest = longest / 16;
    let qkv = qkv(shortest);
    let expected = expected(shortest, &qkv);

    let mut texts: Vec<Text> = Vec::new();
    for tokens in [shortest, longest / 4, longest] {
        let before = allocated(&gpu);
        let mut text = Text::new(&gpu, tokens, (longest / tokens).pow(2), &qkv);
        let found = text.run();
        // Every key is there as often as every other, so repetition changes nothing.
        let tolerance = Tolerance::exponentials(tokens + HEAD_DIM, 5.0);
        assert_eq!(found.len(), tokens * HEAD_DIM);
        for (found, expected) in found.iter().zip(expected.iter().cycle()) {
            let share = tolerance.share(*found, *expected);
            assert!(share <= 1.0, "{found}, the reference {expected}");
        }
        // Both twice, for what is on its way to the device and back.
        if let (Some(before), Some(after)) = (before, allocated(&gpu)) {
            let (grown, allowed) = (after.saturating_sub(before), 2 * text.bytes() + (1 << 20));
            say(&format!("{tokens} tokens: {grown} bytes on the device"));
            assert!(grown <= allowed, "{grown} bytes, allowed are {allowed}");
        }
        texts.push(text);
    }

    let is_noisy = |texts: &[Text]| {
        let mut pairs = texts.windows(2);
        pairs.any(|pair| pair[1].best > NOISE * pair[0].best)
    };
    for round in 1..ROUNDS[1] {
        if round < ROUNDS[0] || is_noisy(&texts) {
            texts.iter_mut().for_each(|text| drop(text.run()));
        }
    }
    for pair in texts.windows(2) {
        let [shorter, longer] = pair else {
            unreachable!("windows are of two")
        };
        let growth = longer.best / shorter.best;
        say(&format!(
            "{} tokens: {:.1} x the time of a quarter of them",
            longer.sizes.tokens,
            16.0 * growth
        ));
        assert!(growth <= NOISE, "{growth} x the time for as many scores");
        let [longer, shorter] = [longer, shorter].map(|it| it.plan.memory());
        assert!(longer.per_run() <= 4 * shorter.per_run());
    }
}

/// Not by `eprintln!`, which a test's success would hide.
fn say(line: &str) {
    io::stderr()
        .write_all(format!("{line}\n").as_bytes())
        .unwrap();
}
