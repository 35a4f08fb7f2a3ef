//! Signs that have a name in every language, for where no rule of a language says them otherwise.

use super::change::Change;
use crate::Language;

/// A sign and its name in Russian, English and Chinese.
type Sign = (&'static str, &'static str, &'static str, &'static str);

const SIGNS: [Sign; 71] = [
    (
        "≥",
        "больше или равно",
        "greater than or equal to",
        "大于等于",
    ),
    ("≤", "меньше или равно", "less than or equal to", "小于等于"),
    ("≈", "примерно", "approximately", "约等于"),
    ("≠", "не равно", "is not equal to", "不等于"),
    ("→", "—", "to", "到"),
    ("←", "—", "from", "从"),
    ("↔", "—", "to and from", "往返"),
    ("↑", "вверх", "up", "上升"),
    ("↓", "вниз", "down", "下降"),
    ("∞", "бесконечность", "infinity", "无穷大"),
    ("^", "в степени", "to the power of", "的幂"),
    ("√", "корень из", "the square root of", "根号"),
    ("∑", "сумма", "the sum of", "求和"),
    ("∆", "дельта", "delta", "德尔塔"),
    ("‱", "промириад", "per ten thousand", "万分之"),
    ("¥", "юаней", "yen", "元"),
    ("£", "фунтов", "pounds", "英镑"),
    ("₴", "гривен", "hryvnias", "格里夫纳"),
    ("¢", "центов", "cents", "美分"),
    ("₩", "вон", "won", "韩元"),
    ("₹", "рупий", "rupees", "卢比"),
    ("₺", "лир", "lira", "里拉"),
    ("₸", "тенге", "tenge", "坚戈"),
    ("₿", "биткоинов", "bitcoins", "比特币"),
    ("₪", "шекелей", "shekels", "谢克尔"),
    ("฿", "батов", "baht", "泰铢"),
    ("₫", "донгов", "dong", "越南盾"),
    ("©", "копирайт", "copyright", "版权"),
    ("∈", "принадлежит", "is an element of", "属于"),
    ("∉", "не принадлежит", "is not an element of", "不属于"),
    ("⊂", "подмножество", "subset of", "真包含于"),
    (
        "⊆",
        "подмножество или равно",
        "subset of or equal to",
        "包含于",
    ),
    ("⊃", "надмножество", "superset of", "真包含"),
    (
        "⊇",
        "надмножество или равно",
        "superset of or equal to",
        "包含",
    ),
    ("∩", "пересечение", "intersected with", "交"),
    ("∪", "объединение", "united with", "并"),
    ("∅", "пустое множество", "the empty set", "空集"),
    ("∏", "произведение", "the product of", "连乘"),
    ("∫", "интеграл", "the integral of", "积分"),
    ("∝", "пропорционально", "is proportional to", "正比于"),
    ("∠", "угол", "angle", "角"),
    ("⊥", "перпендикулярно", "is perpendicular to", "垂直于"),
    ("∥", "параллельно", "is parallel to", "平行于"),
    ("∀", "для любого", "for all", "对于所有"),
    ("∃", "существует", "there exists", "存在"),
    ("∴", "следовательно", "therefore", "所以"),
    ("⋈", "естественное соединение", "natural join", "自然连接"),
    ("★", "звезда", "star", "星"),
    ("☆", "звезда", "star", "星"),
    ("♥", "сердце", "heart", "心"),
    ("❤", "сердце", "heart", "心"),
    ("♠", "пики", "spades", "黑桃"),
    ("♣", "трефы", "clubs", "梅花"),
    ("♦", "бубны", "diamonds", "方块"),
    ("✓", "галочка", "check mark", "对勾"),
    ("✔", "галочка", "check mark", "对勾"),
    ("✗", "крестик", "cross", "叉"),
    ("✘", "крестик", "cross", "叉"),
    ("☎", "телефон", "telephone", "电话"),
    ("✉", "почта", "mail", "邮件"),
    ("☀", "солнце", "sun", "太阳"),
    ("☁", "облако", "cloud", "云"),
    ("☂", "зонт", "umbrella", "雨伞"),
    ("♀", "женский", "female", "女"),
    ("♂", "мужской", "male", "男"),
    ("♿", "для инвалидов", "wheelchair access", "无障碍"),
    ("⚠", "внимание", "warning", "警告"),
    ("⚡", "молния", "lightning", "闪电"),
    ("✈", "самолёт", "airplane", "飞机"),
    (
        "®",
        "зарегистрированный товарный знак",
        "registered",
        "注册商标",
    ),
    ("™", "товарный знак", "trademark", "商标"),
];

