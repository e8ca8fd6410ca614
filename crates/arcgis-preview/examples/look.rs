//! A Parquet file as a picture or a page: `look <file.parquet> <out.png|out.html> [--dark]`.

use std::error::Error;
use std::fs;
use std::io::BufWriter;
use std::path::Path;

use arcgis_preview::{ParquetFile, PngOptions, PreviewOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, out, rest @ ..] = arguments.as_slice() else {
        return Err("look <file.parquet> <out.png|out.html> [--dark]".into());
    };
    let dark = rest.iter().any(|argument| argument == "--dark");
    let options = PreviewOptions::new(file).with_source(file);
    let file = ParquetFile::open(Path::new(file))?;
    if out.ends_with(".png") {
        let preview = file.preview(options)?;
        fs::write(out, preview.png(&PngOptions::default().with_dark(dark))?)?;
    } else {
        let preview = file.preview(options.with_table(None))?;
        preview.write_html(&mut BufWriter::new(fs::File::create(out)?))?;
    }
    Ok(())
}
