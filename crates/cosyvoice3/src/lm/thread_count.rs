//! The language model's number of threads, chosen by how long its calls took: the more the better on an idle machine,
//! one where other programs are at work.
//!
//! ggml's threads meet at a barrier after every operation, and wait there by spinning. Where one of them does not run,
//! because another program has its core, all wait until the scheduler comes back to it: a call then takes many times
//! what one thread alone would need. A single thread waits for no other. So a call on several threads gets an
//! [`Allowance`], which is what fewer threads would need for as much; a call that exceeds it is given up and made again
//! on one thread, and further attempts follow after pauses that grow with what the failures cost.
//!
//! Nothing here reads a clock: times come from the caller, so that tests can play any machine.

/// Seconds that an attempt may lose against fewer threads: about one time slice of a scheduler.
const PATIENCE: f64 = 0.004;
/// Seconds without failure after which an attempt counts as a success.
const PROBATION: f64 = 0.04;
/// The pause after a failure, in multiples of its loss; each further failure doubles it.
const PAUSE: f64 = 4.0;
/// Most doublings of the pause: failures cost less than a hundredth of the time then.
const DOUBLINGS: u32 = 5;
/// Part of a batch of unknown cost that one thread computes to measure it.
const SAMPLE: f64 = 1.0 / 24.0;
/// Sizes from here on are batches: a position of a larger one costs less.
const BATCH: usize = 3;
/// Factor over the usual time that calls may take before fewer threads are tried.
const SLOWER: f64 = 1.5;
/// Batch sizes that are distinguished: by powers of two, up to 2^15 positions.
const SIZES: usize = 16;

/// Limits on the progress and time of one call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Seconds for the whole call; infinite for no limit.
    pub whole: f64,
    /// Seconds more than its part of `whole` that any part of the call may take.
    pub patience: f64,
    /// The part of the call after which it ends, 0 to 1; 1 is all of it.
    pub until: f64,
}

impl Allowance {
    /// No limits.
    pub const ALL: Self = Self {
        whole: f64::INFINITY,
        patience: 0.0,
        until: 1.0,
    };

    /// As much of `positions` as shows what one thread needs.
    fn sample(positions: usize) -> Self {
        Self {
            until: if positions == 1 { 1.0 } else { SAMPLE },
            ..Self::ALL
        }
    }

    /// True if a call that has computed the part `done` (0 to 1) of its work in `elapsed` seconds must end.
    pub fn is_over(&self, done: f64, elapsed: f64) -> bool {
        done < 1.0 && (done >= self.until || elapsed > self.patience + done * self.whole)
    }
}

/// Size, threads and limits of the next call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Positions of the call.
    pub positions: usize,
    /// Threads, the calling one included.
    pub threads: usize,
    /// Limits at which it is given up.
    pub allowance: Allowance,
}

/// Result of a call, complete or given up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// The part of the work that was done, 0 to 1. Below 1 the call was given up, and nothing of it is left.
    pub done: f64,
    /// Seconds it took.
    pub elapsed: f64,
    /// Seconds of processor time of the calling thread.
    pub processor: f64,
}

/// Seconds that a position takes, by the size of its batch.
#[derive(Debug, Clone, Default)]
struct Times([Option<f64>; SIZES]);

impl Times {
    fn of(&self, positions: usize) -> Option<f64> {
        self.0[size(positions)].map(|time| time * positions as f64)
    }

    /// As [`of`](Self::of); a batch that was never measured takes no more than a smaller one says.
    fn estimate(&self, positions: usize) -> Option<f64> {
        let sizes = self.0.get(BATCH..=size(positions)).unwrap_or_default();
        let smaller = sizes.iter().rev().flatten().next();
        let smaller = smaller.map(|time| time * positions as f64);
        self.of(positions).or(smaller)
    }

    /// Records a measurement; `slower` is the weight of one above the known time.
    fn learn(&mut self, positions: usize, seconds: f64, slower: f64) {
        let time = seconds / positions as f64;
        let known = self.0[size(positions)].get_or_insert(time);
        let weight = if time < *known { 0.5 } else { slower };
        *known += weight * (time - *known);
    }
}

fn size(positions: usize) -> usize {
    (positions.max(1).ilog2() as usize).min(SIZES - 1)
}

