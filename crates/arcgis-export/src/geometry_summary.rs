//! What is known of all geometries together.

use arcgis_layer::{Bbox, Dimensions, GeometryType};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch, StructArray};
use arrow_schema::ArrowError;

use crate::format::Shape;
use crate::schema::ExportSchema;

/// The geometry types that are written, by their number in WKB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WkbType {
    Point = 1,
    LineString = 2,
    Polygon = 3,
    MultiPoint = 4,
    MultiLineString = 5,
    MultiPolygon = 6,
}

impl WkbType {
    /// Whether geometries of a layer of this kind become this type.
    fn is_of(self, kind: GeometryType) -> bool {
        match kind {
            GeometryType::Point => self == Self::Point,
            GeometryType::Multipoint => self == Self::MultiPoint,
            GeometryType::Polyline => matches!(self, Self::LineString | Self::MultiLineString),
            GeometryType::Polygon | GeometryType::Envelope => {
                matches!(self, Self::Polygon | Self::MultiPolygon)
            }
            _ => true,
        }
    }
}

/// GeoParquet's names in alphabetical order, each type's by its dimensions: xy, xym, xyz, xyzm. Those with an
/// m are of GeoParquet 2.0.
const NAMES: [(WkbType, [&str; 4]); 6] = [
    (
        WkbType::LineString,
        [
            "LineString",
            "LineString M",
            "LineString Z",
            "LineString ZM",
        ],
    ),
    (
        WkbType::MultiLineString,
        [
            "MultiLineString",
            "MultiLineString M",
            "MultiLineString Z",
            "MultiLineString ZM",
        ],
    ),
    (
        WkbType::MultiPoint,
        [
            "MultiPoint",
            "MultiPoint M",
            "MultiPoint Z",
            "MultiPoint ZM",
        ],
    ),
    (
        WkbType::MultiPolygon,
        [
            "MultiPolygon",
            "MultiPolygon M",
            "MultiPolygon Z",
            "MultiPolygon ZM",
        ],
    ),
    (WkbType::Point, ["Point", "Point M", "Point Z", "Point ZM"]),
    (
        WkbType::Polygon,
        ["Polygon", "Polygon M", "Polygon Z", "Polygon ZM"],
    ),
];

/// The dimensions in the order of the names.
const DIMENSIONS: [Dimensions; 4] = [
    Dimensions::Xy,
    Dimensions::Xym,
    Dimensions::Xyz,
    Dimensions::Xyzm,
];

/// What is known of the geometries of a page, or of a whole file: gathered while they are written,
/// and wanted by the file's footer and by the report.
///
/// ```
/// use arcgis_export::GeometrySummary;
///
/// let nothing = GeometrySummary::default();
/// assert!(nothing.geometry_types().is_empty());
/// assert_eq!(nothing.bbox(), None);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GeometrySummary {
    types: u32,
    bbox: Bbox,
    z: (f64, f64),
    nulls: u64,
    empty: u64,
    with_m: u64,
    other_kind: u64,
    mended: u64,
}

impl Default for GeometrySummary {
    fn default() -> Self {
        Self {
            types: 0,
            bbox: Bbox::EMPTY,
            z: (f64::INFINITY, f64::NEG_INFINITY),
            nulls: 0,
            empty: 0,
            with_m: 0,
            other_kind: 0,
            mended: 0,
        }
    }
}

