//! `cosyvoice3.yaml`, as far as the runtime needs it.

use std::{collections::HashMap, path::Path};

use anyhow::{Context, Result, anyhow, ensure};
use cosyvoice3::{
    constants::{ATTENTION_CHUNK_FRAMES, CFG_RATE, FRAMES_PER_TOKEN, SAMPLE_RATE, SPEECH_CODES},
    manifest::{Sampling, Schedule},
    regular_file,
};
use yaml_rust2::{
    Yaml, YamlLoader,
    parser::{Event, Parser},
};

/// Longest file; the published one has 8 kB.
const MAX_FILE: u64 = 1 << 20;
/// Most bytes with every alias in full.
const MAX_BYTES: usize = 4 << 20;
/// Deepest nesting; the published file has 6 levels.
const MAX_DEPTH: usize = 64;

/// Settings that are in no tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Sampling defaults.
    pub sampling: Sampling,
    /// Time points of the ODE solver.
    pub schedule: Schedule,
}

impl Recipe {
    /// That of the published model.
    pub const PUBLISHED: Self = Self {
        sampling: Sampling {
            top_p: 0.8,
            top_k: 25,
            win_size: 10,
            tau_r: 0.1,
        },
        schedule: Schedule::Cosine,
    };

    /// Reads `path` and checks that it describes a CosyVoice3. Its tags (`!new:`, `!ref`) are not interpreted.
    pub fn read(path: &Path) -> Result<Self> {
        let at = || path.display().to_string();
        let text = regular_file::read_text(path, MAX_FILE)?;
        check_growth(&text).with_context(at)?;
        let documents = YamlLoader::load_from_str(&text)
            .with_context(|| format!("{}: damaged, or not YAML", path.display()))?;
        let yaml = documents.first().unwrap_or(&Yaml::BadValue);
        Self::from_yaml(yaml).with_context(at)
    }

    fn from_yaml(yaml: &Yaml) -> Result<Self> {
        let chunk = (ATTENTION_CHUNK_FRAMES / FRAMES_PER_TOKEN) as f64;
        let fixed: [(&[&str], f64); 5] = [
            (&["sample_rate"], SAMPLE_RATE.into()),
            (&["token_mel_ratio"], FRAMES_PER_TOKEN as f64),
            (&["chunk_size"], chunk),
            (&["llm", "speech_token_size"], SPEECH_CODES.into()),
            (
                &[
                    "flow",
                    "decoder",
                    "cfm_params",
                    "content",
                    "inference_cfg_rate",
                ],
                f64::from(CFG_RATE),
            ),
        ];
        for (keys, expected) in fixed {
            let value = number(yaml, keys)?;
            ensure!(
                (value - expected).abs() < 1e-6,
                "{} is {value}, CosyVoice3 has {expected:.1}",
                keys.join(".")
            );
        }
        let sampling = |key| number(yaml, &["llm", "sampling", key]);
        let schedule = ["flow", "decoder", "cfm_params", "content", "t_scheduler"];
        Ok(Self {
            sampling: Sampling {
                top_p: sampling("top_p")? as f32,
                top_k: sampling("top_k")? as usize,
                win_size: sampling("win_size")? as usize,
                tau_r: sampling("tau_r")? as f32,
            },
            schedule: match find(yaml, &schedule).as_str() {
                Some("cosine") => Schedule::Cosine,
                Some("linear") => Schedule::Linear,
                _ => Err(missing(&schedule))?,
            },
        })
    }
}

/// Refuses what makes a few lines fill the memory or the stack: aliases of aliases, each of which copies what it stands for,
/// and deep nesting.
fn check_growth(text: &str) -> Result<()> {
    let mut parser = Parser::new_from_str(text);
    // Bytes so far, of what each anchor names, and before each collection that has not ended, with its anchor.
    let (mut bytes, mut named, mut open) = (0_usize, HashMap::new(), Vec::new());
    loop {
        let (event, mark) = parser.next_token().context("damaged, or not YAML")?;
        match event {
            Event::StreamEnd => return Ok(()),
            Event::Alias(anchor) => bytes += named.get(&anchor).unwrap_or(&1),
            Event::Scalar(text, _, anchor, _) => {
                bytes += 1 + text.len();
                named.insert(anchor, 1 + text.len());
            }
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                open.push((anchor, bytes));
                bytes += 1;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (anchor, before) = open.pop().context("an end without a beginning")?;
                named.insert(anchor, bytes - before);
            }
            _ => {}
        }
        ensure!(
            open.len() <= MAX_DEPTH && bytes <= MAX_BYTES,
            "line {}: nested more than {MAX_DEPTH} deep, or more than {MAX_BYTES} bytes with all aliases",
            mark.line()
        );
    }
}

fn find<'y>(yaml: &'y Yaml, keys: &[&str]) -> &'y Yaml {
    keys.iter().fold(yaml, |yaml, key| &yaml[*key])
}

fn number(yaml: &Yaml, keys: &[&str]) -> Result<f64> {
    let value = find(yaml, keys);
    let value = value.as_f64().or(value.as_i64().map(|v| v as f64));
    value
        .filter(|v| (0.0..=1e6).contains(v))
        .ok_or_else(|| missing(keys))
}

fn missing(keys: &[&str]) -> anyhow::Error {
    anyhow!(
        "{} is missing or makes no sense: not the cosyvoice3.yaml of a CosyVoice3",
        keys.join(".")
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tiny() -> String {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/tiny/cosyvoice3.yaml");
        fs::read_to_string(path).unwrap()
    }

    fn read(text: &str) -> Result<Recipe> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Recipe::read(file.path())
    }

    #[test]
    fn settings_are_found_between_tags_and_training_sections() {
        let training = "
shuffle: !name:cosyvoice.dataset.processor.shuffle
    shuffle_size: 1000
data_pipeline: [
    !ref <shuffle>,
    !ref <shuffle>,
]
train_conf:
    optim_conf:
        lr: 1e-5 # change to 1e-5 during sft
";
        let recipe = read(&(tiny() + training)).unwrap();
        assert_eq!(recipe, Recipe::PUBLISHED);
    }

    #[test]
    fn aliases_count_in_full_and_nesting_has_an_end() {
        let twice = "first: &a [1, 2]\nsecond: *a\n";
        read(&(tiny() + twice)).unwrap();
        // Thirty lines, each of which doubles the one before: checked, never loaded.
        let doubling = (1..30).map(|i| format!("a{i}: &a{i} [*a{0}, *a{0}]\n", i - 1));
        let doubling: String = std::iter::once("a0: &a0 [x]\n".into())
            .chain(doubling)
            .collect();
        for text in [doubling, format!("deep: {}", "[".repeat(100))] {
            let error = read(&(tiny() + &text)).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains("nested more than 64 deep"), "{error}");
        }
    }

    #[test]
    fn settings_that_no_cosyvoice3_has_are_named() {
        for (from, to, expected) in [
            (
                "sample_rate: 24000",
                "sample_rate: 22050",
                "sample_rate is 22050",
            ),
            ("speech_token_size: 6561", "speech_token_size: 4096", "4096"),
            (
                "inference_cfg_rate: 0.7",
                "inference_cfg_rate: 0.5",
                "inference_cfg_rate is 0.5",
            ),
            ("top_k: 25", "top_k: many", "llm.sampling.top_k"),
            (
                "t_scheduler: 'cosine'",
                "t_scheduler: 'sigmoid'",
                "t_scheduler",
            ),
            ("llm: !new", "lm: !new", "llm.speech_token_size"),
        ] {
            let error = read(&tiny().replacen(from, to, 1)).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(expected), "{error}");
        }
    }
}
