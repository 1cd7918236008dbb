//! Runs that an application records into encoders of its own, and runs that are split, cancelled or lose their device.
#![expect(clippy::print_stderr, reason = "a test's report")]

mod common;

use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use wgformer::kernel::Storage;
use wgformer::models::{Batch, Head, Model, ModelOptions};
use wgformer::ops::{AttentionOptions, Pooling};
use wgformer::plan::{Control, Forward, Plan, PlanOptions, Value};
use wgformer::tensor::{Dim, Sizes};
use wgformer::verify::Random;
use wgformer::{Error, Gpu, Graph};

const POOLED: Head = Head::Pooled {
    pooling: Pooling::Mean,
    normalize: true,
};

/// One on textures where the adapter prefers them, whose rows are not what a copy wants, and one on buffers everywhere.
const MODELS: [&str; 2] = ["plain", "intermediate-of-67"];

fn model(gpu: &Gpu, name: &str, head: Head, options: &ModelOptions) -> Model {
    let directory = Path::new("tests/data/tiny").join(name);
    Model::load(gpu, &directory, head, usize::MAX, options).unwrap()
}

/// Two sequences, others for each seed.
fn batch(seed: u32) -> Batch {
    let mut batch = Batch::new();
    for length in [3, 7] {
        let ids: Vec<u32> = (0..length).map(|i| (7 * i + 5 * seed) % 60).collect();
        batch.push(&ids, &vec![0; ids.len()]);
    }
    batch
}

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device().create_command_encoder(&Default::default())
}

/// The result as a shader of the application would find it.
fn read(gpu: &Gpu, forward: &Forward) -> Vec<f32> {
    let size = 4 * forward.shape().iter().product::<usize>() as u64;
    let staging = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = encoder(gpu);
    encoder.copy_buffer_to_buffer(forward.output(), 0, &staging, 0, size);
    gpu.queue().submit([encoder.finish()]);
    staging.map_async(wgpu::MapMode::Read, .., |mapped| mapped.unwrap());
    gpu.device()
        .poll(wgpu::PollType::wait_indefinitely())
        .unwrap();
    let view = staging.get_mapped_range(..).unwrap();
    bytemuck::pod_collect_to_vec(&view)
}

#[test]
fn runs_recorded_in_turn_into_shared_encoders_give_what_a_run_alone_gives() {
    let (gpu, _turn) = common::gpu();
    for (name, head) in MODELS
        .into_iter()
        .flat_map(|name| [(name, POOLED), (name, Head::HiddenStates)])
    {
        let model = model(&gpu, name, head.clone(), &ModelOptions::default());
        let expected = [1, 2, 3].map(|seed| model.run(&batch(seed)).unwrap());
        let mut forwards = [1, 2, 3].map(|seed| model.begin(&batch(seed)).unwrap());
        let mut submits = 0;
        while forwards.iter().any(|forward| !forward.is_done()) {
            let mut encoder = encoder(&gpu);
            for forward in &mut forwards {
                if !forward.is_done() {
                    forward.record(&mut encoder, Duration::ZERO).unwrap();
                }
            }
            gpu.queue().submit([encoder.finish()]);
            submits += 1;
        }
        assert_eq!(
            submits,
            model.plan().graph().nodes().len(),
            "a step at a time"
        );
        for (forward, expected) in forwards.iter().zip(&expected) {
            assert_eq!(&read(&gpu, forward), expected, "{name}, {head:?}");
        }
    }
}

