//! Kernels that drivers have got wrong are run on known products before any plan may choose them.
//!
//! Cooperative matrices are new, and whether memory is read by rows or by columns has been mixed up in more than one
//! translation. A column times a row shows that: taken the wrong way round, either of them leaves almost nothing. So does
//! attention in which each query picks a key of its own: taken the wrong way round, anything gives another result.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Plan, PlanOptions, Value, interpret};
use crate::error::Result;
use crate::gpu::{Capabilities, Gpu};
use crate::graph::{Graph, Request};
use crate::kernel::{Kernel, Offer, Variant};
use crate::ops::{AttentionOptions, KERNELS};
use crate::tensor::{Data, Dim, Sizes, Tensor, WeightType};

/// What the device can do, less the kernels that fail their self-test, which runs once per device.
pub(crate) fn tested(gpu: &Gpu) -> &Capabilities {
    let runs_here = |kernel: &&&'static Kernel| gpu.capabilities().obstacle(kernel).is_none();
    gpu.tested(|| {
        let kernels = KERNELS.iter().filter(|kernel| is_doubtful(kernel));
        failures(gpu, kernels.filter(runs_here).copied())
    })
}

/// Whether it has to pass a self-test first.
pub(super) fn is_doubtful(kernel: &Kernel) -> bool {
    kernel.cooperative_matrix.is_some()
}

fn failures(
    gpu: &Gpu,
    kernels: impl Iterator<Item = &'static Kernel>,
) -> Vec<(&'static str, String)> {
    let failure = |kernel: &'static Kernel| {
        let reason = match agrees(gpu, kernel) {
            Ok(true) => return None,
            Ok(false) => "it computes wrongly".to_owned(),
            Err(error) => error.to_string(),
        };
        log::warn!(
            "{} failed its self-test and is not used: {reason} ({})",
            kernel.name,
            gpu.capabilities()
        );
        Some((kernel.name, reason))
    };
    kernels.filter_map(failure).collect()
}

/// A graph of one node with all that goes into it, such that f16 and f32 hold its addends exactly.
struct Probe {
    graph: Graph,
    weights: Arc<HashMap<String, Tensor>>,
    sizes: Sizes,
    /// Inputs of several runs.
    runs: Vec<Vec<Data>>,
    /// How far a result may be from the reference.
    within: f32,
}

/// One per operation that has such kernels.
const PROBES: [fn() -> Result<Probe>; 2] = [of_linear_layers, of_attention];

/// Rows, columns and k: more than a tile of each, and no whole number of tiles.
fn of_linear_layers() -> Result<Probe> {
    let [m, n, k] = [70, 68, 36];
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(k)]);
    let weight = graph.parameter("weight", [n, k]);
    graph.linear(x, weight, None)?;
    let weight = integers([n, k], |j, i| (7 * j + 2 * i) % 13);
    let column = integers([m, k], |r, i| if i == 0 { r % 11 } else { 6 }); // 6 gives 0
    let dense = integers([m, k], |r, i| (5 * r + 3 * i) % 17);
    Ok(Probe {
        graph,
        weights: Arc::new([("weight".to_owned(), Tensor::new([n, k], weight))].into()),
        sizes: Sizes {
            tokens: m,
            sequences: 1,
            longest: m,
        },
        runs: vec![vec![column.into()], vec![dense.into()]],
        within: 0.0,
    })
}

/// Queries each of which attends to one key alone, and in a second sequence to two alike, so that its result is a value
/// or the mean of two; more than a tile of queries, of keys and of a head, and no whole number of tiles.
fn of_attention() -> Result<Probe> {
    const HEADS: usize = 2;
    const HEAD_DIM: usize = 36;
    let mut graph = Graph::new();
    let dims = [
        Dim::Fixed(3),
        Dim::Fixed(HEADS),
        Dim::Tokens,
        Dim::Fixed(HEAD_DIM),
    ];
    let qkv = graph.input("qkv", dims);
    let offsets = graph.segment_offsets();
    // The next best key weighs exp(-32), which is nothing beside 1.
    graph.attention(qkv, offsets, AttentionOptions::new(32.0))?;

    let tokens: Vec<Place> = [(70, 1), (37, 2)]
        .into_iter()
        .flat_map(|(length, alike)| {
            (0..length).map(move |place| Place {
                place,
                length,
                alike,
            })
        })
        .collect();
    let tokens = &tokens;
    let of_all = |row: fn(&Place, usize) -> [f32; 2]| {
        let heads =
            (0..HEADS).flat_map(move |head| tokens.iter().map(move |token| row(token, head)));
        heads.flat_map(|[at_3, at_19]| {
            let mut row = [0.0; HEAD_DIM]; // each addend of a score is in a matrix of its own
            (row[3], row[19]) = (at_3, at_19);
            row
        })
    };
    let mut qkv: Vec<f32> = of_all(Place::query).chain(of_all(Place::key)).collect();
    let values = [HEADS * tokens.len(), HEAD_DIM];
    qkv.extend(integers(values, |r, d| (5 * r + 3 * d) % 1009));
    let offsets = [0, 70, tokens.len() as u32];
    Ok(Probe {
        graph,
        weights: Arc::default(),
        sizes: Sizes::from_segments(&offsets),
        runs: vec![vec![qkv.into(), offsets.to_vec().into()]],
        within: 0.01, // for exp2 and division; another result is another multiple of a half
    })
}

