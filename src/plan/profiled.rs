//! A run whose every dispatch is timed: the same steps as `run`, in passes, or submits, of their own.

use std::time::{Duration, Instant};

use super::recording::{Piece, Recording};
use super::{Control, Plan, Value};
use crate::error::Result;
use crate::gpu::{MOST_PASSES, Profiler};
use crate::graph::{Domain, Node, Source};
use crate::kernel::{Binding, Variant};
use crate::profile::{Clock, Track, Work};
use crate::tensor::{Sizes, WeightType};

impl Plan {
    /// As [`Plan::run`]; `work`: what each step computes.
    pub(super) async fn finish_profiled(
        &self,
        profiler: &Profiler,
        recording: &mut Recording,
        work: &[Work],
        control: &mut Control<'_>,
    ) -> Result<Vec<f32>> {
        let by_timestamps = self.gpu.has_timestamps();
        let most_parts = if by_timestamps { MOST_PASSES } else { 1 };
        while !recording.is_done() {
            let piece = recording.next_piece(self, self.submit_time, most_parts)?;
            let timed = if by_timestamps {
                self.run_by_timestamps(profiler, recording, &piece).await?
            } else {
                self.run_by_the_host(profiler, recording, &piece).await?
            };
            for (part, time) in piece.parts().iter().zip(timed) {
                let (variant, share) = recording.variant(self, part);
                profiler.profile.add_dispatch(
                    variant.to_string(),
                    time.start,
                    time.duration,
                    time.clock,
                    work[part.step].times(share),
                );
            }
            control.report(recording.recorded(), self.steps.len());
        }
        let start = Instant::now();
        self.gpu.checked("reading the result", || {
            let mut encoder = self.encoder();
            recording.record_readback(self, &mut encoder);
            self.gpu.queue().submit([encoder.finish()])
        })?;
        let values = recording.read(self).await?;
        profiler
            .profile
            .add_of_host(Track::ReadBack, "result", start);
        recording.is_through();
        Ok(values)
    }

    /// A pass for each part, and a submit for all of them.
    async fn run_by_timestamps(
        &self,
        profiler: &Profiler,
        recording: &mut Recording,
        piece: &Piece,
    ) -> Result<Vec<Timed>> {
        let passes = piece.parts().len();
        let mut timestamps = profiler.take_timestamps(&self.gpu)?;
        let submitted = Instant::now();
        self.gpu.checked("running the plan", || {
            let mut encoder = self.encoder();
            recording.record_inputs(&mut encoder, piece);
            for (pass, part) in piece.parts().iter().enumerate() {
                let timestamps = Some(timestamps.of_pass(pass));
                recording.record_part(self, &mut encoder, part, timestamps);
            }
            timestamps.record(&mut encoder, passes);
            self.gpu.queue().submit([encoder.finish()])
        })?;
        recording.submitted();
        profiler
            .profile
            .add_of_host(Track::Encode, "submit", submitted);
        let times = timestamps.read(&self.gpu, passes).await?;
        let until = profiler.profile.since(Instant::now());
        profiler.give_back(timestamps);
        Ok(on_the_hosts_clock(&times, until))
    }

    /// A submit of the piece's only part, which is waited for.
    async fn run_by_the_host(
        &self,
        profiler: &Profiler,
        recording: &mut Recording,
        piece: &Piece,
    ) -> Result<Vec<Timed>> {
        let encoding = Instant::now();
        let (submission, start) = self.gpu.checked("running the plan", || {
            let mut encoder = self.encoder();
            recording.record(self, &mut encoder, piece);
            let commands = encoder.finish();
            // Some drivers do the work while they submit it.
            let start = Instant::now();
            (self.gpu.queue().submit([commands]), start)
        })?;
        recording.submitted();
        profiler
            .profile
            .add_of_host(Track::Encode, "submit", encoding);
        self.gpu.wait_exactly(submission).await?;
        Ok(vec![Timed {
            start: profiler.profile.since(start),
            duration: start.elapsed(),
            clock: Clock::Host,
        }])
    }

