// Row softmax, four columns at a time: y[r, c] = exp(x[r, c] - max_r) / sum_r.
// One workgroup per row; each lane keeps its columns in registers, four to a vector. cols is a multiple of 4.

struct Params {
    first_workgroup: u32,  // of those that run now
    rows: u32,
    cols: u32,             // elements per row, at most 4 * WORKGROUP_SIZE * VECTORS_PER_LANE, more than with one vector fewer
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;        // [rows, cols]
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;  // [rows, cols]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 64u;  // a multiple of 8
const VECTORS_PER_LANE: u32 = 4u;
const GROUPS: u32 = max(8u, WORKGROUP_SIZE / 16u);  // a reduction's second step; the first adds up every GROUPS-th lane

var<workgroup> partial: array<f32, WORKGROUP_SIZE>;
var<workgroup> group_partial: array<f32, GROUPS>;

fn reduce_max(value: f32, lane: u32) -> f32 {
    partial[lane] = value;
    workgroupBarrier();
    var largest = -3.4028235e38;
    for (var i = 0u; i < WORKGROUP_SIZE / GROUPS; i++) {
        largest = max(largest, partial[i * GROUPS + lane % GROUPS]);
    }
    if lane < GROUPS { group_partial[lane] = largest; }
    workgroupBarrier();
    largest = -3.4028235e38;
    for (var i = 0u; i < GROUPS; i++) { largest = max(largest, group_partial[i]); }
    return largest;
}

fn reduce_sum(value: f32, lane: u32) -> f32 {
    partial[lane] = value;
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < WORKGROUP_SIZE / GROUPS; i++) {
        sum += partial[i * GROUPS + lane % GROUPS];
    }
    if lane < GROUPS { group_partial[lane] = sum; }
    workgroupBarrier();
    sum = 0.0;
    for (var i = 0u; i < GROUPS; i++) { sum += group_partial[i]; }
    return sum;
}

// Only a lane's last vector may lie past the row: the loads of all others wait for no comparison.
fn is_inside(i: u32, c4: u32, width: u32) -> bool {
    return (i + 1u < VECTORS_PER_LANE) | (c4 < width);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn softmax_vec4(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    if row < params.rows {
        let width = params.cols / 4u;
        let start = row * width;

        var values: array<vec4<f32>, VECTORS_PER_LANE>;
        var local_max = vec4(-3.4028235e38);
        for (var i = 0u; i < VECTORS_PER_LANE; i++) {
            let c4 = lane + i * WORKGROUP_SIZE;
            values[i] = vec4(0.0);
            if is_inside(i, c4, width) {
                values[i] = x[start + c4];
                local_max = max(local_max, values[i]);
            }
        }
        let row_max = reduce_max(max(max(local_max.x, local_max.y), max(local_max.z, local_max.w)), lane);

        var local_sum = vec4(0.0);
        for (var i = 0u; i < VECTORS_PER_LANE; i++) {
            let c4 = lane + i * WORKGROUP_SIZE;
            if is_inside(i, c4, width) {
                values[i] = exp(values[i] - row_max);
                local_sum += values[i];
            }
        }
        let scale = 1.0 / reduce_sum((local_sum.x + local_sum.y) + (local_sum.z + local_sum.w), lane);

        for (var i = 0u; i < VECTORS_PER_LANE; i++) {
            let c4 = lane + i * WORKGROUP_SIZE;
            if is_inside(i, c4, width) {
                y[start + c4] = values[i] * scale;
            }
        }
    }
}
