//! Options of the commands that look at what there is, and write no file.

use std::num::NonZeroU64;

use arcgis_rest::layer::{Order, Statistic, StatisticType};
use clap::Args;

use super::query::{ColumnArgs, FilterArgs};
use super::values::{OutSr, parse_condition, parse_names, parse_text};
use super::{ConnectionArgs, CredentialArgs, FormArgs, RequestArgs};

/// Which rows of a layer, and the way to it.
#[derive(Debug, Args)]
pub(crate) struct SelectionArgs {
    /// The layer: …/FeatureServer/0 or …/MapServer/3, as pasted, or an item of a portal; or demo:places, demo:rivers,
    /// demo:countries
    pub(crate) layer: String,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) requests: RequestArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
}

/// How a table is printed.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct TableArgs {
    /// Print the table as CSV
    #[arg(long, conflicts_with = "json", help_heading = "Messages")]
    pub(crate) csv: bool,
}

/// `arcgis crawl`
#[derive(Debug, Args)]
pub(crate) struct CrawlArgs {
    /// The root of all services, such as https://host/arcgis/rest/services, a folder or a service; or demo:
    pub(crate) root: String,

    /// Do not count the rows, which takes a request for each layer
    #[arg(long, help_heading = "Rows and columns")]
    pub(crate) no_counts: bool,

    #[command(flatten)]
    pub(crate) table: TableArgs,

    #[command(flatten)]
    pub(crate) requests: RequestArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
}

/// `arcgis count`
#[derive(Debug, Args)]
pub(crate) struct CountArgs {
    /// Print about how many rows there are, as the server reckons without looking: fast, and without filters
    #[arg(long, help_heading = "Rows and columns")]
    pub(crate) estimate: bool,

    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

/// `arcgis ids`
#[derive(Debug, Args)]
pub(crate) struct IdsArgs {
    /// Print the least so many ids
    #[arg(long, value_name = "ROWS", help_heading = "Rows and columns")]
    pub(crate) limit: Option<u64>,

    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

/// `arcgis extent`
#[derive(Debug, Args)]
pub(crate) struct ExtentArgs {
    /// Coordinates in this reference system, made by the server; native is the layer's own
    #[arg(
        long,
        value_name = "WKID|native",
        default_value = "native",
        help_heading = "Rows and columns"
    )]
    pub(crate) out_sr: OutSr,

    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

/// `arcgis values`
#[derive(Debug, Args)]
pub(crate) struct ValuesArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    /// The field; a second one counts its values within each value of the first
    #[arg(required = true, value_name = "FIELD", value_parser = parse_text, help_heading = None::<&'static str>)]
    pub(crate) fields: Vec<String>,

    /// List the distinct values of any number of fields, without counting rows; some servers do only that
    #[arg(long, help_heading = "Rows and columns")]
    pub(crate) distinct: bool,

    #[command(flatten)]
    pub(crate) table: TableArgs,
}

/// `arcgis stats`
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    /// The fields [default: all numbers and dates]
    #[arg(value_name = "FIELD", value_parser = parse_text, help_heading = None::<&'static str>)]
    pub(crate) fields: Vec<String>,

    /// Statistics, with commas between them: count, sum, min, max, avg, stddev, var, and p0 to p100 for
    /// percentiles [default: count,min,max, and for numbers avg,stddev,sum]
    #[arg(long, value_name = "STATISTICS", value_delimiter = ',', value_parser = parse_statistic, help_heading = "Rows and columns")]
    pub(crate) of: Vec<NamedStatistic>,

    /// One row for each combination of values of these fields, with commas between them
    #[arg(long, value_name = "NAMES", value_parser = parse_names, help_heading = "Rows and columns")]
    pub(crate) group_by: Vec<String>,

    /// Only groups for which this SQL condition holds, such as "COUNT(OBJECTID) > 10"
    #[arg(long, value_name = "SQL", requires = "group_by", allow_hyphen_values = true, value_parser = parse_condition, help_heading = "Rows and columns")]
    pub(crate) having: Option<String>,

    #[command(flatten)]
    pub(crate) table: TableArgs,
}

/// `arcgis head`
#[derive(Debug, Args)]
pub(crate) struct HeadArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    #[command(flatten)]
    pub(crate) columns: ColumnArgs,

    /// The order, in place of that of the object id: fields, with commas between them and perhaps DESC behind,
    /// such as "POP DESC,NAME"; the server sorts, and gives no more than one answer holds
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', value_parser = parse_order, help_heading = "Rows and columns")]
    pub(crate) order_by: Vec<Order>,

    /// Leave out so many rows at the start
    #[arg(
        long,
        value_name = "ROWS",
        default_value = "0",
        hide_default_value = true,
        help_heading = "Rows and columns"
    )]
    pub(crate) offset: u64,

    #[command(flatten)]
    pub(crate) form: FormArgs,

    #[command(flatten)]
    pub(crate) table: TableArgs,
}

