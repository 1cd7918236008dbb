//! What several tests share: one device for the whole binary, used by one test at a time.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use wgformer::Gpu;

/// The device that the environment selects, for as long as the guard lives: software adapters fight for cores.
pub(crate) fn gpu() -> (Gpu, MutexGuard<'static, ()>) {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let gpu = GPU.get_or_init(|| {
        let gpu = Gpu::new().unwrap_or_else(|error| panic!("{error}"));
        #[expect(
            clippy::print_stderr,
            reason = "which adapter a test ran on is part of its report"
        )]
        {
            eprintln!("adapter: {}", gpu.capabilities());
        }
        gpu
    });
    (gpu.clone(), turn)
}
