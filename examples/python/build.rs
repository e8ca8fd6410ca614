//! On macOS the linker has to be told that Python itself will bring what the module calls.

fn main() {
    pyo3_build_config::add_extension_module_link_args();
}
