//! The file of compiled pipelines: written whole, read again, and ignored where it is damaged.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use wgformer::models::{Head, Model, ModelOptions};
use wgformer::{Error, Gpu};

/// A device that has compiled nothing yet; nothing where its back end has no such files.
fn device(gpu: &Gpu) -> Option<Gpu> {
    let wanted = &gpu.capabilities().info;
    if wanted.backend != wgpu::Backend::Vulkan {
        return None;
    }
    let limits = gpu.capabilities().limits.clone();
    let features = gpu.capabilities().features | wgpu::Features::PIPELINE_CACHE;
    Some(common::device(gpu, features, limits))
}

fn load(gpu: &Gpu) -> Result<Model, Error> {
    let options = ModelOptions::default();
    let directory = Path::new("tests/data/tiny/plain");
    Model::load(gpu, directory, Head::HiddenStates, usize::MAX, &options)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn pipelines_are_kept_and_a_damaged_file_is_replaced() {
    let (gpu, _turn) = common::gpu();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("made").join("as needed");
    let Some(first) = device(&gpu) else {
        load(&gpu.pipelines_kept_in(&folder)).unwrap();
        assert!(!folder.exists(), "this back end keeps no such file");
        return;
    };
    load(&first.pipelines_kept_in(&folder)).unwrap();
    let [path] = &files(&folder)[..] else {
        panic!("{:?}", files(&folder))
    };
    let whole = fs::read(path).unwrap();
    assert!(whole.starts_with(b"wgformer pipelines 1, "));

    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let own = format!("{:?}, ", gpu.capabilities().info.driver_info);
    let line_end = whole.iter().position(|byte| *byte == b'\n').unwrap();
    let line = String::from_utf8(whole[..line_end].to_vec()).unwrap();
    assert!(line.contains(&own), "{line}");
    let mut other_driver = line.replacen(&own, "\"another driver\", ", 1).into_bytes();
    other_driver.extend(&whole[line_end..]);
    let damages = [
        whole.clone(),
        vec![],
        whole[..whole.len() / 2].to_vec(),
        flipped,
        other_driver,
        vec![b'x'; 100_000],
    ];
    for damaged in damages {
        fs::write(path, &damaged).unwrap();
        let gpu = device(&gpu).unwrap().pipelines_kept_in(&folder);
        load(&gpu).unwrap();
        let now = fs::read(path).unwrap();
        assert!(
            now.starts_with(b"wgformer pipelines 1, "),
            "{} bytes",
            damaged.len()
        );
        let start = String::from_utf8_lossy(&now[..line_end]);
        assert!(start.contains(&own), "{start}");
        assert_eq!(files(&folder).len(), 1, "nothing is left beside it");
    }

    // What is in its way is no reason to fail.
    fs::remove_file(path).unwrap();
    fs::create_dir_all(path.join("a folder")).unwrap();
    load(&device(&gpu).unwrap().pipelines_kept_in(&folder)).unwrap();
    assert_eq!(files(&folder).len(), 1, "nothing is left beside it");
}

#[test]
fn several_devices_share_a_folder() {
    let (gpu, _turn) = common::gpu();
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let Some(gpu) = device(&gpu) else { return };
            let gpu = gpu.pipelines_kept_in(folder.path());
            scope.spawn(move || load(&gpu).unwrap());
        }
    });
    assert!(files(folder.path()).len() <= 1);
}
