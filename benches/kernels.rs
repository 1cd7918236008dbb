//! Every kernel that this adapter can run, on the shapes of all-MiniLM-L6-v2: verified, then timed.
//! A time includes writing the inputs and reading the result back.
#![expect(
    clippy::print_stderr,
    reason = "a benchmark's report names the adapter"
)]

#[path = "../src/bin/wgformer/bench/shapes.rs"]
#[expect(dead_code, reason = "`wgformer bench` measures more of them")]
mod shapes;

use criterion::{Criterion, criterion_group, criterion_main};
use shapes::Shape;
use wgformer::{Gpu, verify};

fn kernels(criterion: &mut Criterion) {
    let gpu = Gpu::new().unwrap_or_else(|error| panic!("{error}"));
    eprintln!("adapter: {}", gpu.capabilities());
    let sizes = Shape::MiniLmL6.sizes().expect("it is an encoder");
    let [hidden, heads, intermediate] = [sizes.hidden, sizes.heads, sizes.intermediate];
    for recipe in verify::cases::of_layer(&[128; 2], hidden, heads, intermediate) {
        let case = recipe().unwrap();
        for outcome in verify::check(&gpu, &case).unwrap() {
            assert!(outcome.failure.is_none(), "{outcome}");
        }
        let mut group = criterion.benchmark_group(case.name.replace('/', " per "));
        group.sample_size(10);
        for candidate in verify::candidates(&gpu, &case) {
            let name = format!(
                "{}, {}",
                candidate.variant().kernel.name,
                candidate.describe()
            );
            let (plan, values) = (candidate.plan(&gpu, &case).unwrap(), case.values());
            group.bench_function(name, |bencher| {
                bencher.iter(|| plan.run(&case.sizes, &values).unwrap())
            });
        }
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
