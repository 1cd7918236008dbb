//! Kernels that drivers have got wrong are run on known products before any plan may choose them.
//!
//! Cooperative matrices are new, and whether memory is read by rows or by columns has been mixed up in more than one
//! translation. A column times a row shows that: taken the wrong way round, either of them leaves almost nothing.

use std::collections::HashMap;

use super::{Plan, PlanOptions, Value, interpret};
use crate::error::Result;
use crate::gpu::{Capabilities, Gpu};
use crate::graph::{Graph, Request};
use crate::kernel::{Kernel, Offer};
use crate::ops::KERNELS;
use crate::tensor::{Dim, Sizes, Tensor, WeightType};

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

/// Rows, columns and k: more than a tile of each, and no whole number of tiles.
const SIZES: [usize; 3] = [70, 68, 36];

/// Whether a kernel of linear layers multiplies exactly what f16 and f32 hold exactly.
fn agrees(gpu: &Gpu, kernel: &'static Kernel) -> Result<bool> {
    let [m, n, k] = SIZES;
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(k)]);
    let weight = graph.parameter("weight", [n, k]);
    graph.linear(x, weight, None)?;
    let weights = HashMap::from([(
        "weight".to_owned(),
        Tensor::new([n, k], integers([n, k], |j, i| (7 * j + 2 * i) % 13)),
    )]);

    let node = &graph.nodes()[0];
    let request = Request::of(&graph, node, gpu.capabilities(), WeightType::F16);
    let offers = node.operation.offers(&request);
    let variant = offers
        .iter()
        .flat_map(Offer::variants)
        .find(|variant| variant.kernel.name == kernel.name);
    let Some(mut variant) = variant.cloned() else {
        return Ok(true); // nobody is offered it
    };
    variant.kernel = kernel;
    let sizes = Sizes {
        tokens: m,
        sequences: 1,
        longest: m,
    };
    let options = PlanOptions {
        weight_type: WeightType::F16,
        ..PlanOptions::new(sizes)
    };
    let plan = Plan::with_offers(gpu, graph, &weights, &options, vec![variant.into()])?;

    let column = integers([m, k], |r, i| if i == 0 { r % 11 } else { 6 }); // 6 gives 0
    let dense = integers([m, k], |r, i| (5 * r + 3 * i) % 17);
    for x in [column, dense] {
        let values = [Value::F32(&x)];
        let found = plan.run(&sizes, &values)?;
        let tensors = interpret(plan.graph(), &weights, &sizes, &values)?;
        let output = plan.graph().output().expect("it has a node");
        if found != tensors[&output].f32() {
            return Ok(false);
        }
    }
    Ok(true)
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
        let named = Selection::Named(vec!["linear".to_owned()]);
        let chosen = named.choose("", &offers, Storage::Buffers, failed).unwrap();
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
            for (from, to) in [
                ("coopLoadT<MatrixA>", "coopLoad<MatrixA>"),
                ("coopLoad<MatrixB>", "coopLoadT<MatrixB>"),
                ("coopStoreT(", "coopStore("),
            ] {
                let reason = failure(&gpu, mutant(kernel, from, to));
                assert_eq!(reason.unwrap(), "it computes wrongly", "{to}");
            }
        }
    }
}
