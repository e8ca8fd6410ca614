//! What all this ran on.

use std::fs;

/// How busy it is, as the system says.
pub(super) fn load() -> Option<String> {
    let load = fs::read_to_string("/proc/loadavg").ok()?;
    load.split_whitespace().next().map(str::to_owned)
}

/// A line about processor, cores, memory and system, with the load before anything was measured.
pub(super) fn describe(load_before: Option<&str>) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor =
        line("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = line("/proc/meminfo", "MemTotal")
        .and_then(|memory| memory.split_whitespace().next()?.parse::<f64>().ok())
        .map_or(String::new(), |kilobytes| {
            format!(", {:.0} GB of memory", kilobytes / 1e6)
        });
    let system = fs::read_to_string("/proc/sys/kernel/osrelease").map_or_else(
        |_| std::env::consts::OS.to_owned(),
        |release| format!("Linux {}", release.trim()),
    );
    let load = load_before.map_or(String::new(), |before| {
        let after = load().unwrap_or_default();
        format!("; load average {before} before, {after} when it ended")
    });
    format!("{processor}, {cores} cores{memory}, {system}{load}")
}

fn line(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