/// A sign that is all of a text, and its name in Russian, English and Chinese.
const ALONE: [Sign; 40] = [
    ("%", "процент", "percent", "百分号"),
    ("‰", "промилле", "per mille", "千分号"),
    ("&", "и", "and", "和"),
    ("°", "градус", "degree", "度"),
    ("*", "звёздочка", "asterisk", "星号"),
    ("#", "решётка", "hash", "井号"),
    ("@", "собака", "at", "艾特"),
    ("+", "плюс", "plus", "加"),
    ("=", "равно", "equals", "等于"),
    ("/", "косая черта", "slash", "斜杠"),
    ("\\", "обратная косая черта", "backslash", "反斜杠"),
    ("_", "подчёркивание", "underscore", "下划线"),
    ("~", "тильда", "tilde", "波浪号"),
    ("|", "вертикальная черта", "vertical bar", "竖线"),
    ("^", "степень", "caret", "脱字符"),
    ("<", "меньше", "less than", "小于"),
    (">", "больше", "greater than", "大于"),
    ("§", "параграф", "section", "节"),
    ("¶", "абзац", "paragraph", "段落"),
    ("№", "номер", "number", "编号"),
    ("$", "доллар", "dollar", "美元"),
    ("€", "евро", "euro", "欧元"),
    ("£", "фунт", "pound", "英镑"),
    ("¥", "юань", "yen", "元"),
    ("₽", "рубль", "rouble", "卢布"),
    ("℃", "градус Цельсия", "degree Celsius", "摄氏度"),
    ("℉", "градус Фаренгейта", "degree Fahrenheit", "华氏度"),
    ("×", "умножить на", "times", "乘"),
    ("✕", "умножить на", "times", "乘"),
    ("✖", "умножить на", "times", "乘"),
    ("÷", "разделить на", "divided by", "除以"),
    ("±", "плюс-минус", "plus or minus", "正负"),
    ("∶", "к", "to", "比"),
    ("㎡", "квадратный метр", "square meter", "平方米"),
    ("㎥", "кубический метр", "cubic meter", "立方米"),
    ("㎏", "килограмм", "kilogram", "公斤"),
    ("㎎", "миллиграмм", "milligram", "毫克"),
    ("㎜", "миллиметр", "millimeter", "毫米"),
    ("㎝", "сантиметр", "centimeter", "厘米"),
    ("㎞", "километр", "kilometer", "公里"),
];

/// The name of the sign that is all of `text`.
pub(super) fn alone(text: &str, language: Language) -> Option<&'static str> {
    let mut buffer = [0; 4];
    let sign = text.trim();
    // Longer texts are looked at no further.
    let plain = fullwidth(sign).map(|c| c.encode_utf8(&mut buffer) as &str);
    let sign = plain.unwrap_or(sign);
    (sign.chars().nth(1).is_none() && !sign.is_empty())
        .then(|| find(&ALONE, sign, language).or_else(|| name(sign, language)))
        .flatten()
}

/// The ASCII form of the fullwidth sign that is all of `sign`.
fn fullwidth(sign: &str) -> Option<char> {
    const FIRST: u32 = 0xff01;
    let c = sign.chars().next().filter(|c| c.len_utf8() == sign.len())?;
    let place = (c as u32).checked_sub(FIRST).filter(|place| *place < 94)?;
    char::from_u32('!' as u32 + place).filter(char::is_ascii_punctuation)
}

