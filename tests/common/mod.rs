//! What several tests share: one device for the whole binary, used by one test at a time.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use wgformer::Gpu;

/// The device that the environment selects, for as long as the guard lives: software adapters fight for cores.
///
/// With `WGFORMER_TEST_DEVICE=plain` it is [`plain`].
pub(crate) fn gpu() -> (Gpu, MutexGuard<'static, ()>) {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let gpu = GPU.get_or_init(|| {
        let gpu = Gpu::new().unwrap_or_else(|error| panic!("{error}"));
        let (gpu, kind) = match std::env::var("WGFORMER_TEST_DEVICE").as_deref() {
            Err(_) => (gpu, ""),
            Ok("plain") => (plain(&gpu), ", plain device"),
            Ok(other) => {
                panic!("WGFORMER_TEST_DEVICE is {other:?}; the only kind there is is plain")
            }
        };
        // Not by `eprintln!`, which a test's success would hide.
        let line = format!("adapter: {}{kind}\n", gpu.capabilities());
        io::stderr().write_all(line.as_bytes()).unwrap();
        gpu
    });
    (gpu.clone(), turn)
}

/// A device on the adapter of `gpu` with no optional feature and the lowest limits that wgpu knows for compute.
#[allow(dead_code, reason = "not every test binary makes one")]
pub(crate) fn plain(gpu: &Gpu) -> Gpu {
    device(
        gpu,
        wgpu::Features::empty(),
        wgpu::Limits::downlevel_defaults(),
    )
}

/// A device of the caller's own making, on the adapter of `gpu`.
#[allow(dead_code, reason = "not every test binary makes one")]
pub(crate) fn device(gpu: &Gpu, features: wgpu::Features, limits: wgpu::Limits) -> Gpu {
    let wanted = &gpu.capabilities().info;
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    let instance = wgpu::Instance::new(descriptor);
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let adapter = adapters
        .into_iter()
        .find(|adapter| {
            adapter.get_info().name == wanted.name && adapter.get_info().backend == wanted.backend
        })
        .unwrap();
    let descriptor = wgpu::DeviceDescriptor {
        required_features: features,
        required_limits: limits,
        experimental_features: experimental(),
        ..Default::default()
    };
    let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).unwrap();
    Gpu::from_device(device, queue).with_adapter(&adapter)
}

/// The number of a submit that is made now: as many more than that of one before as there were submits meanwhile.
#[allow(dead_code, reason = "not every test binary counts")]
pub(crate) fn submit_number(gpu: &Gpu) -> u64 {
    let submit = format!("{:?}", gpu.queue().submit([])); // wgpu shows it here alone
    let digits: String = submit.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// What the driver gave to buffers and textures, in bytes, where wgpu keeps count.
#[allow(dead_code, reason = "not every test binary counts")]
pub(crate) fn allocated(gpu: &Gpu) -> Option<u64> {
    gpu.device()
        .poll(wgpu::PollType::wait_indefinitely())
        .unwrap();
    let report = gpu.device().generate_allocator_report()?;
    Some(report.total_allocated_bytes)
}

#[expect(unsafe_code, reason = "wgpu asks for it")]
fn experimental() -> wgpu::ExperimentalFeatures {
    // SAFETY: used as `src/gpu/context.rs` uses them.
    unsafe { wgpu::ExperimentalFeatures::enabled() }
}
