//! One device of the application's own renders frames and embeds texts beside them, a few milliseconds to a frame.
//!
//! `make model`, then `cargo run --release --example shared_device`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use wgformer::plan::Forward;
use wgformer::{Embedder, Gpu};

const TEXTS: [&str; 3] = [
    "The queue of an application takes its frames and this model's work in turn.",
    "Boats drift past the harbour wall.",
    "Three ships lie at anchor in the bay.",
];

/// What one frame may give to the model.
const BUDGET: Duration = Duration::from_millis(4);

const SIDE: u32 = 64; // of the picture: rows of 256 bytes

fn main() -> Result<(), Box<dyn Error>> {
    let (device, queue) = pollster::block_on(open())?;
    let gpu = Gpu::from_device(device.clone(), queue.clone());
    let embedder = Embedder::load(&gpu, "models/all-MiniLM-L6-v2")?;
    embedder.model().warm_up()?; // and it is known how much fits a frame
    let scene = Scene::new(&device);

    let mut forward = embedder.model().begin(&embedder.batch(TEXTS)?)?;
    let mut frames = 0;
    while !forward.is_done() {
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        scene.draw(&mut encoder, frames);
        forward.record(&mut encoder, BUDGET)?;
        queue.submit([encoder.finish()]);
        frames += 1;
    }
    if frames < 2 {
        return Err("the work was not spread over frames".into());
    }
    println!(
        "{frames} frames were drawn while {} texts were embedded",
        TEXTS.len()
    );

    check_picture(&scene.read(&device, &queue)?, frames - 1)?;
    check_vectors(
        &vectors(&forward, &device, &queue)?,
        &embedder.embed(TEXTS)?,
    )
}

/// As any application would: nothing that this engine asks for is asked for here.
async fn open() -> Result<(wgpu::Device, wgpu::Queue), Box<dyn Error>> {
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    let instance = wgpu::Instance::new(descriptor);
    let adapter = instance
        .request_adapter(&wgpu::RequestAdapterOptions::default())
        .await?;
    Ok(adapter
        .request_device(&wgpu::DeviceDescriptor::default())
        .await?)
}

/// A picture of one colour, another one in each frame.
struct Scene {
    picture: wgpu::Texture,
    view: wgpu::TextureView,
}

fn red(frame: u32) -> u8 {
    (40 * frame % 256) as u8
}

impl Scene {
    fn new(device: &wgpu::Device) -> Self {
        let picture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("picture"),
            size: wgpu::Extent3d {
                width: SIDE,
                height: SIDE,
                depth_or_array_layers: 1,
            },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let view = picture.create_view(&wgpu::TextureViewDescriptor::default());
        Self { picture, view }
    }

    fn draw(&self, encoder: &mut wgpu::CommandEncoder, frame: u32) {
        let colour = wgpu::Color {
            r: f64::from(red(frame)) / 255.0,
            g: 0.5,
            b: 1.0,
            a: 1.0,
        };
        let attachment = wgpu::RenderPassColorAttachment {
            view: &self.view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations {
                load: wgpu::LoadOp::Clear(colour),
                store: wgpu::StoreOp::Store,
            },
        };
        encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(attachment)],
            ..Default::default()
        });
    }

    /// The pixels, four bytes each.
    fn read(&self, device: &wgpu::Device, queue: &wgpu::Queue) -> Result<Vec<u8>, Box<dyn Error>> {
        read(
            device,
            queue,
            u64::from(4 * SIDE * SIDE),
            |encoder, buffer| {
                let layout = wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(4 * SIDE),
                    rows_per_image: None,
                };
                let into = wgpu::TexelCopyBufferInfo { buffer, layout };
                encoder.copy_texture_to_buffer(
                    self.picture.as_image_copy(),
                    into,
                    self.picture.size(),
                );
            },
        )
    }
}

/// A row per text, from the buffer that a shader of the application could read.
fn vectors(
    forward: &Forward,
    device: &wgpu::Device,
    queue: &wgpu::Queue,
) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let [rows, hidden] = forward.shape()[..] else {
        return Err("a pooled result has two axes".into());
    };
    let size = 4 * (rows * hidden) as u64;
    let bytes = read(device, queue, size, |encoder, buffer| {
        encoder.copy_buffer_to_buffer(forward.output(), 0, buffer, 0, size);
    })?;
    let values: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
    Ok(values.chunks(hidden).map(<[f32]>::to_vec).collect())
}

/// What `copy` records, on the host.
fn read(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    size: u64,
    copy: impl FnOnce(&mut wgpu::CommandEncoder, &wgpu::Buffer),
) -> Result<Vec<u8>, Box<dyn Error>> {
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    copy(&mut encoder, &buffer);
    queue.submit([encoder.finish()]);
    buffer.map_async(wgpu::MapMode::Read, .., |_| ()); // a failure shows below
    device.poll(wgpu::PollType::wait_indefinitely())?;
    Ok(buffer.get_mapped_range(..)?.to_vec())
}

fn check_picture(pixels: &[u8], last_frame: u32) -> Result<(), Box<dyn Error>> {
    let expected = [red(last_frame), 128, 255, 255];
    let is_near = |pixel: &[u8]| pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 1);
    if !pixels.chunks(4).all(is_near) {
        return Err(format!("the picture is not {expected:?} everywhere").into());
    }
    println!("the picture is what the last frame drew: {expected:?}");
    Ok(())
}

fn check_vectors(found: &[Vec<f32>], expected: &[Vec<f32>]) -> Result<(), Box<dyn Error>> {
    if found != expected {
        return Err("the vectors differ from those that `embed` gives".into());
    }
    let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    println!("the vectors are those that `embed` gives, to the bit");
    println!(
        "cosine of the two about boats: {:.2}",
        cosine(&found[1], &found[2])
    );
    println!(
        "cosine with the one about queues: {:.2}",
        cosine(&found[0], &found[2])
    );
    Ok(())
}
