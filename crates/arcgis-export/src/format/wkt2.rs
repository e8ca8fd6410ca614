//! Reference systems as well-known text, version 2 (OGC 18-010r7), out of PROJJSON.
//!
//! The two say the same in other words. What only describes (usage, area, remarks) is left out.

use serde_json::Value;

/// The well-known text of a reference system; `None` for kinds that are in no table here.
pub(crate) fn wkt2(projjson: &str) -> Option<String> {
    Some(crs(&serde_json::from_str(projjson).ok()?)?.text())
}

/// A keyword and what stands in its brackets.
struct Node {
    keyword: &'static str,
    items: Vec<Item>,
}

enum Item {
    Quoted(String),
    Bare(String),
    Node(Node),
}

impl Node {
    fn new(keyword: &'static str) -> Self {
        Self {
            keyword,
            items: Vec::new(),
        }
    }

    /// One that begins with the name of a thing.
    fn named(keyword: &'static str, thing: &Value) -> Option<Self> {
        Some(Self::new(keyword).quoted(thing.get("name")?.as_str()?))
    }

    fn quoted(mut self, text: &str) -> Self {
        self.items.push(Item::Quoted(text.to_owned()));
        self
    }

    fn bare(mut self, text: impl ToString) -> Self {
        self.items.push(Item::Bare(text.to_string()));
        self
    }

    fn with(mut self, node: impl IntoIterator<Item = Self>) -> Self {
        self.items.extend(node.into_iter().map(Item::Node));
        self
    }

    fn text(&self) -> String {
        let mut out = String::new();
        self.push(&mut out);
        out
    }

    fn push(&self, out: &mut String) {
        out.push_str(self.keyword);
        out.push('[');
        for (place, item) in self.items.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            match item {
                Item::Quoted(text) => {
                    out.push('"');
                    out.push_str(&text.replace('"', "\"\""));
                    out.push('"');
                }
                Item::Bare(text) => out.push_str(text),
                Item::Node(node) => node.push(out),
            }
        }
        out.push(']');
    }
}

fn crs(value: &Value) -> Option<Node> {
    let node = match value.get("type")?.as_str()? {
        "GeographicCRS" => geodetic("GEOGCRS", value)?.with(axes(value)?),
        "GeodeticCRS" => geodetic("GEODCRS", value)?.with(axes(value)?),
        "ProjectedCRS" => Node::named("PROJCRS", value)?
            .with([base(value.get("base_crs")?)?])
            .with([conversion("CONVERSION", value.get("conversion")?)?])
            .with(axes(value)?),
        "DerivedGeographicCRS" => Node::named("GEOGCRS", value)?
            .with([base(value.get("base_crs")?)?])
            .with([conversion("DERIVINGCONVERSION", value.get("conversion")?)?])
            .with(axes(value)?),
        "VerticalCRS" => vertical(value)?.with(axes(value)?),
        "DerivedVerticalCRS" => Node::named("VERTCRS", value)?
            .with([vertical_base(value.get("base_crs")?)?])
            .with([conversion("DERIVINGCONVERSION", value.get("conversion")?)?])
            .with(axes(value)?),
        "CompoundCRS" => {
            let components = value.get("components")?.as_array()?;
            let components: Option<Vec<Node>> = components.iter().map(crs).collect();
            Node::named("COMPOUNDCRS", value)?.with(components?)
        }
        _ => return None,
    };
    Some(node.with(id(value)))
}

/// A geographic or geocentric system without its axes.
fn geodetic(keyword: &'static str, value: &Value) -> Option<Node> {
    let node = Node::named(keyword, value)?;
    let node = match value.get("datum_ensemble") {
        Some(ensemble) => node.with([datum_ensemble(ensemble)?]),
        None => {
            let datum = value.get("datum")?;
            node.with(dynamic(datum)).with([reference_frame(datum)?])
        }
    };
    let owner = value.get("datum").or_else(|| value.get("datum_ensemble"))?;
    Some(node.with([prime_meridian(owner.get("prime_meridian"))?]))
}

