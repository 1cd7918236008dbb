use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use super::Capabilities;
use super::adapters::{self, AdapterChoice};
use super::pipeline_file::PipelineFile;
use super::pipelines::PipelineCache;
use super::polling::Waiter;
use super::profiler::Profiler;
use super::timer::Timer;
use super::turns::{InTurn, Turn, Turns};
use crate::error::{Error, Result};

/// A device with its queue and its compiled pipelines; clones share it, from any thread.
///
/// ```
/// let gpu = wgformer::Gpu::new()?;
/// println!("{}", gpu.capabilities()); // name, back end, kind and driver
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Gpu {
    inner: Arc<Inner>,
    /// Of this handle, if what it does is profiled.
    profiler: Option<Arc<Profiler>>,
}

#[derive(Debug)]
struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    capabilities: Capabilities,
    /// The same once kernels that drivers get wrong have had their self-test.
    tested: OnceLock<Capabilities>,
    turns: Turns,
    pipelines: PipelineCache,
    pipeline_file: OnceLock<PipelineFile>,
    waiter: Waiter,
    timer: Timer,
    /// Whether timestamps are right, once that was tried.
    timestamps: OnceLock<bool>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _turn = self.turns.take();
        self.pipelines = PipelineCache::default();
    }
}

/// What is said where a callback never came.
pub(super) const DEVICE_LOST: &str = "the device was lost";

