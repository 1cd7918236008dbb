// One vector per sequence: the mean, the maximum, the first or the last of its tokens' rows;
// then, if NORMALIZE, divided by its length: y[s] = v / max(|v|, 1e-12).
// A sequence without tokens gives zeros.
// One workgroup per sequence; each lane keeps its columns in registers.

struct Params {
    sequences: u32,
    hidden: u32,  // at most WORKGROUP_SIZE * COLUMNS_PER_LANE
}

@group(0) @binding(0) var<storage, read> x: array<f32>;                // [tokens, hidden]
@group(0) @binding(1) var<storage, read> segment_offsets: array<u32>;  // [sequences + 1]
@group(0) @binding(2) var<storage, read_write> y: array<f32>;          // [sequences, hidden]
@group(1) @binding(0) var<uniform> params: Params;

// A power of two: the tree reduction halves it.
const WORKGROUP_SIZE: u32 = 64u;
const COLUMNS_PER_LANE: u32 = 16u;
const MODE: u32 = 0u;       // 0: mean, 1: maximum, 2: first token, 3: last token
const NORMALIZE: u32 = 1u;  // 1: to length 1

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
fn pool(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let sequence = workgroup.x + workgroup.y * workgroups.x;
    if sequence < params.sequences {
        let start = segment_offsets[sequence];
        let end = segment_offsets[sequence + 1u];
        var first = start;  // the rows that count: first..last
        var last = end;
        if MODE == 2u { last = min(start + 1u, end); }
        if MODE == 3u { first = max(end, start + 1u) - 1u; }

        var values: array<f32, COLUMNS_PER_LANE>;
        var squares = 0.0;
        for (var i = 0u; i < COLUMNS_PER_LANE; i++) {
            let c = lane + i * WORKGROUP_SIZE;
            values[i] = 0.0;
            if c < params.hidden && first < last {
                var v = x[first * params.hidden + c];
                for (var token = first + 1u; token < last; token++) {
                    let next = x[token * params.hidden + c];
                    if MODE == 1u { v = max(v, next); } else { v += next; }
                }
                if MODE == 0u { v /= f32(end - start); }
                values[i] = v;
            }
            squares = fma(values[i], values[i], squares);
        }
        var scale = 1.0;
        if NORMALIZE == 1u {
            scale = 1.0 / max(sqrt(reduce_sum(squares, lane)), 1e-12);
        }

        for (var i = 0u; i < COLUMNS_PER_LANE; i++) {
            let c = lane + i * WORKGROUP_SIZE;
            if c < params.hidden {
                y[sequence * params.hidden + c] = values[i] * scale;
            }
        }
    }
}
