//! Every kernel that this adapter can run, on the shapes of all-MiniLM-L6-v2: verified, then timed.
//! A time includes writing the inputs and reading the result back.
#![expect(
    clippy::print_stderr,
    reason = "a benchmark's report names the adapter"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use wgformer::{Gpu, verify};

fn kernels(criterion: &mut Criterion) {
    let gpu = Gpu::new().unwrap_or_else(|error| panic!("{error}"));
    eprintln!("adapter: {}", gpu.capabilities());
    for recipe in verify::cases::of_layer(&[128; 2], 384, 12, 1536) {
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