/// What was recorded but not submitted when another run begins keeps its inputs.
#[test]
fn runs_dropped_before_they_are_submitted_keep_their_inputs() {
    let (gpu, _turn) = common::gpu();
    let model = model(&gpu, "plain", POOLED, &ModelOptions::default());
    let expected = model.run(&batch(2)).unwrap();
    let mut encoders = Vec::new();
    let mut last = None;
    for seed in [1, 2] {
        drop(last.take()); // gives the device's memory to the next
        let mut forward = model.begin(&batch(seed)).unwrap();
        let mut encoder = encoder(&gpu);
        forward.record(&mut encoder, Duration::MAX).unwrap();
        assert!(forward.is_done());
        encoders.push(encoder.finish());
        last = Some(forward);
    }
    gpu.queue().submit(encoders);
    assert_eq!(read(&gpu, &last.unwrap()), expected);
}

/// An encoder that waits to be submitted must not write what another run uses meanwhile.
#[test]
fn a_dropped_run_keeps_its_memory_until_it_is_over() {
    let (gpu, _turn) = common::gpu();
    // On buffers everywhere, where the result is the memory of a step.
    let model = model(&gpu, "intermediate-of-67", POOLED, &ModelOptions::default());
    let mut forward = model.begin(&batch(1)).unwrap();
    let memory = forward.output().clone();
    let mut encoder = encoder(&gpu);
    forward.record(&mut encoder, Duration::MAX).unwrap();
    drop(forward);
    let other = model.begin(&batch(2)).unwrap();
    assert_ne!(other.output(), &memory, "not submitted");
    drop(other); // never recorded, and gone
    gpu.queue().submit([encoder.finish()]);
    gpu.device()
        .poll(wgpu::PollType::wait_indefinitely())
        .unwrap();
    let next = model.begin(&batch(3)).unwrap();
    assert_eq!(next.output(), &memory, "over");
}

#[test]
fn a_budget_holds_as_many_steps_as_are_estimated_to_fit() {
    let (gpu, _turn) = common::gpu();
    let model = model(&gpu, "plain", POOLED, &ModelOptions::default());
    model.run(&batch(1)).unwrap();
    let mut forward = model.begin(&batch(1)).unwrap();
    let half = forward.time_left() / 2;
    let mut encoder = encoder(&gpu);
    forward.record(&mut encoder, half).unwrap();
    assert!(!forward.is_done());
    assert!(forward.time_left() >= half, "no more than what fits");
    forward.record(&mut encoder, Duration::MAX).unwrap();
    assert!(forward.is_done());
    assert_eq!(forward.time_left(), Duration::ZERO);
    let again = forward.record(&mut encoder, half);
    assert!(matches!(again, Err(Error::Input { .. })), "{again:?}");
    assert!(again.unwrap_err().to_string().contains("begin another one"));
}

/// A kernel counts its workgroups in a `u32`: those of as many sequences as there may be, had each the longest's tiles.
#[test]
fn more_workgroups_than_can_be_counted_are_refused() {
    let (gpu, _turn) = common::gpu();
    let (empty, tokens, heads) = (1 << 23, 1 << 14, 4);
    let mut graph = Graph::new();
    let offsets = graph.segment_offsets();
    let dims = [Dim::Fixed(3), Dim::Fixed(heads), Dim::Tokens, Dim::Fixed(4)];
    let qkv = graph.input("qkv", dims);
    graph
        .attention(qkv, offsets, AttentionOptions::new(1.0))
        .unwrap();
    let mut segments = vec![0; empty + 1];
    segments.push(tokens as u32);
    let sizes = Sizes::from_segments(&segments);
    let options = PlanOptions::new(sizes).storage(Storage::Buffers);
    let weights = Arc::new(HashMap::new());
    let plan = Plan::compile(&gpu, &graph, weights, &options).unwrap();
    let values = vec![0.0; 3 * heads * tokens * 4];
    let values = [Value::U32(&segments), Value::F32(&values)];
    let error = plan.run(&sizes, &values).unwrap_err().to_string();
    assert!(error.contains("workgroups"), "{error}");
}

#[test]
fn nothing_is_recorded_of_a_batch_that_does_not_fit() {
    let (gpu, _turn) = common::gpu();
    let model = model(&gpu, "plain", POOLED, &ModelOptions::default());
    let mut batch = Batch::new();
    batch.push(&[5, 99_999], &[0, 0]);
    let error = model.begin(&batch).unwrap_err();
    assert!(matches!(error, Error::Input { .. }), "{error}");
}

