//! A process that has no memory left for a model still has the use of the one before. The process is a child of the
//! test's own: the limit is the whole process's.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "a test's report")]

mod common;

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, setrlimit};
use wgformer::models::{Batch, Head, Model, ModelOptions};
use wgformer::ops::Activation;
use wgformer::plan::{Plan, PlanOptions, Value};
use wgformer::tensor::{Dim, Sizes, Tensor};
use wgformer::{Error, Gpu, Graph};

/// What the process may have beyond what it has: enough for a small run, for drivers' threads and for errors.
const SPARE: u64 = 256 << 20;

/// The address space of this process, in bytes.
fn address_space() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    4096 * pages.split(' ').next().unwrap().parse::<u64>().unwrap()
}

/// Says to a process of this file that it is the child.
const CHILD: &str = "WGFORMER_OUT_OF_MEMORY_CHILD";

#[test]
fn out_of_memory_is_an_error_and_what_was_there_still_works() {
    if std::env::var_os(CHILD).is_some() {
        return run_out_of_memory();
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let child = child.env(CHILD, "1").args(["--exact", "--nocapture"]);
    let child = child.arg("out_of_memory_is_an_error_and_what_was_there_still_works");
    let output = child.output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    eprintln!("{printed}");
    assert!(output.status.success(), "{}", output.status);
    assert!(printed.contains("1 passed"), "it ran nothing");
}

fn run_out_of_memory() {
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
    // Whichever allocation it is that fails: of weights, of what brings them, of activations.
    let weights = [512, 1024, 1536, 2048, 3072].map(|columns| {
        let large = move |gpu: &Gpu| large_weight(gpu, columns);
        Box::new(large) as Box<dyn Fn(&Gpu) -> Result<Plan, Error>>
    });
    for large in weights
        .into_iter()
        .chain([Box::new(large_activations) as _])
    {
        // Small steps, so that it is not one allocation beyond all limits that fails.
        let mut plans = Vec::new();
        let error = loop {
            match large(&gpu) {
                Ok(plan) => plans.push(plan),
                Err(error) => break error,
            }
            assert!(plans.len() < 1024, "the limit has no effect");
        };
        assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
        assert!(error.to_string().contains("set a memory budget"), "{error}");
        assert_eq!(model.run(&batch).unwrap(), expected, "while there is none");
        drop(plans);
        let found = model.run(&batch).unwrap();
        assert_eq!(found, expected, "once there is some again");
        large(&gpu).unwrap();
    }
}

/// A plan of some megabytes of weights.
fn large_weight(gpu: &Gpu, columns: usize) -> Result<Plan, Error> {
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(columns)]);
    let weight = graph.parameter("weight", [columns, columns]);
    graph.linear(x, weight, None)?;
    let zeros = Tensor::new([columns, columns], vec![0.0; columns * columns]);
    let weights = HashMap::from([("weight".to_owned(), zeros)]);
    let options = PlanOptions::new(Sizes::from_segments(&[0, 1]));
    Plan::compile(gpu, &graph, Arc::new(weights), &options)
}

const TOKENS: usize = 4096;

/// One with some tens of megabytes of activations, which it needed.
fn large_activations(gpu: &Gpu) -> Result<Plan, Error> {
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(512)]);
    let y = graph.activation(x, Activation::Gelu)?;
    graph.add(x, y)?;
    let sizes = Sizes {
        tokens: TOKENS,
        sequences: 1,
        longest: TOKENS,
    };
    let weights = Arc::new(HashMap::new());
    let plan = Plan::compile(gpu, &graph, weights, &PlanOptions::new(sizes))?;
    run(&plan).map(|()| plan)
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
