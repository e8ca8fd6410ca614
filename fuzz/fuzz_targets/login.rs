#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| arcgis_fuzz::login(data));