#[test]
fn the_bits_do_not_depend_on_how_a_run_is_split() {
    let (gpu, _turn) = common::gpu();
    for name in MODELS {
        let [whole, split] = [Duration::MAX, Duration::ZERO].map(|submit_time| {
            let mut options = ModelOptions::default();
            options = options.submit_time(submit_time);
            let model = model(&gpu, name, Head::HiddenStates, &options);
            [1, 2].map(|seed| model.run(&batch(seed)).unwrap())
        });
        assert_eq!(whole, split, "{name}");
    }
}

/// A linear layer of some tens of milliseconds on a software adapter, and its input.
///
/// `change`: what is done with the options and a submit time beyond all of that.
fn large(
    gpu: &Gpu,
    change: impl FnOnce(PlanOptions, Duration) -> PlanOptions,
) -> (Arc<Plan>, Sizes, Vec<f32>) {
    const ROWS: usize = 1024;
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(256)]);
    let weight = graph.parameter("weight", [1024, 256]);
    graph.linear(x, weight, None).unwrap();
    let mut random = Random::new(3);
    let weights = HashMap::from([("weight".to_owned(), random.weights(&[1024, 256]))]);
    let sizes = Sizes {
        tokens: ROWS,
        sequences: 1,
        longest: ROWS,
    };
    let options = change(PlanOptions::new(sizes), Duration::from_secs(60));
    let plan = Plan::compile(gpu, &graph, Arc::new(weights), &options).unwrap();
    let x = (0..ROWS * 256).map(|_| random.unit()).collect();
    (Arc::new(plan), sizes, x)
}

/// Of more work than a millisecond is enough for: the first piece holds some of its workgroups.
#[test]
fn a_dispatch_that_alone_takes_too_long_is_split() {
    let (gpu, _turn) = common::gpu();
    let (plan, sizes, x) = large(&gpu, |options, _| options);
    let values = [Value::F32(&x)];
    let expected = plan.run(&sizes, &values).unwrap();
    let mut forward = plan.begin(&sizes, &values).unwrap();
    let whole = forward.time_left();
    if whole < Duration::from_millis(4) {
        eprintln!("left to slower adapters: here it takes {whole:?}");
        return;
    }
    let mut submits = 0;
    while !forward.is_done() {
        let before = forward.time_left();
        let mut encoder = encoder(&gpu);
        forward.record(&mut encoder, whole / 3).unwrap();
        gpu.queue().submit([encoder.finish()]);
        let recorded = before - forward.time_left();
        assert!(
            recorded <= whole / 3 + Duration::from_micros(1),
            "{recorded:?} of {whole:?}"
        );
        submits += 1;
    }
    assert!((3..=4).contains(&submits), "{submits}");
    assert_eq!(read(&gpu, &forward), expected);
}

/// After each number of polls, so between any two submits and while the result is read back.
#[test]
fn a_dropped_future_leaves_the_model_usable() {
    let (gpu, _turn) = common::gpu();
    let mut options = ModelOptions::default();
    options = options.submit_time(Duration::ZERO);
    let model = model(&gpu, "plain", POOLED, &options);
    let expected = model.run(&batch(1)).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    for polls in 0..30 {
        let other = batch(2);
        let mut run = pin!(model.run_async(&other));
        for _ in 0..polls {
            if let Poll::Ready(result) = run.as_mut().poll(&mut context) {
                result.unwrap();
                break;
            }
            std::thread::sleep(Duration::from_micros(300));
        }
    }
    assert_eq!(model.run(&batch(1)).unwrap(), expected);
}

