//! Euler solver of the flow's ordinary differential equation, with classifier-free guidance.

use std::f32::consts::FRAC_PI_2;

use super::{Conditions, FlowBackend, Memory};
use crate::{Result, cancel::Cancel, constants::CFG_RATE, manifest::Schedule, mel::Mel};

/// Places of [`Schedule::Epss`] in 32nds: what is left of a fine schedule when the steps that change least are dropped
/// (published with F5-TTS).
const EPSS: [&[u8]; 6] = [
    &[0, 2, 4, 8, 16, 32],
    &[0, 2, 4, 6, 8, 16, 32],
    &[0, 2, 4, 6, 8, 16, 24, 32],
    &[0, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32],
    &[0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32],
    &[0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32],
];

/// The `steps + 1` time points of a schedule, from 0 to 1. [`Schedule::Epss`] knows some numbers of steps; of others it is
/// the cosine.
pub fn time_points(schedule: Schedule, steps: usize) -> Vec<f32> {
    let last = steps as f32;
    let uneven = EPSS.iter().find(|places| places.len() == steps + 1);
    (0..=steps)
        .map(|i| match (schedule, uneven) {
            (Schedule::Epss, Some(places)) => f32::from(places[i]) / 32.0,
            _ => i as f32 / last,
        })
        .map(|t| match schedule {
            Schedule::Linear => t,
            Schedule::Cosine | Schedule::Epss => 1.0 - (t * FRAC_PI_2).cos(),
        })
        .collect()
}

/// The times at which the solver asks for a velocity, one for each interval of `times`, rounded as it rounds them.
pub fn step_times(times: &[f32]) -> Vec<f32> {
    let mut t = times.first().copied().unwrap_or_default();
    let step = |end: &f32| {
        let start = t;
        t += end - t;
        start
    };
    times.iter().skip(1).map(step).collect()
}

/// Strength of the classifier-free guidance, and the steps that have it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guidance {
    /// Share of the difference between conditional and unconditional velocity that is added to the conditional one; 0 for
    /// models that were distilled, whose steps then run one row.
    pub rate: f32,
    /// The difference is computed every so many steps, from the first on, and kept for those between; 1 is every step.
    pub interval: usize,
}

impl Default for Guidance {
    fn default() -> Self {
        Self {
            rate: CFG_RATE,
            interval: 1,
        }
    }
}

/// Turns `noise`, `[MEL_BINS x frames]`, into mel, one estimator run per interval of `times`, with the published guidance.
///
/// # Errors
/// As [`solve_with`].
pub fn solve(
    backend: &mut dyn FlowBackend,
    noise: Mel,
    conditions: Conditions<'_>,
    times: &[f32],
    cancel: &Cancel,
) -> Result<Mel> {
    let guidance = Guidance::default();
    solve_with(backend, noise, conditions, times, guidance, cancel)
}

/// As [`solve`], with any guidance.
///
/// Rounds as the published solver does: time and state are float32 and time is summed up step by step.
///
/// # Errors
/// Errors of the backend, and [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) before any step.
pub fn solve_with(
    backend: &mut dyn FlowBackend,
    noise: Mel,
    conditions: Conditions<'_>,
    times: &[f32],
    guidance: Guidance,
    cancel: &Cancel,
) -> Result<Mel> {
    let mut x = noise;
    let mut conditional = Mel::zeros(x.frames());
    let mut unconditional = Mel::zeros(x.frames());
    // Of the last guided step, for those without.
    let mut difference = Mel::zeros(x.frames());
    let starts = step_times(times);
    backend.prepare(&starts, cancel)?;
    backend.begin(conditions, cancel)?;
    for (i, (t, end)) in std::iter::zip(starts, times.iter().skip(1)).enumerate() {
        cancel.check()?;
        let dt = end - t;
        if guidance.rate != 0.0 && i % guidance.interval.max(1) == 0 {
            backend.step(&x, t, &mut conditional, &mut unconditional, cancel)?;
            euler(&mut x, dt, guidance.rate, &conditional, &unconditional);
            if guidance.interval > 1 {
                subtract(&conditional, &unconditional, &mut difference);
            }
        } else {
            backend.step_alone(&x, t, &mut conditional, cancel)?;
            advance(&mut x, dt, guidance.rate, &conditional, &difference);
        }
    }
    Ok(x)
}

/// The frames before those of a solve.
#[derive(Clone, Copy)]
pub struct Earlier<'a> {
    /// Their number.
    pub offset: usize,
    /// Their memory at each step; empty where there are none.
    pub memories: &'a [Memory],
}

/// As [`solve`] with guidance of this `rate` in every step, for frames that follow others, and the memory at each step of all frames so far.
///
/// # Errors
/// As [`solve`]; a back end without a memory fails.
pub fn solve_after(
    backend: &mut dyn FlowBackend,
    noise: Mel,
    conditions: Conditions<'_>,
    times: &[f32],
    rate: f32,
    earlier: Earlier<'_>,
    cancel: &Cancel,
) -> Result<(Mel, Vec<Memory>)> {
    let solved = steps_after(backend, noise, conditions, times, rate, earlier, cancel);
    // Also after a failure or a cancellation: it may be long until the next utterance.
    backend.end();
    solved
}

