//! Parquet files as `embed` reads and writes them (feature `parquet`).

#[path = "common/generated_model.rs"]
mod generated_model;
#[path = "cli/harness.rs"]
#[expect(dead_code, reason = "tests/cli has other needs")]
mod harness;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use generated_model::HIDDEN;
use harness::{Folder, ROOT, column, mixed_lines, vector};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::record::{Field, Row, RowAccessor};
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};

/// Writes `id` and, in row groups of 50, the optional column `name`.
fn write(path: &Path, name: &str, kind: &str, compression: Compression, texts: &[Option<&[u8]>]) {
    let schema = format!("message rows {{ required int64 id; optional binary {name} {kind}; }}");
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .build();
    let mut writer = SerializedFileWriter::new(
        File::create(path).unwrap(),
        Arc::new(parse_message_type(&schema).unwrap()),
        Arc::new(properties),
    )
    .unwrap();
    for texts in texts.chunks(50) {
        let mut group = writer.next_row_group().unwrap();
        let ids: Vec<i64> = (0..).take(texts.len()).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<Int64Type>()
            .write_batch(&ids, None, None)
            .unwrap();
        column.close().unwrap();
        let defined: Vec<i16> = texts.iter().map(|text| i16::from(text.is_some())).collect();
        let there = texts.iter().flatten();
        let there: Vec<ByteArray> = there.map(|text| text.to_vec().into()).collect();
        let mut column = group.next_column().unwrap().unwrap();
        let typed = column.typed::<ByteArrayType>();
        typed.write_batch(&there, Some(&defined), None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
}

fn rows(path: &Path) -> Vec<Row> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(Result::unwrap).collect()
}

/// A row as a line of JSON has it.
fn line(row: &Row) -> Value {
    fn number(field: &Field) -> Value {
        match field {
            Field::Float(value) => json!(value),
            Field::Byte(value) => json!(value),
            Field::UByte(value) => json!(value),
            Field::ListInternal(list) => list.elements().iter().map(number).collect(),
            other => panic!("{other}"),
        }
    }
    let embedding = row.get_list(3).unwrap();
    json!({
        "index": row.get_long(0).unwrap(),
        "text": row.get_string(1).unwrap(),
        "tokens": row.get_long(2).unwrap(),
        "embedding": embedding.elements().iter().map(number).collect::<Value>(),
    })
}

#[test]
fn a_column_of_strings_gives_what_the_same_lines_give() {
    let folder = Folder::new();
    let texts = mixed_lines(120);
    folder.write("lines.txt", texts.join("\n"));
    let expected = folder.embed("--input lines.txt").bytes();
    let texts: Vec<_> = texts.iter().map(|text| Some(text.as_bytes())).collect();
    for (name, kind, compression, options) in [
        ("text", "(string)", Compression::UNCOMPRESSED, ""),
        ("text", "(utf8)", Compression::SNAPPY, ""),
        ("body", "", Compression::LZ4_RAW, "--field body"),
    ] {
        write(&folder.path("in.parquet"), name, kind, compression, &texts);
        let found = folder.embed(&format!("--input in.parquet {options}"));
        assert!(found.bytes() == expected, "{name} {kind} {compression}");
    }
    std::fs::rename(folder.path("in.parquet"), folder.path("in")).unwrap();
    let found = folder.embed("--input in --input-format parquet --field body");
    assert!(found.bytes() == expected);
}

#[test]
fn what_pyarrow_writes_can_be_read_unless_nothing_here_decompresses_it() {
    let folder = Folder::new();
    for name in ["dictionary.parquet", "zstd.parquet"] {
        let path = Path::new("tests/data/parquet").join(name);
        folder.write(name, std::fs::read(path).unwrap());
    }
    let lines = folder.embed("--input dictionary.parquet").lines();
    let texts = json!(["hello world", "the \"cat\"", "hello world"]);
    assert_eq!(column(&lines, "text"), texts);
    let needles = [
        "zstd.parquet: the column \"text\" is compressed by ZSTD",
        "Snappy",
    ];
    folder.embed("--input zstd.parquet").assert_error(&needles);
}

#[test]
fn a_column_that_holds_no_text_is_an_error_that_names_it() {
    let folder = Folder::new();
    let path = folder.path("in.parquet");
    let none = Compression::UNCOMPRESSED;
    let mut texts: Vec<Option<&[u8]>> = vec![Some(b"sea"); 70];
    write(&path, "body", "(string)", none, &texts);
    for (options, needle) in [
        (
            "",
            "has no column \"text\", it has \"id\", \"body\"; name one with --field",
        ),
        ("--field id", "the column \"id\" holds no strings"),
    ] {
        let ended = folder.embed(&format!("--input in.parquet {options}"));
        ended.assert_error(&["in.parquet", needle]);
    }
    let piped = folder.embed("--input - --input-format parquet");
    piped.assert_error(&["cannot be read from standard input"]);

    let output = "--input in.parquet --output out.jsonl";
    texts[60] = None;
    write(&path, "text", "(string)", none, &texts);
    folder
        .embed(output)
        .assert_error(&["in.parquet: row 61, column \"text\": it is null"]);
    texts[60] = Some(b"\xff");
    write(&path, "text", "", none, &texts);
    folder
        .embed(output)
        .assert_error(&["in.parquet: row 61, column \"text\": it is not valid UTF-8"]);
    let whole = folder.read("in.parquet");
    for damaged in [&b""[..], b"PAR1", &whole[..whole.len() - 9], &whole[40..]] {
        folder.write("in.parquet", damaged);
        folder.embed(output).assert_error(&["in.parquet: "]);
    }
    assert!(!folder.names().contains("out.jsonl"));
}

#[test]
fn a_damaged_file_is_an_error_wherever_the_damage_is() {
    let folder = Folder::new();
    let texts: Vec<Option<&[u8]>> = vec![Some(b"a small dog"); 20];
    let path = folder.path("in.parquet");
    write(&path, "text", "(string)", Compression::SNAPPY, &texts);
    let whole = folder.read("in.parquet");
    for place in (0..whole.len()).step_by(whole.len() / 12) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x55;
        folder.write("in.parquet", damaged);
        let ended = folder.embed("--input in.parquet --output out.jsonl");
        let ranked = folder.run("search dog --input in.parquet --model tiny");
        let fitted = "fit --train in.parquet --label-field text --model tiny --out fitted";
        for ended in [ended, ranked, folder.run(fitted)] {
            // A bit may be one that nobody reads; a crash is never right.
            assert!([0, 1].contains(&ended.code), "{place}: {}", ended.stderr);
            assert!(
                ended.code == 0 || ended.stderr.starts_with("error: "),
                "{place}: {}",
                ended.stderr
            );
        }
    }
}

