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
    let mut frames = Vec::new();
    while !forward.is_done() {
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        frames.push(scene.draw(&device, &mut encoder, frames.len() as u32));
        forward.record(&mut encoder, BUDGET)?;
        queue.submit([encoder.finish()]);
    }
    if frames.len() < 2 {
        return Err("the work was not spread over frames".into());
    }
    for (frame, shown) in frames.iter().enumerate() {
        if !is_shown(&read(&device, shown)?, frame as u32) {
            return Err(format!("frame {frame} is not the triangle that it drew").into());
        }
    }
    println!(
        "{} frames, each with its triangle, were drawn while {} texts were embedded",
        frames.len(),
        TEXTS.len()
    );

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

/// A triangle over the lower left half of the picture, of another colour in each frame.
struct Scene {
    picture: wgpu::Texture,
    view: wgpu::TextureView,
    pipeline: wgpu::RenderPipeline,
}

const SHADER: &str = "
struct Corner {
    @builtin(position) position: vec4f,
    @location(0) @interpolate(flat) frame: u32,
}

@vertex
fn corner(@builtin(vertex_index) vertex: u32, @builtin(instance_index) frame: u32) -> Corner {
    let place = vec2f(vec2u(vertex & 1u, vertex >> 1u)) * 2.0 - 1.0;
    return Corner(vec4f(place, 0.0, 1.0), frame);
}

@fragment
fn colour(in: Corner) -> @location(0) vec4f {
    return vec4f(f32(40u * in.frame % 256u) / 255.0, 0.5, 1.0, 1.0);
}
";

/// What its pixels are in a frame.
fn drawn(frame: u32) -> [u8; 4] {
    [(40 * frame % 256) as u8, 128, 255, 255]
}

/// What the others are.
const CLEAR: [u8; 4] = [0, 0, 0, 255];

impl Scene {
    fn new(device: &wgpu::Device) -> Self {
        let format = wgpu::TextureFormat::Rgba8Unorm;
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
            format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let view = picture.create_view(&wgpu::TextureViewDescriptor::default());
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("triangle"),
            source: wgpu::ShaderSource::Wgsl(SHADER.into()),
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("triangle"),
            layout: None,
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: None,
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: None,
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(format.into())],
            }),
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            multiview_mask: None,
            cache: None,
        });
        Self {
            picture,
            view,
            pipeline,
        }
    }

    /// Draws a frame, and copies it to a buffer, four bytes to a pixel.
    fn draw(
        &self,
        device: &wgpu::Device,
        encoder: &mut wgpu::CommandEncoder,
        frame: u32,
    ) -> wgpu::Buffer {
        let attachment = wgpu::RenderPassColorAttachment {
            view: &self.view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations {
                load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                store: wgpu::StoreOp::Store,
            },
        };
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(attachment)],
            ..Default::default()
        });
        pass.set_pipeline(&self.pipeline);
        pass.draw(0..3, frame..frame + 1);
        drop(pass);
        let shown = host_buffer(device, u64::from(4 * SIDE * SIDE));
        let layout = wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(4 * SIDE),
            rows_per_image: None,
        };
        let into = wgpu::TexelCopyBufferInfo {
            buffer: &shown,
            layout,
        };
        encoder.copy_texture_to_buffer(self.picture.as_image_copy(), into, self.picture.size());
        shown
    }
}

/// Whether a frame's pixels are those of the triangle and of nothing else; of those on its long edge either will do.
fn is_shown(pixels: &[u8], frame: u32) -> bool {
    let rows = pixels.chunks(4 * SIDE as usize);
    rows.enumerate().all(|(y, row)| {
        let mut pixels = row.chunks(4).enumerate().filter(|(x, _)| *x != y);
        pixels.all(|(x, pixel)| {
            let expected = if x < y { drawn(frame) } else { CLEAR };
            pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 1)
        })
    })
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
    let buffer = host_buffer(device, size);
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encoder.copy_buffer_to_buffer(forward.output(), 0, &buffer, 0, size);
    queue.submit([encoder.finish()]);
    let values: Vec<f32> = bytemuck::pod_collect_to_vec(&read(device, &buffer)?);
    Ok(values.chunks(hidden).map(<[f32]>::to_vec).collect())
}

fn host_buffer(device: &wgpu::Device, size: u64) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// What a buffer holds once all that is submitted is done.
fn read(device: &wgpu::Device, buffer: &wgpu::Buffer) -> Result<Vec<u8>, Box<dyn Error>> {
    buffer.map_async(wgpu::MapMode::Read, .., |_| ()); // a failure shows below
    device.poll(wgpu::PollType::wait_indefinitely())?;
    Ok(buffer.get_mapped_range(..)?.to_vec())
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
