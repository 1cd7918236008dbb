//! Matrix products and attention, without upload and read-back.

use wgformer::Gpu;
use wgformer::ops::AttentionOptions;
use wgformer::tensor::{Data, WeightType};
use wgformer::verify::{Values, cases};

use super::Bench;
use super::chain::{Again, Chain, expected, verify};
use super::classic::ClassicTile;
use super::report::{Row, Target};

const PRODUCT: [usize; 3] = [1024, 1536, 384]; // m, n, k
const HEADS: usize = 12;
const HEAD_DIM: usize = 32;
const SEQUENCES: usize = 8;
const TOKENS: usize = 512; // of each sequence

const ROUNDS: usize = 5; // of a sweep

/// lavapipe makes slow code of one kernel in one process in several, so each sweep is on a device of its own, which
/// compiles anew.
const SWEEPS: usize = 3;

/// GFLOP/s and the kernel that came to it.
struct Speed {
    gflops: f64,
    kernel: &'static str,
}

pub(crate) struct Figures {
    products: Vec<(WeightType, Speed)>,
    classic: Speed,
    attention: Speed,
}

pub(crate) fn measure(bench: &mut Bench) -> Figures {
    let mut best = sweep(bench);
    for _ in 1..if bench.is_timed { SWEEPS } else { 1 } {
        best.keep_faster(sweep(bench));
    }
    best
}

fn sweep(bench: &mut Bench) -> Figures {
    let gpu = &Gpu::new().unwrap_or_else(|error| panic!("{error}"));
    let product = cases::linear(PRODUCT, cases::Epilogue::default(), Values::Unit).unwrap();
    let again: Again = |graph, operands| graph.linear(operands[0], operands[1], None);
    let reference = expected(&product);
    let chain = |weight_type| {
        (
            weight_type,
            Chain::new(gpu, &product, &reference, weight_type, again),
        )
    };
    let mut products = WeightType::ALL.map(chain);

    let Data::F32(x) = &product.inputs[0] else {
        unreachable!("a product is of floats")
    };
    let mut classic = ClassicTile::new(gpu, x, &product.weights["weight"]);
    verify(&product, &reference, &classic.result());

    let lengths = [TOKENS; SEQUENCES];
    let attention = cases::attention(&lengths, HEADS, HEAD_DIM, 1.0, Values::Unit).unwrap();
    let again: Again = |graph, operands| {
        let scale = 3.0 / (HEAD_DIM as f32).sqrt(); // the case's own
        graph.attention(operands[0], operands[1], AttentionOptions::new(scale))
    };
    let reference = expected(&attention);
    let mut attention = Chain::new(gpu, &attention, &reference, WeightType::F32, again);

    for _ in 0..if bench.is_timed { ROUNDS } else { 0 } {
        bench.openblas.sample();
        products.iter_mut().for_each(|(_, chain)| chain.round());
        attention.round();
        classic.round();
    }

    let gflop = |operations: usize| operations as f64 / 1e9;
    let of_product = gflop(2 * PRODUCT.iter().product::<usize>());
    let of_attention = gflop(4 * HEADS * HEAD_DIM * SEQUENCES * TOKENS * TOKENS);
    let speed = |gflop: f64, chain: &Chain<'_>| Speed {
        gflops: gflop / chain.seconds(),
        kernel: chain.kernel(),
    };
    Figures {
        products: products
            .iter()
            .map(|(weight_type, chain)| (*weight_type, speed(of_product, chain)))
            .collect(),
        classic: Speed {
            gflops: of_product / classic.seconds(),
            kernel: "classic_tile",
        },
        attention: speed(of_attention, &attention),
    }
}

impl Speed {
    fn keep_faster(&mut self, other: Self) {
        if other.gflops > self.gflops {
            *self = other;
        }
    }

    fn describe(&self) -> String {
        let decimals = if self.gflops < 10.0 { 2 } else { 1 };
        format!("{}, {:.decimals$} GFLOP/s", self.kernel, self.gflops)
    }
}

impl Figures {
    fn keep_faster(&mut self, other: Self) {
        let products = self.products.iter_mut().zip(other.products);
        products.for_each(|((_, own), (_, other))| own.keep_faster(other));
        self.classic.keep_faster(other.classic);
        self.attention.keep_faster(other.attention);
    }

    pub(crate) fn rows(&self, b: Option<f64>) -> Vec<Row> {
        let target = |adapter, unit, [least, aim]: [f64; 2]| Target {
            adapter,
            unit,
            least,
            aim,
        };
        let [m, n, k] = PRODUCT;
        let of_weights = |weight_type| match weight_type {
            WeightType::F32 => [0.25, 0.40],
            WeightType::F16 => [0.32, 0.50],
            WeightType::I8 => [0.42, 0.60],
            other => panic!("there is no target for {other}"),
        };
        let mut rows: Vec<Row> = Vec::new();
        for (weight_type, speed) in &self.products {
            rows.push(Row {
                what: format!("matmul {m} x {n} x {k}, {weight_type} weights / B"),
                measured: speed.describe(),
                figure: b.map(|b| speed.gflops / b),
                target: target("llvmpipe", "", of_weights(*weight_type)),
            });
        }
        let exact = &self.products[0].1;
        rows.push(Row {
            what: "the same, f32 weights / the textbook's 64 x 64 tile".to_owned(),
            measured: self.classic.describe(),
            figure: Some(exact.gflops / self.classic.gflops),
            target: target("SwiftShader", " x", [7.0, 10.0]),
        });
        rows.push(Row {
            what: format!(
                "attention, {HEADS} heads of {HEAD_DIM}, {SEQUENCES} x {TOKENS} tokens / matmul, f32 weights"
            ),
            measured: self.attention.describe(),
            figure: Some(self.attention.gflops / exact.gflops),
            target: target("llvmpipe", "", [0.6, 0.9]),
        });
        rows
    }
}
