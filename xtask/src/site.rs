//! The pages of `docs/` and the API of the crates as one site.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::repository::Repository;
use crate::stage::Verdict;
use crate::{documentation, links};

/// The version of mdBook that builds the pages.
const MDBOOK: &str = "0.5.4";

/// Where files that are no page of the site are read.
const REPOSITORY: &str = "https://github.com/arcgis-rs/arcgis-rs/blob/main";

const SUMMARY: &str = "docs/SUMMARY.md";

/// Checks the links of every page, builds the site and checks the links that came out.
pub(crate) fn run(repository: &Repository) -> Result<Verdict> {
    let files = repository.files()?;
    let target = repository.target()?;
    let pages = pages(repository, &files)?;
    lead_somewhere(repository, &files)?;

    documentation::public(repository)?;
    let documentation = target.join("doc");
    let source = target.join("site-source");
    lay(repository, &files, &pages, &documentation, &source)?;

    let mdbook = mdbook(repository, &target)?;
    let site = target.join("site");
    clear(&site)?;
    println!("$ mdbook build {} -d {}", source.display(), site.display());
    let status = Command::new(&mdbook)
        .arg("build")
        .arg(&source)
        .arg("-d")
        .arg(&site)
        .status()
        .context("mdbook could not be started")?;
    ensure!(status.success(), "mdbook failed ({status})");
    copy(&documentation, &site.join("api"))?;

    let checked = whole(&site, &pages)?;
    println!(
        "{} pages, {checked} links within the site: {}",
        pages.len(),
        site.join("index.html").display()
    );
    Ok(Verdict::Passed)
}

/// The pages that the summary names, from the root of the repository: each page of `docs/` is one.
fn pages(repository: &Repository, files: &[String]) -> Result<BTreeSet<String>> {
    let mut pages = BTreeSet::new();
    let text = read(repository, SUMMARY)?;
    links::replace(SUMMARY, &text, |path, _| {
        pages.insert(path.to_owned());
        String::new()
    });
    let unlisted: Vec<&str> = files
        .iter()
        .filter(|file| file.starts_with("docs/") && file.ends_with(".md"))
        .filter(|file| *file != SUMMARY && !pages.contains(*file))
        .map(String::as_str)
        .collect();
    ensure!(
        unlisted.is_empty(),
        "{SUMMARY} does not name {}",
        unlisted.join(", ")
    );
    Ok(pages)
}

/// Every relative link of the pages and of the crates' front pages leads to a file of the repository.
fn lead_somewhere(repository: &Repository, files: &[String]) -> Result<()> {
    let mut count = 0_usize;
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| file.ends_with(".md")) {
        links::replace(file, &read(repository, file)?, |path, _| {
            count += 1;
            if !links::leads(files, path) {
                broken.push(format!("{file}: {path}"));
            }
            String::new()
        });
    }
    println!("{count} links between files of the repository");
    ensure!(
        broken.is_empty(),
        "links that lead nowhere:\n  {}",
        broken.join("\n  ")
    );
    Ok(())
}

/// Lays out what mdBook reads: all pages in one folder, their links made to fit the site.
fn lay(
    repository: &Repository,
    files: &[String],
    pages: &BTreeSet<String>,
    documentation: &Path,
    folder: &Path,
) -> Result<()> {
    clear(folder)?;
    let source = folder.join("src");
    fs::create_dir_all(&source)?;
    fs::copy(
        repository.root().join("docs/book.toml"),
        folder.join("book.toml"),
    )?;
    for file in pages.iter().map(String::as_str).chain([SUMMARY]) {
        let text = links::replace(file, &read(repository, file)?, |path, fragment| {
            format!("{}{fragment}", place(path, pages, documentation))
        });
        let name = if file == SUMMARY {
            "SUMMARY.md".to_owned()
        } else {
            page(file)
        };
        fs::write(source.join(name), text)?;
    }
    for file in files.iter().filter(|file| picture(file)) {
        let name = file.trim_start_matches("docs/");
        fs::copy(repository.root().join(file), source.join(name))?;
    }
    Ok(())
}

