//! Every kernel against `reference/`, from the case table, on the adapter that the environment selects.
#![expect(clippy::print_stdout, reason = "a test's report")]

mod common;

use wgformer::verify;

#[test]
fn every_kernel_agrees_with_the_reference() {
    let (gpu, _turn) = common::gpu();
    let mut failures = Vec::new();
    let mut worst = std::collections::BTreeMap::new();
    for case in verify::cases().unwrap() {
        for outcome in
            verify::check(&gpu, &case).unwrap_or_else(|error| panic!("{}: {error}", case.name))
        {
            let worst = worst.entry(outcome.kernel).or_insert(0.0_f64);
            *worst = worst.max(outcome.worst);
            failures.extend(outcome.failure.is_some().then(|| outcome.to_string()));
        }
    }
    println!("largest errors, as shares of the tolerance: {worst:#?}");
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// A device that its owner made with nothing but what every adapter has: no feature, the default limits of WebGPU.
#[test]
fn the_default_limits_suffice() {
    let (gpu, _turn) = common::gpu();
    let wanted = gpu.capabilities().info.name.clone();
    let gpu = pollster::block_on(plain_device(&wanted));
    assert_eq!(gpu.capabilities().features, wgpu::Features::empty());
    assert_eq!(
        gpu.capabilities()
            .limits
            .max_storage_buffers_per_shader_stage,
        8
    );
    for case in verify::quick_cases().unwrap() {
        for outcome in verify::check(&gpu, &case).unwrap() {
            assert!(outcome.failure.is_none(), "{outcome}");
        }
    }
    // The largest head fills the workgroup memory to the last byte.
    let cases = verify::cases().unwrap();
    for case in cases
        .iter()
        .filter(|case| case.name.contains("heads of 128") || case.name.contains("heads of 256"))
    {
        for outcome in verify::check(&gpu, case).unwrap() {
            assert!(outcome.failure.is_none(), "{outcome}");
        }
    }
}

async fn plain_device(name: &str) -> wgformer::Gpu {
    let instance =
        wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapters = instance.enumerate_adapters(wgpu::Backends::all()).await;
    let adapter = adapters
        .into_iter()
        .find(|adapter| adapter.get_info().name == name)
        .unwrap();
    let (device, queue) = adapter
        .request_device(&wgpu::DeviceDescriptor::default())
        .await
        .unwrap();
    wgformer::Gpu::from_device(device, queue)
}