/// The number of threads for each call of one session.
#[derive(Debug, Clone)]
pub struct ThreadCount {
    /// Processor time on one thread, which other programs hardly change.
    alone: Times,
    /// Elapsed time by number of threads.
    together: Vec<(usize, Times)>,
    /// The number in use; `usize::MAX` for as many as there are.
    adopted: usize,
    /// True while more threads than `adopted` are being tried.
    trying: bool,
    /// Seconds of computing until more threads are tried.
    pause: f64,
    /// Since the last lasting success.
    failures: u32,
    /// Seconds lost against fewer threads lately; negative for gained.
    lost: f64,
    /// Seconds of computing since more threads were tried, if they have not failed since.
    proven: Option<f64>,
}

impl Default for ThreadCount {
    fn default() -> Self {
        Self::new()
    }
}

impl ThreadCount {
    /// Nothing known yet; begins with as many threads as there are.
    pub fn new() -> Self {
        Self {
            alone: Times::default(),
            together: Vec::new(),
            adopted: usize::MAX,
            trying: false,
            pause: 0.0,
            failures: 0,
            lost: 0.0,
            proven: None,
        }
    }

    /// Plans the computation of `positions` positions on at most `most` threads.
    pub fn plan(&mut self, positions: usize, most: usize) -> Plan {
        let most = most.max(1);
        let adopted = self.adopted.min(most);
        if !self.trying && self.pause <= 0.0 && adopted < most {
            (self.trying, self.lost, self.proven) = (true, 0.0, Some(0.0));
        }
        let threads = match self.trying {
            true => more(adopted).min(most),
            false => adopted,
        };
        let (threads, allowance) = match (threads, self.alone.estimate(positions)) {
            (1, _) => (1, Allowance::ALL),
            (_, None) => (1, Allowance::sample(positions)),
            (_, Some(alone)) => (threads, self.allowance(positions, threads, adopted, alone)),
        };
        Plan {
            positions,
            threads,
            allowance,
        }
    }

    /// Allowance for `threads`: the time of the fewer threads that would compute otherwise.
    fn allowance(&self, positions: usize, threads: usize, adopted: usize, alone: f64) -> Allowance {
        let usual = |threads: usize| match threads {
            1 => Some(alone),
            _ => self.times(threads).and_then(|times| times.of(positions)),
        };
        let whole = if threads > adopted {
            usual(adopted).unwrap_or(alone)
        } else {
            let otherwise = usual(fewer(threads)).unwrap_or(alone);
            match usual(threads) {
                Some(own) if fewer(threads) > 1 => otherwise.min(SLOWER * own),
                _ => otherwise,
            }
        };
        Allowance {
            whole,
            patience: PATIENCE - self.lost,
            until: 1.0,
        }
    }

    /// Learns from the outcome of a planned call.
    pub fn observe(&mut self, plan: &Plan, outcome: &Outcome) {
        let Outcome { done, elapsed, .. } = *outcome;
        self.pause -= elapsed;
        if plan.threads == 1 {
            if done > 0.0 {
                let whole = outcome.processor / done;
                self.alone.learn(plan.positions, whole, 0.5);
            }
            return;
        }
        let gave_up = done < 1.0;
        if !gave_up {
            let times = self.times_mut(plan.threads);
            times.learn(plan.positions, elapsed, 0.02);
        }
        self.lost = (self.lost + elapsed - plan.allowance.whole).max(-PATIENCE);
        if gave_up {
            self.fail(plan.threads, elapsed);
        } else if self.lost > PATIENCE {
            self.fail(plan.threads, self.lost);
        } else {
            self.succeed(plan.threads, elapsed);
        }
    }

    fn fail(&mut self, threads: usize, loss: f64) {
        self.pause = loss.max(PATIENCE) * self.pause_factor();
        self.failures += 1;
        self.lost = 0.0;
        self.proven = None;
        if !std::mem::replace(&mut self.trying, false) {
            self.adopted = fewer(threads);
        }
    }

    fn succeed(&mut self, threads: usize, elapsed: f64) {
        let Some(proven) = &mut self.proven else {
            return;
        };
        *proven += elapsed;
        let proven = *proven;
        if self.trying && proven >= PROBATION {
            // An attempt that is no faster is no success.
            if self.lost > 0.0 {
                return self.fail(threads, self.lost);
            }
            self.trying = false;
            self.adopted = threads;
            self.pause = PROBATION;
        }
        if proven >= PATIENCE * self.pause_factor() {
            self.failures = 0;
        }
    }

    fn pause_factor(&self) -> f64 {
        PAUSE * f64::from(1 << self.failures.min(DOUBLINGS))
    }

    fn times(&self, threads: usize) -> Option<&Times> {
        let mut known = self.together.iter();
        known.find(|(n, _)| *n == threads).map(|(_, times)| times)
    }

