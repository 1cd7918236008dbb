//! A checkpoint as `torch.save` writes it: a pickle of a state dictionary and a storage for each tensor, in a zip archive.

use safetensors::Dtype;

/// The file of some tensors: name, shape and bytes. With `is_transposed` the bytes of matrices are column by column.
pub(crate) fn file(
    tensors: &[(&str, &[usize], Vec<u8>)],
    dtype: Dtype,
    is_transposed: bool,
) -> Vec<u8> {
    let mut entries = vec![
        ("data.pkl".to_owned(), pickle(tensors, dtype, is_transposed)),
        ("byteorder".to_owned(), b"little".to_vec()),
    ];
    let storages = (0..).zip(tensors);
    entries.extend(storages.map(|(place, (_, _, bytes))| (format!("data/{place}"), bytes.clone())));
    archive(&entries)
}

fn pickle(tensors: &[(&str, &[usize], Vec<u8>)], dtype: Dtype, is_transposed: bool) -> Vec<u8> {
    let storage = match dtype {
        Dtype::F32 => "Float",
        Dtype::F16 => "Half",
        Dtype::BF16 => "BFloat16",
        Dtype::I64 => "Long",
        other => panic!("no test stores {other:?}"),
    };
    let mut pickle = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01(".to_vec();
    for (place, (name, shape, _)) in tensors.iter().enumerate() {
        text(&mut pickle, name);
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut pickle, "storage");
        pickle.extend(format!("ctorch\n{storage}Storage\n").bytes());
        text(&mut pickle, &place.to_string());
        text(&mut pickle, "cpu");
        integer(&mut pickle, shape.iter().product());
        pickle.extend(b"tQK\x00");
        let strides = match **shape {
            [rows, _] if is_transposed => vec![1, rows],
            [_, cols] => vec![cols, 1],
            _ => vec![1],
        };
        for sizes in [*shape, &strides] {
            pickle.push(b'(');
            sizes.iter().for_each(|size| integer(&mut pickle, *size));
            pickle.push(b't');
        }
        pickle.extend(b"\x89h\x00)RtR");
    }
    pickle.extend(b"u.");
    pickle
}

fn text(pickle: &mut Vec<u8>, text: &str) {
    pickle.push(b'X');
    pickle.extend((text.len() as u32).to_le_bytes());
    pickle.extend(text.bytes());
}

fn integer(pickle: &mut Vec<u8>, value: usize) {
    pickle.push(b'J');
    pickle.extend(i32::try_from(value).unwrap().to_le_bytes());
}

/// A zip archive of stored entries. Nobody looks at their checksums.
pub(crate) fn archive(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let (name, start) = (format!("archive/{name}"), file.len() as u32);
        let size = (bytes.len() as u32).to_le_bytes();
        // Their sizes, the name's, and none of extra fields.
        let sizes = [
            &size[..],
            &size,
            &(name.len() as u16).to_le_bytes(),
            &[0; 2],
        ]
        .concat();
        file.extend([b"PK\x03\x04", &[0; 14][..], &sizes, name.as_bytes(), bytes].concat());
        directory.extend([b"PK\x01\x02", &[0; 16][..], &sizes, &[0; 10]].concat());
        directory.extend([&start.to_le_bytes(), name.as_bytes()].concat());
    }
    let (start, size) = (file.len() as u32, directory.len() as u32);
    let count = (entries.len() as u16).to_le_bytes();
    file.extend(&directory);
    file.extend([b"PK\x05\x06", &[0; 4][..], &count, &count].concat());
    file.extend([&size.to_le_bytes()[..], &start.to_le_bytes(), &[0; 2]].concat());
    file
}
