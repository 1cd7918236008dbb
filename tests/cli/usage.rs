//! What may be typed, and what help there is.

use crate::harness::{Ended, Folder};

#[test]
fn wrong_usage_ends_with_2_and_help_with_0() {
    let folder = Folder::new();
    folder.write("input.txt", "sea\n");
    for command_line in [
        "",
        "frobnicate",
        "embed",
        "embed sea --input input.txt",
        "embed sea --nonsense",
        "embed sea --format csv",
        "embed sea --dtype f64",
        "embed sea --pooling sum",
        "embed sea --batch-tokens 0",
        "embed sea --batch-tokens -1",
        "embed sea --batch-tokens many",
        // Two files, and one place to write to.
        "embed sea --model tiny --format npy --pooling none",
        "embed sea --model tiny --format npy --pooling none --output -",
        "embed sea --resume --output out.jsonl",
        "embed --input input.txt --resume",
        "embed --input - --resume --output out.jsonl",
        "embed --input input.txt --resume --output -",
        "embed sea --field text",
        "embed --input input.txt --field text",
        "embed --input input.txt --input-format xml",
        "embed sea --sparse --format npy",
        "embed sea --multi --output sea.parquet",
        "embed sea --multi --prompt poem",
        "embed sea --multi --sparse",
        "embed sea --sparse --pooling cls",
        "search",
        "search sea",
        "search --input input.txt",
        "search sea --input input.txt --top few",
        "tag",
        "tag sea --input input.txt",
        "tag sea --aggregation mean",
        "answer",
        "answer sea",
        "answer --context input.txt",
        "answer sea snow --context input.txt",
        "answer sea --input input.txt --context input.txt",
        "tag sea --overlap 8",
        "summarize",
        "summarize sea --input input.txt",
        "summarize --input input.txt --field text",
        "search sea snow --overflow split",
        "answer sea --context input.txt --top 0",
        "doctor sea",
        "bench --time-budget soon",
        "bench --time-budget 18446744073709551615s",
    ] {
        let Ended {
            code,
            stdout,
            stderr,
        } = folder.run(command_line);
        assert_eq!((code, stdout.len()), (2, 0), "{command_line}: {stderr}");
        assert!(!stderr.is_empty(), "{command_line}");
    }
    for command in ["", "embed", "search", "tag", "answer", "doctor"] {
        let help = folder.run(&format!("{command} --help")).text();
        assert!(help.contains("Usage: wgformer"), "{help}");
    }
    let version = format!("wgformer {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(folder.run("--version").text(), version);
}