/// The application's own polls map results too, on its threads, at the moment when a run is given up.
#[test]
fn runs_are_dropped_while_their_results_are_mapped() {
    let (gpu, _turn) = common::gpu();
    let model = model(&gpu, "plain", POOLED, &ModelOptions::default());
    let (one, other) = (batch(1), batch(2));
    let expected = model.run(&one).unwrap();
    let end = Instant::now() + Duration::from_secs(5);
    let poll = || {
        while Instant::now() < end {
            gpu.device().poll(wgpu::PollType::Poll).unwrap();
        }
    };
    let drop_and_run = |seed| {
        let mut random = Random::new(seed);
        let mut context = Context::from_waker(Waker::noop());
        while Instant::now() < end {
            let enough = Instant::now() + Duration::from_micros(random.below(3_000) as u64);
            let mut run = Box::pin(model.run_async(&other));
            while run.as_mut().poll(&mut context).is_pending() && Instant::now() < enough {
                std::hint::spin_loop();
            }
            drop(run);
            assert_eq!(model.run(&one).unwrap(), expected);
        }
    };
    std::thread::scope(|threads| {
        for seed in 0..4 {
            threads.spawn(poll);
            threads.spawn(move || drop_and_run(seed));
        }
    });
}

/// Each number of rows that a variant is for is run, with as many sequences as that takes.
#[test]
fn a_model_that_was_warmed_up_gives_the_same_bits() {
    let (gpu, _turn) = common::gpu();
    for (name, batch_tokens) in [("plain", 256), ("intermediate-of-67", 16)] {
        let mut options = ModelOptions::default();
        options = options.batch_tokens(batch_tokens);
        let [cold, warm] = [(); 2].map(|()| model(&gpu, name, POOLED, &options));
        warm.warm_up().unwrap();
        assert_eq!(warm.memory().runs, 1, "what a run needs is there");
        assert_eq!(warm.run(&batch(1)).unwrap(), cold.run(&batch(1)).unwrap());
    }
}

/// Nearer to what a run takes than the guess before, unless that was good.
#[test]
fn a_plan_that_was_warmed_up_knows_how_long_it_takes() {
    let (gpu, _turn) = common::gpu();
    let (plan, sizes, x) = large(&gpu, PlanOptions::submit_time);
    let values = [Value::F32(&x)];
    let time_left = || plan.begin(&sizes, &values).unwrap().time_left();
    let guess = time_left();
    plan.warm_up().unwrap();
    let estimate = time_left();
    let start = Instant::now();
    plan.run(&sizes, &values).unwrap();
    let taken = start.elapsed();
    eprintln!("guess {guess:?}, estimate {estimate:?}, taken {taken:?}");
    let off = |time: Duration| (time.as_secs_f64() / taken.as_secs_f64()).ln().abs();
    assert!(off(estimate) < off(guess).max(5.0_f64.ln()));
}

#[test]
fn a_deadline_ends_a_run_wherever_it_is() {
    let (gpu, _turn) = common::gpu();
    let mut options = ModelOptions::default();
    options = options.submit_time(Duration::ZERO);
    let needed = Model::memory_needed(
        &gpu,
        Path::new("tests/data/tiny/plain"),
        POOLED,
        usize::MAX,
        &options,
    );
    options = options.memory_budget(needed.unwrap().total());
    let model = model(&gpu, "plain", POOLED, &options);
    let (batch, expected) = (batch(1), model.run(&batch(1)).unwrap());
    let run = |timeout| model.run_with(&batch, Control::new().timeout(timeout));
    assert_eq!(run(Duration::from_secs(3600)).unwrap(), expected);
    assert_eq!(run(Duration::MAX).unwrap(), expected);
    for micros in (0..4000).step_by(97) {
        match run(Duration::from_micros(micros)) {
            Ok(found) => assert_eq!(found, expected),
            Err(error) => assert!(matches!(error, Error::Deadline { .. }), "{error}"),
        }
    }
    let error = run(Duration::ZERO).unwrap_err();
    assert!(error.to_string().contains("allow more time"), "{error}");

    let start = Instant::now();
    let _ = run(Duration::from_millis(5));
    assert!(start.elapsed() < Duration::from_millis(500), "it is kept");
    assert_eq!(model.run(&batch).unwrap(), expected);
}