/// True if `c` is a sign with a name that means something by itself, among others too: `% & €`, but not the marks that rules
/// and bullets are drawn with.
pub(super) fn means_something(c: char) -> bool {
    let mut buffer = [0; 4];
    let sign: &str = c.encode_utf8(&mut buffer);
    let is_drawn_with = "*#@+=/\\_~|^<>←→↑↓↔×✕✖∶".contains(c);
    let is_known = |signs: &[Sign]| signs.iter().any(|(known, ..)| *known == sign);
    !c.is_alphanumeric() && !is_drawn_with && (is_known(&ALONE) || is_known(&SIGNS))
}

/// `text` with rows of stars as their number: `★★★★☆` is *4 stars*, `4★` too.
pub(super) fn count_stars(
    text: &str,
    language: Language,
    changes: Option<&mut Vec<Change>>,
) -> String {
    let mut counted = String::with_capacity(text.len());
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('★') {
        let (head, stars) = rest.split_at(at);
        counted.push_str(head);
        let behind = stars.trim_start_matches('★');
        let count = (stars.len() - behind.len()) / '★'.len_utf8();
        rest = behind.trim_start_matches('☆');
        let row = &stars[..stars.len() - rest.len()];
        let digits = counted
            .trim_end_matches(' ')
            .rsplit(|c: char| !c.is_ascii_digit())
            .next()
            .and_then(|digits| digits.parse::<usize>().ok())
            .filter(|_| count == 1);
        let said = match digits {
            Some(number) => format!(" {}", stars_of(number, language)),
            None if row.chars().nth(1).is_some() => {
                format!("{count} {}", stars_of(count, language))
            }
            None => row.to_owned(),
        };
        if said != row {
            found.push(Change::new(row, said.trim(), "sign"));
        }
        counted.push_str(&said);
        if said != row && rest.starts_with(char::is_alphanumeric) {
            counted.push(' ');
        }
    }
    if let Some(changes) = changes {
        changes.append(&mut found);
    }
    counted + rest
}

/// The noun behind a number of stars.
fn stars_of(number: usize, language: Language) -> &'static str {
    match (language, number % 10, number % 100) {
        (Language::English, ..) if number == 1 => "star",
        (Language::English, ..) => "stars",
        (Language::Chinese, ..) => "星",
        (Language::Russian, _, 11..=14) => "звёзд",
        (Language::Russian, 1, _) => "звезда",
        (Language::Russian, 2..=4, _) => "звезды",
        (Language::Russian, ..) => "звёзд",
    }
}

/// The name of `sign` in `language`; `None` where it has none here.
pub(super) fn name(sign: &str, language: Language) -> Option<&'static str> {
    find(&SIGNS, sign, language)
}

fn find(signs: &[Sign], sign: &str, language: Language) -> Option<&'static str> {
    let (_, russian, english, chinese) = signs.iter().find(|(known, ..)| *known == sign)?;
    Some(match language {
        Language::Russian => russian,
        Language::English => english,
        Language::Chinese => chinese,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_stars_are_counted_in_the_form_that_the_number_wants() {
        for (language, text, counted) in [
            (Language::English, "★★★★☆ hotel", "4 stars hotel"),
            (Language::English, "1★, 4.5★", "1 star, 4.5 stars"),
            (Language::English, "a ★ is born", "a ★ is born"),
            (Language::Russian, "★★★ и 5★", "3 звезды и 5 звёзд"),
            (Language::Russian, "21 ★", "21  звезда"),
            (Language::Chinese, "★★★★★酒店", "5 星 酒店"),
        ] {
            assert_eq!(count_stars(text, language, None), counted, "{text}");
        }
    }

    #[test]
    fn no_name_stands_twice_in_a_table() {
        for signs in [&SIGNS[..], &ALONE] {
            for (at, (sign, ..)) in signs.iter().enumerate() {
                assert!(
                    !signs[..at].iter().any(|(known, ..)| known == sign),
                    "{sign}"
                );
            }
        }
    }
}