impl GeometrySummary {
    /// The types that there are, by GeoParquet's names (`Point`, `MultiPolygon Z`), in alphabetical order.
    #[must_use]
    pub fn geometry_types(&self) -> Vec<&'static str> {
        self.names_of(|wkb_type, dims| self.types & bit(wkb_type, dims) != 0)
    }

    /// The one type that all geometries become where a column holds one type alone; none if there are none.
    pub(crate) fn as_type(&self, wkb_type: WkbType, has_z: bool) -> Vec<&'static str> {
        let wanted = (wkb_type, Dimensions::new(has_z, false));
        self.names_of(|wkb_type, dims| self.types != 0 && (wkb_type, dims) == wanted)
    }

    fn names_of(&self, wanted: impl Fn(WkbType, Dimensions) -> bool) -> Vec<&'static str> {
        let named = NAMES.into_iter().flat_map(|(wkb_type, names)| {
            let names = DIMENSIONS.into_iter().zip(names);
            names.map(move |(dims, name)| (wkb_type, dims, name))
        });
        named
            .filter(|(wkb_type, dims, _)| wanted(*wkb_type, *dims))
            .map(|(_, _, name)| name)
            .collect()
    }

    /// Around all positions; `None` if there are none.
    #[must_use]
    pub fn bbox(&self) -> Option<Bbox> {
        // The sums make negative zeros positive: which zero comes out of min and max is not defined.
        (!self.bbox.is_empty()).then_some(Bbox {
            xmin: self.bbox.xmin + 0.0,
            ymin: self.bbox.ymin + 0.0,
            xmax: self.bbox.xmax + 0.0,
            ymax: self.bbox.ymax + 0.0,
        })
    }

    /// The least and the greatest z; `None` if there is none.
    #[must_use]
    pub fn z_range(&self) -> Option<(f64, f64)> {
        (self.z.0 <= self.z.1).then_some((self.z.0 + 0.0, self.z.1 + 0.0))
    }

    /// Rows without geometry.
    #[must_use]
    pub fn nulls(&self) -> u64 {
        self.nulls
    }

    /// Rows with a geometry that has no position.
    #[must_use]
    pub fn empty(&self) -> u64 {
        self.empty
    }

    /// Rows whose positions had an m that was left out.
    #[must_use]
    pub fn dropped_m(&self) -> u64 {
        self.with_m
    }

    /// Rows whose geometry is of another kind than the layer's, as lines in a layer of points.
    #[must_use]
    pub fn other_kind(&self) -> u64 {
        self.other_kind
    }

    /// Rows whose polygons were not valid and were mended.
    #[must_use]
    pub fn mended(&self) -> u64 {
        self.mended
    }

    /// Takes up what is known of other geometries.
    pub fn merge(&mut self, other: &Self) {
        self.types |= other.types;
        self.bbox.merge(&other.bbox);
        self.z = (self.z.0.min(other.z.0), self.z.1.max(other.z.1));
        self.nulls += other.nulls;
        self.empty += other.empty;
        self.with_m += other.with_m;
        self.other_kind += other.other_kind;
        self.mended += other.mended;
    }

    /// The same as numbers, exactly.
    pub(crate) fn to_words(&self) -> [u64; 12] {
        [
            u64::from(self.types),
            self.bbox.xmin.to_bits(),
            self.bbox.ymin.to_bits(),
            self.bbox.xmax.to_bits(),
            self.bbox.ymax.to_bits(),
            self.z.0.to_bits(),
            self.z.1.to_bits(),
            self.nulls,
            self.empty,
            self.with_m,
            self.other_kind,
            self.mended,
        ]
    }

    pub(crate) fn from_words(words: [u64; 12]) -> Self {
        let [types, bounds @ .., nulls, empty, with_m, other_kind, mended] = words;
        let [xmin, ymin, xmax, ymax, least, most] = bounds.map(f64::from_bits);
        Self {
            types: u32::try_from(types).unwrap_or(0),
            bbox: Bbox {
                xmin,
                ymin,
                xmax,
                ymax,
            },
            z: (least, most),
            nulls,
            empty,
            with_m,
            other_kind,
            mended,
        }
    }

    /// What is known of rows of a layer of some kind, with the bounding box of each.
    pub(crate) fn of(rows: &[RowGeometry], covering: &StructArray, kind: GeometryType) -> Self {
        let mut summary = Self::default();
        let mut bbox = Bbox::EMPTY;
        let [xmin, ymin, xmax, ymax] = std::array::from_fn(|side| {
            covering
                .columns()
                .get(side)
                .and_then(|side| side.as_primitive_opt::<Float64Type>())
                .map_or(&[][..], |side| side.values())
        });
        let boxes = xmin.iter().zip(ymin).zip(xmax.iter().zip(ymax));
        for (place, (row, ((xmin, ymin), (xmax, ymax)))) in rows.iter().zip(boxes).enumerate() {
            let Some(wkb_type) = row.wkb_type else {
                summary.nulls += 1;
                continue;
            };
            summary.types |= bit(wkb_type, row.dims);
            summary.other_kind += u64::from(!wkb_type.is_of(kind));
            summary.mended += u64::from(row.mending == Mending::Mended);
            if covering.is_null(place) {
                summary.empty += 1;
                continue;
            }
            // They are finite, so that a comparison is enough.
            bbox.xmin = if *xmin < bbox.xmin { *xmin } else { bbox.xmin };
            bbox.ymin = if *ymin < bbox.ymin { *ymin } else { bbox.ymin };
            bbox.xmax = if *xmax > bbox.xmax { *xmax } else { bbox.xmax };
            bbox.ymax = if *ymax > bbox.ymax { *ymax } else { bbox.ymax };
            if row.dims.has_z() {
                summary.z = (summary.z.0.min(row.z.0), summary.z.1.max(row.z.1));
            }
            summary.with_m += u64::from(row.dropped_m);
        }
        summary.bbox = bbox;
        summary
    }
}

