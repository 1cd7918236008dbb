use std::time::Duration;

use super::{Clock, Span, Work};

/// What all dispatches of a kernel took together.
///
/// See [`Profile`](super::Profile) for an example.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KernelTime {
    /// The kernel and its tile.
    pub name: String,
    /// How many there were.
    pub dispatches: usize,
    /// How long they took.
    pub time: Duration,
    /// By whose clock.
    pub clock: Clock,
    /// The multiplications and additions of their matrix products.
    pub flops: f64,
    /// The bytes of their operands and results.
    pub bytes: f64,
}

impl KernelTime {
    pub(super) fn none(span: &Span) -> Self {
        Self {
            name: span.name.clone(),
            dispatches: 0,
            time: Duration::ZERO,
            clock: span.clock,
            flops: 0.0,
            bytes: 0.0,
        }
    }

    pub(super) fn add(&mut self, span: &Span, work: &Work) {
        self.dispatches += 1;
        self.time += span.duration;
        self.flops += work.flops;
        self.bytes += work.bytes;
    }

    /// Billions of multiplications and additions a second, where it has matrix products.
    ///
    /// ```
    /// # use wgformer::{Gpu, Graph, plan::{Plan, PlanOptions, Value}, profile::Profile};
    /// # use wgformer::tensor::{Dim, Sizes, Tensor};
    /// # let mut graph = Graph::new();
    /// # let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
    /// # let weight = graph.parameter("weight", [4, 8]);
    /// # graph.linear(x, weight, None)?;
    /// # let ones = Tensor::new([4, 8], vec![1.0; 32]);
    /// # let weights = std::sync::Arc::new(std::collections::HashMap::from([("weight".to_owned(), ones)]));
    /// # let sizes = Sizes::from_segments(&[0, 1]);
    /// # let profile = Profile::new();
    /// # let gpu = Gpu::new()?.profiled(&profile);
    /// # let plan = Plan::compile(&gpu, &graph, weights, &PlanOptions::new(sizes))?;
    /// # plan.run(&sizes, &[Value::F32(&[1.0; 8])])?;
    /// for kernel in profile.kernels() {
    ///     let gflops = kernel.gflops_per_second().unwrap_or(0.0);
    ///     println!("{}: {gflops:.1} GFLOP/s, {:.1} GB/s", kernel.name, kernel.gigabytes_per_second());
    /// #   assert_eq!(kernel.flops, 64.0);
    /// }
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn gflops_per_second(&self) -> Option<f64> {
        (self.flops > 0.0).then(|| self.flops / self.time.as_secs_f64() / 1e9)
    }

    /// Billions of bytes a second, of operands and results.
    ///
    /// See [`KernelTime::gflops_per_second`] for an example.
    #[must_use]
    pub fn gigabytes_per_second(&self) -> f64 {
        self.bytes / self.time.as_secs_f64() / 1e9
    }
}