/// The geographic system below a projected one: without axes, and with the unit of its angles.
fn base(value: &Value) -> Option<Node> {
    let keyword = match value.get("type").and_then(Value::as_str) {
        Some("GeodeticCRS") => "BASEGEODCRS",
        _ => "BASEGEOGCRS",
    };
    Some(geodetic(keyword, value)?.with(id(value)))
}

fn vertical(value: &Value) -> Option<Node> {
    vertical_of("VERTCRS", value)
}

fn vertical_base(value: &Value) -> Option<Node> {
    Some(vertical_of("BASEVERTCRS", value)?.with(id(value)))
}

fn vertical_of(keyword: &'static str, value: &Value) -> Option<Node> {
    let node = Node::named(keyword, value)?;
    Some(match value.get("datum_ensemble") {
        Some(ensemble) => node.with([datum_ensemble(ensemble)?]),
        None => {
            let datum = value.get("datum")?;
            node.with(dynamic(datum))
                .with([anchored(Node::named("VDATUM", datum)?, datum)])
        }
    })
}

/// The epoch of a frame that moves.
fn dynamic(datum: &Value) -> Option<Node> {
    let epoch = datum.get("frame_reference_epoch")?;
    Some(Node::new("DYNAMIC").with([Node::new("FRAMEEPOCH").bare(epoch)]))
}

fn anchored(node: Node, datum: &Value) -> Node {
    let anchor = datum.get("anchor").and_then(Value::as_str);
    node.with(anchor.map(|anchor| Node::new("ANCHOR").quoted(anchor)))
        .with(id(datum))
}

fn reference_frame(datum: &Value) -> Option<Node> {
    let node = Node::named("DATUM", datum)?.with([ellipsoid(datum.get("ellipsoid")?)?]);
    Some(anchored(node, datum))
}

fn datum_ensemble(ensemble: &Value) -> Option<Node> {
    let members = ensemble.get("members")?.as_array()?;
    let members: Option<Vec<Node>> = members
        .iter()
        .map(|member| Some(Node::named("MEMBER", member)?.with(id(member))))
        .collect();
    let ellipsoid = match ensemble.get("ellipsoid") {
        Some(found) => Some(ellipsoid(found)?),
        None => None,
    };
    let accuracy = ensemble.get("accuracy")?.as_str()?;
    Some(
        Node::named("ENSEMBLE", ensemble)?
            .with(members?)
            .with(ellipsoid)
            .with([Node::new("ENSEMBLEACCURACY").bare(accuracy)])
            .with(id(ensemble)),
    )
}

fn ellipsoid(value: &Value) -> Option<Node> {
    let (major, unit) = measure(
        value
            .get("radius")
            .or_else(|| value.get("semi_major_axis"))?,
    )?;
    let flattening = match (
        value.get("inverse_flattening"),
        value.get("semi_minor_axis"),
    ) {
        (Some(number), _) => number.to_string(),
        (None, Some(minor)) => {
            let (minor, _) = measure(minor)?;
            let (a, b) = (major.as_f64()?, minor.as_f64()?);
            if a == b {
                "0".to_owned()
            } else {
                (a / (a - b)).to_string()
            }
        }
        (None, None) => "0".to_owned(),
    };
    let unit = unit.map_or_else(|| named_unit("metre"), unit_of)?;
    Some(
        Node::named("ELLIPSOID", value)?
            .bare(major)
            .bare(flattening)
            .with([unit])
            .with(id(value)),
    )
}

fn prime_meridian(value: Option<&Value>) -> Option<Node> {
    let Some(value) = value else {
        return Some(
            Node::new("PRIMEM")
                .quoted("Greenwich")
                .bare(0)
                .with([named_unit("degree")?]),
        );
    };
    let (longitude, unit) = measure(value.get("longitude")?)?;
    let unit = unit.map_or_else(|| named_unit("degree"), unit_of)?;
    Some(
        Node::named("PRIMEM", value)?
            .bare(longitude)
            .with([unit])
            .with(id(value)),
    )
}

