//! Eight threads ask one model for all that it can do, give up at random, and lose the device in the middle: whatever
//! answer comes is the right one, and nothing hangs.
#![expect(clippy::print_stderr, reason = "a test's report")]

mod common;

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use wgformer::models::{Batch, Head, Model, ModelOptions};
use wgformer::ops::Pooling;
use wgformer::plan::Control;
use wgformer::verify::Random;
use wgformer::{Error, Gpu};

const THREADS: u64 = 8;

fn time() -> Duration {
    let seconds = std::env::var("WGFORMER_SOAK_SECONDS").ok();
    let seconds = seconds.map_or(30, |seconds| seconds.parse().expect("a number of seconds"));
    Duration::from_secs(seconds)
}

/// The device of now, and the model on it.
#[derive(Clone)]
struct Live {
    gpu: Gpu,
    model: Model,
    generation: usize,
}

struct Soak {
    /// What devices are made like.
    like: Gpu,
    live: Mutex<Live>,
    batches: Vec<Batch>,
    expected: Vec<Vec<f32>>,
    answers: [AtomicUsize; KINDS.len()],
    lost: AtomicUsize,
}

type Answer = Option<Vec<f32>>;

type Ask = fn(&Live, &Batch, &mut Random) -> Result<Answer, Error>;

/// Each gives an answer, or nothing where it gave up.
const KINDS: [(&str, Ask); 5] = [
    ("waits", |live, batch, _| live.model.run(batch).map(Some)),
    ("has a deadline", with_a_deadline),
    ("is dropped after some polls", dropped),
    ("records it", recorded),
    ("begins and never submits", |live, batch, _| {
        let mut forward = live.model.begin(batch)?;
        let mut encoder = live
            .gpu
            .device()
            .create_command_encoder(&Default::default());
        forward.record(&mut encoder, Duration::ZERO)?;
        Ok(None)
    }),
];

fn with_a_deadline(live: &Live, batch: &Batch, random: &mut Random) -> Result<Answer, Error> {
    let timeout = Duration::from_micros(random.below(8_000) as u64);
    match live.model.run_with(batch, Control::new().timeout(timeout)) {
        Err(Error::Deadline { .. }) => Ok(None),
        other => other.map(Some),
    }
}

fn dropped(live: &Live, batch: &Batch, random: &mut Random) -> Result<Answer, Error> {
    let mut run = pin!(live.model.run_async(batch));
    for _ in 0..random.below(12) {
        if let Poll::Ready(answer) = run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return answer.map(Some);
        }
        thread::sleep(Duration::from_micros(random.below(600) as u64));
    }
    Ok(None)
}

/// As an application does it, frame by frame; a result that it finds in a buffer is read here.
fn recorded(live: &Live, batch: &Batch, _: &mut Random) -> Result<Answer, Error> {
    let (device, queue) = (live.gpu.device(), live.gpu.queue());
    let mut forward = live.model.begin(batch)?;
    let size = 4 * forward.shape().iter().product::<usize>() as u64;
    let staging = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    while !forward.is_done() {
        let mut encoder = device.create_command_encoder(&Default::default());
        forward.record(&mut encoder, Duration::from_micros(200))?;
        if forward.is_done() {
            encoder.copy_buffer_to_buffer(forward.output(), 0, &staging, 0, size);
        }
        queue.submit([encoder.finish()]);
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    staging.map_async(wgpu::MapMode::Read, .., move |mapped| {
        drop(sender.send(mapped))
    });
    drop(forward);
    if device.poll(wgpu::PollType::wait_indefinitely()).is_err() {
        return Ok(None); // the device was lost under way
    }
    match receiver.recv() {
        Ok(Ok(())) => {}
        _ => return Ok(None), // likewise
    }
    match staging.get_mapped_range(..) {
        Ok(view) => Ok(Some(bytemuck::pod_collect_to_vec(&view))),
        Err(_) => Ok(None),
    }
}

impl Soak {
    fn new(like: &Gpu) -> Self {
        let gpu = fresh(like);
        let mut options = ModelOptions::default();
        options = options.submit_time(Duration::from_micros(500)); // several submits to a run
        let head = Head::Pooled {
            pooling: Pooling::Mean,
            normalize: true,
        };
        let directory = Path::new("tests/data/tiny/plain");
        let model = Model::load(&gpu, directory, head, usize::MAX, &options).unwrap();
        let batches: Vec<Batch> = (0..16).map(batch).collect();
        let expected = batches.iter().map(|batch| model.run(batch).unwrap());
        Self {
            expected: expected.collect(),
            like: like.clone(),
            live: Mutex::new(Live {
                gpu,
                model,
                generation: 0,
            }),
            batches,
            answers: Default::default(),
            lost: AtomicUsize::new(0),
        }
    }

    fn live(&self) -> Live {
        self.live.lock().unwrap().clone()
    }

    fn thread(&self, seed: u64, end: Instant) {
        let mut random = Random::new(seed);
        while Instant::now() < end {
            let (live, place) = (self.live(), random.below(self.batches.len()));
            let kind = random.below(KINDS.len());
            let (name, ask) = KINDS[kind];
            match ask(&live, &self.batches[place], &mut random) {
                Ok(None) => {}
                Ok(Some(answer)) => {
                    assert_eq!(answer, self.expected[place], "one that {name}");
                    self.answers[kind].fetch_add(1, Ordering::Relaxed);
                }
                Err(Error::DeviceLost { .. }) => self.recover(&live),
                Err(error) => panic!("one that {name}: {error}"),
            }
        }
    }

    /// The first that finds the device lost loads the model on another one.
    fn recover(&self, lost: &Live) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        let mut live = self.live.lock().unwrap();
        if live.generation == lost.generation {
            let gpu = fresh(&self.like);
            *live = Live {
                model: lost.model.recover(&gpu).unwrap(),
                gpu,
                generation: lost.generation + 1,
            };
        }
    }
}

fn fresh(like: &Gpu) -> Gpu {
    let limits = like.capabilities().limits.clone();
    common::device(like, like.capabilities().features, limits)
}

/// One to three sequences.
fn batch(seed: u32) -> Batch {
    let mut batch = Batch::new();
    for place in 0..=seed % 3 {
        let length = 2 + (5 * seed + 7 * place) % 20;
        let ids: Vec<u32> = (0..length).map(|i| (7 * i + 5 * seed) % 60).collect();
        batch.push(&ids, &vec![0; ids.len()]);
    }
    batch
}

#[test]
fn every_answer_is_right_whatever_happens_around_it() {
    let (gpu, _turn) = common::gpu();
    let soak = Soak::new(&gpu);
    let (start, time) = (Instant::now(), time());
    thread::scope(|scope| {
        for seed in 0..THREADS {
            let soak = &soak;
            scope.spawn(move || soak.thread(seed, start + time));
        }
        thread::sleep(time / 2);
        soak.live().gpu.device().destroy();
    });
    let answers = soak
        .answers
        .each_ref()
        .map(|count| count.load(Ordering::Relaxed));
    for ((name, _), count) in KINDS.iter().zip(answers).take(4) {
        assert!(count > 0, "none was right that {name}");
    }
    assert_eq!(soak.live().generation, 1, "recovered once");
    assert!(soak.lost.load(Ordering::Relaxed) > 0);
    let live = soak.live();
    assert!(live.model.memory().runs <= 3 + THREADS as usize);
    assert_eq!(live.model.run(&soak.batches[0]).unwrap(), soak.expected[0]);
    assert!(
        start.elapsed() < time + Duration::from_secs(20),
        "nothing hangs"
    );
    eprintln!("right answers by kind: {answers:?}");
}
