// One vector per sequence, from a texture into a buffer: the mean, the maximum, the first or the last of its
// tokens' rows; then, if NORMALIZE, divided by its length: y[s] = v / max(|v|, 1e-12).
// A sequence without tokens gives zeros. hidden is a multiple of 4.
// One workgroup per sequence; lanes share its columns, and read back what they wrote themselves to divide it.

struct Params {
    first_workgroup: u32,  // of those that run now
    sequences: u32,
    hidden: u32,
}

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;    // [tokens, hidden]
@group(0) @binding(1) var<storage, read> segment_offsets: array<u32>;  // [sequences + 1]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;    // [sequences, hidden]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 8u;  // a power of two: the tree reduction halves it
const MODE: u32 = 0u;            // 0: mean, 1: maximum, 2: first token, 3: last token
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

        var squares = 0.0;
        for (var c4 = lane; c4 < width; c4 += WORKGROUP_SIZE) {
            var v = vec4(0.0);
            if first < last {
                v = textureLoad(x, vec2(c4, first));
                for (var token = first + 1u; token < last; token++) {
                    let next = textureLoad(x, vec2(c4, token));
                    if MODE == 1u { v = max(v, next); } else { v += next; }
                }
                if MODE == 0u { v /= f32(end - start); }
            }
            squares += dot(v, v);
            y[sequence * width + c4] = v;
        }
        if NORMALIZE == 1u {
            let scale = 1.0 / max(sqrt(reduce_sum(squares, lane)), 1e-12);
            for (var c4 = lane; c4 < width; c4 += WORKGROUP_SIZE) {
                y[sequence * width + c4] *= scale;
            }
        }
    }
}