/// A number, alone or with its unit.
fn measure(value: &Value) -> Option<(&Value, Option<&Value>)> {
    if value.is_number() {
        return Some((value, None));
    }
    Some((value.get("value")?, value.get("unit")))
}

fn conversion(keyword: &'static str, value: &Value) -> Option<Node> {
    let method = value.get("method")?;
    let mut node =
        Node::named(keyword, value)?.with([Node::named("METHOD", method)?.with(id(method))]);
    let parameters = value.get("parameters").and_then(Value::as_array);
    for parameter in parameters.into_iter().flatten() {
        let entry = match parameter.get("value")? {
            // A file of shifts has a name in place of a number.
            Value::String(file) => Node::named("PARAMETERFILE", parameter)?.quoted(file),
            number => {
                let unit = match parameter.get("unit") {
                    Some(unit) => Some(unit_of(unit)?),
                    None => None,
                };
                Node::named("PARAMETER", parameter)?.bare(number).with(unit)
            }
        };
        node = node.with([entry.with(id(parameter))]);
    }
    Some(node.with(id(value)))
}

fn axes(value: &Value) -> Option<Vec<Node>> {
    let system = value.get("coordinate_system")?;
    let axes = system.get("axis")?.as_array()?;
    let mut nodes = vec![
        Node::new("CS")
            .bare(system.get("subtype")?.as_str()?)
            .bare(axes.len()),
    ];
    for (place, axis) in (1..).zip(axes) {
        let name = match axis.get("abbreviation").and_then(Value::as_str) {
            Some(short) if !short.is_empty() => {
                // Its first letter is small in well-known text.
                format!("{} ({short})", uncapitalized(axis.get("name")?.as_str()?))
            }
            _ => axis.get("name")?.as_str()?.to_owned(),
        };
        let meridian = match axis.get("meridian") {
            Some(meridian) => {
                let (longitude, unit) = measure(meridian.get("longitude")?)?;
                let unit = unit.map_or_else(|| named_unit("degree"), unit_of)?;
                Some(Node::new("MERIDIAN").bare(longitude).with([unit]))
            }
            None => None,
        };
        let unit = match axis.get("unit") {
            Some(unit) => Some(unit_of(unit)?),
            None => None,
        };
        nodes.push(
            Node::new("AXIS")
                .quoted(&name)
                .bare(axis.get("direction")?.as_str()?)
                .with(meridian)
                .with([Node::new("ORDER").bare(place)])
                .with(unit),
        );
    }
    Some(nodes)
}

fn uncapitalized(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

fn unit_of(value: &Value) -> Option<Node> {
    if let Some(name) = value.as_str() {
        return named_unit(name);
    }
    let keyword = match value.get("type")?.as_str()? {
        "LinearUnit" => "LENGTHUNIT",
        "AngularUnit" => "ANGLEUNIT",
        "ScaleUnit" => "SCALEUNIT",
        "TimeUnit" => "TIMEUNIT",
        "ParametricUnit" => "PARAMETRICUNIT",
        _ => "UNIT",
    };
    let factor = value.get("conversion_factor")?;
    Some(Node::named(keyword, value)?.bare(factor).with(id(value)))
}

/// The units that PROJJSON has short names for.
fn named_unit(name: &str) -> Option<Node> {
    let (keyword, factor) = match name {
        "metre" => ("LENGTHUNIT", "1"),
        "degree" => ("ANGLEUNIT", "0.0174532925199433"),
        "unity" => ("SCALEUNIT", "1"),
        _ => return None,
    };
    Some(Node::new(keyword).quoted(name).bare(factor))
}

fn id(value: &Value) -> Option<Node> {
    let id = value.get("id")?;
    let code = id.get("code")?;
    let node = Node::new("ID").quoted(id.get("authority")?.as_str()?);
    Some(match code.as_str() {
        Some(text) => node.quoted(text),
        None => node.bare(code),
    })
}
