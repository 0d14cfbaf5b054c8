"""One person's identifiers in other spellings, and others' that resemble them."""

from __future__ import annotations

CODE = "identity_code:140285-912A"
EMAIL = "email:aino.lahtija@example.fi"
FOREIGN = "email:aino.b@xn--ljy-rna.example"
PHONE = "phone:+358409990111"
THEIRS = {
    CODE: [
        "140285-912A",
        "hetu 140285-912a.",
        "140285 -912A",
        "140285-912 A",
        "1 4 0 2 8 5 - 9 1 2 A",
        "140285912A",
        "140285 912A",
        "140285–912A",
        "140285-912B",
        "140285-912",
        "１４０２８５-９１２A",
        "14\u200b0285\u202e-912A",
        "x140285-912Ay",
    ],
    EMAIL: [
        "AINO.LAHTIJA@EXAMPLE.FI",
        "mailto:aino.lahtija@example.fi?subject=x",
        "Aino <aino.lahtija@example.fi>",
        "aino.lahtija (at) example.fi",
        "aino.lahtija at example.fi",
        "aino.lahtija @ example.fi",
        "else@example.fi;aino.lahtija@example.fi,third@example.fi",
        "write to aino.lahtija@example.fi.",
        "-aino.lahtija@example.fi",
        "'aino.lahtija@example.fi'",
        "_aino.lahtija@example.fi_",
        "ａｉｎｏ.lahtija＠example.fi",
        "aino\u00ad.lahtija@example.fi",
    ],
    FOREIGN: ["aino.b@öljy.example", "Aino.B@ÖLJY.example", "aino.b@XN--LJY-RNA.example"],
    PHONE: [
        "+358 40 999 0111",
        "+358 (0)40 999 0111",
        "+3580409990111",
        "00358 40 9990111",
        "358409990111",
        "0409990111",
        "(040) 999-0111",
        "040.999.0111",
        "tel:+358-40-999-0111",
        "040 999 0111, 050 123 4567",
    ],
    "customer_number:C7000001": ["c7000001", "customer C7000001.", "?id=C7000001&x"],
    "user_id:aino.lahtija@example.fi": ["Aino.Lahtija@example.fi"],
}


OTHERS = {
    CODE: [
        "140285A912A",
        "140285+912A",
        "1140285-912A",
        "140285-91234",
        "140285912B",
        "140285913A",
    ],
    EMAIL: [
        "maino.lahtija@example.fi",
        "x.aino.lahtija@example.fi",
        "aino.lahtija@example.fi.example",
        "aino.lahtija@example.fit",
        "ainolahtija@example.fi",
        "o'aino.lahtija@example.fi",
        "maija+aino.lahtija@example.fi",
        "öaino.lahtija@example.fi",
    ],
    FOREIGN: ["aino.b@oljy.example"],
    PHONE: ["+46 40 999 0111", "0046409990111", "04099901112", "1409990111", "409990111"],
    "customer_number:C7000001": ["C70000012", "XC7000001", "C7000001-2", "2-C7000001"],
}
