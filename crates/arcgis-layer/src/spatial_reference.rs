//! Spatial references, and equality among the codes that mean the same.

use std::fmt;

use serde_json::Value;

use crate::metadata::document::{Members, integer};

/// A spatial reference as a service gives it: codes, or WKT.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SpatialReference {
    /// The well-known id, in Esri's numbering.
    pub wkid: Option<i64>,
    /// The id that replaced it, mostly EPSG's: it counts before `wkid`.
    pub latest_wkid: Option<i64>,
    /// The vertical system.
    pub vcs_wkid: Option<i64>,
    /// The id that replaced the vertical system's.
    pub latest_vcs_wkid: Option<i64>,
    /// The definition, where there is no code.
    pub wkt: Option<String>,
    /// The definition in WKT 2.
    pub wkt2: Option<String>,
}

impl SpatialReference {
    /// A reference by its code.
    #[must_use]
    pub fn from_wkid(wkid: i64) -> Self {
        Self {
            wkid: Some(wkid),
            ..Self::default()
        }
    }

    /// Reads a reference as services write it: an object with codes or WKT, a bare code, codes as text.
    /// What is none of these, and codes that are not positive, were not said.
    #[must_use]
    pub fn from_json(value: &Value) -> Self {
        let Some(members) = Members::of(value) else {
            return Self {
                wkid: integer(value).filter(|&code| code > 0),
                ..Self::default()
            };
        };
        let code = |name: &str| members.integer(name).filter(|&code| code > 0);
        Self {
            wkid: code("wkid"),
            latest_wkid: code("latestWkid"),
            vcs_wkid: code("vcsWkid"),
            latest_vcs_wkid: code("latestVcsWkid"),
            wkt: members.string("wkt"),
            wkt2: members.string("wkt2"),
        }
    }

    /// The code that counts: `latestWkid`, else `wkid`, with Esri's old numbers for Web Mercator read as 3857.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        let code = self.latest_wkid.or(self.wkid)?;
        Some(match code {
            102_100 | 102_113 | 900_913 | 3785 => 3857,
            code => code,
        })
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wkid.is_none()
            && self.latest_wkid.is_none()
            && self.wkt.is_none()
            && self.wkt2.is_none()
    }

    /// Whether both certainly name different systems: both have a code, and the codes differ.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        if self.wkid.is_some() && self.wkid == other.wkid {
            return false;
        }
        matches!((self.code(), other.code()), (Some(a), Some(b)) if a != b)
    }

    /// The reference as JSON, as in the geometry of a filter.
    pub(crate) fn to_json(&self) -> Value {
        let mut members = serde_json::Map::new();
        let codes = [
            ("wkid", self.wkid.or(self.latest_wkid)),
            ("vcsWkid", self.vcs_wkid.or(self.latest_vcs_wkid)),
        ];
        for (name, code) in codes {
            if let Some(code) = code {
                members.insert(name.to_owned(), code.into());
            }
        }
        if members.is_empty() {
            for (name, wkt) in [("wkt", &self.wkt), ("wkt2", &self.wkt2)] {
                if let Some(wkt) = wkt {
                    members.insert(name.to_owned(), wkt.clone().into());
                }
            }
        }
        Value::Object(members)
    }

    /// The `outSR` or `inSR` parameter that asks for this reference: a code, else JSON with the WKT.
    #[must_use]
    pub fn to_param(&self) -> Option<String> {
        // The server's own number: it is the one that it certainly knows.
        if let Some(wkid) = self.wkid.or(self.latest_wkid) {
            return Some(wkid.to_string());
        }
        let (name, wkt) = match (&self.wkt, &self.wkt2) {
            (Some(wkt), _) => ("wkt", wkt),
            (None, Some(wkt2)) => ("wkt2", wkt2),
            (None, None) => return None,
        };
        Some(serde_json::json!({ name: wkt }).to_string())
    }
}

impl fmt::Display for SpatialReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.wkid, self.latest_wkid) {
            (Some(wkid), Some(latest)) if wkid != latest => write!(f, "{wkid} ({latest})"),
            (Some(wkid), _) | (None, Some(wkid)) => write!(f, "{wkid}"),
            (None, None) if self.wkt.is_some() || self.wkt2.is_some() => f.write_str("by WKT"),
            (None, None) => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t53_latest_wkid_counts_first() {
        let web_mercator = SpatialReference {
            wkid: Some(102_100),
            latest_wkid: Some(3857),
            ..SpatialReference::default()
        };
        assert_eq!(web_mercator.code(), Some(3857));
        assert_eq!(SpatialReference::from_wkid(102_100).code(), Some(3857));
        assert_eq!(SpatialReference::from_wkid(2881).code(), Some(2881));
        assert_eq!(web_mercator.to_param().unwrap(), "102100");
        assert!(!web_mercator.contradicts(&SpatialReference::from_wkid(3857)));
        assert!(web_mercator.contradicts(&SpatialReference::from_wkid(4326)));
        assert!(!web_mercator.contradicts(&SpatialReference::default()));
    }
}