    fn times_mut(&mut self, threads: usize) -> &mut Times {
        let index = self.together.iter().position(|(n, _)| *n == threads);
        let index = index.unwrap_or_else(|| {
            self.together.push((threads, Times::default()));
            self.together.len() - 1
        });
        &mut self.together[index].1
    }
}

/// The next smaller number of threads: some two thirds, so that none between is better by much.
fn fewer(threads: usize) -> usize {
    (threads * 2).div_ceil(3).min(threads - 1).max(1)
}

/// The next larger number of threads.
fn more(threads: usize) -> usize {
    (threads * 3).div_ceil(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Operations of a call.
    const OPERATIONS: usize = 200;
    /// One sentence: positions of each call.
    fn sentence() -> impl Iterator<Item = usize> {
        [31, 149].into_iter().chain(std::iter::repeat_n(1, 137))
    }

    /// An imaginary machine.
    #[derive(Clone)]
    struct Machine {
        cores: usize,
        /// Seconds that one thread needs for a step alone.
        step: f64,
        /// The part of a step that more threads do not make faster.
        serial: f64,
        /// Threads of other programs, which always compute.
        foreign: usize,
        /// Calls until the next that is disturbed for once, and by how many seconds; in turns.
        disturbances: Vec<(usize, f64)>,
        calls: usize,
        attempts: usize,
        clock: f64,
    }

    /// The bundled voice on two cores.
    fn small() -> Machine {
        Machine {
            cores: 2,
            step: 0.0004,
            serial: 0.3,
            foreign: 0,
            disturbances: Vec::new(),
            calls: 0,
            attempts: 0,
            clock: 0.0,
        }
    }

    /// Fun-CosyVoice3-0.5B on two cores.
    fn full() -> Machine {
        Machine {
            step: 0.025,
            serial: 0.1,
            ..small()
        }
    }

    impl Machine {
        /// Seconds of processor time of a call on one thread; a position of a batch costs less than a step.
        fn work(&self, positions: usize) -> f64 {
            match positions {
                1 => self.step,
                _ => self.step * positions as f64 * 0.3,
            }
        }

        /// Elapsed seconds of a call that is not given up.
        fn elapsed(&self, positions: usize, threads: usize) -> f64 {
            let crowd = (self.foreign + threads) as f64 / self.cores as f64;
            let time = self.work(positions) * (self.serial + (1.0 - self.serial) / threads as f64);
            match threads {
                1 => time * crowd.max(1.0),
                // Now and then a thread does not run, and all wait for its next time slice.
                _ if crowd > 1.0 => time * crowd + OPERATIONS as f64 * 0.002,
                _ => time,
            }
        }

        fn run(&mut self, plan: &Plan) -> Outcome {
            self.calls += 1;
            let disturbance = self
                .disturbances
                .iter()
                .find(|(every, _)| self.calls.is_multiple_of(*every))
                .map_or(0.0, |(_, seconds)| *seconds);
            let whole = self.elapsed(plan.positions, plan.threads);
            let parts = (1..=OPERATIONS).map(|operation| {
                let done = operation as f64 / OPERATIONS as f64;
                (done, whole * done + disturbance)
            });
            let mut ends = parts
                .filter(|&(done, elapsed)| done >= 1.0 || plan.allowance.is_over(done, elapsed));
            let (done, elapsed) = ends.next().expect("every call ends");
            self.clock += elapsed;
            self.attempts += usize::from(plan.threads > 1);
            Outcome {
                done,
                elapsed,
                processor: self.work(plan.positions) * done,
            }
        }

        /// Computes a sentence and returns the seconds that it took.
        fn say(&mut self, count: &mut ThreadCount) -> f64 {
            let started = self.clock;
            for positions in sentence() {
                loop {
                    let plan = count.plan(positions, self.cores);
                    let outcome = self.run(&plan);
                    count.observe(&plan, &outcome);
                    if outcome.done >= 1.0 {
                        break;
                    }
                }
            }
            self.clock - started
        }

        fn say_many(&mut self, sentences: usize, count: &mut ThreadCount) -> f64 {
            (0..sentences).map(|_| self.say(count)).sum()
        }

        /// Seconds that `sentences` take on a fixed number of threads.
        fn fixed(&self, threads: usize, sentences: usize) -> f64 {
            let mut machine = self.clone();
            let started = machine.clock;
            for positions in std::iter::repeat_n((), sentences).flat_map(|()| sentence()) {
                machine.run(&Plan {
                    positions,
                    threads,
                    allowance: Allowance::ALL,
                });
            }
            machine.clock - started
        }

        fn best_fixed(&self, sentences: usize) -> f64 {
            let times = (1..=self.cores).map(|threads| self.fixed(threads, sentences));
            times.fold(f64::INFINITY, f64::min)
        }
    }

    fn ratio(mut machine: Machine, count: &mut ThreadCount, sentences: usize) -> f64 {
        let best = machine.best_fixed(sentences);
        let ours = machine.say_many(sentences, count);
        let ratio = ours / best;
        println!(
            "{} cores, {} foreign: {ratio:.3}",
            machine.cores, machine.foreign
        );
        ratio
    }

    #[test]
    fn on_an_idle_machine_it_costs_nothing() {
        for machine in [small(), full()] {
            let mut count = ThreadCount::new();
            assert!(
                ratio(machine.clone(), &mut count, 1) <= 1.02,
                "measures once"
            );
            assert!(ratio(machine, &mut count, 5) <= 1.005);
        }
    }

    #[test]
    fn on_a_busy_machine_it_costs_little_from_the_first_sentence_on() {
        for foreign in [1, 2, 4, 8] {
            for machine in [small(), full()] {
                let machine = Machine { foreign, ..machine };
                let mut count = ThreadCount::new();
                assert!(ratio(machine.clone(), &mut count, 1) <= 1.5);
                assert!(ratio(machine, &mut count, 20) <= 1.1);
            }
        }
    }

    #[test]
    fn load_that_comes_suddenly_costs_little() {
        for machine in [small(), full()] {
            let mut count = ThreadCount::new();
            ratio(machine.clone(), &mut count, 3);
            let busy = Machine {
                foreign: 3,
                ..machine
            };
            assert!(ratio(busy, &mut count, 1) <= 1.2);
        }
    }

    #[test]
    fn a_machine_that_is_idle_again_is_used_again() {
        for machine in [small(), full()] {
            let mut count = ThreadCount::new();
            let busy = Machine {
                foreign: 3,
                ..machine.clone()
            };
            ratio(busy, &mut count, 50);
            ratio(machine.clone(), &mut count, 60);
            assert!(ratio(machine, &mut count, 1) <= 1.02);
        }
    }

    #[test]
    fn attempts_on_a_machine_that_stays_busy_become_rare() {
        let mut machine = Machine {
            foreign: 4,
            ..small()
        };
        let mut count = ThreadCount::new();
        let attempts: Vec<usize> = (0..4)
            .map(|_| {
                machine.attempts = 0;
                machine.say_many(50, &mut count);
                machine.attempts
            })
            .collect();
        println!("{attempts:?} of {} calls each", 50 * sentence().count());
        assert!(attempts[1..].iter().all(|&attempts| attempts < 20));
    }

    #[test]
    fn short_disturbances_cost_hardly_more_than_themselves() {
        for machine in [small(), full()] {
            let machine = Machine {
                disturbances: vec![(97, 0.004), (331, 0.012)],
                ..machine
            };
            let mut count = ThreadCount::new();
            assert!(ratio(machine, &mut count, 20) <= 1.15);
        }
    }

    #[test]
    fn a_model_too_small_for_two_threads_gets_one() {
        let mut machine = Machine {
            serial: 1.1,
            ..small()
        };
        let mut count = ThreadCount::new();
        assert!(ratio(machine.clone(), &mut count, 5) <= 1.05);
        machine.say_many(50, &mut count);
        assert!(ratio(machine, &mut count, 50) <= 1.01);
    }

    #[test]
    fn on_many_cores_some_of_them_busy_it_finds_a_number_between() {
        for (cores, foreign) in [(4, 1), (8, 1), (8, 3), (16, 4), (16, 13)] {
            let machine = Machine {
                cores,
                foreign,
                ..full()
            };
            let mut count = ThreadCount::new();
            ratio(machine.clone(), &mut count, 3);
            assert!(ratio(machine, &mut count, 5) <= 1.5);
        }
    }

    #[test]
    fn a_number_that_other_stages_leave_is_never_exceeded() {
        let mut count = ThreadCount::new();
        let mut machine = Machine { cores: 4, ..full() };
        for most in [4, 1, 3, 0, 2, 4].repeat(50) {
            let plan = count.plan(1, most);
            assert!((1..=most.max(1)).contains(&plan.threads));
            let outcome = machine.run(&plan);
            count.observe(&plan, &outcome);
        }
    }
}