/// `arcgis sample`
#[derive(Debug, Args)]
pub(crate) struct SampleArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    #[command(flatten)]
    pub(crate) columns: ColumnArgs,

    /// The same number chooses the same rows, as long as the layer has the same ids [default: another one each time]
    #[arg(long, value_name = "NUMBER", help_heading = "Rows and columns")]
    pub(crate) seed: Option<u64>,

    #[command(flatten)]
    pub(crate) form: FormArgs,

    #[command(flatten)]
    pub(crate) table: TableArgs,
}

/// `arcgis related`
#[derive(Debug, Args)]
pub(crate) struct RelatedArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    /// The relationship, by its number or name [default: the only one]
    #[arg(long, value_name = "RELATIONSHIP", value_parser = parse_text, help_heading = "Rows and columns")]
    pub(crate) relationship: Option<String>,

    /// Only related rows for which this SQL condition holds
    #[arg(long, value_name = "SQL", allow_hyphen_values = true, value_parser = parse_condition, help_heading = "Rows and columns")]
    pub(crate) related_where: Option<String>,

    /// Only these fields of the related rows, in this order, with commas between them
    #[arg(long, value_name = "NAMES", value_parser = parse_names, help_heading = "Rows and columns")]
    pub(crate) fields: Vec<String>,

    /// Attributes of the related rows only
    #[arg(long, help_heading = "Rows and columns")]
    pub(crate) no_geometry: bool,

    #[command(flatten)]
    pub(crate) table: TableArgs,
}

/// Rows that are shown where no `--limit` says how many.
pub(crate) const FEW: NonZeroU64 = NonZeroU64::new(10).unwrap();

/// A statistic by the name that it has on the command line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NamedStatistic {
    pub(crate) name: String,
    pub(crate) kind: StatisticType,
}

impl NamedStatistic {
    /// This statistic over a field.
    pub(crate) fn over(&self, field: &str) -> Statistic {
        Statistic::new(self.kind, field)
    }
}

pub(crate) fn parse_statistic(text: &str) -> Result<NamedStatistic, String> {
    use StatisticType::{Avg, Count, Max, Min, PercentileContinuous, StdDev, Sum, Var};
    let name = text.trim().to_ascii_lowercase();
    let kind = match name.as_str() {
        "count" => Count,
        "sum" => Sum,
        "min" => Min,
        "max" => Max,
        "avg" => Avg,
        "stddev" => StdDev,
        "var" => Var,
        other => {
            let percent = other
                .strip_prefix('p')
                .and_then(|percent| percent.parse::<f64>().ok())
                .filter(|percent| (0.0..=100.0).contains(percent))
                .ok_or("it is none of count, sum, min, max, avg, stddev, var, and p0 to p100")?;
            PercentileContinuous(percent / 100.0)
        }
    };
    Ok(NamedStatistic { name, kind })
}

fn parse_order(text: &str) -> Result<Order, String> {
    let mut words = text.split_whitespace();
    let direction = |word: &str| match word.to_ascii_uppercase().as_str() {
        "ASC" => Some(false),
        "DESC" => Some(true),
        _ => None,
    };
    match (words.next(), words.next().map(direction), words.next()) {
        (Some(field), None | Some(Some(false)), None) => Ok(Order::ascending(field)),
        (Some(field), Some(Some(true)), None) => Ok(Order::descending(field)),
        _ => Err("the name of a field is needed, perhaps with ASC or DESC behind it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_have_names() {
        let kind = |text: &str| parse_statistic(text).map(|named| named.kind);
        assert_eq!(kind(" AVG"), Ok(StatisticType::Avg));
        assert_eq!(kind("p90"), Ok(StatisticType::PercentileContinuous(0.9)));
        assert_eq!(kind("p2.5"), Ok(StatisticType::PercentileContinuous(0.025)));
        for bad in ["", "p", "p101", "p-1", "pnan", "mean"] {
            assert!(kind(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn orders_have_directions() {
        assert_eq!(parse_order(" POP desc"), Ok(Order::descending("POP")));
        assert_eq!(parse_order("NAME"), Ok(Order::ascending("NAME")));
        assert_eq!(parse_order("NAME ASC "), Ok(Order::ascending("NAME")));
        for bad in ["", "A B", "A DESC B", "A DESC NULLS LAST"] {
            assert!(parse_order(bad).is_err(), "{bad}");
        }
    }
}