impl Gpu {
    /// The best adapter of this machine, or the one that `WGPU_BACKEND` and `WGPU_ADAPTER_NAME` name.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub fn new() -> Result<Self> {
        Self::open(&AdapterChoice::from_env())
    }

    /// A device of the chosen adapter, with the optional features that the kernels can use.
    ///
    /// ```
    /// use wgformer::gpu::{AdapterChoice, Gpu};
    ///
    /// let gpu = Gpu::open(&AdapterChoice::Best)?;
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoAdapter`], [`Error::AdapterNotFound`], or [`Error::Device`] if the driver refuses.
    pub fn open(choice: &AdapterChoice) -> Result<Self> {
        pollster::block_on(Self::open_async(choice))
    }

    /// [`Gpu::open`], without blocking the thread.
    ///
    /// ```
    /// # pollster::block_on(async {
    /// use wgformer::gpu::{AdapterChoice, Gpu};
    ///
    /// for adapter in Gpu::adapters_async().await {
    ///     println!("{adapter}");
    /// }
    /// let gpu = Gpu::open_async(&AdapterChoice::from_env()).await?; // as `Gpu::new`
    /// # Ok::<(), wgformer::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub async fn open_async(choice: &AdapterChoice) -> Result<Self> {
        let adapter = adapters::choose(choice).await?;
        Self::open_adapter(&adapter, adapter.limits()).await
    }

    async fn open_adapter(adapter: &wgpu::Adapter, limits: wgpu::Limits) -> Result<Self> {
        let features = Capabilities::of_adapter(adapter).useful_features();
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("wgformer"),
            required_features: features,
            required_limits: limits,
            experimental_features: experimental(features),
            ..Default::default()
        };
        let (device, queue) =
            adapter
                .request_device(&descriptor)
                .await
                .map_err(|error| Error::Device {
                    adapter: adapter.get_info().name,
                    action: "creating a device".to_owned(),
                    message: error.to_string(),
                })?;
        Ok(Self::from_device(device, queue).with_adapter(adapter))
    }

    /// As [`Gpu::new`], on a device that allows no more workgroups in one dimension: grids fold early.
    #[cfg(test)]
    pub(crate) fn with_most_workgroups(count: u32) -> Result<Self> {
        let adapter = pollster::block_on(adapters::choose(&AdapterChoice::from_env()))?;
        let limits = wgpu::Limits {
            max_compute_workgroups_per_dimension: count,
            ..adapter.limits()
        };
        pollster::block_on(Self::open_adapter(&adapter, limits))
    }

    /// The caller's own device, whatever features it has; nothing is installed on it. With limits below
    /// [`wgpu::Limits::downlevel_defaults`] it may run no plan, which is then [`Error::Limit`].
    ///
    /// No kernel uses cooperative matrices there: [`Gpu::with_adapter`] has them.
    ///
    /// ```
    /// # pollster::block_on(async {
    /// let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    /// let instance = wgpu::Instance::new(descriptor);
    /// let adapter = instance.request_adapter(&Default::default()).await?;
    /// let (device, queue) = adapter.request_device(&Default::default()).await?;
    /// let gpu = wgformer::Gpu::from_device(device, queue).with_adapter(&adapter);
    /// # assert_eq!(gpu.capabilities().info.name, adapter.get_info().name);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn from_device(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let capabilities = Capabilities::of_device(&device, None);
        Self::from_parts(device, queue, capabilities)
    }

    /// Names the adapter that the device was made from, which alone knows the sizes of its cooperative matrices. They
    /// are used if the device has their features: `EXPERIMENTAL_COOPERATIVE_MATRIX`, `SHADER_F16` and `SUBGROUP`.
    ///
    /// It comes before [`Gpu::pipelines_kept_in`], and before anything is loaded.
    #[must_use]
    pub fn with_adapter(self, adapter: &wgpu::Adapter) -> Self {
        let (device, queue) = (self.device().clone(), self.queue().clone());
        let capabilities = Capabilities::of_device(&device, Some(adapter));
        let named = Self::from_parts(device, queue, capabilities);
        if self.inner.waiter.is_left_to_app() {
            named.inner.waiter.leave_to_app();
        }
        named
    }

    /// Leaves it to the application to poll the device, as one does that draws frames: no thread is started for it.
    ///
    /// Futures of this engine then complete while the application calls [`wgpu::Device::poll`], those that were under way
    /// when the device was destroyed with [`Error::DeviceLost`]. What blocks, and loading a model does, polls it too
    /// ([`Gpu::block_on`]), as the threads of a stream and of [`Gpu::off_thread`] do: callbacks of the application may then
    /// come there.
    ///
    /// ```
    /// let gpu = wgformer::Gpu::new()?.polled_by_app();
    /// gpu.queue().submit([]); // what a frame draws
    /// gpu.device().poll(wgpu::PollType::Poll).expect("a device"); // once a frame
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn polled_by_app(self) -> Self {
        self.inner.waiter.leave_to_app();
        self
    }

    fn from_parts(device: wgpu::Device, queue: wgpu::Queue, capabilities: Capabilities) -> Self {
        let turns = Turns::of(capabilities.info.backend);
        let waiter = Waiter::new(device.clone(), turns.clone());
        let pipelines = Mutex::new(HashMap::new());
        Self {
            inner: Arc::new(Inner {
                device,
                queue,
                capabilities,
                tested: OnceLock::new(),
                turns,
                pipelines,
                pipeline_file: OnceLock::new(),
                waiter,
                timer: Timer::default(),
                timestamps: OnceLock::new(),
            }),
            profiler: None,
        }
    }

    /// Another handle on the same device.
    pub(super) fn with_profiler(&self, profiler: Profiler) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            profiler: Some(Arc::new(profiler)),
        }
    }

    /// Whether, and where, what this handle does is profiled.
    pub(crate) fn profiler(&self) -> Option<&Profiler> {
        self.profiler.as_deref()
    }

    /// Every adapter that could be chosen, best first.
    ///
    /// ```
    /// for (place, adapter) in wgformer::Gpu::adapters().iter().enumerate() {
    ///     println!("{place}: {adapter}");
    /// }
    /// ```
    #[must_use]
    pub fn adapters() -> Vec<Capabilities> {
        pollster::block_on(Self::adapters_async())
    }

    /// [`Gpu::adapters`], without blocking the thread.
    pub async fn adapters_async() -> Vec<Capabilities> {
        adapters::all().await
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &wgpu::Device {
        &self.inner.device
    }

    /// Its queue.
    #[must_use]
    pub fn queue(&self) -> &wgpu::Queue {
        &self.inner.queue
    }

    /// What the device can do.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.inner.capabilities
    }

    /// What the device can do, less what `test` says has failed; it is asked once.
    pub(crate) fn tested(
        &self,
        test: impl FnOnce() -> Vec<(&'static str, String)>,
    ) -> &Capabilities {
        self.inner.tested.get_or_init(|| Capabilities {
            failed: test(),
            ..self.capabilities().clone()
        })
    }

    /// Whether timestamps are right, as `attempt` says, which is asked once.
    pub(super) fn timestamps_are_right(&self, attempt: impl FnOnce() -> bool) -> bool {
        *self.inner.timestamps.get_or_init(attempt)
    }

    pub(super) fn pipelines(&self) -> &PipelineCache {
        &self.inner.pipelines
    }

    /// Whose turn it is with the device, where there are turns.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn turns(&self) -> &Turns {
        &self.inner.turns
    }

    /// This thread's turn with the device, until it is dropped; where any number of threads may work with it at once,
    /// which is everywhere but on GL, nothing is waited for.
    ///
    /// On GL, wgpu panics in a thread that waits long for the device's context. The engine makes every call of wgpu in a
    /// turn; an application that shares such a device takes one for its own calls, from each thread, and waits for nothing
    /// meanwhile. A thread may take a turn again while it has it. What it makes after the turn goes back to the device
    /// within it.
    ///
    /// ```
    /// use wgformer::gpu::Turn;
    ///
    /// let gpu = wgformer::Gpu::new()?; // or `Gpu::from_device`
    /// {
    ///     let _turn: Turn<'_> = gpu.turn();
    ///     let encoder = gpu.device().create_command_encoder(&Default::default());
    ///     gpu.queue().submit([encoder.finish()]);
    /// }
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    pub fn turn(&self) -> Turn<'_> {
        self.inner.turns.take()
    }

    /// What goes back to the device within a turn, whenever it is dropped.
    pub(crate) fn in_turn<T>(&self, value: T) -> InTurn<T> {
        self.inner.turns.keep(value)
    }

    pub(super) fn pipeline_file(&self) -> Option<&PipelineFile> {
        self.inner.pipeline_file.get()
    }

    pub(super) fn keep_pipelines(&self, file: PipelineFile) {
        self.inner.pipeline_file.get_or_init(|| file);
    }

    pub(super) fn timer(&self) -> &Timer {
        &self.inner.timer
    }

    pub(super) fn waiter(&self) -> &Waiter {
        &self.inner.waiter
    }

    /// Runs `work` and turns whatever the device says of it into an error that names `action`.
    ///
    /// `work` must not wait for anything: on every native back end its errors are known when it returns.
    pub(crate) fn checked<T>(&self, action: &str, work: impl FnOnce() -> T) -> Result<T> {
        let memory = self
            .device()
            .push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let internal = self.device().push_error_scope(wgpu::ErrorFilter::Internal);
        let validation = self
            .device()
            .push_error_scope(wgpu::ErrorFilter::Validation);
        let turn = self.turn();
        let value = work();
        drop(turn);
        let [validation, internal, memory] =
            [validation, internal, memory].map(|scope| pollster::block_on(scope.pop()));
        if let Some(error) = validation.or(internal) {
            return Err(self.device_error(action, &error.to_string()));
        }
        match memory {
            None => Ok(value),
            Some(_) => Err(Error::OutOfMemory {
                adapter: self.capabilities().info.name.clone(),
                action: action.to_owned(),
            }),
        }
    }

    /// The error for what the device said, told apart from a device that is gone.
    pub(super) fn device_error(&self, action: &str, message: &str) -> Error {
        let (adapter, action) = (self.capabilities().info.name.clone(), action.to_owned());
        // wgpu has no error of its own for it, only these words; a device that is destroyed takes its buffers with it, and
        // makes invalid ones from then on, of which no error scope hears before they are used.
        let words = [
            "device is lost",
            "has been destroyed",
            "label is invalid",
            DEVICE_LOST,
        ];
        let is_lost = words.iter().any(|words| message.contains(words));
        if is_lost {
            Error::DeviceLost { adapter, action }
        } else {
            Error::Device {
                adapter,
                action,
                message: message.to_owned(),
            }
        }
    }
}

/// wgpu's word for it that a caller knows what experimental features are; the one place that gives it.
fn experimental(features: wgpu::Features) -> wgpu::ExperimentalFeatures {
    if !features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
        return wgpu::ExperimentalFeatures::disabled();
    }
    #[expect(
        unsafe_code,
        reason = "wgpu asks for it; the argument is in the SAFETY comment"
    )]
    // SAFETY: of the experimental features none but cooperative matrices is asked for, and none but this crate's own
    // kernels use them: only sizes that the adapter lists, all loads within what the host padded the weight to and
    // what the shader itself staged. Each is run on a known product before any model is (`plan/self_test.rs`).
    unsafe {
        wgpu::ExperimentalFeatures::enabled()
    }
}