#[test]
fn rows_hold_what_the_lines_of_json_hold() {
    let folder = Folder::new();
    folder.write("in.txt", mixed_lines(300).join("\n"));
    folder.write("empty.txt", "");
    for options in ["", "--pooling none"] {
        let lines = folder.embed(&format!("--input in.txt {options}")).lines();
        folder
            .embed(&format!("--input in.txt --output out.parquet {options}"))
            .bytes();
        let printed = folder.embed(&format!("--input in.txt --format parquet {options}"));
        assert!(printed.stdout == folder.read("out.parquet"), "{options}");
        let found: Vec<Value> = rows(&folder.path("out.parquet")).iter().map(line).collect();
        for key in ["index", "text", "tokens"] {
            assert_eq!(column(&found, key), column(&lines, key));
        }
        if options.is_empty() {
            assert_eq!(vector(&found[0]).len(), HIDDEN);
            assert!(found.iter().map(vector).eq(lines.iter().map(vector)));
        } else {
            let vectors = |line: &Value| -> Vec<Vec<f32>> {
                serde_json::from_value(line["embedding"].clone()).unwrap()
            };
            assert!(found.iter().map(vectors).eq(lines.iter().map(vectors)));
        }
        // What is written can be read: its texts again.
        let again = folder
            .embed(&format!("--input out.parquet {options}"))
            .lines();
        assert!(again == lines, "{options}");
        folder
            .embed(&format!("--input empty.txt --output no.parquet {options}"))
            .bytes();
        assert_eq!(rows(&folder.path("no.parquet")).len(), 0);
    }
    folder
        .embed("--input in.txt --format parquet --output /dev/full")
        .assert_error(&["cannot write /dev/full"]);
}

