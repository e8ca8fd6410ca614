//! Runs of the binary, each in a folder of its own and with nothing from outside.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use arcgis_testkit::{
    Field, FieldType, Geometry, GeometryType, Layer, Row, Service, Testkit, TestkitBuilder,
};
use parquet::file::reader::{FileReader, SerializedFileReader};
use tempfile::TempDir;

/// A folder to run in.
pub(crate) struct Desk {
    folder: TempDir,
    config: TempDir,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            config: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A file in the folder of the configuration, which is outside the folder to run in.
    pub(crate) fn config_path(&self, name: &str) -> PathBuf {
        self.config.path().join(name)
    }

    /// Writes the configuration file.
    pub(crate) fn configure(&self, content: &str) {
        std::fs::write(self.config_path("config.toml"), content).unwrap();
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_arcgis"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            let upper = name.to_string_lossy().to_ascii_uppercase();
            if ["ARCGIS_", "AWS_", "AZURE_", "GOOGLE_"]
                .iter()
                .any(|ours| upper.starts_with(ours))
                || upper.ends_with("_PROXY")
                || upper.contains("COLOR")
                || ["SSH_CONNECTION", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER"].contains(&&*upper)
            {
                command.env_remove(&name);
            }
        }
        // The keyring of whoever runs this is none of its business.
        command
            .env("ARCGIS_CONFIG_DIR", self.config.path())
            .env("ARCGIS_STORE", "file");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        finish(self.command(args).spawn().unwrap())
    }

    pub(crate) fn run_in(&self, environment: &[(&str, &str)], args: &[&str]) -> Ran {
        let mut command = self.command(args);
        command.envs(environment.iter().copied());
        finish(command.spawn().unwrap())
    }

    pub(crate) fn run_with_stdin(&self, stdin: &str, args: &[&str]) -> Ran {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        // It may end without reading.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        finish(child)
    }
}

/// Waits for the end of a run.
pub(crate) fn finish(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    /// All went well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// It failed with this code, and standard error says each of these. The error is one line, without
    /// a backtrace.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, said: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        for part in said {
            assert!(self.stderr.contains(part), "{part:?} is not in {self:?}");
        }
        let errors = self
            .stderr
            .lines()
            .filter(|line| line.starts_with("error: "));
        assert_eq!(errors.count(), 1, "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        assert!(
            !self.stderr.to_lowercase().contains("backtrace"),
            "{self:?}"
        );
        assert_eq!(self.stdout, "", "{self:?}");
        self
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Starts a service, which runs on threads of its own.
pub(crate) fn start(builder: TestkitBuilder) -> Testkit {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(builder.start())
        .unwrap()
}

/// 250 towns along a diagonal, at most 100 a page.
pub(crate) fn towns() -> Layer {
    Layer::new("towns", GeometryType::Point)
        .with_field(Field::new("NAME", FieldType::String).with_alias("Name of the town"))
        .with_field(Field::new("POP", FieldType::Integer))
        .with_max_record_count(100)
        .with_rows((0..250).map(|n| {
            Row::new()
                .with("NAME", format!("Town {n}"))
                .with("POP", n * 10)
                .at(Geometry::point((f64::from(n) / 10.0, 47.0)))
        }))
}

/// A service with the towns, a group, a raster and a layer that may not be queried.
pub(crate) fn mixed() -> Service {
    Service::new("mixed")
        .with_layer(Layer::group("all"))
        .with_layer(towns().with_parent(0))
        .with_layer(Layer::raster("photo"))
        .with_layer(towns().with_name("hidden").with_capabilities("Map"))
}

/// A Parquet file, opened.
pub(crate) fn parquet(path: &Path) -> SerializedFileReader<File> {
    SerializedFileReader::new(File::open(path).unwrap()).unwrap()
}

pub(crate) fn rows_in(path: &Path) -> i64 {
    parquet(path).metadata().file_metadata().num_rows()
}

/// The names of the columns, each member of a group for itself.
pub(crate) fn columns_in(path: &Path) -> Vec<String> {
    let reader = parquet(path);
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    schema
        .columns()
        .iter()
        .map(|column| column.path().string())
        .collect()
}

/// The values of an integer column.
pub(crate) fn integers_in(path: &Path, name: &str) -> Vec<i64> {
    use parquet::record::Field as Value;
    parquet(path)
        .get_row_iter(None)
        .unwrap()
        .filter_map(|row| {
            let row = row.unwrap();
            let (_, value) = row.get_column_iter().find(|(column, _)| *column == name)?;
            match value {
                Value::Int(value) => Some(i64::from(*value)),
                Value::Short(value) => Some(i64::from(*value)),
                Value::Long(value) => Some(*value),
                Value::Null => None,
                other => panic!("{other:?} is no integer"),
            }
        })
        .collect()
}
