//! The codes that a WKT gives itself.
//!
//! Both WKT 1 (`AUTHORITY["EPSG","4326"]`, also as Esri writes it, `AUTHORITY["EPSG",4326]`) and
//! WKT 2 (`ID["EPSG",4326]`) are read. Only the identifier of the whole counts: those of a datum
//! or an ellipsoid inside say nothing about the reference system.

use super::Authority;

/// An identifier: authority and code.
pub(super) type Id = (Authority, u32);

/// What a text says about its horizontal and its vertical part.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) horizontal: Option<Id>,
    pub(super) vertical: Option<Id>,
}

/// Reads the identifiers of a WKT; total on any text, in linear time.
pub(super) fn ids(text: &str) -> Ids {
    let mut ids = Ids::default();
    // ArcGIS writes a height system behind the horizontal one: `PROJCS[…],VERTCS[…]`.
    for root in nodes(text) {
        if root.is("COMPD_CS") || root.is("COMPOUNDCRS") {
            if let Some(id) = root.id() {
                ids.horizontal.get_or_insert(id);
            } else {
                for part in nodes(root.body) {
                    ids.add(part);
                }
            }
        } else {
            ids.add(root);
        }
    }
    ids
}

impl Ids {
    fn add(&mut self, node: Node<'_>) {
        let vertical = ["VERTCS", "VERT_CS", "VERTCRS", "VERTICALCRS"]
            .iter()
            .any(|keyword| node.is(keyword));
        let horizontal = [
            "PROJCS",
            "PROJCRS",
            "PROJECTEDCRS",
            "GEOGCS",
            "GEOGCRS",
            "GEOGRAPHICCRS",
            "GEODCRS",
            "GEODETICCRS",
        ]
        .iter()
        .any(|keyword| node.is(keyword));
        let place = if vertical {
            &mut self.vertical
        } else if horizontal {
            &mut self.horizontal
        } else {
            return;
        };
        *place = place.or_else(|| node.id());
    }
}

/// `KEYWORD[body]`.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    keyword: &'a str,
    pub(super) body: &'a str,
}

impl Node<'_> {
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.keyword.eq_ignore_ascii_case(keyword)
    }

    fn id(&self) -> Option<Id> {
        let node = nodes(self.body)
            .into_iter()
            .rfind(|node| node.is("AUTHORITY") || node.is("ID"))?;
        let mut parts = node
            .body
            .split(',')
            .map(|part| part.trim().trim_matches('"'));
        Some((
            Authority::from_name(parts.next()?)?,
            parts.next()?.parse().ok()?,
        ))
    }
}

/// The nodes at the top of a text, without those inside them.
pub(super) fn nodes(text: &str) -> Vec<Node<'_>> {
    let mut nodes = Vec::new();
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut keyword = "";
    let mut item = 0;
    let mut body = 0;
    // Every byte looked for is ASCII, so each position is also the border of a character.
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            // A quote inside a name is doubled, which toggles twice.
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'(' => {
                if depth == 0 {
                    keyword = text.get(item..at).unwrap_or_default().trim();
                    body = at + 1;
                }
                depth += 1;
            }
            b']' | b')' => {
                let Some(outer) = depth.checked_sub(1) else {
                    return nodes;
                };
                depth = outer;
                if depth == 0 {
                    nodes.push(Node {
                        keyword,
                        body: text.get(body..at).unwrap_or_default(),
                    });
                    item = at + 1;
                }
            }
            b',' if depth == 0 => item = at + 1,
            _ => {}
        }
    }
    nodes
}

/// What stands between the commas of a body, without looking inside of nodes and names.
pub(super) fn parts(body: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(body);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut depth, mut quoted) = (0_usize, false);
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'[' | b'(' => depth += 1,
                b']' | b')' => depth = depth.saturating_sub(1),
                b',' if depth == 0 => {
                    rest = text.get(at + 1..);
                    return text.get(..at);
                }
                _ => {}
            }
        }
        rest = None;
        Some(text)
    })
}

/// What a name says, without its quotes.
pub(super) fn text(part: &str) -> Option<&str> {
    part.trim().strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epsg(code: u32) -> Option<Id> {
        Some((Authority::Epsg, code))
    }

    #[test]
    fn identifier_of_the_whole_counts() {
        let wkt1 = r#"GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4326"]]"#;
        assert_eq!(ids(wkt1).horizontal, epsg(4326));
        let esri = r#"PROJCS["World_Mollweide",GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Mollweide"],UNIT["Meter",1.0],AUTHORITY["Esri",54009]]"#;
        assert_eq!(ids(esri).horizontal, Some((Authority::Esri, 54009)));
        let wkt2 =
            r#"PROJCRS["RD New", BASEGEOGCRS["Amersfoort", ID["EPSG",4289]], ID["EPSG",28992]]"#;
        assert_eq!(ids(wkt2).horizontal, epsg(28992));
    }

    #[test]
    fn identifiers_inside_say_nothing_about_the_whole() {
        let local = r#"PROJCS["Site",GEOGCS["GCS",AUTHORITY["EPSG",4326]],UNIT["Meter",1.0]]"#;
        assert_eq!(ids(local), Ids::default());
        // A name may hold anything.
        let name = r#"PROJCS["Odd "" name],AUTHORITY[""EPSG"",1]",UNIT["Meter",1.0]]"#;
        assert_eq!(ids(name), Ids::default());
    }

    #[test]
    fn height_systems_are_found() {
        let pair = r#"PROJCS["A",AUTHORITY["EPSG",27700]],VERTCS["B",AUTHORITY["EPSG",5701]]"#;
        let compound = r#"COMPD_CS["C",PROJCS["A",AUTHORITY["EPSG","27700"]],VERT_CS["B",AUTHORITY["EPSG","5701"]]]"#;
        for text in [pair, compound] {
            assert_eq!(ids(text).horizontal, epsg(27700));
            assert_eq!(ids(text).vertical, epsg(5701));
        }
        let whole = r#"COMPOUNDCRS["C",PROJCRS["A",ID["EPSG",27700]],VERTCRS["B",ID["EPSG",5701]],ID["EPSG",7405]]"#;
        assert_eq!(
            ids(whole),
            Ids {
                horizontal: epsg(7405),
                vertical: None
            }
        );
    }

    #[test]
    fn any_text_has_an_answer() {
        for text in [
            "",
            "]",
            "[[[",
            "PROJCS",
            "PROJCS[",
            "PROJCS[\"",
            "PROJCS[AUTHORITY[]]",
            "PROJCS[AUTHORITY[\"EPSG\"]]",
            "PROJCS[AUTHORITY[\"EPSG\",99999999999]]",
            "PROJCS[AUTHORITY[\"IGNF\",1]]",
            "é[ü],ID[\"EPSG\",4326]",
        ] {
            assert_eq!(ids(text), Ids::default(), "{text}");
        }
        let deep = "PROJCS[".repeat(100_000);
        assert_eq!(ids(&deep), Ids::default());
    }
}
