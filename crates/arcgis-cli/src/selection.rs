//! Rows of a layer that a command asks about.

use anyhow::Result;
use arcgis_rest::layer::{self, Layer, Query};

use crate::args::{ColumnArgs, FilterArgs, OutputArgs, SelectionArgs};
use crate::pasted::Pasted;
use crate::refusal::Asked;
use crate::settings::Settings;
use crate::target::Target;

/// A layer, and which of its rows.
pub(crate) struct Selection {
    pub(crate) layer: Layer,
    /// Those rows, with all columns.
    pub(crate) query: Query,
    filter: FilterArgs,
    columns: Option<ColumnArgs>,
    /// Keeps the demo service running.
    _target: Target,
}

impl SelectionArgs {
    /// Checks the options, and opens the layer.
    pub(crate) async fn open(
        &self,
        output: OutputArgs,
        settings: &mut Settings,
    ) -> Result<Selection> {
        let mut filter = self.filter.clone();
        Pasted::of(&self.layer).into_count(&mut filter, output.quiet)?;
        self.open_with(filter, None, settings).await
    }

    /// As [`SelectionArgs::open`], with columns. Their limit is the command's to see to.
    pub(crate) async fn open_columns(
        &self,
        columns: &ColumnArgs,
        output: OutputArgs,
        settings: &mut Settings,
    ) -> Result<Selection> {
        let (mut filter, mut columns) = (self.filter.clone(), columns.clone());
        Pasted::of(&self.layer).into_export(&mut filter, &mut columns, output.quiet)?;
        columns.limit = None;
        self.open_with(filter, Some(columns), settings).await
    }

    async fn open_with(
        &self,
        filter: FilterArgs,
        columns: Option<ColumnArgs>,
        settings: &mut Settings,
    ) -> Result<Selection> {
        let mut query = filter.query()?;
        if let Some(columns) = &columns {
            query = columns.shape(query);
        }
        let (connection, credentials) = (&self.connection, &self.credentials);
        let target = Target::new(&self.layer, connection, credentials, None, settings).await?;
        let target = target.with_shown_requests(self.requests.show_requests);
        target.check_layer()?;
        Ok(Selection {
            layer: target.open().await?,
            query,
            filter,
            columns,
            _target: target,
        })
    }
}

impl Selection {
    /// The same error with the options that it is about.
    pub(crate) fn explain(&self, error: layer::Error) -> anyhow::Error {
        let asked = Asked {
            filter: &self.filter,
            columns: self.columns.as_ref(),
        };
        asked.explain(error.into(), false)
    }

    /// Where the layer is.
    pub(crate) fn url(&self) -> String {
        self.layer.address().to_string()
    }
}