fn steps_after(
    backend: &mut dyn FlowBackend,
    noise: Mel,
    conditions: Conditions<'_>,
    times: &[f32],
    rate: f32,
    earlier: Earlier<'_>,
    cancel: &Cancel,
) -> Result<(Mel, Vec<Memory>)> {
    let mut x = noise;
    let mut conditional = Mel::zeros(x.frames());
    let mut unconditional = Mel::zeros(x.frames());
    let mut memories = Vec::with_capacity(times.len());
    let starts = step_times(times);
    backend.prepare(&starts, cancel)?;
    backend.begin(conditions, cancel)?;
    for (step, (t, end)) in std::iter::zip(starts, times.iter().skip(1)).enumerate() {
        cancel.check()?;
        let dt = end - t;
        memories.push(backend.step_after(
            earlier.memories.get(step),
            earlier.offset,
            &x,
            t,
            &mut conditional,
            &mut unconditional,
            cancel,
        )?);
        euler(&mut x, dt, rate, &conditional, &unconditional);
    }
    Ok((x, memories))
}

fn euler(x: &mut Mel, dt: f32, rate: f32, conditional: &Mel, unconditional: &Mel) {
    let velocities = std::iter::zip(conditional.as_slice(), unconditional.as_slice());
    for (x, (with, without)) in x.as_mut_slice().iter_mut().zip(velocities) {
        *x += dt * ((1.0 + rate) * with - rate * without);
    }
}

fn advance(x: &mut Mel, dt: f32, rate: f32, conditional: &Mel, difference: &Mel) {
    let velocities = std::iter::zip(conditional.as_slice(), difference.as_slice());
    for (x, (with, difference)) in x.as_mut_slice().iter_mut().zip(velocities) {
        *x += dt * (with + rate * difference);
    }
}

fn subtract(from: &Mel, what: &Mel, difference: &mut Mel) {
    let values = std::iter::zip(from.as_slice(), what.as_slice());
    for (difference, (from, what)) in difference.as_mut_slice().iter_mut().zip(values) {
        *difference = from - what;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Device, Encoded};

    /// dx/dt = 1 with the conditions, 0 without.
    #[derive(Default)]
    struct Constant {
        times: Vec<f32>,
        cancel_after: usize,
        ended: usize,
    }

    impl FlowBackend for Constant {
        fn device(&self) -> Device {
            Device::Cpu
        }

        fn estimator_lengths(&self) -> Option<&[usize]> {
            None
        }

        fn encode(&mut self, _: &[u32], _: &[f32], _: bool, _: &Cancel) -> Result<Encoded> {
            unreachable!("the solver encodes nothing")
        }

        fn begin(&mut self, _: Conditions<'_>, _: &Cancel) -> Result<()> {
            Ok(())
        }

        fn step(
            &mut self,
            _: &Mel,
            t: f32,
            conditional: &mut Mel,
            unconditional: &mut Mel,
            cancel: &Cancel,
        ) -> Result<()> {
            self.times.push(t);
            if self.times.len() == self.cancel_after {
                cancel.cancel();
            }
            conditional.as_mut_slice().fill(1.0);
            unconditional.as_mut_slice().fill(0.0);
            Ok(())
        }

        fn step_after(
            &mut self,
            _: Option<&Memory>,
            _: usize,
            x: &Mel,
            t: f32,
            conditional: &mut Mel,
            unconditional: &mut Mel,
            cancel: &Cancel,
        ) -> Result<Memory> {
            self.step(x, t, conditional, unconditional, cancel)?;
            Ok(Memory::new(x.frames(), 0, ()))
        }

        fn end(&mut self) {
            self.ended += 1;
        }
    }

    fn conditions(zeros: &Mel) -> Conditions<'_> {
        Conditions {
            mu: zeros,
            spks: &[],
            cond: zeros,
            attention_chunk: 4,
        }
    }

    fn run(times: &[f32], cancel_after: usize) -> (Constant, Result<Mel>) {
        let mut backend = Constant {
            cancel_after,
            ..Default::default()
        };
        let zeros = Mel::zeros(4);
        let mel = solve(
            &mut backend,
            Mel::zeros(4),
            conditions(&zeros),
            times,
            &Cancel::new(),
        );
        (backend, mel)
    }

    #[test]
    fn schedules_run_from_zero_to_one() {
        for schedule in [Schedule::Linear, Schedule::Cosine, Schedule::Epss] {
            for steps in [1, 4, 5, 6, 7, 10, 12, 16, 50] {
                let times = time_points(schedule, steps);
                assert_eq!(times.len(), steps + 1);
                assert_eq!(times[0], 0.0);
                assert!((times[steps] - 1.0).abs() < 1e-6);
                assert!(times.is_sorted_by(|a, b| a < b));
            }
        }
    }

    #[test]
    fn guidance_strengthens_the_conditional_velocity() {
        let (backend, mel) = run(&time_points(Schedule::Cosine, 10), 0);
        assert_eq!(backend.times.len(), 10);
        let mel = mel.unwrap();
        assert!(mel.as_slice().iter().all(|x| (x - 1.7).abs() < 1e-5));
    }

    #[test]
    fn a_cancelled_solve_stops_before_its_next_step() {
        let (backend, mel) = run(&time_points(Schedule::Linear, 10), 3);
        assert!(mel.unwrap_err().is_cancelled());
        assert_eq!(backend.times.len(), 3);
    }

    #[test]
    fn what_the_steps_needed_is_given_back_after_a_cancellation_too() {
        for cancel_after in [0, 3] {
            let mut backend = Constant {
                cancel_after,
                ..Default::default()
            };
            let zeros = Mel::zeros(4);
            let earlier = Earlier {
                offset: 0,
                memories: &[],
            };
            let times = time_points(Schedule::Linear, 10);
            let cancel = Cancel::new();
            let solved = solve_after(
                &mut backend,
                Mel::zeros(4),
                conditions(&zeros),
                &times,
                0.7,
                earlier,
                &cancel,
            );
            assert_eq!(solved.is_ok(), cancel_after == 0);
            assert_eq!(backend.ended, 1);
        }
    }
}
