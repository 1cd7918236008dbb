// One vector per sequence, on textures: the mean, the maximum, the first or the last of its tokens' rows, their sum divided
// by the root of their count, or their mean weighted by 1, 2, 3, …;
// then, if NORMALIZE, divided by its length: y[s] = v / max(|v|, 1e-12).
// A sequence without tokens gives zeros. hidden is a multiple of 4.
// One workgroup per sequence; lanes share its columns.

struct Params {
    first_workgroup: u32,  // of those that run now
    sequences: u32,
    hidden: u32,
}

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;    // [tokens, hidden]
@group(0) @binding(1) var<storage, read> segment_offsets: array<u32>;  // [sequences + 1]
@group(0) @binding(2) var y: texture_storage_2d<rgba32float, write>;   // [sequences, hidden]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 8u;  // a power of two: the tree reduction halves it
const MODE: u32 = 0u;            // 0: mean, 1: maximum, 2: first token, 3: last token, 4: sum by root of count, 5: weighted mean
const NORMALIZE: u32 = 1u;       // 1: to length 1

var<workgroup> partial: array<f32, WORKGROUP_SIZE>;

fn reduce_sum(value: f32, lane: u32) -> f32 {
    partial[lane] = value;
    for (var stride = WORKGROUP_SIZE / 2u; stride > 0u; stride /= 2u) {
        workgroupBarrier();
        if lane < stride {
            partial[lane] += partial[lane + stride];
        }
    }
    return workgroupUniformLoad(&partial[0]);  // has a barrier on both sides
}

// Of a token in what is summed up, by its place.
fn weight_of(place: u32) -> f32 {
    return select(1.0, f32(place + 1u), MODE == 5u);
}

// What a sum of so many tokens is divided by, if it is: the sum of their weights, or its root.
fn divisor_of(tokens: u32) -> f32 {
    let count = f32(max(tokens, 1u));
    if MODE == 4u { return sqrt(count); }
    if MODE == 5u { return 0.5 * count * (count + 1.0); }
    return count;
}

// Four columns of the rows first..last.
fn pooled(c4: u32, first: u32, last: u32) -> vec4<f32> {
    var v = vec4(0.0);
    for (var token = first; token < last; token++) {
        let next = textureLoad(x, vec2(c4, token));
        if MODE == 1u && token > first { v = max(v, next); } else { v = fma(vec4(weight_of(token - first)), next, v); }
    }
    if MODE == 0u || MODE >= 4u { v /= divisor_of(last - first); }
    return v;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn pool_texture(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let sequence = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    if sequence < params.sequences {
        let width = params.hidden / 4u;
        let start = segment_offsets[sequence];
        let end = segment_offsets[sequence + 1u];
        var first = start;  // the rows that count: first..last
        var last = end;
        if MODE == 2u { last = min(start + 1u, end); }
        if MODE == 3u { first = max(end, start + 1u) - 1u; }

        // A row is pooled once for its length, and again to be written.
        var scale = 1.0;
        if NORMALIZE == 1u {
            var squares = 0.0;
            for (var c4 = lane; c4 < width; c4 += WORKGROUP_SIZE) {
                let v = pooled(c4, first, last);
                squares += dot(v, v);
            }
            scale = 1.0 / max(sqrt(reduce_sum(squares, lane)), 1e-12);
        }
        for (var c4 = lane; c4 < width; c4 += WORKGROUP_SIZE) {
            textureStore(y, vec2(c4, sequence), pooled(c4, first, last) * scale);
        }
    }
}