#[test]
fn small_numbers_and_passages_are_what_the_lines_of_json_hold() {
    let folder = Folder::new();
    let long = mixed_lines(60).join(" ");
    folder.write("in.txt", format!("{long}\nsea\n"));
    for options in [
        "--precision int8",
        "--precision ubinary",
        "--precision int8 --pooling none",
    ] {
        let options = format!("--input in.txt {options}");
        let lines = folder.embed(&options).lines();
        let output = folder.embed(&format!("{options} --output out.parquet"));
        output.bytes();
        let found: Vec<Value> = rows(&folder.path("out.parquet")).iter().map(line).collect();
        assert_eq!(column(&found, "embedding"), column(&lines, "embedding"));
    }
    let lines = folder.embed("--input in.txt --overflow chunk").lines();
    let output = folder.embed("--input in.txt --overflow chunk --output out.parquet");
    output.bytes();
    for (row, line) in rows(&folder.path("out.parquet")).iter().zip(&lines) {
        assert_eq!(row.get_long(2).unwrap(), line["start"]);
        assert_eq!(row.get_long(3).unwrap(), line["end"]);
        assert_eq!(row.get_long(4).unwrap(), line["tokens"]);
    }
}

#[test]
fn a_resumed_run_writes_the_same_bytes() {
    let folder = Folder::new();
    folder.write("in.txt", mixed_lines(300).join("\n"));
    folder
        .embed("--input in.txt --output whole.parquet")
        .bytes();
    folder
        .embed("--input in.txt --output out.parquet --resume")
        .bytes();
    assert!(folder.read("out.parquet") == folder.read("whole.parquet"));
}

/// Lists and numbers, as data sets on the Hugging Face hub have them.
#[test]
fn labelled_records_are_those_of_json_lines() {
    let folder = Folder::new();
    let data = |name: &str| format!("'{ROOT}/tests/data/{name}'");
    let eval = |task: &str, model: &str, file: &str, names: &str| -> Value {
        let model = data(model);
        let text = folder
            .run(&format!(
                "eval --task {task} --model {model} --data {file} --label-names {names} --json"
            ))
            .text();
        serde_json::from_str(&text).unwrap()
    };
    let parquet = data("parquet/labelled.parquet");
    folder.write(
        "tags.jsonl",
        r#"{"tokens": ["Ada", "met", "Charles"], "tags": ["B-PER", "O", "B-PER"]}
{"tokens": ["London", "."], "tags": ["B-LOC", "O"]}"#,
    );
    let names = "O,B-PER,I-PER,B-LOC";
    let [found, expected] = [&parquet[..], "tags.jsonl"].map(|file| {
        let found = eval("tag", "spans/bert-tags", file, names);
        (
            found["classes"].clone(),
            found["of_tokens"]["confusion"].clone(),
        )
    });
    assert_eq!(found, expected);
    assert!(found.0.as_array().unwrap().len() >= 2, "{found:?}");

    folder.write(
        "labels.csv",
        "text,label\nsnow fell,positive\nA film!,negative\n",
    );
    let names = "negative,neutral,positive";
    let [found, expected] = [&parquet[..], "labels.csv"]
        .map(|file| eval("classify", "tasks/sentiment", file, names)["confusion"].clone());
    assert_eq!(found, expected);
    let missing = format!(
        "eval --task classify --model {} --data {parquet} --text-field body",
        data("tasks/sentiment")
    );
    folder
        .run(&missing)
        .assert_error(&["row 1", "\"body\"", "--text-field"]);
}
