//! Eight threads ask a model, an embedder and an index for all that they can do, give up at random, and lose the device
//! in the middle: whatever answer comes is the right one, and nothing hangs.
#![expect(clippy::print_stderr, reason = "a test's report")]

#[path = "../common/mod.rs"]
mod common;
mod kinds;
mod live;
mod questions;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use wgformer::verify::Random;
use wgformer::{Error, Gpu};

use kinds::KINDS;
use live::{Live, fresh};
use questions::Question;

const THREADS: u64 = 8;

/// Of the tiny model.
const DIMENSIONS: usize = 32;

fn time() -> Duration {
    let seconds = std::env::var("WGFORMER_SOAK_SECONDS").ok();
    let seconds = seconds.map_or(30, |seconds| seconds.parse().expect("a number of seconds"));
    Duration::from_secs(seconds)
}

struct Soak {
    /// What devices are made like.
    like: Gpu,
    live: Mutex<Live>,
    questions: Vec<Question>,
    expected: Vec<[Vec<f32>; 3]>,
    answers: [AtomicUsize; KINDS.len()],
    lost: AtomicUsize,
}

impl Soak {
    fn new(like: &Gpu) -> Self {
        let questions: Vec<_> = (0..16)
            .map(|seed| Question::new(seed, DIMENSIONS))
            .collect();
        let live = Live::new(fresh(like), &questions);
        let expected = questions.iter().map(|question| question.answers(&live));
        Self {
            expected: expected.collect(),
            like: like.clone(),
            live: Mutex::new(live),
            questions,
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
            let (live, place) = (self.live(), random.below(self.questions.len()));
            let number = random.below(KINDS.len());
            let kind = &KINDS[number];
            match (kind.ask)(&live, &self.questions[place], &mut random) {
                Ok(None) => {}
                Ok(Some(answer)) => {
                    let expected = &self.expected[place][kind.subject as usize];
                    assert_eq!(answer, *expected, "of one that {}", kind.name);
                    self.answers[number].fetch_add(1, Ordering::Relaxed);
                }
                Err(Error::DeviceLost { .. }) => self.recover(&live),
                Err(error) => panic!("one that {}: {error}", kind.name),
            }
        }
    }

    /// The first that finds the device lost brings all to another one.
    fn recover(&self, lost: &Live) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        assert!(lost.is_lost(), "the device is there");
        let mut live = self.live.lock().unwrap();
        if live.generation == lost.generation {
            *live = lost.recover(fresh(&self.like));
        }
    }

    /// What is left is right, and has no more than it should.
    fn assert_well(&self) {
        let live = self.live();
        assert_eq!(live.generation, 1, "recovered once");
        assert!(self.lost.load(Ordering::Relaxed) > 0);
        assert_eq!(self.questions[0].answers(&live), self.expected[0]);
        assert!(live.model().memory().runs <= 3 + THREADS as usize);
        let answers = self.answers.each_ref();
        let answers = answers.map(|count| count.load(Ordering::Relaxed));
        for (kind, count) in KINDS.iter().zip(answers) {
            eprintln!("{count} right answers of one that {}", kind.name);
            assert!(count > 0 || !kind.answers, "none of one that {}", kind.name);
        }
    }
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
        soak.live().lose();
    });
    let elapsed = start.elapsed();
    assert!(elapsed < time + Duration::from_secs(20), "nothing hangs");
    soak.assert_well();
}
