//! All the ways of asking.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use wgformer::Error;
use wgformer::plan::Control;
use wgformer::tasks::StreamOptions;
use wgformer::verify::Random;

use crate::live::Live;
use crate::questions::{HITS, MOST_HITS, Question, Subject, of_hits};

/// An answer, or nothing where it gave up.
pub(crate) type Answer = Result<Option<Vec<f32>>, Error>;

type Ask = fn(&Live, &Question, &mut Random) -> Answer;

/// A way of asking, of which subject, and whether it ever waits for an answer.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) subject: Subject,
    pub(crate) ask: Ask,
    pub(crate) answers: bool,
}

const fn kind(name: &'static str, subject: Subject, ask: Ask) -> Kind {
    Kind {
        name,
        subject,
        ask,
        answers: true,
    }
}

impl Kind {
    /// It never waits for one.
    const fn without_answer(self) -> Self {
        Self {
            answers: false,
            ..self
        }
    }
}

pub(crate) const KINDS: [Kind; 12] = [
    kind("runs", Subject::Model, |live, question, _| {
        live.model().run(&question.batch).map(Some)
    }),
    kind("runs with a deadline", Subject::Model, with_a_deadline),
    kind("drops its run", Subject::Model, |live, question, random| {
        dropped(live.model().run_async(&question.batch), random)
    }),
    kind("records its run", Subject::Model, recorded),
    kind("begins and never submits", Subject::Model, begun).without_answer(),
    kind("embeds", Subject::Embedder, |live, question, _| {
        let vectors = live.embedder.embed(&question.texts)?;
        Ok(Some(vectors.concat()))
    }),
    kind(
        "drops what it embeds",
        Subject::Embedder,
        |live, question, random| {
            let vectors = dropped(live.embedder.embed_async(&question.texts), random)?;
            Ok(vectors.map(|vectors| vectors.concat()))
        },
    ),
    kind("streams", Subject::Embedder, streamed),
    kind("drops a stream", Subject::Embedder, stream_dropped).without_answer(),
    kind("searches", Subject::Index, |live, question, random| {
        let k = [HITS, MOST_HITS][random.below(2)]; // by different plans
        let hits = live.index.search(&[&question.query], k)?;
        Ok(Some(of_hits(&hits)))
    }),
    kind(
        "drops its search",
        Subject::Index,
        |live, question, random| {
            let queries = [&question.query];
            let hits = dropped(live.index.search_async(&queries, HITS), random)?;
            Ok(hits.map(|hits| of_hits(&hits)))
        },
    ),
    kind("adds to a clone", Subject::Index, grown),
];

fn with_a_deadline(live: &Live, question: &Question, random: &mut Random) -> Answer {
    let timeout = match random.below(4) {
        0 => Duration::from_secs(60),
        _ => Duration::from_micros(random.below(8_000) as u64),
    };
    let control = Control::new().timeout(timeout);
    match live.model().run_with(&question.batch, control) {
        Err(Error::Deadline { .. }) => Ok(None),
        other => other.map(Some),
    }
}

/// What comes of it after some polls, if anything does; one in four is waited for after all.
fn dropped<T>(
    asked: impl Future<Output = Result<T, Error>>,
    random: &mut Random,
) -> Result<Option<T>, Error> {
    let mut asked = pin!(asked);
    for _ in 0..random.below(12) {
        if let Poll::Ready(answer) = asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return answer.map(Some);
        }
        thread::sleep(Duration::from_micros(random.below(600) as u64));
    }
    if random.below(4) > 0 {
        return Ok(None);
    }
    pollster::block_on(asked).map(Some)
}

/// As an application does it, frame by frame; a result that it finds in a buffer is read here.
fn recorded(live: &Live, question: &Question, _: &mut Random) -> Answer {
    let (device, queue) = (live.gpu.device(), live.gpu.queue());
    let mut forward = live.model().begin(&question.batch)?;
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
    let result = read(live, &staging);
    drop(forward);
    match result {
        Ok(values) => Ok(Some(values)),
        Err(_) if live.is_lost() => Ok(None), // under way
        Err(error) => panic!("the device is there, and reading the result failed: {error}"),
    }
}

fn read(live: &Live, staging: &wgpu::Buffer) -> Result<Vec<f32>, Box<dyn std::error::Error>> {
    let (sender, receiver) = std::sync::mpsc::channel();
    staging.map_async(wgpu::MapMode::Read, .., move |mapped| {
        drop(sender.send(mapped))
    });
    live.gpu
        .device()
        .poll(wgpu::PollType::wait_indefinitely())?;
    receiver.recv()??;
    let view = staging.get_mapped_range(..)?;
    Ok(bytemuck::pod_collect_to_vec(&view))
}

fn begun(live: &Live, question: &Question, _: &mut Random) -> Answer {
    let mut forward = live.model().begin(&question.batch)?;
    let device = live.gpu.device();
    let mut encoder = device.create_command_encoder(&Default::default());
    forward.record(&mut encoder, Duration::ZERO)?;
    Ok(None)
}

fn streamed(live: &Live, question: &Question, _: &mut Random) -> Answer {
    let texts = question.texts.clone().into_iter().map(Ok::<_, Error>);
    let stream = live.embedder.stream(texts, &StreamOptions::default());
    let values = stream.map(|embedded| Ok(embedded?.1.values));
    let vectors = values.collect::<Result<Vec<_>, Error>>()?;
    Ok(Some(vectors.concat()))
}

fn stream_dropped(live: &Live, question: &Question, random: &mut Random) -> Answer {
    let texts = question.texts.clone().into_iter().map(Ok::<_, Error>);
    let mut stream = live.embedder.stream(texts, &StreamOptions::default());
    thread::sleep(Duration::from_micros(random.below(2_000) as u64));
    stream.next().transpose()?;
    Ok(None)
}

/// By one that is nearest to no query but its own opposite.
fn grown(live: &Live, question: &Question, _: &mut Random) -> Answer {
    let mut index = live.index.clone();
    let opposite: Vec<f32> = question.query.iter().map(|x| -x).collect();
    index.add(&[opposite])?;
    let hits = index.search(&[&question.query], HITS)?;
    Ok(Some(of_hits(&hits)))
}
