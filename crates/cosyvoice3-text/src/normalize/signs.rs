//! Signs that have a name in every language, for where no rule of a language says them otherwise.

use crate::Language;

/// A sign and its name in Russian, English and Chinese.
type Sign = (&'static str, &'static str, &'static str, &'static str);

const SIGNS: [Sign; 47] = [
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
];

/// The name of `sign` in `language`; `None` where it has none here.
pub(super) fn name(sign: &str, language: Language) -> Option<&'static str> {
    let (_, russian, english, chinese) = SIGNS.iter().find(|(known, ..)| *known == sign)?;
    Some(match language {
        Language::Russian => russian,
        Language::English => english,
        Language::Chinese => chinese,
    })
}
