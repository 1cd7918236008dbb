//! Damage to `tokenizer.json`.

use serde_json::Value;
use wgformer::verify::Random;

use crate::json::{self, one_of};
use crate::subject::Files;

/// Parts that a tokenizer may have, among them such as do nothing good; `SELF` stands for others of the same list.
const NORMALIZERS: &[&str] = &[
    r#"{"type":"Sequence","normalizers":[SELF,SELF]}"#,
    r#"{"type":"Replace","pattern":{"String":"a"},"content":"aa"}"#,
    r#"{"type":"Replace","pattern":{"Regex":""},"content":"xyz"}"#,
    r#"{"type":"Replace","pattern":{"Regex":"(a*)*b"},"content":""}"#,
    r#"{"type":"Replace","pattern":{"Regex":"("},"content":""}"#,
    r#"{"type":"Prepend","prepend":""}"#,
    r#"{"type":"Prepend","prepend":"xxxxxxxx"}"#,
    r#"{"type":"Precompiled","precompiled_charsmap":""}"#,
    r#"{"type":"Precompiled","precompiled_charsmap":"AAAA/w=="}"#,
    r#"{"type":"Precompiled","precompiled_charsmap":"/////w=="}"#,
    r#"{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}"#,
    r#"{"type":"Strip","strip_left":true,"strip_right":true}"#,
    r#"{"type":"ByteLevel"}"#,
    r#"{"type":"Nmt"}"#,
    r#"{"type":"NFKC"}"#,
];

const PRE_TOKENIZERS: &[&str] = &[
    r#"{"type":"Sequence","pretokenizers":[SELF,SELF]}"#,
    r#"{"type":"FixedLength","length":0}"#,
    r#"{"type":"FixedLength","length":18446744073709551615}"#,
    r#"{"type":"Split","pattern":{"Regex":""},"behavior":"Isolated","invert":false}"#,
    r#"{"type":"Split","pattern":{"String":""},"behavior":"Removed","invert":true}"#,
    r#"{"type":"Split","pattern":{"Regex":"(?:(a+)+)+$"},"behavior":"MergedWithNext","invert":true}"#,
    r#"{"type":"Metaspace","replacement":"_","prepend_scheme":"always","split":true}"#,
    r#"{"type":"CharDelimiterSplit","delimiter":" "}"#,
    r#"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}"#,
    r#"{"type":"UnicodeScripts"}"#,
    r#"{"type":"Digits","individual_digits":true}"#,
    r#"{"type":"WhitespaceSplit"}"#,
];

const POST_PROCESSORS: &[&str] = &[
    r#"{"type":"Sequence","processors":[SELF,SELF]}"#,
    r#"{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"A","type_id":1}}],"pair":[],"special_tokens":{}}"#,
    r#"{"type":"TemplateProcessing","single":[],"pair":[],"special_tokens":{}}"#,
    r#"{"type":"TemplateProcessing","single":[{"Sequence":{"id":"B","type_id":0}}],"pair":[],"special_tokens":{}}"#,
    r#"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}],"pair":[],"special_tokens":{}}"#,
    r#"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":9}}],"pair":[],"special_tokens":{"x":{"id":"x","ids":[4294967295,1],"tokens":["x","y"]}}}"#,
    r#"{"type":"BertProcessing","sep":["[SEP]",4294967295],"cls":["[CLS]",2]}"#,
    r#"{"type":"RobertaProcessing","sep":["[SEP]",3],"cls":["[CLS]",2],"trim_offsets":true,"add_prefix_space":true}"#,
    r#"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}"#,
];

const MODELS: &[&str] = &[
    r#"{"type":"BPE","vocab":{"a":0},"merges":["a a"]}"#,
    r#"{"type":"BPE","vocab":{"a":0,"b":1,"ab":4294967295},"merges":[["a","b"]],"unk_token":"?","fuse_unk":true}"#,
    r#"{"type":"BPE","vocab":{},"merges":[],"byte_fallback":true,"dropout":2.0}"#,
    r#"{"type":"Unigram","unk_id":7,"vocab":[["a",0.0]]}"#,
    r#"{"type":"Unigram","unk_id":0,"vocab":[["",1e308],["a",-1e308]]}"#,
    r#"{"type":"Unigram","unk_id":null,"vocab":[]}"#,
    r#"{"type":"WordLevel","vocab":{},"unk_token":"?"}"#,
    r#"{"type":"WordPiece","vocab":{},"unk_token":"","continuing_subword_prefix":"","max_input_chars_per_word":0}"#,
];

const DECODERS: &[&str] = &[
    r#"{"type":"Sequence","decoders":[SELF,SELF]}"#,
    r#"{"type":"Strip","content":"a","start":18446744073709551615,"stop":1}"#,
    r#"{"type":"CTC","pad_token":"","word_delimiter_token":"","cleanup":true}"#,
];

const PARTS: &[(&str, &[&str])] = &[
    ("/normalizer", NORMALIZERS),
    ("/pre_tokenizer", PRE_TOKENIZERS),
    ("/post_processor", POST_PROCESSORS),
    ("/model", MODELS),
    ("/decoder", DECODERS),
];

/// Where ids are: of the vocabulary, of its special tokens, and of what is put around a text.
const IDS: &[&str] = &[
    "/model/vocab/hello",
    "/model/vocab/[UNK]",
    "/added_tokens/2/id",
    "/post_processor/special_tokens/[CLS]/ids/0",
    "/post_processor/single/1/Sequence/type_id",
    "/model/max_input_chars_per_word",
];

pub(crate) fn damage(random: &mut Random, files: &mut Files) {
    let file = files.get_mut("tokenizer.json").unwrap();
    let Ok(value) = serde_json::from_slice::<Value>(file) else {
        return json::damage(random, file);
    };
    let (pointer, new) = match random.below(3) {
        0 => return json::damage(random, file),
        1 => (one_of(random, IDS), json::number(random).to_owned()),
        _ => {
            let (pointer, parts) = one_of(random, PARTS);
            (pointer, part(random, parts, 4))
        }
    };
    if value.pointer(pointer).is_some() {
        *file = json::replace_at(value, pointer, &new).into_bytes();
    }
}

/// A part of the list, with others in it, `depth` levels at most.
fn part(random: &mut Random, parts: &[&str], depth: usize) -> String {
    let mut text = one_of(random, parts).to_owned();
    while let Some(place) = text.find("SELF") {
        let inner = match depth {
            0 => "null".to_owned(),
            _ => part(random, parts, depth - 1),
        };
        text.replace_range(place..place + 4, &inner);
    }
    text
}
