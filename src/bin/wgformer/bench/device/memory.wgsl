// A vector of four a lane and step, `STEPS` of them, neighbours beside each other; by what the pipeline is made for:
// read, where the sum is kept in one place a lane at most, write, or copy.

override STEPS: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(256)
fn read_all(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) workgroups: vec3<u32>) {
    let lanes = workgroups.x * 256u;
    var sum = vec4(0.0);
    for (var i = 0u; i < STEPS; i += 1u) {
        sum += x[id.x + i * lanes];
    }
    if sum.x == 123.0 {  // which it never is
        y[id.x] = sum;
    }
}

@compute @workgroup_size(256)
fn write_all(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) workgroups: vec3<u32>) {
    let lanes = workgroups.x * 256u;
    for (var i = 0u; i < STEPS; i += 1u) {
        y[id.x + i * lanes] = vec4(f32(i));
    }
}

@compute @workgroup_size(256)
fn copy_all(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) workgroups: vec3<u32>) {
    let lanes = workgroups.x * 256u;
    for (var i = 0u; i < STEPS; i += 1u) {
        y[id.x + i * lanes] = x[id.x + i * lanes];
    }
}
