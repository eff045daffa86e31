//! stub
use std::path::Path;
use serde_json::Value;
use crate::model::{Model, Route};
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct Problems;
pub fn read_file(_path: &Path) -> Result<Model, Problems> { Err(Problems) }
pub fn read_route(_form: Value, _folder: Option<&Path>) -> Result<Route, Problems> { Err(Problems) }
pub fn read_routes(_form: Value, _folder: Option<&Path>) -> Result<Vec<Route>, Problems> { Err(Problems) }