impl GeometrySummary {
    /// The same of rows as they are in a file. What was left out or mended does not show there.
    ///
    /// # Errors
    ///
    /// A geometry that is not in WKB.
    pub(crate) fn of_file(rows: &RecordBatch, schema: &ExportSchema) -> Result<Self, ArrowError> {
        let column = |name: Option<&str>| name.and_then(|name| rows.column_by_name(name));
        let geometry = column(schema.geometry_name()).and_then(|all| all.as_binary_opt::<i32>());
        let covering = column(schema.covering_name()).and_then(|all| all.as_struct_opt());
        let (Some(geometry), Some(covering), Some(kind)) =
            (geometry, covering, schema.geometry_type())
        else {
            return Ok(Self::default());
        };
        let mut shape = Shape::default();
        let rows: Result<Vec<RowGeometry>, ArrowError> = geometry
            .iter()
            .map(|wkb| {
                let Some(wkb) = wkb else {
                    return Ok(RowGeometry::NULL);
                };
                shape.read(wkb)?;
                let (least, most) = RowGeometry::NULL.z;
                Ok(RowGeometry {
                    wkb_type: Some(shape.kind),
                    dims: Dimensions::new(shape.has_z, shape.has_m),
                    z: shape.z.iter().fold((least, most), |(least, most), z| {
                        (least.min(*z), most.max(*z))
                    }),
                    ..RowGeometry::NULL
                })
            })
            .collect();
        Ok(Self::of(&rows?, covering, kind))
    }
}

/// What became of a polygon that was to be mended where it is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mending {
    /// It is as it was.
    None,
    #[cfg_attr(
        not(feature = "repair"),
        allow(dead_code, reason = "nothing is mended")
    )]
    Mended,
    /// It crosses itself too often, and is as it was.
    #[cfg_attr(
        not(feature = "repair"),
        allow(dead_code, reason = "nothing is mended")
    )]
    Tangle,
}

/// What is known of the geometry of one row, beside its bounding box.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowGeometry {
    /// `None` for null.
    pub(crate) wkb_type: Option<WkbType>,
    /// The dimensions that are written.
    pub(crate) dims: Dimensions,
    /// Whether there was an m that is not written.
    pub(crate) dropped_m: bool,
    pub(crate) mending: Mending,
    pub(crate) z: (f64, f64),
}

impl RowGeometry {
    pub(crate) const NULL: Self = Self {
        wkb_type: None,
        dims: Dimensions::Xy,
        dropped_m: false,
        mending: Mending::None,
        z: (f64::INFINITY, f64::NEG_INFINITY),
    };
}

fn bit(wkb_type: WkbType, dims: Dimensions) -> u32 {
    let of_dims = match dims {
        Dimensions::Xy => 0,
        Dimensions::Xyz => 8,
        Dimensions::Xym => 16,
        Dimensions::Xyzm => 24,
    };
    1 << (wkb_type as u32 + of_dims)
}
