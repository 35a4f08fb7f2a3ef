//! Chimes in front of announcements, and their volume.
//!
//! Works on the sound of the element, buffer by buffer, without a change of times: what follows a chime waits in a queue, and the
//! silence behind an announcement makes up for it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gst::prelude::*;

/// The element's meta on each buffer of speech.
const META: &str = "GstCosyVoice3UtteranceMeta";
/// Samples over which sound fades that is cut: 5 ms.
const FADE: usize = 120;

/// Effects of announcements that wait or are being said.
#[derive(Clone, Default)]
pub struct Effects(Arc<Mutex<State>>);

/// Effect on one announcement.
#[derive(Debug, Clone)]
pub struct Effect {
    /// Factor of the samples.
    pub gain: f32,
    /// Samples in front of it, 24 kHz.
    pub chime: Option<Arc<[f32]>>,
}

#[derive(Default)]
struct State {
    effects: BTreeMap<u64, Effect>,
    /// Sound that is late, and the announcement that it belongs to.
    late: VecDeque<(u64, VecDeque<f32>)>,
}

impl Effects {
    /// Watches the buffers of `element`.
    pub fn attach(&self, element: &gst::Element) {
        let Some(pad) = element.static_pad("src") else {
            return;
        };
        let effects = self.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(buffer) = info.buffer_mut() {
                effects.change(buffer);
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Queues an announcement by `say`, which returns its number, with an effect. It cannot be heard before that is known.
    pub fn queue(&self, effect: &Effect, say: impl FnOnce() -> Option<u64>) -> Option<u64> {
        let mut state = self.state();
        let id = say()?;
        if effect.gain != 1.0 || effect.chime.is_some() {
            state.effects.insert(id, effect.clone());
        }
        Some(id)
    }

    /// Forgets an announcement that has ended; one that was cut falls silent.
    pub fn end(&self, id: u64, cut: bool) {
        let mut state = self.state();
        state.effects.remove(&id);
        if cut {
            state.cut(id);
        }
    }

    fn change(&self, buffer: &mut gst::Buffer) {
        let id = gst::meta::CustomMeta::from_buffer(buffer, META)
            .ok()
            .and_then(|meta| meta.structure().get::<u64>("id").ok());
        let mut state = self.state();
        if !state.concerns(id) {
            return;
        }
        let buffer = buffer.make_mut();
        let Ok(mut map) = buffer.map_writable() else {
            return;
        };
        let samples = map.as_mut_slice();
        let mut sound: Vec<f32> = samples
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        state.process(id, &mut sound);
        for (bytes, sample) in samples.chunks_exact_mut(4).zip(sound) {
            bytes.copy_from_slice(&sample.to_le_bytes());
        }
        drop(map);
        buffer.unset_flags(gst::BufferFlags::GAP);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn concerns(&self, id: Option<u64>) -> bool {
        !self.late.is_empty() || id.is_some_and(|id| self.effects.contains_key(&id))
    }

    /// Changes the samples of one buffer, which belong to the announcement `id`, or to silence.
    fn process(&mut self, id: Option<u64>, samples: &mut [f32]) {
        if let Some((id, effect)) = id.and_then(|id| Some((id, self.effects.get_mut(&id)?))) {
            if let Some(chime) = effect.chime.take() {
                self.late.push_back((id, chime.iter().copied().collect()));
            }
            for sample in samples.iter_mut() {
                *sample = (*sample * effect.gain).clamp(-1.0, 1.0);
            }
        }
        if self.late.is_empty() {
            return;
        }
        if let Some(id) = id {
            match self.late.back_mut() {
                Some((last, sound)) if *last == id => sound.extend(samples.iter()),
                _ => self.late.push_back((id, samples.iter().copied().collect())),
            }
        }
        for sample in samples {
            *sample = self.next_late();
        }
        while self.late.front().is_some_and(|(_, sound)| sound.is_empty()) {
            self.late.pop_front();
        }
    }

    fn next_late(&mut self) -> f32 {
        while let Some((_, sound)) = self.late.front_mut() {
            if let Some(sample) = sound.pop_front() {
                return sample;
            }
            self.late.pop_front();
        }
        0.0
    }

    /// Takes the late sound of an announcement out; what is being heard fades.
    fn cut(&mut self, id: u64) {
        let heard = self.late.front().is_some_and(|(first, _)| *first == id);
        let mut first = heard.then(|| self.late.pop_front()).flatten();
        self.late.retain(|(other, _)| *other != id);
        if let Some((_, sound)) = &mut first {
            sound.truncate(FADE);
            let length = sound.len() as f32;
            for (index, sample) in sound.iter_mut().enumerate() {
                *sample *= 1.0 - (index as f32 + 1.0) / length;
            }
        }
        self.late
            .extend(first.filter(|(_, sound)| !sound.is_empty()));
        let count = self.late.len();
        if heard && count > 1 {
            self.late.rotate_right(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(effects: &[(u64, f32, &[f32])]) -> State {
        let effect = |(id, gain, chime): &(u64, f32, &[f32])| {
            let chime = (!chime.is_empty()).then(|| Arc::from(*chime));
            (*id, Effect { gain: *gain, chime })
        };
        State {
            effects: effects.iter().map(effect).collect(),
            late: VecDeque::new(),
        }
    }

    /// The sound of buffers of two samples, each of an announcement or of silence.
    fn hear(state: &mut State, buffers: &[(u64, [f32; 2])]) -> Vec<f32> {
        let mut heard = Vec::new();
        for (id, samples) in buffers {
            let mut samples = *samples;
            state.process((*id > 0).then_some(*id), &mut samples);
            heard.extend(samples);
        }
        heard
    }

    #[test]
    fn a_chime_comes_first_nothing_is_lost_and_the_silence_behind_makes_up_for_it() {
        let mut state = state(&[(1, 0.5, &[0.9, 0.8, 0.7])]);
        let heard = hear(
            &mut state,
            &[
                (0, [0.0; 2]),
                (1, [0.4, 0.2]),
                (1, [0.6, 0.2]),
                (0, [0.0; 2]),
                (0, [0.0; 2]),
                (2, [0.3, 0.3]),
            ],
        );
        assert_eq!(
            heard,
            [0.0, 0.0, 0.9, 0.8, 0.7, 0.2, 0.1, 0.3, 0.1, 0.0, 0.3, 0.3]
        );
        assert!(state.late.is_empty());
    }

    #[test]
    fn an_announcement_that_follows_at_once_keeps_its_place_behind() {
        let mut state = state(&[(1, 1.0, &[0.9, 0.8]), (2, 2.0, &[0.7, 0.6])]);
        let heard = hear(
            &mut state,
            &[
                (1, [0.1, 0.2]),
                (2, [0.3, 0.9]),
                (0, [0.0; 2]),
                (0, [0.0; 2]),
            ],
        );
        assert_eq!(heard, [0.9, 0.8, 0.1, 0.2, 0.7, 0.6, 0.6, 1.0]);
    }

    #[test]
    fn what_is_cut_falls_silent_and_what_interrupts_it_is_heard_whole() {
        let mut state = state(&[(1, 1.0, &[0.5; 500])]);
        hear(&mut state, &[(1, [0.1, 0.2]), (2, [0.3, 0.4])]);
        state.cut(1);
        let rest: Vec<f32> = std::iter::from_fn(|| {
            (!state.late.is_empty()).then(|| hear(&mut state, &[(0, [0.0; 2])]))
        })
        .flatten()
        .collect();
        assert_eq!(rest.len(), FADE + 2);
        assert!(
            rest[..FADE].windows(2).all(|pair| pair[1] <= pair[0]),
            "{rest:?}"
        );
        assert_eq!(rest[FADE - 1..], [0.0, 0.3, 0.4]);
    }
}
