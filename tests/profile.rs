//! A profiled run gives the bits of another, and says of each dispatch and of the host's work how long it took.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use wgformer::gpu::AdapterChoice;
use wgformer::models::{Batch, Head, Model, ModelOptions};
use wgformer::profile::{Clock, Profile, Span, Track};
use wgformer::verify::{self, Values, cases};
use wgformer::{Embedder, Gpu};

const FOLDER: &str = "tests/data/tiny/plain";

fn model(gpu: &Gpu, options: &ModelOptions) -> Model {
    Model::load(
        gpu,
        Path::new(FOLDER),
        Head::HiddenStates,
        usize::MAX,
        options,
    )
    .unwrap()
}

fn batch(lengths: &[usize]) -> Batch {
    let mut batch = Batch::new();
    for length in lengths {
        batch.push(&vec![7; *length], &vec![0; *length]);
    }
    batch
}

fn of_track(profile: &Profile, track: Track) -> Vec<Span> {
    let spans = profile.spans().into_iter();
    spans.filter(|span| span.track == track).collect()
}

/// As the environment has it, and one without timestamps.
fn with_and_without_timestamps(gpu: &Gpu) -> [Gpu; 2] {
    [gpu.clone(), common::plain(gpu)]
}

#[test]
fn every_dispatch_is_timed_and_the_bits_stay_the_same() {
    let (gpu, _turn) = common::gpu();
    for gpu in with_and_without_timestamps(&gpu) {
        let batch = batch(&[5, 3, 9]);
        let options = ModelOptions::default();
        let expected = model(&gpu, &options).run(&batch).unwrap();

        let profile = Profile::new();
        let profiled = model(&gpu.profiled(&profile), &options);
        let start = Instant::now();
        assert_eq!(profiled.run(&batch).unwrap(), expected);
        let wall = start.elapsed();

        let dispatches = of_track(&profile, Track::Device);
        let nodes = profiled.plan().graph().nodes();
        assert_eq!(dispatches.len(), nodes.len());
        for (dispatch, node) in dispatches.iter().zip(nodes) {
            let work = dispatch.work.as_ref().unwrap();
            assert_eq!(work.operation, node.operation.name());
            let has_clock = gpu
                .capabilities()
                .features
                .contains(wgpu::Features::TIMESTAMP_QUERY);
            assert!(has_clock || dispatch.clock == Clock::Host, "{dispatch:?}");
            assert!(work.bytes > 0.0, "{dispatch:?}");
            assert!(dispatch.start >= Duration::ZERO);
        }
        let in_order = dispatches.is_sorted_by_key(|dispatch| dispatch.start);
        assert!(in_order, "{dispatches:?}");
        let time: Duration = dispatches.iter().map(|dispatch| dispatch.duration).sum();
        assert!(
            time > Duration::ZERO && time <= wall,
            "{time:?} of {wall:?}"
        );
        for track in [
            Track::Upload,
            Track::Encode,
            Track::ReadBack,
            Track::Compile,
            Track::Weights,
        ] {
            assert!(!of_track(&profile, track).is_empty(), "{track:?}");
        }
        let of_kernels: Duration = profile.kernels().iter().map(|kernel| kernel.time).sum();
        assert_eq!(of_kernels, time);
    }
}

#[test]
fn arithmetic_is_that_of_the_sequences_and_of_all_parts_of_a_step() {
    let (gpu, _turn) = common::gpu();
    let flops = |gpu: &Gpu, options: &ModelOptions, operation: &str| {
        let profile = Profile::new();
        let model = model(&gpu.profiled(&profile), options);
        model.run(&batch(&[4, 4, 16])).unwrap();
        let dispatches = of_track(&profile, Track::Device);
        let work = dispatches.into_iter().filter_map(|span| span.work);
        let own: Vec<f64> = work
            .filter(|work| work.operation == operation)
            .map(|work| work.flops)
            .collect();
        let layers = model.plan().graph().nodes().iter();
        let layers = layers.filter(|node| node.operation.name() == operation);
        (own.len(), own.iter().sum::<f64>() / layers.count() as f64)
    };
    let options = ModelOptions::default();
    let hidden = model(&gpu, &options).hidden() as f64;
    let (_, attention) = flops(&gpu, &options, "attention");
    // Each token meets its own sequence: 16 + 16 + 256 pairs, to a whole key a token.
    assert_eq!(attention, 4.0 * hidden * 24.0 * 12.0);
    let (dispatches, qkv) = flops(&gpu, &options, "qkv_linear");
    assert_eq!(qkv, 2.0 * 24.0 * hidden * 3.0 * hidden);
    // In many small submits the parts of a step are as much together.
    let split = ModelOptions::default().submit_time(Duration::from_nanos(1));
    let (parts, of_parts) = flops(&gpu, &split, "qkv_linear");
    assert!(parts >= dispatches);
    assert!(
        (of_parts - qkv).abs() < 1e-6 * qkv,
        "{of_parts} against {qkv}"
    );
}

#[test]
fn texts_are_tokenized_on_a_track_of_their_own() {
    let (gpu, _turn) = common::gpu();
    let profile = Profile::new();
    let embedder = Embedder::load(&gpu.profiled(&profile), FOLDER).unwrap();
    embedder.embed(["a cat", "a dog"]).unwrap();
    assert_eq!(of_track(&profile, Track::Tokenize).len(), 1);
    let mut trace = Vec::new();
    profile.write_trace(&mut trace).unwrap();
    let trace: serde_json::Value = serde_json::from_slice(&trace).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let spans = events.iter().filter(|event| event["ph"] == "X");
    assert_eq!(spans.count(), profile.spans().len());
}

/// Whatever the driver's timestamps say.
#[test]
fn what_takes_long_is_not_said_to_be_short() {
    let (gpu, _turn) = common::gpu();
    for gpu in with_and_without_timestamps(&gpu) {
        assert_times_are_long(&gpu);
    }
}

/// Of kernels that take long, by the host's clock around them.
fn assert_times_are_long(gpu: &Gpu) {
    let case = cases::linear([256, 768, 768], Default::default(), Values::Unit).unwrap();
    for candidate in verify::candidates(gpu, &case).into_iter().take(3) {
        let plan = candidate.plan(gpu, &case).unwrap();
        plan.run(&case.sizes, &case.values()).unwrap();
        let start = Instant::now();
        let times = plan.time(&case.sizes, &case.values(), 3).unwrap();
        let each = start.elapsed() / 4; // one before they are timed
        if each > Duration::from_millis(5) {
            assert!(times.best() > each / 10, "{times:?}, about {each:?} each");
        }
    }
}

/// Also where they are asked for before anything that spoils them.
#[test]
fn timestamps_that_become_wrong_later_are_not_believed_before() {
    let (_, _turn) = common::gpu();
    let fresh = Gpu::open(&AdapterChoice::from_env()).unwrap();
    let _ = fresh.has_timestamps();
    assert_times_are_long(&fresh);
}
