//! The form in which speech goes to a client.

use hyper::body::Bytes;
use tokio::sync::mpsc::UnboundedSender;

use super::encoder::{self, Encoder, Format};
use crate::http::Refusal;

/// A part of the speech in the form that the client wants.
#[derive(Debug, Clone)]
pub struct Chunk {
    pub bytes: Bytes,
    /// Samples of speech up to its end, from the beginning of the text.
    pub end: u64,
}

pub type Sender = UnboundedSender<Result<Chunk, Refusal>>;

/// Takes the speech of one text.
pub struct Output {
    sender: Sender,
    form: Form,
    samples: u64,
}

enum Form {
    /// 16-bit samples; in front of the first stands a header, if there is one.
    Raw(Option<Vec<u8>>),
    Encoded(gst_app::AppSrc),
}

impl Output {
    /// # Errors
    /// The format's encoder is missing.
    pub fn new(format: Format, sender: Sender) -> Result<(Self, Option<Encoder>), Refusal> {
        let (form, encoder) = match format {
            Format::Pcm => (Form::Raw(None), None),
            Format::Wav => (Form::Raw(Some(wav_header())), None),
            _ => {
                let (source, encoder) = encoder::start(format, sender.clone())?;
                (Form::Encoded(source), Some(encoder))
            }
        };
        let output = Self {
            sender,
            form,
            samples: 0,
        };
        Ok((output, encoder))
    }

    /// Sends speech, 24 kHz mono.
    pub fn push(&mut self, samples: &[f32]) {
        let from = self.samples;
        self.samples += samples.len() as u64;
        let pcm = samples
            .iter()
            .flat_map(|sample| sixteen_bits(*sample).to_le_bytes());
        match &mut self.form {
            Form::Raw(header) => {
                let mut bytes = header.take().unwrap_or_default();
                bytes.extend(pcm);
                // A client that has gone is noticed by the drop of its Sound.
                let _ = self.sender.send(Ok(Chunk {
                    bytes: bytes.into(),
                    end: self.samples,
                }));
            }
            Form::Encoded(source) => encoder::push(source, pcm.collect(), from, self.samples),
        }
    }

    /// Ends the speech; an encoder may have to send more.
    pub fn end(&mut self) {
        if let Form::Encoded(source) = &self.form {
            let _ = source.end_of_stream();
        }
    }

    /// Ends it with a reason.
    pub fn fail(&mut self, refusal: Refusal) {
        let _ = self.sender.send(Err(refusal));
    }
}

fn sixteen_bits(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

/// A header of WAVE for sound whose length is not known yet: the largest one, as OpenAI's server sends it too.
fn wav_header() -> Vec<u8> {
    let rate = cosyvoice3::SAMPLE_RATE;
    let mut header = Vec::with_capacity(44);
    header.extend(b"RIFF\xff\xff\xff\xffWAVEfmt ");
    header.extend(16_u32.to_le_bytes());
    let (integers, channels) = (1_u16, 1_u16);
    header.extend(integers.to_le_bytes());
    header.extend(channels.to_le_bytes());
    header.extend(rate.to_le_bytes());
    header.extend((2 * rate).to_le_bytes());
    header.extend(2_u16.to_le_bytes());
    header.extend(16_u16.to_le_bytes());
    header.extend(b"data\xff\xff\xff\xff");
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_sample_stays_within_16_bits() {
        assert_eq!(
            [1.0, -1.0, 0.0, 2.0].map(sixteen_bits),
            [32_767, -32_768, 0, 32_767]
        );
        assert_eq!(wav_header().len(), 44);
    }
}