/// A waiting thread must not stand between an application and its queue.
#[test]
fn an_application_submits_while_a_run_is_waited_for() {
    let (gpu, _turn) = common::gpu();
    let (plan, sizes, x) = large(&gpu, PlanOptions::submit_time);
    let values = [Value::F32(&x)];
    plan.run(&sizes, &values).unwrap();
    let (mut submits, mut worst) = (0, Duration::ZERO);
    let time = std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            let start = Instant::now();
            (0..4).for_each(|_| drop(plan.run(&sizes, &values).unwrap()));
            start.elapsed()
        });
        while !run.is_finished() {
            let start = Instant::now();
            gpu.queue().submit([]);
            worst = worst.max(start.elapsed());
            submits += 1;
            std::thread::sleep(Duration::from_millis(1));
        }
        run.join().unwrap()
    });
    eprintln!("{submits} submits in {time:?}, the worst took {worst:?}");
    // GL computes within a submit, and the next one waits for as long.
    let is_gl = gpu.capabilities().info.backend == wgpu::Backend::Gl;
    if time > Duration::from_millis(200) && !is_gl {
        assert!(worst < time / 4, "{worst:?} of {time:?}");
    }
}

#[test]
fn runs_that_are_timed_are_submitted_in_as_short_pieces_as_others() {
    let (gpu, _turn) = common::gpu();
    for (submit_time, is_short) in [(Duration::ZERO, true), (Duration::MAX, false)] {
        let options = ModelOptions::default().submit_time(submit_time);
        let model = model(&gpu, "plain", POOLED, &options);
        let batch = batch(1);
        let values = batch.values(model.plan().graph()).unwrap();
        let before = common::submit_number(&gpu);
        let times = model.plan().time(&batch.sizes(), &values, 5).unwrap();
        let submits = common::submit_number(&gpu) - before - 1;
        assert!(times.best() > Duration::ZERO);
        let steps = model.plan().graph().nodes().len() as u64;
        // One more brings the inputs, and timestamps may be tried first.
        assert_eq!(submits >= 6 * steps, is_short, "{submits} of {steps} steps");
    }
}

#[test]
fn progress_counts_the_steps_that_are_submitted() {
    let (gpu, _turn) = common::gpu();
    let mut options = ModelOptions::default();
    options = options.submit_time(Duration::ZERO);
    let model = model(&gpu, "plain", POOLED, &options);
    let mut told = Vec::new();
    let control = Control::new().progress(|progress| told.push((progress.done, progress.total)));
    model.run_with(&batch(1), control).unwrap();
    let steps = model.plan().graph().nodes().len();
    let expected = (1..=steps).map(|step| (step, steps));
    assert_eq!(told, Vec::from_iter(expected));
}

/// Without a waiting thread a future moves only while the application polls its device.
#[test]
fn an_application_that_polls_its_device_needs_no_thread() {
    let (gpu, _turn) = common::gpu();
    let limits = gpu.capabilities().limits.clone();
    let gpu = common::device(&gpu, gpu.capabilities().features, limits).polled_by_app();
    let model = model(&gpu, "plain", POOLED, &ModelOptions::default());
    let batch = batch(1);
    let mut context = Context::from_waker(Waker::noop());
    let mut run = pin!(model.run_async(&batch));
    for _ in 0..20 {
        assert!(run.as_mut().poll(&mut context).is_pending());
        std::thread::sleep(Duration::from_millis(5));
    }
    loop {
        gpu.device().poll(wgpu::PollType::Poll).unwrap();
        if let Poll::Ready(result) = run.as_mut().poll(&mut context) {
            assert_eq!(result.unwrap().len(), 2 * model.hidden());
            break;
        }
    }
}

