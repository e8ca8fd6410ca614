#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| arcgis_fuzz::checkpoint(data));
