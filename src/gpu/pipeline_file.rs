//! What the driver compiled, kept in a file from one process to the next: Vulkan alone lets an application do that.
//!
//! The file is a line that names the format, the adapter and its driver and the hash of the rest, then the driver's own
//! bytes. One that is damaged, or another driver's, is as good as none.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Capabilities, Gpu};
use crate::whole_file;

#[derive(Debug)]
pub(super) struct PipelineFile {
    cache: wgpu::PipelineCache,
    path: PathBuf,
    /// Whether something was compiled since it was written.
    is_outdated: AtomicBool,
}

impl Gpu {
    /// Keeps what the driver compiles in a file of `folder`, and takes what was compiled before from there, so that
    /// models load faster the next time. The folder is made if it is not there; each adapter has a file of its own.
    ///
    /// It is for Vulkan, whose devices need [`wgpu::Features::PIPELINE_CACHE`]; other drivers keep such files
    /// themselves or not at all, and nothing happens. Nothing fails for want of the file: what cannot be read or
    /// written is logged. The first folder that a device gets is the one that it keeps.
    ///
    /// ```
    /// # let cache = tempfile::tempdir().unwrap();
    /// # let cache = cache.path();
    /// let gpu = wgformer::Gpu::new()?.pipelines_kept_in(cache.join("wgformer"));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn pipelines_kept_in(self, folder: impl AsRef<Path>) -> Self {
        if let Some(file) = PipelineFile::open(&self, folder.as_ref()) {
            self.keep_pipelines(file);
        }
        self
    }

    /// What new pipelines are compiled with.
    pub(super) fn driver_cache(&self) -> Option<&wgpu::PipelineCache> {
        let file = self.pipeline_file()?;
        file.is_outdated.store(true, Ordering::Relaxed);
        Some(&file.cache)
    }

    /// Writes the file, if there is one and something was compiled since.
    pub(crate) fn save_pipelines(&self) {
        let Some(file) = self.pipeline_file() else {
            return;
        };
        if !file.is_outdated.swap(false, Ordering::Relaxed) {
            return;
        }
        if let Err(error) = file.write(self.capabilities()) {
            // It costs time alone, and a system user may have no folder to write to.
            log::info!("cannot write {}: {error}", file.path.display());
        }
    }
}

impl PipelineFile {
    fn open(gpu: &Gpu, folder: &Path) -> Option<Self> {
        let capabilities = gpu.capabilities();
        if !capabilities
            .features
            .contains(wgpu::Features::PIPELINE_CACHE)
        {
            return None;
        }
        let path = folder.join(wgpu::util::pipeline_cache_key(&capabilities.info)?);
        let data = match fs::read(&path) {
            Ok(bytes) => contents(&bytes, capabilities).map(<[u8]>::to_vec),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                log::info!("cannot read {}: {error}", path.display());
                None
            }
        };
        let descriptor = wgpu::PipelineCacheDescriptor {
            label: Some("wgformer"),
            data: data.as_deref(),
            fallback: true,
        };
        #[expect(
            unsafe_code,
            reason = "wgpu asks for it; the argument is in the SAFETY comment"
        )]
        // SAFETY: the bytes are what `get_data` gave to this crate on an adapter of this name with this driver: a line
        // says so, and their hash agrees. wgpu looks at the driver's version once more and then starts empty.
        let create = || unsafe { gpu.device().create_pipeline_cache(&descriptor) };
        let created = gpu.checked("opening the file of pipelines", create);
        let cache = created.map_err(|error| log::warn!("{error}")).ok()?;
        Some(Self {
            cache,
            path,
            is_outdated: AtomicBool::new(false),
        })
    }

    fn write(&self, capabilities: &Capabilities) -> io::Result<()> {
        let Some(data) = self.cache.get_data() else {
            return Ok(());
        };
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        whole_file::write(&self.path, |mut file| {
            file.write_all(header(capabilities, &data).as_bytes())?;
            file.write_all(&data)
        })
    }
}

/// The driver's bytes, if they are whole and of this adapter and driver.
fn contents<'a>(bytes: &'a [u8], capabilities: &Capabilities) -> Option<&'a [u8]> {
    let end = bytes.iter().position(|byte| *byte == b'\n')? + 1;
    let (line, data) = bytes.split_at(end);
    (line == header(capabilities, data).as_bytes()).then_some(data)
}

fn header(capabilities: &Capabilities, data: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    let info = &capabilities.info;
    let hash = hasher.finish();
    // Debug escapes line ends.
    format!(
        "wgformer pipelines 1, {:?}, {:?}, {:?}, {hash:016x}\n",
        info.name, info.driver, info.driver_info
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_whole_or_of_another_driver_are_not_taken() {
        let info = wgpu::AdapterInfo::new(wgpu::DeviceType::Cpu, wgpu::Backend::Noop);
        let here = &Capabilities::new(info, wgpu::Features::empty(), wgpu::Limits::default());
        let data = b"what the driver\ncompiled".as_slice();
        let whole = [header(here, data).as_bytes(), data].concat();
        assert_eq!(contents(&whole, here), Some(data));
        for place in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[place] ^= 1;
            assert_eq!(contents(&flipped, here), None, "byte {place}");
            assert_eq!(contents(&whole[..place], here), None, "{place} bytes");
        }
        let mut newer = here.clone();
        newer.info.driver_info += " (newer)";
        assert_eq!(contents(&whole, &newer), None);
    }
}
