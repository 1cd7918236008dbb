//! What only Unix has of files: devices, permissions and links.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use crate::harness::{Folder, run};

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_and_a_missing_folder_for_temporary_files_are_errors() {
    let folder = Folder::new();
    folder
        .embed("sea --output /dev/full")
        .assert_error(&["cannot write /dev/full", "No space left on device"]);
    let mut command = folder.command("embed sea --model tiny --format npy");
    let ended = run(command.env("TMPDIR", folder.path("lost")), b"");
    ended.assert_error(&["temporary file", "lost", "No such file"]);
}

#[test]
fn an_output_file_has_the_permissions_of_any_new_file_and_a_link_stays_a_link() {
    let folder = Folder::new();
    for (umask, expected) in [("022", 0o644), ("077", 0o600), ("002", 0o664)] {
        let options = "--model tiny --format npy --pooling none";
        let embed = folder.command(&format!("embed sea {options} --output {umask}.npy"));
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("umask {umask}; exec \"$@\""))
            .arg("sh");
        shell.arg(embed.get_program()).args(embed.get_args());
        run(shell.current_dir(folder.path(".")), b"").bytes();
        for name in [format!("{umask}.npy"), format!("{umask}.offsets.npy")] {
            let mode = fs::metadata(folder.path(&name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, expected, "{name}");
        }
    }
    folder.write("target.jsonl", "old");
    symlink("target.jsonl", folder.path("link.jsonl")).unwrap();
    folder.embed("sea --output link.jsonl").bytes();
    assert!(
        fs::symlink_metadata(folder.path("link.jsonl"))
            .unwrap()
            .is_symlink()
    );
    let expected = folder.embed("sea").bytes();
    assert_eq!(folder.read("target.jsonl"), expected);
    // Also one whose file is not there yet.
    fs::remove_file(folder.path("target.jsonl")).unwrap();
    for resume in ["", "--resume"] {
        folder.write("input.txt", "sea");
        folder
            .embed(&format!("--input input.txt --output link.jsonl {resume}"))
            .bytes();
        assert!(folder.path("link.jsonl").is_symlink());
        assert_eq!(folder.read("target.jsonl"), expected);
        fs::remove_file(folder.path("target.jsonl")).unwrap();
    }
    symlink("loop.jsonl", folder.path("loop.jsonl")).unwrap();
    folder
        .embed("sea --output loop.jsonl")
        .assert_error(&["cannot write loop.jsonl"]);
}