/// A token of the probe of attention, in a sequence in which so many keys after one another are alike.
struct Place {
    place: usize,
    length: usize,
    alike: usize,
}

impl Place {
    /// A score is 2 * query * key - key^2 of these numbers, 1 less where they differ by 1: the largest where they agree.
    fn number(&self, place: usize) -> f32 {
        (place / self.alike * self.alike) as f32 - (self.length / 2) as f32
    }

    fn key(&self, _head: usize) -> [f32; 2] {
        let number = self.number(self.place);
        [2.0 * number, -number * number]
    }

    /// The order in which queries pick keys is not its own inverse.
    fn query(&self, head: usize) -> [f32; 2] {
        let best = (11 * self.place + 5 * head) % self.length;
        [self.number(best), 1.0]
    }
}

/// Whether a kernel computes its operation's probe right.
fn agrees(gpu: &Gpu, kernel: &'static Kernel) -> Result<bool> {
    for probe in PROBES {
        let probe = probe()?;
        for variant in probe.offered(gpu, kernel.name) {
            if !probe.agrees(gpu, Variant { kernel, ..variant })? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

impl Probe {
    /// The variants of a kernel, such as its tiles.
    fn offered(&self, gpu: &Gpu, kernel: &str) -> Vec<Variant> {
        let node = &self.graph.nodes()[0];
        let request = Request::of(&self.graph, node, gpu.capabilities(), WeightType::F16);
        let offers = node.operation.offers(&request);
        let variants = offers.iter().flat_map(Offer::variants);
        let own = variants.filter(|variant| variant.kernel.name == kernel);
        own.cloned().collect()
    }

    fn agrees(&self, gpu: &Gpu, variant: Variant) -> Result<bool> {
        let options = PlanOptions {
            weight_type: WeightType::F16,
            ..PlanOptions::new(self.sizes)
        };
        let offers = vec![variant.into()];
        let weights = Arc::clone(&self.weights) as _;
        let plan = Plan::with_offers(gpu, self.graph.clone(), weights, &options, offers)?;
        for inputs in &self.runs {
            let values: Vec<Value<'_>> = inputs.iter().map(Value::from).collect();
            let found = plan.run(&self.sizes, &values)?;
            let tensors = interpret(plan.graph(), &*self.weights, &self.sizes, &values)?;
            let output = plan.graph().output().expect("it has a node");
            let mut pairs = found.iter().zip(tensors[&output].f32());
            if !pairs.all(|(found, expected)| (found - expected).abs() <= self.within) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A matrix of small integers, `value` less 6.
fn integers([rows, columns]: [usize; 2], value: impl Fn(usize, usize) -> usize) -> Vec<f32> {
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    places
        .map(|(row, column)| value(row, column) as f32 - 6.0)
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::print_stderr, reason = "a test's report")]

    use super::*;
    use crate::kernel::Storage;
    use crate::tuning::Selection;

    fn kernel(name: &str) -> &'static Kernel {
        let kernel = KERNELS.iter().find(|kernel| kernel.name == name);
        kernel.unwrap_or_else(|| panic!("no kernel is called {name}"))
    }

    /// The kernel with a piece of its text replaced.
    fn mutant(kernel: &'static Kernel, from: &str, to: &str) -> &'static Kernel {
        let wgsl = kernel.wgsl.replace(from, to);
        assert_ne!(wgsl, kernel.wgsl, "{} has no {from:?}", kernel.name);
        Box::leak(Box::new(Kernel {
            wgsl: Box::leak(wgsl.into_boxed_str()),
            ..*kernel
        }))
    }

    /// Why it would be left out.
    fn failure(gpu: &Gpu, kernel: &'static Kernel) -> Option<String> {
        let failures = failures(gpu, [kernel].into_iter());
        failures.into_iter().next().map(|(_, reason)| reason)
    }

    #[test]
    fn what_computes_wrongly_or_does_not_compile_fails() {
        let (gpu, linear) = (Gpu::new().unwrap(), kernel("linear"));
        assert_eq!(failure(&gpu, linear), None);
        let wrong = mutant(linear, "i < params.k;", "i + 1u < params.k;");
        assert_eq!(failure(&gpu, wrong).unwrap(), "it computes wrongly");
        let broken = mutant(linear, "@compute", "@computer");
        assert!(failure(&gpu, broken).unwrap().contains("computer"));
    }

    #[test]
    fn what_attends_wrongly_fails() {
        let (gpu, attention) = (Gpu::new().unwrap(), kernel("attention"));
        assert_eq!(failure(&gpu, attention), None);
        for (from, to) in [
            ("load(2u, head", "load(1u, head"),
            ("first_key = start;", "first_key = 0u;"),
            (" * factor[r];", ";"),
        ] {
            let reason = failure(&gpu, mutant(attention, from, to));
            assert_eq!(reason.as_deref(), Some("it computes wrongly"), "{to}");
        }
    }

    #[test]
    fn every_kernel_to_be_tested_has_a_probe() {
        let operations = PROBES.map(|probe| probe().unwrap().graph.nodes()[0].operation.name());
        for kernel in KERNELS.iter().filter(|kernel| is_doubtful(kernel)) {
            let has_probe = operations.iter().any(|name| kernel.name.starts_with(name));
            assert!(has_probe, "{}", kernel.name);
        }
    }

    #[test]
    fn what_failed_is_chosen_by_no_plan() {
        let gpu = Gpu::new().unwrap();
        let failed = gpu.tested(|| vec![("linear", "it computes wrongly".to_owned())]);
        let obstacle = failed.obstacle(kernel("linear")).unwrap();
        assert!(
            obstacle.ends_with("self-test here: it computes wrongly"),
            "{obstacle}"
        );
        assert!(failed.obstacle(kernel("linear_small")).is_none());
        let mut graph = Graph::new();
        let x = graph.input("x", [Dim::Tokens, Dim::Fixed(4)]);
        let weight = graph.parameter("weight", [4, 4]);
        graph.linear(x, weight, None).unwrap();
        let node = &graph.nodes()[0];
        let request = Request::of(&graph, node, failed, WeightType::F16);
        let offers = node.operation.offers(&request);
        let named = Selection::default().named(["linear"]);
        let (chosen, _) = named.choose("", &offers, Storage::Buffers, failed).unwrap();
        assert_eq!(chosen.largest().kernel.name, "linear_small");
    }

    /// On the adapters that have cooperative matrices.
    #[test]
    fn every_matrix_taken_the_wrong_way_round_is_found() {
        let gpu = Gpu::new().unwrap();
        for kernel in KERNELS.iter().filter(|kernel| is_doubtful(kernel)) {
            if let Some(obstacle) = gpu.capabilities().obstacle(kernel) {
                eprintln!("left to other adapters: {}, since {obstacle}", kernel.name);
                continue;
            }
            assert_eq!(failure(&gpu, kernel), None);
            let places: &[&str] = if kernel.name.starts_with("attention") {
                &[
                    "coopLoadT<MatrixA>(&rows[at], BLOCK_STRIDE);\n                        }", // queries
                    "weights[i] = coopLoadT<MatrixA>",
                    "keys = coopLoad<MatrixB>",
                    "values = coopLoad<MatrixB>",
                    "coopStoreT(scores",
                    "coopStoreT(context",
                ]
            } else {
                &["coopLoadT<MatrixA>", "coopLoad<MatrixB>", "coopStoreT("]
            };
            for from in places {
                let to = the_other_way_round(from);
                let reason = failure(&gpu, mutant(kernel, from, &to));
                assert_eq!(reason.as_deref(), Some("it computes wrongly"), "{to}");
            }
        }
    }

    /// A tile of few rows has one block of them.
    #[test]
    fn every_tile_of_a_kernel_is_tested() {
        let gpu = Gpu::new().unwrap();
        let linear = KERNELS.iter().filter(|kernel| is_doubtful(kernel));
        let linear = linear.filter(|kernel| kernel.name.starts_with("linear"));
        for kernel in linear.filter(|kernel| gpu.capabilities().obstacle(kernel).is_none()) {
            let block = "let block_row = block % BLOCKS / BLOCKS_ACROSS * BLOCK_ROWS;";
            let reason = failure(&gpu, mutant(kernel, block, "let block_row = 0u;"));
            assert_eq!(reason.as_deref(), Some("it computes wrongly"));
        }
    }

    fn the_other_way_round(place: &str) -> String {
        for (plain, turned) in [("coopLoad", "coopLoadT"), ("coopStore", "coopStoreT")] {
            for (from, to) in [(turned, plain), (plain, turned)] {
                if place.contains(from) {
                    return place.replace(from, to);
                }
            }
        }
        panic!("{place} neither loads nor stores")
    }
}
