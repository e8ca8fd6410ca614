//! Record batches as a map in the terminal: here points along a spiral, made on the spot. With arguments a Parquet file as
//! a picture or a page: `look <file.parquet> <out.png|out.html>`.

use std::error::Error;
use std::fs;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use arcgis_preview::arrow_array::{ArrayRef, BinaryArray, RecordBatch};
use arcgis_preview::arrow_schema::{DataType, Field, Schema};
use arcgis_preview::{
    GeometryColumn, ParquetFile, PngOptions, PreviewBuilder, PreviewOptions, TerminalOptions,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => spiral(),
        [file, out] => look(file, out),
        _ => Err("look <file.parquet> <out.png|out.html>".into()),
    }
}

fn look(file: &str, out: &str) -> Result<(), Box<dyn Error>> {
    let options = PreviewOptions::new(file);
    let file = ParquetFile::open(Path::new(file))?;
    if out.ends_with(".png") {
        fs::write(out, file.preview(options)?.png(&PngOptions::default())?)?;
    } else {
        let preview = file.preview(options.with_table(None))?;
        preview.write_html(&mut BufWriter::new(fs::File::create(out)?))?;
    }
    println!("{out}");
    Ok(())
}

fn spiral() -> Result<(), Box<dyn Error>> {
    // What marks a column as geometry, whoever made it.
    let extension = ("ARROW:extension:name".to_owned(), "geoarrow.wkb".to_owned());
    let field = Field::new("geometry", DataType::Binary, false).with_metadata([extension].into());
    let schema = Arc::new(Schema::new(vec![field]));
    let points = (0..400).map(|n| {
        let angle = f64::from(n) / 20.0;
        // Well-known binary: the order of bytes, the type 1, x and y.
        let mut wkb = vec![1, 1, 0, 0, 0];
        wkb.extend((angle * angle.cos()).to_le_bytes());
        wkb.extend((angle * angle.sin()).to_le_bytes());
        wkb
    });
    let column: ArrayRef = Arc::new(BinaryArray::from_iter_values(points));

    let geometry = GeometryColumn::of_schema(&schema);
    let mut builder =
        PreviewBuilder::new(Arc::clone(&schema), geometry, PreviewOptions::new("Spiral"))?;
    builder.push(&RecordBatch::try_new(schema, vec![column])?)?;
    let preview = builder.finish()?;
    let map = preview.terminal(TerminalOptions {
        columns: 60,
        lines: 20,
        colour: false,
    });
    print!("{}", map.unwrap_or_default());
    println!("{} rows, {:?}", preview.rows(), preview.kinds());
    Ok(())
}
