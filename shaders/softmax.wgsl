// Row softmax: y[r, c] = exp(x[r, c] - max_r) / sum_r.
// One workgroup per row; each lane strides over the columns.

struct Params {
    first_workgroup: u32,  // of those that run now
    rows: u32,
    cols: u32,             // elements per row
}

@group(0) @binding(0) var<storage, read> x: array<f32>;        // [rows, cols]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;  // [rows, cols]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 64u;  // a multiple of 8
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

@compute @workgroup_size(WORKGROUP_SIZE)
fn softmax(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    if row < params.rows {
        let start = row * params.cols;

        var local_max = -3.4028235e38;
        for (var c = lane; c < params.cols; c += WORKGROUP_SIZE) {
            local_max = max(local_max, x[start + c]);
        }
        let row_max = reduce_max(local_max, lane);

        var local_sum = 0.0;
        for (var c = lane; c < params.cols; c += WORKGROUP_SIZE) {
            local_sum += exp(x[start + c] - row_max);
        }
        let scale = 1.0 / reduce_sum(local_sum, lane);

        for (var c = lane; c < params.cols; c += WORKGROUP_SIZE) {
            y[start + c] = exp(x[start + c] - row_max) * scale;
        }
    }
}