/// Where a file of the repository is found from a page of the site.
fn place(path: &str, pages: &BTreeSet<String>, documentation: &Path) -> String {
    if pages.contains(path) {
        return page(path);
    }
    if picture(path) {
        return path.trim_start_matches("docs/").to_owned();
    }
    // A library's README is the front page of its API.
    let name = path.trim_end_matches("/README.md").strip_prefix("crates/");
    if let Some(name) = name.map(|name| name.replace('-', "_"))
        && documentation.join(&name).join("index.html").is_file()
    {
        return format!("api/{name}/index.html");
    }
    format!("{REPOSITORY}/{path}")
}

/// The name of a page in the site's one folder; the README of the repository is its first page.
fn page(path: &str) -> String {
    match path {
        "README.md" => "index.md".to_owned(),
        // Beside docs/security.md.
        "SECURITY.md" => "reporting.md".to_owned(),
        path => path.rsplit('/').next().unwrap_or(path).to_lowercase(),
    }
}

fn picture(path: &str) -> bool {
    path.strip_prefix("docs/").is_some_and(|name| {
        !name.contains('/') && (name.ends_with(".svg") || name.ends_with(".png"))
    })
}

/// The program, installed under `target` once.
fn mdbook(repository: &Repository, target: &Path) -> Result<PathBuf> {
    let tools = target.join("tools");
    let program = tools
        .join("bin")
        .join(format!("mdbook{}", std::env::consts::EXE_SUFFIX));
    let present = Command::new(&program).arg("--version").output();
    let wanted = format!("mdbook v{MDBOOK}");
    if present.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == wanted) {
        return Ok(program);
    }
    let folder = tools.to_string_lossy();
    repository.run(&[
        "install",
        "mdbook",
        "--version",
        MDBOOK,
        "--locked",
        "--no-default-features",
        "--force",
        "--root",
        &folder,
    ])?;
    Ok(program)
}

/// Every page is there, and every link within the site leads to a file and, among pages, to a place
/// in it. Gives the number of links.
fn whole(site: &Path, pages: &BTreeSet<String>) -> Result<usize> {
    let mut count = 0;
    let mut broken = Vec::new();
    for name in pages.iter().map(|path| page(path).replace(".md", ".html")) {
        let html = fs::read_to_string(site.join(&name))
            .with_context(|| format!("the site lacks {name}"))?;
        for target in targets(&html) {
            let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
            if path.contains(':') {
                continue;
            }
            count += 1;
            let path = if path.is_empty() { name.as_str() } else { path };
            let file = site.join(path);
            // rustdoc has checked the links into its own pages; these go to whole pages.
            let found = file.is_file()
                && (fragment.is_empty()
                    || fs::read_to_string(&file)?.contains(&format!("id=\"{fragment}\"")));
            if !found {
                broken.push(format!("{name}: {target}"));
            }
        }
    }
    ensure!(
        broken.is_empty(),
        "links of the site that lead nowhere:\n  {}",
        broken.join("\n  ")
    );
    Ok(count)
}

/// What a page links to or loads.
fn targets(html: &str) -> impl Iterator<Item = &str> {
    [" href=\"", " src=\""]
        .into_iter()
        .flat_map(|start| html.split(start).skip(1))
        .filter_map(|rest| rest.split_once('"').map(|(target, _)| target))
}

fn read(repository: &Repository, file: &str) -> Result<String> {
    fs::read_to_string(repository.root().join(file)).with_context(|| file.to_owned())
}

/// Removes a folder of an earlier run.
fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("{} could not be removed", folder.display()))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else if name != OsStr::new(".lock") {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{page, place, targets};

    #[test]
    fn what_is_no_page_is_read_in_the_repository() {
        let pages = BTreeSet::from(["README.md".to_owned(), "docs/quickstart.md".to_owned()]);
        let place = |path| place(path, &pages, Path::new("no-such-folder"));
        assert_eq!(place("README.md"), "index.md");
        assert_eq!(place("docs/quickstart.md"), "quickstart.md");
        assert_eq!(place("docs/export.svg"), "export.svg");
        assert_eq!(
            place("LICENSE-MIT"),
            "https://github.com/arcgis-rs/arcgis-rs/blob/main/LICENSE-MIT"
        );
        assert_eq!(page("CHANGELOG.md"), "changelog.md");
    }

    #[test]
    fn links_and_pictures_are_targets() {
        let html = r#"<a class="x" href="a.html#b">a</a><img src="c.svg"><a href="d">"#;
        let mut found: Vec<&str> = targets(html).collect();
        found.sort_unstable();
        assert_eq!(found, ["a.html#b", "c.svg", "d"]);
    }
}