#[test]
fn what_was_said_of_a_device_holds_whatever_its_adapter_is_named_after() {
    let (gpu, _turn) = common::gpu();
    let instance =
        wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default());
    let adapter = pollster::block_on(adapter).unwrap();
    let named = gpu.polled_by_app().with_adapter(&adapter);
    let model = model(&named, "plain", POOLED, &ModelOptions::default());
    let batch = batch(1);
    let mut context = Context::from_waker(Waker::noop());
    let mut run = pin!(model.run_async(&batch));
    for _ in 0..20 {
        assert!(run.as_mut().poll(&mut context).is_pending());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The engine's waiting thread calls the application's callbacks too.
#[test]
fn an_applications_callback_that_panics_is_its_own() {
    let (gpu, _turn) = common::gpu();
    let model = model(&gpu, "plain", POOLED, &ModelOptions::default());
    let expected = model.run(&batch(1)).unwrap();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let results: Vec<_> = (0..3)
        .map(|_| {
            let batch = batch(1);
            let mut run = pin!(model.run_async(&batch));
            let mut context = Context::from_waker(Waker::noop());
            // From here on only the waiting thread is told what is done.
            let early = run.as_mut().poll(&mut context);
            gpu.queue()
                .on_submitted_work_done(|| panic!("an application's mistake"));
            match early {
                Poll::Ready(result) => result,
                Poll::Pending => pollster::block_on(run),
            }
        })
        .collect();
    std::panic::set_hook(hook);
    for result in results {
        assert_eq!(result.unwrap(), expected);
    }
}

#[test]
fn a_device_that_is_destroyed_is_a_typed_error() {
    let (gpu, _turn) = common::gpu();
    let limits = gpu.capabilities().limits.clone();
    let gpu = common::device(&gpu, gpu.capabilities().features, limits);
    let mut options = ModelOptions::default();
    options = options.submit_time(Duration::ZERO);
    let model = model(&gpu, "plain", POOLED, &options);
    let batch = batch(1);
    let mut context = Context::from_waker(Waker::noop());
    let mut under_way = pin!(model.run_async(&batch));
    assert!(under_way.as_mut().poll(&mut context).is_pending());
    gpu.device().destroy();
    let error = pollster::block_on(under_way).unwrap_err();
    assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
    let error = model.run(&batch).unwrap_err();
    assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
    let error = model.begin(&batch).unwrap_err();
    assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
}

/// An application hears of its errors and of the loss of its device as it did before.
#[test]
fn what_an_application_installed_on_its_device_stays_its_own() {
    let (gpu, _turn) = common::gpu();
    let theirs = common::plain(&gpu);
    let device = theirs.device().clone();
    let (errors, losses) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&errors);
    device.on_uncaptured_error(Arc::new(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    }));
    let counted = Arc::clone(&losses);
    device.set_device_lost_callback(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
    });

    let ours = Gpu::from_device(device.clone(), theirs.queue().clone());
    let model = model(&ours, "plain", POOLED, &ModelOptions::default());
    model.run(&batch(1)).unwrap();
    let mut forward = model.begin(&batch(2)).unwrap();
    while !forward.is_done() {
        let mut encoder = encoder(&ours);
        forward.record(&mut encoder, Duration::ZERO).unwrap();
        ours.queue().submit([encoder.finish()]);
    }
    assert_eq!(errors.load(Ordering::SeqCst), 0);

    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::STORAGE; // which do not go together
    let _ = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 4,
        usage,
        mapped_at_creation: false,
    });
    assert_eq!(errors.load(Ordering::SeqCst), 1);
    assert!(model.run(&batch(1)).is_ok());
    device.destroy();
    let _ = device.poll(wgpu::PollType::wait_indefinitely());
    assert_eq!(losses.load(Ordering::SeqCst), 1);
}
