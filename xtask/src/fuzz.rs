//! Fuzzing: `cargo xtask fuzz [<target>] [--seconds N]`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::repository::Repository;

/// How long each target runs unless it is said.
const SECONDS: u64 = 60;

/// No case is longer, in bytes: what needs more is among the tests that make large cases.
const LONGEST: u32 = 4096;

/// What the compiler is told so that libFuzzer sees which ways a case takes. They are LLVM's own options, which the
/// stable toolchain passes on; only the sanitizers need another one.
const FLAGS: [&str; 9] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Ccodegen-units=1",
    "--cfg",
    "fuzzing",
];

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    /// All if there is none.
    target: Option<String>,
    seconds: u64,
    minimise: bool,
}

impl Options {
    fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self {
            target: None,
            seconds: SECONDS,
            minimise: false,
        };
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            match argument {
                "--seconds" => {
                    let seconds = rest.next().context("--seconds needs a number")?;
                    options.seconds = seconds.parse().context("--seconds needs a number")?;
                    ensure!(options.seconds > 0, "--seconds has to be above 0");
                }
                "--minimise" => options.minimise = true,
                flag if flag.starts_with('-') => bail!("`{flag}` is no option of `fuzz`"),
                name => {
                    ensure!(options.target.is_none(), "one target, or none for all");
                    options.target = Some(name.to_owned());
                }
            }
        }
        Ok(options)
    }
}

/// Builds the targets, and runs one or all of them, each as long as is said. What is found lies in `artifacts` in
/// their target folder, and cases that are new in `corpus` there; with `--minimise` those that show something new
/// are kept in `fuzz/corpus`.
pub(crate) fn run(repository: &Repository, arguments: &[&str]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let folder = repository.root().join("fuzz");
    let known = targets(&folder)?;
    let wanted: Vec<&String> =
        match &options.target {
            None => known.iter().collect(),
            Some(name) => vec![known.iter().find(|known| *known == name).with_context(|| {
                format!("there is no target `{name}`, but {}", known.join(", "))
            })?],
        };
    let host = host()?;
    build(&folder, &host, &wanted)?;
    let programs = target_folder(&folder).join(&host).join("release");
    let mut failed = Vec::new();
    for target in wanted {
        println!("\n── {target}, {} s", options.seconds);
        let work = target_folder(&folder).join("corpus").join(target);
        let found = target_folder(&folder).join("artifacts").join(target);
        let kept = folder.join("corpus").join(target);
        for place in [&work, &found, &kept] {
            fs::create_dir_all(place)?;
        }
        let program = programs.join(target);
        let status = Command::new(&program)
            .arg(&work)
            .arg(&kept)
            .arg(format!("-max_total_time={}", options.seconds))
            .arg(format!("-max_len={LONGEST}"))
            .args(dictionary(&folder, target))
            .args(["-timeout=20", "-rss_limit_mb=1500", "-malloc_limit_mb=64"])
            .arg("-print_final_stats=1")
            .arg(format!("-artifact_prefix={}/", found.display()))
            .status()
            .with_context(|| format!("running {}", program.display()))?;
        if !status.success() {
            failed.push(target.as_str());
        } else if options.minimise {
            minimise(&program, &work, &kept)?;
        }
    }
    ensure!(
        failed.is_empty(),
        "something was found: {}; the cases lie in {}",
        failed.join(", "),
        target_folder(&folder).join("artifacts").display()
    );
    Ok(())
}

/// The targets, by the names of their files.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.join("fuzz_targets"))? {
        let path = entry?.path();
        names.extend(
            path.file_stem()
                .and_then(|stem| Some(stem.to_str()?.to_owned())),
        );
    }
    names.sort();
    Ok(names)
}

fn target_folder(folder: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || folder.join("target"),
        |shared| PathBuf::from(shared).join("fuzz"),
    )
}

/// The platform that is built on. It has to be named, so that the flags do not meet build scripts.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc names no host")?.to_owned())
}

fn build(folder: &Path, host: &str, wanted: &[&String]) -> Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(folder)
        .args(["build", "--release", "--target", host])
        .env("RUSTFLAGS", FLAGS.join(" "))
        .env("CARGO_TARGET_DIR", target_folder(folder))
        .env_remove("CARGO_INCREMENTAL");
    for target in wanted {
        cargo.args(["--bin", target]);
    }
    ensure!(cargo.status()?.success(), "the targets do not build");
    Ok(())
}

fn dictionary(folder: &Path, target: &str) -> Option<String> {
    let path = folder.join("dictionaries").join(format!("{target}.dict"));
    path.exists().then(|| format!("-dict={}", path.display()))
}

/// So many cases at most are kept in one go.
const KEPT: usize = 40;

/// Keeps some of the cases that together go all the ways that are known, and are short.
fn minimise(program: &Path, work: &Path, kept: &Path) -> Result<()> {
    let fresh = work.with_extension("fewest");
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh)?;
    let status = Command::new(program)
        .args(["-set_cover_merge=1", "-use_counters=0", "-max_len=220"])
        .args([fresh.as_path(), kept, work])
        .status()?;
    ensure!(status.success(), "the cases cannot be merged");
    let mut cases = Vec::new();
    for entry in fs::read_dir(&fresh)? {
        cases.push(entry?.path());
    }
    cases.sort();
    for path in cases.iter().step_by(cases.len().div_ceil(KEPT).max(1)) {
        let name = path.file_name().context("a case has no name")?;
        fs::copy(path, kept.join(name))?;
    }
    fs::remove_dir_all(&fresh)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_or_refused() {
        let all = Options::parse(&[]).unwrap();
        assert_eq!(
            (all.target, all.seconds, all.minimise),
            (None, SECONDS, false)
        );
        let one = Options::parse(&["json", "--seconds", "5", "--minimise"]).unwrap();
        assert_eq!(one.target.as_deref(), Some("json"));
        assert_eq!((one.seconds, one.minimise), (5, true));
        for wrong in [
            &["--seconds"][..],
            &["--seconds", "x"],
            &["--seconds", "0"],
            &["a", "b"],
            &["--fast"],
        ] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_target_has_kept_cases() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        let targets = targets(&folder).unwrap();
        assert!(targets.len() >= 9, "{targets:?}");
        let replayed = fs::read_to_string(folder.join("../tests/tests/corpus/replay.rs")).unwrap();
        for target in targets {
            let cases = fs::read_dir(folder.join("corpus").join(&target)).unwrap();
            assert!(cases.count() >= 10, "{target}");
            assert!(
                replayed.contains(&format!("replay(\"{target}\"")),
                "{target}"
            );
        }
    }
}
