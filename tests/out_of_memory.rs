//! A process that has no memory left for a model still has the use of the one before. Alone in this file: the limit is
//! the whole process's.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "a test's report")]

mod common;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, setrlimit};
use wgformer::models::{Batch, Head, Model, ModelOptions};
use wgformer::plan::{Plan, PlanOptions, Value};
use wgformer::tensor::{Dim, Sizes};
use wgformer::{Error, Graph};

/// What the process may have beyond what it has: enough for a small run, for drivers' threads and for errors.
const SPARE: u64 = 256 << 20;

/// The address space of this process, in bytes.
fn address_space() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    4096 * pages.split(' ').next().unwrap().parse::<u64>().unwrap()
}

#[test]
fn out_of_memory_is_an_error_and_what_was_there_still_works() {
    let (gpu, _turn) = common::gpu();
    if gpu.capabilities().info.device_type != wgpu::DeviceType::Cpu {
        eprintln!("left to software adapters: the memory of a GPU is not the process's");
        return;
    }
    let options = ModelOptions::default();
    let directory = Path::new("tests/data/tiny/plain");
    let model = Model::load(&gpu, directory, Head::HiddenStates, usize::MAX, &options).unwrap();
    let mut batch = Batch::new();
    batch.push(&[1, 2, 3, 4], &[0; 4]);
    let expected = model.run(&batch).unwrap();

    let current = Some(address_space() + SPARE);
    let maximum = None;
    setrlimit(Resource::As, Rlimit { current, maximum }).unwrap();
    // Small steps, so that it is not one allocation beyond all limits that fails.
    let mut plans = Vec::new();
    let error = loop {
        let plan = large_plan(&gpu);
        match plan.and_then(|plan| run(&plan).map(|()| plan)) {
            Ok(plan) => plans.push(plan),
            Err(error) => break error,
        }
        assert!(plans.len() < 64, "the limit has no effect");
    };
    assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
    assert!(error.to_string().contains("set a memory budget"), "{error}");
    assert_eq!(model.run(&batch).unwrap(), expected, "while there is none");
    drop(plans);
    assert_eq!(
        model.run(&batch).unwrap(),
        expected,
        "once there is some again"
    );
    run(&large_plan(&gpu).unwrap()).unwrap();
}

const TOKENS: usize = 4096;

/// Of some tens of megabytes of activations.
fn large_plan(gpu: &wgformer::Gpu) -> Result<Plan, Error> {
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(512)]);
    let y = graph.gelu(x)?;
    graph.add(x, y)?;
    let sizes = Sizes {
        tokens: TOKENS,
        sequences: 1,
        longest: TOKENS,
    };
    Plan::compile(
        gpu,
        &graph,
        Arc::new(HashMap::new()),
        &PlanOptions::new(sizes),
    )
}

/// On one token, so that the host needs little itself.
fn run(plan: &Plan) -> Result<(), Error> {
    let sizes = Sizes {
        tokens: 1,
        sequences: 1,
        longest: 1,
    };
    plan.run(&sizes, &[Value::F32(&[0.5; 512])]).map(drop)
}
