//! The links of a Markdown file that lead to other files of the repository.

/// Puts another target in the place of each relative link: `place` gets the path from the root of
/// the repository and the fragment with its `#`, if any. Code blocks stay as they are.
pub(crate) fn replace(
    file: &str,
    text: &str,
    mut place: impl FnMut(&str, &str) -> String,
) -> String {
    let mut fence = None;
    let mut result = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        match fence {
            Some(open) if start.starts_with(open) => fence = None,
            None => fence = ["```", "~~~"].into_iter().find(|f| start.starts_with(f)),
            Some(_) => {}
        }
        let mut rest = line;
        while fence.is_none()
            && let Some((before, link)) = rest.split_once("](")
            && let Some((target, after)) = link.split_once(')')
        {
            result.push_str(before);
            result.push_str("](");
            let (path, fragment) = target.split_at(target.find('#').unwrap_or(target.len()));
            if path.is_empty() || path.contains(':') {
                result.push_str(target);
            } else {
                result.push_str(&place(&resolve(file, path), fragment));
            }
            result.push(')');
            rest = after;
        }
        result.push_str(rest);
    }
    result
}

/// A path that `file` names, from the root. What climbs above the root keeps its `..`.
pub(crate) fn resolve(file: &str, path: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Whether the text of a link's target is among the files, or a folder that holds some of them.
pub(crate) fn leads(files: &[String], path: &str) -> bool {
    files.iter().any(|file| {
        file.strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::{leads, replace, resolve};

    #[test]
    fn links_are_read_from_their_own_file() {
        assert_eq!(
            resolve("docs/quickstart.md", "../crates/a/README.md"),
            "crates/a/README.md"
        );
        assert_eq!(resolve("README.md", "./docs/x.md"), "docs/x.md");
        assert_eq!(resolve("docs/x.md", "../../y.md"), "../y.md");
    }

    #[test]
    fn only_relative_links_outside_code_are_replaced() {
        let text =
            "[a](b.md#c) [d](#e) [f](https://g.h) ![i](j.svg)\n```md\n[k](l.md)\n```\n[m](n)";
        let mut seen = Vec::new();
        let result = replace("docs/x.md", text, |path, fragment| {
            seen.push(format!("{path}{fragment}"));
            "@".to_owned()
        });
        assert_eq!(seen, ["docs/b.md#c", "docs/j.svg", "docs/n"]);
        assert_eq!(
            result,
            "[a](@) [d](#e) [f](https://g.h) ![i](@)\n```md\n[k](l.md)\n```\n[m](@)"
        );
    }

    #[test]
    fn a_folder_counts_and_a_part_of_a_name_does_not() {
        let files = ["crates/a/README.md".to_owned()];
        assert!(leads(&files, "crates/a"));
        assert!(!leads(&files, "crates/a/READ"));
        assert!(!leads(&files, "crates/b"));
    }
}