    /// What each step computes in a run on these inputs: arithmetic of the lengths that their sequences have.
    ///
    /// ```
    /// # use std::{collections::HashMap, sync::Arc};
    /// # use wgformer::{Gpu, Graph, plan::{Plan, PlanOptions, Value}, tensor::{Dim, Sizes, Tensor}};
    /// # let mut graph = Graph::new();
    /// # let x = graph.input("x", [Dim::Tokens, Dim::Fixed(2)]);
    /// # let weight = graph.parameter("weight", [1, 2]);
    /// # graph.linear(x, weight, None)?;
    /// # let weights = HashMap::from([("weight".to_owned(), Tensor::new([1, 2], vec![3.0, 4.0]))]);
    /// # let sizes = Sizes::from_segments(&[0, 2]);
    /// # let plan = Plan::compile(&Gpu::new()?, &graph, Arc::new(weights), &PlanOptions::new(sizes))?;
    /// let work = plan.work(&sizes, &[Value::F32(&[1.0, 0.0, 1.0, 1.0])]);
    /// println!("{} {}", work[0].operation, work[0].shape);
    /// assert_eq!((work[0].flops, work[0].bytes), (8.0, 32.0));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn work(&self, sizes: &Sizes, values: &[Value<'_>]) -> Vec<Work> {
        // Attention's arithmetic goes with the lengths of all sequences, not with the longest.
        let sizes = Sizes {
            longest: self.mean_keys(values).unwrap_or(sizes.longest),
            ..*sizes
        };
        let steps = self.graph.nodes().iter().zip(&self.steps);
        let work = steps.map(|(node, step)| Work {
            operation: node.operation.name(),
            shape: self.graph.tensor(node.output).shape.to_string(),
            flops: self.graph.flops(node, &sizes).unwrap_or(0.0),
            bytes: self.bytes(node, step.at(&sizes), &sizes),
        });
        work.collect()
    }

    /// How many tokens the sequence of a token has, on average over all tokens.
    fn mean_keys(&self, values: &[Value<'_>]) -> Option<usize> {
        let is_offsets = |value: &&(&crate::graph::TensorId, &Value<'_>)| {
            self.graph.tensor(*value.0).source == Source::Input(Domain::Segments)
        };
        let inputs = self.graph.inputs().iter().zip(values);
        let Value::U32(offsets) = inputs.collect::<Vec<_>>().iter().find(is_offsets)?.1 else {
            return None;
        };
        let lengths = offsets
            .windows(2)
            .map(|pair| f64::from(pair[1].saturating_sub(pair[0])));
        let (pairs, tokens) = lengths.fold((0.0, 0.0), |(pairs, tokens), length| {
            (pairs + length * length, tokens + length)
        });
        Some((pairs / f64::max(tokens, 1.0)).round() as usize)
    }

    /// Of a step's operands and its result: of a table, the rows that it reads.
    fn bytes(&self, node: &Node, variant: &Variant, sizes: &Sizes) -> f64 {
        let result = self.graph.tensor(node.output).shape.elements(sizes);
        let is_table = |place: usize| {
            let mut bindings = variant.bindings.iter();
            bindings.any(|it| matches!(it, Binding::Table { table, .. } if *table == place))
        };
        let operands = node.inputs.iter().enumerate().map(|(place, tensor)| {
            let tensor = self.graph.tensor(*tensor);
            let elements = tensor.shape.elements(sizes);
            let is_matrix = tensor.source == Source::Parameter && tensor.shape.dims().len() == 2;
            let elements = if is_table(place) {
                elements.min(result)
            } else {
                elements
            };
            let bytes = match self.weight_type {
                WeightType::F16 if is_matrix => 2,
                WeightType::I8 if is_matrix => 1,
                _ => 4,
            };
            bytes * elements
        });
        (operands.sum::<usize>() + 4 * result) as f64
    }
}

/// When a dispatch ran.
struct Timed {
    start: Duration,
    duration: Duration,
    clock: Clock,
}

/// The device's clock began at another time, which nobody tells: its last pass ended when the host heard of it, but for the
/// way there.
fn on_the_hosts_clock(times: &[[Duration; 2]], until: Duration) -> Vec<Timed> {
    let last = times.iter().map(|[_, end]| *end).max().unwrap_or_default();
    let timed = times.iter().map(|[start, end]| Timed {
        start: until.saturating_sub(last.saturating_sub(*start)),
        duration: end.saturating_sub(*start),
        clock: Clock::Device,
    });
    timed.collect()
}
