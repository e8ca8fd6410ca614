/// Where the service lies, as its clients name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// `https://host[:port]`.
    pub(crate) origin: String,
    server: Vec<String>,
    portal: Vec<String>,
}

impl Addresses {
    /// `server` and `portal` are paths such as `arcgis`; the portal's may be empty.
    pub(crate) fn new(origin: String, server: &str, portal: &str) -> Self {
        let segments = |path: &str| {
            path.split('/')
                .filter(|segment| !segment.is_empty())
                .map(str::to_owned)
                .collect()
        };
        Self {
            origin,
            server: segments(server),
            portal: segments(portal),
        }
    }

    fn under_origin(&self, segments: &[String]) -> String {
        let mut url = self.origin.clone();
        for segment in segments {
            url.push('/');
            url.push_str(segment);
        }
        url
    }

    pub(crate) fn server_root(&self) -> String {
        self.under_origin(&self.server)
    }

    pub(crate) fn portal_url(&self) -> String {
        self.under_origin(&self.portal)
    }

    pub(crate) fn sharing(&self) -> String {
        format!("{}/sharing/rest", self.portal_url())
    }

    /// What is left of a path under the server's root.
    pub(crate) fn in_server<'a, 's>(&self, path: &'a [&'s str]) -> Option<&'a [&'s str]> {
        beyond(&self.server, path)
    }

    /// What is left of a path under the portal's `sharing/rest`.
    pub(crate) fn in_sharing<'a, 's>(&self, path: &'a [&'s str]) -> Option<&'a [&'s str]> {
        match beyond(&self.portal, path)? {
            ["sharing", "rest", rest @ ..] => Some(rest),
            _ => None,
        }
    }
}

fn beyond<'a, 's>(prefix: &[String], path: &'a [&'s str]) -> Option<&'a [&'s str]> {
    let (head, rest) = path.split_at_checked(prefix.len())?;
    head.iter().zip(prefix).all(|(a, b)| a == b).then_some(rest)
}

/// A server's root as federation compares it: host and path, without scheme, case and closing slash.
pub(crate) fn normal_root(url: &str) -> String {
    let lower = url.trim().to_ascii_lowercase();
    let bare = lower
        .split_once("://")
        .map_or(lower.as_str(), |(_, rest)| rest);
    bare.trim_end_matches('/').to_owned()
}
