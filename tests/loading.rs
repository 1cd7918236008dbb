//! What heeds a model while it is loaded: its deadline, who is told how far it is, and that somebody still waits.

mod common;

use std::borrow::Cow;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use wgformer::models::{Head, MaskedLm, Model, ModelOptions};
use wgformer::plan::{Plan, PlanOptions, Progress, Weights};
use wgformer::tensor::{Dim, Sizes};
use wgformer::{Error, Gpu, Graph, Result};

fn load(gpu: &Gpu, options: &ModelOptions) -> Result<Model> {
    let folder = Path::new("tests/data/tiny/plain");
    Model::load(gpu, folder, Head::HiddenStates, usize::MAX, options)
}

#[test]
fn loading_keeps_its_deadline() {
    let (gpu, _turn) = common::gpu();
    let at_once = ModelOptions::default().load_timeout(Duration::ZERO);
    let error = load(&gpu, &at_once).unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }), "{error}");
    assert!(error.to_string().contains("load_timeout"), "{error}");
    let head = Path::new("tests/data/heads/bert-masked-lm");
    let masked_lm = MaskedLm::load(&gpu, head, usize::MAX, &at_once);
    assert!(matches!(masked_lm, Err(Error::Deadline { .. })));

    let in_time = ModelOptions::default().load_timeout(Duration::from_secs(600));
    let model = load(&gpu, &in_time).unwrap();
    model.recover(&gpu).unwrap();
}

#[test]
fn loading_tells_how_far_it_is() {
    let (gpu, _turn) = common::gpu();
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let tell = move |progress: Progress| listener.lock().unwrap().push(progress);
    let model = load(&gpu, &ModelOptions::default().load_progress(tell)).unwrap();
    let told = told.lock().unwrap();
    assert!(told.is_sorted_by(|a, b| a.done < b.done), "{told:?}");
    let total = model.memory().weights as usize;
    assert!(told.iter().all(|it| it.total == total), "{told:?}");
    assert_eq!(told.last().unwrap().done, total);
}

/// Square matrices, each handed out once the test says so.
struct Slow {
    read: AtomicUsize,
    begun: Mutex<Sender<()>>,
    go_on: Mutex<Receiver<()>>,
}

const COLUMNS: usize = 16;
const LAYERS: usize = 8;

impl Weights for Slow {
    fn location(&self) -> String {
        "a test".to_owned()
    }

    fn shape(&self, _: &str) -> Option<Vec<usize>> {
        Some(vec![COLUMNS, COLUMNS])
    }

    fn values(&self, _: &str) -> Result<Cow<'_, [f32]>> {
        self.read.fetch_add(1, Ordering::Relaxed);
        self.begun.lock().unwrap().send(()).unwrap();
        let _ = self.go_on.lock().unwrap().recv(); // or the test is past that
        Ok(vec![0.5; COLUMNS * COLUMNS].into())
    }
}

#[test]
fn a_dropped_future_stops_loading() {
    let (gpu, _turn) = common::gpu();
    let mut graph = Graph::new();
    let mut x = graph.input("x", [Dim::Tokens, Dim::Fixed(COLUMNS)]);
    for layer in 0..LAYERS {
        let weight = graph.parameter(&format!("weight {layer}"), [COLUMNS, COLUMNS]);
        x = graph.linear(x, weight, None).unwrap();
    }
    let (begun, has_begun) = channel();
    let (let_it, go_on) = channel();
    let weights = Arc::new(Slow {
        read: AtomicUsize::new(0),
        begun: Mutex::new(begun),
        go_on: Mutex::new(go_on),
    });
    let options = PlanOptions::new(Sizes::from_segments(&[0, 1]));
    {
        let own = Arc::clone(&weights);
        let mut future = pin!(Plan::compile_async(&gpu, &graph, own, &options));
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
        has_begun.recv().unwrap();
    }
    drop(let_it);
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    while Arc::strong_count(&weights) > 1 {
        assert!(std::time::Instant::now() < patience, "the thread works on");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(weights.read.load(Ordering::Relaxed), 1);
}

#[test]
fn a_device_for_no_plan_at_all_is_refused_as_such() {
    let (gpu, _turn) = common::gpu();
    let limits = wgpu::Limits::downlevel_webgl2_defaults();
    let without_buffers = common::device(&gpu, wgpu::Features::empty(), limits);
    let head = Path::new("tests/data/heads/bert-masked-lm");
    let options = ModelOptions::default();
    let masked_lm = MaskedLm::load(&without_buffers, head, usize::MAX, &options);
    for error in [
        load(&without_buffers, &options).unwrap_err(),
        masked_lm.unwrap_err(),
    ] {
        let error = error.to_string();
        let needles = ["a plan on ", "Limits::downlevel_defaults"];
        assert!(needles.iter().all(|it| error.contains(it)), "{error}");
    }
}
