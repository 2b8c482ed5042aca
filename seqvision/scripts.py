"""Scripts by their characters, as ranges for a regular expression's [ ]: which of them put no blanks between words."""

KANA = "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"
HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
THAI_AND_LAO = "\u0e00-\u0eff"
BURMESE = "\u1000-\u109f"
KHMER = "\u1780-\u17ff"
HANGUL = "\u1100-\u11ff\u3131-\u318f\uac00-\ud7af"

SPACELESS = THAI_AND_LAO + BURMESE + KHMER + KANA + HAN
