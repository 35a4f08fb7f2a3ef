//! Speech that was cut: what is left is the same to the sample, but for a fade at its end.
/// Longest fade in samples: 5 ms.
pub const FADE: usize = 120;

/// Over how many samples the beginning `heard` of `whole` fades to silence at its end; `None` if it is another sound.
pub fn fade_of(heard: &[f32], whole: &[f32]) -> Option<usize> {
    if heard.len() > whole.len() {
        return None;
    }
    let whole = &whole[..heard.len()];
    let same = heard.iter().zip(whole).take_while(|(a, b)| a == b).count();
    if same == heard.len() {
        return Some(0);
    }
    // A sample of silence is the same in a fade.
    (heard.len() - same..=FADE.min(heard.len())).find(|length| {
        let begin = heard.len() - length;
        let faded = whole[begin..].iter().enumerate().map(|(index, sample)| {
            let phase = (index + 1) as f32 / *length as f32;
            sample * 0.5 * (1.0 + (std::f32::consts::PI * phase).cos())
        });
        heard[..begin] == whole[..begin]
            && heard[begin..]
                .iter()
                .zip(faded)
                .all(|(a, b)| (a - b).abs() <= 1e-3 + 1e-5 * b.abs())
    })
}
