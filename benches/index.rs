//! How long an index takes for 32 queries of 384 dimensions, beside brute force on the host: verified, then timed.
//!
//! `cargo bench --bench index` takes 100,000 vectors, `-- 1000000` as many as it says, `-- 100000 f16` on that storage.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its report"
)]

use std::time::Instant;

use wgformer::Gpu;
use wgformer::index::{Hit, Index, IndexOptions};
use wgformer::tensor::WeightType;
use wgformer::verify::Random;

const DIMENSIONS: usize = 384;
const QUERIES: usize = 32;
const HITS: usize = 10;
const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let is_timed = has("--bench") && !has("--test"); // cargo gives the first to every benchmark
    let mut names = arguments.iter().filter(|name| !name.starts_with('-'));
    let few = if is_timed { 100_000 } else { 1000 };
    let Ok(count) = names.next().map_or(Ok(few), |count| count.parse()) else {
        return; // a filter, for another benchmark
    };
    let name = names.next().map_or("f32", String::as_str);
    let weight_type = WeightType::ALL
        .into_iter()
        .find(|it| it.to_string() == name);
    let weight_type = weight_type.expect("f32, f16 or int8");
    let gpu = Gpu::new().unwrap_or_else(|error| panic!("{error}"));
    eprintln!("adapter: {}", gpu.capabilities());

    let (rows, queries) = (vectors(1, count), vectors(2, QUERIES));
    let queries: Vec<&[f32]> = queries.chunks(DIMENSIONS).collect();
    let options = IndexOptions::default().weight_type(weight_type);
    let mut index = Index::new(&gpu, DIMENSIONS, &options).unwrap();
    let start = Instant::now();
    for part in rows.chunks(8192 * DIMENSIONS) {
        index
            .add(&part.chunks(DIMENSIONS).collect::<Vec<_>>())
            .unwrap();
    }
    let added = start.elapsed();
    let start = Instant::now();
    index.upload().unwrap();
    println!(
        "{count} vectors of {DIMENSIONS}, {weight_type}: added in {added:.2?}, uploaded in {:.2?}",
        start.elapsed()
    );
    println!(
        "{:.2} GB on the host, {:.2} GB on the device",
        gigabytes(index.host_bytes()),
        gigabytes(index.memory().weights)
    );

    let found = index.search(&queries, HITS).unwrap();
    let expected = brute_force(&rows, &queries);
    verify(&found, &expected, weight_type);
    if !is_timed {
        return;
    }
    index.search(&queries, 1000).unwrap(); // its plan is compiled once
    let search = |count: usize, hits| {
        index.search(&queries[..count], hits).unwrap();
    };
    time(&mut [
        Measure::of("brute force on the host", || {
            brute_force(&rows, &queries);
        }),
        Measure::of("32 queries at once, 10 hits each", || search(QUERIES, HITS)),
        Measure::of("one query, 10 hits", || search(1, HITS)),
        Measure::of("32 queries at once, 1000 hits each", || {
            search(QUERIES, 1000)
        }),
    ]);
}

/// Of length 1, one after another.
fn vectors(seed: u64, count: usize) -> Vec<f32> {
    let mut random = Random::new(seed);
    let mut values: Vec<f32> = (0..count * DIMENSIONS).map(|_| random.unit()).collect();
    for vector in values.chunks_mut(DIMENSIONS) {
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|x| *x /= length);
    }
    values
}

/// A vector that brute force found.
#[derive(Clone, Copy, Debug)]
struct Nearest {
    index: usize,
    score: f32,
}

/// The best of each query by every score, in f32, on all cores.
fn brute_force(rows: &[f32], queries: &[&[f32]]) -> Vec<Vec<Nearest>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let of_thread = rows.len().div_ceil(DIMENSIONS).div_ceil(threads);
    let parts = rows.chunks(of_thread * DIMENSIONS);
    let parts: Vec<Vec<Vec<Nearest>>> = std::thread::scope(|scope| {
        let start =
            |(number, part)| scope.spawn(move || best_of(part, number * of_thread, queries));
        let threads: Vec<_> = parts.enumerate().map(start).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let of_query = |query: usize| {
        let hits = parts.iter().flat_map(|part| part[query].iter().copied());
        sorted(hits.collect())
    };
    (0..queries.len()).map(of_query).collect()
}

fn best_of(rows: &[f32], first: usize, queries: &[&[f32]]) -> Vec<Vec<Nearest>> {
    let mut scores = vec![Vec::with_capacity(rows.len() / DIMENSIONS); queries.len()];
    for (place, row) in rows.chunks(DIMENSIONS).enumerate() {
        for (query, scores) in queries.iter().zip(&mut scores) {
            scores.push(Nearest {
                index: first + place,
                score: dot(query, row),
            });
        }
    }
    let mut best = scores;
    for hits in &mut best {
        let last = HITS.min(hits.len()) - 1;
        hits.select_nth_unstable_by(last, |a, b| b.score.total_cmp(&a.score));
        hits.truncate(HITS);
    }
    best
}

fn sorted(mut hits: Vec<Nearest>) -> Vec<Nearest> {
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index)));
    hits.truncate(HITS);
    hits
}

/// In lanes, so that the compiler makes vectors of them.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

fn verify(found: &[Vec<Hit>], expected: &[Vec<Nearest>], weight_type: WeightType) {
    let within = match weight_type {
        WeightType::F32 => 1e-5,
        WeightType::F16 => 1e-3,
        WeightType::I8 => 1e-2,
        other => panic!("nothing is known of {other}"),
    };
    let counts = |all: &[usize]| all.iter().all(|count| *count == HITS);
    assert!(counts(&found.iter().map(Vec::len).collect::<Vec<_>>()));
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        let difference = (found.score - expected.score).abs();
        assert!(difference < within, "{found:?}, {expected:?}");
        let is_tie = weight_type != WeightType::F32 || difference < 1e-6;
        assert!(
            found.index == expected.index || is_tie,
            "{found:?}, {expected:?}"
        );
    }
}

struct Measure<'a> {
    what: &'static str,
    work: Box<dyn Fn() + 'a>,
    /// The shortest time, in seconds.
    best: f64,
}

impl<'a> Measure<'a> {
    fn of(what: &'static str, work: impl Fn() + 'a) -> Self {
        Self {
            what,
            work: Box::new(work),
            best: f64::INFINITY,
        }
    }
}

/// In turn, so that a machine that is slower for a while is slower for all.
fn time(measures: &mut [Measure<'_>]) {
    for _ in 0..ROUNDS {
        for measure in measures.iter_mut() {
            let start = Instant::now();
            (measure.work)();
            measure.best = measure.best.min(start.elapsed().as_secs_f64());
        }
    }
    for measure in measures {
        println!("{}: {:.1} ms", measure.what, 1e3 * measure.best);
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}
